/* Small blocks that are alive, by address: most of all there are. Those that lie in one page are kept
 * together, eight bytes each, so that neighbours, which are often allocated and freed one after the other, are
 * found in memory that is at hand. The memory is the C library's; the interpreter lock is needed. */

#ifndef CGLAB_SMALL_BLOCKS_H
#define CGLAB_SMALL_BLOCKS_H

#include "blocks.h"

#define LARGEST_SMALL_BYTES 512u

/* As blocks_put, blocks_take and so on; a block has LARGEST_SMALL_BYTES at most. */
bool small_blocks_put(const void *address, struct block block, struct block *former);
bool small_blocks_take(const void *address, struct block *block);
struct blocks_extent small_blocks_measure(void);
void small_blocks_clear(void);

#endif
