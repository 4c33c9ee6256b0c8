#include "contexts.h"

#include "allocators.h"
#include "memory.h"
#include "stalls.h"
#include "table.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>

#define NODES_IN_A_CHUNK 512
#define MOST_BLOCK_BYTES (1024u * 1024u)

struct node_chunk {
    struct node_chunk *next;
    uint32_t used;
    struct node nodes[NODES_IN_A_CHUNK];
};

static struct node_chunk *chunks;
static struct table children;   /* (parent's id, function) -> node */
static struct table entered;    /* (parent's id, function, label), hashed -> node */
static struct table folded;     /* (caller, callee, depth, label), hashed -> node */
static uint32_t next_context_id;

struct node_chunk *
contexts_start(void)
{
    struct node_chunk *before = chunks;
    chunks = NULL;
    table_clear(&children);
    table_clear(&entered);
    table_clear(&folded);
    next_context_id = 0;
    tree.context_count = 0;
    return before;
}

void
contexts_free(struct node_chunk *chunk)
{
    while (chunk != NULL) {
        struct node_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

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
contexts_root(struct thread *thread, const char *name)
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
    }
}

struct node *
contexts_child(struct thread *thread, struct node *parent, uint32_t function, uint32_t label)
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
