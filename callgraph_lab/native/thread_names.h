/* What threads are called. */

#ifndef CGLAB_THREAD_NAMES_H
#define CGLAB_THREAD_NAMES_H

#include "compat.h"
#include "text.h"

/* 0, or -1 and an exception. */
int thread_names_start(void);
/* Append the name of the thread that runs, whose first frame is given. */
void thread_name_put(interpreter_frame *frame, struct text *name);
/* Are two names the same but for numbers? Servers start threads named Thread-1, Thread-2 and so on
 * without end; those that followed each other share one tree. */
bool thread_names_are_alike(const char *left, const char *right);
/* The name of the thread that runs where too many have had a name of their own: of its class or its first
 * function. */
void thread_name_put_shared(interpreter_frame *frame, struct text *name);

#endif
