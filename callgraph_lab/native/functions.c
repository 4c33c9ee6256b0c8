#include "functions.h"

#include "arena.h"
#include "growing.h"
#include "rules.h"

#include <errno.h>
#include <string.h>

struct known_function {
    char *record; /* as it stands in the file of this process, or in the parent's */
    uint32_t number_in_file;
    struct watch *watch; /* the event map's rules for it, or NULL */
    bool is_c;
    bool has_lines; /* they are counted */
};

static struct known_function *known_functions;
static uint32_t function_count, function_capacity;
static uint32_t functions_in_file;

static struct block_header *block; /* the functions block that is being filled */
static size_t block_used;
static struct text record; /* the one that is being put together, behind room for its head */
static size_t field_start;

void
functions_stop(void)
{
    for (uint32_t index = 0; index < function_count; index++) {
        watch_free(known_functions[index].watch);
    }
    free(known_functions);
    known_functions = NULL;
    function_count = function_capacity = functions_in_file = 0;
    block = NULL;
    block_used = 0;
}

void
functions_begin_child(void)
{
    for (uint32_t index = 0; index < function_count; index++) {
        known_functions[index].number_in_file = NO_FUNCTION;
    }
    functions_in_file = 0;
    block = NULL;
    block_used = 0;
}

void
functions_set_watch(uint32_t function, struct watch *watch)
{
    known_functions[function].watch = watch;
}

const struct watch *
functions_watch(uint32_t function)
{
    return known_functions[function].watch;
}

bool
functions_is_c(uint32_t function)
{
    return known_functions[function].is_c;
}

void
functions_set_lines(uint32_t function, bool counted)
{
    known_functions[function].has_lines = counted;
}

bool
functions_have_lines(uint32_t function)
{
    return known_functions[function].has_lines;
}

uint32_t
functions_count(void)
{
    return functions_in_file;
}

void
functions_begin(void)
{
    text_clear(&record);
    text_put_bytes(&record, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

struct text *
functions_begin_field(void)
{
    field_start = text_begin_field(&record);
    return &record;
}

void
functions_end_field(void)
{
    text_end_field(&record, field_start, LONGEST_STRING_BYTES);
}

void
functions_put_string(PyObject *string)
{
    text_put_string(functions_begin_field(), string);
    functions_end_field();
}

void
functions_put_chars(const char *chars)
{
    text_put_chars(functions_begin_field(), chars);
    functions_end_field();
}

/* Put a record into the file. Its place, or NULL. */
static char *
write_record(const char *bytes, size_t size)
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
    memcpy(place, bytes, size);
    memcpy(place + sizeof(uint32_t), &functions_in_file, sizeof(functions_in_file));
    block_used += size;
    functions_in_file++;
    PUBLISH(block->used, block_used);
    return place;
}

uint32_t
functions_append(int line, uint32_t flags)
{
    while (record.length % 8 != 0) {
        text_put_byte(&record, '\0');
    }
    if (record.failed || !grow_array((void **)&known_functions, &function_capacity, function_count,
                                     sizeof(*known_functions))) {
        errno = ENOMEM;
        return NO_FUNCTION;
    }
    uint32_t head[4] = {(uint32_t)record.length, 0, (uint32_t)line, flags};
    memcpy(record.bytes, head, sizeof(head));
    char *place = write_record(record.bytes, record.length);
    if (place == NULL) {
        return NO_FUNCTION;
    }
    known_functions[function_count] = (struct known_function){
        .record = place,
        .number_in_file = functions_in_file - 1,
        .is_c = (flags & FUNCTION_IS_C) != 0,
    };
    return function_count++;
}

uint32_t
functions_append_thread(const char *name)
{
    functions_begin();
    functions_put_chars("");
    functions_put_chars(name);
    for (int field = 2; field < 6; field++) {
        functions_put_chars("");
    }
    return functions_append(0, FUNCTION_IS_THREAD);
}

uint32_t
functions_number_in_file(uint32_t function)
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
