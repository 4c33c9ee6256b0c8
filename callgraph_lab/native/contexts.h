/* Contexts: making one, finding the child of one, and the budget of them. */

#ifndef CGLAB_CONTEXTS_H
#define CGLAB_CONTEXTS_H

#include "tree.h"

struct node_chunk;

/* There are none, in a file of their own. Returns those that there were until now. */
struct node_chunk *contexts_start(void);
void contexts_free(struct node_chunk *chunk);

/* The root context of a thread; NULL: no room. */
struct node *contexts_root(struct thread *thread, const char *name);

/* The child of a context for a function under a label; NULL: no room, errno says why. */
struct node *contexts_child(struct thread *thread, struct node *parent, uint32_t function,
                            uint32_t label);

#endif
