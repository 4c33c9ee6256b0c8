/* The threads of the process that are recorded. */

#ifndef CGLAB_THREADS_H
#define CGLAB_THREADS_H

#include "tree.h"

/* Of threads that have not begun: it has no calls, and is of no recording. */
extern struct thread no_thread;

int threads_start(void);
void threads_stop(void);
/* No thread has open calls any more: what is open is left over. */
void threads_let_go(void);

/* A block of the thread's own in the live file, for so many open calls at least. */
struct thread_block *threads_append_block(struct thread *thread, size_t capacity);

/* The thread that runs, new or anew: NULL when there is no room. */
struct thread *threads_begin(interpreter_frame *frame);

/* A forked child has no file until it runs Python code. Then the calls that are open get their
 * contexts there from ``context_of``, callers first; false: no room. Those of threads that did not fork are
 * left over. */
void threads_after_fork(void);
/* In a forked child that could not leave its parent's file: nothing is stored in it. */
void threads_have_no_blocks(void);
bool threads_child_is_pending(void);
bool threads_adopt(struct node *(*context_of)(struct thread *, struct open_call *));

#endif
