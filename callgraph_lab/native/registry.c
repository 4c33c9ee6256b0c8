#include "registry.h"

#include "arena.h"
#include "growing.h"
#include "instances.h"
#include "line_events.h"
#include "line_patterns.h"
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

static struct table codes;            /* address -> packed facts */
static struct table classes;          /* address -> 1 + index into known_classes */
static struct table functions;        /* (code identity, class) -> 1 + function id */
static struct table code_identities;  /* hash of the text -> 1 + identity */
static struct table class_identities; /* likewise -> 1 + class */
static struct known_code *known_codes;
static struct known_class *known_classes;
static uint32_t known_code_count, known_code_capacity;
static uint32_t known_class_count, known_class_capacity;
static uint64_t budget;        /* of functions, and of the names that they are told apart by */
static uint32_t more_function; /* 1 + the one that stands for those past it, or 0 */

/* Number of all classes, and of all code objects, past the budget. */
#define MORE 0xFFFFFFF0u
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
    if (in_our_interpreter()) {
        line_events_forget(code);
    }
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
registry_start(uint64_t most_functions)
{
    budget = most_functions;
    more_function = 0;
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
    functions_stop();
    registry_generation++;
}

/* ---- names -------------------------------------------------------------------------------- */

uint64_t
registry_class(PyTypeObject *type)
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
        key = table_next_key(key);
    }
    if (found == 0 && known_class_count >= budget) {
        found = MORE;
    }
    else if (found == 0) {
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
        key = table_next_key(key);
    }
    if (known_code_count >= budget) {
        return MORE;
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

/* All functions past the budget. Which there were cannot be told without keeping a name of each. */
static uint32_t
function_past_budget(void)
{
    if (more_function == 0) {
        static const char name[] = "<more functions>";
        functions_begin();
        functions_put_chars("");
        functions_put_chars(name);
        for (int field = 2; field < 5; field++) {
            functions_put_chars("");
        }
        functions_put_chars(name);
        uint32_t function = functions_append(0, 0);
        if (function == NO_FUNCTION) {
            return NO_FUNCTION;
        }
        more_function = function + 1;
    }
    arena_note_folded_functions(functions.count);
    return more_function - 1;
}

uint32_t
registry_function(interpreter_frame *frame, PyCodeObject *code, struct code_facts facts,
                  PyTypeObject *type)
{
    uint64_t class_index = 0;
    if (type != NULL) {
        class_index = registry_class(type);
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
    if (facts.identity == MORE - 1 || class_index == MORE || functions.count >= budget) {
        return function_past_budget();
    }
    const struct known_class *known = class_index ? &known_classes[class_index - 1] : NULL;
    PyObject *module = naming_module(frame);
    struct code_facts plain;
    naming_find_variable(code, &plain);
    enum class_source source = plain.source;
    bool of_class = source == SOURCE_SELF || source == SOURCE_CLASS;
    functions_begin();
    functions_put_string(module);
    functions_put_string(code->co_qualname);
    functions_put_string(code->co_filename);
    functions_put_chars(known != NULL && of_class ? known->name : "");
    functions_put_chars(known != NULL && of_class ? known->ancestors : "");
    naming_put_pycallgraph2_name(functions_begin_field(), code, module,
                                 known == NULL || source == SOURCE_CLASS ? NULL : known->own_name);
    functions_end_field();
    uint32_t function = functions_append(code->co_firstlineno, 0);
    if (function == NO_FUNCTION) {
        return NO_FUNCTION;
    }
    bool failed = false;
    text_clear(&scratch);
    text_put_string(&scratch, module);
    text_clear(&second_scratch);
    text_put_string(&second_scratch, code->co_qualname);
    const char *class_name = known != NULL && of_class ? known->name : "";
    const char *ancestors = known != NULL && of_class ? known->ancestors : "";
    functions_set_lines(function, line_patterns_match(text_chars(&scratch),
                                                      text_chars(&second_scratch), class_name,
                                                      ancestors));
    text_clear(&second_scratch);
    text_put_string(&second_scratch, code->co_name);
    struct watch *watch = rules_for(code, text_chars(&second_scratch), text_chars(&scratch),
                                    ancestors, &failed);
    functions_set_watch(function, watch);
    if (failed || !table_put(&functions, key, (uint64_t)function + 1)) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    return function;
}
