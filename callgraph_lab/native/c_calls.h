/* Calls of functions written in C, where they are asked for: leaves below the Python function that
 * called them, and the callers of what they call back. A frame waits for one of them at a time. */

#ifndef CGLAB_C_CALLS_H
#define CGLAB_C_CALLS_H

#include "tree.h"

/* The Python function that runs now calls something. */
void c_calls_begin(PyObject *callable, bool has_argument);
/* What it called has returned or raised. */
void c_calls_end(void);

/* The call of a C function is over; its caller. */
struct open_call *c_calls_leave(struct thread *thread, struct open_call *call);

#endif
