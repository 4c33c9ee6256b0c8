#define _GNU_SOURCE 1
#include "part_file.h"

#include "live_format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* High enough not to take a number that the target expects to get from open(). */
#define LOWEST_DESCRIPTOR 400

static struct {
    int descriptor;
    dev_t device;
    ino_t inode;
    bool lasts_with_children;
    void *lock_page;     /* holds the owner's lock; forked children have nothing there */
    pid_t lock_page_pid; /* the process that has it */
    char folder[PATH_MAX];
    char path[PATH_MAX];
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

/* Take it out of the way of the numbers that the target expects: as high as the limit allows where
 * that is low. */
static void
keep_descriptor(int descriptor)
{
    struct rlimit limit;
    int lowest = LOWEST_DESCRIPTOR;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= LOWEST_DESCRIPTOR) {
        lowest = (int)limit.rlim_cur - 1;
    }
    for (; lowest > descriptor; lowest--) {
        int higher = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
        if (higher >= 0) {
            close(descriptor);
            descriptor = higher;
            break;
        }
    }
    file.descriptor = descriptor;
}

int
part_file_descriptor(void)
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
    keep_descriptor(descriptor);
    return file.descriptor;
}

bool
part_file_is_shorter(int descriptor, uint64_t end)
{
    struct stat status;
    return descriptor >= 0 && fstat(descriptor, &status) == 0 && (uint64_t)status.st_size < end;
}

void
part_file_write_anew(const void *bytes, size_t size)
{
    int descriptor = part_file_descriptor();
    if (descriptor >= 0 && part_file_reserve(descriptor, 0, size) == 0 &&
        pwrite(descriptor, bytes, size, 0) == (ssize_t)size) {
        (void)!ftruncate(descriptor, (off_t)size);
    }
}

int
part_file_reserve(int descriptor, uint64_t offset, uint64_t size)
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

int
part_file_choose_folder(const char *folder, bool lasts_with_children)
{
    if (strlen(folder) >= sizeof(file.folder)) {
        return ENAMETOOLONG;
    }
    strcpy(file.folder, folder);
    file.lasts_with_children = lasts_with_children;
    return 0;
}

/* ---- whether the process is still there ------------------------------------------------------ */

/* Locks of the open file, not of the process: closing another descriptor of the file leaves them, and they
 * last for as long as anything is mapped through that opening, whatever the target closes. */
static bool
lock_byte(int descriptor, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

static bool
is_locked_by_another(int descriptor, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Hold the owner's lock by a page that is mapped through an opening of its own. A forked child does not get
 * it, however it was forked, so the kernel lets go of the lock with this process, or when it runs another
 * program. A file system may map another file than the one that was opened (overlayfs does): there the
 * lock is gone with the descriptor, which is tried. */
static void
lock_as_owner(int descriptor)
{
    file.lock_page = NULL;
    int own = open(file.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (own < 0) {
        return;
    }
    void *page = MAP_FAILED;
    if (is_our_file(own) && lock_byte(own, PART_LOCK_OF_OWNER)) {
        page = mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_SHARED, own, 0);
    }
    close(own);
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, PAGE_BYTES, MADV_DONTFORK) != 0 ||
        !is_locked_by_another(descriptor, PART_LOCK_OF_OWNER)) {
        munmap(page, PAGE_BYTES);
        return;
    }
    file.lock_page = page;
    file.lock_page_pid = getpid();
}

bool
part_file_is_locked(void)
{
    return file.lock_page != NULL;
}

void
part_file_unlock(void)
{
    if (file.lock_page != NULL && file.lock_page_pid == getpid()) {
        munmap(file.lock_page, PAGE_BYTES);
    }
    file.lock_page = NULL;
}

int
part_file_create(uint64_t *start_time)
{
    *start_time = process_start_time();
    int descriptor = -1;
    for (int attempt = 0; descriptor < 0 && attempt < 1000; attempt++) {
        char suffix[16] = "";
        if (attempt > 0) {
            snprintf(suffix, sizeof(suffix), "-%d", attempt);
        }
        int length = snprintf(file.path, sizeof(file.path), "%s/%ld-%llu%s.part", file.folder,
                              (long)getpid(), (unsigned long long)*start_time, suffix);
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
    keep_descriptor(descriptor);
    file.device = status.st_dev;
    file.inode = status.st_ino;
    lock_as_owner(file.descriptor);
    if (file.lasts_with_children) {
        /* What is mapped of the file from now on holds it, in a forked child as well. */
        lock_byte(file.descriptor, PART_LOCK_OF_FAMILY);
    }
    return 0;
}

void
part_file_leave(void)
{
    if (is_our_file(file.descriptor)) {
        close(file.descriptor);
    }
    file.descriptor = -1;
}

void
part_file_remove(void)
{
    part_file_unlock();
    part_file_leave();
    unlink(file.path);
}

const char *
part_file_path(void)
{
    return file.path;
}
