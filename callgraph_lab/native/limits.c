#include "limits.h"

#include "clock.h"
#include "event_ring.h"
#include "threads.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_TEXT_BYTES 64u
/* A server that cannot accept tries without end: of so many there is an event each, then of every second,
 * fourth, eighth and so on. */
#define TOLD_ONE_BY_ONE 20u

enum limit_kind { LIMIT_MEMORY, LIMIT_FILES, LIMIT_PROCESSES, LIMIT_FILE_SIZE, LIMIT_KINDS };

static const char *const names[LIMIT_KINDS] = {"memory", "files", "processes", "file-size"};

static struct limit {
    char text[LONGEST_TEXT_BYTES]; /* "": there is no such limit */
    uint64_t times;
} limits[LIMIT_KINDS];
static pid_t counted_by;
static bool is_watching;
static _PyFrameEvalFunction evaluate;
static struct text scratch;

int
limits_start(PyObject *texts)
{
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        PyObject *text = PyDict_GetItemString(texts, names[kind]);
        const char *chars = text == NULL ? "" : PyUnicode_AsUTF8(text);
        if (chars == NULL) {
            return -1;
        }
        snprintf(limits[kind].text, sizeof(limits[kind].text), "%s", chars);
        is_watching = is_watching || chars[0] != '\0';
    }
    return 0;
}

void
limits_make_room(void)
{
    if (is_watching) {
        events_make_room();
    }
}

/* ---- what an error means -------------------------------------------------------------------- */

/* Is one of the names that the code of a frame uses that of a function which starts processes or threads?
 * EAGAIN alone means little: sockets say it all the time. */
static bool
starts_something(PyObject *traceback)
{
    PyFrameObject *frame = traceback == NULL ? NULL : ((PyTracebackObject *)traceback)->tb_frame;
    if (frame == NULL) {
        return false;
    }
    PyCodeObject *code = PyFrame_GetCode(frame);
    bool starts = false;
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(code->co_names) && !starts; index++) {
        /* Not by PyUnicode_AsUTF8(): where that fails, it replaces the exception. */
        text_clear(&scratch);
        text_put_string(&scratch, PyTuple_GET_ITEM(code->co_names, index));
        const char *name = text_chars(&scratch);
        starts = strstr(name, "fork") != NULL || strstr(name, "spawn") != NULL ||
                 strstr(name, "start_new_thread") != NULL ||
                 strstr(name, "start_joinable_thread") != NULL;
    }
    Py_DECREF(code);
    return starts;
}

static int
error_number(PyObject *error)
{
    int overflow;
    if (error == NULL || !PyObject_TypeCheck(error, (PyTypeObject *)PyExc_OSError)) {
        return 0;
    }
    PyObject *number = ((PyOSErrorObject *)error)->myerrno;
    return number == NULL || !PyLong_Check(number) ? 0
                                                   : (int)PyLong_AsLongAndOverflow(number, &overflow);
}

static bool
is_a(PyObject *type, PyObject *ancestor)
{
    return PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, (PyTypeObject *)ancestor);
}

/* Which limit an exception tells of, LIMIT_KINDS for none, and what it is called. */
static enum limit_kind
limit_of(struct raised raised, const char **error)
{
    if (is_a(raised.type, PyExc_MemoryError)) {
        *error = "MemoryError";
        return LIMIT_MEMORY;
    }
    if (is_a(raised.type, PyExc_OSError)) {
        switch (error_number(raised.value)) {
        case EMFILE:
            *error = "EMFILE";
            return LIMIT_FILES;
        case EFBIG:
            *error = "EFBIG";
            return LIMIT_FILE_SIZE;
        case ENOMEM:
            *error = "ENOMEM";
            return LIMIT_MEMORY;
        case EAGAIN:
            *error = "EAGAIN";
            return limits[LIMIT_PROCESSES].text[0] != '\0' && starts_something(raised.traceback)
                       ? LIMIT_PROCESSES
                       : LIMIT_KINDS;
        default:
            return LIMIT_KINDS;
        }
    }
    if (limits[LIMIT_PROCESSES].text[0] != '\0' && is_a(raised.type, PyExc_RuntimeError) &&
        starts_something(raised.traceback)) {
        *error = "no new thread";
        return LIMIT_PROCESSES;
    }
    return LIMIT_KINDS;
}

/* ---- the event ------------------------------------------------------------------------------ */

static bool
is_told_of(uint64_t times)
{
    return times <= TOLD_ONE_BY_ONE || (times & (times - 1)) == 0;
}

static void
put_event(struct thread *thread, const struct limit *limit, const char *error)
{
    char fields[LONGEST_TEXT_BYTES * 3];
    /* Keys and values, each with its end. */
    int length = snprintf(fields, sizeof(fields), "limit%c%s%cerror%c%s%ctimes%c%llu%c", 0,
                          limit->text, 0, 0, error, 0, 0, (unsigned long long)limit->times, 0);
    struct open_call *call = thread->top;
    while (call->caller != NULL && call->node->kind != NODE_RECORDED) {
        call = call->caller;
    }
    const struct instance *instance = watch_current(thread, call->node->label);
    const struct text text = {.bytes = fields, .length = (size_t)length};
    event_put(SENSOR_LIMIT, clock_read(), 0, instance == NULL ? NULL : instance->session, instance,
              call->node->id, &text);
}

/* A frame is left by an exception. */
static void
look(PyThreadState *thread_state)
{
    struct raised raised = raised_now(thread_state);
    PyTracebackObject *traceback = (PyTracebackObject *)raised.traceback;
    /* Where it has come through a call, it was looked at when it left that. */
    if (raised.type == NULL || (traceback != NULL && traceback->tb_next != NULL)) {
        return;
    }
    const char *error;
    enum limit_kind kind = limit_of(raised, &error);
    if (kind == LIMIT_KINDS || limits[kind].text[0] == '\0') {
        return;
    }
    int saved_errno = errno;
    if (counted_by != getpid()) {
        counted_by = getpid();
        for (int other = 0; other < LIMIT_KINDS; other++) {
            limits[other].times = 0;
        }
    }
    limits[kind].times++;
    struct thread *thread = current_thread;
    if (is_told_of(limits[kind].times) && tree.session != 0 &&
        thread->session == tree.session && (!threads_child_is_pending() || tree_adopt())) {
        put_event(thread, &limits[kind], error);
    }
    errno = saved_errno;
}

static PyObject *
evaluate_and_look(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    PyObject *result = evaluate(thread_state, frame, throwing);
    if (UNLIKELY(result == NULL)) {
        look(thread_state);
    }
    return result;
}

_PyFrameEvalFunction
limits_watching(_PyFrameEvalFunction evaluate_frame)
{
    if (!is_watching) {
        return evaluate_frame;
    }
    evaluate = evaluate_frame;
    return evaluate_and_look;
}
