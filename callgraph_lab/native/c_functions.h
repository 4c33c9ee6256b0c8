/* Functions written in C, interned by name like those written in Python.
 *
 * A function is known by its definition (PyMethodDef), since the object that is called is often made
 * for one call only. Definitions that lie in a loaded library stay there for good. One on the heap (as
 * pybind11 makes them) may be freed with its function and its address used again: it is looked at
 * anew in every call. Nothing here makes a Python object or keeps one alive. Everything here needs
 * the interpreter lock. */

#ifndef CGLAB_C_FUNCTIONS_H
#define CGLAB_C_FUNCTIONS_H

#include "registry.h"

struct c_function {
    const PyMethodDef *definition;
    PyTypeObject *type;  /* the class of what it is a method of, or NULL */
    PyObject *module;    /* what it says its module is, or NULL */
};

/* What a callable is that is being called, if it is a builtin function or a method of a builtin type:
 * the two kinds that a profile function is told of. Classes, slot wrappers and other callables are not
 * functions here. */
static inline bool
c_function_of(PyObject *callable, bool has_argument, struct c_function *function)
{
    if (PyMethod_Check(callable)) {
        callable = PyMethod_GET_FUNCTION(callable);
        has_argument = true;
    }
    if (PyCFunction_CheckExact(callable) || PyCMethod_CheckExact(callable)) {
        const PyCFunctionObject *object = (const PyCFunctionObject *)callable;
        PyObject *self = object->m_self;
        bool is_method = self != NULL && !PyModule_Check(self);
        function->definition = object->m_ml;
        function->type = !is_method ? NULL : PyType_Check(self) ? (PyTypeObject *)self : Py_TYPE(self);
        function->module = object->m_module;
        return true;
    }
    if (Py_IS_TYPE(callable, &PyMethodDescr_Type) && has_argument) {
        function->definition = ((PyMethodDescrObject *)callable)->d_method;
        function->type = PyDescr_TYPE(callable);
        function->module = NULL;
        return true;
    }
    return false;
}

/* The function's number; NO_FUNCTION: no room, errno says why. ``lasting`` is set where definition and type
 * mean the same function for as long as registry_generation stays as it is. */
uint32_t c_functions_number(const struct c_function *function, bool *lasting);
void c_functions_stop(void);

#endif
