/* Functions: code objects and classes, interned by name so that a thousand runs of one local class or
 * one exec are one function. An address means one thing while it is in a table: it leaves the
 * table when its object is freed. No reference to an object of the target is kept, and nothing here
 * makes a Python object. Everything here needs the interpreter lock. */

#ifndef CGLAB_REGISTRY_H
#define CGLAB_REGISTRY_H

#include "functions.h"
#include "naming.h"

/* Bumped when an address that was looked up before may come to mean something else: whatever is
 * cached by address is valid for one generation only. */
extern uint32_t registry_generation;

/* Past ``most_functions`` all others are one. */
int registry_start(uint64_t most_functions);
void registry_stop(void);

/* False: no memory. */
bool registry_code(interpreter_frame *frame, PyCodeObject *code, struct code_facts *facts);

/* 1 + the number of a class, which is one class for all of its name; 0: no memory. */
uint64_t registry_class(PyTypeObject *type);

/* The function of a code object run with a class (or NULL); NO_FUNCTION: no room, errno says why. */
uint32_t registry_function(interpreter_frame *frame, PyCodeObject *code, struct code_facts facts,
                           PyTypeObject *type);

#endif
