#include "naming.h"

#include <string.h>

static PyObject *module_key, *name_key, *self_name, *cls_name;
static struct text scratch;

int
naming_start(void)
{
    if (module_key == NULL) {
        module_key = PyUnicode_InternFromString("__module__");
        name_key = PyUnicode_InternFromString("__name__");
        self_name = PyUnicode_InternFromString("self");
        cls_name = PyUnicode_InternFromString("cls");
    }
    return module_key && name_key && self_name && cls_name ? 0 : -1;
}

/* ---- classes ------------------------------------------------------------------------------ */

static PyObject *
string_in(PyObject *dictionary, PyObject *key)
{
    PyObject *value = value_under(dictionary, key);
    return value != NULL && PyUnicode_Check(value) ? value : NULL;
}

void
naming_put_class(struct text *text, PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');
    PyObject *module = string_in(type_dictionary(type), module_key);
    if (module != NULL) {
        text_put_string(text, module);
    }
    else if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        /* A class without a name of its module: nothing is better than a guess. */
    }
    else if (dot != NULL) {
        text_put_bytes(text, type->tp_name, (size_t)(dot - type->tp_name));
    }
    else {
        text_put_chars(text, "builtins");
    }
    text_put_chars(text, ":");
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        text_put_string(text, ((PyHeapTypeObject *)type)->ht_qualname);
    }
    else {
        text_put_chars(text, dot != NULL ? dot + 1 : type->tp_name);
    }
}

void
naming_put_own_name(struct text *text, PyTypeObject *type)
{
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        text_put_string(text, ((PyHeapTypeObject *)type)->ht_name);
        return;
    }
    const char *dot = strrchr(type->tp_name, '.');
    text_put_chars(text, dot != NULL ? dot + 1 : type->tp_name);
}

void
naming_put_ancestors(struct text *text, PyTypeObject *type)
{
    PyObject *order = type->tp_mro;
    if (order == NULL || !PyTuple_Check(order)) {
        naming_put_class(text, type);
        return;
    }
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(order); index++) {
        PyTypeObject *ancestor = (PyTypeObject *)PyTuple_GET_ITEM(order, index);
        if (ancestor == &PyBaseObject_Type || !PyType_Check(ancestor)) {
            continue;
        }
        if (index > 0) {
            text_put_chars(text, "\n");
        }
        naming_put_class(text, ancestor);
    }
}

/* ---- code objects ------------------------------------------------------------------------- */

static bool
is_module_or_below(const char *module, const char *package)
{
    size_t length = strlen(package);
    return strncmp(module, package, length) == 0 &&
           (module[length] == '\0' || module[length] == '.');
}

static bool
is_one_of(const char *chars, const char *const *list)
{
    while (*list != NULL && strcmp(chars, *list) != 0) {
        list++;
    }
    return *list != NULL;
}

static bool
is_below_one_of(const char *module, const char *const *packages)
{
    while (*packages != NULL && !is_module_or_below(module, *packages)) {
        packages++;
    }
    return *packages != NULL;
}

uint8_t
naming_traits(const char *module, const char *qualname)
{
    static const char *const own[] = {
        /* These two have their first names until somebody imports importlib. */
        "_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap",
        "importlib._bootstrap_external", "zipimport", "encodings", "site", "sitecustomize",
        "usercustomize", NULL,
    };
    static const char *const of_shutdown[] = {
        "threading", "concurrent.futures", "queue", "weakref", "_weakrefset", NULL,
    };
    static const char *const of_beginning[] = {
        "Thread._bootstrap_inner", "Thread._set_ident", "Thread._set_native_id",
        "Thread._set_tstate_lock", "Event.set", "Condition.__enter__", "Condition.__exit__",
        "Condition.notify_all", "Condition.notify", "Condition._is_owned", NULL,
    };
    static const char *const of_block[] = {"trace.__enter__", "trace.__exit__", NULL};
    /* What a target imports to put a mark, and what a mark is put with. */
    static const char *const of_marks[] = {
        "callgraph_lab", "callgraph_lab.recording", "callgraph_lab.recording.live_format",
        "callgraph_lab.recording.marking", "callgraph_lab.errors", NULL,
    };
    /* They stand between the target's logging or its server and what these call. */
    static const char *const between[] = {
        "callgraph_lab.resources.log_lines", "callgraph_lab.resources.after_import",
        "callgraph_lab.resources.ftp_limits", NULL,
    };
    uint8_t traits = 0;
    if (is_below_one_of(module, own)) {
        traits |= CODE_IS_HOUSEKEEPING;
    }
    if (is_below_one_of(module, of_shutdown)) {
        traits |= CODE_IS_OF_SHUTDOWN;
    }
    if (strcmp(module, "threading") == 0) {
        if (strcmp(qualname, "_shutdown") == 0) {
            traits |= CODE_IS_SHUTDOWN;
        }
        if (strcmp(qualname, "Thread._bootstrap") == 0) {
            traits |= CODE_IS_BEGINNING;
        }
        if (is_one_of(qualname, of_beginning)) {
            traits |= CODE_IS_OF_BEGINNING;
        }
    }
    if (is_module_or_below(module, "callgraph_lab.engines") || is_one_of(module, of_marks) ||
        strcmp(module, "callgraph_lab.resources.ftp_pace") == 0 ||
        strcmp(module, "callgraph_lab.resources.ftp_pause") == 0 ||
        (strcmp(module, "callgraph_lab.api") == 0 && is_one_of(qualname, of_block))) {
        traits |= CODE_IS_OURS;
    }
    if (is_one_of(module, between)) {
        traits |= CODE_IS_PASSED_OVER;
    }
    return traits;
}

static bool
is_name(PyObject *name, PyObject *interned, const char *chars)
{
    /* Names of variables are interned; code made by hand may hold others. */
    return name == interned ||
           (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, chars) == 0);
}

/* Where the object is when a frame is entered. A generator is entered again and again, and may have
 * bound the name by then, or bound it anew: like pycallgraph2, we take what is there each time. */
void
naming_find_variable(PyCodeObject *code, struct code_facts *facts)
{
    facts->source = SOURCE_NONE;
    facts->slot = 0;
    int arguments = code->co_argcount + code->co_kwonlyargcount +
                    !!(code->co_flags & CO_VARARGS) + !!(code->co_flags & CO_VARKEYWORDS);
    if (code->co_flags & RESUMABLE_FLAGS) {
        arguments = code->co_nlocalsplus;
    }
    int slots = code->co_nlocalsplus, first_free = slots - code->co_nfreevars;
    PyObject *names = code->co_localsplusnames;
    if (code->co_argcount > 0) {
        PyObject *first = PyTuple_GET_ITEM(names, 0);
        if (is_name(first, self_name, "self")) {
            facts->source = SOURCE_SELF;
        }
        else if (is_name(first, cls_name, "cls")) {
            facts->source = SOURCE_CLASS;
        }
    }
    for (int index = 0; facts->source == SOURCE_NONE && index < slots; index++) {
        if (index >= UINT16_MAX || (index >= arguments && index < first_free) ||
            !is_name(PyTuple_GET_ITEM(names, index), self_name, "self")) {
            continue;
        }
        facts->source = index >= first_free ? SOURCE_CLOSURE : SOURCE_OTHER_SLOT;
        facts->slot = (uint16_t)(index >= first_free ? index - first_free : index);
    }
}

/* Does a slot have a cell where recording meets the frame? Those of a plain function are made by its first
 * instructions, which are still to come. */
static bool
is_in_cell(PyCodeObject *code, int slot)
{
    return (code->co_flags & RESUMABLE_FLAGS) &&
           (PyBytes_AS_STRING(code->co_localspluskinds)[slot] & CO_FAST_CELL);
}

void
naming_find_source(PyCodeObject *code, struct code_facts *facts)
{
    naming_find_variable(code, facts);
    if (facts->source != SOURCE_NONE && facts->source != SOURCE_CLOSURE &&
        facts->source != SOURCE_CLASS && is_in_cell(code, facts->slot)) {
        facts->source = SOURCE_CELL;
    }
}

PyObject *
naming_module(interpreter_frame *frame)
{
    return string_in(frame_globals(frame), name_key);
}

static PyObject *
inside_cell(PyObject *object)
{
    return object != NULL && PyCell_Check(object) ? PyCell_GET(object) : object;
}

PyObject *
naming_argument(interpreter_frame *frame, PyCodeObject *code, int slot)
{
    PyObject *object = frame_slot(frame, slot);
    return is_in_cell(code, slot) ? inside_cell(object) : object;
}

PyTypeObject *
naming_class_of(interpreter_frame *frame, struct code_facts facts)
{
    PyObject *object = NULL;
    switch ((enum class_source)facts.source) {
    case SOURCE_NONE:
        return NULL;
    case SOURCE_SELF:
    case SOURCE_CLASS:
    case SOURCE_OTHER_SLOT:
        object = frame_slot(frame, facts.slot);
        break;
    case SOURCE_CLOSURE: {
        /* Free variables are copied into the frame by its first instruction, which is still to
         * come. */
        PyFunctionObject *function = frame_function(frame);
        PyObject *closure = function == NULL ? NULL : function->func_closure;
        if (closure != NULL && PyTuple_Check(closure) && facts.slot < PyTuple_GET_SIZE(closure)) {
            object = inside_cell(PyTuple_GET_ITEM(closure, facts.slot));
        }
        break;
    }
    case SOURCE_CELL:
        object = inside_cell(frame_slot(frame, facts.slot));
        break;
    case SOURCE_NOT_CACHED:
        return NULL;
    }
    if (object == NULL) {
        return NULL;
    }
    if (facts.source == SOURCE_CLASS) {
        object = inside_cell(object);
        return object != NULL && PyType_Check(object) ? (PyTypeObject *)object : NULL;
    }
    return Py_TYPE(object);
}

/* Module unless it is the main one or the code comes from no file, class of self, name: so
 * pycallgraph2 would call it. */
void
naming_put_pycallgraph2_name(struct text *text, PyCodeObject *code, PyObject *module,
                             const char *self_class)
{
    text_clear(&scratch);
    text_put_string(&scratch, code->co_filename);
    bool from_file = text_chars(&scratch)[0] != '<';
    text_clear(&scratch);
    text_put_string(&scratch, module);
    const char *module_name = text_chars(&scratch);
    if (from_file && module_name[0] != '\0' && strcmp(module_name, "__main__") != 0) {
        text_put_chars(text, module_name);
        text_put_chars(text, ".");
    }
    if (self_class != NULL) {
        text_put_chars(text, self_class);
        text_put_chars(text, ".");
    }
    text_put_string(text, code->co_name);
}
