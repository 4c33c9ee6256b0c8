#include "actions.h"

#include "action_instances.h"
#include "records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LANES 512u

static struct records action_records, label_records;
static struct action **actions; /* by id - 1 */
static struct label **labels;   /* by id - 1 */
static uint32_t action_count, label_count, label_capacity;
static uint32_t lane_count; /* those that are not lane 0 */

struct label *
label_of(uint32_t id)
{
    return labels[id - 1];
}

struct action *
action_of(uint32_t id)
{
    return actions[id - 1];
}

static bool
write_action(struct action *action)
{
    struct action_record *record = records_next(&action_records);
    if (record == NULL) {
        return false;
    }
    record->name_bytes = (uint32_t)strlen(action->name);
    memcpy(record->name, action->name, record->name_bytes);
    record->flags = action->flags;
    action->record = record;
    records_publish(&action_records);
    return true;
}

static bool
write_label(struct label *label)
{
    struct label_record *record = records_next(&label_records);
    if (record == NULL) {
        return false;
    }
    record->action = label->action->id;
    record->lane = label->lane;
    label->record = record;
    records_publish(&label_records);
    return true;
}

static struct label *
new_label(struct action *action)
{
    if (label_count == label_capacity) {
        uint32_t larger = label_capacity ? label_capacity * 2 : 64;
        struct label **grown = realloc(labels, larger * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        labels = grown;
        label_capacity = larger;
    }
    struct label *label = calloc(1, sizeof(*label));
    if (label == NULL) {
        return NULL;
    }
    label->id = label_count + 1;
    label->action = action;
    label->lane = action->lane_count;
    if (!write_label(label)) {
        free(label);
        return NULL;
    }
    action->lane_count++;
    labels[label_count++] = label;
    return label;
}

static struct action *
new_action(const char *name, size_t bytes, uint32_t flags)
{
    struct action *action = calloc(1, sizeof(*action));
    if (action == NULL) {
        return NULL;
    }
    memcpy(action->name, name, bytes);
    action->id = action_count + 1;
    action->flags = flags;
    if (!write_action(action)) {
        free(action);
        return NULL;
    }
    actions[action_count++] = action;
    action->shared = new_label(action);
    return action->shared == NULL ? NULL : action;
}

bool
actions_start(void)
{
    records_begin(&action_records, BLOCK_ACTIONS, sizeof(struct action_record));
    records_begin(&label_records, BLOCK_LABELS, sizeof(struct label_record));
    actions = calloc(MOST_ACTIONS + 4, sizeof(struct action *));
    return actions != NULL && new_action("startup", 7, ACTION_IS_BACKGROUND) != NULL &&
           new_action("idle", 4, ACTION_IS_BACKGROUND) != NULL &&
           new_action("shutdown", 8, ACTION_IS_BACKGROUND) != NULL;
}

void
actions_stop(void)
{
    for (uint32_t index = 0; index < action_count; index++) {
        free(actions[index]->free_lanes);
        free(actions[index]);
    }
    for (uint32_t index = 0; index < label_count; index++) {
        free(labels[index]);
    }
    free(actions);
    free(labels);
    actions = NULL;
    labels = NULL;
    action_count = label_count = label_capacity = lane_count = 0;
}

bool
actions_adopt(void)
{
    records_begin(&action_records, BLOCK_ACTIONS, sizeof(struct action_record));
    records_begin(&label_records, BLOCK_LABELS, sizeof(struct label_record));
    for (uint32_t index = 0; index < action_count; index++) {
        struct action *action = actions[index];
        if (!write_action(action)) {
            return false;
        }
        action->first = action->last = NULL;
        memset(action->slowest, 0, sizeof(action->slowest));
    }
    for (uint32_t index = 0; index < label_count; index++) {
        struct label *label = labels[index];
        if (!write_label(label)) {
            return false;
        }
        label->nodes = NULL;
        label->roles = 0;
        label->open_entries = 0;
    }
    return true;
}

void
actions_give_back(void)
{
    for (uint32_t index = 0; index < label_count; index++) {
        lane_give_back(labels[index]);
    }
}

struct action *
action_named(const char *name, size_t bytes, bool once)
{
    if (bytes > ACTION_NAME_BYTES) {
        bytes = ACTION_NAME_BYTES;
        while (bytes > 0 && ((unsigned char)name[bytes] & 0xC0) == 0x80) {
            bytes--;
        }
    }
    for (uint32_t index = 0; index < action_count; index++) {
        const char *known = actions[index]->name;
        if (strncmp(known, name, bytes) == 0 && known[bytes] == '\0' &&
            !(actions[index]->flags & ACTION_IS_BACKGROUND)) {
            return actions[index];
        }
    }
    if (action_count < LABEL_SHUTDOWN + MOST_ACTIONS) {
        return new_action(name, bytes, once ? ACTION_IS_ONCE : 0);
    }
    if (action_count == LABEL_SHUTDOWN + MOST_ACTIONS) {
        return new_action("(other)", 7, 0);
    }
    return actions[action_count - 1];
}

/* ---- lanes -------------------------------------------------------------------------------- */

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
        }
        instance_release(lane->instance);
    }
    else if (lane_count == MOST_LANES) {
        return action->shared;
    }
    else {
        lane = new_label(action);
        if (lane == NULL) {
            return NULL;
        }
        lane_count++;
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

void
label_add_node(struct label *label, struct node *node)
{
    node->next_of_label = label->nodes;
    label->nodes = node;
}
