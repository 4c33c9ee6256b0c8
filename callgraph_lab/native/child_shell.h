/* What system(3) does, with an environment of the caller's choice. */

#ifndef CGLAB_CHILD_SHELL_H
#define CGLAB_CHILD_SHELL_H

#include "compat.h"

/* Run a command as ``os.system`` does and return its status as a Python integer, or NULL with an exception.
 * ``environment`` (NULL: that of this process) is read only until the shell runs. Needs the interpreter lock, and lets others
 * have it while the shell runs. */
PyObject *child_shell_run(const char *command, char **environment);

#endif
