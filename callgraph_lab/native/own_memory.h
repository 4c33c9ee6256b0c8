/* Memory that only this process has: in a child that was forked past the handlers of pthread_atfork (by
 * _Fork() or clone()) it is blank. There nothing is recorded, so that nothing is written into the parent's
 * file. Where the kernel cannot do that, such a child has it as any other. */

#ifndef CGLAB_OWN_MEMORY_H
#define CGLAB_OWN_MEMORY_H

#include <stddef.h>

/* Blank memory, at most a page; it is never given back. NULL: there is none. */
void *own_memory_allocate(size_t size);

/* From now on these pages are such memory. Whole ones, not backed by a file. */
void own_memory_include(void *pages, size_t size);

/* Around a fork that our handlers are told of: its child has the memory as its parent has it. */
void own_memory_before_fork(void);
void own_memory_after_fork(void);

#endif
