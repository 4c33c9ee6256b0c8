/* Threads: who they are, where their stacks end, and the open calls that they have. */

#define _GNU_SOURCE 1
#include "threads.h"

#include "text.h"

#include "clock.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_IN_A_CHUNK 128
/* Never that of a caller: the next entry finds that the thread is to begin anew. */
#define NO_FRAME ((interpreter_frame *)1)
#define FIRST_CAPACITY ((PAGE_BYTES - sizeof(struct thread_block)) / sizeof(struct open_entry))

struct open_call_chunk {
    struct open_call_chunk *next;
    struct open_call calls[CALLS_IN_A_CHUNK];
};

_Thread_local struct thread *current_thread __attribute__((tls_model("initial-exec")));

static struct thread *threads; /* all there ever were: an ending thread may touch its own any time */
static uint32_t thread_count;
static pthread_key_t end_key;
static bool end_key_made;
static bool child_pending; /* a forked child that has no file of its own yet */

/* ---- beginning and end -------------------------------------------------------------------- */

/* Runs at the thread's end, without the interpreter lock: two flags, nothing else. */
static void
thread_ends(void *value)
{
    struct thread *thread = value;
    current_thread = NULL;
    if (thread->block != NULL) {
        PUBLISH(thread->block->state, (uint32_t)THREAD_ENDED);
    }
    __atomic_store_n(&thread->ended, true, __ATOMIC_RELEASE);
}

/* How far down the stack may go. Beyond, the evaluator is made to raise RecursionError, with
 * room left for C code that recurses on its own. */
static const char *
find_stack_floor(void)
{
#if INTERPRETER_WATCHES_THE_STACK
    return NULL;
#else
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return NULL;
    }
    int error = pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    if (error != 0 || lowest == NULL) {
        return NULL;
    }
    size_t margin = size / 4;
    if (margin > 8u * 1024 * 1024) {
        margin = 8u * 1024 * 1024;
    }
    return (const char *)lowest + margin;
#endif
}

/* ``_name`` of a threading.Thread, into ``name``; false when there is none. No code of the target
 * runs: the attribute is looked up in the generic way. */
static bool
copy_thread_name(PyObject *object, struct text *name)
{
    PyObject *key = PyUnicode_FromString("_name");
    PyObject *value = key == NULL ? NULL : PyObject_GenericGetAttr(object, key);
    bool found = value != NULL && PyUnicode_Check(value);
    if (found) {
        text_clear(name);
        text_put_string(name, value);
    }
    Py_XDECREF(value);
    Py_XDECREF(key);
    return found;
}

static PyObject *
threading_dictionary(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *threading = modules == NULL ? NULL : PyDict_GetItemString(modules, "threading");
    return threading == NULL || !PyModule_Check(threading) ? NULL : PyModule_GetDict(threading);
}

/* The name that threading knows the running thread by. */
static bool
look_up_thread_name(struct text *name)
{
    PyObject *dictionary = threading_dictionary();
    PyObject *active = dictionary == NULL ? NULL : PyDict_GetItemString(dictionary, "_active");
    if (active == NULL || !PyDict_Check(active)) {
        return false;
    }
    PyObject *key = PyLong_FromUnsignedLong((unsigned long)pthread_self());
    PyObject *thread = key == NULL ? NULL : PyDict_GetItem(active, key);
    Py_XDECREF(key);
    return thread != NULL && copy_thread_name(thread, name);
}

static void
name_thread(interpreter_frame *frame, struct text *name)
{
    PyCodeObject *code = frame_code(frame);
    static struct text qualname;
    text_clear(&qualname);
    text_put_string(&qualname, code->co_qualname);
#if ALLOCATION_MAY_COLLECT
    int collecting = PyGC_Disable();
#endif
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool found = false;
    if (strcmp(text_chars(&qualname), "Thread._bootstrap") == 0) {
        PyObject *self = frame_slot(frame, 0);
        found = self != NULL && copy_thread_name(self, name);
    }
    if (!found) {
        found = look_up_thread_name(name);
    }
    PyErr_Restore(type, value, traceback);
#if ALLOCATION_MAY_COLLECT
    if (collecting) {
        PyGC_Enable();
    }
#endif
    if (!found) {
        char chars[40];
        long identifier = syscall(SYS_gettid);
        snprintf(chars, sizeof(chars), "thread %ld", identifier);
        text_clear(name);
        text_put_chars(name, identifier == getpid() ? "MainThread" : chars);
    }
}

/* Are two names the same but for numbers? Servers start threads named Thread-1, Thread-2 and so on
 * without end; those that followed each other share one tree. */
static bool
same_kind_of_name(const char *left, const char *right)
{
    while (*left != '\0' || *right != '\0') {
        if (isdigit((unsigned char)*left) && isdigit((unsigned char)*right)) {
            while (isdigit((unsigned char)*left)) {
                left++;
            }
            while (isdigit((unsigned char)*right)) {
                right++;
            }
        }
        else if (*left++ != *right++) {
            return false;
        }
    }
    return true;
}

static struct thread_block *
append_thread_block(struct thread *thread, size_t capacity)
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
        .session = tree.session,
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
    if (thread->name == NULL) {
        errno = ENOMEM;
        return false;
    }
    struct thread_block *block = append_thread_block(thread, FIRST_CAPACITY);
    if (block == NULL) {
        return false;
    }
    block->state = THREAD_ENDED;
    block->began = clock_read();
    block->root = NO_CONTEXT;
    thread->root = tree_root_for(thread, name);
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

struct thread *
tree_thread_begin(interpreter_frame *frame)
{
    static struct text name;
    int saved_errno = errno;
    if (child_pending && !tree_adopt()) {
        errno = saved_errno;
        return NULL;
    }
    struct thread *thread = current_thread;
    if (thread != NULL && thread->session == tree.session) {
        errno = saved_errno;
        return thread;
    }
    text_clear(&name);
    name_thread(frame, &name);
    if (thread == NULL) {
        for (thread = threads; thread != NULL; thread = thread->next) {
            if (thread->session == tree.session && thread->block != NULL &&
                __atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE) &&
                same_kind_of_name(thread->name, text_chars(&name))) {
                break;
            }
        }
    }
    bool ready;
    if (thread != NULL && thread->session == tree.session) {
        clear_stack(thread);
        ready = true;
    }
    else {
        if (thread == NULL) {
            thread = calloc(1, sizeof(*thread));
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
    thread->stack_floor = find_stack_floor();
    current_thread = thread;
    pthread_setspecific(end_key, thread);
    arena_count(tree.context_count, registry_function_count(), thread_count);
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
    thread_count = 0;
    child_pending = false;
    return 0;
}

void
threads_stop(void)
{
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        thread->block = NULL;
        thread->session = 0;
        thread->root_call.frame = NO_FRAME;
        thread->top = &thread->root_call;
    }
}

/* ---- open calls --------------------------------------------------------------------------- */

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
    if (capacity == old->capacity || old->header.unused[0] != 0) {
        return;
    }
    struct thread_block *block = append_thread_block(thread, capacity);
    if (block == NULL) {
        old->header.unused[0] = 1; /* no room: counts go on, the innermost open calls are not shown */
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

/* ---- callers that are not the last call entered -------------------------------------------- */

static struct open_call *
find_open_call(struct thread *thread, interpreter_frame *frame)
{
    for (struct open_call *call = thread->top; call != NULL; call = call->caller) {
        if (call->frame == frame) {
            return call;
        }
    }
    for (struct open_call_chunk *chunk = thread->chunks; chunk != NULL; chunk = chunk->next) {
        for (int index = 0; index < CALLS_IN_A_CHUNK; index++) {
            struct open_call *call = &chunk->calls[index];
            if (call->frame == frame && call->session == tree.session) {
                return call;
            }
        }
    }
    return NULL;
}

/* A call that was found on the stack is over when its caller goes on without it. */
static void
end_found_calls(struct thread *thread, struct open_call *until)
{
    while (thread->top != until && thread->top->found_on_stack) {
        struct open_call *call = thread->top;
        thread->top = call->caller;
        call->frame = NULL;
        call->found_on_stack = false;
        call->caller = thread->free_call;
        thread->free_call = call;
    }
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
    struct open_call *call = thread->free_call;
    if (call == NULL && (call = tree_more_calls(thread)) == NULL) {
        return NULL;
    }
    thread->free_call = call->caller;
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
            thread->session = 0;
            thread->block = NULL;
        }
    }
}

bool
threads_child_is_pending(void)
{
    return child_pending;
}

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

static bool
inherit_calls(struct thread *thread, uint32_t done,
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

bool
threads_adopt(struct node *(*context_of)(struct thread *, struct open_call *))
{
    struct thread *thread = current_thread;
    child_pending = false;
    thread_count = 0;
    if (thread == NULL || thread->session != tree.session) {
        return true; /* a thread that has never been recorded has forked */
    }
    struct open_call *top = thread->top;
    interpreter_frame *root_frame = thread->root_call.frame;
    char *name = thread->name;
    thread->name = NULL;
    bool ready = begin_anew(thread, name);
    free(name);
    if (!ready) {
        return false;
    }
    identify(thread);
    thread->is_main = true;
    thread->root_call.frame = root_frame;
    /* What was open keeps its meaning in a session of the child's own. */
    uint32_t done = tree.last_session + 1;
    if (!inherit_calls(thread, done, context_of)) {
        return false;
    }
    tree.last_session = tree.session = done;
    thread->session = done;
    thread->root_call.session = done;
    tree_restack(thread, top);
    arena_count(tree.context_count, registry_function_count(), thread_count);
    return true;
}
