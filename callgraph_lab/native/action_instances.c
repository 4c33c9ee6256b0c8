#include "action_instances.h"

#include "clock.h"
#include "heap_actions.h"
#include "instance_ring.h"
#include "sessions.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static struct instance *all;
static uint64_t last_serial;

void
instances_begin(uint64_t keep_instances)
{
    instance_ring_begin(keep_instances);
    last_serial = 0;
}

void
instances_end_all(void)
{
    while (all != NULL) {
        struct instance *instance = all;
        all = instance->next;
        free(instance);
    }
    instance_ring_end();
}

/* ---- records ------------------------------------------------------------------------------ */

static void
show(struct instance *instance)
{
    if (instance->shown) {
        return;
    }
    instance->shown = true;
    instance->serial = ++last_serial;
    struct instance_record *record = instance_ring_take();
    if (record != NULL) {
        size_t serial_bytes = sizeof(record->serial);
        memcpy((char *)record + serial_bytes, (char *)&instance->own + serial_bytes,
               sizeof(*record) - serial_bytes);
        PUBLISH(record->serial, instance->serial);
        instance->record = record;
    }
    lane_show_instance(instance->label, instance->serial);
}

/* ---- beginning and end -------------------------------------------------------------------- */

static void
cut_detail(struct instance_record *record, const char *detail, size_t bytes)
{
    bytes = text_bytes_within(detail, bytes, INSTANCE_DETAIL_BYTES);
    memcpy(record->detail, detail, bytes);
    PUBLISH(record->detail_bytes, (uint32_t)bytes);
}

struct instance *
instance_new(struct action *action, struct session *session, const struct rule *rule,
             uint32_t thread_index, const char *detail, size_t detail_bytes)
{
    struct instance *instance = calloc(1, sizeof(*instance));
    if (instance == NULL) {
        return NULL;
    }
    instance->action = action;
    instance->rule = rule;
    instance->record = &instance->own;
    instance->open = true;
    instance->uses = 1;
    instance->label = lane_take(action, instance);
    if (instance->label == NULL) {
        free(instance);
        return NULL;
    }
    instance->next = all;
    if (all != NULL) {
        all->previous = instance;
    }
    all = instance;
    instance->session = session;
    session_keep(session);
    instance->begin = clock_read();
    instance->own.begin = instance->begin;
    instance->own.session = session == NULL ? 0 : session->id;
    instance->own.action = action->id;
    instance->own.label = instance->label->id;
    instance->own.thread = thread_index;
    cut_detail(&instance->own, detail, detail_bytes);
    show(instance);
    STORE(action->record->count, action->record->count + 1);
    if (session != NULL && !session_has_had(session, action->id)) {
        session_note(session, action->id);
        STORE(action->record->sessions, action->record->sessions + 1);
    }
    return instance;
}

void
instance_keep(struct instance *instance)
{
    if (instance != NULL) {
        instance->uses++;
    }
}

void
instance_release(struct instance *instance)
{
    if (instance == NULL || --instance->uses > 0) {
        return;
    }
    *(instance->previous == NULL ? &all : &instance->previous->next) = instance->next;
    if (instance->next != NULL) {
        instance->next->previous = instance->previous;
    }
    session_release(instance->session);
    free(instance);
}

void
instance_end(struct instance *instance, uint64_t now, uint32_t flags)
{
    if (!instance->open) {
        return;
    }
    show(instance);
    instance->open = instance->kept = instance->waiting = false;
    struct instance_record *record = instance->record;
    uint64_t duration = now > instance->begin ? now - instance->begin : 0;
    STORE(record->flags, record->flags | flags);
    PUBLISH(record->end, now > instance->begin ? now : instance->begin + 1);
    struct action_record *totals = instance->action->record;
    if (!instance->inherited) {
        STORE(totals->duration, totals->duration + duration);
        PUBLISH(totals->ended, totals->ended + 1);
    }
    if (record == &instance->own) {
        STORE(totals->dropped, totals->dropped + 1);
    }
    else if (instance->label->lane != 0) {
        instance_ring_keep();
    }
    else {
        instance_ring_give(instance);
    }
    lane_ended(instance->label, duration);
    if (heap_wants_actions) {
        heap_action_ended(instance->action);
    }
}

void
instance_is_not_kept(struct instance *instance)
{
    if (instance->record != &instance->own) {
        instance_ring_keep_no_more(instance);
    }
}

bool
instance_is_open(const struct instance *instance)
{
    return instance != NULL && instance->open;
}

struct session *
instance_session(const struct instance *instance)
{
    return instance->session;
}

/* ---- what happens in between -------------------------------------------------------------- */

void
instance_serve(struct instance *instance, const struct thread *thread)
{
    show(instance);
    struct instance_record *record = instance->record;
    STORE(record->entries, record->entries + 1);
    uint64_t pass = thread->watch.passes;
    if (pass != 0 && (instance->last_pass != pass || instance->last_thread != thread)) {
        instance->last_pass = pass;
        instance->last_thread = thread;
        STORE(record->passes, record->passes + 1);
    }
}

void
instance_charge(struct instance *instance, uint64_t ticks, uint64_t cpu_ns)
{
    struct instance_record *record = instance->record;
    STORE(record->busy, record->busy + ticks);
    STORE(record->cpu_ns, record->cpu_ns + cpu_ns);
}

bool
instance_has_detail(const struct instance *instance)
{
    return instance->own.detail_bytes != 0;
}

void
instance_detail(struct instance *instance, const char *detail, size_t bytes)
{
    cut_detail(&instance->own, detail, bytes);
    if (instance->record != &instance->own) {
        cut_detail(instance->record, detail, bytes);
    }
}

void
instance_reply(struct instance *instance, const char *text)
{
    uint32_t number = 0;
    for (int digits = 0; text[digits] >= '0' && text[digits] <= '9' && digits < 9; digits++) {
        number = number * 10 + (uint32_t)(text[digits] - '0');
    }
    STORE(instance->record->outcome, number);
    if (text[0] == '1') {
        instance->kept = true;
    }
    else if (number != 0 && instance->starting) {
        instance->kept = false; /* all was done in one call */
    }
}

bool
instance_enter_phase(struct instance *instance, uint32_t phase, bool first, uint64_t now)
{
    uint64_t *moments = instance->record->phases[phase];
    if (moments[0] == 0) {
        if (!first) {
            return false; /* the rest of a generator that another instance had begun */
        }
        STORE(moments[0], now);
    }
    STORE(moments[1], 0u);
    instance->calls_in_phase[phase]++;
    return true;
}

void
instance_leave_phase(struct instance *instance, uint32_t phase, uint64_t now)
{
    uint32_t *calls = &instance->calls_in_phase[phase];
    /* In a forked child those that its parent had entered are not known. */
    if (*calls == 0 || --*calls != 0 || instance->record->phases[phase][0] == 0) {
        return;
    }
    /* The record may be another instance's by now. */
    if (instance->record == &instance->own || instance->record->serial == instance->serial) {
        STORE(instance->record->phases[phase][1], now);
    }
}

void
instance_add_bytes(struct instance *instance, uint64_t bytes)
{
    struct instance_record *record = instance->record;
    struct action_record *totals = instance->action->record;
    STORE(record->bytes, record->bytes + bytes);
    STORE(totals->bytes, totals->bytes + bytes);
}

void
instance_note_late_work(struct instance *instance)
{
    /* The record may be another instance's by now. */
    if (instance->record->serial == instance->serial) {
        STORE(instance->record->flags, instance->record->flags | INSTANCE_HAS_LATE_WORK);
    }
}

/* ---- forks -------------------------------------------------------------------------------- */

void
instances_after_fork(void)
{
    for (struct instance *instance = all; instance != NULL; instance = instance->next) {
        struct instance_record *own = &instance->own;
        if (instance->record != own) {
            *own = *instance->record;
            instance->record = own;
        }
        instance->inherited = true;
        instance->shown = !instance->open;
        own->flags = INSTANCE_IS_INHERITED;
        own->end = own->busy = own->cpu_ns = own->bytes = 0;
        own->entries = own->passes = own->outcome = 0;
        memset(own->phases, 0, sizeof(own->phases));
        memset(instance->calls_in_phase, 0, sizeof(instance->calls_in_phase));
    }
}

void
instances_adopt(void)
{
    instances_begin(rules.keep_instances);
}
