/* Limits that the kernel keeps: an error that says one is reached becomes an event, with the call that it
 * left and the action that this served. */

#ifndef CGLAB_LIMITS_H
#define CGLAB_LIMITS_H

#include "compat.h"

/* Watch for these from the next start() on: pairs of a name (memory, files, processes, file-size) and the
 * text of the limit. -1 and an exception where there is no memory. */
int limits_start(PyObject *texts);
/* What is to evaluate frames in the place of ``evaluate``: that itself where no limit is watched. */
_PyFrameEvalFunction limits_watching(_PyFrameEvalFunction evaluate);
/* Room for an event when the live file is new: there may be none when memory has run out. */
void limits_make_room(void);

#endif
