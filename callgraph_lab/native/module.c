/* The Python side: start, stop and what there is to know. */

#include "allocators.h"
#include "arena.h"
#include "c_call_events.h"
#include "c_functions.h"
#include "children.h"
#include "clock.h"
#include "compat.h"
#include "endings.h"
#include "heap.h"
#include "heap_actions.h"
#include "file_guard.h"
#include "hook.h"
#include "hook_lost.h"
#include "instances.h"
#include "limits.h"
#include "line_events.h"
#include "line_patterns.h"
#include "memory.h"
#include "other_pythons.h"
#include "part_file.h"
#include "registry.h"
#include "sessions.h"
#include "stack.h"
#include "thread_stacks.h"
#include "threads.h"
#include "trampolines.h"
#include "tree.h"
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define DEFAULT_MAX_CONTEXTS 1000000
#define DEFAULT_MAX_FUNCTIONS 50000

static bool follow_forks = true;
static bool fork_handler_installed;
static bool leaves_something; /* since a recording began, until it has been cleared away */

static void
in_forked_child(void)
{
    memory_after_fork_in_child();
    if (!follow_forks && tree.session != 0) {
        if (!arena_leave_parent(false)) {
            threads_have_no_blocks();
        }
        tree_let_go();
        return;
    }
    tree_after_fork();
}

static void
end_recording(enum file_state state, const char *reason)
{
    bool was_recording = tree.session != 0;
    memory_stop();
    allocators_remove();
    c_call_events_stop();
    line_events_stop();
    if (was_recording) {
        watch_finish();
    }
    tree_let_go();
    if (was_recording) {
        arena_finish(state, 0, reason);
    }
    tree_stop();
    watch_stop();
    registry_stop();
    line_patterns_stop();
    c_functions_stop();
    arena_close();
    file_guard_stop();
    leaves_something = false;
    watch_release_abandoned(); /* the last: it may run code of the target */
}

/* Everything that may fail, in an order that leaves nothing behind but the file. -1 and an exception. */
static int
begin_recording(const char *folder, const char *information, size_t information_bytes,
                unsigned long long max_contexts, unsigned long long max_functions,
                bool whole_program, bool memory, PyObject *event_map)
{
    clock_choose();
    if (registry_start(max_functions) != 0 || instances_start() != 0 ||
        (event_map != Py_None && (sessions_start() != 0 || rules_start(event_map) != 0))) {
        return -1;
    }
    int error = arena_open(folder, information, information_bytes, follow_forks);
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, folder);
        rules_stop();
        return -1;
    }
    if (!fork_handler_installed) {
        /* Not os.register_at_fork: C code forks, too, and frames return before Python code runs. */
        fork_handler_installed = pthread_atfork(memory_before_fork, memory_after_fork,
                                                in_forked_child) == 0;
    }
    if (!fork_handler_installed || tree_start(max_contexts, whole_program) != 0) {
        PyErr_NoMemory();
        arena_finish(STATE_STOPPED, ENOMEM, "there was no memory to begin with");
        arena_close();
        rules_stop();
        return -1;
    }
    leaves_something = true;
    if (memory && !memory_begin()) {
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, folder);
        end_recording(STATE_STOPPED, "there was no room for figures of memory");
        return -1;
    }
    if (event_map != Py_None && watch_start() != 0) {
        end_recording(STATE_STOPPED, "there was no room for the event map");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(start_doc,
             "start($module, folder, information, /, whole_program=True, max_contexts=1000000,\n"
             "      follow_forks=True, c_calls=False, event_map=None, memory=False, lines=(),\n"
             "      max_functions=50000)\n--\n\n"
             "Record every Python call of this process from now on, into a file in ``folder``.\n\n"
             "``information`` is JSON for the file's header. With ``whole_program`` the main thread is recorded\n"
             "from the first frame that has no caller, otherwise from the next call on. With ``c_calls``\n"
             "functions written in C are recorded, too. ``event_map`` is a dict with a list of rules that\n"
             "say which action a call serves. With ``memory`` what is allocated and freed is counted. Of\n"
             "functions that one of the globs in ``lines`` finds every source line is counted.\n"
             "Returns the path of the file. Raises OSError where it cannot be made, ValueError for a map\n"
             "that is none, RuntimeError when recording already, or where ``c_calls`` or ``lines`` needs a\n"
             "tool id of sys.monitoring and there is none left.");

static PyObject *
start(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"", "", "whole_program", "max_contexts", "follow_forks", "c_calls",
                             "event_map", "memory", "lines", "max_functions", NULL};
    PyObject *folder = NULL, *event_map = Py_None, *lines = NULL;
    const char *information;
    Py_ssize_t information_bytes;
    unsigned long long max_contexts = DEFAULT_MAX_CONTEXTS, max_functions = DEFAULT_MAX_FUNCTIONS;
    int whole_program = 1, follow = 1, c_calls = 0, memory = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&s#|pKppOpOK:start", names,
                                     PyUnicode_FSConverter, &folder, &information,
                                     &information_bytes, &whole_program, &max_contexts, &follow,
                                     &c_calls, &event_map, &memory, &lines, &max_functions)) {
        return NULL;
    }
    PyObject *result = NULL;
    if (arena_is_open() && tree.session != 0) {
        PyErr_SetString(PyExc_RuntimeError, "this process is being recorded already");
        goto done;
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError, "only the main interpreter can be recorded");
        goto done;
    }
    if (tree_is_of_another_process()) {
        PyErr_SetString(PyExc_RuntimeError, "this process was forked by C code in a way that Python"
                                            " is not told of: it cannot be recorded");
        goto done;
    }
    if (leaves_something) {
        end_recording(STATE_STOPPED, NULL);
    }
    if (lines != NULL && line_patterns_start(lines) != 0) {
        goto done;
    }
    if ((c_calls && c_call_events_claim() != 0) ||
        (line_patterns_exist() && line_events_claim() != 0)) {
        c_call_events_stop();
        line_patterns_stop();
        goto done;
    }
    follow_forks = follow != 0;
    if (!endings_install() || !trampolines_install() ||
        begin_recording(PyBytes_AS_STRING(folder), information, (size_t)information_bytes,
                        max_contexts, max_functions, whole_program != 0, memory != 0, event_map) != 0) {
        c_call_events_stop();
        line_events_stop();
        line_patterns_stop();
        goto done;
    }
    result = PyUnicode_DecodeFSDefault(part_file_path());
    if (result == NULL || (c_calls && c_call_events_start() != 0) ||
        (line_patterns_exist() && line_events_start() != 0)) {
        end_recording(STATE_STOPPED, "there was no memory to begin with");
        Py_CLEAR(result);
        goto done;
    }
    file_guard_start();
    hook_install();
    if (memory) {
        allocators_install();
    }
done:
    Py_XDECREF(folder);
    return result;
}

PyDoc_STRVAR(learn_doc, "learn($module, function, /)\n--\n\n"
                        "Call a function that makes one call of each kind, to learn what calls look like.\n\n"
                        "For the C recursion limit. Nothing happens where that is known, or need not be.");

static PyObject *
learn(PyObject *module, PyObject *function)
{
    (void)module;
    if (!PyFunction_Check(function)) {
        PyErr_SetString(PyExc_TypeError, "learn() takes a function");
        return NULL;
    }
    if (!hook_learn(function)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stop_doc, "stop($module, /)\n--\n\n"
                       "End the recording; nothing happens when there is none.\n\n"
                       "Calls that are still open stay so in the file.");

static PyObject *
stop(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    if (!arena_is_open() || tree_is_of_another_process()) {
        Py_RETURN_NONE;
    }
    char reason[200];
    bool is_lost = !hook_remove() && hook_is_lost(reason, sizeof(reason));
    end_recording(is_lost ? STATE_STOPPED : STATE_FINISHED, is_lost ? reason : NULL);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(status_doc, "status($module, /)\n--\n\n"
                         "What is being recorded: contexts, functions, bytes, the file's path and so on.");

static PyObject *
status(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    bool open = arena_is_open();
    struct blocks_extent extent = memory_extent();
    return Py_BuildValue(
        "{s:O,s:O,s:O,s:K,s:k,s:K,s:K,s:K,s:K,s:s,s:s}", "recording",
        open && tree.session != 0 ? Py_True : Py_False, "hook_installed",
        hook_is_installed() ? Py_True : Py_False, "hook_has_predecessor",
        hook_has_predecessor() ? Py_True : Py_False, "contexts",
        (unsigned long long)tree.context_count, "functions",
        (unsigned long)functions_count(), "bytes", (unsigned long long)arena_bytes(),
        "found_calls", (unsigned long long)tree.found_calls, "memory_blocks",
        (unsigned long long)extent.blocks, "memory_table_bytes",
        (unsigned long long)extent.bytes, "path", open ? part_file_path() : NULL,
        "clock", clock_uses_counter ? "time-stamp counter" : "CLOCK_MONOTONIC");
}

PyDoc_STRVAR(keep_stack_doc,
             "keep_stack($module, limit, /)\n--\n\n"
             "Keep the stack of the main thread as large as it may grow now, then set the limit.\n\n"
             "For a program that was started with a larger RLIMIT_STACK than its user has: ``limit`` is\n"
             "the soft limit that its children are to see, None what it is now. Threads get 64 megabytes\n"
             "at least, and ``threading.stack_size()`` does not tell. Raises OSError where the limit, or address space, does not allow it.");

static PyObject *
keep_stack(PyObject *module, PyObject *argument)
{
    (void)module;
    struct rlimit now;
    if (argument != Py_None) {
        /* No limit is -1 in some versions of Python and the largest number in others: the same bits. */
        now.rlim_cur = PyLong_AsUnsignedLongLongMask(argument);
        if (now.rlim_cur == RLIM_INFINITY && PyErr_Occurred()) {
            return NULL;
        }
    } else if (getrlimit(RLIMIT_STACK, &now) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    int error = stack_keep(now.rlim_cur);
    if (error != 0) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (!thread_stacks_enlarge()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(follow_children_doc,
             "follow_children($module, folder, variable, text, /)\n--\n\n"
             "Put what leads to a recording into the environment of every program started from now on.\n\n"
             "``folder`` comes first on PYTHONPATH; ``variable`` is set to ``text`` behind a ``+``, or a\n"
             "``-`` where PYTHONPATH was not set. The environment of this process stays as it is.");

static PyObject *
follow_children(PyObject *module, PyObject *arguments)
{
    PyObject *folder = NULL;
    const char *variable, *text;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&ss:follow_children", PyUnicode_FSConverter, &folder, &variable,
                          &text)) {
        return NULL;
    }
    bool follows = children_follow(PyBytes_AS_STRING(folder), variable, text);
    Py_DECREF(folder);
    if (!follows) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(count_other_pythons_doc,
             "count_other_pythons($module, /)\n--\n\n"
             "Count the Pythons that this process starts, or goes on as, in the header of its live file.\n\n"
             "For where they are not recorded. What is no Python is not counted.");

static PyObject *
count_other_pythons(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    if (!other_pythons_count()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(watch_end_doc,
             "watch_end($module, header, /)\n--\n\n"
             "Have the end of this process written into a live file's header, which is writable memory.\n\n"
             "For an engine that keeps a file of its own. The memory is kept for good.");

static PyObject *
watch_end(PyObject *module, PyObject *argument)
{
    Py_buffer header;
    (void)module;
    if (PyObject_GetBuffer(argument, &header, PyBUF_WRITABLE) != 0) {
        return NULL;
    }
    if (header.len < (Py_ssize_t)HEADER_BYTES) {
        PyBuffer_Release(&header);
        PyErr_SetString(PyExc_ValueError, "watch_end() takes the whole header of a live file");
        return NULL;
    }
    if (!endings_install()) {
        PyBuffer_Release(&header);
        return NULL;
    }
    endings_watch(header.buf);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(start_heap_doc,
             "start_heap($module, folder, every_ns, follow_forks, actions, counters, guppy, /)\n--\n\n"
             "Have snapshots of the heap written into ``folder``, which is there.\n\n"
             "Where ``every_ns`` is not 0, one so often, from the next start() on: between two bytecodes of\n"
             "the main thread. One at the end of each action whose name fits a glob in the tuple\n"
             "``actions``. ``counters`` are gc.get_objects and sys.getsizeof; ``guppy`` a HeapView of\n"
             "guppy3's and its classifier by type, which count instead, or None.");

static PyObject *
start_heap(PyObject *module, PyObject *arguments)
{
    PyObject *folder = NULL, *actions, *guppy;
    struct heap_counters counters = {0};
    unsigned long long every_ns;
    int follow;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&KpO!(OO)O:start_heap", PyUnicode_FSConverter, &folder,
                          &every_ns, &follow, &PyTuple_Type, &actions, &counters.get_objects,
                          &counters.get_size, &guppy)) {
        return NULL;
    }
    int result = -1;
    if (guppy == Py_None || PyArg_ParseTuple(guppy, "OO:start_heap", &counters.guppy_view,
                                             &counters.guppy_classifier)) {
        result = heap_start(PyBytes_AS_STRING(folder), every_ns, follow != 0, &counters);
    }
    Py_DECREF(folder);
    if (result != 0 || heap_actions_start(actions) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(watch_limits_doc,
             "watch_limits($module, texts, /)\n--\n\n"
             "Make events of errors that tell of a limit, from the next start() on.\n\n"
             "``texts`` is a dict from memory, files, processes or file-size to what the limit is called.");

static PyObject *
watch_limits(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyDict_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "watch_limits() takes a dict");
        return NULL;
    }
    if (limits_start(argument) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(take_heap_at_exit_doc, "take_heap_at_exit($module, /)\n--\n\n"
                                    "Take the last snapshot of the heap of this process.");

static PyObject *
take_heap_at_exit(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    heap_take("exit");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_VARARGS | METH_KEYWORDS, start_doc},
    {"learn", learn, METH_O, learn_doc},
    {"stop", stop, METH_NOARGS, stop_doc},
    {"status", status, METH_NOARGS, status_doc},
    {"follow_children", follow_children, METH_VARARGS, follow_children_doc},
    {"count_other_pythons", count_other_pythons, METH_NOARGS, count_other_pythons_doc},
    {"keep_stack", keep_stack, METH_O, keep_stack_doc},
    {"watch_end", watch_end, METH_O, watch_end_doc},
    {"start_heap", start_heap, METH_VARARGS, start_heap_doc},
    {"watch_limits", watch_limits, METH_O, watch_limits_doc},
    {"take_heap_at_exit", take_heap_at_exit, METH_NOARGS, take_heap_at_exit_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "callgraph_lab._native",
    .m_doc = "The native engine: a frame evaluation hook and a calling-context tree in a mapped file.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModule_Create(&definition);
}
