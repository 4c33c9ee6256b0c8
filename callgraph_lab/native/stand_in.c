#include "stand_in.h"

typedef PyObject *(*fast_function)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*named_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

PyObject *
stand_in_call_original(const struct stand_in *stand_in, PyObject *self, PyObject *const *arguments,
                       Py_ssize_t count, PyObject *names)
{
    PyCFunction original = stand_in->original;
    if (stand_in->definition->ml_flags & METH_KEYWORDS) {
        return ((named_function)(void (*)(void))original)(self, arguments, count, names);
    }
    if (stand_in->definition->ml_flags & METH_FASTCALL) {
        return ((fast_function)(void (*)(void))original)(self, arguments, count);
    }
    if (stand_in->definition->ml_flags & (METH_O | METH_NOARGS)) {
        return original(self, count == 0 ? NULL : arguments[0]);
    }
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t index = 0; tuple != NULL && index < count; index++) {
        PyTuple_SET_ITEM(tuple, index, Py_NewRef(arguments[index]));
    }
    PyObject *result = tuple == NULL ? NULL : original(self, tuple);
    Py_XDECREF(tuple);
    return result;
}

bool
stand_in_install(struct stand_in *stand_in, const struct stand_in_functions *ours)
{
    PyObject *module = PyImport_ImportModule(stand_in->module);
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, stand_in->name);
    Py_XDECREF(module);
    if (function == NULL) {
        bool is_missing = PyErr_ExceptionMatches(PyExc_AttributeError);
        if (is_missing) {
            PyErr_Clear(); /* a Python built without it */
        }
        return is_missing;
    }
    if (PyCFunction_Check(function) && stand_in->definition == NULL) {
        PyMethodDef *definition = ((PyCFunctionObject *)function)->m_ml;
        int convention = definition->ml_flags &
                         (METH_VARARGS | METH_FASTCALL | METH_KEYWORDS | METH_O | METH_NOARGS);
        PyCFunction mine = convention == METH_VARARGS                      ? ours->plain
                           : convention == METH_FASTCALL                   ? ours->fast
                           : convention == (METH_FASTCALL | METH_KEYWORDS) ? ours->named
                           : convention == METH_O || convention == METH_NOARGS ? ours->single
                                                                           : NULL;
        if (mine != NULL) {
            stand_in->definition = definition;
            stand_in->original = definition->ml_meth;
            definition->ml_meth = mine;
        }
    }
    Py_DECREF(function);
    return true;
}
