#define _GNU_SOURCE 1
#include "memory.h"

#include "callers.h"
#include "memory_columns.h"
#include "memory_instances.h"
#include "own_memory.h"
#include "small_blocks.h"
#include "tree.h"

#include <pthread.h>

/* What is alive of one side. */
struct ledger {
    struct blocks blocks;
    uint64_t bytes;
};

static struct ledger ledgers[MEMORY_SIDES];
static pthread_mutex_t raw_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t *totals; /* the peak, and behind it the blocks that could not be listed */
static bool is_begun;

static inline void
lock(enum memory_side side)
{
    if (side == MEMORY_RAW) {
        pthread_mutex_lock(&raw_lock);
    }
}

static inline void
unlock(enum memory_side side)
{
    if (side == MEMORY_RAW) {
        pthread_mutex_unlock(&raw_lock);
    }
}

void
memory_lock_raw(void)
{
    pthread_mutex_lock(&raw_lock);
}

void
memory_unlock_raw(void)
{
    pthread_mutex_unlock(&raw_lock);
}

void
memory_before_fork(void)
{
    pthread_mutex_lock(&raw_lock);
    own_memory_before_fork();
}

void
memory_after_fork(void)
{
    own_memory_after_fork();
    pthread_mutex_unlock(&raw_lock);
}

/* Threads that do not hold the interpreter lock look at this once more under theirs. */
static void
set_counted(bool counted)
{
    pthread_mutex_lock(&raw_lock);
    __atomic_store_n(&tree.counts_memory, counted, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&raw_lock);
}

/* ---- the blocks that are alive --------------------------------------------------------------- */

static inline bool
put(enum memory_side side, const void *address, struct block block, struct block *former)
{
    return side == MEMORY_LOCKED && block.size <= LARGEST_SMALL_BYTES
               ? small_blocks_put(address, block, former)
               : blocks_put(&ledgers[side].blocks, address, block, former);
}

static inline bool
take(enum memory_side side, const void *address, struct block *block)
{
    return (side == MEMORY_LOCKED && small_blocks_take(address, block)) ||
           blocks_take(&ledgers[side].blocks, address, block);
}

static void
forget_blocks(void)
{
    small_blocks_clear();
    for (int side = 0; side < MEMORY_SIDES; side++) {
        blocks_clear(&ledgers[side].blocks);
        ledgers[side].bytes = 0;
    }
}

struct blocks_extent
memory_extent(void)
{
    pthread_mutex_lock(&raw_lock);
    struct blocks_extent sum = small_blocks_measure();
    for (int side = 0; side < MEMORY_SIDES; side++) {
        struct blocks_extent extent = blocks_measure(&ledgers[side].blocks);
        sum.blocks += extent.blocks;
        sum.bytes += extent.bytes;
    }
    pthread_mutex_unlock(&raw_lock);
    return sum;
}

/* ---- beginning and end -------------------------------------------------------------------- */

static bool
begin_file(void)
{
    forget_blocks();
    memory_instances_forget();
    totals = arena_memory_totals();
    return memory_columns_begin();
}

bool
memory_begin(void)
{
    is_begun = begin_file();
    if (is_begun) {
        set_counted(true);
    }
    return is_begun;
}

void
memory_pause(void)
{
    set_counted(false);
}

void
memory_stop(void)
{
    set_counted(false);
    if (is_begun) {
        is_begun = false;
        forget_blocks();
        memory_instances_forget();
        memory_columns_forget();
    }
}

bool
memory_is_begun(void)
{
    return is_begun;
}

bool
memory_reserve(uint32_t contexts)
{
    return !is_begun || memory_columns_reserve(contexts);
}

struct memory_record *
memory_record_for(uint32_t context)
{
    return is_begun ? memory_record_of(context) : NULL;
}

/* ---- charging ----------------------------------------------------------------------------- */

/* Of the context that runs. A thread that has no interpreter lock looks only at what is its own. */
static inline struct memory_record *
running_record(enum memory_side side)
{
    struct thread *thread = current_thread;
    if (UNLIKELY(thread->session != tree.session)) {
        return memory_outside;
    }
    const struct open_call *call = thread->top;
    if (UNLIKELY(tree.stacks_take_turns) && side == MEMORY_LOCKED) {
        call = callers_running_call(thread);
    }
    struct memory_record *record = __atomic_load_n(&call->node->memory, __ATOMIC_ACQUIRE);
    return LIKELY(record != NULL) ? record : memory_outside;
}

static inline void
add(uint64_t *counter, uint64_t amount)
{
    STORE(*counter, *counter + amount);
}

static void
note_peak(uint64_t bytes)
{
    uint64_t peak = __atomic_load_n(totals, __ATOMIC_RELAXED);
    while (bytes > peak && !__atomic_compare_exchange_n(totals, &peak, bytes, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Lines have what their thread has allocated and freed meanwhile. */
static inline void
count_for_lines(uint64_t allocated, uint64_t freed)
{
    struct thread *thread = current_thread;
    if (LIKELY(thread->lines.totals == NULL) || thread->session != tree.session) {
        return;
    }
    add(&thread->lines.totals->allocated, allocated);
    add(&thread->lines.totals->freed, freed);
}

static inline void
give_back(enum memory_side side, struct block block)
{
    add(&block.record->sides[side].returned, block.size);
    STORE(ledgers[side].bytes, ledgers[side].bytes - block.size);
}

static inline void
count_block(enum memory_side side, const void *address, uint64_t size)
{
    struct block block = {size, running_record(side)}, former;
    struct memory_figures *figures = &block.record->sides[side];
    add(&figures->allocated, size);
    add(&figures->blocks, 1);
    count_for_lines(size, 0);
    if (UNLIKELY(!put(side, address, block, &former))) {
        /* Nobody will be able to tell whose it was: it counts as held by no one. */
        add(&figures->returned, size);
        __atomic_fetch_add(&totals[1], 1, __ATOMIC_RELAXED);
        return;
    }
    if (UNLIKELY(former.record != NULL)) {
        give_back(side, former);
    }
    STORE(ledgers[side].bytes, ledgers[side].bytes + size);
    uint64_t bytes =
        ledgers[side].bytes + __atomic_load_n(&ledgers[!side].bytes, __ATOMIC_RELAXED);
    if (UNLIKELY(bytes > __atomic_load_n(totals, __ATOMIC_RELAXED))) {
        note_peak(bytes);
    }
}

void
memory_charge(enum memory_side side, const void *address, uint64_t size)
{
    lock(side);
    if (LIKELY(tree.counts_memory)) {
        count_block(side, address, size);
    }
    unlock(side);
}

/* When the interpreter takes itself down it frees all it can, so that in the end nobody would hold anything.
 * What is to be known is who held it until then. */
static inline bool
is_taken_down(void)
{
    const struct thread *thread = current_thread;
    return UNLIKELY(thread->top == &thread->root_call) && interpreter_is_finalizing();
}

bool
memory_take(enum memory_side side, const void *address, struct block *block)
{
    if (side == MEMORY_LOCKED && UNLIKELY(is_taken_down())) {
        memory_pause();
        return false;
    }
    lock(side);
    bool is_known = tree.counts_memory && take(side, address, block);
    unlock(side);
    return is_known;
}

void
memory_charge_end(enum memory_side side, struct block block)
{
    lock(side);
    if (LIKELY(tree.counts_memory)) {
        add(&running_record(side)->sides[side].freed, block.size);
        count_for_lines(0, block.size);
        give_back(side, block);
    }
    unlock(side);
}

void
memory_forget(enum memory_side side, const void *address)
{
    struct block block;
    lock(side);
    if (tree.counts_memory && take(side, address, &block)) {
        add(&memory_outside->sides[side].freed, block.size);
        give_back(side, block);
    }
    unlock(side);
}

void
memory_put_back(enum memory_side side, const void *address, struct block block)
{
    struct block former;
    lock(side);
    if (LIKELY(tree.counts_memory)) {
        put(side, address, block, &former);
    }
    unlock(side);
}

/* ---- fork --------------------------------------------------------------------------------- */

void
memory_after_fork_in_child(void)
{
    own_memory_after_fork();
    tree.counts_memory = false;
    pthread_mutex_unlock(&raw_lock);
}

bool
memory_adopt(void)
{
    return !is_begun || begin_file();
}

void
memory_adopted(void)
{
    if (is_begun) {
        set_counted(true);
    }
}
