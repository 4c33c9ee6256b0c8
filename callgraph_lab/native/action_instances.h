/* Instances: one action of one session each, from its beginning to its end, with a record in a ring of the
 * live file. (instances.c is about objects of classes on 3.13, which is another matter.) */

#ifndef CGLAB_ACTION_INSTANCES_H
#define CGLAB_ACTION_INSTANCES_H

#include "actions.h"
#include "rules.h"

struct session;

struct instance {
    struct instance *previous, *next; /* of all there are */
    struct session *session;          /* may be NULL */
    struct action *action;
    struct label *label;
    const struct rule *rule; /* that started it */
    struct instance_record *record; /* in the file, or ``own`` where it has none there */
    struct instance_record own;
    uint64_t serial;
    uint64_t begin;
    uint64_t last_pass;
    const struct thread *last_thread;
    uint32_t uses;
    bool open;
    bool starting; /* the call that started it has not returned */
    bool kept;     /* to be kept open after that */
    bool waiting;  /* for another call of the session */
    bool ending;   /* a call is open that ends it */
    bool shown;    /* has a serial, and a record if there was room */
    bool inherited;
    uint32_t calls_in_phase[PHASES]; /* that are open */
};

void instances_begin(uint64_t keep);
void instances_end_all(void);
/* Right after a fork, in the child: the records in the file are still there, but those of the parent. */
void instances_after_fork(void);
/* When the child has a file of its own. */
void instances_adopt(void);

/* A new one, open. NULL: no room, errno says why. */
struct instance *instance_new(struct action *action, struct session *session,
                              const struct rule *rule, uint32_t thread_index, const char *detail,
                              size_t detail_bytes);
/* Both do nothing for NULL. */
void instance_keep(struct instance *instance);
void instance_release(struct instance *instance);
bool instance_is_open(const struct instance *instance);
struct session *instance_session(const struct instance *instance);
/* Something enters it: a child of a fork begins to show what it inherited. */
void instance_serve(struct instance *instance, const struct thread *thread);
void instance_charge(struct instance *instance, uint64_t ticks, uint64_t cpu_ns);
/* The detail that its start had none of. */
bool instance_has_detail(const struct instance *instance);
void instance_detail(struct instance *instance, const char *detail, size_t bytes);
void instance_reply(struct instance *instance, const char *text);
/* A call of a phase begins, or (not ``first``) a generator goes on; false: in a phase that has not begun. */
bool instance_enter_phase(struct instance *instance, uint32_t phase, bool first, uint64_t now);
/* A call that entered it returns, or is suspended. */
void instance_leave_phase(struct instance *instance, uint32_t phase, uint64_t now);
void instance_add_bytes(struct instance *instance, uint64_t bytes);
void instance_note_late_work(struct instance *instance);
void instance_end(struct instance *instance, uint64_t now, uint32_t flags);
/* Its lane is not kept any more: its record may be overwritten. */
void instance_is_not_kept(struct instance *instance);

#endif
