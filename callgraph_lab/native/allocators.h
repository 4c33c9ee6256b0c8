/* Python's allocators: ours around those that were there, while memory is counted. */

#ifndef CGLAB_ALLOCATORS_H
#define CGLAB_ALLOCATORS_H

#include <stdbool.h>

/* Needs the interpreter lock. Where ours are still in place, below another tool's, nothing changes. */
void allocators_install(void);
/* Ours that another tool has taken as the ones to call stay, and pass everything on. */
void allocators_remove(void);

/* What this thread allocates and frees is not counted: it is our own. To be called in pairs. */
void allocators_leave_out(bool left_out);

/* Put ours in again where someone else has put those back that were there before; to be called now and
 * then while memory is counted. */
void allocators_look_after(void);

#endif
