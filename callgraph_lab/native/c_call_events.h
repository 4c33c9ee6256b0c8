/* How the interpreter tells of calls of C functions: through sys.monitoring, or on Python 3.11 through
 * the profile slot of each thread. Everything here needs the interpreter lock. */

#ifndef CGLAB_C_CALL_EVENTS_H
#define CGLAB_C_CALL_EVENTS_H

#include "compat.h"

/* Take what is needed for it. -1 and an exception where it is not to be had. */
int c_call_events_claim(void);
/* From now on; -1 and an exception. */
int c_call_events_start(void);
/* Give everything back, whatever has been taken. */
void c_call_events_stop(void);

#if C_CALLS_BY_PROFILE_SLOT
/* The running thread, which was not told of before. */
void c_call_events_watch_thread(void);
/* Is the running thread told of still? Where the target has put a profile function of its own in the
 * place of ours, the recording says so. */
bool c_call_events_come(void);
#else
static inline void
c_call_events_watch_thread(void)
{
}
static inline bool
c_call_events_come(void)
{
    return true;
}
#endif

#endif
