/* What the tree and its threads need of each other. */

#ifndef CGLAB_THREADS_H
#define CGLAB_THREADS_H

#include "tree.h"

int threads_start(void);
void threads_stop(void);

/* The root context of a thread; NULL: no room. */
struct node *tree_root_for(struct thread *thread, const char *name);

/* A forked child has no file until it runs Python code; false when it could not have one. */
void threads_after_fork(void);
bool threads_child_is_pending(void);
bool threads_adopt(void);

#endif
