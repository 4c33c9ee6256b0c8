/* An array that doubles. */

#ifndef CGLAB_GROWING_H
#define CGLAB_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Make room for one more item; false: no memory, and the array is as before. */
static inline bool
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

#endif
