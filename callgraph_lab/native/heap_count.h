/* How many objects of each type are alive, and how many bytes they take. Runs no Python code. */

#ifndef CGLAB_HEAP_COUNT_H
#define CGLAB_HEAP_COUNT_H

#include "compat.h"
#include "text.h"

/* Types beyond these are one line: programs that make classes without end are not to fill the disk. */
#define HEAP_MOST_TYPES 20000u

/* Append a line "objects bytes module:qualname" for each type. ``get_objects`` and ``get_size`` are
 * those of the modules gc and sys. False: there was no memory for it, and nothing of use is in ``text``. */
bool heap_count(PyObject *get_objects, PyObject *get_size, struct text *text);

/* One such line; ``type`` NULL: of all that are not told apart. */
void heap_put_line(struct text *text, uint64_t objects, uint64_t bytes, PyTypeObject *type);
/* Is the __sizeof__ of a type written in C? Otherwise it would be code of the target's that runs. */
bool heap_is_sized_by_c(PyTypeObject *type);

#endif
