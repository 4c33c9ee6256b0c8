#include "child_environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_VARIABLE "PYTHONPATH"

extern char **environ;

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

bool
child_environment_choose(const char *new_folder, const char *new_variable, const char *new_text)
{
    char *copies[] = {strdup(new_folder), strdup(new_variable), strdup(new_text)};
    if (copies[0] == NULL || copies[1] == NULL || copies[2] == NULL) {
        return false;
    }
    /* What was there before is not freed: another thread may be starting a program. */
    folder = copies[0], variable = copies[1], text = copies[2];
    variable_length = strlen(variable);
    return true;
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

/* ---- the environment of the process ---------------------------------------------------------------- */

char **
child_environment_array(void)
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

PyObject *
child_environment_list(PyObject *given)
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

/* Of a name that stands there twice the first counts, as for getenv(). */
static bool
update_from_environ(PyObject *dictionary)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL) {
            continue;
        }
        PyObject *name = PyBytes_FromStringAndSize(*entry, equals - *entry);
        PyObject *value = PyBytes_FromString(equals + 1);
        bool is_there = name != NULL && value != NULL &&
                        PyDict_SetDefault(dictionary, name, value) != NULL;
        Py_XDECREF(name);
        Py_XDECREF(value);
        if (!is_there) {
            return false;
        }
    }
    return true;
}

PyObject *
child_environment_mapping(PyObject *given)
{
    PyObject *dictionary = PyDict_New();
    if (dictionary == NULL ||
        !(given == Py_None ? update_from_environ(dictionary)
                           : PyMapping_Check(given) && PyDict_Update(dictionary, given) == 0)) {
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
