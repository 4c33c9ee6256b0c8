/* Figures of memory of one instance of an action, apart from those of the instances before it that had its
 * lane. All of them together are the context's. */

#ifndef CGLAB_MEMORY_INSTANCES_H
#define CGLAB_MEMORY_INSTANCES_H

#include "tree.h"

/* From now on a context of a lane counts for another instance. Nothing happens where memory is not counted.
 * False: no room, errno says why. Needs the interpreter lock. */
bool memory_instances_next(struct node *node);

/* The file is another one, or none. */
void memory_instances_forget(void);

#endif
