/* Blocks of memory that are alive: by address their size and whom they are charged to.
 *
 * A table of its own and no header in front of each block, so that a block which was there before, or which
 * someone else frees, stays what it is. Sixteen bytes a block; at least two slots in three are taken
 * once there are many, so that a live block costs no more than 24. The memory is the C library's. */

#ifndef CGLAB_BLOCKS_H
#define CGLAB_BLOCKS_H

#include "arena.h"

#define BLOCK_SHARDS 256u
#define LARGEST_BLOCK_BYTES (((uint64_t)1 << 41) - 1)

/* The record's address is a multiple of 64, the block's of 8. Addresses have 48 bits. */
struct block_slot {
    uint64_t address_and_size; /* 45 bits of the address, the lower 19 of the size; 0: free */
    uint64_t record_and_size;  /* 42 bits of the record's address, the upper 22 of the size */
};

struct block_shard {
    struct block_slot *slots;
    uint32_t size;
    uint32_t count;
};

/* Many small tables, of which one at a time grows: no call waits long, and none needs twice the room. */
struct blocks {
    struct block_shard shards[BLOCK_SHARDS];
};

struct block {
    uint64_t size;
    struct memory_record *record;
};

/* Add a block. Where one is known at that address, its end was not seen: it comes back in ``former``, which
 * else has no record. False: no memory, or larger than LARGEST_BLOCK_BYTES. */
bool blocks_put(struct blocks *blocks, const void *address, struct block block, struct block *former);

/* Take a block out; false: there is none at that address. */
bool blocks_take(struct blocks *blocks, const void *address, struct block *block);

/* How many there are, and what the table takes. */
struct blocks_extent {
    uint64_t blocks;
    uint64_t bytes;
};

struct blocks_extent blocks_measure(const struct blocks *blocks);
void blocks_clear(struct blocks *blocks);

#endif
