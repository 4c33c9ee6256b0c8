/* Whose call it is: callers that are not the last call entered. */

#ifndef CGLAB_CALLERS_H
#define CGLAB_CALLERS_H

#include "tree.h"

/* The open call of the frame that runs now, when it is not the last one entered: another greenlet's, or
 * one further out, or one that was there before recording began. */
struct open_call *callers_find(struct thread *thread, interpreter_frame *raw_frame,
                               interpreter_frame *entered);

/* The open call that runs now, where stacks take turns; nothing changes. The interpreter lock is needed. */
struct open_call *callers_running_call(struct thread *thread);

/* The open call that a frame is, in any stack of the thread; NULL: none. */
struct open_call *callers_call_of_frame(struct thread *thread, interpreter_frame *frame);

/* A call that was found on the stack is over when its caller goes on without it. One that ``until`` is
 * called from is not: the thread's top may be further out, while what an ended frame held is freed. */
void callers_end_found(struct thread *thread, struct open_call *until);

#endif
