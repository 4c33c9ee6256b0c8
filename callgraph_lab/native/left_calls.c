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

static bool
is_entered(uint64_t frame, uint64_t call)
{
    return is_open_call_of((const struct open_call *)(uintptr_t)call,
                           (interpreter_frame *)(uintptr_t)frame, false);
}

static bool
is_found(uint64_t frame, uint64_t call)
{
    return is_open_call_of((const struct open_call *)(uintptr_t)call,
                           (interpreter_frame *)(uintptr_t)frame, true);
}

/* Before it grows, what has ended is dropped. There is twice as much room as what is left needs, so that is
 * paid for by the calls that were added since the last time. */
static void
add(struct frame_index *index, struct open_call *call, bool found_on_stack)
{
    if (index->by_frame.count >= FEWEST_BEFORE_SWEEP && index->by_frame.count >= index->sweep_at) {
        table_sweep(&index->by_frame, found_on_stack ? is_found : is_entered);
        index->sweep_at = index->by_frame.count * 2;
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
        if (call->is_among_left) {
            return;
        }
        add(&thread->left_calls, call, false);
        call->is_among_left = true;
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
