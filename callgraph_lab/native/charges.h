/* Whom a thread's time goes to: the action that it serves, or the background phase that the process is in.
 * Clocks are read only when that changes. */

#ifndef CGLAB_CHARGES_H
#define CGLAB_CHARGES_H

#include "action_instances.h"

/* startup, idle or shutdown; 0 where there is no event map. */
extern uint32_t background_label;

void background_start(void);
void background_stop(void);
/* A pass of the event loop begins, or an outermost loop of a thread begins or has ended. */
void background_pass(struct thread *thread, uint64_t now);
void background_loop_begins(struct thread *thread, uint64_t now);
void background_loop_ended(struct thread *thread, uint64_t now);

/* The thread is new: its time is the background's, from now on. */
void charges_begin(struct thread *thread);
/* The thread is in a new process: what it did in the other is not counted. */
void charges_begin_child(struct thread *thread);
/* Until now the time went to whom it did; from now on to these (NULL: the background). */
void charge_to(struct thread *thread, struct action *action, struct instance *instance,
               uint64_t now);
/* The same go on, with what has been theirs counted. */
void charge_now(struct thread *thread, uint64_t now);

#endif
