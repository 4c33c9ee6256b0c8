/* When and how this process ended, as it says itself in the header of its live file. */

#ifndef CGLAB_ENDINGS_H
#define CGLAB_ENDINGS_H

#include "live_format.h"

#include <stdbool.h>

/* Stand in for the functions by which Python code ends its process. False and an exception. */
bool endings_install(void);

/* Have the end of this process written into a header from now on; NULL: into none. */
void endings_watch(struct file_header *header);

/* The header, or NULL, and whether it is this process's own: a child that has none yet may have its parent's. */
struct file_header *endings_header(bool *is_ours);

/* Write it, unless that was done, or the header is that of the process we were forked from. */
void endings_write(enum ending ending);

#endif
