#include "children.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_VARIABLE "PYTHONPATH"
#define MOST_ARGUMENTS 32

extern char **environ;

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

static char *folder, *variable, *text;
static size_t variable_length;

static const char *
value_in(const char *entry, const char *name, size_t length)
{
    return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : NULL;
}

static const char *
path_in(const char *entry)
{
    return value_in(entry, PATH_VARIABLE, strlen(PATH_VARIABLE));
}

/* Is there somebody to be followed at all? Not when the run is over and the folder gone, and not where the
 * environment leads to a recording already: a ``cglab`` that the target has started starts its own. */
static bool
is_to_be_followed(const char *found)
{
    return found == NULL && access(folder, X_OK) == 0;
}

static size_t
entries_size(const char *path)
{
    return strlen(PATH_VARIABLE) + strlen(folder) + (path == NULL ? 0 : strlen(path)) +
           variable_length + strlen(text) + 8;
}

/* Write both entries, a NUL behind each, and return where the second begins. */
static char *
write_entries(char *place, const char *path)
{
    bool has_path = path != NULL && *path != '\0';
    place += sprintf(place, PATH_VARIABLE "=%s%s%s", folder, has_path ? ":" : "",
                     has_path ? path : "") + 1;
    sprintf(place, "%s=%c%s", variable, path != NULL ? '+' : '-', text);
    return place;
}

/* ---- the environment of the process, while a program is started --------------------------------- */

/* Other threads may be reading the array that is replaced, so it goes a call later. */
static char **retired;

static char **
amended_environ(void)
{
    const char *path = NULL, *found = NULL;
    size_t count = 0;
    for (; environ != NULL && environ[count] != NULL; count++) {
        path = path_in(environ[count]) ? path_in(environ[count]) : path;
        found = value_in(environ[count], variable, variable_length) ? environ[count] : found;
    }
    if (!is_to_be_followed(found)) {
        return NULL;
    }
    size_t array = (count + 3) * sizeof(char *);
    char **amended = malloc(array + entries_size(path));
    if (amended == NULL) {
        return NULL;
    }
    size_t kept = 0;
    for (size_t index = 0; index < count; index++) {
        if (!path_in(environ[index])) {
            amended[kept++] = environ[index];
        }
    }
    amended[kept++] = (char *)amended + array;
    amended[kept++] = write_entries((char *)amended + array, path);
    amended[kept] = NULL;
    return amended;
}

static void
put_back(char **amended, char **before, const char *path)
{
    if (environ == amended) {
        environ = before;
    } else {
        /* The target has set a variable meanwhile, and so has a new array. */
        unsetenv(variable);
        if (path == NULL) {
            unsetenv(PATH_VARIABLE);
        } else {
            setenv(PATH_VARIABLE, path, 1);
        }
    }
    free(retired);
    retired = amended;
}

/* ---- an environment that is an argument ----------------------------------------------------------- */

static PyObject *
list_of_environ(void)
{
    PyObject *list = PyList_New(0);
    for (char **entry = environ; list != NULL && entry != NULL && *entry != NULL; entry++) {
        PyObject *bytes = PyBytes_FromString(*entry);
        if (bytes == NULL || PyList_Append(list, bytes) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(bytes);
    }
    return list;
}

/* A new list with our two entries, or NULL (an exception may be set): leave it as it is. */
static PyObject *
amended_list(PyObject *given)
{
    PyObject *list = given == Py_None ? list_of_environ() : PySequence_List(given);
    if (list == NULL) {
        return NULL;
    }
    PyObject *old_path = NULL;
    const char *found = NULL;
    for (Py_ssize_t index = PyList_GET_SIZE(list) - 1; index >= 0; index--) {
        PyObject *item = PyList_GET_ITEM(list, index);
        if (!PyBytes_Check(item)) {
            goto unchanged;
        }
        const char *entry = PyBytes_AS_STRING(item);
        found = value_in(entry, variable, variable_length) ? entry : found;
        if (path_in(entry)) {
            Py_INCREF(item);
            Py_XSETREF(old_path, item);
            if (PyList_SetSlice(list, index, index + 1, NULL) != 0) {
                goto unchanged;
            }
        }
    }
    const char *path = old_path == NULL ? NULL : path_in(PyBytes_AS_STRING(old_path));
    char *entries = is_to_be_followed(found) ? malloc(entries_size(path)) : NULL;
    if (entries == NULL) {
        goto unchanged;
    }
    char *second = write_entries(entries, path);
    PyObject *added = Py_BuildValue("[yy]", entries, second);
    free(entries);
    Py_XDECREF(old_path);
    if (added != NULL) {
        Py_SETREF(list, PySequence_InPlaceConcat(list, added));
        Py_DECREF(added);
        return list;
    }
    Py_DECREF(list);
    return NULL;
unchanged:
    Py_XDECREF(old_path);
    Py_DECREF(list);
    return NULL;
}

/* The name of a variable as the mapping has it, str or bytes, and its value as bytes; or NULL. */
static PyObject *
taken_from(PyObject *dictionary, const char *name)
{
    for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
        PyObject *key = as_bytes ? PyBytes_FromString(name) : PyUnicode_FromString(name);
        PyObject *value = key == NULL ? NULL : PyDict_GetItemWithError(dictionary, key);
        PyObject *bytes = NULL;
        if (value != NULL && PyUnicode_FSConverter(value, &bytes) &&
            PyDict_DelItem(dictionary, key) == 0) {
            Py_DECREF(key);
            return bytes;
        }
        Py_XDECREF(bytes);
        Py_XDECREF(key);
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    return NULL;
}

/* A new dictionary with our two variables, or NULL (an exception may be set): leave it as it is. */
static PyObject *
amended_mapping(PyObject *given)
{
    PyObject *dictionary = PyDict_New();
    if (dictionary == NULL || !PyMapping_Check(given) || PyDict_Update(dictionary, given) != 0) {
        Py_XDECREF(dictionary);
        return NULL;
    }
    PyObject *found = taken_from(dictionary, variable);
    PyObject *old_path = PyErr_Occurred() ? NULL : taken_from(dictionary, PATH_VARIABLE);
    const char *path = old_path == NULL ? NULL : PyBytes_AS_STRING(old_path);
    bool is_amended = false;
    if (!PyErr_Occurred() && is_to_be_followed(found == NULL ? NULL : "")) {
        char *entries = malloc(entries_size(path));
        if (entries != NULL) {
            char *second = write_entries(entries, path);
            PyObject *path_now = PyBytes_FromString(path_in(entries));
            PyObject *text_now = PyBytes_FromString(second + variable_length + 1);
            PyObject *path_name = PyBytes_FromString(PATH_VARIABLE);
            PyObject *text_name = PyBytes_FromString(variable);
            is_amended = path_now != NULL && text_now != NULL && path_name != NULL &&
                         text_name != NULL &&
                         PyDict_SetItem(dictionary, path_name, path_now) == 0 &&
                         PyDict_SetItem(dictionary, text_name, text_now) == 0;
            Py_XDECREF(path_now);
            Py_XDECREF(text_now);
            Py_XDECREF(path_name);
            Py_XDECREF(text_name);
            free(entries);
        }
    }
    Py_XDECREF(found);
    Py_XDECREF(old_path);
    if (!is_amended) {
        Py_CLEAR(dictionary);
    }
    return dictionary;
}

/* ---- the functions that start programs ------------------------------------------------------------ */

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

static PyObject *
start_with_environ(const struct starter *starter, PyObject *self, PyObject *const *arguments,
                   Py_ssize_t count, PyObject *names)
{
    char **before = environ, **amended = amended_environ();
    if (amended == NULL) {
        return call_original(starter, self, arguments, count, names);
    }
    const char *path = getenv(PATH_VARIABLE);
    environ = amended;
    PyObject *result = call_original(starter, self, arguments, count, names);
    put_back(amended, before, path);
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
    bool is_none = place >= 0 && arguments[place] == Py_None;
    if (starter->source == SOURCE_PROCESS || (starter->source == SOURCE_MAPPING && is_none)) {
        return start_with_environ(starter, self, arguments, count, names);
    }
    if (place >= 0 && given <= MOST_ARGUMENTS) {
        amended = starter->source == SOURCE_LIST ? amended_list(arguments[place])
                                                 : amended_mapping(arguments[place]);
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
children_follow(const char *new_folder, const char *new_variable, const char *new_text)
{
    char *copies[] = {strdup(new_folder), strdup(new_variable), strdup(new_text)};
    if (copies[0] == NULL || copies[1] == NULL || copies[2] == NULL) {
        PyErr_NoMemory();
        return false;
    }
    /* What was there before is not freed: another thread may be starting a program. */
    folder = copies[0], variable = copies[1], text = copies[2];
    variable_length = strlen(variable);
    for (int number = 0; number < STARTERS; number++) {
        if (!stand_in_for(number)) {
            return false;
        }
    }
    return true;
}
