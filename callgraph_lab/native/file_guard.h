/* Somebody may cut the live file short while it is mapped: the next store would be a SIGBUS, which ends the
 * target. The guard is a handler of that signal. */

#ifndef CGLAB_FILE_GUARD_H
#define CGLAB_FILE_GUARD_H

/* Put the handler in, around one that is there. Not where the signal is ignored: children inherit that. */
void file_guard_start(void);

/* Put back what was there, unless the target has put in another one since. */
void file_guard_stop(void);

#endif
