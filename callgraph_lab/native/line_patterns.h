/* Which functions are counted line by line: globs, with the meaning that filters give them. */

#ifndef CGLAB_LINE_PATTERNS_H
#define CGLAB_LINE_PATTERNS_H

#include "compat.h"

/* Take over a sequence of str; -1: an exception is set, and nothing is kept. */
int line_patterns_start(PyObject *patterns);
void line_patterns_stop(void);
bool line_patterns_exist(void);

/* Does one of them find a function? By its module, qualified name, the class of self (module:qualname,
 * "" where there is none) and the ancestors of that (lines of the same). */
bool line_patterns_match(const char *module, const char *qualname, const char *class_name,
                         const char *ancestors);

#endif
