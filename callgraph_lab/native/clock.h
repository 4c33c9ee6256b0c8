/* The clock: the time-stamp counter where the kernel itself trusts it, else CLOCK_MONOTONIC. */

#ifndef CGLAB_CLOCK_H
#define CGLAB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* The numbers are those of the live file's header. */
enum clock_kind { CLOCK_OF_NANOSECONDS = 1, CLOCK_OF_COUNTER = 2 };

struct clock_anchor {
    uint64_t ticks;
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
};

extern bool clock_uses_counter;

enum clock_kind clock_choose(void);
uint64_t clock_monotonic_ns(void);
struct clock_anchor clock_read_anchor(void);
uint64_t clock_ticks_a_second(void);

static inline uint64_t
clock_read(void)
{
#if defined(__x86_64__)
    if (__builtin_expect(clock_uses_counter, 1)) {
        return __rdtsc();
    }
#elif defined(__aarch64__)
    if (__builtin_expect(clock_uses_counter, 1)) {
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    return clock_monotonic_ns();
}

#endif
