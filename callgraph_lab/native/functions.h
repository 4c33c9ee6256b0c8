/* The records of functions in the live file. Numbers are given once and inherited by forked children;
 * in a file functions are counted anew. Everything here needs the interpreter lock. */

#ifndef CGLAB_FUNCTIONS_H
#define CGLAB_FUNCTIONS_H

#include "text.h"

#define NO_FUNCTION 0xFFFFFFFFu

/* Begin a record; its six fields follow in the order of the layout, then it is appended. */
void functions_begin(void);
void functions_put_string(PyObject *string);
void functions_put_chars(const char *chars);
/* For a field that is put together: what is appended to the text until the end belongs to it. */
struct text *functions_begin_field(void);
void functions_end_field(void);
/* The number of the new function; NO_FUNCTION: no room, errno says why. */
uint32_t functions_append(int line, uint32_t flags);

/* The event map's rules for a function, or NULL. They belong to it from then on. */
struct watch;
void functions_set_watch(uint32_t function, struct watch *watch);
const struct watch *functions_watch(uint32_t function);

/* Is it written in C? */
bool functions_is_c(uint32_t function);

/* Are the lines of a function counted? */
void functions_set_lines(uint32_t function, bool counted);
bool functions_have_lines(uint32_t function);

/* The same for the function that stands for a thread. */
uint32_t functions_append_thread(const char *name);

/* How many there are in the file of this process. */
uint32_t functions_count(void);
/* The number of a function in the file, where it is written if it is not there yet. */
uint32_t functions_number_in_file(uint32_t function);

/* In a forked child: its file holds no function yet. */
void functions_begin_child(void);
void functions_stop(void);

#endif
