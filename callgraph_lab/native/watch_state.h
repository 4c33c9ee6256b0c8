/* What the event map's rules need to know of a thread. */

#ifndef CGLAB_WATCH_STATE_H
#define CGLAB_WATCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct action;
struct entry;
struct instance;
struct open_call;

struct thread_watch {
    struct entry *pending; /* of the call that is being entered */
    struct action *charged_action; /* whom the thread's time goes to, since: */
    struct instance *charged_instance;
    uint64_t charged_ticks;
    uint64_t cpu_read_ticks; /* when the thread's CPU clock was read, and what it said */
    uint64_t cpu_read_ns;
    uint64_t cpu_charged_ns; /* of what it will say next, how much has been charged already */
    uint64_t passes; /* of the event loop */
    uint64_t loop_began;
    uint32_t loop_depth;
    struct open_call *pass_call; /* the outermost pass that is open */
    uint64_t long_call_ticks; /* of the first call in it that took long, 0: none yet */
    uint32_t long_call_context;
};

#endif
