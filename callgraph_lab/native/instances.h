/* Python 3.13 runs __init__ around a frame evaluation hook where a class is called often enough; this
 * keeps it from doing so. Nothing happens on other versions. */

#ifndef CGLAB_INSTANCES_H
#define CGLAB_INSTANCES_H

#include "compat.h"

#if CLASS_CALLS_BYPASS_THE_HOOK
/* How many classes are being made right now: code that they run may already call them. */
extern int instances_types_in_the_making;
int instances_start(void);
void instances_note_type(PyTypeObject *type);
void instances_note_arguments(interpreter_frame *frame, PyCodeObject *code);
/* Would the shortcut be taken for the class, as far as the class is concerned? */
bool instances_are_simple(PyTypeObject *type);
#else
#define instances_types_in_the_making 0
static inline int
instances_start(void)
{
    return 0;
}
static inline void
instances_note_type(PyTypeObject *type)
{
    (void)type;
}
static inline void
instances_note_arguments(interpreter_frame *frame, PyCodeObject *code)
{
    (void)frame;
    (void)code;
}
#endif

#endif
