#include "c_call_events.h"

#include "arena.h"
#include "c_calls.h"

#if C_CALLS_BY_PROFILE_SLOT

static bool wanted;

static int
profile(PyObject *unused, PyFrameObject *frame, int what, PyObject *argument)
{
    (void)unused, (void)frame;
    if (tree.session == 0) {
        /* Recording has stopped: the target gets its speed back. */
        set_profile_slot(current_thread_state(), NULL);
    }
    else if (what == PyTrace_C_CALL) {
        c_calls_begin(argument, true);
    }
    else if (what == PyTrace_C_RETURN || what == PyTrace_C_EXCEPTION) {
        c_calls_end();
    }
    return 0;
}

int
c_call_events_claim(void)
{
    return 0;
}

static void
remark(void)
{
    arena_remark("the target has set a profile function itself, which ends the recording of C functions"
                 " in that thread");
}

static void
watch(PyThreadState *state)
{
    if (profile_slot(state) == NULL) {
        set_profile_slot(state, profile);
    }
    else if (profile_slot(state) != profile) {
        remark();
    }
}

void
c_call_events_watch_thread(void)
{
    if (wanted) {
        watch(current_thread_state());
    }
}

int
c_call_events_start(void)
{
    wanted = true;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; state != NULL; state = PyThreadState_Next(state)) {
        watch(state);
    }
    return 0;
}

void
c_call_events_stop(void)
{
    wanted = false;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; state != NULL; state = PyThreadState_Next(state)) {
        if (profile_slot(state) == profile) {
            set_profile_slot(state, NULL);
        }
    }
}

bool
c_call_events_come(void)
{
    if (profile_slot(current_thread_state()) == profile) {
        return true;
    }
    remark();
    return false;
}

#else

static const char *const events[] = {"CALL", "C_RETURN", "C_RAISE"};
static int tool = -1;
static bool has_disabled;
static PyObject *disable, *missing;

/* code, offset, callable, first argument */
static PyObject *
on_call(PyObject *unused, PyObject *const *arguments, Py_ssize_t count)
{
    (void)unused;
    if (UNLIKELY(tree.session == 0)) {
        /* Recording has stopped: the target gets its speed back, place by place. */
        has_disabled = true;
        return Py_NewRef(disable);
    }
    if (LIKELY(count == 4)) {
        c_calls_begin(arguments[2], arguments[3] != missing);
    }
    Py_RETURN_NONE;
}

static PyObject *
on_end(PyObject *unused, PyObject *const *arguments, Py_ssize_t count)
{
    (void)unused, (void)arguments, (void)count;
    c_calls_end();
    Py_RETURN_NONE;
}

static PyMethodDef on_call_definition = {
    "on_call", (PyCFunction)(void (*)(void))on_call, METH_FASTCALL, NULL};
static PyMethodDef on_end_definition = {
    "on_end", (PyCFunction)(void (*)(void))on_end, METH_FASTCALL, NULL};

/* Call a function of sys.monitoring; -1 and an exception. */
static int
ask(const char *name, const char *format, ...)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    PyObject *function =
        monitoring == NULL ? NULL : PyObject_GetAttrString(monitoring, name);
    va_list values;
    va_start(values, format);
    PyObject *arguments = function == NULL ? NULL : Py_VaBuildValue(format, values);
    va_end(values);
    PyObject *result = arguments == NULL ? NULL : PyObject_CallObject(function, arguments);
    Py_XDECREF(arguments);
    Py_XDECREF(function);
    Py_XDECREF(result);
    if (result == NULL && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, "sys.monitoring is missing");
    }
    return result == NULL ? -1 : 0;
}

int
c_call_events_claim(void)
{
    /* First those that nobody has a claim to, last those for debuggers and coverage. */
    static const int candidates[] = {4, 3, 2, 5, 1, 0};
    for (size_t index = 0; index < Py_ARRAY_LENGTH(candidates); index++) {
        if (ask("use_tool_id", "(is)", candidates[index], "cglab") == 0) {
            tool = candidates[index];
            return 0;
        }
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "C functions cannot be recorded: other tools have taken all six tool ids of "
                    "sys.monitoring");
    return -1;
}

static int
event_number(const char *name)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    PyObject *numbers =
        monitoring == NULL ? NULL : PyObject_GetAttrString(monitoring, "events");
    PyObject *number = numbers == NULL ? NULL : PyObject_GetAttrString(numbers, name);
    int result = number == NULL ? -1 : PyLong_AsInt(number);
    Py_XDECREF(numbers);
    Py_XDECREF(number);
    return result;
}

static int
find_markers(void)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    if (disable == NULL && monitoring != NULL) {
        disable = PyObject_GetAttrString(monitoring, "DISABLE");
    }
    if (missing == NULL && monitoring != NULL) {
        missing = PyObject_GetAttrString(monitoring, "MISSING");
    }
    return disable == NULL || missing == NULL ? -1 : 0;
}

int
c_call_events_start(void)
{
    if (find_markers() != 0) {
        return -1;
    }
    for (size_t index = 0; index < Py_ARRAY_LENGTH(events); index++) {
        PyObject *callback =
            PyCFunction_New(index == 0 ? &on_call_definition : &on_end_definition, NULL);
        int result = callback == NULL ? -1
                                      : ask("register_callback", "(iiO)", tool,
                                            event_number(events[index]), callback);
        Py_XDECREF(callback);
        if (result != 0) {
            return -1;
        }
    }
    if (has_disabled) {
        has_disabled = false;
        if (ask("restart_events", "()") != 0) {
            return -1;
        }
    }
    /* The other two come with it. */
    return ask("set_events", "(ii)", tool, event_number("CALL"));
}

void
c_call_events_stop(void)
{
    if (tool < 0) {
        return;
    }
    PyObject *raised = PyErr_GetRaisedException();
    bool is_ours = ask("set_events", "(ii)", tool, 0) == 0;
    for (size_t index = 0; is_ours && index < Py_ARRAY_LENGTH(events); index++) {
        is_ours = ask("register_callback", "(iiO)", tool, event_number(events[index]), Py_None) == 0;
    }
    if (is_ours) {
        is_ours = ask("free_tool_id", "(i)", tool) == 0;
    }
    if (!is_ours) {
        PyErr_Clear(); /* the target has freed the id itself */
    }
    tool = -1;
    PyErr_SetRaisedException(raised);
}

#endif
