#define _GNU_SOURCE 1
#include "stack.h"

#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MEGABYTE ((size_t)1024 * 1024)
/* A call of a Python function takes up to a kilobyte of stack under the hook: room for 50,000. */
#define LEAST_THREAD_STACK (64 * MEGABYTE)
#define LARGEST_MARGIN (8 * MEGABYTE)

#if !INTERPRETER_WATCHES_THE_STACK
/* The main thread's stack as it was found before the limit was put back. */
static char *main_lowest;
static size_t main_size;
#endif

static bool
find_stack(char **lowest, size_t *size)
{
    pthread_attr_t attributes;
    void *address = NULL;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return false;
    }
    int error = pthread_attr_getstack(&attributes, &address, size);
    pthread_attr_destroy(&attributes);
    *lowest = address;
    return error == 0 && address != NULL;
}

#if !INTERPRETER_WATCHES_THE_STACK
static size_t
margin_of(size_t size)
{
    return size / 4 < LARGEST_MARGIN ? size / 4 : LARGEST_MARGIN;
}
#endif

void
stack_find(uintptr_t *lowest, uintptr_t *margin)
{
    *lowest = *margin = 0;
#if !INTERPRETER_WATCHES_THE_STACK
    const char *here = __builtin_frame_address(0);
    char *address = main_lowest;
    size_t size = main_size;
    if (main_lowest == NULL || here < main_lowest || here >= main_lowest + main_size) {
        if (!find_stack(&address, &size)) {
            return;
        }
    }
    *lowest = (uintptr_t)address;
    *margin = margin_of(size);
#endif
}

/* The kernel lets a stack grow as far as the limit is when it grows. Growing it at once, by touching its
 * far end, costs one page and makes it independent of what the limit will be. */
static void
grow_to(char *lowest)
{
    volatile char *far_end = lowest;
    *far_end = 0;
}

/* May so much address space be claimed? Where the answer is no, touching it would be a fault. */
static bool
may_claim(size_t size)
{
    struct rlimit limit;
    struct sysinfo machine;
    char policy = '2';
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY ||
        sysinfo(&machine) != 0 || size > (size_t)machine.totalram * machine.mem_unit / 2) {
        return false;
    }
    int descriptor = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        if (read(descriptor, &policy, 1) != 1) {
            policy = '2';
        }
        close(descriptor);
    }
    return policy != '2';
}

/* glibc has taken the size of new threads' stacks from the limit that the program was started with. They
 * get what the limit says now, and enough for deep recursion: it is address space, of which a thread
 * uses what it touches. */
static void
set_thread_default(rlim_t limit)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    bool is_enough = limit != RLIM_INFINITY && limit > LEAST_THREAD_STACK;
    pthread_attr_setstacksize(&attributes, is_enough ? (size_t)limit : LEAST_THREAD_STACK);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

size_t
stack_enlarged(size_t size)
{
    struct rlimit limit;
    if (size == 0 || size >= LEAST_THREAD_STACK || getrlimit(RLIMIT_AS, &limit) != 0 ||
        limit.rlim_cur != RLIM_INFINITY) {
        return size;
    }
    return size + LEAST_THREAD_STACK;
}

int
stack_keep(rlim_t limit)
{
    struct rlimit now;
    char *lowest;
    size_t size;
    if (syscall(SYS_gettid) != getpid()) {
        return EPERM;
    }
    if (getrlimit(RLIMIT_STACK, &now) != 0) {
        return errno;
    }
    if (now.rlim_cur == limit) {
        if (!may_claim(LEAST_THREAD_STACK)) {
            return ENOMEM;
        }
        set_thread_default(limit);
        return 0;
    }
    /* The interpreter may have been told by now how large the stack is: where it cannot be kept, the limit
     * must stay. (A stack without a limit has no end to be touched.) */
    if (now.rlim_cur == RLIM_INFINITY || !find_stack(&lowest, &size) || !may_claim(size)) {
        return ENOMEM;
    }
    /* Nearly to the end: interpreters that watch the stack go on until 32 KB are left. */
    grow_to(lowest + 4 * 4096);
    now.rlim_cur = limit;
    if (setrlimit(RLIMIT_STACK, &now) != 0) {
        return errno;
    }
#if !INTERPRETER_WATCHES_THE_STACK
    main_lowest = lowest;
    main_size = size;
#endif
    set_thread_default(limit);
    return 0;
}
