/* Lanes: taken by an instance that begins, kept for some that have ended, given back. */

#include "action_instances.h"
#include "memory_instances.h"

#include <stdlib.h>

#define MOST_LANES 512u

struct label *
lane_take(struct action *action, struct instance *instance)
{
    struct label *lane;
    if (action->free_count > 0) {
        lane = action->free_lanes[--action->free_count];
        lane->is_free = false;
        STORE(lane->record->instance, 0u);
        for (struct node *node = lane->nodes; node != NULL; node = node->next_of_label) {
            struct context_record *record = node->record;
            STORE(record->base_calls, record->calls);
            STORE(record->base_resumes, (uint32_t)record->resumes);
            STORE(record->base_ticks, record->ticks);
            if (!memory_instances_next(node)) {
                return NULL;
            }
        }
        instance_release(lane->instance);
    }
    else if (labels_apart() >= MOST_LANES) {
        return action->shared;
    }
    else {
        lane = label_new(action);
        if (lane == NULL) {
            return NULL;
        }
    }
    lane->instance = instance;
    instance_keep(instance);
    return lane;
}

void
lane_show_instance(struct label *lane, uint64_t serial)
{
    if (lane->lane != 0) {
        PUBLISH(lane->record->instance, serial);
    }
}

void
lane_give_back(struct label *lane)
{
    struct action *action = lane->action;
    if (lane->lane == 0 || lane->is_free || lane->roles != 0 || lane->open_entries != 0 ||
        instance_is_open(lane->instance)) {
        return;
    }
    if (action->free_count == action->free_capacity) {
        uint32_t larger = action->free_capacity ? action->free_capacity * 2 : 8;
        struct label **grown = realloc(action->free_lanes, larger * sizeof(*grown));
        if (grown == NULL) {
            return; /* one lane the less */
        }
        action->free_lanes = grown;
        action->free_capacity = larger;
    }
    action->free_lanes[action->free_count++] = lane;
    lane->is_free = true;
}

static void
drop_role(struct label *lane, enum lane_roles role)
{
    if (lane != NULL) {
        lane->roles &= (uint8_t)~role;
        if (lane->roles == 0) {
            instance_is_not_kept(lane->instance);
            lane_give_back(lane);
        }
    }
}

void
lane_ended(struct label *lane, uint64_t duration)
{
    struct action *action = lane->action;
    if (lane->lane == 0) {
        return;
    }
    lane->roles = LANE_OF_LAST;
    if (action->first == NULL) {
        action->first = lane;
        lane->roles |= LANE_OF_FIRST;
    }
    struct label *former = action->last;
    action->last = lane;
    drop_role(former, LANE_OF_LAST);
    int fastest = 0;
    for (int place = 0; place < SLOWEST_KEPT; place++) {
        if (action->slowest[place] == NULL) {
            fastest = place;
            break;
        }
        if (action->slowest_ticks[place] < action->slowest_ticks[fastest]) {
            fastest = place;
        }
    }
    if (action->slowest[fastest] == NULL || duration > action->slowest_ticks[fastest]) {
        former = action->slowest[fastest];
        action->slowest[fastest] = lane;
        action->slowest_ticks[fastest] = duration;
        lane->roles |= LANE_OF_SLOWEST;
        drop_role(former, LANE_OF_SLOWEST);
    }
}
