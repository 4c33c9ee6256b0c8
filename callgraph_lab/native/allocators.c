#include "allocators.h"

#include "compat.h"
#include "memory.h"
#include "tree.h"

struct domain {
    PyMemAllocatorEx inner;
    PyMemAllocatorDomain number;
    enum memory_side side;
};

static struct domain domains[] = {
    {.number = PYMEM_DOMAIN_RAW, .side = MEMORY_RAW},
    {.number = PYMEM_DOMAIN_MEM, .side = MEMORY_LOCKED},
    {.number = PYMEM_DOMAIN_OBJ, .side = MEMORY_LOCKED},
};
#define DOMAINS (sizeof(domains) / sizeof(domains[0]))

static PyInterpreterState *interpreter;
/* Why a thread's blocks are not counted for a moment. While an allocator is being asked, what it passes on to
 * another domain is one block, not two. And what is ours and not the target's is left out. */
enum uncounted { COUNTED = 0, PASSED_ON, LEFT_OUT };
static _Thread_local enum uncounted uncounted __attribute__((tls_model("initial-exec")));
/* Set while we ask whether those of a domain are still called, by the thread that asks. */
static _Thread_local const struct domain *probed __attribute__((tls_model("initial-exec")));

/* ---- what stands in for Python's ------------------------------------------------------------- */

/* Other interpreters may have a lock of their own, and are not recorded. */
static inline bool
is_recorded_interpreter(void)
{
    PyThreadState *thread_state = current_thread_state();
    return LIKELY(thread_state != NULL) && LIKELY(thread_state->interp == interpreter);
}

/* May what is listed of the domain be looked at? */
static inline bool
is_counted(const struct domain *domain)
{
    if (UNLIKELY(probed == domain)) {
        probed = NULL;
        return false;
    }
    if (!__atomic_load_n(&tree.counts_memory, __ATOMIC_RELAXED) || uncounted) {
        return false;
    }
    return domain->side == MEMORY_RAW || is_recorded_interpreter();
}

/* Is a block to be listed that is allocated now? Without the interpreter lock a thread is of none. */
static inline bool
counts(const struct domain *domain)
{
    return is_counted(domain) && (domain->side == MEMORY_LOCKED ||
                                  current_thread_state() == NULL || is_recorded_interpreter());
}

static inline void *
counting_malloc(const struct domain *domain, size_t size)
{
    const PyMemAllocatorEx *inner = &domain->inner;
    if (!counts(domain)) {
        return inner->malloc(inner->ctx, size);
    }
    uncounted = PASSED_ON;
    void *address = inner->malloc(inner->ctx, size);
    uncounted = COUNTED;
    if (LIKELY(address != NULL)) {
        memory_charge(domain->side, address, size);
    }
    return address;
}

static inline void *
counting_calloc(const struct domain *domain, size_t items, size_t item_bytes)
{
    const PyMemAllocatorEx *inner = &domain->inner;
    if (!counts(domain)) {
        return inner->calloc(inner->ctx, items, item_bytes);
    }
    uncounted = PASSED_ON;
    void *address = inner->calloc(inner->ctx, items, item_bytes);
    uncounted = COUNTED;
    if (LIKELY(address != NULL)) {
        memory_charge(domain->side, address, (uint64_t)items * item_bytes);
    }
    return address;
}

static inline void
counting_free(const struct domain *domain, void *address)
{
    const PyMemAllocatorEx *inner = &domain->inner;
    struct block block;
    if (UNLIKELY(uncounted == LEFT_OUT)) {
        memory_forget(domain->side, address);
    }
    if (address == NULL || !is_counted(domain) || !memory_take(domain->side, address, &block)) {
        /* One that is not known may be of the domain that this one passes on to. */
        inner->free(inner->ctx, address);
        return;
    }
    memory_charge_end(domain->side, block);
    uncounted = PASSED_ON;
    inner->free(inner->ctx, address);
    uncounted = COUNTED;
}

/* A block of the target's that we make larger or smaller goes on being its own, at its former size. */
static void *
realloc_left_out(const struct domain *domain, void *address, size_t size)
{
    const PyMemAllocatorEx *inner = &domain->inner;
    struct block block;
    bool is_known = address != NULL && memory_take(domain->side, address, &block);
    void *moved = inner->realloc(inner->ctx, address, size);
    if (is_known) {
        memory_put_back(domain->side, moved == NULL ? address : moved, block);
    }
    return moved;
}

static inline void *
counting_realloc(const struct domain *domain, void *address, size_t size)
{
    const PyMemAllocatorEx *inner = &domain->inner;
    if (!counts(domain)) {
        return UNLIKELY(uncounted == LEFT_OUT) ? realloc_left_out(domain, address, size)
                                               : inner->realloc(inner->ctx, address, size);
    }
    struct block block;
    bool is_known = address != NULL && memory_take(domain->side, address, &block);
    uncounted = PASSED_ON;
    void *moved = inner->realloc(inner->ctx, address, size);
    uncounted = COUNTED;
    if (UNLIKELY(moved == NULL)) {
        if (is_known) {
            memory_put_back(domain->side, address, block);
        }
        return NULL;
    }
    if (is_known) {
        memory_charge_end(domain->side, block);
    }
    memory_charge(domain->side, moved, size);
    return moved;
}

/* Python reads the function and its context one after the other, in threads without the interpreter lock as
 * well: where both were exchanged, one could get that of the other. So each domain has functions of its own, and
 * the context stays that of whom they stand for. */
#define STAND_INS(NAME, NUMBER)                                                                     \
    static void *NAME##_malloc(void *context, size_t size)                                          \
    {                                                                                               \
        (void)context;                                                                              \
        return counting_malloc(&domains[NUMBER], size);                                             \
    }                                                                                               \
    static void *NAME##_calloc(void *context, size_t items, size_t item_bytes)                      \
    {                                                                                               \
        (void)context;                                                                              \
        return counting_calloc(&domains[NUMBER], items, item_bytes);                                \
    }                                                                                               \
    static void *NAME##_realloc(void *context, void *address, size_t size)                          \
    {                                                                                               \
        (void)context;                                                                              \
        return counting_realloc(&domains[NUMBER], address, size);                                   \
    }                                                                                               \
    static void NAME##_free(void *context, void *address)                                           \
    {                                                                                               \
        (void)context;                                                                              \
        counting_free(&domains[NUMBER], address);                                                   \
    }

STAND_INS(raw, PYMEM_DOMAIN_RAW)
STAND_INS(mem, PYMEM_DOMAIN_MEM)
STAND_INS(object, PYMEM_DOMAIN_OBJ)

static const PyMemAllocatorEx stand_ins[DOMAINS] = {
    {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    {NULL, object_malloc, object_calloc, object_realloc, object_free},
};

/* ---- in place or not ---------------------------------------------------------------------------- */

static bool
is_outermost(const struct domain *domain)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domain->number, &now);
    return now.malloc == stand_ins[domain->number].malloc;
}

/* Are ours called, by Python or by those of another tool that came later? Asked of each domain: a tool may have
 * wrapped one of them only, and ours put in above it would be called by it. */
static bool
is_in_place(const struct domain *domain)
{
    if (is_outermost(domain)) {
        return true;
    }
    probed = domain;
    switch (domain->number) {
    case PYMEM_DOMAIN_RAW:
        PyMem_RawFree(PyMem_RawMalloc(1));
        break;
    case PYMEM_DOMAIN_MEM:
        PyMem_Free(PyMem_Malloc(1));
        break;
    case PYMEM_DOMAIN_OBJ:
        PyObject_Free(PyObject_Malloc(1));
        break;
    }
    bool is_reached = probed == NULL;
    probed = NULL;
    return is_reached;
}

/* True: one was not there. */
static bool
put_in(void)
{
    bool was_missing = false;
    for (size_t index = 0; index < DOMAINS; index++) {
        struct domain *domain = &domains[index];
        if (!is_in_place(domain)) {
            PyMemAllocatorEx ours = stand_ins[index];
            PyMem_GetAllocator(domain->number, &domain->inner);
            ours.ctx = domain->inner.ctx;
            PyMem_SetAllocator(domain->number, &ours);
            was_missing = true;
        }
    }
    return was_missing;
}

void
allocators_install(void)
{
    interpreter = PyInterpreterState_Get();
    put_in();
}

void
allocators_remove(void)
{
    for (size_t index = 0; index < DOMAINS; index++) {
        if (is_outermost(&domains[index])) {
            PyMem_SetAllocator(domains[index].number, &domains[index].inner);
        }
    }
}

void
allocators_leave_out(bool left_out)
{
    uncounted = left_out ? LEFT_OUT : COUNTED;
}

void
allocators_look_after(void)
{
    if (tree.counts_memory && put_in()) {
        arena_remark("the target has put Python's allocators back: memory that was allocated or freed"
                     " since, until this was noticed, is missing");
    }
}
