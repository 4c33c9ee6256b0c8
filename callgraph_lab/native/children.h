/* New interpreters that the target starts: what brings the recording to them is put into the environment
 * that they get, and into nothing that the target itself sees. */

#ifndef CGLAB_CHILDREN_H
#define CGLAB_CHILDREN_H

#include "compat.h"

#include <stdbool.h>

/* Amend the environment of every program that this process starts from now on: ``folder`` comes first on
 * PYTHONPATH, and ``variable`` is set to ``text`` behind a ``+`` or ``-`` (there was a PYTHONPATH before,
 * or none). False with an exception set. */
bool children_follow(const char *folder, const char *variable, const char *text);

#endif
