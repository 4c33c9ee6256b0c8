/* What brings the recording to an interpreter that the target starts, put into its environment: two
 * variables, which nothing that the target itself sees has. */

#ifndef CGLAB_CHILD_ENVIRONMENT_H
#define CGLAB_CHILD_ENVIRONMENT_H

#include "compat.h"

#include <stdbool.h>

/* ``folder`` comes first on PYTHONPATH, and ``variable`` is ``text`` behind a ``+`` or ``-`` (there was a
 * PYTHONPATH before, or none). False: no memory. */
bool child_environment_choose(const char *folder, const char *variable, const char *text);

/* The environment of this process with them, or NULL: use it as it is. To be freed; the entries that were
 * there are the process's own, so it is good only while nobody changes these. */
char **child_environment_array(void);

/* A new list of ``name=value`` with them, or NULL (an exception may be set): leave it as it is. ``given``:
 * None for the environment of this process. */
PyObject *child_environment_list(PyObject *given);

/* A new dictionary with them, likewise. */
PyObject *child_environment_mapping(PyObject *given);

#endif
