/* sys.activate_stack_trampoline(): the interpreter's evaluator for perf goes below ours, not in its place. */

#ifndef CGLAB_TRAMPOLINES_H
#define CGLAB_TRAMPOLINES_H

#include <stdbool.h>

/* Have the functions of sys that look after it see the evaluator below ours. A second time does nothing. False and an
 * exception: there was no memory. */
bool trampolines_install(void);

#endif
