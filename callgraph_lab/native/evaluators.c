#include "evaluators.h"

#include "hook.h"
#include "symbols.h"

typedef _PyFrameEvalFunction (*get_function)(PyInterpreterState *);
typedef void (*set_function)(PyInterpreterState *, _PyFrameEvalFunction);

/* By their addresses, whatever the compiler knows of them: a call by name may come to what stands in for them. */
static const volatile get_function get_evaluator = _PyInterpreterState_GetEvalFrameFunc;
static const volatile set_function set_evaluator = _PyInterpreterState_SetEvalFrameFunc;
static bool stands_in;

_PyFrameEvalFunction
evaluators_get(PyInterpreterState *interpreter)
{
    return get_evaluator(interpreter);
}

void
evaluators_set(PyInterpreterState *interpreter, _PyFrameEvalFunction evaluate)
{
    set_evaluator(interpreter, evaluate);
}

/* ---- for other tools; the first may be called without a thread state ------------------------ */

static _PyFrameEvalFunction
get_for_others(PyInterpreterState *interpreter)
{
    _PyFrameEvalFunction below = stands_in ? hook_seen_by_others(interpreter) : NULL;
    return below != NULL ? below : evaluators_get(interpreter);
}

static void
set_for_others(PyInterpreterState *interpreter, _PyFrameEvalFunction evaluate)
{
    if (!stands_in || !hook_put_below(interpreter, evaluate)) {
        evaluators_set(interpreter, evaluate);
    }
}

void
evaluators_stand_in(void)
{
    static bool was_tried;
    if (was_tried) {
        return;
    }
    was_tried = true;
    /* Either both are ours or none: until the last, they pass everything on. */
    stands_in = symbols_replace("_PyInterpreterState_GetEvalFrameFunc",
                                (any_function)get_evaluator, (any_function)get_for_others) &&
                symbols_replace("_PyInterpreterState_SetEvalFrameFunc",
                                (any_function)set_evaluator, (any_function)set_for_others);
}
