/* What rules read from a call that is entered: arguments and plain values of objects. Nothing here runs
 * code of the target, makes an object or keeps one. */

#ifndef CGLAB_SOURCES_H
#define CGLAB_SOURCES_H

#include "compat.h"
#include "text.h"

#define MOST_NAMES_OF_A_SOURCE 8

enum source_kind {
    FROM_NOTHING = 0,
    FROM_ARGUMENT,
    FROM_ATTRIBUTE,
    FROM_ITEM,
    FROM_LITERAL,
    FROM_STAR,
    FROM_ACTION,
    FROM_DETAIL,
    FROM_SESSION,
    FROM_CURRENT,
};

struct source {
    enum source_kind kind;
    PyObject *names[MOST_NAMES_OF_A_SOURCE]; /* an argument, then attributes: interned, owned */
    int name_count;
    Py_ssize_t index;
    char *literal;
};

/* Where a source is read: at a call's entry, or (no frame) at its exit, of self only. */
struct reading {
    interpreter_frame *frame;
    PyCodeObject *code;
    PyObject *self;
    const char *star;
    const char *action;
    const char *detail;
    size_t detail_bytes;
    uint64_t session;
};

int sources_start(void);
/* Fill in a source from a list such as ["attribute", "self", "path"]; -1: an exception is set. */
int source_parse(struct source *source, PyObject *list);
void source_free(struct source *source);

/* Does it begin at self, so that it can be read at the exit as well? */
bool source_is_of_self(const struct source *source);
/* Does the code have the argument that the source begins at? */
bool source_has_argument(const struct source *source, PyCodeObject *code);
PyObject *source_object(const struct source *source, const struct reading *reading);
/* Append a str as UTF-8, an int in digits; false, and nothing: anything else. */
bool source_put_text(struct text *text, const struct source *source, const struct reading *reading);
bool source_number(const struct source *source, const struct reading *reading, uint64_t *number);

#endif
