/* Snapshots of the heap: when they are taken, and the files that they become. */

#ifndef CGLAB_HEAP_H
#define CGLAB_HEAP_H

#include "compat.h"

/* Who counts: functions of the modules gc and sys, and objects of guppy3's, or NULL without it. */
struct heap_counters {
    PyObject *get_objects, *get_size;
    PyObject *guppy_view, *guppy_classifier;
};

/* Take snapshots into ``folder`` from now on: every so many nanoseconds where ``every_ns`` is not 0.
 * In forked children, too, if ``follow_forks``. -1 and an exception where there is no memory. */
int heap_start(const char *folder, unsigned long long every_ns, bool follow_forks,
               const struct heap_counters *counters);
/* Take one now, and return its moment, which is its name; 0 where it cannot be written. */
uint64_t heap_take(const char *cause);
/* Drop one that this process has taken. */
void heap_forget(uint64_t moment_ns);
/* What is to evaluate frames in the place of ``evaluate``: that itself where no time is watched. */
_PyFrameEvalFunction heap_watching(_PyFrameEvalFunction evaluate);

#endif
