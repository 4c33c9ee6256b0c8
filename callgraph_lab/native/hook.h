/* The frame evaluation hook: what runs around every Python call. */

#ifndef CGLAB_HOOK_H
#define CGLAB_HOOK_H

#include "compat.h"

/* Put the hook around whatever evaluates frames now. */
void hook_install(void);
/* Take it away again. False when somebody else has put theirs around or in the place of ours since. */
bool hook_remove(void);
bool hook_is_installed(void);
/* Have the one that ours calls in the place of ours for a moment in which nothing is evaluated, and put ours around
 * whatever is there afterwards. False: there is another one around ours, and nothing is changed. */
bool hook_step_aside(void);
void hook_step_back(void);
/* Are calls made past the hook, since another evaluator stands in its place that does not call it? Then ``reason`` says
 * so, and whose it is. Evaluates something, where there is another. */
bool hook_is_lost(char *reason, size_t bytes);
/* Note when that has come about, and ended. Called now and then while calls are recorded; costs next to nothing. */
void hook_look_after(void);
/* Was there another one before ours, that is called by it now? */
bool hook_has_predecessor(void);

#endif
