#define _GNU_SOURCE 1
#include "charges.h"

#include "clock.h"

#include <time.h>

uint32_t background_label;

static const struct thread *pass_thread; /* that made the first pass */
static uint64_t shutdown_since;

/* ---- time --------------------------------------------------------------------------------- */

static uint64_t
thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
charges_begin(struct thread *thread)
{
    struct thread_watch *state = &thread->watch;
    instance_release(state->charged_instance);
    *state = (struct thread_watch){.passes = state->passes};
    if (background_label != 0) {
        state->charged_action = action_of(background_label);
        charges_begin_child(thread);
    }
}

void
charges_begin_child(struct thread *thread)
{
    if (background_label != 0) {
        thread->watch.charged_ticks = clock_read();
        thread->watch.charged_cpu_ns = thread_cpu_ns();
    }
}

void
charge_now(struct thread *thread, uint64_t now)
{
    struct thread_watch *state = &thread->watch;
    uint64_t cpu_now = thread_cpu_ns();
    uint64_t ticks = now > state->charged_ticks ? now - state->charged_ticks : 0;
    uint64_t cpu_ns = cpu_now > state->charged_cpu_ns ? cpu_now - state->charged_cpu_ns : 0;
    struct action *action = state->charged_action;
    if (action != NULL) {
        STORE(action->record->busy, action->record->busy + ticks);
        STORE(action->record->cpu_ns, action->record->cpu_ns + cpu_ns);
        if (instance_is_open(state->charged_instance)) {
            instance_charge(state->charged_instance, ticks, cpu_ns);
        }
    }
    state->charged_ticks = now;
    state->charged_cpu_ns = cpu_now;
}

void
charge_to(struct thread *thread, struct action *action, struct instance *instance, uint64_t now)
{
    struct thread_watch *state = &thread->watch;
    if (action == NULL) {
        action = action_of(background_label);
    }
    if (state->charged_action == action && state->charged_instance == instance) {
        return;
    }
    charge_now(thread, now);
    instance_keep(instance);
    instance_release(state->charged_instance);
    state->charged_action = action;
    state->charged_instance = instance;
}

/* ---- phases ------------------------------------------------------------------------------- */

static void
enter_phase(struct thread *thread, uint32_t label, uint64_t now)
{
    struct action *former = action_of(background_label);
    background_label = label;
    /* Contexts below background ones are labelled with the phase: none that is cached is right now. */
    registry_generation++;
    if (thread->watch.charged_action == former) {
        charge_to(thread, NULL, NULL, now);
    }
}

void
background_start(void)
{
    background_label = LABEL_STARTUP;
    pass_thread = NULL;
    shutdown_since = 0;
}

void
background_stop(void)
{
    background_label = 0;
}

void
background_pass(struct thread *thread, uint64_t now)
{
    thread->watch.passes++;
    /* A loop that was begun after the shutdown is that of another server. */
    if (background_label == LABEL_STARTUP ||
        (background_label == LABEL_SHUTDOWN && thread->watch.loop_depth > 0 &&
         thread->watch.loop_began > shutdown_since)) {
        pass_thread = thread;
        enter_phase(thread, LABEL_IDLE, now);
    }
}

void
background_loop_begins(struct thread *thread, uint64_t now)
{
    thread->watch.loop_began = now;
}

void
background_loop_ended(struct thread *thread, uint64_t now)
{
    if (thread == pass_thread && background_label == LABEL_IDLE) {
        shutdown_since = now;
        enter_phase(thread, LABEL_SHUTDOWN, now);
    }
}
