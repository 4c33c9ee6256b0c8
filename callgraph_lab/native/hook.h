/* The frame evaluation hook: what runs around every Python call. */

#ifndef CGLAB_HOOK_H
#define CGLAB_HOOK_H

#include "compat.h"

/* Learn what calls look like, from a program that makes one of each kind. False: an exception is set. */
bool hook_learn(PyObject *function);
/* Put the hook around whatever evaluates frames now. */
void hook_install(void);
/* Take it away again. False when somebody else has put theirs around or in the place of ours since. */
bool hook_remove(void);
bool hook_is_installed(void);
/* Have the one that ours calls in the place of ours for a moment in which nothing is evaluated, and put ours around
 * whatever is there afterwards. False: there is another one around ours, and nothing is changed. */
bool hook_step_aside(void);
void hook_step_back(void);
/* Does the evaluator that stands in the place of ours call ours? Something is evaluated, to see. */
bool hook_is_called_by_others(void);
/* What other tools are shown in the place of ours: the one that it calls. NULL: ours is not in its place. */
_PyFrameEvalFunction hook_seen_by_others(PyInterpreterState *interpreter);
/* Have what another tool installs called by ours. False: ours is not in its place, and nothing is changed. */
bool hook_put_below(PyInterpreterState *interpreter, _PyFrameEvalFunction function);
/* For a frame that the hook was entered for already: does the evaluator below call ours in turn, which it has found by
 * another way? Then it goes where it wants to be, above. */
bool hook_is_called_from_below(void);
/* Was there another one before ours, that is called by it now? */
bool hook_has_predecessor(void);

#endif
