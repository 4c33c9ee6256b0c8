#include "callers.h"

#include "c_call_events.h"
#include "c_calls.h"
#include "hook.h"
#include "left_calls.h"
#include "passing.h"
#include "threads.h"

#include <errno.h>

struct open_call *
callers_call_of_frame(struct thread *thread, interpreter_frame *frame)
{
    struct open_call *call = left_calls_entered(thread, frame);
    if (call != NULL) {
        return call;
    }
    for (call = thread->top; call != NULL; call = call->caller) {
        if (call->frame == frame) {
            return call;
        }
    }
    /* One that was found on a stack may be over: who knows what is at its address by now. It is not
     * while a C function that it has called goes on, such as the switch to another greenlet. */
    call = left_calls_found(thread, frame);
    return call != NULL && call->c_call != NULL ? call : NULL;
}

/* The innermost open call that a frame has made or is. */
static struct open_call *
find_open_call(struct thread *thread, interpreter_frame *frame)
{
    struct open_call *call = callers_call_of_frame(thread, frame);
    return call != NULL && call->c_call != NULL ? call->c_call : call;
}

/* Does the thread run what brought the recording here, rather than the target? */
static bool
is_before_the_target(const struct thread *thread, const struct open_call *known)
{
    return tree.whole_program && thread->is_main && known == &thread->root_call;
}

/* An open call for a frame that the hook was not entered for, because it was there before. It has no
 * context: what it calls hangs on the nearest caller that has one. */
static struct open_call *
add_found_call(struct thread *thread, struct open_call *known, interpreter_frame *frame)
{
    /* One that was found at this frame before is of another greenlet, or over. */
    struct open_call *call = left_calls_found(thread, frame);
    if (call == NULL) {
        call = thread->free_call;
        if (call == NULL && (call = calls_more(thread)) == NULL) {
            return NULL;
        }
        thread->free_call = call->caller;
    }
    *call = (struct open_call){
        .frame = frame,
        .node = is_before_the_target(thread, known) ? tree_silent_node() : known->node,
        .caller = known,
        .position = known->position,
        .found_on_stack = true,
    };
    left_calls_add_found(thread, call);
    return call;
}

/* A frame whose generator is just being made is nobody's caller. */
static interpreter_frame *
first_caller(interpreter_frame *frame)
{
    frame = first_real_frame(frame);
    while (frame != NULL && (frame_code(frame)->co_flags & RESUMABLE_FLAGS) &&
           !frame_of_generator(frame)) {
        frame = first_real_frame(previous_frame(frame));
    }
    return frame;
}

static struct open_call *
innermost_entered(const struct thread *thread)
{
    struct open_call *call = thread->top;
    while (call->found_on_stack) {
        call = call->caller;
    }
    return call;
}

static bool
is_on_chain(const struct open_call *call, const struct open_call *top)
{
    while (top != NULL && top != call) {
        top = top->caller;
    }
    return top != NULL;
}

void
callers_end_found(struct thread *thread, struct open_call *until)
{
    while (thread->top->found_on_stack && !is_on_chain(thread->top, until)) {
        struct open_call *call = thread->top;
        thread->top = call->caller;
        call->found_on_stack = false;
        release_call(thread, call);
    }
}

struct open_call *
callers_find(struct thread *thread, interpreter_frame *raw_frame, interpreter_frame *entered)
{
    int saved_errno = errno;
    if (UNLIKELY(tree.session == 0) ||
        (thread->session != tree.session && threads_begin(entered) == NULL)) {
        return NULL;
    }
    if (UNLIKELY(thread->top->frame == entered) && hook_is_called_from_below()) {
        errno = saved_errno;
        return NULL; /* its call is open already */
    }
    if (thread->top->frame == FRAME_OF_C_CALL && thread->top->caller->frame == raw_frame) {
        return c_call_events_come() ? thread->top : c_calls_leave(thread, thread->top);
    }
    tree.stacks_take_turns |= thread->top != &thread->root_call;
    struct open_call *found = NULL;
    interpreter_frame *innermost = first_caller(raw_frame), *frame = innermost, *outermost = NULL;
    for (; frame != NULL; frame = first_caller(previous_frame(frame))) {
        found = find_open_call(thread, frame);
        if (found != NULL) {
            break;
        }
        outermost = frame;
    }
    if (found == NULL && outermost != NULL && frame_of_generator(outermost)) {
        /* No stack ends in a generator: one that is thrown into while it is being thrown into loses its
         * caller, and keeps it lost. */
        found = innermost_entered(thread);
    }
    else if (found == NULL) {
        found = &thread->root_call;
        if (innermost == NULL) {
            found->frame = raw_frame;
        }
    }
    callers_end_found(thread, found);
    if (thread->top != found) {
        left_calls_add(thread);
    }
    bool stack_is_written = is_on_chain(found, thread->top);
    if (frame != innermost) {
        struct open_call *known = found;
        found = add_found_call(thread, known, innermost);
        if (found == NULL) {
            errno = saved_errno;
            return NULL;
        }
        tree.found_calls++;
    }
    if (stack_is_written) {
        thread->top = found;
        PUBLISH(thread->block->depth, (uint64_t)found->position);
    }
    else {
        calls_restack(thread, found);
    }
    errno = saved_errno;
    return found;
}

/* In the middle of a switch what stands for the frame may be no address at all: it is compared, and never
 * looked into. So a frame that only makes a generator, which is no call's, is searched for in vain; that
 * is kept in mind, since it is a long search. */
struct open_call *
callers_running_call(struct thread *thread)
{
    static interpreter_frame *frame_in_vain;
    static const struct open_call *top_in_vain;
    struct open_call *top = thread->top;
    interpreter_frame *frame = raw_frame_to_compare(current_thread_state());
    if (LIKELY(top->frame == frame) || frame == NULL ||
        (top->frame == FRAME_OF_C_CALL && top->caller->frame == frame) ||
        (frame == frame_in_vain && top == top_in_vain)) {
        return top;
    }
    struct open_call *found = callers_call_of_frame(thread, frame);
    if (found == NULL) {
        frame_in_vain = frame;
        top_in_vain = top;
        return top;
    }
    return found->c_call == NULL ? found : found->c_call;
}
