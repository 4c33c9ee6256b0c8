#include "allocators.h"

#include "compat.h"
#include "memory.h"

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
/* Set while we ask whether ours is still called. */
static bool is_probed;

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
    if (UNLIKELY(is_probed) && domain->side == MEMORY_LOCKED) {
        is_probed = false;
        return false;
    }
    if (!__atomic_load_n(&memory_is_counted, __ATOMIC_RELAXED) || uncounted) {
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

static void *
counting_malloc(void *context, size_t size)
{
    const struct domain *domain = context;
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

static void *
counting_calloc(void *context, size_t items, size_t item_bytes)
{
    const struct domain *domain = context;
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

static void
counting_free(void *context, void *address)
{
    const struct domain *domain = context;
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

static void *
counting_realloc(void *context, void *address, size_t size)
{
    const struct domain *domain = context;
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

/* ---- in place or not ---------------------------------------------------------------------------- */

static bool
is_outermost(const struct domain *domain)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domain->number, &now);
    return now.malloc == counting_malloc;
}

/* Are ours called, by Python or by those of another tool that came later? */
static bool
are_in_place(void)
{
    if (is_outermost(&domains[PYMEM_DOMAIN_OBJ])) {
        return true;
    }
    is_probed = true;
    PyObject_Free(PyObject_Malloc(1));
    bool reached = !is_probed;
    is_probed = false;
    return reached;
}

static void
put_in(void)
{
    for (size_t index = 0; index < DOMAINS; index++) {
        struct domain *domain = &domains[index];
        if (!is_outermost(domain)) {
            PyMemAllocatorEx ours = {domain, counting_malloc, counting_calloc, counting_realloc,
                                     counting_free};
            PyMem_GetAllocator(domain->number, &domain->inner);
            PyMem_SetAllocator(domain->number, &ours);
        }
    }
}

void
allocators_install(void)
{
    interpreter = PyInterpreterState_Get();
    if (!are_in_place()) {
        put_in();
    }
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
    if (memory_is_counted && !are_in_place()) {
        put_in();
        arena_remark("the target has put Python's allocators back: memory that was allocated or freed"
                     " since, until this was noticed, is missing");
    }
}
