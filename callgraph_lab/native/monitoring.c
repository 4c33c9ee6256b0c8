#include "monitoring.h"

#if PY_VERSION_HEX >= 0x030C0000

PyObject *
monitoring_attribute(const char *name)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    if (monitoring == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "sys.monitoring is missing");
        return NULL;
    }
    return PyObject_GetAttrString(monitoring, name);
}

int
monitoring_ask(const char *name, const char *format, ...)
{
    PyObject *function = monitoring_attribute(name);
    va_list values;
    va_start(values, format);
    PyObject *arguments = function == NULL ? NULL : Py_VaBuildValue(format, values);
    va_end(values);
    PyObject *result = arguments == NULL ? NULL : PyObject_CallObject(function, arguments);
    Py_XDECREF(arguments);
    Py_XDECREF(function);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
monitoring_claim(const char *what)
{
    /* First those that nobody has a claim to, last those for debuggers and coverage. */
    static const int candidates[] = {4, 3, 2, 5, 1, 0};
    for (size_t index = 0; index < Py_ARRAY_LENGTH(candidates); index++) {
        if (monitoring_ask("use_tool_id", "(is)", candidates[index], "cglab") == 0) {
            return candidates[index];
        }
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
    }
    PyErr_Format(PyExc_RuntimeError,
                 "%s: other tools have taken all six tool ids of sys.monitoring", what);
    return -1;
}

int
monitoring_event(const char *name)
{
    PyObject *numbers = monitoring_attribute("events");
    PyObject *number = numbers == NULL ? NULL : PyObject_GetAttrString(numbers, name);
    int result = number == NULL ? -1 : PyLong_AsInt(number);
    Py_XDECREF(numbers);
    Py_XDECREF(number);
    return result;
}

int
monitoring_register(int tool, int event, PyMethodDef *definition)
{
    PyObject *callback = PyCFunction_New(definition, NULL);
    int result =
        callback == NULL ? -1 : monitoring_ask("register_callback", "(iiO)", tool, event, callback);
    Py_XDECREF(callback);
    return result;
}

void
monitoring_release(int tool, const char *const *events, size_t event_count)
{
    bool is_ours = true;
    for (size_t index = 0; is_ours && index < event_count; index++) {
        is_ours = monitoring_ask("register_callback", "(iiO)", tool, monitoring_event(events[index]),
                                 Py_None) == 0;
    }
    if (!is_ours || monitoring_ask("free_tool_id", "(i)", tool) != 0) {
        PyErr_Clear(); /* the target has freed the id itself */
    }
}

#endif
