#define _GNU_SOURCE 1
#include "hook.h"

#include "callers.h"
#include "evaluators.h"
#include "heap.h"
#include "heap_actions.h"
#include "hook_lost.h"
#include "limits.h"
#include "line_events.h"
#include "passing.h"
#include "recursion.h"
#include "threads.h"

/* Who evaluated frames before us, and who does now: that one, or what watches the time or its errors. */
static _PyFrameEvalFunction predecessor = _PyEval_EvalFrameDefault;
static _PyFrameEvalFunction evaluate = _PyEval_EvalFrameDefault;
static _PyFrameEvalFunction installed;
static bool is_reached;

static PyObject *
evaluate_deeper(PyThreadState *thread_state, interpreter_frame *frame, int throwing, uintptr_t here)
{
#if C_RECURSION_IS_COUNTED
    int units = recursion_units(thread_state, frame, here);
    recursion_give(thread_state, units);
    PyObject *result = evaluate(thread_state, frame, throwing);
    recursion_take(thread_state, units);
    return result;
#else
    (void)here;
    return evaluate(thread_state, frame, throwing);
#endif
}

#if !INTERPRETER_WATCHES_THE_STACK
/* The stack is nearly used up. The frame must be cleared by the evaluator, so it is the one to raise
 * RecursionError, which it does when its counter has run out. */
static PyObject *
evaluate_starved(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    int *counter = recursion_counter(thread_state);
    int saved = *counter;
    *counter = 0;
    PyObject *result = evaluate(thread_state, frame, throwing);
    *counter = saved;
    return result;
}
#endif

static inline bool
is_recent(const struct recent_child *recent, const struct node *parent, interpreter_frame *frame,
          const PyCodeObject *code)
{
    return recent->parent == parent && recent->code == code &&
           recent->generation == registry_generation &&
           has_cached_class(frame, recent->source, recent->class);
}

static __attribute__((noinline)) struct node *
find_other_child(struct thread *thread, struct node *parent, interpreter_frame *frame,
                 PyCodeObject *code)
{
    struct recent_child *recent = recent_child(parent, code);
    if (LIKELY(is_recent(recent, parent, frame, code))) {
        return recent->child;
    }
    recent = second_recent_child(parent, code, frame);
    if (LIKELY(is_recent(recent, parent, frame, code))) {
        return recent->child;
    }
    return tree_child(thread, parent, frame, code);
}

static inline __attribute__((always_inline)) struct node *
find_child(struct thread *thread, struct node *parent, interpreter_frame *frame, PyCodeObject *code)
{
    if (LIKELY(parent->cached_code == code && parent->cached_generation == registry_generation) &&
        LIKELY(has_cached_class(frame, parent->cached_source, parent->cached_class))) {
        return parent->cached_child;
    }
    return find_other_child(thread, parent, frame, code);
}

/* Nearly all of a program's calls come through here, and each takes some thirty nanoseconds: what is seldom
 * so is looked for once, together with other things that seldom are. */
static inline __attribute__((always_inline)) PyObject *
record_call(PyThreadState *thread_state, interpreter_frame *frame, int throwing,
            uintptr_t here, PyCodeObject *code, const bool resumable)
{
    struct thread *thread = current_thread;
    struct open_call *caller = thread->top;
    if (UNLIKELY(caller == NULL)) {
        thread = threads_begin(frame);
        if (thread == NULL) {
            return evaluate_deeper(thread_state, frame, throwing, here);
        }
        caller = thread->top;
    }
    interpreter_frame *caller_frame = raw_current_frame(thread_state);
    if (UNLIKELY(caller->frame != caller_frame)) {
        caller = callers_find(thread, caller_frame, frame);
        if (caller == NULL) {
            return evaluate_deeper(thread_state, frame, throwing, here);
        }
    }
    bool first = !resumable || generator_begins(frame);
    struct node *node = find_child(thread, caller->node, frame, code);
    if (UNLIKELY(node == NULL)) {
        return evaluate_deeper(thread_state, frame, throwing, here);
    }
    struct open_call *call = enter_call(thread, caller, node, frame, first);
    if (UNLIKELY(call == NULL)) {
        return evaluate_deeper(thread_state, frame, throwing, here);
    }
    PyObject *result;
#if LINES_BY_TRACE_SLOT
    uint8_t lines = node->watch & WATCH_ANY_LINES;
    if (UNLIKELY(lines != 0)) {
        line_events_entering(thread, lines);
    }
#endif
#if !INTERPRETER_WATCHES_THE_STACK
    /* Nothing is known of other stacks, which some C libraries run callbacks on. */
    if (UNLIKELY(here - thread->stack_lowest < thread->stack_margin)) {
        result = evaluate_starved(thread_state, frame, throwing);
    }
    else
#endif
    {
        result = evaluate_deeper(thread_state, frame, throwing, here);
    }
#if LINES_BY_TRACE_SLOT
    if (UNLIKELY(lines != 0)) {
        line_events_left(thread, lines);
    }
#endif
    /* The frame may be gone by now, and with it the code and the object. A generator is not. */
    if (resumable && result != NULL && generator_is_suspended(generator_of_frame(frame)) &&
        LIKELY(thread->top != NULL)) {
        struct context_record *record = call->node->record;
        STORE(record->suspensions, record->suspensions + 1);
    }
    if (UNLIKELY(result == NULL) && was_refused(thread_state)) {
        calls_refused(thread, call);
        return NULL;
    }
    leave_call(thread, call);
    return result;
}

static __attribute__((noinline)) PyObject *
record_entry_of_generator(PyThreadState *thread_state, interpreter_frame *frame, int throwing,
                          uintptr_t here)
{
    /* A frame of a generator that is not yet in its generator only makes it: no call. */
    if (UNLIKELY(!frame_of_generator(frame))) {
        return evaluate_deeper(thread_state, frame, throwing, here);
    }
    return record_call(thread_state, frame, throwing, here, frame_code(frame), true);
}

static inline __attribute__((always_inline)) PyObject *
pass(PyThreadState *thread_state, interpreter_frame *frame, int throwing, uintptr_t here)
{
    PyCodeObject *code = frame_code(frame);
    if (UNLIKELY(code->co_flags & RESUMABLE_FLAGS)) {
        return record_entry_of_generator(thread_state, frame, throwing, here);
    }
    return record_call(thread_state, frame, throwing, here, code, false);
}

static PyObject *
hook(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    return pass(thread_state, frame, throwing, (uintptr_t)__builtin_frame_address(0));
}

/* In the place of the hook where a snapshot of the heap may be due when a call has been left. */
static PyObject *
hook_with_snapshots(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    PyObject *result = pass(thread_state, frame, throwing, (uintptr_t)__builtin_frame_address(0));
    if (UNLIKELY(heap_action_is_due)) {
        heap_take_after_actions();
    }
    return result;
}

/* ---- in the place of ours, and below it ----------------------------------------------------- */

static void
evaluate_by(_PyFrameEvalFunction function)
{
    predecessor = function;
    evaluate = limits_watching(heap_watching(predecessor));
    recursion_expect(!hook_has_predecessor());
}

static PyObject *
evaluate_and_note(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    is_reached = true;
    return predecessor(thread_state, frame, throwing);
}

bool
hook_is_called_by_others(void)
{
    if (installed == NULL) {
        return false;
    }
    struct raised raised = take_raised();
    PyThreadState *thread_state = current_thread_state();
    struct thread *thread = current_thread;
    uint32_t session = tree.session;
    _PyFrameEvalFunction saved = evaluate;
    PyCodeObject *code = PyCode_NewEmpty("", "", 1);
    PyObject *globals = PyDict_New();
    is_reached = false;
    if (code != NULL && globals != NULL) {
        /* It is no call of the target's, neither for us nor for a trace function. */
        tree.session = 0;
        current_thread = &no_thread;
        evaluate = evaluate_and_note;
        PyThreadState_EnterTracing(thread_state);
        Py_XDECREF(PyEval_EvalCode((PyObject *)code, globals, globals));
        PyThreadState_LeaveTracing(thread_state);
        evaluate = saved;
        current_thread = thread;
        tree.session = session;
    }
    PyErr_Clear();
    Py_XDECREF(code);
    Py_XDECREF(globals);
    put_raised_back(raised);
    return is_reached;
}

/* Of any interpreter: others may ask without having a thread state. */
static bool
is_installed_in(PyInterpreterState *interpreter)
{
    return installed != NULL && interpreter == PyInterpreterState_Main() &&
           evaluators_get(interpreter) == installed;
}

_PyFrameEvalFunction
hook_seen_by_others(PyInterpreterState *interpreter)
{
    return is_installed_in(interpreter) ? predecessor : NULL;
}

bool
hook_put_below(PyInterpreterState *interpreter, _PyFrameEvalFunction function)
{
    if (!is_installed_in(interpreter)) {
        return false;
    }
    if (function != hook && function != hook_with_snapshots) {
        evaluate_by(function == NULL ? _PyEval_EvalFrameDefault : function);
    }
    return true;
}

bool
hook_is_called_from_below(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Main();
    if (!is_installed_in(interpreter) || predecessor == _PyEval_EvalFrameDefault) {
        return false;
    }
    evaluators_set(interpreter, predecessor);
    evaluate_by(_PyEval_EvalFrameDefault);
    return true;
}

bool
hook_learn(PyObject *function)
{
    return recursion_learn(function, heap_wants_actions ? hook_with_snapshots : hook);
}

void
hook_install(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    evaluators_stand_in();
    _PyFrameEvalFunction now = evaluators_get(interpreter);
    hook_lost_begin();
    /* Where another tool calls us still, from an earlier recording, calling it would never end. */
    if (now != installed && !hook_is_called_by_others()) {
        predecessor = now;
        installed = heap_wants_actions ? hook_with_snapshots : hook;
        evaluators_set(interpreter, installed);
    }
    evaluate_by(predecessor);
}

bool
hook_remove(void)
{
    if (!hook_is_installed()) {
        return false;
    }
    evaluators_set(PyInterpreterState_Get(), predecessor);
    return true;
}

bool
hook_step_aside(void)
{
    return hook_remove();
}

void
hook_step_back(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    evaluate_by(evaluators_get(interpreter));
    evaluators_set(interpreter, installed);
}

bool
hook_is_installed(void)
{
    return is_installed_in(PyInterpreterState_Get());
}

bool
hook_has_predecessor(void)
{
    return predecessor != _PyEval_EvalFrameDefault;
}
