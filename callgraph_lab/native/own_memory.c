#define _GNU_SOURCE 1
#include "own_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define POOL_BYTES ((size_t)64 * 1024)
#define ALIGNMENT 64u

struct area {
    struct area *next;
    void *pages;
    size_t size;
};

static struct area *areas;
static char *pool;
static size_t pool_left;

void
own_memory_include(void *pages, size_t size)
{
    for (struct area *area = areas; area != NULL; area = area->next) {
        if (area->pages == pages) {
            return;
        }
    }
    struct area *area = malloc(sizeof(*area));
    if (area == NULL) {
        return;
    }
    *area = (struct area){areas, pages, size};
    if (madvise(pages, size, MADV_WIPEONFORK) != 0) {
        free(area); /* before Linux 4.14, or larger pages than ours */
        return;
    }
    /* Whole at every moment: C code may fork without the interpreter lock. */
    __atomic_store_n(&areas, area, __ATOMIC_RELEASE);
}

void *
own_memory_allocate(size_t size)
{
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > pool_left) {
        void *pages = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) {
            return NULL;
        }
        own_memory_include(pages, POOL_BYTES);
        pool = pages;
        pool_left = POOL_BYTES;
    }
    void *place = pool;
    pool += size;
    pool_left -= size;
    return place;
}

static void
advise(int advice)
{
    for (struct area *area = areas; area != NULL; area = area->next) {
        madvise(area->pages, area->size, advice);
    }
}

void
own_memory_before_fork(void)
{
    advise(MADV_KEEPONFORK);
}

void
own_memory_after_fork(void)
{
    advise(MADV_WIPEONFORK);
}
