#include "registry.h"

#include "arena.h"
#include "instances.h"
#include "rules.h"
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

struct known_function {
    char *record; /* as it stands in the file of this process, or in the parent's */
    uint32_t number_in_file;
    struct watch *watch; /* the event map's rules for it, or NULL */
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
static struct known_function *known_functions;
static uint32_t function_count, function_capacity;
static uint32_t functions_in_file;

static struct block_header *block; /* the functions block that is being filled */
static size_t block_used;
static struct text scratch, second_scratch;

static destructor original_code_dealloc;
static destructor original_type_dealloc;
static PyInterpreterState *interpreter;

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
    if (naming_start() != 0) {
        return -1;
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
    for (uint32_t index = 0; index < function_count; index++) {
        watch_free(known_functions[index].watch);
    }
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
    naming_put_class(&scratch, type);
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
        naming_put_ancestors(&scratch, type);
        known->ancestors = text_copy(&scratch);
        text_clear(&scratch);
        naming_put_own_name(&scratch, type);
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
        PyObject *module = naming_module(frame);
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
        facts->traits = naming_traits(text_chars(&scratch), text_chars(&second_scratch));
        naming_find_source(code, facts);
        memcpy(&packed, facts, sizeof(packed));
        if (!table_put(&codes, (uintptr_t)code, packed)) {
            errno = ENOMEM;
            return false;
        }
    }
    memcpy(facts, &packed, sizeof(packed));
    return true;
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
    known_functions[function_count] = (struct known_function){place, functions_in_file - 1, NULL};
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
    PyObject *module = naming_module(frame);
    struct code_facts plain;
    naming_find_variable(code, &plain);
    enum class_source source = plain.source;
    bool of_class = source == SOURCE_SELF || source == SOURCE_CLASS;
    begin_function();
    put_field_string(module);
    put_field_string(code->co_qualname);
    put_field_string(code->co_filename);
    put_field_chars(known != NULL && of_class ? known->name : "");
    put_field_chars(known != NULL && of_class ? known->ancestors : "");
    size_t start = text_begin_field(&scratch);
    naming_put_pycallgraph2_name(&scratch, code, module,
                                 known == NULL || source == SOURCE_CLASS ? NULL : known->own_name);
    text_end_field(&scratch, start, LONGEST_STRING_BYTES);
    uint32_t function = append_function(code->co_firstlineno, 0);
    if (function == NO_FUNCTION) {
        return NO_FUNCTION;
    }
    bool failed = false;
    text_clear(&scratch);
    text_put_string(&scratch, module);
    text_clear(&second_scratch);
    text_put_string(&second_scratch, code->co_name);
    known_functions[function].watch =
        rules_for(code, text_chars(&second_scratch), text_chars(&scratch),
                  known != NULL && of_class ? known->ancestors : "", &failed);
    if (failed || !table_put(&functions, key, (uint64_t)function + 1)) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    return function;
}

const struct watch *
registry_watch(uint32_t function)
{
    return known_functions[function].watch;
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
