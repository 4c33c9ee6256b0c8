/* The end of objects that are known by their addresses alone. An object of a class that was written in Python
 * tells of it: by the slot that __del__ has, which is run when the object is freed and when it is found to be
 * garbage. Nothing of that is to be seen in the target. Of others (dict, tuple, what C has freed in a way of
 * its own) nobody tells.
 *
 * Everything here needs the interpreter lock. */

#ifndef CGLAB_LIFETIMES_H
#define CGLAB_LIFETIMES_H

#include "compat.h"

/* -1: an exception is set. ``ended`` is called with each object of a watched class that ends; it runs no code. */
int lifetimes_start(void (*ended)(PyObject *object));
/* From now on the object's class is watched, if it can be. */
void lifetime_watch(PyObject *object);
/* Is the end of an object of its class told, and was it all the time since the first one was watched? */
bool lifetime_is_watched(PyObject *object);

#endif
