#include "stand_in.h" /* Python.h comes first */

#include "stack.h"
#include "thread_stacks.h"

/* The only function that says how large stacks are; all that start threads go by what it has stored. */
static struct stand_in stack_size = {.module = "_thread", .name = "stack_size"};
static size_t said; /* by the target */

static PyObject *
set_stack_size(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    (void)number;
    PyObject *before = stand_in_call_original(&stack_size, self, arguments, count, names);
    /* Interpreters within the process have sizes of their own. */
    if (before == NULL || PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return before;
    }
    Py_DECREF(before);
    size_t said_before = said;
    said = PyThread_get_stacksize();
    PyThread_set_stacksize(stack_enlarged(said));
    return PyLong_FromSize_t(said_before);
}

STAND_IN(0, set_stack_size)

static const struct stand_in_functions ours = STAND_IN_FUNCTIONS(0);

bool
thread_stacks_enlarge(void)
{
    if (stack_size.definition != NULL) {
        return true;
    }
    if (!stand_in_install(&stack_size, &ours)) {
        return false;
    }
    if (stack_size.definition != NULL) {
        said = PyThread_get_stacksize();
        PyThread_set_stacksize(stack_enlarged(said));
    }
    return true;
}
