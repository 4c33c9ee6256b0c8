/* Memory of each context: what is allocated and freed while it runs, charged in the live file.
 *
 * Blocks of the two domains that need the interpreter lock are kept apart from those of the raw domain,
 * which any thread may call at any time. The former are counted under the interpreter lock, the latter
 * under a lock of their own, and neither writes what the other does. */

#ifndef CGLAB_MEMORY_H
#define CGLAB_MEMORY_H

#include "arena.h"
#include "blocks.h"

/* Count from nothing, in the live file that is open; false: no room, errno says why. */
bool memory_begin(void);
void memory_stop(void);
/* Recording has stopped, but the file is still there. */
void memory_pause(void);

/* Has counting begun, in this process or the one that it is a fork of? */
bool memory_is_begun(void);

/* Room for the figures of all contexts below ``contexts``; false: none, errno says why. */
bool memory_reserve(uint32_t contexts);
/* Those of a context; NULL where memory is not counted. */
struct memory_record *memory_record_for(uint32_t context);

/* How many blocks are alive of what is counted, and what the tables of them take. */
struct blocks_extent memory_extent(void);

/* A block has been allocated. */
void memory_charge(enum memory_side side, const void *address, uint64_t size);
/* A block is about to be freed, and its address may be another's at once: forget it. False: it is not known. */
bool memory_take(enum memory_side side, const void *address, struct block *block);
/* It was taken, and is freed. */
void memory_charge_end(enum memory_side side, struct block block);
/* A block is about to be freed by what is no work of the target's: no context has done it. */
void memory_forget(enum memory_side side, const void *address);
/* It was taken, and stays. */
void memory_put_back(enum memory_side side, const void *address, struct block block);

/* Keep threads that have no interpreter lock from counting while figures change places. */
void memory_lock_raw(void);
void memory_unlock_raw(void);

/* Around a fork, with or without the interpreter lock. A child counts from nothing, once it has a file of its
 * own: what it inherits is its parent's. */
void memory_before_fork(void);
void memory_after_fork(void);
void memory_after_fork_in_child(void);
/* In the child, when it begins its file. False: no room, errno says why. */
bool memory_adopt(void);
/* In the child, when its contexts are there. */
void memory_adopted(void);

#endif
