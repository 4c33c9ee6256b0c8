/* Who evaluates frames, as the interpreter has it and as other tools see it. */

#ifndef CGLAB_EVALUATORS_H
#define CGLAB_EVALUATORS_H

#include "compat.h"

/* Have other tools that install an evaluator, or ask which one there is, come to hook_put_below() and
 * hook_seen_by_others() first. A second time does nothing. Where it cannot be done they go on as they were. */
void evaluators_stand_in(void);

/* The interpreter's own, past that. */
_PyFrameEvalFunction evaluators_get(PyInterpreterState *interpreter);
void evaluators_set(PyInterpreterState *interpreter, _PyFrameEvalFunction evaluate);

#endif
