/* Functions: code objects and classes, interned by name so that a thousand runs of one local class or
 * one exec are one function. An address means one thing while it is in a table: it leaves the
 * table when its object is freed. No reference to an object of the target is kept, and nothing here
 * makes a Python object. Everything here needs the interpreter lock. */

#ifndef CGLAB_REGISTRY_H
#define CGLAB_REGISTRY_H

#include "naming.h"

#define NO_FUNCTION 0xFFFFFFFFu

/* Bumped when an address that was looked up before may come to mean something else: whatever is
 * cached by address is valid for one generation only. */
extern uint32_t registry_generation;

int registry_start(void);
void registry_stop(void);
/* In a forked child: its file holds no function yet. */
void registry_begin_child(void);

/* False: no memory. */
bool registry_code(interpreter_frame *frame, PyCodeObject *code, struct code_facts *facts);

/* The function of a code object run with a class (or NULL); NO_FUNCTION: no room, errno says why. Numbers
 * are given once and inherited by forked children; in a file functions are counted anew. */
uint32_t registry_function(interpreter_frame *frame, PyCodeObject *code, struct code_facts facts,
                           PyTypeObject *type);
/* The event map's rules for a function, or NULL. */
struct watch;
const struct watch *registry_watch(uint32_t function);
/* The function that stands for a thread. */
uint32_t registry_thread_function(const char *name);
uint32_t registry_function_count(void);
/* The number of a function in the file, where it is written if it is not there yet. */
uint32_t registry_number_in_file(uint32_t function);

#endif
