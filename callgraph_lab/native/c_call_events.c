#include "c_call_events.h"

#include "arena.h"
#include "c_calls.h"
#include "monitoring.h"

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

int
c_call_events_claim(void)
{
    tool = monitoring_claim("C functions cannot be recorded");
    return tool < 0 ? -1 : 0;
}

static int
find_markers(void)
{
    if (disable == NULL) {
        disable = monitoring_attribute("DISABLE");
    }
    if (missing == NULL && disable != NULL) {
        missing = monitoring_attribute("MISSING");
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
        int event = monitoring_event(events[index]);
        if (event < 0 ||
            monitoring_register(tool, event,
                                index == 0 ? &on_call_definition : &on_end_definition) != 0) {
            return -1;
        }
    }
    if (has_disabled) {
        has_disabled = false;
        if (monitoring_ask("restart_events", "()") != 0) {
            return -1;
        }
    }
    /* The other two come with it. */
    return monitoring_ask("set_events", "(ii)", tool, monitoring_event("CALL"));
}

void
c_call_events_stop(void)
{
    if (tool < 0) {
        return;
    }
    PyObject *raised = PyErr_GetRaisedException();
    if (monitoring_ask("set_events", "(ii)", tool, 0) == 0) {
        monitoring_release(tool, events, Py_ARRAY_LENGTH(events));
    }
    else {
        PyErr_Clear(); /* the target has freed the id itself */
    }
    tool = -1;
    PyErr_SetRaisedException(raised);
}

#endif
