/* The event map comes into force, goes, and goes on in a forked child. */

#include "watch.h"

#include "calls.h"
#include "clock.h"
#include "event_ring.h"
#include "limits.h"
#include "stalls.h"
#include "threads.h"

#include <stdlib.h>

/* No code of the target runs any more, and nobody else ends the recording: what the main thread did last
 * counts as well. Only stores are made here; the interpreter is gone. */
static void
finish_at_exit(void)
{
    if (tree.session != 0) {
        watch_finish();
    }
}

int
watch_start(void)
{
    static bool is_registered;
    if (!is_registered) {
        is_registered = atexit(finish_at_exit) == 0;
    }
    if (!actions_start()) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    instances_begin(rules.keep_instances);
    events_begin(rules.keep_events);
    limits_make_room();
    stalls_start(rules.stall_ns);
    background_start();
    return 0;
}

void
watch_finish(void)
{
    if (background_label != 0 && current_thread->session == tree.session && !threads_child_is_pending()) {
        charge_now(current_thread, clock_read());
    }
}

void
watch_stop(void)
{
    background_stop();
    sessions_stop();
    instances_end_all();
    actions_stop();
    events_begin(0);
    stalls_stop();
    rules_stop();
}

void
watch_after_fork(void)
{
    if (background_label != 0) {
        instances_after_fork();
    }
}

static void
count_entry(struct open_call *call)
{
    if ((call->node->watch & WATCH_RULES) && call->entry != NULL && call->entry->lane != NULL) {
        call->entry->lane->open_entries++;
    }
}

bool
watch_adopt(struct thread *thread)
{
    if (background_label == 0) {
        return true;
    }
    instances_adopt();
    events_begin(rules.keep_events);
    limits_make_room();
    stalls_adopt();
    sessions_adopt();
    if (!actions_adopt()) {
        return false;
    }
    if (thread != NULL) {
        calls_visit(thread, count_entry);
    }
    actions_give_back();
    return true;
}
