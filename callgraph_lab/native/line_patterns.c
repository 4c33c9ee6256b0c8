#include "line_patterns.h"

#include "text.h"

#include <string.h>

/* callgraph_lab/filtering/globs.py says what a glob means; this must mean the same, without making an
 * object in the target. */

static char **patterns;
static Py_ssize_t pattern_count;
static struct text name;

int
line_patterns_start(PyObject *sequence)
{
    PyObject *items = PySequence_Fast(sequence, "lines must be a sequence of str");
    if (items == NULL) {
        return -1;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items);
    patterns = calloc((size_t)count + 1, sizeof(*patterns));
    for (Py_ssize_t index = 0; patterns != NULL && index < count; index++) {
        const char *chars = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(items, index));
        if (chars == NULL || (patterns[index] = strdup(chars)) == NULL) {
            break;
        }
        pattern_count = index + 1;
    }
    Py_DECREF(items);
    if (patterns == NULL || pattern_count < count) {
        line_patterns_stop();
        return PyErr_Occurred() ? -1 : (PyErr_NoMemory(), -1);
    }
    return 0;
}

void
line_patterns_stop(void)
{
    for (Py_ssize_t index = 0; index < pattern_count; index++) {
        free(patterns[index]);
    }
    free(patterns);
    patterns = NULL;
    pattern_count = 0;
}

bool
line_patterns_exist(void)
{
    return pattern_count > 0;
}

/* ---- one glob ----------------------------------------------------------------------------- */

static uint32_t
take_character(const char **place)
{
    const unsigned char *bytes = (const unsigned char *)*place;
    uint32_t character = bytes[0];
    int more = bytes[0] >= 0xF0 ? 3 : bytes[0] >= 0xE0 ? 2 : bytes[0] >= 0xC0 ? 1 : 0;
    if (more > 0) {
        character &= 0x3Fu >> more;
    }
    int taken = 1;
    for (; taken <= more && (bytes[taken] & 0xC0) == 0x80; taken++) {
        character = character << 6 | (bytes[taken] & 0x3F);
    }
    *place += taken;
    return character;
}

/* Where the set that begins behind ``[`` ends; NULL: it does not, and the bracket is one. */
static const char *
end_of_set(const char *set)
{
    set += *set == '!';
    set += *set == ']';
    return strchr(set, ']');
}

static bool
is_in_set(uint32_t character, const char *set, const char *end)
{
    bool negated = *set == '!', found = false;
    set += negated;
    while (set < end) {
        uint32_t first = take_character(&set), last = first;
        if (set + 1 < end && *set == '-') {
            set++;
            last = take_character(&set);
        }
        found |= first <= character && character <= last;
    }
    return found != negated;
}

static bool
glob_matches(const char *glob, const char *text, const char *end)
{
    const char *behind_star = NULL, *retry = NULL;
    for (;;) {
        if (*glob == '*') {
            behind_star = ++glob;
            retry = text;
            continue;
        }
        if (*glob == '\0' && text == end) {
            return true;
        }
        bool fits = false;
        if (*glob != '\0' && text < end) {
            const char *set_end = *glob == '[' ? end_of_set(glob + 1) : NULL;
            uint32_t character = take_character(&text);
            if (set_end != NULL) {
                fits = is_in_set(character, glob + 1, set_end);
                glob = set_end + 1;
            }
            else {
                uint32_t wanted = take_character(&glob);
                fits = wanted == '?' || wanted == character;
            }
        }
        if (!fits) {
            if (behind_star == NULL || retry == end) {
                return false;
            }
            take_character(&retry);
            text = retry;
            glob = behind_star;
        }
    }
}

/* A glob that names a module or a class stands for all that is in it, but not one that names a function
 * for what is local to that. */
static bool
finds(const char *glob, const char *text)
{
    static const char local[] = ".<locals>";
    for (const char *end = strchr(text, '.'); end != NULL; end = strchr(end + 1, '.')) {
        if (strncmp(end, local, sizeof(local) - 1) != 0 && glob_matches(glob, text, end)) {
            return true;
        }
    }
    return glob_matches(glob, text, text + strlen(text));
}

/* ---- names -------------------------------------------------------------------------------- */

static const char *
own_name_of(const char *qualname)
{
    const char *dot = strrchr(qualname, '.');
    return dot == NULL ? qualname : dot + 1;
}

/* Where a class is local to a function, its own name alone will do. */
static const char *
behind_locals(const char *qualname, const char *end)
{
    static const char local[] = "<locals>.";
    const char *found = qualname;
    while ((qualname = strstr(qualname, local)) != NULL && qualname < end) {
        qualname += sizeof(local) - 1;
        found = qualname;
    }
    return found;
}

static void
begin_name(const char *module)
{
    text_clear(&name);
    text_put_chars(&name, module);
    if (*module != '\0') {
        text_put_byte(&name, '.');
    }
}

static bool
is_found(void)
{
    const char *chars = text_chars(&name);
    for (Py_ssize_t index = 0; index < pattern_count; index++) {
        if (finds(patterns[index], chars)) {
            return true;
        }
    }
    return false;
}

static void
put_method(const char *class, const char *class_end, const char *own_name)
{
    text_put_bytes(&name, class, (size_t)(class_end - class));
    text_put_byte(&name, '.');
    text_put_chars(&name, own_name);
}

/* Is it, by its qualified name, in the body of a class? */
static bool
has_holder(const char *qualname, const char *own_name)
{
    static const char local[] = "<locals>.";
    const size_t length = sizeof(local) - 1;
    size_t before = (size_t)(own_name - qualname);
    return before > 0 && (before < length || memcmp(own_name - length, local, length) != 0);
}

/* By the class of self and the function's module, where another class's body holds the function. */
static bool
is_found_by_class(const char *module, const char *qualname, const char *class_name,
                  const char *own_name)
{
    const char *class = strrchr(class_name, ':');
    if (class == NULL || !has_holder(qualname, own_name)) {
        return false;
    }
    class++;
    begin_name(module);
    put_method(class, class + strlen(class), own_name);
    return is_found();
}

static bool
is_found_by_holder(const char *qualname, const char *own_name)
{
    if (!has_holder(qualname, own_name)) {
        return false;
    }
    const char *holder = behind_locals(qualname, own_name);
    text_clear(&name);
    put_method(holder, own_name - 1, own_name);
    return is_found();
}

/* A glob that finds an ancestor's method under whatever class speaks of the module alone: it does not mean
 * what classes of other modules have inherited. */
static bool
is_found_by_ancestor(const char *module, const char *module_end, const char *class,
                     const char *class_end, const char *own_name)
{
    for (Py_ssize_t index = 0; index < pattern_count; index++) {
        text_clear(&name);
        text_put_bytes(&name, module, (size_t)(module_end - module));
        text_put_byte(&name, '.');
        put_method(class, class_end, own_name);
        if (!finds(patterns[index], text_chars(&name))) {
            continue;
        }
        text_clear(&name);
        text_put_bytes(&name, module, (size_t)(module_end - module));
        text_put_chars(&name, ".\x01."); /* no class's name */
        text_put_chars(&name, own_name);
        if (!finds(patterns[index], text_chars(&name))) {
            return true;
        }
    }
    return false;
}

static bool
is_found_by_ancestors(const char *ancestors, const char *own_name)
{
    for (int with_module = 0; with_module < 2; with_module++) {
        const char *line = ancestors;
        while (*line != '\0') {
            const char *end = line + strcspn(line, "\n");
            const char *colon = memrchr(line, ':', (size_t)(end - line));
            const char *class = colon == NULL ? line : colon + 1;
            if (with_module == 0) {
                const char *own_class = behind_locals(class, end);
                text_clear(&name);
                put_method(own_class, end, own_name);
                if (is_found()) {
                    return true;
                }
            }
            else if (colon != NULL && colon > line &&
                     is_found_by_ancestor(line, colon, class, end, own_name)) {
                return true;
            }
            line = end + (*end == '\n');
        }
    }
    return false;
}

bool
line_patterns_match(const char *module, const char *qualname, const char *class_name,
                    const char *ancestors)
{
    if (pattern_count == 0) {
        return false;
    }
    const char *own_name = own_name_of(qualname);
    begin_name(module);
    text_put_chars(&name, qualname);
    return is_found() || is_found_by_class(module, qualname, class_name, own_name) ||
           is_found_by_holder(qualname, own_name) ||
           is_found_by_ancestors(*ancestors != '\0' ? ancestors : class_name, own_name);
}
