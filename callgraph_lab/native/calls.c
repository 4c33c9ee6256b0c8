#include "calls.h"

#include "c_call_events.h"
#include "c_calls.h"
#include "lines.h"
#include "passing.h"
#include "stalls.h"
#include "threads.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct open_call *
tree_more_calls(struct thread *thread)
{
    struct open_call_chunk *chunk = calloc(1, sizeof(*chunk));
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = thread->chunks;
    thread->chunks = chunk;
    for (int index = CALLS_IN_A_CHUNK - 1; index >= 0; index--) {
        chunk->calls[index].caller = thread->free_call;
        thread->free_call = &chunk->calls[index];
    }
    return thread->free_call;
}

struct open_entry *
tree_grow_stack(struct thread *thread, uint32_t depth)
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

void
tree_restack(struct thread *thread, struct open_call *top)
{
    if (top->position > thread->block->capacity) {
        tree_grow_stack(thread, top->position);
    }
    struct thread_block *block = thread->block;
    PUBLISH(block->sequence, block->sequence + 1);
    STORE(block->depth, 0u);
    for (struct open_call *call = top; call != NULL && call->caller != NULL; call = call->caller) {
        if (call->node->kind == NODE_RECORDED && !call->found_on_stack &&
            call->position <= block->capacity) {
            write_entry(&block->entries[call->position - 1], call->node->id, call->flags,
                        call->entered);
        }
    }
    PUBLISH(block->depth, (uint64_t)top->position);
    PUBLISH(block->sequence, block->sequence + 1);
    thread->top = top;
}

static bool
is_on_chain(const struct open_call *call, const struct open_call *top)
{
    while (top != NULL && top != call) {
        top = top->caller;
    }
    return top != NULL;
}

/* A call that was found on the stack is over when its caller goes on without it. One that ``until`` is
 * called from is not: the thread's top may be further out, while what an ended frame held is freed. */
static void
end_found_calls(struct thread *thread, struct open_call *until)
{
    while (thread->top->found_on_stack && !is_on_chain(thread->top, until)) {
        struct open_call *call = thread->top;
        thread->top = call->caller;
        call->found_on_stack = false;
        release_call(thread, call);
    }
}

void
tree_end_elsewhere(struct thread *thread, struct open_call *call)
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
    end_found_calls(thread, call);
    if (thread->top == call) {
        thread->top = call->caller;
    }
    if (thread->top == call->caller) {
        PUBLISH(thread->block->depth, (uint64_t)call->caller->position);
    }
    else {
        tree_restack(thread, call->caller);
    }
}

/* ---- callers that are not the last call entered -------------------------------------------- */

#define RECENTLY_FOUND 512u

/* Greenlets take turns: what was found once is likely to be looked for again. */
static struct open_call *recently_found[RECENTLY_FOUND];

static bool
is_of_frame(const struct open_call *call, interpreter_frame *frame)
{
    return call->frame == frame && call->node->kind != NODE_LEFT_OVER;
}

/* Any record of the thread, whether its call is the last one's caller or not. */
static struct open_call *
search_records(struct thread *thread, interpreter_frame *frame, bool found_on_stack)
{
    for (struct open_call_chunk *chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (is_of_frame(call, frame) && call->found_on_stack == found_on_stack) {
                return call;
            }
        }
    }
    return NULL;
}

static struct open_call *
find_call_of_frame(struct thread *thread, interpreter_frame *frame)
{
    struct open_call **recent = &recently_found[((uintptr_t)frame >> 5) % RECENTLY_FOUND];
    if (*recent != NULL && is_of_frame(*recent, frame) && !(*recent)->found_on_stack) {
        return *recent;
    }
    for (struct open_call *call = thread->top; call != NULL; call = call->caller) {
        if (call->frame == frame) {
            return call;
        }
    }
    struct open_call *call = search_records(thread, frame, false);
    if (call != NULL) {
        *recent = call;
        return call;
    }
    /* One that was found on a stack may be over: who knows what is at its address by now. It is not
     * while a C function that it has called goes on, such as the switch to another greenlet. */
    call = search_records(thread, frame, true);
    return call != NULL && call->c_call != NULL ? call : NULL;
}

struct open_call *
tree_call_of_frame(struct thread *thread, interpreter_frame *frame)
{
    return find_call_of_frame(thread, frame);
}

/* The innermost open call that a frame has made or is. */
static struct open_call *
find_open_call(struct thread *thread, interpreter_frame *frame)
{
    struct open_call *call = find_call_of_frame(thread, frame);
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
    struct open_call *call = search_records(thread, frame, true);
    if (call == NULL) {
        call = thread->free_call;
        if (call == NULL && (call = tree_more_calls(thread)) == NULL) {
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

struct open_call *
tree_find_caller(struct thread *thread, interpreter_frame *raw_frame, interpreter_frame *entered)
{
    int saved_errno = errno;
    if (UNLIKELY(tree.session == 0) ||
        (thread->session != tree.session && tree_thread_begin(entered) == NULL)) {
        return NULL;
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
    end_found_calls(thread, found);
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
        tree_restack(thread, found);
    }
    errno = saved_errno;
    return found;
}

/* In the middle of a switch what stands for the frame may be no address at all: it is compared, and never
 * looked into. So a frame that only makes a generator, which is no call's, is searched for in vain; that
 * is kept in mind, since it is a long search. */
struct open_call *
tree_running_call(struct thread *thread)
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
    struct open_call *found = find_call_of_frame(thread, frame);
    if (found == NULL) {
        frame_in_vain = frame;
        top_in_vain = top;
        return top;
    }
    return found->c_call == NULL ? found : found->c_call;
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
tree_entered_special(struct thread *thread, struct open_call *call)
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
    call->entry = NULL;
}

void
tree_left_special(struct thread *thread, struct open_call *call, uint64_t now)
{
    struct node *node = call->node;
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
        tree_end_elsewhere(thread, call);
    }
    if (node->watch & WATCH_ANY_LINES) {
        lines_left(thread, call, now);
    }
    if (node->watch & WATCH_RULES) {
        watch_left(thread, call, now);
    }
}

uint64_t
tree_took_long(struct thread *thread, struct open_call *call, uint64_t elapsed)
{
    /* Counters of two cores may differ by a few ticks. */
    if (elapsed > INT64_MAX) {
        return 0;
    }
    stalls_note_call(thread, call, elapsed);
    return elapsed;
}

/* ---- after a fork ------------------------------------------------------------------------- */

/* Callers first, those that have not been dealt with. ``room`` is for as many calls as there are: recursion
 * may be deep, and the stack is not ours. */
static bool
give_contexts(struct thread *thread, struct open_call *call, uint32_t adoption,
              struct open_call **room,
              struct node *(*context_of)(struct thread *, struct open_call *))
{
    size_t count = 0;
    for (; call != &thread->root_call && call->adoption != adoption; call = call->caller) {
        room[count++] = call;
    }
    while (count-- > 0) {
        struct node *node = context_of(thread, room[count]);
        if (node == NULL) {
            return false;
        }
        room[count]->node = node;
        room[count]->adoption = adoption;
    }
    return true;
}

bool
calls_inherit(struct thread *thread, uint32_t adoption,
              struct node *(*context_of)(struct thread *, struct open_call *))
{
    size_t chunk_count = 0;
    struct open_call_chunk *chunk;
    for (chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        chunk_count++;
    }
    struct open_call **room = calloc(chunk_count + 1, CALLS_IN_A_CHUNK * sizeof(*room));
    bool ready = room != NULL;
    for (chunk = thread->chunks; ready && chunk != NULL; chunk = chunk->next) {
        for (int index = 0; ready && index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (call->frame != NULL && call->node->kind != NODE_LEFT_OVER) {
                ready = give_contexts(thread, call, adoption, room, context_of);
            }
        }
    }
    free(room);
    return ready;
}
