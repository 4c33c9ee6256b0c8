/* The heap by type as guppy3 counts it, in place of heap_count. Runs no Python code either. */

#ifndef CGLAB_HEAP_GUPPY_H
#define CGLAB_HEAP_GUPPY_H

#include "compat.h"
#include "text.h"

/* As heap_count does. ``view`` and ``classifier`` are a heapyc.HeapView and its classifier by type. */
bool heap_guppy_count(PyObject *view, PyObject *classifier, struct text *text);

#endif
