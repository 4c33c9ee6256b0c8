/* Another tool that has put its evaluator in the place of ours, or removed ours, past what stands in for the functions
 * that do so: noticed where we look. */

#ifndef CGLAB_HOOK_LOST_H
#define CGLAB_HOOK_LOST_H

#include "compat.h"

/* The hook is just being put in. */
void hook_lost_begin(void);
/* Are calls made past the hook, since another evaluator stands in its place that does not call it? Then ``reason`` says
 * so, and whose it is. Evaluates something, where there is another. */
bool hook_is_lost(char *reason, size_t bytes);
/* Note when that has come about, and ended. Called now and then while calls are recorded; costs next to nothing. */
void hook_look_after(void);

#endif
