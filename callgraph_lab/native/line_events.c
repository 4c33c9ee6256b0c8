#include "line_events.h"

#include "allocators.h"
#include "arena.h"
#include "lines.h"
#include "monitoring.h"

#if LINES_BY_TRACE_SLOT

/* Stands in the slot while a chosen frame runs itself. The target's own function, if it has one, is called
 * with what it would get; its object stays where it is, so that sys.gettrace() is as without us. */
static int
trace(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    if (what == PyTrace_LINE) {
        lines_reached(PyFrame_GetLineNumber(frame));
    }
    else if (what == PyTrace_RETURN) {
        lines_returning();
    }
    Py_tracefunc tracer = current_thread->lines.tracer;
    return tracer == NULL ? 0 : tracer(object, frame, what, argument);
}

static void
begin_tracing(struct thread *thread)
{
    PyThreadState *state = current_thread_state();
    if (state->c_tracefunc != trace) {
        thread->lines.tracer = state->c_tracefunc;
        state->c_tracefunc = trace;
    }
    set_tracing(state, true);
}

static void
end_tracing(struct thread *thread)
{
    PyThreadState *state = current_thread_state();
    if (state->c_tracefunc == trace) {
        state->c_tracefunc = thread->lines.tracer;
        thread->lines.tracer = NULL;
    }
    set_tracing(state, state->c_tracefunc != NULL || state->c_profilefunc != NULL);
}

void
line_events_entering(struct thread *thread, uint8_t watch)
{
    if (watch & WATCH_LINES) {
        begin_tracing(thread);
    }
    else {
        end_tracing(thread);
    }
}

void
line_events_left(struct thread *thread, uint8_t watch)
{
    if ((watch & WATCH_LINES_OF_CALLER) && tree.session != 0) {
        begin_tracing(thread);
    }
    else {
        end_tracing(thread);
    }
}

int
line_events_claim(void)
{
    return 0;
}

int
line_events_start(void)
{
    return 0;
}

void
line_events_stop(void)
{
}

#else

static const char *const events[] = {"LINE", "JUMP", "PY_RETURN"};
/* Nothing is called for these, but where they are not asked for, some versions tell of no line that a call
 * begins on, or goes on in, a second time. */
static const char *const silent_events[] = {"PY_START", "PY_RESUME"};
static int tool = -1;
static int wanted_events;
static bool has_disabled;
static PyObject *disable, *set_local_events;
static struct table watched; /* code objects that tell of their lines; they leave it when they are freed */

/* Of the recording that was going on when it was set, nothing is left to be told. */
static bool
is_over(void)
{
    has_disabled |= tree.session == 0;
    return tree.session == 0;
}

/* code, line */
static PyObject *
on_line(PyObject *unused, PyObject *const *arguments, Py_ssize_t count)
{
    (void)unused;
    if (UNLIKELY(is_over())) {
        return Py_NewRef(disable);
    }
    if (LIKELY(count == 2)) {
        lines_reached(PyLong_AsInt(arguments[1]));
    }
    Py_RETURN_NONE;
}

/* A loop on a single line comes to it again with each turn, as sys.settrace has it. */
static bool
stays_on_line(PyCodeObject *code, int from, int to)
{
    static const PyCodeObject *known_code;
    static int known_from;
    static uint32_t generation;
    if (code == known_code && from == known_from && generation == registry_generation) {
        return true;
    }
    if (to > from || PyCode_Addr2Line(code, from) != PyCode_Addr2Line(code, to)) {
        return false;
    }
    known_code = code;
    known_from = from;
    generation = registry_generation;
    return true;
}

/* code, offset, offset of the target */
static PyObject *
on_jump(PyObject *unused, PyObject *const *arguments, Py_ssize_t count)
{
    (void)unused;
    if (UNLIKELY(is_over()) || count != 3 ||
        !stays_on_line((PyCodeObject *)arguments[0], PyLong_AsInt(arguments[1]),
                       PyLong_AsInt(arguments[2]))) {
        return Py_NewRef(disable);
    }
    lines_reached_again();
    Py_RETURN_NONE;
}

static PyObject *
on_return(PyObject *unused, PyObject *const *arguments, Py_ssize_t count)
{
    (void)unused, (void)arguments, (void)count;
    if (UNLIKELY(is_over())) {
        return Py_NewRef(disable);
    }
    lines_returning();
    Py_RETURN_NONE;
}

static PyMethodDef definitions[] = {
    {"on_line", (PyCFunction)(void (*)(void))on_line, METH_FASTCALL, NULL},
    {"on_jump", (PyCFunction)(void (*)(void))on_jump, METH_FASTCALL, NULL},
    {"on_return", (PyCFunction)(void (*)(void))on_return, METH_FASTCALL, NULL},
};

int
line_events_claim(void)
{
    tool = monitoring_claim("lines cannot be counted");
    return tool < 0 ? -1 : 0;
}

int
line_events_start(void)
{
    if ((disable = monitoring_attribute("DISABLE")) == NULL ||
        (set_local_events = monitoring_attribute("set_local_events")) == NULL) {
        return -1;
    }
    wanted_events = 0;
    for (size_t index = 0; index < Py_ARRAY_LENGTH(events); index++) {
        int event = monitoring_event(events[index]);
        if (event < 0 || monitoring_register(tool, event, &definitions[index]) != 0) {
            return -1;
        }
        wanted_events |= event;
    }
    for (size_t index = 0; index < Py_ARRAY_LENGTH(silent_events); index++) {
        int event = monitoring_event(silent_events[index]);
        if (event < 0) {
            return -1;
        }
        wanted_events |= event;
    }
    if (has_disabled) {
        has_disabled = false;
        return monitoring_ask("restart_events", "()");
    }
    return 0;
}

static bool
ask_for_events(PyCodeObject *code, int wanted)
{
    PyObject *result = PyObject_CallFunction(set_local_events, "iOi", tool, code, wanted);
    Py_XDECREF(result);
    return result != NULL;
}

void
line_events_watch(PyCodeObject *code)
{
    if (LIKELY(table_get(&watched, (uintptr_t)code) != 0) || tool < 0) {
        return;
    }
    PyObject *raised = PyErr_GetRaisedException();
    allocators_leave_out(true);
    if (!ask_for_events(code, wanted_events)) {
        PyErr_Clear();
        arena_remark("the target has freed the tool id of sys.monitoring that lines are counted with:"
                     " some are missing");
    }
    allocators_leave_out(false);
    table_put(&watched, (uintptr_t)code, 1);
    PyErr_SetRaisedException(raised);
}

void
line_events_forget(PyObject *code)
{
    if (watched.count != 0) {
        table_remove(&watched, (uintptr_t)code);
    }
}

void
line_events_stop(void)
{
    if (tool < 0) {
        return;
    }
    PyObject *raised = PyErr_GetRaisedException();
    for (uint64_t place = 0; watched.slots != NULL && place <= watched.mask; place++) {
        PyCodeObject *code = (PyCodeObject *)(uintptr_t)watched.slots[place].key;
        if (code != NULL && !ask_for_events(code, 0)) {
            PyErr_Clear();
        }
    }
    table_clear(&watched);
    monitoring_release(tool, events, Py_ARRAY_LENGTH(events));
    tool = -1;
    Py_CLEAR(disable);
    Py_CLEAR(set_local_events);
    PyErr_SetRaisedException(raised);
}

#endif
