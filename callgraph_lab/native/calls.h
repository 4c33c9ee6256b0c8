/* The open calls of a thread: records in chunks of their own, and the stack of them in its block. */

#ifndef CGLAB_CALLS_H
#define CGLAB_CALLS_H

#include "tree.h"

#define CALLS_IN_A_CHUNK 128

struct open_call_chunk {
    struct open_call_chunk *next;
    struct open_call calls[CALLS_IN_A_CHUNK];
};

/* All calls of the thread that are open in this recording, in no order. */
void calls_visit(struct thread *thread, void (*visit)(struct open_call *));

/* In a forked child: give the calls that were open contexts in the child's file, callers first. No two
 * adoptions have the same number. False: no room. */
bool calls_inherit(struct thread *thread, uint32_t adoption,
                   struct node *(*context_of)(struct thread *, struct open_call *));

#endif
