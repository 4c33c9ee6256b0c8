/* The calling-context tree and the threads that grow it.
 *
 * A node is a context: its counts stand in the live file, the rest in private memory. Every open call is
 * a record in memory of its own, not on the C stack, which greenlets copy away and overwrite.
 * Everything here needs the interpreter lock, except what says otherwise. */

#ifndef CGLAB_TREE_H
#define CGLAB_TREE_H

#include "arena.h"
#include "compat.h"
#include "records.h"
#include "registry.h"
#include "table.h"
#include "watch_state.h"

enum node_kind {
    NODE_RECORDED = 0,
    NODE_SILENT,          /* the interpreter's housekeeping and ourselves, and all that they call */
    NODE_SILENT_SHUTDOWN, /* threading._shutdown: the target's code that it calls is recorded */
    NODE_SILENT_BEGINNING, /* the first frames of a thread: its run() is recorded */
    NODE_PASSED_OVER,      /* one of ours: what it calls hangs on its caller */
    NODE_LEFT_OVER,        /* of open calls from a recording that has ended */
};

/* What has to do with calls into a context, beside counting them. */
enum node_watch {
    WATCH_RULES = 1,           /* of the event map */
    WATCH_LINES = 2,           /* its function's lines are counted */
    WATCH_LINES_OF_CALLER = 4, /* those of its caller are */
};
#define WATCH_ANY_LINES (WATCH_LINES | WATCH_LINES_OF_CALLER)

struct node {
    struct context_record *record;
    /* A child that was entered: most contexts have only one that matters. */
    const PyCodeObject *cached_code;
    const void *cached_class;
    struct node *cached_child;
    uint32_t cached_generation;
    uint32_t id;
    uint32_t function;
    uint32_t depth;
    union {
        struct {
            uint8_t kind;  /* enum node_kind */
            uint8_t watch; /* enum node_watch: what is to be done when calls into it begin and end */
        };
        uint16_t is_special; /* either: there is more to do than to count */
    };
    uint8_t cached_source;
    uint32_t label;
    struct memory_record *memory; /* whom memory is charged to; NULL: it is not counted */
    struct node *next_of_label;
};

/* Children that were entered not long ago, where one parent has several: found by parent and code
 * object, or the definition of a function written in C. */
struct recent_child {
    const struct node *parent;
    const void *code;
    const void *class;
    struct node *child;
    uint32_t generation;
    uint8_t source;
};

#define CACHE_LINE_BYTES 64u
#define RECENT_CHILDREN 2048u

/* Stands for the frame of an open call that has none: one of a C function. */
#define FRAME_OF_C_CALL ((interpreter_frame *)2)

/* One line of the processor's cache: a switch to a greenlet looks at all its open calls, which nobody has
 * looked at since it was left. */
struct open_call {
    interpreter_frame *frame; /* NULL: the record is free */
    struct node *node;
    struct open_call *caller;
    uint64_t entered;
    uint32_t position; /* how many recorded calls are open, this one included */
    union {
        struct {
            uint8_t flags;           /* enum open_flags */
            bool found_on_stack : 1; /* was there before recording began: nobody tells when it returns */
            bool is_among_left : 1;  /* and its callers are: they are found by their frames */
            bool is_adopted : 1;     /* by a forked child, which has given it its context */
        };
        uint16_t flags_of_new; /* all of them: of a new call the others are false */
    };
    struct entry *entry; /* of the event map, where the node has ``watch`` */
    struct lined_call *lined; /* where it is, where lines of its function are counted */
    struct open_call *c_call; /* the call of a C function that this frame waits for, or NULL */
};

_Static_assert(sizeof(struct open_call) == CACHE_LINE_BYTES, "an open call is one line of the cache");


struct open_call_chunk;

/* Open calls by their frames. */
struct frame_index {
    struct table by_frame;
    uint64_t sweep_at; /* so many entries, and those of ended calls are dropped */
};

/* The lines that a thread has come to. */
struct thread_lines {
    struct records records;
    struct table by_line;       /* (1 + function, line) -> record */
    struct line_record *totals; /* bytes that the thread has allocated and freed, or NULL */
    Py_tracefunc tracer;        /* of the target, while ours is in its place (Python 3.11) */
};

struct thread {
    struct open_call *top;
    struct open_call *free_call;
    struct thread_block *block;
    uintptr_t stack_lowest; /* so close to the lowest end of the stack, calls raise RecursionError */
    uintptr_t stack_margin;
    struct open_call root_call;
    struct node *root;
    struct open_call_chunk *chunks;
    struct frame_index left_calls, found_calls;
    struct context_record *next_record;
    struct block_header *contexts;
    uint32_t records_left;
    uint32_t next_id;
    uint32_t contexts_used;
    uint32_t index;
    uint32_t session;
    bool is_main;
    bool has_full_block; /* and no room for a larger one: the innermost open calls are not shown */
    bool ended; /* set by the thread's end, without the lock */
    bool is_ending; /* it is just writing that into its block */
    char *name;
    struct thread_watch watch;
    struct thread_lines lines;
    struct thread *next;
};

/* In pages of its own, which are blank in a child that was forked past our handlers: nothing is recorded
 * there, as ``session`` says. */
struct __attribute__((aligned(PAGE_BYTES))) tree {
    uint32_t session; /* 0: not recording */
    uint32_t last_session;
    uint64_t max_contexts;
    uint64_t context_count;
    uint64_t found_calls; /* frames met on a stack that the hook was never entered for */
    uint64_t long_call_ticks; /* a call that takes longer is looked at: it may stall the event loop; < 2^63 */
    bool stacks_take_turns; /* the last call entered was not always the caller: greenlets, most of all */
    bool is_of_this_process; /* since a recording first began; not in such a child */
    bool counts_memory;
    bool whole_program;   /* the main thread is recorded from the first frame without a caller on */
};

extern struct tree tree;
extern struct recent_child *tree_recent_children;

static inline struct recent_child *
recent_child(const struct node *parent, const void *code)
{
    uintptr_t hash = ((uintptr_t)parent >> 4) * 31 + ((uintptr_t)code >> 4);
    return &tree_recent_children[(hash ^ hash >> 11) % RECENT_CHILDREN];
}

/* A second place, for where the first is taken: above all by the same method of another class, as in a
 * loop over objects of several classes. */
static inline struct recent_child *
second_recent_child(const struct node *parent, const PyCodeObject *code, interpreter_frame *frame)
{
    PyObject *object = code->co_nlocalsplus > 0 ? frame_slot(frame, 0) : NULL;
    uintptr_t type = object == NULL ? 0 : (uintptr_t)Py_TYPE(object);
    uint64_t hash = ((uint64_t)(uintptr_t)parent ^ (uint64_t)type << 7) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ (uint64_t)(uintptr_t)code) * 0xC2B2AE3D27D4EB4Fu;
    return &tree_recent_children[(hash >> 32) % RECENT_CHILDREN];
}

/* Is the class that belongs to a frame's function the one that was cached? */
static inline bool
has_cached_class(interpreter_frame *frame, uint8_t source, const void *class)
{
    if (source == SOURCE_NONE) {
        return true;
    }
    PyObject *object = frame_slot(frame, 0);
    if (LIKELY(source == SOURCE_SELF)) {
        return LIKELY(object != NULL) && Py_TYPE(object) == class;
    }
    return object != NULL && (const void *)object == class;
}
/* Never NULL: threads that have not begun have this one, which has no calls and is of no recording. */
extern struct thread no_thread;
extern _Thread_local struct thread *current_thread __attribute__((tls_model("initial-exec")));

int tree_start(uint64_t max_contexts, bool whole_program);

/* Was this process forked, past our handlers, from one that was recorded? Then nothing of it is recorded: open
 * calls are those of the parent, and nobody could tell which of their contexts are whole. */
bool tree_is_of_another_process(void);
/* Have the parent's recording say so, once. */
void tree_note_strange_child(void);
struct node *tree_silent_node(void);
struct node *tree_left_over_node(void);
void tree_stop(void);
/* Nothing is recorded any more, neither what begins nor what is open. */
void tree_let_go(void);
/* Recording cannot go on: say why in the file and take no more part. */
void tree_give_up(const char *what);

/* The child of a node for a frame that is being entered; NULL: recording has stopped. */
struct node *tree_child(struct thread *thread, struct node *parent, interpreter_frame *frame,
                        PyCodeObject *code);

/* In a forked child, with system calls and stores only. */
void tree_after_fork(void);
/* Before it runs Python code for the first time: begin a file and a tree of its own. False: the child is
 * not recorded. */
bool tree_adopt(void);

#endif
