#include "heap_guppy.h"

#include "heap_count.h"

struct total {
    uint64_t objects;
    uint64_t bytes;
};

static bool
add_up(PyObject *view, PyTypeObject *type, PyObject *objects, struct total *total)
{
    Py_ssize_t count = PyObject_Length(objects);
    if (count < 0) {
        return false;
    }
    uint64_t bytes = (uint64_t)count * (uint64_t)type->tp_basicsize;
    if (heap_is_sized_by_c(type)) {
        PyObject *sum = PyObject_CallMethod(view, "indisize_sum", "O", objects);
        if (sum == NULL) {
            return false;
        }
        bytes = PyLong_AsUnsignedLongLong(sum);
        Py_DECREF(sum);
    }
    total->objects += (uint64_t)count;
    total->bytes += bytes;
    return !PyErr_Occurred();
}

static bool
put_types(PyObject *view, PyObject *by_type, struct text *text)
{
    PyObject *type, *objects;
    Py_ssize_t place = 0;
    uint32_t types = 0;
    struct total others = {0};
    while (PyDict_Next(by_type, &place, &type, &objects)) {
        struct total own = {0};
        bool is_named = ++types <= HEAP_MOST_TYPES;
        if (!PyType_Check(type) ||
            !add_up(view, (PyTypeObject *)type, objects, is_named ? &own : &others)) {
            return false;
        }
        if (is_named) {
            heap_put_line(text, own.objects, own.bytes, (PyTypeObject *)type);
        }
    }
    if (others.objects != 0) {
        heap_put_line(text, others.objects, others.bytes, NULL);
    }
    return types != 0;
}

bool
heap_guppy_count(PyObject *view, PyObject *classifier, struct text *text)
{
    /* Sets and lists are made for it, which must not bring the collector along. */
    int was_enabled = PyGC_Disable();
    PyObject *found = PyObject_CallMethod(view, "heap", NULL);
    PyObject *by_type =
        found == NULL ? NULL : PyObject_CallMethod(classifier, "partition", "O", found);
    bool counted =
        by_type != NULL && PyDict_Check(by_type) && put_types(view, by_type, text);
    Py_XDECREF(by_type);
    Py_XDECREF(found);
    PyErr_Clear();
    if (was_enabled) {
        PyGC_Enable();
    }
    return counted && !text->failed;
}
