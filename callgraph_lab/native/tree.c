#define _GNU_SOURCE 1
#include "tree.h"

#include "allocators.h"
#include "instances.h"
#include "lines.h"
#include "memory.h"
#include "stalls.h"
#include "table.h"
#include "threads.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_IN_A_CHUNK 512
#define MOST_BLOCK_BYTES (1024u * 1024u)

struct node_chunk {
    struct node_chunk *next;
    uint32_t used;
    struct node nodes[NODES_IN_A_CHUNK];
};

struct tree tree;
struct recent_child *tree_recent_children;

static struct node_chunk *chunks;
static struct table children;   /* (parent's id, function) -> node */
static struct table entered;    /* (parent's id, function, label), hashed -> node */
static struct table folded;     /* (caller, callee, depth, label), hashed -> node */
static uint32_t next_context_id;
static uint64_t fold_clashes;
static struct context_record unread_record;
static struct node silent_node, shutdown_node, beginning_node, passed_over_node;
static struct node left_over_node;

static void free_nodes(void);

static struct node
silent(enum node_kind kind)
{
    return (struct node){.record = &unread_record, .id = NO_CONTEXT, .kind = (uint8_t)kind};
}

struct node *
tree_silent_node(void)
{
    return &silent_node;
}

struct node *
tree_left_over_node(void)
{
    return &left_over_node;
}

int
tree_start(uint64_t max_contexts, bool whole_program)
{
    tree_recent_children = calloc(RECENT_CHILDREN, sizeof(*tree_recent_children));
    if (tree_recent_children == NULL || threads_start() != 0) {
        free(tree_recent_children);
        tree_recent_children = NULL;
        return -1;
    }
    next_context_id = 0;
    fold_clashes = 0;
    silent_node = silent(NODE_SILENT);
    shutdown_node = silent(NODE_SILENT_SHUTDOWN);
    beginning_node = silent(NODE_SILENT_BEGINNING);
    passed_over_node = silent(NODE_PASSED_OVER);
    left_over_node = silent(NODE_LEFT_OVER);
    tree.whole_program = whole_program;
    tree.max_contexts = max_contexts;
    tree.context_count = 0;
    tree.found_calls = 0;
    tree.stacks_take_turns = false;
    tree.long_call_ticks = INT64_MAX;
    tree.session = ++tree.last_session;
    return 0;
}

void
tree_let_go(void)
{
    tree.session = 0;
    threads_let_go();
}

void
tree_stop(void)
{
    tree_let_go();
    threads_stop();
    table_clear(&children);
    table_clear(&entered);
    table_clear(&folded);
    free(tree_recent_children);
    tree_recent_children = NULL;
    free_nodes();
}

void
tree_give_up(const char *what)
{
    int error = errno;
    char reason[256];
    snprintf(reason, sizeof(reason), "%s: %s", what, strerror(error));
    tree_let_go();
    memory_pause();
    arena_finish(STATE_STOPPED, error, reason);
}

/* ---- contexts ----------------------------------------------------------------------------- */

static struct node *
new_node(void)
{
    if (chunks == NULL || chunks->used == NODES_IN_A_CHUNK) {
        struct node_chunk *chunk = calloc(1, sizeof(*chunk));
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = chunks;
        chunks = chunk;
    }
    return &chunks->nodes[chunks->used++];
}

/* Room for the thread's next contexts. Blocks start with a page, since a server may have hundreds of
 * threads, and double. */
static bool
more_records(struct thread *thread)
{
    size_t size = thread->contexts == NULL ? PAGE_BYTES : thread->contexts->size * 2;
    if (size > MOST_BLOCK_BYTES) {
        size = MOST_BLOCK_BYTES;
    }
    size_t payload = size - sizeof(struct block_header);
    uint32_t capacity = (uint32_t)(payload / sizeof(struct context_record));
    if (next_context_id > UINT32_MAX - capacity - 1) {
        errno = EOVERFLOW;
        return false;
    }
    if (!memory_reserve(next_context_id + capacity)) {
        return false;
    }
    struct block_header *block =
        arena_append(BLOCK_CONTEXTS, payload, next_context_id, thread->index);
    if (block == NULL) {
        return false;
    }
    thread->contexts = block;
    thread->contexts_used = 0;
    thread->next_record = (struct context_record *)(block + 1);
    thread->next_id = next_context_id;
    thread->records_left = capacity;
    next_context_id += capacity;
    return true;
}

/* What of a context's calls has to do with lines (enum node_watch). */
static uint8_t
lines_watch(const struct node *parent, uint32_t function)
{
    uint8_t watch = functions_have_lines(function) ? WATCH_LINES : 0;
    /* A frame that is called through a function written in C is called by the frame that called that. */
    if (parent != NULL && ((parent->watch & WATCH_LINES) ||
                           ((parent->watch & WATCH_LINES_OF_CALLER) &&
                            functions_is_c(parent->function)))) {
        watch |= WATCH_LINES_OF_CALLER;
    }
    return watch;
}

static struct node *
new_context(struct thread *thread, const struct node *parent, uint32_t function, uint32_t label)
{
    uint32_t number_in_file = functions_number_in_file(function);
    if (number_in_file == NO_FUNCTION || (thread->records_left == 0 && !more_records(thread))) {
        return NULL;
    }
    struct node *node = new_node();
    if (node == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    node->record = thread->next_record;
    node->id = thread->next_id;
    node->function = function;
    node->depth = parent == NULL ? 0 : parent->depth + 1;
    node->watch = lines_watch(parent, function);
    node->memory = memory_record_for(node->id);
    node->record->caller = parent == NULL ? NO_CONTEXT : parent->id;
    node->record->function = number_in_file;
    if (label != 0) {
        node->label = node->record->label = label;
        label_add_node(label_of(label), node);
        if (parent != NULL) {
            stalls_note_child(parent, node);
        }
    }
    thread->next_record++;
    thread->next_id++;
    thread->records_left--;
    thread->contexts_used++;
    PUBLISH(thread->contexts->used, (uint64_t)thread->contexts_used);
    allocators_look_after();
    tree.context_count++;
    arena_count(tree.context_count, functions_count(), thread->index + 1);
    return node;
}

struct node *
tree_root_for(struct thread *thread, const char *name)
{
    uint32_t function = functions_append_thread(name);
    struct node *root =
        function == NO_FUNCTION ? NULL : new_context(thread, NULL, function, background_label);
    if (root != NULL) {
        STORE(root->record->calls, 1u);
    }
    return root;
}

/* Past the budget of contexts: one context for every caller, callee and depth, however they were
 * reached. Counts stay exact in that sense, and so stays any graph that is cut at a depth. */
static struct node *
folded_child(struct thread *thread, struct node *parent, uint32_t function, uint32_t label)
{
    arena_note_folding(tree.context_count);
    uint64_t key = ((uint64_t)parent->function << 32 | function) ^
                   ((uint64_t)parent->depth << 21) * 0x9E3779B97F4A7C15u ^
                   ((uint64_t)thread->index << 11) * 0xC2B2AE3D27D4EB4Fu ^
                   (uint64_t)label * 0xD6E8FEB86659FD93u;
    for (key = key ? key : 1;; key = table_next_key(key)) {
        struct node *node = (struct node *)(uintptr_t)table_get(&folded, key);
        if (node == NULL) {
            node = new_context(thread, parent, function, label);
            if (node == NULL || !table_put(&folded, key, (uintptr_t)node)) {
                return NULL;
            }
            return node;
        }
        if (node->function == function && node->depth == parent->depth + 1 &&
            node->label == label) {
            return node;
        }
        fold_clashes++;
    }
}

struct node *
tree_child_of_function(struct thread *thread, struct node *parent, uint32_t function,
                       uint32_t label)
{
    /* Most have their parent's label. */
    struct table *table = label == parent->label ? &children : &entered;
    uint64_t key = ((uint64_t)parent->id + 1) << 32 | function;
    if (table == &entered) {
        key = table_hash(key) + label;
    }
    struct node *child = (struct node *)(uintptr_t)table_get(table, key);
    while (child != NULL && table == &entered &&
           (child->record->caller != parent->id || child->function != function ||
            child->label != label)) {
        key = table_next_key(key);
        child = (struct node *)(uintptr_t)table_get(table, key);
    }
    if (child != NULL) {
        return child;
    }
    if (tree.context_count >= tree.max_contexts) {
        return folded_child(thread, parent, function, label);
    }
    child = new_context(thread, parent, function, label);
    if (child != NULL && !table_put(table, key, (uintptr_t)child)) {
        errno = ENOMEM;
        return NULL;
    }
    return child;
}

/* ---- from frames to contexts --------------------------------------------------------------- */

/* Is the frame none of the target's? Then what it calls is not either, with exceptions. NULL: it is to be
 * recorded, below ``*parent``. */
static struct node *
silent_child(struct thread *thread, struct node **parent, struct code_facts facts)
{
    for (struct open_call *call = thread->top; (*parent)->kind == NODE_PASSED_OVER;
         call = call->caller) {
        *parent = call->node;
    }
    switch ((enum node_kind)(*parent)->kind) {
    case NODE_SILENT:
        return &silent_node;
    case NODE_SILENT_SHUTDOWN:
        if (facts.traits & CODE_IS_OF_SHUTDOWN) {
            return &shutdown_node;
        }
        *parent = thread->root;
        break;
    case NODE_SILENT_BEGINNING:
        if (facts.traits & CODE_IS_OF_BEGINNING) {
            return &beginning_node;
        }
        *parent = thread->root;
        break;
    case NODE_RECORDED:
    case NODE_PASSED_OVER:
    case NODE_LEFT_OVER:
        break;
    }
    if (facts.traits & CODE_IS_OURS) {
        return &silent_node;
    }
    if (facts.traits & CODE_IS_PASSED_OVER) {
        return &passed_over_node;
    }
    if (*parent == thread->root) {
        if (facts.traits & CODE_IS_SHUTDOWN) {
            return &shutdown_node;
        }
        if (facts.traits & CODE_IS_BEGINNING) {
            return &beginning_node;
        }
        if (facts.traits & CODE_IS_HOUSEKEEPING) {
            return &silent_node;
        }
    }
    return NULL;
}

static struct node *
find_child(struct thread *thread, struct node *parent, interpreter_frame *frame, PyCodeObject *code,
           struct code_facts *facts, const void **class)
{
    *class = NULL;
    if (!registry_code(frame, code, facts)) {
        return NULL;
    }
    if (UNLIKELY(facts->traits != 0 || parent->kind != NODE_RECORDED)) {
        struct node *silent = silent_child(thread, &parent, *facts);
        if (silent != NULL) {
            facts->source = SOURCE_NOT_CACHED;
            return silent;
        }
    }
    PyTypeObject *type = naming_class_of(frame, *facts);
    uint32_t function = registry_function(frame, code, *facts, type);
    if (function == NO_FUNCTION) {
        return NULL;
    }
    *class = type;
    uint32_t label = parent->label;
    if (UNLIKELY(label != 0)) {
        label = watch_label(thread, parent, function, frame, code);
        if (label == 0) {
            return NULL;
        }
    }
    struct node *child = tree_child_of_function(thread, parent, function, label);
    if (UNLIKELY(thread->watch.pending != NULL) && child != NULL) {
        child->watch |= WATCH_RULES;
        facts->source = SOURCE_NOT_CACHED;
    }
    return child;
}

struct node *
tree_child(struct thread *thread, struct node *parent, interpreter_frame *frame, PyCodeObject *code)
{
    int saved_errno = errno;
    if (UNLIKELY(threads_child_is_pending())) {
        if (!tree_adopt()) {
            errno = saved_errno;
            return NULL;
        }
        parent = thread->top->node; /* the caller's context in the file of the child */
    }
    if (UNLIKELY(instances_types_in_the_making)) {
        instances_note_arguments(frame, code);
    }
    struct code_facts facts;
    const void *class;
    struct node *child = find_child(thread, parent, frame, code, &facts, &class);
    if (child == NULL) {
        tree_give_up("the recording could not grow");
        errno = saved_errno;
        return NULL;
    }
    /* The silent nodes belong to no thread, but what is recorded below them does. */
    if (parent->kind == NODE_RECORDED &&
        (facts.source == SOURCE_NONE || facts.source == SOURCE_SELF ||
         facts.source == SOURCE_CLASS)) {
        struct recent_child *place = recent_child(parent, code);
        if (place->generation == registry_generation) {
            place = second_recent_child(parent, code, frame);
        }
        *place = (struct recent_child){parent,
                                       code,
                                       class,
                                       child,
                                       registry_generation,
                                       facts.source};
        /* Not always the last one: where children take turns, keeping one is better than none. */
        if (parent->cached_generation != registry_generation) {
            parent->cached_code = code;
            parent->cached_class = class;
            parent->cached_child = child;
            parent->cached_generation = registry_generation;
            parent->cached_source = facts.source;
        }
    }
    errno = saved_errno;
    return child;
}

/* ---- fork --------------------------------------------------------------------------------- */

void
tree_after_fork(void)
{
    if (!arena_is_open() || tree.session == 0) {
        return;
    }
    watch_after_fork();
    arena_leave_parent();
    registry_generation++; /* so that the next call of the child does not find a cached context */
    threads_after_fork();
}

static void
free_nodes(void)
{
    while (chunks != NULL) {
        struct node_chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
}

/* The context in the child's file of a call that was open at the fork. */
static struct node *
inherited_context(struct thread *thread, struct open_call *call)
{
    if (call->caller == NULL || call->node->kind != NODE_RECORDED) {
        return call->node;
    }
    if (call->found_on_stack) {
        return call->caller->node;
    }
    struct node *parent = call->caller->node;
    struct node *node =
        tree_child_of_function(thread, parent->kind == NODE_RECORDED ? parent : thread->root,
                               call->node->function, call->node->label);
    if ((call->node->watch & WATCH_RULES) && node != NULL) {
        node->watch |= WATCH_RULES;
    }
    else {
        call->entry = NULL;
    }
    return node;
}

bool
tree_adopt(void)
{
    struct node_chunk *old_chunks = chunks;
    int error = arena_open_for_child();
    if (error == 0) {
        chunks = NULL;
        table_clear(&children);
        table_clear(&entered);
        table_clear(&folded);
        memset(tree_recent_children, 0, RECENT_CHILDREN * sizeof(*tree_recent_children));
        next_context_id = 0;
        tree.context_count = 0;
        functions_begin_child();
        if (!memory_adopt() || !watch_adopt(current_thread) || !threads_adopt(inherited_context) ||
            !lines_adopt(current_thread)) {
            error = errno;
        }
        struct node_chunk *new_chunks = chunks;
        chunks = old_chunks;
        free_nodes();
        chunks = new_chunks;
    }
    if (error == 0) {
        memory_adopted();
    }
    if (error != 0) {
        errno = error;
        tree_give_up("a forked process could not be recorded");
        return false;
    }
    return true;
}
