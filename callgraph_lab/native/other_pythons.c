#include "stand_in.h" /* Python.h comes first */

#include "other_pythons.h"

#include "arena.h"
#include "endings.h"

#include <string.h>
#include <unistd.h>

/* What each function is given: the program (fork_exec: several, one of which is to run), and its arguments. */
struct starter {
    struct stand_in function;
    Py_ssize_t program, arguments;
    bool replaces; /* this process goes on as that program */
};

enum { EXECV, EXECVE, SPAWN, SPAWN_ON_PATH, FORK_EXEC, STARTERS };

static struct starter starters[STARTERS] = {
    [EXECV] = {{"posix", "execv", NULL, NULL}, 0, 1, true},
    [EXECVE] = {{"posix", "execve", NULL, NULL}, 0, 1, true},
    [SPAWN] = {{"posix", "posix_spawn", NULL, NULL}, 0, 1, false},
    [SPAWN_ON_PATH] = {{"posix", "posix_spawnp", NULL, NULL}, 0, 1, false},
    [FORK_EXEC] = {{"_posixsubprocess", "fork_exec", NULL, NULL}, 1, 0, false},
};

/* ---- what is a Python ---------------------------------------------------------------------- */

/* The characters of a str or bytes, or NULL. No code of the target is run: other paths are not looked at. */
static const char *
chars_of(PyObject *object)
{
    const char *chars = NULL;
    if (PyBytes_Check(object)) {
        chars = PyBytes_AS_STRING(object);
    }
    else if (PyUnicode_Check(object)) {
        chars = PyUnicode_AsUTF8(object);
        if (chars == NULL) {
            PyErr_Clear();
        }
    }
    return chars;
}

static bool
is_python(PyObject *program)
{
    static const char name[] = "python";
    const char *path = chars_of(program);
    if (path == NULL) {
        return false;
    }
    PyObject *ours = PySys_GetObject("executable");
    const char *own_path = ours == NULL ? NULL : chars_of(ours);
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    bool is_named_so = strncmp(base, name, strlen(name)) == 0;
    if (is_named_so) {
        const char *version = base + strlen(name); /* python3.13t, but not python3-config */
        is_named_so = version[strspn(version, "0123456789.dt")] == '\0';
    }
    /* The paths of a program that is looked for are tried one after the other. */
    return (is_named_so || (own_path != NULL && strcmp(path, own_path) == 0)) &&
           (path[0] != '/' || access(path, X_OK) == 0);
}

static bool
has_items(PyObject *object)
{
    return PyList_Check(object) || PyTuple_Check(object);
}

static bool
any_is_python(PyObject *programs)
{
    if (!has_items(programs)) {
        return is_python(programs);
    }
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(programs); index++) {
        if (is_python(PySequence_Fast_GET_ITEM(programs, index))) {
            return true;
        }
    }
    return false;
}

enum kind { KIND_NONE, KIND_PYTHON, KIND_MULTIPROCESSING };

static enum kind
kind_of(PyObject *programs, PyObject *arguments)
{
    static const char package[] = "from multiprocessing.";
    static const char tracker[] = "from multiprocessing.resource_tracker ";
    if (!any_is_python(programs)) {
        return KIND_NONE;
    }
    for (Py_ssize_t index = 0;
         has_items(arguments) && index < PySequence_Fast_GET_SIZE(arguments); index++) {
        const char *argument = chars_of(PySequence_Fast_GET_ITEM(arguments, index));
        if (argument != NULL && strncmp(argument, package, strlen(package)) == 0) {
            /* The tracker runs nothing of the target's: it would not be missed. */
            return strncmp(argument, tracker, strlen(tracker)) == 0 ? KIND_NONE
                                                                    : KIND_MULTIPROCESSING;
        }
    }
    return KIND_PYTHON;
}

/* ---- counting ------------------------------------------------------------------------------ */

/* By one more or less; several processes may be at it, where a child has no file of its own yet. */
static void
count(struct file_header *header, enum kind kind, uint32_t change)
{
    __atomic_fetch_add(&header->other_pythons, change, __ATOMIC_RELAXED);
    if (kind == KIND_MULTIPROCESSING) {
        __atomic_fetch_add(&header->other_pythons_of_multiprocessing, change, __ATOMIC_RELAXED);
    }
}

static PyObject *
start(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t given, PyObject *names)
{
    const struct starter *starter = &starters[number];
    bool is_ours = false;
    struct file_header *header = endings_header(&is_ours);
    if (header == NULL) {
        header = arena_parents_header();
    }
    enum kind kind = KIND_NONE;
    if (header != NULL && given >= 2) {
        kind = kind_of(arguments[starter->program], arguments[starter->arguments]);
    }
    /* Who goes on as another program cannot say so afterwards. */
    bool goes_on = starter->replaces && kind != KIND_NONE;
    if (goes_on && is_ours) {
        STORE(header->went_on_as_python, 1);
    }
    else if (goes_on) {
        count(header, kind, 1);
    }
    PyObject *result = stand_in_call_original(&starter->function, self, arguments, given, names);
    if (goes_on && is_ours) {
        STORE(header->went_on_as_python, 0);
    }
    else if (goes_on) {
        count(header, kind, (uint32_t)-1);
    }
    else if (kind != KIND_NONE && result != NULL) {
        count(header, kind, 1);
    }
    return result;
}

STAND_IN(EXECV, start)
STAND_IN(EXECVE, start)
STAND_IN(SPAWN, start)
STAND_IN(SPAWN_ON_PATH, start)
STAND_IN(FORK_EXEC, start)

static const struct stand_in_functions functions[STARTERS] = {
    [EXECV] = STAND_IN_FUNCTIONS(EXECV),
    [EXECVE] = STAND_IN_FUNCTIONS(EXECVE),
    [SPAWN] = STAND_IN_FUNCTIONS(SPAWN),
    [SPAWN_ON_PATH] = STAND_IN_FUNCTIONS(SPAWN_ON_PATH),
    [FORK_EXEC] = STAND_IN_FUNCTIONS(FORK_EXEC),
};

bool
other_pythons_count(void)
{
    for (int number = 0; number < STARTERS; number++) {
        if (!stand_in_install(&starters[number].function, &functions[number])) {
            return false;
        }
    }
    return true;
}
