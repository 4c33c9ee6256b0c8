/* Passes of the event loop that took too long, and the call that held them up. */

#ifndef CGLAB_STALLS_H
#define CGLAB_STALLS_H

#include "tree.h"

void stalls_start(uint64_t threshold_ns);
void stalls_stop(void);
/* In a forked child: its contexts are new. */
void stalls_adopt(void);
void stalls_pass_begins(struct thread *thread, struct open_call *pass);
void stalls_pass_ended(struct thread *thread, struct open_call *pass, uint64_t now);
/* A context has got a child. */
void stalls_note_child(const struct node *parent, struct node *child);
/* A call took longer than tree.long_call_ticks. */
void stalls_note_call(struct thread *thread, const struct open_call *call, uint64_t ticks);

#endif
