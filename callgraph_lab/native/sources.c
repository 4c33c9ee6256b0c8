#include "sources.h"

#include "naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In characters. What is longer is no name, and would take its time. */
#define LONGEST_TEXT 65536

static PyObject *self_name;

int
sources_start(void)
{
    if (self_name == NULL) {
        self_name = PyUnicode_InternFromString("self");
    }
    return self_name == NULL ? -1 : 0;
}

/* ---- parsing ------------------------------------------------------------------------------ */

static int
refuse(PyObject *list)
{
    if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "the event map reads from %R, which is no source", list);
    }
    return -1;
}

static int
parse_names(struct source *source, PyObject *list, Py_ssize_t until)
{
    if (until < 2 || until - 1 > MOST_NAMES_OF_A_SOURCE) {
        return refuse(list);
    }
    for (Py_ssize_t place = 1; place < until; place++) {
        PyObject *name = PyList_GET_ITEM(list, place);
        if (!PyUnicode_CheckExact(name)) {
            return refuse(list);
        }
        Py_INCREF(name);
        PyUnicode_InternInPlace(&name);
        source->names[source->name_count++] = name;
    }
    return 0;
}

int
source_parse(struct source *source, PyObject *list)
{
    static const struct {
        const char *name;
        enum source_kind kind;
        Py_ssize_t length; /* 0: any */
    } kinds[] = {
        {"argument", FROM_ARGUMENT, 2}, {"attribute", FROM_ATTRIBUTE, 0}, {"item", FROM_ITEM, 3},
        {"literal", FROM_LITERAL, 2},   {"star", FROM_STAR, 1},           {"action", FROM_ACTION, 1},
        {"detail", FROM_DETAIL, 1},     {"session", FROM_SESSION, 1},     {"current", FROM_CURRENT, 1},
    };
    *source = (struct source){0};
    Py_ssize_t length = PyList_Check(list) ? PyList_GET_SIZE(list) : 0;
    const char *name = length > 0 && PyUnicode_Check(PyList_GET_ITEM(list, 0))
                           ? PyUnicode_AsUTF8(PyList_GET_ITEM(list, 0))
                           : NULL;
    if (name == NULL) {
        return refuse(list);
    }
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++) {
        if (strcmp(name, kinds[kind].name) == 0 &&
            (kinds[kind].length == 0 || kinds[kind].length == length)) {
            source->kind = kinds[kind].kind;
        }
    }
    switch (source->kind) {
    case FROM_NOTHING:
        return refuse(list);
    case FROM_ARGUMENT:
    case FROM_ATTRIBUTE:
        return parse_names(source, list, length);
    case FROM_ITEM:
        source->index = PyLong_AsSsize_t(PyList_GET_ITEM(list, 2));
        return source->index < 0 ? refuse(list) : parse_names(source, list, 2);
    case FROM_LITERAL: {
        PyObject *text = PyList_GET_ITEM(list, 1);
        const char *chars = PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;
        source->literal = chars == NULL ? NULL : strdup(chars);
        return source->literal == NULL ? refuse(list) : 0;
    }
    default:
        return 0;
    }
}

void
source_free(struct source *source)
{
    for (int place = 0; place < source->name_count; place++) {
        Py_DECREF(source->names[place]);
    }
    free(source->literal);
    *source = (struct source){0};
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The slot of an argument, or -1. */
static int
argument_slot(PyCodeObject *code, PyObject *name)
{
    int arguments = code->co_argcount + code->co_kwonlyargcount +
                    !!(code->co_flags & CO_VARARGS) + !!(code->co_flags & CO_VARKEYWORDS);
    for (int slot = 0; slot < arguments; slot++) {
        if (PyTuple_GET_ITEM(code->co_localsplusnames, slot) == name) {
            return slot;
        }
    }
    return -1;
}

static PyObject *
argument(const struct reading *reading, PyObject *name)
{
    if (name == self_name) {
        return reading->self;
    }
    int slot = reading->frame == NULL ? -1 : argument_slot(reading->code, name);
    return slot < 0 ? NULL : naming_argument(reading->frame, reading->code, slot);
}

/* A value that the object itself holds: no property, no __getattr__, no method. */
static PyObject *
plain_attribute(PyObject *object, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *descriptor = _PyType_Lookup(type, name);
    if (descriptor != NULL && Py_IS_TYPE(descriptor, &PyMemberDescr_Type) &&
        PyType_IsSubtype(type, PyDescr_TYPE(descriptor))) {
        const PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        if (member->type != T_OBJECT_EX) {
            return NULL;
        }
        return *(PyObject **)((char *)object + member->offset);
    }
    if (descriptor != NULL && Py_TYPE(descriptor)->tp_descr_set != NULL) {
        return NULL;
    }
    return instance_value(object, name);
}

bool
source_is_of_self(const struct source *source)
{
    return source->name_count > 0 && source->names[0] == self_name;
}

bool
source_has_argument(const struct source *source, PyCodeObject *code)
{
    return source->name_count > 0 && argument_slot(code, source->names[0]) >= 0;
}

PyObject *
source_object(const struct source *source, const struct reading *reading)
{
    if (source->name_count == 0) {
        return NULL;
    }
    PyObject *object = argument(reading, source->names[0]);
    if (source->kind == FROM_ITEM) {
        if (object == NULL || !PyTuple_CheckExact(object) ||
            source->index >= PyTuple_GET_SIZE(object)) {
            return NULL;
        }
        return PyTuple_GET_ITEM(object, source->index);
    }
    for (int place = 1; object != NULL && place < source->name_count; place++) {
        object = plain_attribute(object, source->names[place]);
    }
    return object;
}

/* A whole number, also of a sub-type such as http.HTTPStatus, whose value is read without its code. */
static bool
is_number(PyObject *object)
{
    return object != NULL && PyLong_Check(object) && !PyBool_Check(object);
}

bool
source_number(const struct source *source, const struct reading *reading, uint64_t *number)
{
    PyObject *object = source_object(source, reading);
    int overflow = 0;
    if (!is_number(object)) {
        return false;
    }
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 || value < 0) {
        return false;
    }
    *number = (uint64_t)value;
    return true;
}

static bool
put_object(struct text *text, PyObject *object)
{
    if (object != NULL && PyUnicode_CheckExact(object)) {
        if (PyUnicode_GET_LENGTH(object) > LONGEST_TEXT) {
            return false;
        }
        text_put_string(text, object);
        return true;
    }
    int overflow = 0;
    if (!is_number(object)) {
        return false;
    }
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    char digits[32];
    snprintf(digits, sizeof(digits), "%lld", value);
    if (overflow == 0) {
        text_put_chars(text, digits);
    }
    return overflow == 0;
}

bool
source_put_text(struct text *text, const struct source *source, const struct reading *reading)
{
    char digits[32];
    switch (source->kind) {
    case FROM_LITERAL:
        text_put_chars(text, source->literal);
        return true;
    case FROM_STAR:
        text_put_chars(text, reading->star);
        return true;
    case FROM_ACTION:
        if (reading->action != NULL) {
            text_put_chars(text, reading->action);
        }
        return reading->action != NULL;
    case FROM_DETAIL:
        text_put_bytes(text, reading->detail, reading->detail_bytes);
        return reading->detail_bytes != 0;
    case FROM_SESSION:
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)reading->session);
        text_put_chars(text, digits);
        return reading->session != 0;
    case FROM_ARGUMENT:
    case FROM_ATTRIBUTE:
    case FROM_ITEM:
        return put_object(text, source_object(source, reading));
    case FROM_NOTHING:
    case FROM_CURRENT:
        break;
    }
    return false;
}
