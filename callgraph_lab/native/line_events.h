/* How the interpreter tells of lines, of chosen functions only: through events of single code objects
 * (sys.monitoring), or on Python 3.11 through the trace slot of a thread while their frames run. */

#ifndef CGLAB_LINE_EVENTS_H
#define CGLAB_LINE_EVENTS_H

#include "compat.h"
#include "tree.h"

/* Take what is needed for it. -1 and an exception where it is not to be had. */
int line_events_claim(void);
/* From now on; -1 and an exception. */
int line_events_start(void);
/* Give everything back, whatever has been taken. */
void line_events_stop(void);

#if LINES_BY_TRACE_SLOT
static inline void
line_events_watch(PyCodeObject *code)
{
    (void)code;
}
static inline void
line_events_forget(PyObject *code)
{
    (void)code;
}
/* Around the evaluation of a frame whose lines are counted, or whose caller's are (enum node_watch). */
void line_events_entering(struct thread *thread, uint8_t watch);
void line_events_left(struct thread *thread, uint8_t watch);
#else
/* Have the lines of a code object told of. */
void line_events_watch(PyCodeObject *code);
/* A code object is freed. */
void line_events_forget(PyObject *code);
#endif

#endif
