#define _GNU_SOURCE 1
#include "c_functions.h"

#include "arena.h"
#include "growing.h"
#include "table.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

struct known_name {
    char *text; /* module, NUL, qualified name */
    size_t bytes;
    uint32_t function;
};

static struct table definitions; /* address of a lasting definition -> its number, from 1 */
static struct table numbers;     /* (number of a definition, class) -> 1 + function */
static struct table names;       /* hash of the text -> 1 + index into known_names */
static struct known_name *known_names;
static uint32_t known_name_count, known_name_capacity;
static struct text scratch;

void
c_functions_stop(void)
{
    table_clear(&definitions);
    table_clear(&numbers);
    table_clear(&names);
    for (uint32_t index = 0; index < known_name_count; index++) {
        free(known_names[index].text);
    }
    free(known_names);
    known_names = NULL;
    known_name_count = known_name_capacity = 0;
}

/* ---- names -------------------------------------------------------------------------------- */

static bool
defines(const PyTypeObject *type, const PyMethodDef *definition)
{
    for (const PyMethodDef *method = type->tp_methods; method != NULL && method->ml_name != NULL;
         method++) {
        if (method == definition) {
            return true;
        }
    }
    return false;
}

/* The class along a method resolution order that has the definition among its own, or NULL. */
static PyTypeObject *
find_definer(PyTypeObject *type, const PyMethodDef *definition)
{
    PyObject *order = type->tp_mro;
    if (order == NULL || !PyTuple_Check(order)) {
        return defines(type, definition) ? type : NULL;
    }
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(order); index++) {
        PyObject *ancestor = PyTuple_GET_ITEM(order, index);
        if (PyType_Check(ancestor) && defines((PyTypeObject *)ancestor, definition)) {
            return (PyTypeObject *)ancestor;
        }
    }
    return NULL;
}

/* The class whose method it is. Python 3.11 tells of a method by the object that it is called on, whose
 * class may be derived; later versions by the class that has it. */
static PyTypeObject *
class_of(const struct c_function *function)
{
    if (function->type == NULL) {
        return NULL;
    }
    PyTypeObject *definer = find_definer(function->type, function->definition);
    if (definer == NULL) {
        definer = find_definer(Py_TYPE(function->type), function->definition);
    }
    bool names_a_module = function->module != NULL && PyUnicode_Check(function->module);
    return definer != NULL || names_a_module ? definer : function->type;
}

/* Into ``scratch``: module, NUL, qualified name. */
static void
put_name(const struct c_function *function)
{
    PyTypeObject *class = class_of(function);
    text_clear(&scratch);
    if (class != NULL) {
        naming_put_class(&scratch, class);
        char *colon = scratch.failed ? NULL : memchr(scratch.bytes, ':', scratch.length);
        if (colon != NULL) {
            *colon = '\0';
        }
        text_put_byte(&scratch, '.');
    }
    else {
        text_put_string(&scratch, function->module);
        text_put_byte(&scratch, '\0');
    }
    text_put_chars(&scratch, function->definition->ml_name);
}

static uint32_t
append(void)
{
    size_t length = scratch.length;
    const char *module = text_chars(&scratch);
    size_t module_length = strlen(module);
    const char *qualname = module_length < length ? module + module_length + 1 : "";
    functions_begin();
    functions_put_chars(module);
    functions_put_chars(qualname);
    for (int field = 2; field < 5; field++) {
        functions_put_chars("");
    }
    struct text *whole = functions_begin_field();
    text_put_chars(whole, module);
    text_put_chars(whole, module_length > 0 ? "." : "");
    text_put_chars(whole, qualname);
    functions_end_field();
    return functions_append(0, FUNCTION_IS_C);
}

/* The function that has the name in ``scratch``. */
static uint32_t
intern(void)
{
    uint64_t found, key = text_hash(&scratch);
    while ((found = table_get(&names, key)) != 0) {
        const struct known_name *known = &known_names[found - 1];
        if (known->bytes == scratch.length &&
            memcmp(known->text, scratch.bytes, scratch.length) == 0) {
            return known->function;
        }
        key = table_next_key(key);
    }
    char *text = text_copy(&scratch);
    if (text == NULL || scratch.failed ||
        !grow_array((void **)&known_names, &known_name_capacity, known_name_count,
                    sizeof(*known_names))) {
        free(text);
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    size_t bytes = scratch.length;
    uint32_t function = append();
    if (function == NO_FUNCTION) {
        free(text);
        return NO_FUNCTION;
    }
    known_names[known_name_count++] = (struct known_name){text, bytes, function};
    if (!table_put(&names, key, known_name_count)) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    return function;
}

/* ---- definitions -------------------------------------------------------------------------- */

/* The number of a definition that lasts; 0: it lies on the heap. */
static uint64_t
number_of(const PyMethodDef *definition)
{
    uint64_t number = table_get(&definitions, (uintptr_t)definition);
    Dl_info library;
    if (number == 0 && dladdr(definition, &library) != 0) {
        number = definitions.count + 1;
        if (!table_put(&definitions, (uintptr_t)definition, number)) {
            return 0;
        }
    }
    return number;
}

uint32_t
c_functions_number(const struct c_function *function, bool *lasting)
{
    uint64_t class = 0, number = number_of(function->definition);
    *lasting = number != 0;
    if (number == 0) {
        put_name(function);
        return intern();
    }
    /* A class that is interned is watched: its address means this class until the generation ends. */
    if (function->type != NULL && (class = registry_class(function->type)) == 0) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    uint64_t key = number << 32 | class;
    uint64_t found = table_get(&numbers, key);
    if (found != 0) {
        return (uint32_t)(found - 1);
    }
    put_name(function);
    uint32_t result = intern();
    if (result != NO_FUNCTION && !table_put(&numbers, key, (uint64_t)result + 1)) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    return result;
}
