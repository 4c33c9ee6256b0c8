#include "memory_instances.h"

#include "growing.h"
#include "memory.h"
#include "memory_columns.h"
#include "tree.h"

#include <stdlib.h>

#define BLOCK_BYTES (16u * 1024u)
#define RECORDS_A_BLOCK (BLOCK_BYTES / sizeof(struct instance_memory_record) - 1)

/* Records that blocks still point to, of instances that are over; and those that are free again. */
static struct instance_memory_record **retired, **unused;
static uint32_t retired_count, retired_capacity, unused_count, unused_capacity;
static uint32_t next_to_look_at;
static struct block_header *latest;
static struct instance_memory_record *next_record;
static uint32_t records_left;

void
memory_instances_forget(void)
{
    free(retired);
    free(unused);
    retired = unused = NULL;
    retired_count = retired_capacity = unused_count = unused_capacity = next_to_look_at = 0;
    latest = NULL;
    records_left = 0;
}

static bool
is_held(const struct memory_record *record)
{
    for (int side = 0; side < MEMORY_SIDES; side++) {
        if (record->sides[side].allocated != record->sides[side].returned) {
            return true;
        }
    }
    return false;
}

static bool
is_blank(const struct memory_record *record)
{
    uint64_t sum = 0;
    for (int side = 0; side < MEMORY_SIDES; side++) {
        sum |= record->sides[side].allocated | record->sides[side].freed;
    }
    return sum == 0;
}

/* Figures go from a record that no block points to to the one of the context. */
static void
move_figures(struct memory_record *from, struct memory_record *to)
{
    for (int side = 0; side < MEMORY_SIDES; side++) {
        struct memory_figures *source = &from->sides[side], *target = &to->sides[side];
        struct memory_figures moved = *source;
        STORE(source->allocated, 0u);
        STORE(source->blocks, 0u);
        STORE(source->freed, 0u);
        STORE(source->returned, 0u);
        STORE(target->allocated, target->allocated + moved.allocated);
        STORE(target->blocks, target->blocks + moved.blocks);
        STORE(target->freed, target->freed + moved.freed);
        STORE(target->returned, target->returned + moved.returned);
    }
}

/* Of two that are kept for their blocks, for each that is added: what is freed in the end is used again,
 * and nobody waits for a long search. The raw lock is held. */
static void
look_at_retired(void)
{
    for (int round = 0; round < 2 && retired_count > 0; round++) {
        next_to_look_at = next_to_look_at < retired_count ? next_to_look_at : 0;
        struct instance_memory_record *record = retired[next_to_look_at];
        if (is_held(&record->figures)) {
            next_to_look_at++;
            continue;
        }
        move_figures(&record->figures, memory_record_of(record->context));
        STORE(record->context, NO_CONTEXT);
        unused[unused_count++] = record;
        retired[next_to_look_at] = retired[--retired_count];
    }
}

static struct instance_memory_record *
new_record(void)
{
    if (unused_count > 0) {
        return unused[--unused_count];
    }
    if (records_left == 0) {
        latest = arena_append(BLOCK_INSTANCE_MEMORY, BLOCK_BYTES - sizeof(*latest), 0, 0);
        if (latest == NULL) {
            return NULL;
        }
        next_record = (struct instance_memory_record *)(latest + 1);
        records_left = (uint32_t)RECORDS_A_BLOCK;
    }
    records_left--;
    return next_record++;
}

static struct instance_memory_record *
record_around(struct memory_record *figures)
{
    return (struct instance_memory_record *)((char *)figures -
                                             offsetof(struct instance_memory_record, figures));
}

static bool
begin_record(struct node *node)
{
    struct instance_memory_record *record = new_record();
    if (record == NULL) {
        return false;
    }
    STORE(record->is_current, 1u);
    STORE(record->context, node->id);
    PUBLISH(latest->used, (uint64_t)(RECORDS_A_BLOCK - records_left));
    PUBLISH(node->memory, &record->figures);
    return true;
}

static bool
next_instance(struct node *node)
{
    struct memory_record *of_context = memory_record_of(node->id);
    if (is_blank(node->memory)) {
        return true;
    }
    if (node->memory == of_context) {
        return begin_record(node);
    }
    if (!is_held(node->memory)) {
        move_figures(node->memory, of_context);
        return true;
    }
    if (!grow_array((void **)&retired, &retired_capacity, retired_count, sizeof(*retired)) ||
        !grow_array((void **)&unused, &unused_capacity, unused_count + 1, sizeof(*unused))) {
        return false;
    }
    struct instance_memory_record *former = record_around(node->memory);
    STORE(former->is_current, 0u);
    retired[retired_count++] = former;
    look_at_retired();
    return begin_record(node);
}

bool
memory_instances_next(struct node *node)
{
    if (!tree.counts_memory || node->memory == NULL) {
        return true;
    }
    memory_lock_raw();
    bool ready = next_instance(node);
    memory_unlock_raw();
    return ready;
}
