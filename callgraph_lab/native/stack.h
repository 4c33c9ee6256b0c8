/* Where a thread's C stack ends, and how large the stacks of the target are. */

#ifndef CGLAB_STACK_H
#define CGLAB_STACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/* The lowest address of the running thread's stack, and how close to it calls are to be made to raise
 * RecursionError, so that C code that recurses on its own still has room. A margin of 0: no need to
 * look, or nothing is known. */
void stack_find(uintptr_t *lowest, uintptr_t *margin);

/* The program was started with a larger stack than its user has: keep it for the main thread, and put
 * the limit that children and threads go by back to ``limit``. Returns 0 or an errno. */
int stack_keep(rlim_t limit);

/* How large a stack threads are to get where the target has asked for ``size``: calls take stack under the hook
 * which take none without. 0 is the default, which ``stack_keep`` has set. */
size_t stack_enlarged(size_t size);

#endif
