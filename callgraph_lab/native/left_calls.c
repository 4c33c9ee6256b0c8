#include "left_calls.h"

#define FEWEST_BEFORE_SWEEP 64u

static bool
is_open_call_of(const struct open_call *call, interpreter_frame *frame, bool found_on_stack)
{
    return call->frame == frame && call->node->kind != NODE_LEFT_OVER &&
           call->found_on_stack == found_on_stack;
}

/* Nobody takes a call out when it ends, which would slow all calls down. Records of calls are never given
 * back, so whether one is still that frame's can be asked at any time. */
static struct open_call *
look_up(const struct frame_index *index, interpreter_frame *frame, bool found_on_stack)
{
    struct open_call *call =
        (struct open_call *)(uintptr_t)table_get(&index->by_frame, (uintptr_t)frame);
    return call != NULL && is_open_call_of(call, frame, found_on_stack) ? call : NULL;
}

/* Drop what has ended. There is twice as much room as what is left needs, so a sweep is paid for by
 * the calls that were added since the last. */
static void
sweep(struct frame_index *index, bool found_on_stack)
{
    struct table kept = {0};
    for (uint64_t place = 0; place <= index->by_frame.mask; place++) {
        struct table_slot *slot = &index->by_frame.slots[place];
        interpreter_frame *frame = (interpreter_frame *)(uintptr_t)slot->key;
        const struct open_call *call = (const struct open_call *)(uintptr_t)slot->value;
        if (frame != NULL && is_open_call_of(call, frame, found_on_stack) &&
            !table_put(&kept, slot->key, slot->value)) {
            table_clear(&kept);
            return; /* no memory: nothing is lost, and the next sweep may have more luck */
        }
    }
    table_clear(&index->by_frame);
    index->by_frame = kept;
    index->sweep_at = kept.count * 2;
}

static void
add(struct frame_index *index, struct open_call *call, bool found_on_stack)
{
    if (index->by_frame.count >= FEWEST_BEFORE_SWEEP && index->by_frame.count >= index->sweep_at) {
        sweep(index, found_on_stack);
    }
    (void)table_put(&index->by_frame, (uintptr_t)call->frame, (uintptr_t)call);
}

void
left_calls_add(struct thread *thread)
{
    for (struct open_call *call = thread->top; call->caller != NULL; call = call->caller) {
        if (call->found_on_stack || call->frame == FRAME_OF_C_CALL) {
            continue;
        }
        /* Records are used again: the time of entry tells which call it was that has been added, and with
         * it all its callers. Calls that are not recorded have none. */
        if (call->added_at != 0 && call->added_at == call->entered) {
            return;
        }
        add(&thread->left_calls, call, false);
        call->added_at = call->entered;
    }
}

struct open_call *
left_calls_entered(const struct thread *thread, interpreter_frame *frame)
{
    return look_up(&thread->left_calls, frame, false);
}

struct open_call *
left_calls_found(const struct thread *thread, interpreter_frame *frame)
{
    return look_up(&thread->found_calls, frame, true);
}

void
left_calls_add_found(struct thread *thread, struct open_call *call)
{
    add(&thread->found_calls, call, true);
}

void
left_calls_clear(struct thread *thread)
{
    table_clear(&thread->left_calls.by_frame);
    table_clear(&thread->found_calls.by_frame);
    thread->left_calls.sweep_at = thread->found_calls.sweep_at = 0;
}
