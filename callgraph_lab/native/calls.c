#include "calls.h"

#include "c_call_events.h"
#include "c_calls.h"
#include "passing.h"
#include "threads.h"

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

void
tree_grow_stack(struct thread *thread, uint32_t depth)
{
    int saved_errno = errno;
    struct thread_block *old = thread->block;
    size_t capacity = old->capacity;
    while (capacity < depth) {
        capacity *= 4;
    }
    if (capacity == old->capacity || thread->has_full_block) {
        return;
    }
    struct thread_block *block = threads_append_block(thread, capacity);
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
}

void
tree_restack(struct thread *thread, struct open_call *top)
{
    tree_grow_stack(thread, top->position);
    struct thread_block *block = thread->block;
    PUBLISH(block->sequence, block->sequence + 1);
    STORE(block->depth, 0u);
    for (struct open_call *call = top; call != NULL && call->caller != NULL; call = call->caller) {
        if (call->node->kind == NODE_RECORDED && !call->found_on_stack &&
            call->position <= block->capacity) {
            struct open_entry *entry = &block->entries[call->position - 1];
            STORE(entry->context, call->node->id);
            STORE(entry->flags, call->flags);
            STORE(entry->ticks, call->entered);
        }
    }
    PUBLISH(block->depth, (uint64_t)top->position);
    PUBLISH(block->sequence, block->sequence + 1);
    thread->top = top;
}

/* A call that was found on the stack is over when its caller goes on without it. */
static void
end_found_calls(struct thread *thread, struct open_call *until)
{
    while (thread->top != until && thread->top->found_on_stack) {
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
        count_time(thread, c_call, clock_read());
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
    return call->frame == frame && call->session == tree.session;
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
        .session = tree.session,
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

static bool
is_on_chain(struct open_call *call, struct open_call *top)
{
    while (top != NULL && top != call) {
        top = top->caller;
    }
    return top != NULL;
}

struct open_call *
tree_find_caller(struct thread *thread, interpreter_frame *raw_frame, interpreter_frame *entered)
{
    int saved_errno = errno;
    if (thread->session != tree.session && tree_thread_begin(entered) == NULL) {
        return NULL;
    }
    if (thread->top->frame == FRAME_OF_C_CALL && thread->top->caller->frame == raw_frame) {
        return c_call_events_come() ? thread->top : c_calls_leave(thread, thread->top);
    }
    struct open_call *found = NULL;
    interpreter_frame *innermost = first_caller(raw_frame), *frame = innermost;
    for (; frame != NULL; frame = first_caller(previous_frame(frame))) {
        found = find_open_call(thread, frame);
        if (found != NULL) {
            break;
        }
    }
    if (found == NULL) {
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

void
calls_visit(struct thread *thread, void (*visit)(struct open_call *))
{
    for (struct open_call_chunk *chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (call->frame != NULL && call->session == tree.session) {
                visit(call);
            }
        }
    }
}

/* ---- after a fork ------------------------------------------------------------------------- */

/* Callers first; ``done`` is the session of those that have been dealt with. ``room`` is for as many
 * calls as there are: recursion may be deep, and the stack is not ours. */
static bool
give_contexts(struct thread *thread, struct open_call *call, uint32_t done, struct open_call **room,
              struct node *(*context_of)(struct thread *, struct open_call *))
{
    size_t count = 0;
    for (; call != &thread->root_call && call->session != done; call = call->caller) {
        room[count++] = call;
    }
    while (count-- > 0) {
        struct node *node = context_of(thread, room[count]);
        if (node == NULL) {
            return false;
        }
        room[count]->node = node;
        room[count]->session = done;
    }
    return true;
}

bool
calls_inherit(struct thread *thread, uint32_t done,
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
            if (call->frame != NULL && call->session == tree.session) {
                ready = give_contexts(thread, call, done, room, context_of);
            }
        }
    }
    free(room);
    return ready;
}
