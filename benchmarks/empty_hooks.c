/* The least that two ways of watching calls cost: a profile hook and a frame evaluation hook, both of
 * which do nothing. Built by tracers.py for the Python that runs the benchmark. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static int
profile(PyObject *self, PyFrameObject *frame, int what, PyObject *argument)
{
    return 0;
}

static PyObject *
evaluate(PyThreadState *thread_state, struct _PyInterpreterFrame *frame, int throwing)
{
    return _PyEval_EvalFrameDefault(thread_state, frame, throwing);
}

static PyObject *
start_profile(PyObject *self, PyObject *unused)
{
    PyEval_SetProfile(profile, NULL);
    Py_RETURN_NONE;
}

static PyObject *
start_evaluation(PyObject *self, PyObject *unused)
{
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), evaluate);
    Py_RETURN_NONE;
}

static PyObject *
stop(PyObject *self, PyObject *unused)
{
    PyEval_SetProfile(NULL, NULL);
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), _PyEval_EvalFrameDefault);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start_profile", start_profile, METH_NOARGS, NULL},
    {"start_evaluation", start_evaluation, METH_NOARGS, NULL},
    {"stop", stop, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "empty_hooks", .m_size = -1,
                                    .m_methods = methods};

PyMODINIT_FUNC
PyInit_empty_hooks(void)
{
    return PyModule_Create(&module);
}
