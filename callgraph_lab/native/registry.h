/* Functions: code objects and classes, interned by name so that a thousand runs of one local class or
 * one exec are one function. An address means one thing while it is in a table: it leaves the
 * table when its object is freed. No reference to an object of the target is kept, and nothing here
 * makes a Python object. Everything here needs the interpreter lock. */

#ifndef CGLAB_REGISTRY_H
#define CGLAB_REGISTRY_H

#include "compat.h"

#define NO_FUNCTION 0xFFFFFFFFu
#define RESUMABLE_FLAGS (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)

/* Where a code object's frames have the object whose class belongs to the function's name. */
enum class_source {
    SOURCE_NONE = 1,       /* nowhere */
    SOURCE_SELF,           /* the first argument, named self */
    SOURCE_CLASS,          /* the first argument, named cls: the class is the object itself */
    SOURCE_OTHER_SLOT,     /* another variable is named self: only pycallgraph2's name has it */
    SOURCE_CELL,           /* a variable of a generator, which lives in a cell */
    SOURCE_CLOSURE,        /* a free variable is named self: only pycallgraph2's name has it */
    SOURCE_NOT_CACHED,     /* the answer depends on more than code and class */
};

/* Frames that are not the target's, by what stands at the bottom of their stack. */
enum code_traits {
    CODE_IS_HOUSEKEEPING = 1,  /* the interpreter's own where nobody called it */
    CODE_IS_SHUTDOWN = 2,      /* threading._shutdown, which waits for threads at the end */
    CODE_IS_OF_SHUTDOWN = 4,   /* what it may call that is still not the target's */
    CODE_IS_BEGINNING = 8,     /* the first frame of a thread */
    CODE_IS_OF_BEGINNING = 16, /* what that calls before the thread's run() */
    CODE_IS_OURS = 32,         /* of the engine itself */
};

/* What is known of a code object; packed into the value of a table. */
struct code_facts {
    uint32_t identity;
    uint16_t slot;
    uint8_t source;
    uint8_t traits;
};

/* Bumped when an address that was looked up before may come to mean something else: whatever is
 * cached by address is valid for one generation only. */
extern uint32_t registry_generation;

int registry_start(void);
void registry_stop(void);
/* In a forked child: its file holds no function yet. */
void registry_begin_child(void);

/* False: no memory. */
bool registry_code(interpreter_frame *frame, PyCodeObject *code, struct code_facts *facts);

/* The address that together with the code object determines the function; NULL where no class
 * belongs to it. Valid until the object that it is of is freed. */
PyTypeObject *registry_class_of(interpreter_frame *frame, struct code_facts facts);

/* The function of a code object run with a class (or NULL); NO_FUNCTION: no room, errno says why. Numbers
 * are given once and inherited by forked children; in a file functions are counted anew. */
uint32_t registry_function(interpreter_frame *frame, PyCodeObject *code, struct code_facts facts,
                           PyTypeObject *type);
/* The function that stands for a thread. */
uint32_t registry_thread_function(const char *name);
uint32_t registry_function_count(void);
/* The number of a function in the file, where it is written if it is not there yet. */
uint32_t registry_number_in_file(uint32_t function);

#endif
