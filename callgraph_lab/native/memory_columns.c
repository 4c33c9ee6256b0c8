#include "memory_columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory_record **memory_leaves[MEMORY_LEAVES];
struct memory_record *memory_outside;

static uint32_t block_count;

static struct memory_record *
append(uint32_t first_context, size_t block_bytes)
{
    size_t payload = block_bytes - sizeof(struct block_header);
    struct block_header *block = arena_append(BLOCK_MEMORY, payload, first_context, 0);
    if (block == NULL) {
        return NULL;
    }
    /* A record is nothing but counters: all are complete from the beginning. */
    PUBLISH(block->used, (uint64_t)(payload / sizeof(struct memory_record)));
    return (struct memory_record *)(block + 1);
}

bool
memory_columns_begin(void)
{
    memory_columns_forget();
    memory_outside = append(NO_CONTEXT, PAGE_BYTES);
    return memory_outside != NULL;
}

bool
memory_columns_reserve(uint32_t contexts)
{
    while (block_count * (uint64_t)MEMORY_RECORDS_A_BLOCK < contexts) {
        struct memory_record ***leaf = &memory_leaves[block_count / MEMORY_BLOCKS_A_LEAF];
        if (*leaf == NULL) {
            struct memory_record **made = calloc(MEMORY_BLOCKS_A_LEAF, sizeof(*made));
            if (made == NULL) {
                errno = ENOMEM;
                return false;
            }
            PUBLISH(*leaf, made);
        }
        struct memory_record *first =
            append(block_count * (uint32_t)MEMORY_RECORDS_A_BLOCK, MEMORY_BLOCK_BYTES);
        if (first == NULL) {
            return false;
        }
        PUBLISH((*leaf)[block_count % MEMORY_BLOCKS_A_LEAF], first);
        block_count++;
    }
    return true;
}

void
memory_columns_forget(void)
{
    for (size_t index = 0; index < MEMORY_LEAVES && memory_leaves[index] != NULL; index++) {
        free(memory_leaves[index]);
        memory_leaves[index] = NULL;
    }
    memory_outside = NULL;
    block_count = 0;
}
