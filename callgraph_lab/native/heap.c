#include "heap.h"

#include "allocators.h"
#include "clock.h"
#include "heap_count.h"
#include "heap_guppy.h"
#include "naming.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* So that a run of weeks does not fill the disk: after so many the time between them is doubled. */
#define SNAPSHOTS_AT_ONE_PACE 200u

static char *folder;
static PyObject *get_objects, *get_size;
static PyObject *guppy_view, *guppy_classifier; /* or NULL: the built-in counts */
static bool follow_forks;
static pid_t process;
static uint64_t every_ticks, due_ticks;
static pid_t asked_for_by; /* the process whose main thread is to take one as soon as it can */
static unsigned taken;
static uint64_t spent_ns; /* on all snapshots of this process */
static pid_t spent_by;
static _PyFrameEvalFunction evaluate;

static bool
write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

static bool
path_of(char *path, const char *dot, uint64_t moment_ns)
{
    return snprintf(path, PATH_MAX, "%s/%s%020llu-%d", folder, dot, (unsigned long long)moment_ns,
                    (int)getpid()) < PATH_MAX;
}

static bool
write_snapshot(uint64_t moment_ns, const struct text *header, const struct text *lines)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    if (!path_of(path, "", moment_ns) || !path_of(temporary, ".", moment_ns)) {
        return false;
    }
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return false;
    }
    bool written = write_all(file, header->bytes, header->length) &&
                   write_all(file, lines->bytes, lines->length);
    /* Whole or not at all: readers pass over what begins with a dot. */
    written = close(file) == 0 && written && rename(temporary, path) == 0;
    if (!written) {
        unlink(temporary);
    }
    return written;
}

void
heap_forget(uint64_t moment_ns)
{
    int saved_errno = errno;
    char path[PATH_MAX];
    if (path_of(path, "", moment_ns)) {
        unlink(path);
    }
    errno = saved_errno;
}

/* With guppy3 where it was asked for, and where it fails with the built-in. Who counted, or NULL. */
static const char *
count_types(struct text *lines)
{
    if (guppy_view != NULL && heap_guppy_count(guppy_view, guppy_classifier, lines)) {
        return "guppy3";
    }
    text_clear(lines);
    return heap_count(get_objects, get_size, lines) ? "gc" : NULL;
}

uint64_t
heap_take(const char *cause)
{
    if (folder == NULL || (!follow_forks && getpid() != process)) {
        return 0;
    }
    if (spent_by != getpid()) {
        spent_by = getpid();
        spent_ns = 0;
    }
    int saved_errno = errno;
    struct text header = {0}, lines = {0};
    uint64_t moment_ns = clock_monotonic_ns();
    /* Lists, sets and numbers are made for it that nobody in the target has asked for. */
    allocators_leave_out(true);
    const char *counter = count_types(&lines);
    allocators_leave_out(false);
    uint64_t took_ns = clock_monotonic_ns() - moment_ns;
    spent_ns += took_ns;
    bool written = false;
    if (counter != NULL) {
        char figures[96];
        snprintf(figures, sizeof(figures), "cglab heap 2 %llu %llu %s ", (unsigned long long)took_ns,
                 (unsigned long long)spent_ns, counter);
        text_put_chars(&header, figures);
        text_put_chars(&header, cause);
        text_put_byte(&header, '\n');
        written = !header.failed && write_snapshot(moment_ns, &header, &lines);
    }
    free(header.bytes);
    free(lines.bytes);
    errno = saved_errno;
    return written ? moment_ns : 0;
}

/* ---- at regular times ---------------------------------------------------------------------- */

/* The interpreter calls this between two bytecodes of the main thread. */
static int
take_between_bytecodes(void *unused)
{
    (void)unused;
    asked_for_by = 0;
    heap_take("every");
    if (++taken % SNAPSHOTS_AT_ONE_PACE == 0 && every_ticks < UINT64_MAX / 4) {
        every_ticks *= 2;
    }
    due_ticks = clock_read() + every_ticks;
    return 0;
}

static void
ask_for_one(void)
{
    due_ticks = clock_read() + every_ticks;
    pid_t pid = getpid();
    /* Where the main thread waits in C it takes one when it goes on, and not all that it has missed. */
    if (asked_for_by != pid && Py_AddPendingCall(take_between_bytecodes, NULL) == 0) {
        asked_for_by = pid;
    }
}

static PyObject *
evaluate_and_watch(PyThreadState *thread_state, interpreter_frame *frame, int throwing)
{
    if (clock_read() >= due_ticks) {
        ask_for_one();
    }
    return evaluate(thread_state, frame, throwing);
}

_PyFrameEvalFunction
heap_watching(_PyFrameEvalFunction evaluate_frame)
{
    if (every_ticks == 0) {
        return evaluate_frame;
    }
    evaluate = evaluate_frame;
    return evaluate_and_watch;
}

int
heap_start(const char *into, unsigned long long every_ns, bool in_children,
           const struct heap_counters *counters)
{
    char *copy = strdup(into);
    if (copy == NULL || naming_start() != 0) {
        free(copy);
        PyErr_NoMemory();
        return -1;
    }
    free(folder);
    folder = copy;
    Py_XSETREF(get_objects, Py_NewRef(counters->get_objects));
    Py_XSETREF(get_size, Py_NewRef(counters->get_size));
    Py_XSETREF(guppy_view, Py_XNewRef(counters->guppy_view));
    Py_XSETREF(guppy_classifier, Py_XNewRef(counters->guppy_classifier));
    follow_forks = in_children;
    process = getpid();
    clock_choose();
    every_ticks = (uint64_t)((double)every_ns * (double)clock_ticks_a_second() / 1e9);
    due_ticks = clock_read() + every_ticks;
    return 0;
}
