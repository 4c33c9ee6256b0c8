#include "instances.h"

#if CLASS_CALLS_BYPASS_THE_HOOK

/* The shortcut is taken only for classes whose objects are allocated in the standard way. So every class
 * gets an allocator of ours that does just the same: those that exist when recording starts, and new
 * ones as they are made, through the constructor of ``type``. Call sites that have taken the shortcut
 * before are sent back by giving their class a new version. */

int instances_types_in_the_making = 0;

static newfunc original_type_new;

static PyObject *
allocate(PyTypeObject *type, Py_ssize_t items)
{
    return PyType_GenericAlloc(type, items);
}

void
instances_note_type(PyTypeObject *type)
{
    if (type->tp_alloc == PyType_GenericAlloc && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        type->tp_alloc = allocate;
        PyType_Modified(type);
    }
}

static PyObject *
make_type(PyTypeObject *metatype, PyObject *arguments, PyObject *keywords)
{
    instances_types_in_the_making++;
    PyObject *type = original_type_new(metatype, arguments, keywords);
    instances_types_in_the_making--;
    if (type != NULL && PyType_Check(type)) {
        instances_note_type((PyTypeObject *)type);
    }
    return type;
}

bool
instances_are_simple(PyTypeObject *type)
{
    return type->tp_alloc == allocate && type->tp_new == PyBaseObject_Type.tp_new &&
           Py_IS_TYPE(type, &PyType_Type) &&
           (type->tp_flags & (Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_IMMUTABLETYPE)) ==
               Py_TPFLAGS_INLINE_VALUES;
}

/* While a class is being made, __init_subclass__ and __set_name__ get it before we do. */
void
instances_note_arguments(interpreter_frame *frame, PyCodeObject *code)
{
    for (int index = 0; index < code->co_argcount; index++) {
        PyObject *argument = frame_slot(frame, index);
        if (argument != NULL && PyType_Check(argument)) {
            instances_note_type((PyTypeObject *)argument);
        }
    }
}

/* A metaclass that has no constructor of its own copied type's when it was made. */
static void
note_metatype(PyTypeObject *type)
{
    if (type->tp_new == original_type_new && PyType_IsSubtype(type, &PyType_Type)) {
        type->tp_new = make_type;
    }
}

static int
note_subclasses(PyObject *type)
{
    if (((PyTypeObject *)type)->tp_alloc == allocate) {
        return 0; /* met before, by another of its bases */
    }
    instances_note_type((PyTypeObject *)type);
    note_metatype((PyTypeObject *)type);
    PyObject *subclasses = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
    if (subclasses == NULL) {
        return -1;
    }
    int result = 0;
    for (Py_ssize_t index = 0; result == 0 && index < PyList_GET_SIZE(subclasses); index++) {
        result = note_subclasses(PyList_GET_ITEM(subclasses, index));
    }
    Py_DECREF(subclasses);
    return result;
}

int
instances_start(void)
{
    if (original_type_new == NULL) {
        original_type_new = PyType_Type.tp_new;
    }
    return note_subclasses((PyObject *)&PyBaseObject_Type);
}

#endif
