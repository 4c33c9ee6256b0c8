/* What a frame's function is called, and what kind of function it is. Nothing here makes a Python
 * object, runs code of the target or keeps a reference. */

#ifndef CGLAB_NAMING_H
#define CGLAB_NAMING_H

#include "compat.h"
#include "text.h"

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
    CODE_IS_OURS = 32,         /* of the engine itself, or what puts marks: silent, callees and all */
    CODE_IS_PASSED_OVER = 64,  /* ours as well, but what it calls is the target's */
};

/* What is known of a code object; packed into the value of a table. */
struct code_facts {
    uint32_t identity;
    uint16_t slot;
    uint8_t source;
    uint8_t traits;
};

int naming_start(void);

/* Append ``module:qualname`` of a class; what its __name__ says; the first of every class along its
 * method resolution order, ``object`` left out, joined by newlines. */
void naming_put_class(struct text *text, PyTypeObject *type);
void naming_put_own_name(struct text *text, PyTypeObject *type);
void naming_put_ancestors(struct text *text, PyTypeObject *type);

/* The module of a frame: __name__ of its globals, borrowed, or NULL. */
PyObject *naming_module(interpreter_frame *frame);
/* Traits of a function, by its module and qualified name. */
uint8_t naming_traits(const char *module, const char *qualname);
/* Fill in source and slot: of a frame that is entered, and as the source code has it. */
void naming_find_source(PyCodeObject *code, struct code_facts *facts);
void naming_find_variable(PyCodeObject *code, struct code_facts *facts);

/* The object in an argument's slot, borrowed, or NULL: also where a nested function uses the argument. */
PyObject *naming_argument(interpreter_frame *frame, PyCodeObject *code, int slot);

/* The class that together with the code object determines the function; NULL where none belongs to it.
 * The address is valid until the object that it is of is freed. */
PyTypeObject *naming_class_of(interpreter_frame *frame, struct code_facts facts);

/* Append module unless it is the main one or the code comes from no file, class of self, name: so
 * pycallgraph2 would call the function. */
void naming_put_pycallgraph2_name(struct text *text, PyCodeObject *code, PyObject *module,
                                  const char *self_class);

#endif
