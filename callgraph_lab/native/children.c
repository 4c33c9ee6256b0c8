#include "children.h"

#include "child_environment.h"
#include "child_shell.h"

#include <string.h>

#define MOST_ARGUMENTS 32

/* How a function that starts programs is given their environment. */
enum source {
    SOURCE_LIST,    /* a sequence of "name=value" as bytes, or None for that of the process */
    SOURCE_MAPPING, /* a mapping from str or bytes */
    SOURCE_PROCESS, /* always that of the process */
};

typedef PyObject *(*fast_function)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*named_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

struct starter {
    const char *module;
    const char *name;
    enum source source;
    Py_ssize_t position; /* of the argument with the environment */
    PyMethodDef *definition;
    PyCFunction original;
};

enum { EXECV, EXECVE, SPAWN, SPAWN_ON_PATH, SYSTEM, FORK_EXEC, STARTERS };

static struct starter starters[STARTERS] = {
    [EXECV] = {"posix", "execv", SOURCE_PROCESS, 0, NULL, NULL},
    [EXECVE] = {"posix", "execve", SOURCE_MAPPING, 2, NULL, NULL},
    [SPAWN] = {"posix", "posix_spawn", SOURCE_MAPPING, 2, NULL, NULL},
    [SPAWN_ON_PATH] = {"posix", "posix_spawnp", SOURCE_MAPPING, 2, NULL, NULL},
    [SYSTEM] = {"posix", "system", SOURCE_PROCESS, 0, NULL, NULL},
    [FORK_EXEC] = {"_posixsubprocess", "fork_exec", SOURCE_LIST, 5, NULL, NULL},
};

static PyObject *
call_original(const struct starter *starter, PyObject *self, PyObject *const *arguments,
              Py_ssize_t count, PyObject *names)
{
    PyCFunction original = starter->original;
    if (starter->definition->ml_flags & METH_KEYWORDS) {
        return ((named_function)(void (*)(void))original)(self, arguments, count, names);
    }
    if (starter->definition->ml_flags & METH_FASTCALL) {
        return ((fast_function)(void (*)(void))original)(self, arguments, count);
    }
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t index = 0; tuple != NULL && index < count; index++) {
        PyTuple_SET_ITEM(tuple, index, Py_NewRef(arguments[index]));
    }
    PyObject *result = tuple == NULL ? NULL : original(self, tuple);
    Py_XDECREF(tuple);
    return result;
}

/* As ``execve`` with the environment of this process: it is never taken away from the target. Where that fails,
 * the original says why in its own words. */
static PyObject *
replace_process(const struct starter *starter, PyObject *self, PyObject *const *arguments,
                Py_ssize_t count, PyObject *names)
{
    const struct starter *with_environment = &starters[EXECVE];
    PyObject *environment = NULL;
    if (count == 2 && names == NULL && with_environment->original != NULL) {
        environment = child_environment_mapping(Py_None);
    }
    if (environment != NULL) {
        PyObject *all[] = {arguments[0], arguments[1], environment};
        PyObject *result = call_original(with_environment, self, all, 3, NULL);
        Py_XDECREF(result);
        Py_DECREF(environment);
    }
    PyErr_Clear();
    return call_original(starter, self, arguments, count, names);
}

static PyObject *
run_shell(const struct starter *starter, PyObject *self, PyObject *const *arguments, Py_ssize_t count,
          PyObject *names)
{
    PyObject *command = NULL, *result = NULL;
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    bool is_alone = count + named == 1 &&
                    (named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0),
                                                                    "command") == 0);
    char **environment = is_alone ? child_environment_array() : NULL;
    if (environment == NULL) {
        return call_original(starter, self, arguments, count, names);
    }
    if (PyUnicode_FSConverter(arguments[0], &command) &&
        PySys_Audit("os.system", "(O)", command) == 0) {
        /* An auditing hook may have changed a variable. */
        free(environment);
        environment = child_environment_array();
        result = child_shell_run(PyBytes_AS_STRING(command), environment);
    }
    Py_XDECREF(command);
    free(environment);
    return result;
}

/* Where the environment stands among the arguments, or -1. */
static Py_ssize_t
place_of_environment(const struct starter *starter, Py_ssize_t count, PyObject *names)
{
    if (count > starter->position) {
        return starter->position;
    }
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t index = 0; index < named; index++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, index), "env") == 0) {
            return count + index;
        }
    }
    return -1;
}

static PyObject *
start(const struct starter *starter, PyObject *self, PyObject *const *arguments, Py_ssize_t count,
      PyObject *names)
{
    Py_ssize_t given = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    Py_ssize_t place = place_of_environment(starter, count, names);
    PyObject *amended = NULL, *copies[MOST_ARGUMENTS];
    if (starter->source == SOURCE_PROCESS) {
        return starter == &starters[EXECV]
                   ? replace_process(starter, self, arguments, count, names)
                   : run_shell(starter, self, arguments, count, names);
    }
    bool may_be_none = starter->source == SOURCE_LIST ||
                       (SPAWN_MAY_HAVE_NO_ENVIRONMENT && starter != &starters[EXECVE]);
    if (place >= 0 && given <= MOST_ARGUMENTS && (may_be_none || arguments[place] != Py_None)) {
        amended = starter->source == SOURCE_LIST ? child_environment_list(arguments[place])
                                                 : child_environment_mapping(arguments[place]);
    }
    if (amended == NULL) {
        PyErr_Clear(); /* the original says what is wrong with it, if anything is */
        return call_original(starter, self, arguments, count, names);
    }
    memcpy(copies, arguments, (size_t)given * sizeof(*copies));
    copies[place] = amended;
    PyObject *result = call_original(starter, self, copies, count, names);
    Py_DECREF(amended);
    return result;
}

/* Each has a function of its own for each calling convention that versions of Python use. */
#define STAND_IN(NUMBER)                                                                            \
    static PyObject *plain_##NUMBER(PyObject *self, PyObject *tuple)                                \
    {                                                                                               \
        return start(&starters[NUMBER], self, ((PyTupleObject *)tuple)->ob_item,                    \
                     PyTuple_GET_SIZE(tuple), NULL);                                                \
    }                                                                                               \
    static PyObject *fast_##NUMBER(PyObject *self, PyObject *const *arguments, Py_ssize_t count)    \
    {                                                                                               \
        return start(&starters[NUMBER], self, arguments, count, NULL);                              \
    }                                                                                               \
    static PyObject *named_##NUMBER(PyObject *self, PyObject *const *arguments, Py_ssize_t count,   \
                                    PyObject *names)                                                \
    {                                                                                               \
        return start(&starters[NUMBER], self, arguments, count, names);                             \
    }

STAND_IN(EXECV)
STAND_IN(EXECVE)
STAND_IN(SPAWN)
STAND_IN(SPAWN_ON_PATH)
STAND_IN(SYSTEM)
STAND_IN(FORK_EXEC)

#define FUNCTION(NAME) (PyCFunction)(void (*)(void)) NAME
#define STAND_INS(NUMBER) {FUNCTION(plain_##NUMBER), FUNCTION(fast_##NUMBER), FUNCTION(named_##NUMBER)}

static const PyCFunction stand_ins[STARTERS][3] = {
    [EXECV] = STAND_INS(EXECV),   [EXECVE] = STAND_INS(EXECVE),
    [SPAWN] = STAND_INS(SPAWN),   [SPAWN_ON_PATH] = STAND_INS(SPAWN_ON_PATH),
    [SYSTEM] = STAND_INS(SYSTEM), [FORK_EXEC] = STAND_INS(FORK_EXEC),
};

/* Have calls of a function come to us. What is changed is where its method definition points: the
 * function stays the same object, for those who hold it already as for those who ask for it. */
static bool
stand_in_for(int number)
{
    struct starter *starter = &starters[number];
    PyObject *module = PyImport_ImportModule(starter->module);
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, starter->name);
    Py_XDECREF(module);
    if (function == NULL) {
        bool is_missing = PyErr_ExceptionMatches(PyExc_AttributeError);
        if (is_missing) {
            PyErr_Clear(); /* a Python built without it */
        }
        return is_missing;
    }
    if (PyCFunction_Check(function) && starter->definition == NULL) {
        PyMethodDef *definition = ((PyCFunctionObject *)function)->m_ml;
        int convention = definition->ml_flags & (METH_VARARGS | METH_FASTCALL | METH_KEYWORDS);
        int which = convention == METH_VARARGS                     ? 0
                    : convention == METH_FASTCALL                  ? 1
                    : convention == (METH_FASTCALL | METH_KEYWORDS) ? 2
                                                                   : -1;
        if (which >= 0) {
            starter->definition = definition;
            starter->original = definition->ml_meth;
            definition->ml_meth = stand_ins[number][which];
        }
    }
    Py_DECREF(function);
    return true;
}

bool
children_follow(const char *folder, const char *variable, const char *text)
{
    if (!child_environment_choose(folder, variable, text)) {
        PyErr_NoMemory();
        return false;
    }
    for (int number = 0; number < STARTERS; number++) {
        if (!stand_in_for(number)) {
            return false;
        }
    }
    return true;
}
