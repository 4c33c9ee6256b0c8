/* Stand in for a function written in C, unseen: what is changed is where its method definition points. */

#ifndef CGLAB_STAND_IN_H
#define CGLAB_STAND_IN_H

#include <Python.h>
#include <stdbool.h>

struct stand_in {
    const char *module;
    const char *name;
    PyMethodDef *definition;
    PyCFunction original;
};

/* Ours, one for each calling convention that versions of Python use: a tuple, an array, an array with names, one
 * argument or none. */
struct stand_in_functions {
    PyCFunction plain, fast, named, single;
};

/* Have calls of a function come to us. The function stays the same object, for those who hold it already as
 * for those who ask for it. A second time does nothing. False and an exception: there was no memory. */
bool stand_in_install(struct stand_in *stand_in, const struct stand_in_functions *ours);
PyObject *stand_in_call_original(const struct stand_in *stand_in, PyObject *self,
                                 PyObject *const *arguments, Py_ssize_t count, PyObject *names);

/* The functions of one number: each calls ``handler(number, self, arguments, count, names)``. */
#define STAND_IN(NUMBER, handler)                                                                   \
    static PyObject *plain_##NUMBER(PyObject *self, PyObject *tuple)                                \
    {                                                                                               \
        return handler(NUMBER, self, ((PyTupleObject *)tuple)->ob_item, PyTuple_GET_SIZE(tuple),    \
                       NULL);                                                                       \
    }                                                                                               \
    static PyObject *fast_##NUMBER(PyObject *self, PyObject *const *arguments, Py_ssize_t count)    \
    {                                                                                               \
        return handler(NUMBER, self, arguments, count, NULL);                                       \
    }                                                                                               \
    static PyObject *named_##NUMBER(PyObject *self, PyObject *const *arguments, Py_ssize_t count,   \
                                    PyObject *names)                                                \
    {                                                                                               \
        return handler(NUMBER, self, arguments, count, names);                                      \
    }                                                                                               \
    static PyObject *single_##NUMBER(PyObject *self, PyObject *argument)                            \
    {                                                                                               \
        return handler(NUMBER, self, &argument, argument != NULL, NULL);                            \
    }

#define STAND_IN_FUNCTION(NAME) (PyCFunction)(void (*)(void)) NAME
#define STAND_IN_FUNCTIONS(NUMBER)                                                                  \
    {STAND_IN_FUNCTION(plain_##NUMBER), STAND_IN_FUNCTION(fast_##NUMBER),                           \
     STAND_IN_FUNCTION(named_##NUMBER), STAND_IN_FUNCTION(single_##NUMBER)}

#endif
