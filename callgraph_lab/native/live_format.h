/* The layout of a live file: one for each process, mapped shared, append-only. It is described in
 * callgraph_lab/recording/live_format.py; the structures here are that layout. */

#ifndef CGLAB_LIVE_FORMAT_H
#define CGLAB_LIVE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096u
#define HEADER_BYTES 4096u
#define FORMAT_VERSION 6u
#define BLOCK_MAGIC 0x4B4C4243u
#define NO_CONTEXT 0xFFFFFFFFu
#define LONGEST_STRING_BYTES (16u * 1024u)

enum block_type { BLOCK_FILLER = 0, BLOCK_FUNCTIONS = 1, BLOCK_CONTEXTS = 2, BLOCK_THREAD = 3,
                  BLOCK_ACTIONS = 4, BLOCK_LABELS = 5, BLOCK_INSTANCES = 6, BLOCK_EVENTS = 7,
                  BLOCK_MEMORY = 8, BLOCK_INSTANCE_MEMORY = 9, BLOCK_LINES = 10 };
enum file_state { STATE_RECORDING = 0, STATE_FINISHED = 1, STATE_STOPPED = 2 };
/* Bytes of the file that are locked: by the process that writes it, and by that one and the children of it
 * that have no file of their own yet. */
enum part_lock { PART_LOCK_OF_OWNER = 0, PART_LOCK_OF_FAMILY = 1 };
enum ending { ENDING_UNKNOWN = 0, ENDING_FINISHED = 1, ENDING_EXITED = 2, ENDING_REPLACED = 3 };
enum thread_state { THREAD_ALIVE = 1, THREAD_ENDED = 2 };
enum open_flags { OPEN_IS_RESUME = 1, OPEN_IS_INHERITED = 2 };
enum function_flags { FUNCTION_IS_THREAD = 1, FUNCTION_IS_C = 2 };

struct file_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t pid;
    uint64_t start_time;
    uint64_t parent_pid;
    uint32_t clock;
    uint32_t unused_clock;
    uint64_t first_anchor[3];
    uint64_t latest_anchor[2];
    uint64_t ticks_a_second;
    uint32_t state;
    uint32_t error_number;
    uint64_t end;
    uint64_t contexts;
    uint64_t functions;
    uint64_t threads;
    uint64_t folded_from;
    uint64_t events_made;
    uint64_t events_dropped;
    uint64_t lost_children; /* added to by the children themselves */
    uint64_t lost_children_error;
    uint64_t memory_peak; /* by two threads at once, where one of them has not the interpreter lock */
    uint64_t memory_unlisted;
    uint64_t ended_ns; /* CLOCK_MONOTONIC; 0: not yet, or nobody could write it */
    uint32_t ending;
    uint32_t is_locked;
    uint32_t other_pythons; /* added to by children as well */
    uint32_t other_pythons_of_multiprocessing;
    uint32_t went_on_as_python;
    uint32_t unused_flag;
    uint64_t functions_folded_from;
    uint64_t unused[3];
    char stop_reason[256];
    char information[HEADER_BYTES - 512];
};

struct block_header {
    uint32_t magic;
    uint32_t type;
    uint64_t size;
    uint64_t used;
    uint32_t first_id;
    uint32_t thread_index;
    uint64_t unused[4];
};

struct context_record {
    uint32_t caller;
    uint32_t function;
    uint64_t calls;
    uint64_t resumes;
    uint64_t suspensions;
    uint64_t ticks;
    uint32_t label;
    uint32_t base_resumes;
    uint64_t base_calls;
    uint64_t base_ticks;
};

/* Blocks that are allocated under the interpreter lock, and those of the raw domain. */
enum memory_side { MEMORY_LOCKED = 0, MEMORY_RAW = 1, MEMORY_SIDES = 2 };

struct memory_figures {
    uint64_t allocated; /* bytes */
    uint64_t blocks;
    uint64_t freed;    /* bytes, while the context ran, whoever had allocated them */
    uint64_t returned; /* bytes of what the context has allocated, whoever freed them */
};

struct memory_record {
    struct memory_figures sides[MEMORY_SIDES];
};

/* Of a context that instances of an action take turns with. */
struct instance_memory_record {
    uint32_t context;    /* NO_CONTEXT: of none now */
    uint32_t is_current; /* of the instance that the context counts for now, else of one before it */
    uint64_t unused[7];
    struct memory_record figures;
};

/* One source line of a function, in one thread. */
struct line_record {
    uint32_t function; /* NO_CONTEXT: the thread's own sums of bytes, and no line */
    uint32_t line;
    uint64_t hits;
    uint64_t ticks; /* while one call at least was at the line; without the time since ``since`` */
    uint64_t since; /* the first of the open ones came to it */
    uint32_t open;    /* calls that are at the line now */
    uint32_t running; /* and of these, those that run themselves, rather than what they call */
    uint64_t own_ticks; /* with ``running`` times the present moment: spent in no function called from it */
    uint64_t allocated; /* bytes; without those since ``since`` */
    uint64_t freed;
    uint64_t allocated_before; /* the thread's sums at ``since`` */
    uint64_t freed_before;
};

struct open_entry {
    uint64_t context_and_flags; /* the flags in the upper half */
    uint64_t ticks;
};

#define ACTION_NAME_BYTES 56u
#define INSTANCE_DETAIL_BYTES 104u
#define EVENT_TEXT_BYTES 456u
#define PHASES 8u
#define SENSOR_STALLED 0xFFFFFFFFu
#define SENSOR_LIMIT 0xFFFFFFFEu

enum action_flags { ACTION_IS_BACKGROUND = 1, ACTION_IS_ONCE = 2, ACTION_SESSIONS_AT_LEAST = 4 };
enum instance_flags {
    INSTANCE_IS_ABANDONED = 1,
    INSTANCE_HAS_LATE_WORK = 2,
    INSTANCE_IS_INHERITED = 4,
};

struct action_record {
    uint32_t name_bytes;
    uint32_t flags;
    uint64_t count;
    uint64_t ended;
    uint64_t sessions;
    uint64_t busy;
    uint64_t cpu_ns;
    uint64_t bytes;
    uint64_t dropped;
    uint64_t duration;
    char name[ACTION_NAME_BYTES];
};

struct label_record {
    uint32_t action;
    uint32_t lane;
    uint64_t instance;
};

struct instance_record {
    uint64_t serial;
    uint64_t session;
    uint32_t action;
    uint32_t label;
    uint64_t begin;
    uint64_t end;
    uint64_t busy;
    uint64_t cpu_ns;
    uint64_t bytes;
    uint32_t entries;
    uint32_t passes;
    uint32_t outcome;
    uint32_t flags;
    uint32_t detail_bytes;
    uint32_t thread;
    uint64_t phases[PHASES][2];
    char detail[INSTANCE_DETAIL_BYTES];
};

struct event_record {
    uint64_t serial;
    uint64_t ticks;
    uint64_t duration;
    uint64_t session;
    uint64_t instance;
    uint32_t sensor;
    uint32_t context;
    uint32_t action;
    uint32_t text_bytes;
    char text[EVENT_TEXT_BYTES];
};

struct thread_block {
    struct block_header header;
    uint64_t identifier;
    uint64_t native_identifier;
    uint32_t root;
    uint32_t state;
    uint64_t threads;
    uint64_t sequence;
    uint64_t depth;
    uint64_t capacity;
    uint64_t began;
    struct open_entry entries[];
};

_Static_assert(sizeof(struct file_header) == HEADER_BYTES, "the header is one page");
_Static_assert(offsetof(struct file_header, state) == 96, "state stands at 96");
_Static_assert(offsetof(struct file_header, end) == 104, "end stands at 104");
_Static_assert(offsetof(struct file_header, lost_children) == 160, "lost children stand at 160");
_Static_assert(offsetof(struct file_header, stop_reason) == 256, "the reason stands at 256");
_Static_assert(sizeof(struct block_header) == 64, "a block's header has 64 bytes");
_Static_assert(sizeof(struct context_record) == 64, "a context has 64 bytes");
_Static_assert(sizeof(struct line_record) == 80, "a line has 80 bytes");
_Static_assert(sizeof(struct memory_record) == 64, "figures of memory have 64 bytes");
_Static_assert(sizeof(struct instance_memory_record) == 128, "and those of an instance 128");
_Static_assert(offsetof(struct file_header, memory_peak) == 176, "the peak stands at 176");
_Static_assert(offsetof(struct file_header, ended_ns) == 192, "the end stands at 192");
_Static_assert(offsetof(struct file_header, other_pythons) == 208, "other Pythons stand at 208");
_Static_assert(offsetof(struct file_header, functions_folded_from) == 224, "and their budget at 224");
_Static_assert(sizeof(struct action_record) == 128, "an action has 128 bytes");
_Static_assert(sizeof(struct label_record) == 16, "a label has 16 bytes");
_Static_assert(sizeof(struct instance_record) == 320, "an instance has 320 bytes");
_Static_assert(sizeof(struct event_record) == 512, "an event has 512 bytes");
_Static_assert(offsetof(struct thread_block, entries) == 128, "entries stand behind 64 bytes");

/* Counters are read by other processes at any moment: one aligned store each, never torn. */
#define PUBLISH(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

/* A mark on what is about to be changed: nobody sees a change and not the mark. */
#define MARK_FIRST(place, value)                                                                   \
    do {                                                                                           \
        STORE(place, value);                                                                       \
        __atomic_thread_fence(__ATOMIC_RELEASE);                                                   \
    } while (0)

#endif
