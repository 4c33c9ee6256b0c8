#include "stalls.h"

#include "clock.h"
#include "event_ring.h"
#include "table.h"

#include <stdlib.h>

/* The callees of a context that is a pass. What they took so far is known when the pass begins. */
struct pass {
    struct callee {
        struct node *node;
        uint64_t ticks;
    } *callees;
    uint32_t count, capacity;
};

static struct table passes; /* node -> struct pass */
static uint64_t threshold_ticks;

void
stalls_start(uint64_t threshold_ns)
{
    threshold_ticks = 0;
    tree.long_call_ticks = clock_ticks_a_second() / 1000;
    if (threshold_ns != 0) {
        double ticks = (double)threshold_ns * (double)clock_ticks_a_second() / 1e9;
        threshold_ticks = ticks < 2 ? 2 : (uint64_t)ticks;
        tree.long_call_ticks = threshold_ticks / 2;
    }
}

void
stalls_adopt(void)
{
    for (uint64_t place = 0; passes.slots != NULL && place <= passes.mask; place++) {
        struct pass *pass = (struct pass *)(uintptr_t)passes.slots[place].value;
        if (pass != NULL) {
            free(pass->callees);
            free(pass);
        }
    }
    table_clear(&passes);
}

void
stalls_stop(void)
{
    stalls_adopt();
    threshold_ticks = 0;
    tree.long_call_ticks = clock_ticks_a_second() / 1000;
}

static struct pass *
pass_of(const struct node *node)
{
    return (struct pass *)(uintptr_t)table_get(&passes, (uintptr_t)node);
}

void
stalls_note_child(const struct node *parent, struct node *child)
{
    struct pass *pass = threshold_ticks == 0 ? NULL : pass_of(parent);
    if (pass == NULL) {
        return;
    }
    if (pass->count == pass->capacity) {
        uint32_t larger = pass->capacity ? pass->capacity * 2 : 16;
        struct callee *grown = realloc(pass->callees, larger * sizeof(*grown));
        if (grown == NULL) {
            return;
        }
        pass->callees = grown;
        pass->capacity = larger;
    }
    pass->callees[pass->count++] = (struct callee){child, 0};
}

void
stalls_pass_begins(struct thread *thread, struct open_call *call)
{
    if (threshold_ticks == 0) {
        return;
    }
    struct pass *pass = pass_of(call->node);
    if (pass == NULL) {
        /* Entered for the first time, so it has no callees yet. */
        pass = calloc(1, sizeof(*pass));
        if (pass == NULL || !table_put(&passes, (uintptr_t)call->node, (uintptr_t)pass)) {
            free(pass);
            return;
        }
    }
    for (uint32_t index = 0; index < pass->count; index++) {
        pass->callees[index].ticks = pass->callees[index].node->record->ticks;
    }
    thread->watch.long_call_ticks = 0;
}

void
stalls_note_call(struct thread *thread, const struct open_call *call, uint64_t ticks)
{
    struct thread_watch *state = &thread->watch;
    /* Those around it return later. */
    if (state->pass_call != NULL && state->pass_call != call && state->long_call_ticks == 0) {
        state->long_call_ticks = ticks;
        state->long_call_context = call->node->id;
    }
}

void
stalls_pass_ended(struct thread *thread, struct open_call *call, uint64_t now)
{
    struct pass *pass = threshold_ticks == 0 ? NULL : pass_of(call->node);
    uint64_t together = 0, longest = 0;
    uint32_t context = NO_CONTEXT;
    for (uint32_t index = 0; pass != NULL && index < pass->count; index++) {
        const struct callee *callee = &pass->callees[index];
        uint64_t ticks = callee->node->record->ticks - callee->ticks;
        together += ticks;
        if (ticks > longest) {
            longest = ticks;
            context = callee->node->id;
        }
    }
    if (pass == NULL || together <= threshold_ticks) {
        return;
    }
    if (thread->watch.long_call_ticks != 0) {
        longest = thread->watch.long_call_ticks;
        context = thread->watch.long_call_context;
    }
    struct text nothing = {0};
    event_put(SENSOR_STALLED, now, longest, NULL, NULL, context, &nothing);
}
