/* Have whoever links to a function by its name come to another one: libraries that are loaded already, those that
 * are loaded later, and dlsym(). */

#ifndef CGLAB_SYMBOLS_H
#define CGLAB_SYMBOLS_H

#include <stdbool.h>

typedef void (*any_function)(void);

/* From now on ``ours`` is found where ``original`` would be, whose name is ``name``. The library that has it, and we
 * ourselves, go on with the original. False, and nothing is changed: that cannot be done here. */
bool symbols_replace(const char *name, any_function original, any_function ours);

#endif
