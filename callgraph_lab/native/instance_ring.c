#include "instance_ring.h"

#include "records.h"

#include <stdlib.h>
#include <string.h>

static struct records records;
static uint64_t keep, kept_apart;

/* Records that may be overwritten, the oldest first: a ring. */
static struct {
    struct ended {
        struct instance_record *record;
        struct action *action;
    } *items;
    uint64_t first, count, capacity;
} ended;

void
instance_ring_begin(uint64_t keep_instances)
{
    records_begin(&records, BLOCK_INSTANCES, sizeof(struct instance_record));
    keep = keep_instances;
    kept_apart = 0;
    ended.first = ended.count = 0;
}

void
instance_ring_end(void)
{
    free(ended.items);
    memset(&ended, 0, sizeof(ended));
}

void
instance_ring_give(struct instance *instance)
{
    if (ended.count == ended.capacity) {
        uint64_t larger = ended.capacity ? ended.capacity * 2 : 64;
        struct ended *items = malloc(larger * sizeof(*items));
        if (items == NULL) {
            return; /* it is there for good */
        }
        for (uint64_t place = 0; place < ended.count; place++) {
            items[place] = ended.items[(ended.first + place) % ended.capacity];
        }
        free(ended.items);
        ended.items = items;
        ended.first = 0;
        ended.capacity = larger;
    }
    ended.items[(ended.first + ended.count++) % ended.capacity] =
        (struct ended){instance->record, instance->action};
}

struct instance_record *
instance_ring_take(void)
{
    if (records.count < keep + kept_apart) {
        struct instance_record *record = records_next(&records);
        if (record != NULL) {
            records_publish(&records);
            return record;
        }
    }
    if (ended.count == 0) {
        return NULL;
    }
    struct ended former = ended.items[ended.first];
    ended.first = (ended.first + 1) % ended.capacity;
    ended.count--;
    struct action_record *totals = former.action->record;
    STORE(totals->dropped, totals->dropped + 1);
    MARK_FIRST(former.record->serial, 0u);
    return former.record;
}

void
instance_ring_keep(void)
{
    kept_apart++;
}

void
instance_ring_keep_no_more(struct instance *instance)
{
    kept_apart--;
    instance_ring_give(instance);
}
