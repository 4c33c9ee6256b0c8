/* The records of instances in the live file: so many are kept, then the oldest of those that have ended are
 * overwritten, save those whose lanes are kept. */

#ifndef CGLAB_INSTANCE_RING_H
#define CGLAB_INSTANCE_RING_H

#include "action_instances.h"

void instance_ring_begin(uint64_t keep);
void instance_ring_end(void);
/* A place in the file for an instance, or NULL. */
struct instance_record *instance_ring_take(void);
/* An instance has ended: its record may be overwritten. */
void instance_ring_give(struct instance *instance);
/* Or it is to stay, and does not count; and then it is not to stay any more. */
void instance_ring_keep(void);
void instance_ring_keep_no_more(struct instance *instance);

#endif
