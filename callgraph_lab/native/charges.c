#define _GNU_SOURCE 1
#include "charges.h"

#include "clock.h"

#include <time.h>

uint32_t background_label;

static const struct thread *pass_thread; /* that made the first pass */
static uint64_t shutdown_since;

/* ---- time --------------------------------------------------------------------------------- */

/* Reading a thread's CPU clock is a system call, dearer than all the rest of an entry. So it is read after
 * this time at the earliest. What an action did since counts as CPU time whole: it hardly waits in so
 * short a time. The background, which is what waits for events, gets what is left over at the next
 * reading: the sum is exact. */
#define CPU_READING_NS 500000u

static uint64_t cpu_reading_ticks;
static double ns_a_tick;

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
        struct thread_watch *state = &thread->watch;
        state->charged_ticks = state->cpu_read_ticks = clock_read();
        state->cpu_read_ns = thread_cpu_ns();
    }
}

static void
add_cpu(struct action *action, struct instance *instance, uint64_t cpu_ns)
{
    STORE(action->record->cpu_ns, action->record->cpu_ns + cpu_ns);
    if (instance_is_open(instance)) {
        instance_charge(instance, 0, cpu_ns);
    }
}

/* Charge the CPU time of what went on until now, which took ``ticks``. */
static void
charge_cpu(struct thread_watch *state, uint64_t now, uint64_t ticks)
{
    bool in_background = label_is_background(state->charged_action->id);
    uint64_t wall_ns = (uint64_t)((double)ticks * ns_a_tick);
    if (now - state->cpu_read_ticks < cpu_reading_ticks) {
        if (!in_background) {
            add_cpu(state->charged_action, state->charged_instance, wall_ns);
            state->cpu_charged_ns += wall_ns;
        }
        return;
    }
    uint64_t read_ns = thread_cpu_ns();
    uint64_t cpu_ns = read_ns - state->cpu_read_ns;
    state->cpu_read_ticks = now;
    state->cpu_read_ns = read_ns;
    if (cpu_ns < state->cpu_charged_ns) {
        state->cpu_charged_ns -= cpu_ns; /* more than there was: it is taken off what comes */
        return;
    }
    cpu_ns -= state->cpu_charged_ns;
    state->cpu_charged_ns = 0;
    if (!in_background) {
        uint64_t own_ns = cpu_ns < wall_ns ? cpu_ns : wall_ns;
        add_cpu(state->charged_action, state->charged_instance, own_ns);
        cpu_ns -= own_ns;
    }
    add_cpu(in_background ? state->charged_action : action_of(background_label), NULL, cpu_ns);
}

void
charge_now(struct thread *thread, uint64_t now)
{
    struct thread_watch *state = &thread->watch;
    struct action *action = state->charged_action;
    /* Clocks of two cores may differ by a few ticks. */
    if (action == NULL || now <= state->charged_ticks) {
        return;
    }
    uint64_t ticks = now - state->charged_ticks;
    STORE(action->record->busy, action->record->busy + ticks);
    if (instance_is_open(state->charged_instance)) {
        instance_charge(state->charged_instance, ticks, 0);
    }
    charge_cpu(state, now, ticks);
    state->charged_ticks = now;
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
    ns_a_tick = 1e9 / (double)clock_ticks_a_second();
    cpu_reading_ticks = (uint64_t)(CPU_READING_NS / ns_a_tick);
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
