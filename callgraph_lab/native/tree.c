#define _GNU_SOURCE 1
#include "tree.h"

#include "clock.h"
#include "contexts.h"
#include "instances.h"
#include "lines.h"
#include "memory.h"
#include "own_memory.h"
#include "threads.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tree tree;
struct recent_child *tree_recent_children;

static bool has_begun; /* in this process, or in one that it was forked from */
static struct context_record unread_record;
static struct node silent_node, shutdown_node, beginning_node, passed_over_node;
static struct node left_over_node;

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
    contexts_free(contexts_start());
    silent_node = silent(NODE_SILENT);
    shutdown_node = silent(NODE_SILENT_SHUTDOWN);
    beginning_node = silent(NODE_SILENT_BEGINNING);
    passed_over_node = silent(NODE_PASSED_OVER);
    left_over_node = silent(NODE_LEFT_OVER);
    tree.whole_program = whole_program;
    tree.max_contexts = max_contexts;
    tree.found_calls = 0;
    tree.stacks_take_turns = false;
    tree.long_call_ticks = clock_ticks_a_second() / 1000;
    tree.session = ++tree.last_session;
    own_memory_include(&tree, sizeof(tree));
    tree.is_of_this_process = has_begun = true;
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
    free(tree_recent_children);
    tree_recent_children = NULL;
    contexts_free(contexts_start());
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
    struct node *child = contexts_child(thread, parent, function, label);
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
    if (!arena_leave_parent(true)) {
        arena_count_lost_child(ENOMEM);
        threads_have_no_blocks();
        tree_let_go();
        return;
    }
    registry_generation++; /* so that the next call of the child does not find a cached context */
    threads_after_fork();
}

bool
tree_is_of_another_process(void)
{
    return has_begun && !tree.is_of_this_process;
}

void
tree_note_strange_child(void)
{
    static bool is_noted;
    if (UNLIKELY(tree_is_of_another_process()) && !is_noted) {
        is_noted = true;
        arena_count_lost_child(0);
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
    struct node *node = contexts_child(thread, parent->kind == NODE_RECORDED ? parent : thread->root,
                                       call->node->function, call->node->label);
    if ((call->node->watch & WATCH_RULES) && node != NULL) {
        node->watch |= WATCH_RULES;
    }
    else {
        watch_abandon(call);
    }
    return node;
}

bool
tree_adopt(void)
{
    struct node_chunk *of_parent = NULL;
    int error = arena_open_for_child();
    if (error == 0) {
        of_parent = contexts_start();
        memset(tree_recent_children, 0, RECENT_CHILDREN * sizeof(*tree_recent_children));
        functions_begin_child();
        if (!memory_adopt() || !watch_adopt(current_thread) || !threads_adopt(inherited_context) ||
            !lines_adopt(current_thread)) {
            error = errno;
        }
    }
    if (error == 0) {
        memory_adopted();
    }
    else {
        errno = error;
        tree_give_up("a forked process could not be recorded");
    }
    /* Only now does no open call have one of them. */
    contexts_free(of_parent);
    return error == 0;
}
