#define _GNU_SOURCE 1
#include "clock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool clock_uses_counter = false;

#if defined(__x86_64__)
#define TRUSTED_SOURCE "tsc"
#elif defined(__aarch64__)
#define TRUSTED_SOURCE "arch_sys_counter"
#else
#define TRUSTED_SOURCE ""
#endif

static uint64_t
read_nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
clock_monotonic_ns(void)
{
    return read_nanoseconds(CLOCK_MONOTONIC);
}

/* Counters of different cores or sockets may disagree, and may stop in deep sleep. The kernel has
 * tested that already: it keeps time by the counter only where it found nothing wrong. */
enum clock_kind
clock_choose(void)
{
    char source[32] = "";
    int descriptor = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                          O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        ssize_t length = read(descriptor, source, sizeof(source) - 1);
        close(descriptor);
        source[length > 0 ? length : 0] = '\0';
        source[strcspn(source, "\n")] = '\0';
    }
    clock_uses_counter = TRUSTED_SOURCE[0] != '\0' && strcmp(source, TRUSTED_SOURCE) == 0;
    return clock_uses_counter ? CLOCK_OF_COUNTER : CLOCK_OF_NANOSECONDS;
}

/* The counter is read on both sides of the clocks; the narrowest of a few attempts wins. */
struct clock_anchor
clock_read_anchor(void)
{
    struct clock_anchor best = {0, 0, 0};
    uint64_t best_width = UINT64_MAX;
    for (int attempt = 0; attempt < 3; attempt++) {
        uint64_t before = clock_read();
        uint64_t monotonic = clock_monotonic_ns();
        uint64_t after = clock_read();
        uint64_t realtime = read_nanoseconds(CLOCK_REALTIME);
        if (after - before < best_width) {
            best_width = after - before;
            best.ticks = before + (after - before) / 2;
            best.monotonic_ns = monotonic;
            best.realtime_ns = realtime;
        }
    }
    return best;
}

uint64_t
clock_ticks_a_second(void)
{
    if (!clock_uses_counter) {
        return 1000000000u;
    }
#if defined(__aarch64__)
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
#else
    /* A millisecond against CLOCK_MONOTONIC is good to about one part in ten thousand; readers use it
     * only until the two anchors are far enough apart to do better. */
    struct clock_anchor first = clock_read_anchor(), second;
    do {
        second = clock_read_anchor();
    } while (second.monotonic_ns - first.monotonic_ns < 1000000u);
    return (uint64_t)((double)(second.ticks - first.ticks) * 1e9 /
                      (double)(second.monotonic_ns - first.monotonic_ns));
#endif
}
