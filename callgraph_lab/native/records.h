/* Fixed-size records of one type in the live file, in blocks that double. Their ids count from 1. */

#ifndef CGLAB_RECORDS_H
#define CGLAB_RECORDS_H

#include "arena.h"

struct records {
    enum block_type type;
    uint32_t record_bytes;
    uint32_t thread_index; /* of the thread that they are of; 0 for those that are of none */
    uint32_t left; /* records that the last block still has room for */
    uint64_t count;
    struct block_header *block;
};

/* Nothing is in the file yet. */
void records_begin(struct records *records, enum block_type type, size_t record_bytes);
/* Room for the next record, all zero; NULL where there is none, and errno says why. */
void *records_next(struct records *records);
/* The record that records_next gave is complete. */
void records_publish(struct records *records);

#endif
