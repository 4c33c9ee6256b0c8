/* The limit on recursion in C, which calls are not to come closer to under the hook than they do without. */

#ifndef CGLAB_RECURSION_H
#define CGLAB_RECURSION_H

#include "compat.h"

/* Find out what ``function`` shows, a program that makes a call in each way there is; without effect where
 * recursion in C is not counted. False: an exception is set. */
bool recursion_learn(PyObject *function, _PyFrameEvalFunction hook);

/* Would the interpreter make calls between Python functions without C, were there no hook? */
void recursion_expect(bool calls_stay_out_of_c);

#if C_RECURSION_IS_COUNTED
#define UNITS_OF_AN_EVALUATOR 2
/* A constructor without a hook has a frame around it, which counts as one. */
#define AND_A_FRAME 0x100

/* What the stack looks like when the hook is entered by a call of a certain kind. */
struct stack_picture {
    uintptr_t distance;       /* from the caller's evaluator down to the hook's frame */
    uintptr_t place;          /* from the evaluator down to where it is to go on */
    uintptr_t return_address; /* which tells what the evaluator is doing */
};

extern struct stack_picture recursion_plain_call;

/* A call of any other kind. */
int recursion_units_otherwise(PyThreadState *thread_state, interpreter_frame *caller,
                              interpreter_frame *frame, uintptr_t here);

/* How many units of C recursion this call takes that it would not take without the hook. ``here`` is the address of
 * the hook's own frame. */
static inline __attribute__((always_inline)) int
recursion_units(PyThreadState *thread_state, interpreter_frame *frame, uintptr_t here)
{
    interpreter_frame *caller = raw_current_frame(thread_state);
    uintptr_t evaluator = evaluator_of(thread_state, caller);
    if (LIKELY(evaluator - here == recursion_plain_call.distance) &&
        LIKELY(*(const uintptr_t *)(evaluator - recursion_plain_call.place) ==
               recursion_plain_call.return_address)) {
        return UNITS_OF_AN_EVALUATOR;
    }
    return recursion_units_otherwise(thread_state, caller, frame, here);
}

static inline void
recursion_give(PyThreadState *thread_state, int units)
{
#if CLASS_CALLS_BYPASS_THE_HOOK
    if (UNLIKELY(units >= AND_A_FRAME)) {
        thread_state->py_recursion_remaining--;
        units -= AND_A_FRAME;
    }
#endif
    thread_state->c_recursion_remaining += units;
}

static inline void
recursion_take(PyThreadState *thread_state, int units)
{
#if CLASS_CALLS_BYPASS_THE_HOOK
    if (UNLIKELY(units >= AND_A_FRAME)) {
        thread_state->py_recursion_remaining++;
        units -= AND_A_FRAME;
    }
#endif
    thread_state->c_recursion_remaining -= units;
}
#endif

#endif
