#include "small_blocks.h"

#include <stdlib.h>

#define PAGE_SHIFT 12
#define LEVEL_BITS 12
#define LEVEL_ITEMS (1u << LEVEL_BITS)
#define LEVEL_MASK (LEVEL_ITEMS - 1)
#define FEWEST_SLOTS 4u

/* A slot: 42 bits of the record's address, 10 of the size, 9 of the place in the page; 0: free. */
#define PLACE_BITS 9
#define PLACE_MASK (((uint64_t)1 << PLACE_BITS) - 1)
#define RECORD_SHIFT 22
#define SIZE_MASK (((uint64_t)1 << (RECORD_SHIFT - PLACE_BITS)) - 1)

struct page {
    uint32_t size;
    uint32_t count;
    uint64_t slots[];
};

/* 48 bits of an address less those within a page, in three steps. */
struct leaf {
    struct page *pages[LEVEL_ITEMS];
};
struct branch {
    struct leaf *leaves[LEVEL_ITEMS];
};

static struct branch *branches[LEVEL_ITEMS];
static struct blocks_extent extent;

/* Blocks of a page are spread over its slots as they are over the page: those of one size do not meet. */
static inline uint32_t
home_of(const struct page *page, uint64_t place)
{
    return (uint32_t)(place * page->size >> PLACE_BITS);
}

static inline uint32_t
behind(const struct page *page, uint32_t index)
{
    return index + 1 == page->size ? 0 : index + 1;
}

static inline uint64_t
place_of(const void *address)
{
    return (uint64_t)(uintptr_t)address >> 3 & PLACE_MASK;
}

static inline struct block
block_in(uint64_t slot)
{
    return (struct block){
        .size = slot >> PLACE_BITS & SIZE_MASK,
        .record = (struct memory_record *)(uintptr_t)(slot >> RECORD_SHIFT << 6),
    };
}

static inline struct page **
find_page(const void *address)
{
    uint64_t number = (uint64_t)(uintptr_t)address >> PAGE_SHIFT;
    struct branch *branch = branches[number >> 2 * LEVEL_BITS & LEVEL_MASK];
    struct leaf *leaf =
        branch == NULL ? NULL : branch->leaves[number >> LEVEL_BITS & LEVEL_MASK];
    return leaf == NULL ? NULL : &leaf->pages[number & LEVEL_MASK];
}

/* The one that is there, or another; NULL: no memory. */
static void *
made(void *there, size_t bytes)
{
    if (there == NULL && (there = calloc(1, bytes)) != NULL) {
        extent.bytes += bytes;
    }
    return there;
}

static struct page **
make_leaf(const void *address)
{
    uint64_t number = (uint64_t)(uintptr_t)address >> PAGE_SHIFT;
    struct branch **branch = &branches[number >> 2 * LEVEL_BITS & LEVEL_MASK];
    if ((*branch = made(*branch, sizeof(**branch))) == NULL) {
        return NULL;
    }
    struct leaf **leaf = &(*branch)->leaves[number >> LEVEL_BITS & LEVEL_MASK];
    if ((*leaf = made(*leaf, sizeof(**leaf))) == NULL) {
        return NULL;
    }
    return &(*leaf)->pages[number & LEVEL_MASK];
}

static uint64_t
bytes_of(uint32_t size)
{
    return sizeof(struct page) + size * sizeof(uint64_t);
}

/* By a half: a block takes twelve bytes where the page has just grown, and its share of the page. */
static struct page *
grow(struct page *page)
{
    uint32_t old_size = page == NULL ? 0 : page->size;
    uint32_t size = old_size == 0 ? FEWEST_SLOTS : old_size + old_size / 2;
    struct page *larger = calloc(1, bytes_of(size));
    if (larger == NULL) {
        return NULL;
    }
    larger->size = size;
    for (uint32_t index = 0; index < old_size; index++) {
        uint64_t slot = page->slots[index];
        if (slot != 0) {
            uint32_t place = home_of(larger, slot & PLACE_MASK);
            while (larger->slots[place] != 0) {
                place = behind(larger, place);
            }
            larger->slots[place] = slot;
        }
    }
    larger->count = page == NULL ? 0 : page->count;
    extent.bytes += bytes_of(size) - (page == NULL ? 0 : bytes_of(old_size));
    free(page);
    return larger;
}

bool
small_blocks_put(const void *address, struct block block, struct block *former)
{
    struct page **found = find_page(address);
    former->record = NULL;
    if (found == NULL && (found = make_leaf(address)) == NULL) {
        return false;
    }
    struct page *page = *found;
    /* One slot in eight stays free: searches end there. */
    if (page == NULL || (page->count + 1) * 8 > page->size * 7) {
        page = grow(page);
        if (page == NULL) {
            return false;
        }
        *found = page;
    }
    uint64_t place = place_of(address);
    uint32_t index = home_of(page, place);
    while (page->slots[index] != 0) {
        if ((page->slots[index] & PLACE_MASK) == place) {
            *former = block_in(page->slots[index]);
            page->count--;
            extent.blocks--;
            break;
        }
        index = behind(page, index);
    }
    page->count++;
    extent.blocks++;
    page->slots[index] = (uint64_t)(uintptr_t)block.record >> 6 << RECORD_SHIFT |
                         block.size << PLACE_BITS | place;
    return true;
}

bool
small_blocks_take(const void *address, struct block *block)
{
    struct page **found = find_page(address);
    struct page *page = found == NULL ? NULL : *found;
    if (page == NULL) {
        return false;
    }
    uint64_t place = place_of(address);
    uint32_t hole = home_of(page, place);
    for (; page->slots[hole] == 0 || (page->slots[hole] & PLACE_MASK) != place;
         hole = behind(page, hole)) {
        if (page->slots[hole] == 0) {
            return false;
        }
    }
    *block = block_in(page->slots[hole]);
    /* Move later ones of the same run back, so that no marker of a removed one is needed. */
    for (uint32_t next = behind(page, hole); page->slots[next] != 0; next = behind(page, next)) {
        uint32_t home = home_of(page, page->slots[next] & PLACE_MASK);
        uint32_t from_home = next >= home ? next - home : next + page->size - home;
        uint32_t from_hole = next >= hole ? next - hole : next + page->size - hole;
        if (from_home >= from_hole) {
            page->slots[hole] = page->slots[next];
            hole = next;
        }
    }
    page->slots[hole] = 0;
    page->count--;
    extent.blocks--;
    return true;
}

struct blocks_extent
small_blocks_measure(void)
{
    return extent;
}

void
small_blocks_clear(void)
{
    for (uint32_t first = 0; first < LEVEL_ITEMS; first++) {
        struct branch *branch = branches[first];
        for (uint32_t second = 0; branch != NULL && second < LEVEL_ITEMS; second++) {
            struct leaf *leaf = branch->leaves[second];
            for (uint32_t third = 0; leaf != NULL && third < LEVEL_ITEMS; third++) {
                free(leaf->pages[third]);
            }
            free(leaf);
        }
        free(branch);
        branches[first] = NULL;
    }
    extent = (struct blocks_extent){0, 0};
}
