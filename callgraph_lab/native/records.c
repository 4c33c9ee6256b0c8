#include "records.h"

#define MOST_BLOCK_BYTES (256u * 1024u)

void
records_begin(struct records *records, enum block_type type, size_t record_bytes)
{
    *records = (struct records){.type = type, .record_bytes = (uint32_t)record_bytes};
}

void *
records_next(struct records *records)
{
    if (records->left == 0) {
        size_t size = records->block == NULL ? PAGE_BYTES : records->block->size * 2;
        if (size > MOST_BLOCK_BYTES) {
            size = MOST_BLOCK_BYTES;
        }
        size_t payload = size - sizeof(struct block_header);
        struct block_header *block =
            arena_append(records->type, payload, (uint32_t)(records->count + 1),
                         records->thread_index);
        if (block == NULL) {
            return NULL;
        }
        records->block = block;
        records->left = (uint32_t)(payload / records->record_bytes);
    }
    return (char *)(records->block + 1) + records->block->used * records->record_bytes;
}

void
records_publish(struct records *records)
{
    records->left--;
    records->count++;
    PUBLISH(records->block->used, records->block->used + 1);
}
