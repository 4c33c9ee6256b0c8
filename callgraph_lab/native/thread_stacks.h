/* Threads recurse as deep as untraced, also those for which the target asks for a small stack. */

#ifndef CGLAB_THREAD_STACKS_H
#define CGLAB_THREAD_STACKS_H

#include <stdbool.h>

/* Have threads that the target starts get larger stacks than it says; ``threading.stack_size()`` answers what it
 * has said. False and an exception: there was no memory. */
bool thread_stacks_enlarge(void);

#endif
