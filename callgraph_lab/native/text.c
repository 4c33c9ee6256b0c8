#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SURROGATE_ESCAPE_BYTES 6

void
text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
}

static bool
reserve(struct text *text, size_t more)
{
    if (text->length + more <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity ? text->capacity : 1024;
    while (capacity < text->length + more) {
        capacity *= 2;
    }
    char *grown = realloc(text->bytes, capacity);
    if (grown == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

void
text_put_bytes(struct text *text, const char *bytes, size_t length)
{
    if (reserve(text, length)) {
        memcpy(text->bytes + text->length, bytes, length);
        text->length += length;
    }
}

void
text_put_byte(struct text *text, char byte)
{
    text_put_bytes(text, &byte, 1);
}

void
text_put_chars(struct text *text, const char *chars)
{
    text_put_bytes(text, chars, strlen(chars));
}

/* Write ``\udXXX`` at ``place`` and return its length. */
static size_t
put_surrogate_escape(unsigned char *place, Py_UCS4 character)
{
    static const char digits[] = "0123456789abcdef";
    place[0] = '\\';
    place[1] = 'u';
    for (int digit = 0; digit < 4; digit++) {
        place[2 + digit] = (unsigned char)digits[character >> (12 - 4 * digit) & 0xF];
    }
    return SURROGATE_ESCAPE_BYTES;
}

void
text_put_string(struct text *text, PyObject *string)
{
    if (string == NULL || !PyUnicode_Check(string)) {
        return;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (!PyUnicode_IS_READY(string)) {
        return; /* making it ready could raise; names of code and classes always are */
    }
#endif
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (PyUnicode_IS_ASCII(string)) {
        text_put_bytes(text, (const char *)PyUnicode_1BYTE_DATA(string), (size_t)length);
        return;
    }
    int kind = PyUnicode_KIND(string);
    const void *data = PyUnicode_DATA(string);
    if (!reserve(text, (size_t)length * SURROGATE_ESCAPE_BYTES)) {
        return;
    }
    unsigned char *place = (unsigned char *)text->bytes + text->length;
    for (Py_ssize_t index = 0; index < length; index++) {
        Py_UCS4 character = PyUnicode_READ(kind, data, index);
        if (character >= 0xD800 && character <= 0xDFFF) {
            /* UTF-8 cannot carry a lone surrogate: its escape can be read, as with "backslashreplace". */
            place += put_surrogate_escape(place, character);
        }
        else if (character < 0x80) {
            *place++ = (unsigned char)character;
        }
        else if (character < 0x800) {
            *place++ = (unsigned char)(0xC0 | character >> 6);
            *place++ = (unsigned char)(0x80 | (character & 0x3F));
        }
        else if (character < 0x10000) {
            *place++ = (unsigned char)(0xE0 | character >> 12);
            *place++ = (unsigned char)(0x80 | (character >> 6 & 0x3F));
            *place++ = (unsigned char)(0x80 | (character & 0x3F));
        }
        else {
            *place++ = (unsigned char)(0xF0 | character >> 18);
            *place++ = (unsigned char)(0x80 | (character >> 12 & 0x3F));
            *place++ = (unsigned char)(0x80 | (character >> 6 & 0x3F));
            *place++ = (unsigned char)(0x80 | (character & 0x3F));
        }
    }
    text->length = (size_t)((char *)place - text->bytes);
}

const char *
text_chars(struct text *text)
{
    if (!reserve(text, 1)) {
        return "";
    }
    text->bytes[text->length] = '\0';
    return text->bytes;
}

char *
text_copy(struct text *text)
{
    char *copy = malloc(text->length + 1);
    if (copy != NULL) {
        if (text->length != 0) {
            memcpy(copy, text->bytes, text->length);
        }
        copy[text->length] = '\0';
    }
    return copy;
}

uint64_t
text_hash(const struct text *text)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t index = 0; index < text->length; index++) {
        hash = (hash ^ (unsigned char)text->bytes[index]) * 1099511628211u;
    }
    return hash ? hash : 1;
}

size_t
text_bytes_within(const char *bytes, size_t length, size_t longest)
{
    if (length <= longest) {
        return length;
    }
    while (longest > 0 && ((unsigned char)bytes[longest] & 0xC0) == 0x80) {
        longest--;
    }
    return longest;
}

size_t
text_begin_field(struct text *text)
{
    text_put_bytes(text, "\0\0\0", sizeof(uint32_t));
    return text->length;
}

void
text_end_field(struct text *text, size_t start, size_t longest)
{
    if (text->failed) {
        return;
    }
    uint32_t length =
        (uint32_t)text_bytes_within(text->bytes + start, text->length - start, longest);
    text->length = start + length;
    memcpy(text->bytes + start - sizeof(length), &length, sizeof(length));
}
