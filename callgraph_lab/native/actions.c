#include "actions.h"

#include "records.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct records action_records, label_records;
static struct action **actions; /* by id - 1 */
static struct label **labels;   /* by id - 1 */
static uint32_t action_count, label_count, label_capacity;

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

struct label *
label_new(struct action *action)
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
    action->shared = label_new(action);
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
    action_count = label_count = label_capacity = 0;
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

bool
action_is_named(const struct action *action, const char *name, size_t bytes)
{
    bytes = text_bytes_within(name, bytes, ACTION_NAME_BYTES);
    return strncmp(action->name, name, bytes) == 0 && action->name[bytes] == '\0' &&
           !(action->flags & ACTION_IS_BACKGROUND);
}

struct action *
action_named(const char *name, size_t bytes, bool once)
{
    for (uint32_t index = 0; index < action_count; index++) {
        if (action_is_named(actions[index], name, bytes)) {
            return actions[index];
        }
    }
    if (action_count < LABEL_SHUTDOWN + MOST_ACTIONS) {
        return new_action(name, text_bytes_within(name, bytes, ACTION_NAME_BYTES),
                          once ? ACTION_IS_ONCE : 0);
    }
    if (action_count == LABEL_SHUTDOWN + MOST_ACTIONS) {
        return new_action("(other)", 7, 0);
    }
    return actions[action_count - 1];
}

/* How many labels are of lanes other than 0. */
uint32_t
labels_apart(void)
{
    return label_count - action_count;
}

void
label_add_node(struct label *label, struct node *node)
{
    node->next_of_label = label->nodes;
    label->nodes = node;
}
