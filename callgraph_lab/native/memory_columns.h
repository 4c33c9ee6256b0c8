/* The figures of contexts in the live file, found by the context's id. */

#ifndef CGLAB_MEMORY_COLUMNS_H
#define CGLAB_MEMORY_COLUMNS_H

#include "arena.h"

#define MEMORY_BLOCK_BYTES (64u * 1024u)
#define MEMORY_RECORDS_A_BLOCK (MEMORY_BLOCK_BYTES / sizeof(struct memory_record) - 1)
#define MEMORY_BLOCKS_A_LEAF 1024u
#define MEMORY_LEAVES (UINT32_MAX / (MEMORY_RECORDS_A_BLOCK * MEMORY_BLOCKS_A_LEAF) + 1)

/* Blocks by number, in two steps: neither is ever moved, since threads read here without a lock. */
extern struct memory_record **memory_leaves[MEMORY_LEAVES];
/* Of what is allocated in no context. */
extern struct memory_record *memory_outside;

/* Begin anew in a new live file, or for it; false: no room, errno says why. */
bool memory_columns_begin(void);
bool memory_columns_reserve(uint32_t contexts);
void memory_columns_forget(void);

static inline struct memory_record *
memory_record_of(uint32_t context)
{
    uint32_t number = context / MEMORY_RECORDS_A_BLOCK;
    struct memory_record **leaf =
        __atomic_load_n(&memory_leaves[number / MEMORY_BLOCKS_A_LEAF], __ATOMIC_ACQUIRE);
    struct memory_record *first =
        __atomic_load_n(&leaf[number % MEMORY_BLOCKS_A_LEAF], __ATOMIC_ACQUIRE);
    return first + context % MEMORY_RECORDS_A_BLOCK;
}

#endif
