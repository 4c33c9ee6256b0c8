#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST_SLOTS 32u
#define ADDRESS_SHIFT 19
#define RECORD_SHIFT 22
#define SIZE_LOW_MASK (((uint64_t)1 << ADDRESS_SHIFT) - 1)
#define SIZE_HIGH_MASK (((uint64_t)1 << RECORD_SHIFT) - 1)

static inline uint64_t
hash_of(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key >> 29;
}

static inline struct block_shard *
shard_of(struct blocks *blocks, uint64_t hash)
{
    return &blocks->shards[hash >> 56];
}

/* Where a key stands if that place is free: tables have any size, not only powers of two. */
static inline uint32_t
home_of(const struct block_shard *shard, uint64_t hash)
{
    return (uint32_t)((hash >> 24 & 0xFFFFFFFFu) * shard->size >> 32);
}

static inline uint32_t
behind(const struct block_shard *shard, uint32_t place)
{
    return place + 1 == shard->size ? 0 : place + 1;
}

static inline uint64_t
key_in(const struct block_slot *slot)
{
    return slot->address_and_size >> ADDRESS_SHIFT;
}

static inline struct block
block_in(const struct block_slot *slot)
{
    return (struct block){
        .size = (slot->address_and_size & SIZE_LOW_MASK) |
                (slot->record_and_size & SIZE_HIGH_MASK) << ADDRESS_SHIFT,
        .record = (struct memory_record *)(uintptr_t)(slot->record_and_size >> RECORD_SHIFT << 6),
    };
}

/* By a sixteenth: just grown, a table is filled to 0.677, which makes 23.7 bytes a block. */
static bool
grow(struct block_shard *shard)
{
    uint32_t size = shard->size == 0 ? FEWEST_SLOTS : shard->size + shard->size / 16;
    struct block_shard larger = {calloc(size, sizeof(struct block_slot)), size, shard->count};
    if (larger.slots == NULL) {
        return false;
    }
    for (uint32_t index = 0; index < shard->size; index++) {
        uint64_t key = key_in(&shard->slots[index]);
        if (key != 0) {
            uint32_t place = home_of(&larger, hash_of(key));
            while (larger.slots[place].address_and_size != 0) {
                place = behind(&larger, place);
            }
            larger.slots[place] = shard->slots[index];
        }
    }
    free(shard->slots);
    *shard = larger;
    return true;
}

bool
blocks_put(struct blocks *blocks, const void *address, struct block block, struct block *former)
{
    uint64_t key = (uint64_t)(uintptr_t)address >> 3, hash = hash_of(key);
    struct block_shard *shard = shard_of(blocks, hash);
    former->record = NULL;
    if (block.size > LARGEST_BLOCK_BYTES) {
        return false;
    }
    /* At most 23 slots in 32 are taken: searches stay short. */
    if (((uint64_t)shard->count + 1) * 32 > (uint64_t)shard->size * 23 && !grow(shard)) {
        return false;
    }
    uint32_t place = home_of(shard, hash);
    while (shard->slots[place].address_and_size != 0) {
        if (key_in(&shard->slots[place]) == key) {
            *former = block_in(&shard->slots[place]);
            shard->count--;
            break;
        }
        place = behind(shard, place);
    }
    shard->count++;
    shard->slots[place] = (struct block_slot){
        .address_and_size = key << ADDRESS_SHIFT | (block.size & SIZE_LOW_MASK),
        .record_and_size = (uint64_t)(uintptr_t)block.record >> 6 << RECORD_SHIFT |
                           block.size >> ADDRESS_SHIFT,
    };
    return true;
}

bool
blocks_take(struct blocks *blocks, const void *address, struct block *block)
{
    uint64_t key = (uint64_t)(uintptr_t)address >> 3, hash = hash_of(key);
    struct block_shard *shard = shard_of(blocks, hash);
    if (shard->count == 0) {
        return false;
    }
    struct block_slot *slots = shard->slots;
    uint32_t place = home_of(shard, hash);
    while (key_in(&slots[place]) != key) {
        if (slots[place].address_and_size == 0) {
            return false;
        }
        place = behind(shard, place);
    }
    *block = block_in(&slots[place]);
    /* Move later entries of the same run back, so that no marker of a removed one is needed. */
    uint32_t hole = place;
    for (uint32_t next = behind(shard, place); slots[next].address_and_size != 0;
         next = behind(shard, next)) {
        uint32_t home = home_of(shard, hash_of(key_in(&slots[next])));
        uint32_t from_home = next >= home ? next - home : next + shard->size - home;
        uint32_t from_hole = next >= hole ? next - hole : next + shard->size - hole;
        if (from_home >= from_hole) {
            slots[hole] = slots[next];
            hole = next;
        }
    }
    slots[hole] = (struct block_slot){0, 0};
    shard->count--;
    return true;
}

struct blocks_extent
blocks_measure(const struct blocks *blocks)
{
    struct blocks_extent extent = {0, 0};
    for (uint32_t index = 0; index < BLOCK_SHARDS; index++) {
        extent.blocks += blocks->shards[index].count;
        extent.bytes += blocks->shards[index].size * sizeof(struct block_slot);
    }
    return extent;
}

void
blocks_clear(struct blocks *blocks)
{
    for (uint32_t index = 0; index < BLOCK_SHARDS; index++) {
        free(blocks->shards[index].slots);
    }
    memset(blocks, 0, sizeof(*blocks));
}
