/* Hits, time and bytes of each source line, of the functions that were chosen, thread by thread. What
 * tells of the lines is in line_events.c. Everything here needs the interpreter lock. */

#ifndef CGLAB_LINES_H
#define CGLAB_LINES_H

#include "tree.h"

/* The thread has no line yet in the file of this process. */
void lines_begin_thread(struct thread *thread);

/* A call begins or ends that WATCH_ANY_LINES is set for. */
void lines_entered(struct thread *thread, struct open_call *call);
void lines_left(struct thread *thread, struct open_call *call, uint64_t now);
/* It is left over from a recording that has ended. */
void lines_forget(struct open_call *call);

/* The frame that runs has come to a line. */
void lines_reached(int line);
/* Or once more to the one that it is at. */
void lines_reached_again(void);
/* It is about to return: what its locals held goes by itself. */
void lines_returning(void);

/* In a forked child, when its calls have their contexts: the lines that are open are so there. False: no
 * room, errno says why. */
bool lines_adopt(struct thread *thread);

#endif
