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

/* All that has a value goes into so many slots. The table has its size before anything is put there: what comes
 * in the order of its places would pile up in a small one. */
static bool
rebuild(struct table *table, uint64_t size)
{
    uint64_t old_size = table->slots == NULL ? 0 : table->mask + 1;
    struct table rebuilt = {calloc(size, sizeof(struct table_slot)), size - 1, 0};
    if (rebuilt.slots == NULL) {
        return false;
    }
    for (uint64_t index = 0; index < old_size; index++) {
        if (table->slots[index].value != 0) {
            insert(&rebuilt, table->slots[index].key, table->slots[index].value);
            rebuilt.count++;
        }
    }
    free(table->slots);
    *table = rebuilt;
    return true;
}

/* At most five slots in eight are taken: lookups of what is not there stay short. */
static bool
has_room(uint64_t size, uint64_t count)
{
    return count * 8 <= size * 5;
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
    uint64_t size = table->slots == NULL ? 0 : table->mask + 1;
    if (!has_room(size, table->count + 1) && !rebuild(table, size == 0 ? FEWEST_SLOTS : size * 2)) {
        return false;
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
table_sweep(struct table *table, bool (*is_kept)(uint64_t key, uint64_t value))
{
    if (table->slots == NULL) {
        return;
    }
    uint64_t kept = 0;
    for (uint64_t place = 0; place <= table->mask; place++) {
        struct table_slot *slot = &table->slots[place];
        if (slot->value != 0 && !is_kept(slot->key, slot->value)) {
            slot->value = 0; /* the key stays, so that what lies behind it is found */
        }
        kept += slot->value != 0;
    }
    uint64_t size = FEWEST_SLOTS;
    while (!has_room(size, kept + 1)) {
        size *= 2;
    }
    (void)rebuild(table, size);
}

void
table_clear(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}
