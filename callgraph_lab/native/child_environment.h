/* What brings the recording to an interpreter that the target starts, put into its environment: two
 * variables, which nothing that the target itself sees has. */

#ifndef CGLAB_CHILD_ENVIRONMENT_H
#define CGLAB_CHILD_ENVIRONMENT_H

#include "compat.h"

#include <stdbool.h>

/* ``folder`` comes first on PYTHONPATH, and ``variable`` is ``text`` behind a ``+`` or ``-`` (there was a
 * PYTHONPATH before, or none). False: no memory. */
bool child_environment_choose(const char *folder, const char *variable, const char *text);

struct environ_before {
    char **environ;
    char **amended;
    const char *path;
};

/* Put them into the environment of this process until a program has been started. False: it stays as it
 * is, and is not to be left. */
bool child_environment_enter(struct environ_before *before);
void child_environment_leave(const struct environ_before *before);

/* A new list of ``name=value`` with them, or NULL (an exception may be set): leave it as it is. ``given``:
 * None for the environment of this process. */
PyObject *child_environment_list(PyObject *given);

/* A new dictionary with them, or NULL (an exception may be set): leave it as it is. */
PyObject *child_environment_mapping(PyObject *given);

#endif
