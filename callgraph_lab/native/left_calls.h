/* The open calls of stacks that another one has taken over from (greenlets), found by their frames. */

#ifndef CGLAB_LEFT_CALLS_H
#define CGLAB_LEFT_CALLS_H

#include "tree.h"

/* The thread goes on elsewhere: its last call and the callers of that may be looked for later. A call
 * is put here once, however often its stack is left, so that a switch costs what has been called since
 * the last one. */
void left_calls_add(struct thread *thread);

/* The open call of a frame: one that was entered, or one that was found on a stack. NULL: none here. */
struct open_call *left_calls_entered(const struct thread *thread, interpreter_frame *frame);
struct open_call *left_calls_found(const struct thread *thread, interpreter_frame *frame);

/* A call that has been found on a stack. */
void left_calls_add_found(struct thread *thread, struct open_call *call);

void left_calls_clear(struct thread *thread);

#endif
