#include "trampolines.h"

#include "evaluators.h" /* Python.h comes first */
#include "hook.h"
#include "stand_in.h"

/* From 3.12 on the interpreter can evaluate every function through machine code of that function's own, by which
 * perf(1) finds its name. It wants the place of the evaluator for that, and refuses where there is another one. */
enum { ACTIVATE, DEACTIVATE, IS_ACTIVE, FUNCTIONS };

static struct stand_in originals[FUNCTIONS] = {
    [ACTIVATE] = {"sys", "activate_stack_trampoline", NULL, NULL},
    [DEACTIVATE] = {"sys", "deactivate_stack_trampoline", NULL, NULL},
    [IS_ACTIVE] = {"sys", "is_stack_trampoline_active", NULL, NULL},
};
static PyObject *backend; /* that was asked for last, NULL: none, or it has been switched off again */

static PyObject *
below_the_hook(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t count,
               PyObject *names)
{
    bool stepped_aside = hook_step_aside();
    PyObject *result =
        stand_in_call_original(&originals[number], self, arguments, count, names);
    if (stepped_aside) {
        hook_step_back();
    }
    return result;
}

/* A forked child begins perf's map anew, but only where the interpreter finds its evaluator in its place. */
static PyObject *
activate_in_child(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    if (backend == NULL || !hook_step_aside()) {
        Py_RETURN_NONE;
    }
    if (FORK_ENDS_TRAMPOLINES) {
        /* All but its evaluator is gone: found in its place, that would be taken for the rest. */
        evaluators_set(PyInterpreterState_Get(), _PyEval_EvalFrameDefault);
    }
    PyObject *result = stand_in_call_original(&originals[ACTIVATE], NULL, &backend, 1, NULL);
    hook_step_back();
    return result;
}

static PyMethodDef activate_in_child_definition = {"activate_in_child", activate_in_child, METH_NOARGS, NULL};

static bool
look_after_children(void)
{
    static bool looks_after_children;
    if (looks_after_children) {
        return true;
    }
    PyObject *module = PyImport_ImportModule("posix");
    PyObject *registrar = module == NULL ? NULL : PyObject_GetAttrString(module, "register_at_fork");
    PyObject *function = PyCFunction_New(&activate_in_child_definition, NULL);
    PyObject *nothing = PyTuple_New(0);
    PyObject *names = PyDict_New();
    if (registrar != NULL && function != NULL && nothing != NULL && names != NULL &&
        PyDict_SetItemString(names, "after_in_child", function) == 0) {
        PyObject *registered = PyObject_Call(registrar, nothing, names);
        looks_after_children = registered != NULL;
        Py_XDECREF(registered);
    }
    Py_XDECREF(names);
    Py_XDECREF(nothing);
    Py_XDECREF(function);
    Py_XDECREF(registrar);
    Py_XDECREF(module);
    return looks_after_children;
}

static PyObject *
change(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    if (number == ACTIVATE && hook_is_installed() && !look_after_children()) {
        return NULL;
    }
    PyObject *result = below_the_hook(number, self, arguments, count, names);
    if (result != NULL && number != IS_ACTIVE) {
        PyObject *before = backend;
        backend = number == ACTIVATE && count == 1 ? Py_NewRef(arguments[0]) : NULL;
        Py_XDECREF(before);
    }
    return result;
}

STAND_IN(ACTIVATE, change)
STAND_IN(DEACTIVATE, change)
STAND_IN(IS_ACTIVE, change)

static const struct stand_in_functions functions[FUNCTIONS] = {
    [ACTIVATE] = STAND_IN_FUNCTIONS(ACTIVATE),
    [DEACTIVATE] = STAND_IN_FUNCTIONS(DEACTIVATE),
    [IS_ACTIVE] = STAND_IN_FUNCTIONS(IS_ACTIVE),
};

bool
trampolines_install(void)
{
    for (int number = 0; number < FUNCTIONS; number++) {
        if (!stand_in_install(&originals[number], &functions[number])) {
            return false;
        }
    }
    return true;
}
