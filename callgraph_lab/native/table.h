/* An open-addressing table from 64-bit keys to 64-bit values. Key 0 and value 0 mean "nothing". */

#ifndef CGLAB_TABLE_H
#define CGLAB_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct table_slot {
    uint64_t key;
    uint64_t value;
};

struct table {
    struct table_slot *slots;
    uint64_t mask;
    uint64_t count;
};

static inline uint64_t
table_hash(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ (key >> 32);
}

static inline uint64_t
table_get(const struct table *table, uint64_t key)
{
    if (table->slots == NULL) {
        return 0;
    }
    for (uint64_t place = table_hash(key);; place++) {
        const struct table_slot *slot = &table->slots[place & table->mask];
        if (slot->key == key) {
            return slot->value;
        }
        if (slot->key == 0) {
            return 0;
        }
    }
}

/* False when there is no memory left: the table is as before then. */
bool table_put(struct table *table, uint64_t key, uint64_t value);
void table_remove(struct table *table, uint64_t key);
void table_clear(struct table *table);

#endif
