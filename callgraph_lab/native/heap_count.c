#include "heap_count.h"

#include "growing.h"
#include "naming.h"
#include "table.h"

#include <stdio.h>

#define OTHER_TYPES "(other):"

struct object {
    PyObject *object;
    Py_ssize_t references; /* those that no object of the collector's accounts for */
    bool reached;
};

struct type_total {
    PyTypeObject *type;
    uint64_t objects;
    uint64_t bytes;
    bool is_sized_by_c; /* what __sizeof__ runs is not code of the target */
};

struct count {
    struct object *objects;
    uint32_t object_count, object_capacity;
    struct table places; /* address of an object -> 1 + index into objects */
    uint32_t *waiting;   /* reached, and not yet followed */
    uint32_t waiting_count, waiting_capacity;
    struct type_total *totals;
    uint32_t total_count, total_capacity;
    struct table types; /* address of a type -> 1 + index into totals */
    bool failed;
};

/* ---- what is alive ------------------------------------------------------------------------- */

static uint32_t
add_object(struct count *count, PyObject *object, Py_ssize_t references)
{
    if (!grow_array((void **)&count->objects, &count->object_capacity, count->object_count,
                    sizeof(*count->objects)) ||
        !table_put(&count->places, (uintptr_t)object, (uint64_t)count->object_count + 1)) {
        count->failed = true;
        return 0;
    }
    count->objects[count->object_count] = (struct object){object, references, false};
    return ++count->object_count;
}

static void
reach(struct count *count, uint32_t index)
{
    if (count->objects[index].reached) {
        return;
    }
    if (!grow_array((void **)&count->waiting, &count->waiting_capacity, count->waiting_count,
                    sizeof(*count->waiting))) {
        count->failed = true;
        return;
    }
    count->objects[index].reached = true;
    count->waiting[count->waiting_count++] = index;
}

static int
subtract_reference(PyObject *object, void *argument)
{
    struct count *count = argument;
    uint64_t place = table_get(&count->places, (uintptr_t)object);
    if (place != 0) {
        count->objects[place - 1].references--;
    }
    return 0;
}

static int
reach_object(PyObject *object, void *argument)
{
    struct count *count = argument;
    if (object == NULL) {
        return 0;
    }
    uint64_t place = table_get(&count->places, (uintptr_t)object);
    if (place == 0) {
        place = add_object(count, object, 0);
    }
    if (place != 0) {
        reach(count, (uint32_t)(place - 1));
    }
    return count->failed;
}

static void
follow(PyObject *object, visitproc visit, struct count *count)
{
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    /* Built-in types are no objects of the collector's, and cannot be asked. */
    if (traverse != NULL && PyObject_IS_GC(object)) {
        traverse(object, visit, count);
    }
}

/* The collector's own reckoning, on a copy of its figures: what others than objects refer to is alive,
 * and so is all that can be reached from there. The rest are cycles that it has not got to yet. */
static void
find_what_is_alive(struct count *count, PyObject *list)
{
    for (Py_ssize_t index = 0; index < PyList_GET_SIZE(list) && !count->failed; index++) {
        PyObject *object = PyList_GET_ITEM(list, index);
        add_object(count, object, Py_REFCNT(object) - 1); /* one is the list's */
    }
    uint32_t tracked = count->object_count;
    for (uint32_t index = 0; index < tracked && !count->failed; index++) {
        follow(count->objects[index].object, subtract_reference, count);
    }
    for (uint32_t index = 0; index < tracked && !count->failed; index++) {
        if (count->objects[index].references > 0) {
            reach(count, index);
        }
    }
    while (count->waiting_count > 0 && !count->failed) {
        follow(count->objects[count->waiting[--count->waiting_count]].object, reach_object, count);
    }
}

/* ---- by type ------------------------------------------------------------------------------- */

bool
heap_is_sized_by_c(PyTypeObject *type)
{
    static PyObject *key;
    PyObject *order = type->tp_mro;
    if (key == NULL && (key = PyUnicode_InternFromString("__sizeof__")) == NULL) {
        PyErr_Clear();
        return false;
    }
    for (Py_ssize_t index = 0; order != NULL && index < PyTuple_GET_SIZE(order); index++) {
        PyTypeObject *ancestor = (PyTypeObject *)PyTuple_GET_ITEM(order, index);
        /* What is not made in Python is sized by C: in the end there is always object. */
        if (!PyType_HasFeature(ancestor, Py_TPFLAGS_HEAPTYPE)) {
            return true;
        }
        PyObject *found = value_under(type_dictionary(ancestor), key);
        if (found != NULL) {
            return Py_IS_TYPE(found, &PyMethodDescr_Type);
        }
    }
    return false;
}

static struct type_total *
total_of(struct count *count, PyTypeObject *type)
{
    uint64_t place = table_get(&count->types, (uintptr_t)type);
    if (place == 0) {
        if (!grow_array((void **)&count->totals, &count->total_capacity, count->total_count,
                        sizeof(*count->totals)) ||
            !table_put(&count->types, (uintptr_t)type, (uint64_t)count->total_count + 1)) {
            count->failed = true;
            return NULL;
        }
        count->totals[count->total_count] = (struct type_total){
            .type = type,
            .is_sized_by_c = heap_is_sized_by_c(type),
        };
        place = ++count->total_count;
    }
    return &count->totals[place - 1];
}

static uint64_t
size_of(PyObject *object, const struct type_total *total, PyObject *get_size)
{
    if (total->is_sized_by_c) {
        PyObject *size = PyObject_CallOneArg(get_size, object);
        size_t bytes = size == NULL ? (size_t)-1 : PyLong_AsSize_t(size);
        Py_XDECREF(size);
        if (!PyErr_Occurred()) {
            return bytes;
        }
        PyErr_Clear();
    }
    return (uint64_t)Py_TYPE(object)->tp_basicsize;
}

void
heap_put_line(struct text *text, uint64_t objects, uint64_t bytes, PyTypeObject *type)
{
    char figures[64];
    snprintf(figures, sizeof(figures), "%llu %llu ", (unsigned long long)objects,
             (unsigned long long)bytes);
    text_put_chars(text, figures);
    size_t start = text->length;
    if (type != NULL) {
        naming_put_class(text, type);
    }
    else {
        text_put_chars(text, OTHER_TYPES);
    }
    for (size_t index = start; index < text->length; index++) {
        if ((unsigned char)text->bytes[index] < ' ') {
            text->bytes[index] = '?'; /* a name made by hand may hold the end of a line */
        }
    }
    text_put_byte(text, '\n');
}

static void
put_lines(struct count *count, struct text *text)
{
    uint64_t other_objects = 0, other_bytes = 0;
    for (uint32_t index = 0; index < count->total_count; index++) {
        const struct type_total *total = &count->totals[index];
        if (index < HEAP_MOST_TYPES) {
            heap_put_line(text, total->objects, total->bytes, total->type);
        }
        else {
            other_objects += total->objects;
            other_bytes += total->bytes;
        }
    }
    if (other_objects != 0) {
        heap_put_line(text, other_objects, other_bytes, NULL);
    }
}

bool
heap_count(PyObject *get_objects, PyObject *get_size, struct text *text)
{
    /* Collecting would run finalizers of the target's earlier than they would run without us. */
    int was_enabled = PyGC_Disable();
    struct count count = {0};
    PyObject *list = PyObject_CallNoArgs(get_objects);
    if (list == NULL || !PyList_Check(list)) {
        PyErr_Clear();
        count.failed = true;
    }
    else {
        find_what_is_alive(&count, list);
    }
    for (uint32_t index = 0; index < count.object_count && !count.failed; index++) {
        PyObject *object = count.objects[index].object;
        struct type_total *total = NULL;
        if (count.objects[index].reached && (total = total_of(&count, Py_TYPE(object))) != NULL) {
            total->objects++;
            total->bytes += size_of(object, total, get_size);
        }
    }
    if (!count.failed) {
        put_lines(&count, text);
    }
    Py_XDECREF(list);
    free(count.objects);
    free(count.waiting);
    free(count.totals);
    table_clear(&count.places);
    table_clear(&count.types);
    if (was_enabled) {
        PyGC_Enable();
    }
    return !count.failed && !text->failed;
}
