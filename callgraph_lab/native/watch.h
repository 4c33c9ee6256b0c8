/* What the event map's rules do when a call is entered and left. The tree asks for the label of a context;
 * the hook tells of calls into contexts that have ``watch`` set, which it does not find in caches. */

#ifndef CGLAB_WATCH_H
#define CGLAB_WATCH_H

#include "charges.h"
#include "rules.h"
#include "sessions.h"

#define MOST_BYTE_PARTS 8

/* What is to be done when a call returns: of an open call, where its node has ``watch``. */
struct entry {
    const struct watch *watch;
    struct instance *instance;     /* that runs from here on, or has run; NULL: background */
    struct instance *outer;        /* that its caller runs in */
    struct action *action;         /* what from here on time is charged to; NULL: the background */
    struct action *outer_action;   /* what it is charged to afterwards */
    struct label *lane;            /* that is entered, or NULL */
    struct instance *ending;       /* that ends at its return */
    struct instance *until;        /* that waited for its return */
    PyObject *self;                /* held, where it is to be read at the return */
    struct text text;              /* fields of sensors that fire at the return, one after the other */
    PyGenObject *generator;        /* of which this is one entry; held by who resumes it */
    uint64_t bytes[MOST_BYTE_PARTS];
    bool starts;                   /* it is the starting call of the instance */
    bool is_loop, is_pass;
    uint8_t phases;                /* of the instance that it has entered, a bit each */
    struct entry *next_free;
};

/* Take the map over, when the live file is open; -1: an exception is set. */
int watch_start(void);
void watch_stop(void);
/* Before watch_stop, while the file is still there: what has been going on counts. */
void watch_finish(void);
void watch_after_fork(void);
bool watch_adopt(struct thread *thread);

/* The label of a child that is being entered; 0: no room, errno says why. */
uint32_t watch_label(struct thread *thread, const struct node *parent, uint32_t function,
                     interpreter_frame *frame, PyCodeObject *code);
void watch_entered(struct thread *thread, struct open_call *call);
void watch_left(struct thread *thread, struct open_call *call, uint64_t now);

/* The call will not be told of any more: only stores are made. What it holds is released later, which may run
 * code of the target. */
void watch_abandon(struct open_call *call);
void watch_release_abandoned(void);

/* The parts of watch_label and watch_entered (watch_actions.c, watch_reports.c). */
struct instance *watch_current(struct thread *thread, uint32_t label);
bool watch_choose(struct thread *thread, struct entry *entry, uint32_t *label,
                  const struct reading *reading, bool first);
void watch_report_entry(struct open_call *call, struct entry *entry);
void watch_report_exit(struct open_call *call, struct entry *entry, uint64_t now);
struct reading watch_reading(interpreter_frame *frame, const struct entry *entry);

#endif
