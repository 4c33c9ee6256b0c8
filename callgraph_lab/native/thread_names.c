#include "thread_names.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ``_name`` of a threading.Thread, into ``name``; false when there is none. No code of the target
 * runs: the attribute is looked up in the generic way. */
static bool
copy_thread_name(PyObject *object, struct text *name)
{
    PyObject *key = PyUnicode_FromString("_name");
    PyObject *value = key == NULL ? NULL : PyObject_GenericGetAttr(object, key);
    bool found = value != NULL && PyUnicode_Check(value);
    if (found) {
        text_clear(name);
        text_put_string(name, value);
    }
    Py_XDECREF(value);
    Py_XDECREF(key);
    return found;
}

static PyObject *
threading_dictionary(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *threading = modules == NULL ? NULL : PyDict_GetItemString(modules, "threading");
    return threading == NULL || !PyModule_Check(threading) ? NULL : PyModule_GetDict(threading);
}

/* The name that threading knows the running thread by. */
static bool
look_up_thread_name(struct text *name)
{
    PyObject *dictionary = threading_dictionary();
    PyObject *active = dictionary == NULL ? NULL : PyDict_GetItemString(dictionary, "_active");
    if (active == NULL || !PyDict_Check(active)) {
        return false;
    }
    PyObject *key = PyLong_FromUnsignedLong((unsigned long)pthread_self());
    PyObject *thread = key == NULL ? NULL : PyDict_GetItem(active, key);
    Py_XDECREF(key);
    return thread != NULL && copy_thread_name(thread, name);
}

void
thread_name_put(interpreter_frame *frame, struct text *name)
{
    PyCodeObject *code = frame_code(frame);
    static struct text qualname;
    text_clear(&qualname);
    text_put_string(&qualname, code->co_qualname);
#if ALLOCATION_MAY_COLLECT
    int collecting = PyGC_Disable();
#endif
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool found = false;
    if (strcmp(text_chars(&qualname), "Thread._bootstrap") == 0) {
        PyObject *self = frame_slot(frame, 0);
        found = self != NULL && copy_thread_name(self, name);
    }
    if (!found) {
        found = look_up_thread_name(name);
    }
    PyErr_Restore(type, value, traceback);
#if ALLOCATION_MAY_COLLECT
    if (collecting) {
        PyGC_Enable();
    }
#endif
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
