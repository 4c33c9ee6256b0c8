#define _GNU_SOURCE 1
#include "hook_lost.h"

#include "arena.h"
#include "clock.h"
#include "evaluators.h"
#include "hook.h"
#include "threads.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static uint64_t started_ns;
static uint64_t noticed_ns; /* that another evaluator stands in the place of ours, 0: it does not */

static double
seconds_since_start(uint64_t moment_ns)
{
    return (double)(moment_ns - started_ns) / 1e9;
}

bool
hook_is_lost(char *reason, size_t bytes)
{
    _PyFrameEvalFunction now = evaluators_get(PyInterpreterState_Get());
    if (hook_is_installed() || hook_is_called_by_others()) {
        return false;
    }
    double noticed = seconds_since_start(noticed_ns != 0 ? noticed_ns : clock_monotonic_ns());
    if (now == _PyEval_EvalFrameDefault) {
        snprintf(reason, bytes, "another tool has removed the frame evaluation hook, noticed %.3f s after the"
                                " start: calls made after that are missing", noticed);
        return true;
    }
    Dl_info library = {0};
    const char *name = "another tool";
    if (dladdr((void *)now, &library) != 0 && library.dli_fname != NULL) {
        const char *slash = strrchr(library.dli_fname, '/');
        name = slash == NULL ? library.dli_fname : slash + 1;
    }
    snprintf(reason, bytes, "%.100s took the place of the frame evaluation hook, noticed %.3f s after the"
                            " start: calls made after that are missing", name, noticed);
    return true;
}

void
hook_look_after(void)
{
    bool is_in_place = hook_is_installed();
    if (!is_in_place && noticed_ns == 0) {
        noticed_ns = clock_monotonic_ns();
    }
    else if (is_in_place && noticed_ns != 0) {
        char remark[200];
        snprintf(remark, sizeof(remark),
                 "another tool took the place of the frame evaluation hook for a time that ended %.3f s after"
                 " the start: calls made meanwhile may be missing",
                 seconds_since_start(clock_monotonic_ns()));
        arena_remark(remark);
        noticed_ns = 0;
    }
}

/* The interpreter clears this away when nothing of the target runs any more. */
static void
look_at_exit(PyObject *capsule)
{
    char reason[200];
    (void)capsule;
    if (tree.session != 0 && !threads_child_is_pending() && hook_is_lost(reason, sizeof(reason))) {
        arena_remark(reason);
    }
}

static void
be_told_of_the_exit(void)
{
    static bool is_told;
    PyObject *dictionary = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (is_told || dictionary == NULL) {
        return;
    }
    PyObject *capsule = PyCapsule_New(&started_ns, NULL, look_at_exit);
    is_told = capsule != NULL &&
              PyDict_SetItemString(dictionary, "callgraph_lab._native", capsule) == 0;
    Py_XDECREF(capsule);
    PyErr_Clear();
}

void
hook_lost_begin(void)
{
    started_ns = clock_monotonic_ns();
    noticed_ns = 0;
    be_told_of_the_exit();
}
