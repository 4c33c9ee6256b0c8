/* Snapshots of the heap at the end of actions: which are taken, and which of them are kept. */

#ifndef CGLAB_HEAP_ACTIONS_H
#define CGLAB_HEAP_ACTIONS_H

#include "compat.h"

struct action;

/* Are any wanted? Then the hook looks, at the end of each call, whether one is due. */
extern bool heap_wants_actions;
extern bool heap_action_is_due;

/* ``patterns`` are a tuple of globs of the names of actions; upper and lower case are one. -1 and an
 * exception where there is no memory. */
int heap_actions_start(PyObject *patterns);
/* An instance of the action has ended in this process. */
void heap_action_ended(const struct action *action);
/* Take what is due. An exception that is set stays so. */
void heap_take_after_actions(void);

#endif
