#include "heap.h"

#include "clock.h"
#include "heap_count.h"
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
static bool follow_forks;
static pid_t process;
static uint64_t every_ticks, due_ticks;
static pid_t asked_for_by; /* the process whose main thread is to take one as soon as it can */
static unsigned taken;
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

static void
write_snapshot(uint64_t moment_ns, struct text *header, struct text *lines)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%020llu-%d", folder, (unsigned long long)moment_ns,
                          (int)getpid());
    int temporary_length = snprintf(temporary, sizeof(temporary), "%s/.%020llu-%d", folder,
                                    (unsigned long long)moment_ns, (int)getpid());
    if (length >= PATH_MAX || temporary_length >= PATH_MAX) {
        return;
    }
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return;
    }
    bool written = write_all(file, header->bytes, header->length) &&
                   write_all(file, lines->bytes, lines->length);
    /* Whole or not at all: readers pass over what begins with a dot. */
    if (close(file) != 0 || !written || rename(temporary, path) != 0) {
        unlink(temporary);
    }
}

void
heap_take(const char *cause)
{
    if (folder == NULL || (!follow_forks && getpid() != process)) {
        return;
    }
    int saved_errno = errno;
    struct text header = {0}, lines = {0};
    uint64_t moment_ns = clock_monotonic_ns();
    if (heap_count(get_objects, get_size, &lines)) {
        char line[128];
        snprintf(line, sizeof(line), "cglab heap 1 %llu %s\n",
                 (unsigned long long)(clock_monotonic_ns() - moment_ns), cause);
        text_put_chars(&header, line);
        if (!header.failed) {
            write_snapshot(moment_ns, &header, &lines);
        }
    }
    free(header.bytes);
    free(lines.bytes);
    errno = saved_errno;
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
heap_start(const char *into, unsigned long long every_ns, bool in_children, PyObject *objects,
           PyObject *size)
{
    char *copy = strdup(into);
    if (copy == NULL || naming_start() != 0) {
        free(copy);
        PyErr_NoMemory();
        return -1;
    }
    free(folder);
    folder = copy;
    Py_XSETREF(get_objects, Py_NewRef(objects));
    Py_XSETREF(get_size, Py_NewRef(size));
    follow_forks = in_children;
    process = getpid();
    clock_choose();
    every_ticks = (uint64_t)((double)every_ns * (double)clock_ticks_a_second() / 1e9);
    due_ticks = clock_read() + every_ticks;
    return 0;
}
