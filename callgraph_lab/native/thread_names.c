#include "thread_names.h"

#include "naming.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static PyObject *key_of_name, *key_of_threading, *key_of_active;

/* ``_name`` of a threading.Thread, into ``name``; false when there is none. It is read where it is kept: the
 * class may have a property of that name, or a way of its own to look up attributes, and these are the target's
 * code. */
static bool
copy_thread_name(PyObject *object, struct text *name)
{
    PyObject *value = instance_value(object, key_of_name);
    if (value == NULL || !PyUnicode_Check(value)) {
        return false;
    }
    text_clear(name);
    text_put_string(name, value);
    return true;
}

/* The dictionary of threading's threads by their identifiers, or NULL. */
static PyObject *
active_threads(void)
{
    PyObject *threading = value_under(PyImport_GetModuleDict(), key_of_threading);
    return threading == NULL || !PyModule_Check(threading)
               ? NULL
               : value_under(PyModule_GetDict(threading), key_of_active);
}

/* The name that threading knows the running thread by. */
static bool
look_up_thread_name(struct text *name)
{
    PyObject *active = active_threads(), *key, *thread;
    Py_ssize_t place = 0;
    unsigned long self = (unsigned long)pthread_self();
    while (active != NULL && PyDict_Check(active) && PyDict_Next(active, &place, &key, &thread)) {
        if (PyLong_CheckExact(key) && PyLong_AsUnsignedLongMask(key) == self) {
            return copy_thread_name(thread, name);
        }
    }
    return false;
}

int
thread_names_start(void)
{
    if (key_of_name == NULL) {
        key_of_name = PyUnicode_InternFromString("_name");
        key_of_threading = PyUnicode_InternFromString("threading");
        key_of_active = PyUnicode_InternFromString("_active");
    }
    return key_of_name && key_of_threading && key_of_active ? 0 : -1;
}

void
thread_name_put(interpreter_frame *frame, struct text *name)
{
    PyCodeObject *code = frame_code(frame);
    static struct text qualname;
    text_clear(&qualname);
    text_put_string(&qualname, code->co_qualname);
    bool found = false;
    if (strcmp(text_chars(&qualname), "Thread._bootstrap") == 0) {
        PyObject *self = frame_slot(frame, 0);
        found = self != NULL && copy_thread_name(self, name);
    }
    if (!found) {
        found = look_up_thread_name(name);
    }
    if (!found) {
        char chars[40];
        long identifier = syscall(SYS_gettid);
        snprintf(chars, sizeof(chars), "thread %ld", identifier);
        text_clear(name);
        text_put_chars(name, identifier == getpid() ? "MainThread" : chars);
    }
}

bool
thread_names_are_alike(const char *left, const char *right)
{
    while (*left != '\0' || *right != '\0') {
        if (isdigit((unsigned char)*left) && isdigit((unsigned char)*right)) {
            while (isdigit((unsigned char)*left)) {
                left++;
            }
            while (isdigit((unsigned char)*right)) {
                right++;
            }
        }
        else if (*left++ != *right++) {
            return false;
        }
    }
    return true;
}

/* The class, where it is a threading.Thread's; else the function that the thread begins with. */
void
thread_name_put_shared(interpreter_frame *frame, struct text *name)
{
    static struct text kind;
    PyCodeObject *code = frame_code(frame);
    text_clear(&kind);
    text_put_string(&kind, code->co_qualname);
    PyObject *self = code->co_nlocalsplus > 0 ? frame_slot(frame, 0) : NULL;
    if (self != NULL && strcmp(text_chars(&kind), "Thread._bootstrap") == 0) {
        text_clear(&kind);
        naming_put_own_name(&kind, Py_TYPE(self));
    }
    text_clear(name);
    text_put_chars(name, "* (");
    text_put_chars(name, text_chars(&kind));
    text_put_chars(name, ")");
}
