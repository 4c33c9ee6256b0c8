/* A growing piece of UTF-8 text, written from Python strings without making Python objects. */

#ifndef CGLAB_TEXT_H
#define CGLAB_TEXT_H

#include "compat.h"

struct text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool failed; /* no memory: what is there is not all */
};

void text_clear(struct text *text);
void text_put_bytes(struct text *text, const char *bytes, size_t length);
void text_put_byte(struct text *text, char byte);
void text_put_chars(struct text *text, const char *chars);
/* A str (NULL and anything else: nothing). Lone surrogates become question marks. */
void text_put_string(struct text *text, PyObject *string);
/* The text as C characters, ended by NUL (up to the first NUL in it). */
const char *text_chars(struct text *text);
char *text_copy(struct text *text);
/* Never 0. */
uint64_t text_hash(const struct text *text);
/* How many bytes are left of a text that is cut, between two characters, where it is longer than that. */
size_t text_bytes_within(const char *bytes, size_t length, size_t longest);
/* A field is a 32-bit length and that many bytes; too long a one is cut between characters. */
size_t text_begin_field(struct text *text);
void text_end_field(struct text *text, size_t start, size_t longest);

#endif
