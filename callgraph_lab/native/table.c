#include "table.h"

#define FEWEST_SLOTS 256u

static void
insert(struct table *table, uint64_t key, uint64_t value)
{
    uint64_t place = table_hash(key);
    while (table->slots[place & table->mask].key != 0) {
        place++;
    }
    table->slots[place & table->mask] = (struct table_slot){key, value};
}

static bool
grow(struct table *table)
{
    uint64_t old_size = table->slots == NULL ? 0 : table->mask + 1;
    uint64_t size = old_size == 0 ? FEWEST_SLOTS : old_size * 2;
    struct table bigger = {calloc(size, sizeof(struct table_slot)), size - 1, table->count};
    if (bigger.slots == NULL) {
        return false;
    }
    for (uint64_t index = 0; index < old_size; index++) {
        if (table->slots[index].key != 0) {
            insert(&bigger, table->slots[index].key, table->slots[index].value);
        }
    }
    free(table->slots);
    *table = bigger;
    return true;
}

bool
table_put(struct table *table, uint64_t key, uint64_t value)
{
    if (table->slots != NULL) {
        for (uint64_t place = table_hash(key);; place++) {
            struct table_slot *slot = &table->slots[place & table->mask];
            if (slot->key == key) {
                slot->value = value;
                return true;
            }
            if (slot->key == 0) {
                break;
            }
        }
    }
    /* At most five slots in eight are taken: lookups of what is not there stay short. */
    if (table->slots == NULL || (table->count + 1) * 8 > (table->mask + 1) * 5) {
        if (!grow(table)) {
            return false;
        }
    }
    insert(table, key, value);
    table->count++;
    return true;
}

void
table_remove(struct table *table, uint64_t key)
{
    if (table->slots == NULL) {
        return;
    }
    uint64_t place = table_hash(key) & table->mask;
    while (table->slots[place].key != key) {
        if (table->slots[place].key == 0) {
            return;
        }
        place = (place + 1) & table->mask;
    }
    /* Move later entries of the same run back, so that no marker of a removed one is needed. */
    uint64_t hole = place;
    for (uint64_t next = (hole + 1) & table->mask; table->slots[next].key != 0;
         next = (next + 1) & table->mask) {
        uint64_t home = table_hash(table->slots[next].key) & table->mask;
        if (((next - home) & table->mask) >= ((next - hole) & table->mask)) {
            table->slots[hole] = table->slots[next];
            hole = next;
        }
    }
    table->slots[hole] = (struct table_slot){0, 0};
    table->count--;
}

void
table_clear(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}
