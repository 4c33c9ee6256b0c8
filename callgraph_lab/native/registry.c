#include "registry.h"

#include "arena.h"
#include "instances.h"
#include "table.h"
#include "text.h"

#include <errno.h>
#include <string.h>

uint32_t registry_generation = 1;

/* A name that was seen: the text that identifies it, and what belongs to it. */
struct known_class {
    char *name;      /* module:qualname */
    char *ancestors; /* the same of every class along its MRO, joined by newlines */
    char *own_name;  /* what type.__name__ says */
};

struct known_code {
    char *identity; /* everything below, ended by NULs: what makes two code objects one */
    size_t identity_bytes;
};

static struct table codes;            /* address -> packed facts */
static struct table classes;          /* address -> 1 + index into known_classes */
static struct table functions;        /* (code identity, class) -> 1 + function id */
static struct table code_identities;  /* hash of the text -> 1 + identity */
static struct table class_identities; /* likewise -> 1 + class */
static struct known_code *known_codes;
static struct known_class *known_classes;
static uint32_t known_code_count, known_code_capacity;
static uint32_t known_class_count, known_class_capacity;
struct known_function {
    char *record; /* as it stands in the file of this process, or in the parent's */
    uint32_t number_in_file;
};

static struct known_function *known_functions;
static uint32_t function_count, function_capacity;
static uint32_t functions_in_file;

static struct block_header *block; /* the functions block that is being filled */
static size_t block_used;
static struct text scratch, second_scratch;

static destructor original_code_dealloc;
static destructor original_type_dealloc;
static PyInterpreterState *interpreter;
static PyObject *module_key, *name_key, *self_name, *cls_name;

/* ---- addresses that are freed ------------------------------------------------------------- */

static bool
in_our_interpreter(void)
{
    PyThreadState *state = current_thread_state();
    return state != NULL && state->interp == interpreter;
}

static void
forget(struct table *table, PyObject *object)
{
    if (table->count != 0 && in_our_interpreter() && table_get(table, (uintptr_t)object) != 0) {
        table_remove(table, (uintptr_t)object);
        registry_generation++;
    }
}

static void
code_dealloc(PyObject *code)
{
    forget(&codes, code);
    original_code_dealloc(code);
}

static void
type_dealloc(PyObject *type)
{
    forget(&classes, type);
    original_type_dealloc(type);
}

/* A class is freed through its metaclass. Python's metaclasses get to type's own slot by
 * themselves; one written in C may have copied the slot when it was made. */
static void
watch_metatype(PyTypeObject *metatype)
{
    if (metatype->tp_dealloc == original_type_dealloc) {
        metatype->tp_dealloc = type_dealloc;
    }
}

static void
watch_type(PyTypeObject *type)
{
    for (PyTypeObject *metatype = Py_TYPE(type); metatype != NULL; metatype = metatype->tp_base) {
        watch_metatype(metatype);
    }
}

int
registry_start(void)
{
    if (module_key == NULL) {
        module_key = PyUnicode_InternFromString("__module__");
        name_key = PyUnicode_InternFromString("__name__");
        self_name = PyUnicode_InternFromString("self");
        cls_name = PyUnicode_InternFromString("cls");
        if (!module_key || !name_key || !self_name || !cls_name) {
            return -1;
        }
    }
    interpreter = PyThreadState_Get()->interp;
    if (original_code_dealloc == NULL) {
        /* Never undone: somebody else may have wrapped the slots after us. */
        original_code_dealloc = PyCode_Type.tp_dealloc;
        PyCode_Type.tp_dealloc = code_dealloc;
        original_type_dealloc = PyType_Type.tp_dealloc;
        PyType_Type.tp_dealloc = type_dealloc;
    }
    return 0;
}

void
registry_stop(void)
{
    table_clear(&codes);
    table_clear(&classes);
    table_clear(&functions);
    table_clear(&code_identities);
    table_clear(&class_identities);
    for (uint32_t index = 0; index < known_code_count; index++) {
        free(known_codes[index].identity);
    }
    for (uint32_t index = 0; index < known_class_count; index++) {
        free(known_classes[index].name);
        free(known_classes[index].ancestors);
        free(known_classes[index].own_name);
    }
    free(known_codes);
    free(known_classes);
    known_codes = NULL;
    known_classes = NULL;
    known_code_count = known_code_capacity = known_class_count = known_class_capacity = 0;
    free(known_functions);
    known_functions = NULL;
    function_count = function_capacity = functions_in_file = 0;
    block = NULL;
    block_used = 0;
    registry_generation++;
}

void
registry_begin_child(void)
{
    for (uint32_t index = 0; index < function_count; index++) {
        known_functions[index].number_in_file = NO_FUNCTION;
    }
    functions_in_file = 0;
    block = NULL;
    block_used = 0;
}

uint32_t
registry_function_count(void)
{
    return functions_in_file;
}

/* ---- names -------------------------------------------------------------------------------- */

static bool
grow_array(void **array, uint32_t *capacity, uint32_t count, size_t item_bytes)
{
    if (count < *capacity) {
        return true;
    }
    uint32_t larger = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*array, larger * item_bytes);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = larger;
    return true;
}

static PyObject *
string_in(PyObject *dictionary, PyObject *key)
{
    if (dictionary == NULL || !PyDict_Check(dictionary)) {
        return NULL;
    }
    PyObject *value = PyDict_GetItemWithError(dictionary, key);
    return value != NULL && PyUnicode_Check(value) ? value : NULL;
}

/* Append ``module:qualname`` of a class. */
static void
put_class_name(struct text *text, PyTypeObject *type)
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

static void
put_own_class_name(struct text *text, PyTypeObject *type)
{
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        text_put_string(text, ((PyHeapTypeObject *)type)->ht_name);
        return;
    }
    const char *dot = strrchr(type->tp_name, '.');
    text_put_chars(text, dot != NULL ? dot + 1 : type->tp_name);
}

static void
put_ancestors(struct text *text, PyTypeObject *type)
{
    PyObject *order = type->tp_mro;
    if (order == NULL || !PyTuple_Check(order)) {
        put_class_name(text, type);
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
        put_class_name(text, ancestor);
    }
}

/* The key under which a text is looked for; on a clash of hashes the next one is tried. */
static uint64_t
next_key(uint64_t key)
{
    return key * 6364136223846793005u + 1442695040888963407u;
}

/* 1 + the index of a class in known_classes; 0: no memory. */
static uint64_t
intern_class(PyTypeObject *type)
{
    uint64_t found = table_get(&classes, (uintptr_t)type);
    if (found != 0) {
        return found;
    }
    text_clear(&scratch);
    put_class_name(&scratch, type);
    uint64_t key = text_hash(&scratch);
    while ((found = table_get(&class_identities, key)) != 0 &&
           strcmp(known_classes[found - 1].name, text_chars(&scratch)) != 0) {
        key = next_key(key);
    }
    if (found == 0) {
        if (!grow_array((void **)&known_classes, &known_class_capacity, known_class_count,
                        sizeof(*known_classes))) {
            return 0;
        }
        struct known_class *known = &known_classes[known_class_count];
        known->name = text_copy(&scratch);
        text_clear(&scratch);
        put_ancestors(&scratch, type);
        known->ancestors = text_copy(&scratch);
        text_clear(&scratch);
        put_own_class_name(&scratch, type);
        known->own_name = text_copy(&scratch);
        if (!known->name || !known->ancestors || !known->own_name) {
            return 0;
        }
        found = ++known_class_count;
        if (!table_put(&class_identities, key, found)) {
            return 0;
        }
    }
    watch_type(type);
    instances_note_type(type);
    return table_put(&classes, (uintptr_t)type, found) ? found : 0;
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

static uint8_t
traits_of(const char *module, const char *qualname)
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
    if (is_module_or_below(module, "callgraph_lab.engines") ||
        (strcmp(module, "callgraph_lab.api") == 0 && is_one_of(qualname, of_block))) {
        traits |= CODE_IS_OURS;
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
static void
find_variable(PyCodeObject *code, struct code_facts *facts)
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

static void
find_source(PyCodeObject *code, struct code_facts *facts)
{
    find_variable(code, facts);
    /* The cells of a plain function are made by its first instructions, which are still to come. */
    if ((code->co_flags & RESUMABLE_FLAGS) && facts->source != SOURCE_NONE &&
        facts->source != SOURCE_CLOSURE && facts->source != SOURCE_CLASS &&
        (PyBytes_AS_STRING(code->co_localspluskinds)[facts->slot] & CO_FAST_CELL)) {
        facts->source = SOURCE_CELL;
    }
}

/* The module of a frame: __name__ of its globals. */
static PyObject *
module_of(interpreter_frame *frame)
{
    return string_in(frame_globals(frame), name_key);
}

/* 1 + the identity of a code object; 0: no memory. */
static uint64_t
intern_code(PyCodeObject *code, PyObject *module)
{
    text_clear(&scratch);
    text_put_string(&scratch, code->co_filename);
    text_put_byte(&scratch, '\0');
    text_put_string(&scratch, code->co_qualname);
    text_put_byte(&scratch, '\0');
    text_put_string(&scratch, code->co_name);
    text_put_byte(&scratch, '\0');
    text_put_string(&scratch, module);
    text_put_bytes(&scratch, (const char *)&code->co_firstlineno, sizeof(code->co_firstlineno));
    uint64_t found, key = text_hash(&scratch);
    while ((found = table_get(&code_identities, key)) != 0) {
        struct known_code *known = &known_codes[found - 1];
        if (known->identity_bytes == scratch.length &&
            memcmp(known->identity, scratch.bytes, scratch.length) == 0) {
            return found;
        }
        key = next_key(key);
    }
    if (!grow_array((void **)&known_codes, &known_code_capacity, known_code_count,
                    sizeof(*known_codes))) {
        return 0;
    }
    struct known_code *known = &known_codes[known_code_count];
    known->identity = text_copy(&scratch);
    known->identity_bytes = scratch.length;
    if (known->identity == NULL || scratch.failed) {
        free(known->identity);
        return 0;
    }
    found = ++known_code_count;
    return table_put(&code_identities, key, found) ? found : 0;
}

_Static_assert(sizeof(struct code_facts) == sizeof(uint64_t), "facts are packed into a value");

bool
registry_code(interpreter_frame *frame, PyCodeObject *code, struct code_facts *facts)
{
    uint64_t packed = table_get(&codes, (uintptr_t)code);
    if (packed == 0) {
        PyObject *module = module_of(frame);
        uint64_t identity = intern_code(code, module);
        if (identity == 0) {
            errno = ENOMEM;
            return false;
        }
        facts->identity = (uint32_t)(identity - 1);
        text_clear(&scratch);
        text_put_string(&scratch, module);
        text_clear(&second_scratch);
        text_put_string(&second_scratch, code->co_qualname);
        facts->traits = traits_of(text_chars(&scratch), text_chars(&second_scratch));
        find_source(code, facts);
        memcpy(&packed, facts, sizeof(packed));
        if (!table_put(&codes, (uintptr_t)code, packed)) {
            errno = ENOMEM;
            return false;
        }
    }
    memcpy(facts, &packed, sizeof(packed));
    return true;
}

static PyObject *
inside_cell(PyObject *object)
{
    return object != NULL && PyCell_Check(object) ? PyCell_GET(object) : object;
}

PyTypeObject *
registry_class_of(interpreter_frame *frame, struct code_facts facts)
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

/* ---- functions ---------------------------------------------------------------------------- */

/* Put a record into the file. Its place, or NULL. */
static char *
write_record(const char *record, size_t size)
{
    size_t room = block == NULL ? 0 : block->size - sizeof(*block) - block_used;
    if (room < size) {
        size_t wanted = functions_in_file < 100 ? 16 * 1024 : 128 * 1024;
        wanted -= sizeof(*block);
        struct block_header *fresh =
            arena_append(BLOCK_FUNCTIONS, size > wanted ? size : wanted, 0, 0);
        if (fresh == NULL) {
            return NULL;
        }
        block = fresh;
        block_used = 0;
    }
    char *place = (char *)(block + 1) + block_used;
    memcpy(place, record, size);
    memcpy(place + sizeof(uint32_t), &functions_in_file, sizeof(functions_in_file));
    block_used += size;
    functions_in_file++;
    PUBLISH(block->used, block_used);
    return place;
}

/* Append the record that stands in ``scratch`` behind room for its head. */
static uint32_t
append_function(int line, uint32_t flags)
{
    while (scratch.length % 8 != 0) {
        text_put_byte(&scratch, '\0');
    }
    if (scratch.failed || !grow_array((void **)&known_functions, &function_capacity, function_count,
                                      sizeof(*known_functions))) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    uint32_t head[4] = {(uint32_t)scratch.length, 0, (uint32_t)line, flags};
    memcpy(scratch.bytes, head, sizeof(head));
    char *place = write_record(scratch.bytes, scratch.length);
    if (place == NULL) {
        return NO_FUNCTION;
    }
    known_functions[function_count] = (struct known_function){place, functions_in_file - 1};
    return function_count++;
}

uint32_t
registry_number_in_file(uint32_t function)
{
    struct known_function *known = &known_functions[function];
    if (known->number_in_file == NO_FUNCTION) {
        uint32_t size;
        memcpy(&size, known->record, sizeof(size));
        char *place = write_record(known->record, size);
        if (place == NULL) {
            return NO_FUNCTION;
        }
        known->record = place;
        known->number_in_file = functions_in_file - 1;
    }
    return known->number_in_file;
}

static void
begin_function(void)
{
    text_clear(&scratch);
    text_put_bytes(&scratch, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void
put_field_string(PyObject *string)
{
    size_t start = text_begin_field(&scratch);
    text_put_string(&scratch, string);
    text_end_field(&scratch, start, LONGEST_STRING_BYTES);
}

static void
put_field_chars(const char *chars)
{
    size_t start = text_begin_field(&scratch);
    text_put_chars(&scratch, chars);
    text_end_field(&scratch, start, LONGEST_STRING_BYTES);
}

/* Module unless it is the main one or the code comes from no file, class of self, name: so
 * pycallgraph2 would call it. */
static void
put_pycallgraph2_name(PyCodeObject *code, PyObject *module, const struct known_class *self_class)
{
    size_t start = text_begin_field(&scratch);
    text_clear(&second_scratch);
    text_put_string(&second_scratch, code->co_filename);
    bool from_file = text_chars(&second_scratch)[0] != '<';
    text_clear(&second_scratch);
    text_put_string(&second_scratch, module);
    const char *module_name = text_chars(&second_scratch);
    if (from_file && module_name[0] != '\0' && strcmp(module_name, "__main__") != 0) {
        text_put_chars(&scratch, module_name);
        text_put_chars(&scratch, ".");
    }
    if (self_class != NULL) {
        text_put_chars(&scratch, self_class->own_name);
        text_put_chars(&scratch, ".");
    }
    text_put_string(&scratch, code->co_name);
    text_end_field(&scratch, start, LONGEST_STRING_BYTES);
}

uint32_t
registry_function(interpreter_frame *frame, PyCodeObject *code, struct code_facts facts,
                  PyTypeObject *type)
{
    uint64_t class_index = 0;
    if (type != NULL) {
        class_index = intern_class(type);
        if (class_index == 0) {
            errno = ENOMEM;
            return NO_FUNCTION;
        }
    }
    uint64_t key = ((uint64_t)facts.identity + 1) << 32 | class_index;
    uint64_t found = table_get(&functions, key);
    if (found != 0) {
        return (uint32_t)(found - 1);
    }
    const struct known_class *known = class_index ? &known_classes[class_index - 1] : NULL;
    PyObject *module = module_of(frame);
    struct code_facts plain;
    find_variable(code, &plain);
    enum class_source source = plain.source;
    bool of_class = source == SOURCE_SELF || source == SOURCE_CLASS;
    begin_function();
    put_field_string(module);
    put_field_string(code->co_qualname);
    put_field_string(code->co_filename);
    put_field_chars(known != NULL && of_class ? known->name : "");
    put_field_chars(known != NULL && of_class ? known->ancestors : "");
    put_pycallgraph2_name(code, module, source == SOURCE_CLASS ? NULL : known);
    uint32_t function = append_function(code->co_firstlineno, 0);
    if (function != NO_FUNCTION && !table_put(&functions, key, (uint64_t)function + 1)) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    return function;
}

uint32_t
registry_thread_function(const char *name)
{
    begin_function();
    put_field_chars("");
    put_field_chars(name);
    for (int field = 2; field < 6; field++) {
        put_field_chars("");
    }
    return append_function(0, FUNCTION_IS_THREAD);
}
