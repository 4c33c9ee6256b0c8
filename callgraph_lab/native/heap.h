/* Snapshots of the heap: when they are taken, and the files that they become. */

#ifndef CGLAB_HEAP_H
#define CGLAB_HEAP_H

#include "compat.h"

/* Take snapshots into ``folder`` from now on: every so many nanoseconds where ``every_ns`` is not 0.
 * In forked children, too, if ``follow_forks``. -1 and an exception where there is no memory. */
int heap_start(const char *folder, unsigned long long every_ns, bool follow_forks,
               PyObject *get_objects, PyObject *get_size);
/* Take one now. Nothing happens where it cannot be written. */
void heap_take(const char *cause);
/* What is to evaluate frames in the place of ``evaluate``: that itself where no time is watched. */
_PyFrameEvalFunction heap_watching(_PyFrameEvalFunction evaluate);

#endif
