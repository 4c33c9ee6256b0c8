/* What a call tells of the instance that it serves: links, replies, phases, bytes, events. */

#include "watch.h"

#include "event_ring.h"

#include <string.h>

static struct text reply_text, event_text;

/* ---- at the entry ------------------------------------------------------------------------- */

static void
link_self(const struct rule *rule, const struct entry *entry, const struct reading *reading)
{
    if (reading->self == NULL) {
        return;
    }
    if (rule->source.kind == FROM_CURRENT) {
        link_put(reading->self, NULL, entry->instance);
    }
    else {
        struct instance *instance;
        struct session *session = session_of(source_object(&rule->source, reading), &instance);
        link_put(reading->self, instance == NULL ? session : NULL, instance);
    }
}

static void
take_reply(const struct rule *rule, struct instance *instance, const struct reading *reading)
{
    text_clear(&reply_text);
    if (!source_put_text(&reply_text, &rule->source, reading)) {
        return;
    }
    instance_reply(instance, text_chars(&reply_text));
    struct session *session = instance->session;
    if (instance->kept && session != NULL && session->transfer != instance) {
        struct instance *former = session->transfer;
        instance_keep(instance);
        session->transfer = instance;
        if (former != NULL && !former->starting) {
            instance_end(former, instance->begin, INSTANCE_IS_ABANDONED);
            lane_give_back(former->label);
        }
        instance_release(former);
    }
    else if (session == NULL) {
        instance->kept = false; /* nobody could end it */
    }
    else if (!instance->kept && instance->starting && session->transfer == instance) {
        session->transfer = NULL;
        instance_release(instance);
    }
}

static void
hold_self(struct entry *entry, const struct reading *reading)
{
    if (entry->self == NULL && reading->self != NULL) {
        entry->self = Py_NewRef(reading->self);
    }
}

/* A session's kept instance is to end when the outermost of such calls returns. */
static void
prepare_end(const struct rule *rule, struct entry *entry, const struct reading *reading)
{
    struct instance *linked;
    struct session *session = session_of(reading->self, &linked);
    if (session == NULL && rule->session.kind != FROM_NOTHING) {
        session = session_of(source_object(&rule->session, reading), &linked);
    }
    struct instance *kept = session == NULL ? NULL : session->transfer;
    if (kept == NULL || kept->ending || entry->ending != NULL) {
        return;
    }
    kept->ending = true;
    instance_keep(kept);
    entry->ending = kept;
    hold_self(entry, reading);
    for (int part = 0; part < rule->part_count && part < MOST_BYTE_PARTS; part++) {
        source_number(&rule->parts[part].source, reading, &entry->bytes[part]);
    }
}

/* Is the caller a call that the sensor has fired for? */
static bool
is_outermost(const struct rule *rule, const struct open_call *call)
{
    const struct open_call *caller = call->caller;
    const struct watch *watch = NULL;
    if (caller->caller != NULL && caller->node->kind == NODE_RECORDED) {
        watch = functions_watch(caller->node->function);
    }
    for (int index = 0; watch != NULL && index < watch->count; index++) {
        if (watch->rules[index] == rule) {
            return false;
        }
    }
    return true;
}

static const struct session *
session_of_event(const struct entry *entry, PyObject *self)
{
    struct instance *linked;
    return entry->instance != NULL && entry->instance->session != NULL ? entry->instance->session
                                                                        : session_of(self, &linked);
}

static bool
fires(const struct rule *rule, const struct entry *entry, const struct open_call *call)
{
    const char *action = entry->instance == NULL ? NULL : entry->instance->action->name;
    return rule_is_for_action(rule, action) && is_outermost(rule, call);
}

/* The fields that a sensor which fires at the exit has read so far: number of the rule, length, text. */
static void
keep_fields(struct entry *entry, int index)
{
    uint32_t head[2] = {(uint32_t)index, (uint32_t)event_text.length};
    text_put_bytes(&entry->text, (const char *)head, sizeof(head));
    text_put_bytes(&entry->text, event_text.bytes, event_text.length);
}

static void
enter_phases(const struct open_call *call, struct entry *entry)
{
    const struct watch *watch = entry->watch;
    bool first = !(call->flags & OPEN_IS_RESUME);
    for (int index = 0; index < watch->count; index++) {
        const struct rule *rule = watch->rules[index];
        uint32_t phase = rule->id % PHASES;
        if (rule->kind == RULE_PHASE && !(entry->phases & 1u << phase) &&
            instance_enter_phase(entry->instance, phase, first, call->entered)) {
            entry->phases |= (uint8_t)(1u << phase);
        }
    }
}

static void
leave_phases(const struct entry *entry, uint64_t now)
{
    for (uint32_t phase = 0; phase < PHASES; phase++) {
        if (entry->phases & 1u << phase) {
            instance_leave_phase(entry->instance, phase, now);
        }
    }
}

void
watch_report_entry(struct open_call *call, struct entry *entry)
{
    const struct watch *watch = entry->watch;
    if ((watch->kinds & RULE_PHASE) && instance_is_open(entry->instance)) {
        enter_phases(call, entry);
    }
    if (call->flags & OPEN_IS_RESUME) {
        return;
    }
    struct reading reading = watch_reading(call->frame, entry);
    bool open = instance_is_open(entry->instance);
    for (int index = 0; index < watch->count; index++) {
        const struct rule *rule = watch->rules[index];
        reading.star = rule_star(rule, watch);
        switch (rule->kind) {
        case RULE_LINK:
            link_self(rule, entry, &reading);
            break;
        case RULE_REPLY:
            if (open) {
                take_reply(rule, entry->instance, &reading);
            }
            break;
        case RULE_END:
            prepare_end(rule, entry, &reading);
            break;
        case RULE_SENSOR:
            if (!fires(rule, entry, call)) {
                break;
            }
            if (rule->at_exit) {
                hold_self(entry, &reading);
                text_clear(&event_text);
                event_read_fields(&event_text, rule, &reading, true);
                keep_fields(entry, index);
                break;
            }
            text_clear(&event_text);
            event_read_fields(&event_text, rule, &reading, true);
            event_put(rule->id, call->entered, 0, session_of_event(entry, reading.self),
                      entry->instance, call->node->id, &event_text);
            break;
        default:
            break;
        }
    }
}

/* ---- at the exit -------------------------------------------------------------------------- */

static void
count_bytes(const struct rule *rule, struct entry *entry, const struct reading *reading)
{
    uint64_t sum = 0;
    for (int part = 0; part < rule->part_count && part < MOST_BYTE_PARTS; part++) {
        const struct source *source = &rule->parts[part].source;
        uint64_t number = entry->bytes[part];
        if (source_is_of_self(source)) {
            source_number(source, reading, &number);
        }
        sum += number;
    }
    if (entry->ending->open) {
        instance_add_bytes(entry->ending, sum);
    }
}

void
watch_report_exit(struct open_call *call, struct entry *entry, uint64_t now)
{
    const struct watch *watch = entry->watch;
    if (entry->phases != 0) {
        leave_phases(entry, now);
    }
    if ((call->flags & OPEN_IS_RESUME) ||
        (entry->generator != NULL && generator_is_suspended(entry->generator))) {
        return;
    }
    struct reading reading = watch_reading(NULL, entry);
    for (int index = 0; index < watch->count && entry->ending != NULL; index++) {
        if (watch->rules[index]->kind == RULE_END) {
            count_bytes(watch->rules[index], entry, &reading);
            break;
        }
    }
    uint64_t duration = now > call->entered ? now - call->entered : 0;
    uint32_t head[2];
    for (size_t place = 0; place + sizeof(head) <= entry->text.length && !entry->text.failed;) {
        memcpy(head, entry->text.bytes + place, sizeof(head));
        place += sizeof(head);
        const struct rule *rule = watch->rules[head[0]];
        reading.star = rule_star(rule, watch);
        text_clear(&event_text);
        text_put_bytes(&event_text, entry->text.bytes + place, head[1]);
        place += head[1];
        event_read_fields(&event_text, rule, &reading, false);
        event_put(rule->id, now, duration, session_of_event(entry, entry->self), entry->instance,
                  call->node->id, &event_text);
    }
}
