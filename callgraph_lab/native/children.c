#include "children.h"

#include "child_environment.h"
#include "child_shell.h"
#include "stand_in.h"

#include <string.h>

#define MOST_ARGUMENTS 32

/* How a function that starts programs is given their environment. */
enum source {
    SOURCE_LIST,    /* a sequence of "name=value" as bytes, or None for that of the process */
    SOURCE_MAPPING, /* a mapping from str or bytes */
    SOURCE_PROCESS, /* always that of the process */
};

struct starter {
    struct stand_in function;
    enum source source;
    Py_ssize_t position; /* of the argument with the environment */
};

enum { EXECV, EXECVE, SPAWN, SPAWN_ON_PATH, SYSTEM, FORK_EXEC, STARTERS };

static struct starter starters[STARTERS] = {
    [EXECV] = {{"posix", "execv", NULL, NULL}, SOURCE_PROCESS, 0},
    [EXECVE] = {{"posix", "execve", NULL, NULL}, SOURCE_MAPPING, 2},
    [SPAWN] = {{"posix", "posix_spawn", NULL, NULL}, SOURCE_MAPPING, 2},
    [SPAWN_ON_PATH] = {{"posix", "posix_spawnp", NULL, NULL}, SOURCE_MAPPING, 2},
    [SYSTEM] = {{"posix", "system", NULL, NULL}, SOURCE_PROCESS, 0},
    [FORK_EXEC] = {{"_posixsubprocess", "fork_exec", NULL, NULL}, SOURCE_LIST, 5},
};

/* As ``execve`` with the environment of this process: it is never taken away from the target. Where that fails,
 * the original says why in its own words. */
static PyObject *
replace_process(const struct starter *starter, PyObject *self, PyObject *const *arguments,
                Py_ssize_t count, PyObject *names)
{
    const struct starter *with_environment = &starters[EXECVE];
    PyObject *environment = NULL;
    if (count == 2 && names == NULL && with_environment->function.original != NULL) {
        environment = child_environment_mapping(Py_None);
    }
    if (environment != NULL) {
        PyObject *all[] = {arguments[0], arguments[1], environment};
        PyObject *result = stand_in_call_original(&with_environment->function, self, all, 3, NULL);
        Py_XDECREF(result);
        Py_DECREF(environment);
    }
    PyErr_Clear();
    return stand_in_call_original(&starter->function, self, arguments, count, names);
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
        return stand_in_call_original(&starter->function, self, arguments, count, names);
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
        return stand_in_call_original(&starter->function, self, arguments, count, names);
    }
    memcpy(copies, arguments, (size_t)given * sizeof(*copies));
    copies[place] = amended;
    PyObject *result = stand_in_call_original(&starter->function, self, copies, count, names);
    Py_DECREF(amended);
    return result;
}

static PyObject *
start_number(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t count,
             PyObject *names)
{
    return start(&starters[number], self, arguments, count, names);
}

STAND_IN(EXECV, start_number)
STAND_IN(EXECVE, start_number)
STAND_IN(SPAWN, start_number)
STAND_IN(SPAWN_ON_PATH, start_number)
STAND_IN(SYSTEM, start_number)
STAND_IN(FORK_EXEC, start_number)

static const struct stand_in_functions functions[STARTERS] = {
    [EXECV] = STAND_IN_FUNCTIONS(EXECV),
    [EXECVE] = STAND_IN_FUNCTIONS(EXECVE),
    [SPAWN] = STAND_IN_FUNCTIONS(SPAWN),
    [SPAWN_ON_PATH] = STAND_IN_FUNCTIONS(SPAWN_ON_PATH),
    [SYSTEM] = STAND_IN_FUNCTIONS(SYSTEM),
    [FORK_EXEC] = STAND_IN_FUNCTIONS(FORK_EXEC),
};

bool
children_follow(const char *folder, const char *variable, const char *text)
{
    if (!child_environment_choose(folder, variable, text)) {
        PyErr_NoMemory();
        return false;
    }
    for (int number = 0; number < STARTERS; number++) {
        if (!stand_in_install(&starters[number].function, &functions[number])) {
            return false;
        }
    }
    return true;
}
