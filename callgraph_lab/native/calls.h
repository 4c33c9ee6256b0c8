/* The open calls of a thread: records in chunks of their own, and the stack of them in its block. */

#ifndef CGLAB_CALLS_H
#define CGLAB_CALLS_H

#include "tree.h"

#define CALLS_IN_A_CHUNK 127

struct open_call_chunk {
    struct open_call calls[CALLS_IN_A_CHUNK];
    struct open_call_chunk *next;
    char unused[CACHE_LINE_BYTES - sizeof(struct open_call_chunk *)];
};

/* Free records: NULL, or the first of some that the thread has got. */
struct open_call *calls_more(struct thread *thread);

/* The place for so many open calls in the thread's block, which has had no room for the last of them. */
struct open_entry *calls_grow_stack(struct thread *thread, uint32_t depth);

/* Write the stack of open calls that ends in ``top`` anew. */
void calls_restack(struct thread *thread, struct open_call *top);

/* Of a context with which there is more to do than to count (``is_special``). */
void calls_entered_special(struct thread *thread, struct open_call *call);
void calls_left_special(struct thread *thread, struct open_call *call, uint64_t now);

/* The evaluator has refused a call with RecursionError: it is taken back. */
void calls_refused(struct thread *thread, struct open_call *call);

/* How long a call that seems to have taken long is to be counted. */
uint64_t calls_took_long(struct thread *thread, struct open_call *call, uint64_t elapsed);

/* The call is over, and it is not the thread's top. */
void calls_end_elsewhere(struct thread *thread, struct open_call *call);

/* All calls of the thread that are open in this recording, in no order. */
void calls_visit(struct thread *thread, void (*visit)(struct open_call *));

/* In a forked child: give the calls that were open contexts in the child's file, callers first.
 * False: no room. */
bool calls_inherit(struct thread *thread,
                   struct node *(*context_of)(struct thread *, struct open_call *));

#endif
