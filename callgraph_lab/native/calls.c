#include "calls.h"

#include "callers.h"
#include "hook_lost.h"
#include "left_calls.h"
#include "lines.h"
#include "passing.h"
#include "stalls.h"
#include "threads.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct open_call *
calls_more(struct thread *thread)
{
    struct open_call_chunk *chunk = aligned_alloc(CACHE_LINE_BYTES, sizeof(*chunk));
    if (chunk == NULL) {
        return NULL;
    }
    memset(chunk, 0, sizeof(*chunk));
    chunk->next = thread->chunks;
    thread->chunks = chunk;
    for (int index = CALLS_IN_A_CHUNK - 1; index >= 0; index--) {
        chunk->calls[index].caller = thread->free_call;
        thread->free_call = &chunk->calls[index];
    }
    return thread->free_call;
}

struct open_entry *
calls_grow_stack(struct thread *thread, uint32_t depth)
{
    static struct open_entry unread_entry;
    int saved_errno = errno;
    struct thread_block *old = thread->block;
    size_t capacity = old->capacity;
    /* A forked child that has no file yet has blank memory for a block. */
    if (capacity == 0) {
        return &unread_entry;
    }
    while (capacity < depth) {
        capacity *= 4;
    }
    struct thread_block *block =
        thread->has_full_block ? NULL : threads_append_block(thread, capacity);
    if (block == NULL) {
        thread->has_full_block = true; /* counts go on all the same */
    }
    else {
        size_t identity = offsetof(struct thread_block, identifier);
        memcpy((char *)block + identity, (char *)old + identity,
               offsetof(struct thread_block, capacity) - identity);
        block->began = old->began;
        memcpy(block->entries, old->entries, old->capacity * sizeof(struct open_entry));
        thread->block = block;
        PUBLISH(block->header.used, 1u);
    }
    errno = saved_errno;
    return block == NULL ? &unread_entry : &block->entries[depth - 1];
}

static bool
has_entry(const struct thread_block *block, const struct open_call *call)
{
    return call->node->kind == NODE_RECORDED && !call->found_on_stack &&
           call->position <= block->capacity;
}

static bool
is_entry_of(const struct open_entry *entry, const struct open_call *call)
{
    return entry->context_and_flags == context_and_flags(call->node->id, call->flags) &&
           entry->ticks == call->entered;
}

/* How many of the outermost entries are those of the stack that ends in ``top`` already. */
static uint64_t
entries_unchanged(const struct thread_block *block, const struct open_call *top)
{
    uint64_t unchanged = block->depth < block->capacity ? block->depth : block->capacity;
    for (const struct open_call *call = top; call->caller != NULL; call = call->caller) {
        if (has_entry(block, call) && call->position <= unchanged &&
            !is_entry_of(&block->entries[call->position - 1], call)) {
            unchanged = call->position - 1;
        }
    }
    return unchanged < top->position ? unchanged : top->position;
}

void
calls_restack(struct thread *thread, struct open_call *top)
{
    if (top->position > thread->block->capacity) {
        calls_grow_stack(thread, top->position);
    }
    struct thread_block *block = thread->block;
    uint64_t unchanged = entries_unchanged(block, top);
    STORE(block->sequence, block->sequence + 1);
    MARK_FIRST(block->depth, unchanged);
    for (struct open_call *call = top; call->caller != NULL; call = call->caller) {
        if (has_entry(block, call) && call->position > unchanged) {
            write_entry(&block->entries[call->position - 1], call->node->id, call->flags,
                        call->entered);
        }
    }
    PUBLISH(block->depth, (uint64_t)top->position);
    PUBLISH(block->sequence, block->sequence + 1);
    thread->top = top;
}

void
calls_end_elsewhere(struct thread *thread, struct open_call *call)
{
    struct open_call *c_call = call->c_call;
    if (c_call != NULL) {
        /* Nobody told of its end: another tool's callback raised, or took the place of ours. */
        uint64_t now = clock_read();
        count_time(thread, c_call, now);
        if (c_call->node->watch & WATCH_ANY_LINES) {
            lines_left(thread, c_call, now);
        }
        release_call(thread, c_call);
        call->c_call = NULL;
    }
    callers_end_found(thread, call);
    if (thread->top == call) {
        thread->top = call->caller;
    }
    if (thread->top == call->caller) {
        PUBLISH(thread->block->depth, (uint64_t)call->caller->position);
    }
    else {
        left_calls_add(thread);
        calls_restack(thread, call->caller);
    }
}

void
calls_visit(struct thread *thread, void (*visit)(struct open_call *))
{
    for (struct open_call_chunk *chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (call->frame != NULL && call->node->kind != NODE_LEFT_OVER) {
                visit(call);
            }
        }
    }
}

/* ---- calls with which there is more to do ------------------------------------------------- */

void
calls_entered_special(struct thread *thread, struct open_call *call)
{
    struct node *node = call->node;
    if (node->kind != NODE_RECORDED) {
        call->position = call->caller->position;
        call->entered = 0;
        return;
    }
    open_recorded(thread, call, node, call->flags);
    if (node->watch & WATCH_RULES) {
        watch_entered(thread, call);
    }
    if (node->watch & WATCH_ANY_LINES) {
        lines_entered(thread, call);
    }
}

static void
forget(struct thread *thread, struct open_call *call)
{
    if (call->c_call != NULL) {
        release_call(thread, call->c_call);
        call->c_call = NULL;
    }
    if (call->lined != NULL) {
        lines_forget(call);
    }
    watch_abandon(call);
    watch_release_abandoned();
}

void
calls_left_special(struct thread *thread, struct open_call *call, uint64_t now)
{
    struct node *node = call->node;
    if (UNLIKELY(thread->top == NULL)) {
        return; /* it was open in the process that this one was forked from past our handlers */
    }
    if (node->kind == NODE_LEFT_OVER) {
        forget(thread, call);
        return;
    }
    if (node->kind == NODE_RECORDED) {
        count_time(thread, call, now);
    }
    if (thread->top == call) {
        thread->top = call->caller;
        PUBLISH(thread->block->depth, (uint64_t)call->caller->position);
    }
    else {
        calls_end_elsewhere(thread, call);
    }
    if (node->watch & WATCH_ANY_LINES) {
        lines_left(thread, call, now);
    }
    if (node->watch & WATCH_RULES) {
        watch_left(thread, call, now);
    }
}

void
calls_refused(struct thread *thread, struct open_call *call)
{
    struct context_record *record = call->node->record;
    uint64_t ticks = record->ticks;
    bool is_counted = call->node->kind == NODE_RECORDED;
    bool is_resume = (call->flags & OPEN_IS_RESUME) != 0;
    leave_call(thread, call);
    if (is_counted) {
        STORE(record->ticks, ticks);
        if (is_resume) {
            STORE(record->resumes, record->resumes - 1);
        }
        else {
            STORE(record->calls, record->calls - 1);
        }
    }
}

uint64_t
calls_took_long(struct thread *thread, struct open_call *call, uint64_t elapsed)
{
    /* Counters of two cores may differ by a few ticks. */
    if (elapsed > INT64_MAX) {
        return 0;
    }
    hook_look_after();
    stalls_note_call(thread, call, elapsed);
    return elapsed;
}

/* ---- after a fork ------------------------------------------------------------------------- */

/* Callers first, those that have not been dealt with. ``room`` is for as many calls as there are: recursion
 * may be deep, and the stack is not ours. */
static bool
give_contexts(struct thread *thread, struct open_call *call, struct open_call **room,
              struct node *(*context_of)(struct thread *, struct open_call *))
{
    size_t count = 0;
    for (; call != &thread->root_call && !call->is_adopted; call = call->caller) {
        room[count++] = call;
    }
    while (count-- > 0) {
        struct node *node = context_of(thread, room[count]);
        if (node == NULL) {
            return false;
        }
        room[count]->node = node;
        room[count]->is_adopted = true;
    }
    return true;
}

bool
calls_inherit(struct thread *thread,
              struct node *(*context_of)(struct thread *, struct open_call *))
{
    size_t chunk_count = 0;
    struct open_call_chunk *chunk;
    for (chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        chunk_count++;
        for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
            chunk->calls[index].is_adopted = false;
        }
    }
    struct open_call **room = calloc(chunk_count + 1, CALLS_IN_A_CHUNK * sizeof(*room));
    bool ready = room != NULL;
    for (chunk = thread->chunks; ready && chunk != NULL; chunk = chunk->next) {
        for (int index = 0; ready && index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (call->frame != NULL && call->node->kind != NODE_LEFT_OVER) {
                ready = give_contexts(thread, call, room, context_of);
            }
        }
    }
    free(room);
    return ready;
}
