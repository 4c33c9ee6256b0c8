#define _GNU_SOURCE 1
#include "arena.h"

#include "clock.h"
#include "endings.h"
#include "part_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEAST_ANCHOR_DISTANCE_NS 10000000u

struct mapping {
    void *address;
    size_t size;
    enum block_type type;
    bool is_header;
};

static struct {
    struct file_header *header;
    struct mapping *mappings;
    size_t mapping_count;
    size_t mapping_capacity;
    uint64_t end;
    struct file_header *parents_header; /* in a forked child that has no file of its own yet */
    bool counts_children;
    bool is_cut_short; /* by somebody else: what is mapped is not the file any more */
    pid_t owner; /* the process whose file it is */
    uint64_t start_time, ticks_a_second;
    char information[sizeof(((struct file_header *)NULL)->information)];
} file;

static bool
make_room_for_mapping(void)
{
    if (file.mapping_count == file.mapping_capacity) {
        size_t capacity = file.mapping_capacity ? file.mapping_capacity * 2 : 32;
        struct mapping *larger = malloc(capacity * sizeof(*larger)), *smaller = file.mappings;
        if (larger == NULL) {
            return false;
        }
        /* Whole at every moment: C code may fork without the interpreter lock. */
        if (smaller != NULL) {
            memcpy(larger, smaller, file.mapping_count * sizeof(*larger));
        }
        file.mappings = larger;
        file.mapping_capacity = capacity;
        free(smaller);
    }
    return true;
}

/* The first bytes are written last, all at once: a file without them is not read, and the process may be
 * killed in between. */
static void
fill_header(struct file_header *header)
{
    memcpy(header->information, file.information, sizeof(file.information));
    header->ticks_a_second = file.ticks_a_second;
    header->version = FORMAT_VERSION;
    header->header_bytes = HEADER_BYTES;
    header->pid = (uint64_t)getpid();
    header->start_time = file.start_time;
    header->parent_pid = (uint64_t)getppid();
    header->clock = clock_uses_counter ? CLOCK_OF_COUNTER : CLOCK_OF_NANOSECONDS;
    struct clock_anchor anchor = clock_read_anchor();
    header->first_anchor[0] = anchor.ticks;
    header->first_anchor[1] = anchor.monotonic_ns;
    header->first_anchor[2] = anchor.realtime_ns;
    header->latest_anchor[0] = anchor.ticks;
    header->latest_anchor[1] = anchor.monotonic_ns;
    header->state = STATE_RECORDING;
    header->is_locked = part_file_is_locked();
    header->end = file.end;
    uint64_t magic;
    memcpy(&magic, "CGLABLV1", sizeof(magic));
    PUBLISH(header->magic, magic);
}

/* ---- a file that was cut short ------------------------------------------------------------------ */

static bool
replace(void *address, size_t size)
{
    return mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                0) != MAP_FAILED;
}

/* System calls only: it also runs in a signal handler. */
static bool
replace_all(void)
{
    bool is_whole = true;
    file.is_cut_short = true;
    for (size_t index = 0; index < file.mapping_count; index++) {
        is_whole = replace(file.mappings[index].address, file.mappings[index].size) && is_whole;
    }
    return is_whole;
}

/* What is left of the file, if anything, is of no use: a header in its place says what has happened. A
 * forked child that has no file of its own has nothing to say of its parent's. */
static void
say_cut_short(void)
{
    static const char why[] = "its live file was cut short by another program while the target ran:"
                              " what was recorded in it is lost";
    _Static_assert(sizeof(why) <= sizeof(file.header->stop_reason), "it fits");
    struct file_header *header = file.header;
    if (header == NULL || file.owner != getpid()) {
        return;
    }
    memset(header, 0, HEADER_BYTES);
    file.end = HEADER_BYTES;
    fill_header(header);
    memcpy(header->stop_reason, why, sizeof(why));
    header->error_number = ESTALE;
    header->state = STATE_STOPPED;
    part_file_write_anew(header, HEADER_BYTES);
}

static bool
is_in(const void *address, const void *first, size_t size)
{
    return first != NULL && (uintptr_t)address - (uintptr_t)first < size;
}

bool
arena_replace_cut_file(const void *address)
{
    if (is_in(address, file.parents_header, HEADER_BYTES)) {
        return replace(file.parents_header, HEADER_BYTES);
    }
    for (size_t index = 0; index < file.mapping_count; index++) {
        if (is_in(address, file.mappings[index].address, file.mappings[index].size)) {
            bool is_whole = replace_all();
            if (is_whole) {
                say_cut_short(); /* now: the target may be killed before anything else comes by here */
            }
            return is_whole;
        }
    }
    return false;
}

/* ---- growing --------------------------------------------------------------------------------------- */

/* Map what comes behind the file's end. NULL: no room, errno says why. */
static void *
map_more(size_t size, enum block_type type, bool is_header)
{
    int descriptor = part_file_descriptor();
    if (descriptor < 0) {
        return NULL;
    }
    if (!is_header && (file.is_cut_short || part_file_is_shorter(descriptor, file.end))) {
        /* Growing the file would bring back the room, but not what was in it. */
        replace_all();
        say_cut_short();
        errno = ESTALE;
        return NULL;
    }
    int error = make_room_for_mapping() ? part_file_reserve(descriptor, file.end, size) : ENOMEM;
    if (error != 0) {
        errno = error;
        return NULL;
    }
    void *address =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, (off_t)file.end);
    if (address == MAP_FAILED) {
        return NULL;
    }
    file.mappings[file.mapping_count] = (struct mapping){address, size, type, is_header};
    __atomic_store_n(&file.mapping_count, file.mapping_count + 1, __ATOMIC_RELEASE);
    file.end += size;
    return address;
}

static int
open_file(void)
{
    int error = part_file_create(&file.start_time);
    if (error != 0) {
        return error;
    }
    file.end = 0;
    file.is_cut_short = false;
    file.owner = getpid();
    void *address = map_more(HEADER_BYTES, BLOCK_FILLER, true);
    if (address == NULL) {
        error = errno;
        part_file_remove();
        return error;
    }
    file.header = address;
    fill_header(file.header);
    endings_watch(file.header);
    return 0;
}

int
arena_open(const char *folder, const char *information, size_t information_bytes, bool follow_forks)
{
    if (information_bytes >= sizeof(file.header->information)) {
        return E2BIG;
    }
    int error = part_file_choose_folder(folder, follow_forks);
    memset(file.information, 0, sizeof(file.information));
    memcpy(file.information, information, information_bytes);
    file.ticks_a_second = clock_ticks_a_second();
    file.counts_children = follow_forks;
    return error != 0 ? error : open_file();
}

bool
arena_is_open(void)
{
    return file.header != NULL;
}

uint64_t
arena_bytes(void)
{
    return file.end;
}

struct block_header *
arena_append(enum block_type type, size_t payload_bytes, uint32_t first_id, uint32_t thread_index)
{
    size_t size = sizeof(struct block_header) + payload_bytes;
    size = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    struct block_header *block = map_more(size, type, false);
    if (block == NULL) {
        return NULL;
    }
    block->magic = BLOCK_MAGIC;
    block->type = type;
    block->size = size;
    block->used = 0;
    block->first_id = first_id;
    block->thread_index = thread_index;
    PUBLISH(file.header->end, file.end);
    arena_refresh_anchor();
    return block;
}

void
arena_count(uint64_t contexts, uint64_t functions, uint64_t threads)
{
    STORE(file.header->contexts, contexts);
    STORE(file.header->functions, functions);
    STORE(file.header->threads, threads);
}

void
arena_note_folding(uint64_t contexts)
{
    if (file.header->folded_from == 0) {
        STORE(file.header->folded_from, contexts);
    }
}

void
arena_note_folded_functions(uint64_t functions)
{
    if (file.header->functions_folded_from == 0) {
        STORE(file.header->functions_folded_from, functions);
    }
}

uint64_t
arena_count_event(void)
{
    STORE(file.header->events_made, file.header->events_made + 1);
    return file.header->events_made;
}

void
arena_count_dropped_event(void)
{
    STORE(file.header->events_dropped, file.header->events_dropped + 1);
}

uint64_t *
arena_memory_totals(void)
{
    return &file.header->memory_peak;
}

void
arena_remark(const char *remark)
{
    if (file.header != NULL && file.header->stop_reason[0] == '\0') {
        snprintf(file.header->stop_reason, sizeof(file.header->stop_reason), "%s", remark);
    }
}

void
arena_count_lost_child(int error)
{
    if (file.header != NULL && file.counts_children) {
        if (error != 0) {
            STORE(file.header->lost_children_error, (uint64_t)error);
        }
        __atomic_fetch_add(&file.header->lost_children, 1, __ATOMIC_RELEASE);
    }
}

void
arena_refresh_anchor(void)
{
    struct clock_anchor anchor = clock_read_anchor();
    /* Two anchors close together say less of the counter's rate than the header does. */
    if (anchor.monotonic_ns - file.header->first_anchor[1] >= LEAST_ANCHOR_DISTANCE_NS) {
        /* Ticks of now beside nanoseconds of the anchor before would be a rate that is far off. */
        STORE(file.header->latest_anchor[1], 0);
        PUBLISH(file.header->latest_anchor[0], anchor.ticks);
    }
    PUBLISH(file.header->latest_anchor[1], anchor.monotonic_ns);
}

void
arena_finish(enum file_state state, int error_number, const char *reason)
{
    if (file.header == NULL) {
        return;
    }
    if (file.is_cut_short || (file.owner == getpid() &&
                              part_file_is_shorter(part_file_descriptor(), file.end))) {
        replace_all();
        say_cut_short();
        part_file_leave();
        return;
    }
    arena_refresh_anchor();
    if (reason != NULL) {
        snprintf(file.header->stop_reason, sizeof(file.header->stop_reason), "%s", reason);
    }
    file.header->error_number = (uint32_t)error_number;
    endings_write(ENDING_FINISHED);
    PUBLISH(file.header->state, (uint32_t)state);
    part_file_leave();
}

void
arena_close(void)
{
    endings_watch(NULL);
    for (size_t index = 0; index < file.mapping_count; index++) {
        munmap(file.mappings[index].address, file.mappings[index].size);
    }
    file.mapping_count = 0;
    file.header = NULL;
    file.end = 0;
    part_file_unlock();
}

/* Have private memory in the place of what is mapped of the parent's file. It is there before what was
 * mapped goes: where there is none left, nothing has changed. */
static bool
leave_mapping(const struct mapping *mapping)
{
    void *copy = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        return false;
    }
    /* The parent goes on writing meanwhile, but what a function's record says never changes once its
     * number has been given out. */
    if (mapping->is_header || mapping->type == BLOCK_FUNCTIONS) {
        memcpy(copy, mapping->address, mapping->size);
    }
    if (mremap(copy, mapping->size, mapping->size, MREMAP_MAYMOVE | MREMAP_FIXED, mapping->address) ==
        MAP_FAILED) {
        munmap(copy, mapping->size);
        return false;
    }
    return true;
}

bool
arena_leave_parent(bool begins_own)
{
    if (file.header == NULL) {
        return true;
    }
    endings_watch(NULL);
    if (begins_own && file.parents_header == NULL) {
        /* No bytes of a shared mapping are moved: it is there twice then. */
        void *second = mremap(file.header, 0, HEADER_BYTES, MREMAP_MAYMOVE);
        file.parents_header = second == MAP_FAILED ? NULL : second;
    }
    for (size_t index = 0; index < file.mapping_count; index++) {
        if (!leave_mapping(&file.mappings[index])) {
            return false;
        }
    }
    part_file_leave();
    return true;
}

struct file_header *
arena_parents_header(void)
{
    return file.parents_header;
}

int
arena_open_for_child(void)
{
    bool is_cut_short = file.is_cut_short; /* the functions are not there any more either */
    for (size_t index = 0; index < file.mapping_count; index++) {
        struct mapping *mapping = &file.mappings[index];
        if (mapping->is_header ||
            (mapping->type != BLOCK_FUNCTIONS && mapping->type != BLOCK_THREAD)) {
            munmap(mapping->address, mapping->size);
        }
        /* Functions are still read from; a thread's end may touch its block at any time. */
    }
    file.mapping_count = 0;
    file.header = NULL;
    int error = is_cut_short ? ESTALE : open_file();
    if (file.parents_header != NULL) {
        if (error != 0) {
            STORE(file.parents_header->lost_children_error, (uint64_t)error);
            __atomic_fetch_add(&file.parents_header->lost_children, 1, __ATOMIC_RELEASE);
        }
        munmap(file.parents_header, HEADER_BYTES);
        file.parents_header = NULL;
    }
    return error;
}
