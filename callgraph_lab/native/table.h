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

/* Where a key that is a hash belongs to something else, the key to try next. Never 0, which is no key. */
static inline uint64_t
table_next_key(uint64_t key)
{
    key = key * 6364136223846793005u + 1442695040888963407u;
    return key ? key : 1;
}

/* False when there is no memory left: the table is as before then. */
bool table_put(struct table *table, uint64_t key, uint64_t value);
void table_remove(struct table *table, uint64_t key);
/* Keep only what is to be kept; each is asked for once. Without memory the rest goes at another time. */
void table_sweep(struct table *table, bool (*is_kept)(uint64_t key, uint64_t value));
void table_clear(struct table *table);

#endif
