/* Events: what sensors saw, in a ring of the live file. */

#ifndef CGLAB_EVENT_RING_H
#define CGLAB_EVENT_RING_H

#include "action_instances.h"

void events_begin(uint64_t keep);
/* Room for the next event, before there is one. */
void events_make_room(void);

/* Read the fields of a sensor into a text, key NUL value NUL: at the entry of its call, and those of self
 * at its exit where it is to fire then. */
void event_read_fields(struct text *text, const struct rule *rule, const struct reading *reading,
                       bool at_entry);
/* Write an event down. */
void event_put(uint32_t sensor, uint64_t ticks, uint64_t duration, const struct session *session,
               const struct instance *instance, uint32_t context, const struct text *text);

#endif
