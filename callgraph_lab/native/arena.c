#define _GNU_SOURCE 1
#include "arena.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* High enough not to take a number that the target expects to get from open(). */
#define LOWEST_DESCRIPTOR 400
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
    int descriptor;
    dev_t device;
    ino_t inode;
    char folder[PATH_MAX];
    char path[PATH_MAX];
    struct file_header *parents_header; /* in a forked child that has no file of its own yet */
} file = {.descriptor = -1};

/* When this process started, in clock ticks since boot: field 22 of its stat line. With the pid it names
 * the process for as long as the machine runs. Written with system calls only: it also runs in the
 * child of a fork. */
static uint64_t
process_start_time(void)
{
    char line[1024];
    int descriptor = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return 0;
    }
    ssize_t length = read(descriptor, line, sizeof(line) - 1);
    close(descriptor);
    if (length <= 0) {
        return 0;
    }
    line[length] = '\0';
    /* The second field is the command in parentheses, which may hold spaces and parentheses. */
    char *place = strrchr(line, ')');
    for (int field = 2; place != NULL && field < 22; field++) {
        place = strchr(place + 1, ' ');
    }
    return place == NULL ? 0 : strtoull(place + 1, NULL, 10);
}

static bool
is_our_file(int descriptor)
{
    struct stat status;
    return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == file.device &&
           status.st_ino == file.inode;
}

/* The kept descriptor, if it still is our file: the target may have closed it, and its number may stand
 * for something else by now. Otherwise the file is opened again by its name. */
static int
our_descriptor(void)
{
    if (is_our_file(file.descriptor)) {
        return file.descriptor;
    }
    file.descriptor = -1;
    int descriptor = open(file.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        return -1;
    }
    if (!is_our_file(descriptor)) {
        close(descriptor);
        errno = ESTALE;
        return -1;
    }
    int higher = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    if (higher >= 0) {
        close(descriptor);
        descriptor = higher;
    }
    file.descriptor = descriptor;
    return descriptor;
}

/* Reserve disk blocks before they are mapped: a store into a hole of a full disk is a SIGBUS. */
static int
reserve(int descriptor, uint64_t offset, uint64_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        offset + size > limit.rlim_cur) {
        return EFBIG; /* asking the kernel would send SIGXFSZ to the target */
    }
    int error;
    do {
        error = posix_fallocate(descriptor, (off_t)offset, (off_t)size);
    } while (error == EINTR);
    return error;
}

static int
note_mapping(void *address, size_t size, enum block_type type, bool is_header)
{
    if (file.mapping_count == file.mapping_capacity) {
        size_t capacity = file.mapping_capacity ? file.mapping_capacity * 2 : 32;
        struct mapping *larger = malloc(capacity * sizeof(*larger)), *smaller = file.mappings;
        if (larger == NULL) {
            return ENOMEM;
        }
        /* Whole at every moment: C code may fork without the interpreter lock. */
        if (smaller != NULL) {
            memcpy(larger, smaller, file.mapping_count * sizeof(*larger));
        }
        file.mappings = larger;
        file.mapping_capacity = capacity;
        free(smaller);
    }
    file.mappings[file.mapping_count++] = (struct mapping){address, size, type, is_header};
    return 0;
}

/* Create a file for this process, under a name that no earlier recording of it has. */
static int
create_file(uint64_t start_time)
{
    int descriptor = -1;
    for (int attempt = 0; descriptor < 0 && attempt < 1000; attempt++) {
        char suffix[16] = "";
        if (attempt > 0) {
            snprintf(suffix, sizeof(suffix), "-%d", attempt);
        }
        int length = snprintf(file.path, sizeof(file.path), "%s/%ld-%llu%s.part", file.folder,
                              (long)getpid(), (unsigned long long)start_time, suffix);
        if (length < 0 || (size_t)length >= sizeof(file.path)) {
            return ENAMETOOLONG;
        }
        descriptor = open(file.path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (descriptor < 0 && errno != EEXIST) {
            return errno;
        }
    }
    if (descriptor < 0) {
        return EEXIST;
    }
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        int error = errno;
        close(descriptor);
        return error;
    }
    int higher = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    if (higher >= 0) {
        close(descriptor);
        descriptor = higher;
    }
    file.descriptor = descriptor;
    file.device = status.st_dev;
    file.inode = status.st_ino;
    return 0;
}

static void
fill_header(struct file_header *header, uint64_t start_time)
{
    memcpy(header->magic, "CGLABLV1", sizeof(header->magic));
    header->version = FORMAT_VERSION;
    header->header_bytes = HEADER_BYTES;
    header->pid = (uint64_t)getpid();
    header->start_time = start_time;
    header->parent_pid = (uint64_t)getppid();
    header->clock = clock_uses_counter ? CLOCK_OF_COUNTER : CLOCK_OF_NANOSECONDS;
    struct clock_anchor anchor = clock_read_anchor();
    header->first_anchor[0] = anchor.ticks;
    header->first_anchor[1] = anchor.monotonic_ns;
    header->first_anchor[2] = anchor.realtime_ns;
    header->latest_anchor[0] = anchor.ticks;
    header->latest_anchor[1] = anchor.monotonic_ns;
    header->state = STATE_RECORDING;
}

static int
open_file(const char *folder, const char *information, size_t information_bytes,
          uint64_t ticks_a_second)
{
    strcpy(file.folder, folder);
    uint64_t start_time = process_start_time();
    int error = create_file(start_time);
    if (error != 0) {
        return error;
    }
    error = reserve(file.descriptor, 0, HEADER_BYTES);
    void *address = MAP_FAILED;
    if (error == 0) {
        address = mmap(NULL, HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0);
        error = address == MAP_FAILED ? errno : note_mapping(address, HEADER_BYTES, BLOCK_FILLER, true);
    }
    if (error != 0) {
        if (address != MAP_FAILED) {
            munmap(address, HEADER_BYTES);
        }
        close(file.descriptor);
        file.descriptor = -1;
        unlink(file.path);
        return error;
    }
    file.header = address;
    memcpy(file.header->information, information, information_bytes);
    file.header->ticks_a_second = ticks_a_second;
    fill_header(file.header, start_time);
    file.end = HEADER_BYTES;
    PUBLISH(file.header->end, file.end);
    return 0;
}

int
arena_open(const char *folder, const char *information, size_t information_bytes)
{
    if (strlen(folder) >= sizeof(file.folder)) {
        return ENAMETOOLONG;
    }
    if (information_bytes >= sizeof(file.header->information)) {
        return E2BIG;
    }
    return open_file(folder, information, information_bytes, clock_ticks_a_second());
}

bool
arena_is_open(void)
{
    return file.header != NULL;
}

const char *
arena_path(void)
{
    return file.path;
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
    int descriptor = our_descriptor();
    if (descriptor < 0) {
        return NULL;
    }
    int error = reserve(descriptor, file.end, size);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor,
                         (off_t)file.end);
    if (address == MAP_FAILED) {
        return NULL;
    }
    error = note_mapping(address, size, type, false);
    if (error != 0) {
        munmap(address, size);
        errno = error;
        return NULL;
    }
    struct block_header *block = address;
    block->magic = BLOCK_MAGIC;
    block->type = type;
    block->size = size;
    block->used = 0;
    block->first_id = first_id;
    block->thread_index = thread_index;
    file.end += size;
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
arena_refresh_anchor(void)
{
    struct clock_anchor anchor = clock_read_anchor();
    /* Two anchors close together say less of the counter's rate than the header does. */
    if (anchor.monotonic_ns - file.header->first_anchor[1] >= LEAST_ANCHOR_DISTANCE_NS) {
        STORE(file.header->latest_anchor[0], anchor.ticks);
    }
    PUBLISH(file.header->latest_anchor[1], anchor.monotonic_ns);
}

void
arena_finish(enum file_state state, int error_number, const char *reason)
{
    if (file.header == NULL) {
        return;
    }
    arena_refresh_anchor();
    if (reason != NULL) {
        snprintf(file.header->stop_reason, sizeof(file.header->stop_reason), "%s", reason);
    }
    file.header->error_number = (uint32_t)error_number;
    PUBLISH(file.header->state, (uint32_t)state);
    if (is_our_file(file.descriptor)) {
        close(file.descriptor);
    }
    file.descriptor = -1;
}

void
arena_close(void)
{
    for (size_t index = 0; index < file.mapping_count; index++) {
        munmap(file.mappings[index].address, file.mappings[index].size);
    }
    file.mapping_count = 0;
    file.header = NULL;
    file.end = 0;
}

/* The parent goes on writing meanwhile, but what a function's record says never changes once its
 * number has been given out. */
void
arena_leave_parent(void)
{
    if (file.header == NULL) {
        return;
    }
    if (file.parents_header == NULL) {
        /* No bytes of a shared mapping are moved: it is there twice then. */
        void *second = mremap(file.header, 0, HEADER_BYTES, MREMAP_MAYMOVE);
        file.parents_header = second == MAP_FAILED ? NULL : second;
    }
    for (size_t index = 0; index < file.mapping_count; index++) {
        struct mapping *mapping = &file.mappings[index];
        bool is_kept = mapping->is_header || mapping->type == BLOCK_FUNCTIONS;
        void *copy = MAP_FAILED;
        if (is_kept) {
            copy = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
        }
        if (copy == MAP_FAILED) {
            mmap(mapping->address, mapping->size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            continue;
        }
        memcpy(copy, mapping->address, mapping->size);
        mremap(copy, mapping->size, mapping->size, MREMAP_MAYMOVE | MREMAP_FIXED, mapping->address);
    }
    if (is_our_file(file.descriptor)) {
        close(file.descriptor);
    }
    file.descriptor = -1;
}

int
arena_open_for_child(void)
{
    char folder[PATH_MAX], information[sizeof(file.header->information)];
    strcpy(folder, file.folder);
    memcpy(information, file.header->information, sizeof(information));
    uint64_t ticks_a_second = file.header->ticks_a_second;
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
    int error = open_file(folder, information, strnlen(information, sizeof(information) - 1),
                          ticks_a_second);
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
