/* Threads: how they begin, how they end, and what a fork makes of them. */

#define _GNU_SOURCE 1
#include "threads.h"

#include "c_call_events.h"
#include "calls.h"
#include "charges.h"
#include "clock.h"
#include "contexts.h"
#include "left_calls.h"
#include "lines.h"
#include "own_memory.h"
#include "stack.h"
#include "text.h"
#include "thread_names.h"
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Never that of a caller: the next entry finds that nothing is recorded, or that the thread is to begin
 * anew. */
#define NO_FRAME ((interpreter_frame *)1)
#define FIRST_CAPACITY ((PAGE_BYTES - sizeof(struct thread_block)) / sizeof(struct open_entry))

struct thread no_thread = {.session = UINT32_MAX};
_Thread_local struct thread *current_thread __attribute__((tls_model("initial-exec"))) = &no_thread;

/* Servers give threads the names of users or connections: past so many, a thread of another name takes over
 * what one of its class or first function has left. */
#define MOST_NAMES_OF_ENDED_THREADS 64u

static struct thread *threads; /* all there ever were: an ending thread may touch its own any time */
static uint32_t thread_count;
static pthread_key_t end_key;
static bool end_key_made;
static bool child_pending; /* a forked child that has no file of its own yet */

/* ---- beginning and end -------------------------------------------------------------------- */

/* Runs at the thread's end, without the interpreter lock: flags, nothing else. The block stays
 * mapped while ``is_ending`` is set. */
static void
thread_ends(void *value)
{
    struct thread *thread = value;
    current_thread = &no_thread;
    __atomic_store_n(&thread->is_ending, true, __ATOMIC_SEQ_CST);
    struct thread_block *block = __atomic_load_n(&thread->block, __ATOMIC_SEQ_CST);
    if (block != NULL) {
        PUBLISH(block->state, (uint32_t)THREAD_ENDED);
    }
    __atomic_store_n(&thread->is_ending, false, __ATOMIC_RELEASE);
    __atomic_store_n(&thread->ended, true, __ATOMIC_RELEASE);
}

struct thread_block *
threads_append_block(struct thread *thread, size_t capacity)
{
    size_t payload = sizeof(struct thread_block) - sizeof(struct block_header) +
                     capacity * sizeof(struct open_entry);
    struct thread_block *block =
        (struct thread_block *)arena_append(BLOCK_THREAD, payload, 0, thread->index);
    if (block != NULL) {
        block->capacity =
            (block->header.size - sizeof(struct thread_block)) / sizeof(struct open_entry);
    }
    return block;
}

static void
identify(struct thread *thread)
{
    struct thread_block *block = thread->block;
    block->identifier = (uint64_t)pthread_self();
    block->native_identifier = (uint64_t)syscall(SYS_gettid);
    STORE(block->threads, block->threads + 1);
    PUBLISH(block->state, (uint32_t)THREAD_ALIVE);
}

/* Nothing is open: the next frame that is entered begins under the root. */
static void
clear_stack(struct thread *thread)
{
    thread->root_call = (struct open_call){
        .frame = NULL,
        .node = thread->root,
    };
    thread->top = &thread->root_call;
    if (thread->block != NULL) {
        PUBLISH(thread->block->depth, 0u);
    }
}

static bool
begin_anew(struct thread *thread, const char *name)
{
    free(thread->name);
    thread->name = strdup(name);
    thread->index = thread_count;
    thread->records_left = 0;
    thread->contexts = NULL;
    thread->block = NULL;
    thread->session = tree.session;
    thread->root = NULL;
    thread->has_full_block = false;
    thread->watch = (struct thread_watch){0};
    lines_begin_thread(thread);
    if (thread->name == NULL) {
        errno = ENOMEM;
        return false;
    }
    struct thread_block *block = threads_append_block(thread, FIRST_CAPACITY);
    if (block == NULL) {
        return false;
    }
    block->state = THREAD_ENDED;
    block->began = clock_read();
    block->root = NO_CONTEXT;
    thread->root = contexts_root(thread, name);
    if (thread->root == NULL) {
        return false;
    }
    PUBLISH(block->root, thread->root->id);
    thread->block = block;
    PUBLISH(block->header.used, 1u);
    thread_count++;
    clear_stack(thread);
    return true;
}

/* Nothing of it is on a stack any more: all it has can be used again. */
static struct thread *
ended_in_earlier_recording(void)
{
    struct thread *thread = threads;
    while (thread != NULL && (thread->session == tree.session ||
                              !__atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE))) {
        thread = thread->next;
    }
    return thread;
}

/* One that has ended in this recording, whose name is the same but for numbers. Where none has, is the name
 * a new one, and one of too many? */
static struct thread *
ended_of_kind(const char *name, bool *is_too_many)
{
    uint32_t others = 0;
    bool is_known = false;
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        if (thread->session != tree.session || thread->block == NULL) {
            continue;
        }
        bool alike = thread_names_are_alike(thread->name, name);
        bool ended = __atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE);
        if (alike && ended) {
            return thread;
        }
        is_known |= alike;
        others += ended;
    }
    *is_too_many = !is_known && others >= MOST_NAMES_OF_ENDED_THREADS;
    return NULL;
}

struct thread *
threads_begin(interpreter_frame *frame)
{
    static struct text name;
    int saved_errno = errno;
    if (tree.session == 0) {
        tree_note_strange_child();
        return NULL;
    }
    if (child_pending && !tree_adopt()) {
        errno = saved_errno;
        return NULL;
    }
    struct thread *thread = current_thread;
    if (thread->session == tree.session) {
        errno = saved_errno;
        return thread;
    }
    thread = thread == &no_thread ? NULL : thread;
    text_clear(&name);
    thread_name_put(frame, &name);
    if (thread == NULL) {
        bool is_too_many;
        thread = ended_of_kind(text_chars(&name), &is_too_many);
        if (thread == NULL && is_too_many) {
            thread_name_put_shared(frame, &name);
            thread = ended_of_kind(text_chars(&name), &is_too_many);
        }
    }
    bool ready;
    if (thread != NULL && thread->session == tree.session) {
        clear_stack(thread);
        ready = true;
    }
    else {
        if (thread == NULL) {
            thread = ended_in_earlier_recording();
        }
        if (thread == NULL) {
            thread = own_memory_allocate(sizeof(*thread));
            if (thread != NULL) {
                thread->next = threads;
                threads = thread;
            }
        }
        ready = thread != NULL && begin_anew(thread, text_chars(&name));
    }
    if (!ready) {
        tree_give_up("the recording could not grow");
        errno = saved_errno;
        return NULL;
    }
    identify(thread);
    thread->ended = false;
    thread->is_main = syscall(SYS_gettid) == getpid();
    stack_find(&thread->stack_lowest, &thread->stack_margin);
    c_call_events_watch_thread();
    charges_begin(thread);
    current_thread = thread;
    pthread_setspecific(end_key, thread);
    arena_count(tree.context_count, functions_count(), thread_count);
    errno = saved_errno;
    return thread;
}

/* Threads keep their open calls from one recording to the next: hooks that are still to return hold
 * them. Each begins anew when it next enters a function. */
int
threads_start(void)
{
    if (!end_key_made) {
        if (pthread_key_create(&end_key, thread_ends) != 0) {
            return -1;
        }
        end_key_made = true;
    }
    if (thread_names_start() != 0) {
        PyErr_Clear(); /* as where there is no memory */
        return -1;
    }
    thread_count = 0;
    child_pending = false;
    return 0;
}

static void
leave_over(struct open_call *call)
{
    watch_abandon(call);
    call->node = tree_left_over_node();
}

static void
let_go(struct thread *thread)
{
    calls_visit(thread, leave_over);
    thread->root_call.frame = NO_FRAME;
    /* Its root may be freed, and memory be charged before the thread has another one. */
    thread->root_call.node = tree_silent_node();
    thread->top = &thread->root_call;
}

void
threads_let_go(void)
{
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        let_go(thread);
    }
}

void
threads_stop(void)
{
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        __atomic_store_n(&thread->block, NULL, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&thread->is_ending, __ATOMIC_SEQ_CST)) {
            sched_yield(); /* between two stores of a thread that ends */
        }
        thread->session = 0;
        left_calls_clear(thread);
    }
}

/* ---- fork --------------------------------------------------------------------------------- */

void
threads_after_fork(void)
{
    uint64_t now = clock_read();
    child_pending = true;
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        if (thread == current_thread) {
            for (struct open_call_chunk *chunk = thread->chunks; chunk != NULL;
                 chunk = chunk->next) {
                for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
                    chunk->calls[index].entered = now;
                    chunk->calls[index].flags |= OPEN_IS_INHERITED;
                }
            }
        }
        else {
            /* Only the thread that forked goes on in the child. */
            let_go(thread);
            thread->session = 0;
            thread->block = NULL;
            thread->is_ending = false;
        }
    }
}

void
threads_have_no_blocks(void)
{
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        thread->block = NULL;
        thread->is_ending = false;
        thread->session = 0;
    }
}

bool
threads_child_is_pending(void)
{
    return child_pending;
}

bool
threads_adopt(struct node *(*context_of)(struct thread *, struct open_call *))
{
    struct thread *thread = current_thread;
    child_pending = false;
    thread_count = 0;
    if (thread->session != tree.session) {
        return true; /* a thread that has never been recorded has forked */
    }
    struct open_call *top = thread->top;
    interpreter_frame *root_frame = thread->root_call.frame;
    struct thread_watch watch = thread->watch;
    char *name = thread->name;
    thread->name = NULL;
    bool ready = begin_anew(thread, name);
    thread->watch = watch;
    charges_begin_child(thread);
    free(name);
    if (!ready) {
        return false;
    }
    identify(thread);
    thread->is_main = true;
    thread->root_call.frame = root_frame;
    /* What was open keeps its meaning in a session of the child's own. */
    uint32_t done = tree.last_session + 1;
    if (!calls_inherit(thread, context_of)) {
        return false;
    }
    tree.last_session = tree.session = done;
    thread->session = done;
    calls_restack(thread, top);
    arena_count(tree.context_count, functions_count(), thread_count);
    return true;
}
