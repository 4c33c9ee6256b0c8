#include "recursion.h"

#if C_RECURSION_IS_COUNTED
#include "evaluators.h"
#include "instances.h"
#include "threads.h"

#include <string.h>
#include <unwind.h>

/* A call between Python functions is made without entering the evaluator anew, and so without C, unless there is a
 * hook. Under a hook each takes units of the C recursion limit. Those are given back, but only to calls that would
 * not take them otherwise: what C code calls back takes them always. Nothing tells which is which but the stack:
 * how much of it lies between the caller's evaluator and the hook, and which call the evaluator is to go on behind.
 * Both are learned once in a process, from calls whose kind is known. */

/* What takes units beside an evaluator: the check in a call of something that is no Python function. */
#define UNITS_OF_A_CALL_THROUGH_C (UNITS_OF_AN_EVALUATOR + 1)

struct kind {
    const char *callee; /* in the program to learn from */
    int opcode;         /* of the instruction that makes the call under a hook */
    int specialised;    /* and without one, 0: the same */
    int units;
    struct stack_picture picture;
};

/* The most frequent first; calls with arguments are looked at before. */
enum {
    ITERATE_GENERATOR,
    RESUME_COROUTINE,
    RESUME_GENERATOR,
    CALL_WITH_ARGUMENTS,
    CALL_WITH_NAMES,
    CALL_WITH_LIST,
    CALL_WITH_LIST_AND_NAMES,
    GET_ITEM,
    GET_PROPERTY,
    GET_ATTRIBUTE,
    MAKE_INSTANCE,
    KINDS
};

static struct kind kinds[KINDS] = {
    [CALL_WITH_ARGUMENTS] = {"call_with_arguments", CALL, 0, UNITS_OF_AN_EVALUATOR, {0}},
    [CALL_WITH_LIST] = {"call_with_list", CALL_FUNCTION_EX, 0, UNITS_OF_AN_EVALUATOR, {0}},
    [CALL_WITH_LIST_AND_NAMES] = {"call_with_list_and_names", CALL_FUNCTION_EX, 0,
                                  UNITS_OF_AN_EVALUATOR, {0}},
    [RESUME_GENERATOR] = {"resume_generator", SEND, 0, UNITS_OF_AN_EVALUATOR, {0}},
    [RESUME_COROUTINE] = {"resume_coroutine", SEND, 0, UNITS_OF_A_CALL_THROUGH_C, {0}},
    [ITERATE_GENERATOR] = {"iterate_generator", FOR_ITER, FOR_ITER_GEN, UNITS_OF_AN_EVALUATOR, {0}},
    [GET_ITEM] = {"__getitem__", BINARY_SUBSCR, BINARY_SUBSCR_GETITEM, UNITS_OF_AN_EVALUATOR, {0}},
    [GET_PROPERTY] = {"get_property", LOAD_ATTR, LOAD_ATTR_PROPERTY, UNITS_OF_AN_EVALUATOR, {0}},
    [GET_ATTRIBUTE] = {"__getattribute__", LOAD_ATTR, LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN,
                       UNITS_OF_AN_EVALUATOR, {0}},
#if CLASS_CALLS_BYPASS_THE_HOOK
    [CALL_WITH_NAMES] = {"call_with_names", CALL_KW, 0, UNITS_OF_AN_EVALUATOR, {0}},
    [MAKE_INSTANCE] = {"__init__", CALL_NON_PY_GENERAL, CALL_ALLOC_AND_ENTER_INIT,
                       UNITS_OF_A_CALL_THROUGH_C + AND_A_FRAME, {0}},
#endif
};

static uintptr_t distances[KINDS]; /* those of the pictures, side by side to be looked through quickly */

static enum {
    NOTHING_IS_KNOWN, /* every call gets its units back */
    SOME_STAY_OUT_OF_C,
    ALL_GO_THROUGH_C, /* another evaluator was there before the hook */
} calls;

struct stack_picture recursion_plain_call;

/* While kinds are learned. */
static struct {
    PyThreadState *thread_state; /* NULL: they are not */
    PyObject *globals;
} lesson;

void
recursion_expect(bool calls_stay_out_of_c)
{
    const struct stack_picture nothing = {0}, *plain = &kinds[CALL_WITH_ARGUMENTS].picture;
    calls = plain->distance == 0 ? NOTHING_IS_KNOWN : SOME_STAY_OUT_OF_C;
    recursion_plain_call = *plain;
    for (int number = 0; number < KINDS; number++) {
        distances[number] = kinds[number].picture.distance;
    }
    if (!calls_stay_out_of_c) {
        calls = ALL_GO_THROUGH_C;
        recursion_plain_call = nothing;
    }
}

/* ---- learning ------------------------------------------------------------------------------- */

static _Unwind_Reason_Code
find_evaluator(struct _Unwind_Context *context, void *return_address)
{
    if (_Unwind_GetRegionStart(context) != (uintptr_t)_PyEval_EvalFrameDefault) {
        return _URC_NO_REASON;
    }
    *(uintptr_t *)return_address = _Unwind_GetIP(context);
    return _URC_NORMAL_STOP;
}

static void
take_picture(struct stack_picture *picture, uintptr_t evaluator, uintptr_t here)
{
    uintptr_t return_address = 0;
    _Unwind_Backtrace(find_evaluator, &return_address);
    for (uintptr_t place = sizeof(place); return_address != 0 && place < evaluator - here;
         place += sizeof(place)) {
        if (*(const uintptr_t *)(evaluator - place) == return_address) {
            *picture = (struct stack_picture){evaluator - here, place, return_address};
            return;
        }
    }
}

static void
learn(interpreter_frame *caller, interpreter_frame *frame, uintptr_t evaluator, uintptr_t here)
{
    PyCodeObject *code = frame_code(frame);
    int opcode = opcode_of(frame_code(caller), waiting_instruction(caller));
    for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
        if (kind->callee != NULL && kind->opcode == opcode &&
            PyUnicode_CompareWithASCIIString(code->co_name, kind->callee) == 0) {
            take_picture(&kind->picture, evaluator, here);
        }
    }
}

bool
recursion_learn(PyObject *function, _PyFrameEvalFunction hook)
{
    PyThreadState *thread_state = current_thread_state();
    if (kinds[CALL_WITH_ARGUMENTS].picture.distance != 0 || tree.session != 0) {
        return true;
    }
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    _PyFrameEvalFunction evaluator = evaluators_get(interpreter);
    struct thread *thread = current_thread;
    current_thread = &no_thread;
    lesson.thread_state = thread_state;
    lesson.globals = PyFunction_GetGlobals(function);
    PyThreadState_EnterTracing(thread_state);
    evaluators_set(interpreter, hook);
    PyObject *result = PyObject_CallNoArgs(function);
    evaluators_set(interpreter, evaluator);
    PyThreadState_LeaveTracing(thread_state);
    lesson.thread_state = NULL;
    current_thread = thread;
    Py_XDECREF(result);
    return result != NULL;
}

/* ---- what has been learned ------------------------------------------------------------------ */

static bool
takes_so_many(const PyCodeObject *code, int arguments)
{
    return code->co_argcount == arguments && code->co_kwonlyargcount == 0 &&
           (code->co_flags & (CO_VARARGS | CO_VARKEYWORDS)) == 0;
}

/* Would the instruction be a specialised one by now? What keeps it from that is taken for the hook, where what is
 * known of the callee allows it. */
static bool
would_be_specialised(PyThreadState *thread_state, const struct kind *kind, interpreter_frame *caller,
                     interpreter_frame *frame)
{
    /* Where the piece of memory for frames is full, specialised instructions leave a call to others. */
    bool has_room = (PyObject **)frame != thread_state->datastack_chunk->data;
    const _Py_CODEUNIT *instruction = waiting_instruction(caller);
    const PyCodeObject *code = frame_code(frame);
    int opcode = opcode_of(frame_code(caller), instruction);
    if (!has_room || (opcode != kind->specialised && opcode != kind->opcode)) {
        return false;
    }
#if CLASS_CALLS_BYPASS_THE_HOOK
    if (kind == &kinds[MAKE_INSTANCE]) {
        PyObject *instance = frame_slot(frame, 0);
        return instance != NULL && instances_are_simple(Py_TYPE(instance)) &&
               takes_so_many(code, instruction->op.arg + 1);
    }
#endif
    if (opcode == kind->opcode && !was_not_specialised(instruction)) {
        return false;
    }
    if (kind == &kinds[ITERATE_GENERATOR]) {
        return (code->co_flags & CO_GENERATOR) != 0;
    }
    if (kind == &kinds[GET_ITEM]) {
        return takes_so_many(code, 2);
    }
    /* What is loaded to be called at once is found in another way. */
    bool is_called = (instruction->op.arg & 1) != 0;
    return !is_called && takes_so_many(code, kind == &kinds[GET_PROPERTY] ? 1 : 2);
}

static bool
stays_out_of_c(PyThreadState *thread_state, const struct kind *kind, interpreter_frame *caller,
               interpreter_frame *frame)
{
    if (kind->specialised != 0) {
        return would_be_specialised(thread_state, kind, caller, frame);
    }
    /* A coroutine that is iterated has an object around it, of which nothing is seen on the stack. */
    return kind != &kinds[RESUME_GENERATOR] || (frame_code(frame)->co_flags & CO_GENERATOR) != 0;
}

int
recursion_units_otherwise(PyThreadState *thread_state, interpreter_frame *caller,
                          interpreter_frame *frame, uintptr_t here)
{
    if (UNLIKELY(lesson.thread_state == thread_state) && caller != NULL &&
        frame_globals(frame) == lesson.globals) {
        learn(caller, frame, evaluator_of(thread_state, caller), here);
    }
    if (calls != SOME_STAY_OUT_OF_C || caller == NULL) {
        return calls == NOTHING_IS_KNOWN ? UNITS_OF_AN_EVALUATOR : 0;
    }
    uintptr_t evaluator = evaluator_of_any(thread_state, caller);
    uintptr_t distance = evaluator - here;
    for (int number = 0; number < KINDS; number++) {
        const struct kind *kind = &kinds[number];
        if (distances[number] == distance &&
            *(const uintptr_t *)(evaluator - kind->picture.place) == kind->picture.return_address &&
            stays_out_of_c(thread_state, kind, caller, frame)) {
            return kind->units;
        }
    }
    return 0;
}

#else

bool
recursion_learn(PyObject *function, _PyFrameEvalFunction hook)
{
    (void)function, (void)hook;
    return true;
}

void
recursion_expect(bool calls_stay_out_of_c)
{
    (void)calls_stay_out_of_c;
}

#endif
