/* What happens on the way into and out of every call that is recorded. */

#ifndef CGLAB_PASSING_H
#define CGLAB_PASSING_H

#include "calls.h"
#include "clock.h"

/* One store for two fields: a reader sees both of the same call. */
static inline uint64_t
context_and_flags(uint32_t context, uint32_t flags)
{
    return (uint64_t)flags << 32 | context;
}

static inline void
write_entry(struct open_entry *entry, uint32_t context, uint32_t flags, uint64_t entered)
{
    STORE(entry->context_and_flags, context_and_flags(context, flags));
    STORE(entry->ticks, entered);
}

/* Count a call that has been opened, as a resume where it is not the first entry, and show it. */
static inline void
open_recorded(struct thread *thread, struct open_call *call, struct node *node, uint32_t flags)
{
    struct context_record *record = node->record;
    uint32_t position = node->depth;
    call->position = position;
    if (flags == 0) {
        STORE(record->calls, record->calls + 1);
    }
    else {
        STORE(record->resumes, record->resumes + 1);
    }
    struct open_entry *entry = &thread->block->entries[position - 1];
    if (UNLIKELY(position > thread->block->capacity)) {
        entry = calls_grow_stack(thread, position);
    }
    uint64_t now = clock_read();
    call->entered = now;
    write_entry(entry, node->id, flags, now);
    PUBLISH(thread->block->depth, (uint64_t)position);
}

/* Open a call of ``node``. NULL: no memory. */
static inline struct open_call *
enter_call(struct thread *thread, struct open_call *caller, struct node *node,
           interpreter_frame *frame, bool first)
{
    struct open_call *call = thread->free_call;
    if (UNLIKELY(call == NULL) && (call = calls_more(thread)) == NULL) {
        return NULL;
    }
    thread->free_call = call->caller;
    call->frame = frame;
    call->node = node;
    call->caller = caller;
    uint16_t flags = first ? 0 : OPEN_IS_RESUME;
    call->flags_of_new = flags;
    thread->top = call;
    if (UNLIKELY(node->is_special)) {
        calls_entered_special(thread, call);
    }
    else {
        open_recorded(thread, call, node, flags);
    }
    return call;
}

/* Count the time of a call that ends now. */
static inline void
count_time(struct thread *thread, struct open_call *call, uint64_t now)
{
    struct context_record *record = call->node->record;
    uint64_t elapsed = now - call->entered;
    if (UNLIKELY(elapsed > tree.long_call_ticks)) {
        elapsed = calls_took_long(thread, call, elapsed);
    }
    STORE(record->ticks, record->ticks + elapsed);
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
    if (UNLIKELY(call->node->is_special) || UNLIKELY(thread->top != call)) {
        calls_left_special(thread, call, now);
    }
    else {
        count_time(thread, call, now);
        thread->top = call->caller;
        PUBLISH(thread->block->depth, (uint64_t)call->caller->position);
    }
    release_call(thread, call);
}

#endif
