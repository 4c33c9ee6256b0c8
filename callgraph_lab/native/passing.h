/* What happens on the way into and out of every call that is recorded. */

#ifndef CGLAB_PASSING_H
#define CGLAB_PASSING_H

#include "clock.h"
#include "lines.h"
#include "stalls.h"
#include "tree.h"
#include "watch.h"

static inline void
watch_or_line_entered(struct thread *thread, struct open_call *call)
{
    uint8_t watch = call->node->watch;
    if (watch & WATCH_RULES) {
        watch_entered(thread, call);
    }
    if (watch & WATCH_ANY_LINES) {
        lines_entered(thread, call);
    }
}

static inline void
watch_or_line_left(struct thread *thread, struct open_call *call, uint64_t now)
{
    uint8_t watch = call->node->watch;
    if (watch & WATCH_ANY_LINES) {
        lines_left(thread, call, now);
    }
    if (watch & WATCH_RULES) {
        watch_left(thread, call, now);
    }
}

/* Open a call of ``node`` and count it, as a resume where it is not the first entry. NULL: no
 * memory. */
static inline struct open_call *
enter_call(struct thread *thread, struct open_call *caller, struct node *node,
           interpreter_frame *frame, bool first)
{
    struct open_call *call = thread->free_call;
    if (UNLIKELY(call == NULL) && (call = tree_more_calls(thread)) == NULL) {
        return NULL;
    }
    thread->free_call = call->caller;
    call->frame = frame;
    call->node = node;
    call->caller = caller;
    call->session = tree.session;
    call->flags = first ? 0 : OPEN_IS_RESUME;
    thread->top = call;
    struct context_record *record = node->record;
    if (UNLIKELY(node->kind != NODE_RECORDED)) {
        call->position = caller->position;
        call->entered = 0;
        return call;
    }
    uint32_t position = node->depth;
    call->position = position;
    if (LIKELY(first)) {
        STORE(record->calls, record->calls + 1);
    }
    else {
        STORE(record->resumes, record->resumes + 1);
    }
    struct thread_block *block = thread->block;
    if (UNLIKELY(position > block->capacity)) {
        tree_grow_stack(thread, position);
        block = thread->block;
    }
    call->entered = clock_read();
    if (LIKELY(position <= block->capacity)) {
        struct open_entry *entry = &block->entries[position - 1];
        STORE(entry->context, node->id);
        STORE(entry->flags, call->flags);
        STORE(entry->ticks, call->entered);
    }
    PUBLISH(block->depth, (uint64_t)position);
    if (UNLIKELY(node->watch)) {
        watch_or_line_entered(thread, call);
    }
    return call;
}

/* Count the time of a call that ends now. */
static inline void
count_time(struct thread *thread, struct open_call *call, uint64_t now)
{
    /* Counters of two cores may differ by a few ticks. */
    uint64_t elapsed = now > call->entered ? now - call->entered : 0;
    struct node *node = call->node;
    if (LIKELY(node->kind == NODE_RECORDED)) {
        STORE(node->record->ticks, node->record->ticks + elapsed);
        if (UNLIKELY(elapsed > tree.long_call_ticks)) {
            stalls_note_call(thread, call, elapsed);
        }
    }
}

static inline void
release_call(struct thread *thread, struct open_call *call)
{
    call->frame = NULL;
    call->caller = thread->free_call;
    thread->free_call = call;
}

/* End a call, whose counts are in place already. Nothing of the target's is touched. */
static inline void
leave_call(struct thread *thread, struct open_call *call)
{
    uint64_t now = clock_read();
    if (LIKELY(call->session == tree.session)) {
        count_time(thread, call, now);
        if (LIKELY(thread->top == call)) {
            thread->top = call->caller;
            PUBLISH(thread->block->depth, (uint64_t)call->caller->position);
        }
        else {
            tree_end_elsewhere(thread, call);
        }
        if (UNLIKELY(call->node->watch)) {
            watch_or_line_left(thread, call, now);
        }
    }
    else {
        /* Left over from a recording that ended meanwhile. */
        if (call->c_call != NULL) {
            release_call(thread, call->c_call);
            call->c_call = NULL;
        }
        if (call->lined != NULL) {
            lines_forget(call);
        }
    }
    release_call(thread, call);
}

#endif
