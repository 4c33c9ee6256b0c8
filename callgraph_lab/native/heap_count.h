/* How many objects of each type are alive, and how many bytes they take. Runs no Python code. */

#ifndef CGLAB_HEAP_COUNT_H
#define CGLAB_HEAP_COUNT_H

#include "compat.h"
#include "text.h"

/* Append a line "objects bytes module:qualname" for each type. ``get_objects`` and ``get_size`` are
 * those of the modules gc and sys. False: there was no memory for it, and nothing of use is in ``text``. */
bool heap_count(PyObject *get_objects, PyObject *get_size, struct text *text);

#endif
