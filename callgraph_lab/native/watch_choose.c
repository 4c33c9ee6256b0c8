/* Which action a call serves that is being entered: one that it starts, one that waits for it, one that it
 * continues, or its caller's. */

#include "watch.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

static struct text name_text, detail_text;

struct instance *
watch_current(struct thread *thread, uint32_t label)
{
    if (label_is_background(label)) {
        return NULL;
    }
    if (label_of(label)->lane != 0) {
        return label_of(label)->instance;
    }
    for (struct open_call *call = thread->top; call->caller != NULL; call = call->caller) {
        if (call->node->watch && call->entry != NULL) {
            return call->entry->instance;
        }
    }
    return NULL;
}

/* Are they one rule, or of one family? Such share an id. */
static bool
is_like(const struct rule *one, const struct rule *other)
{
    return one == other || (one->id != 0 && one->id == other->id);
}

/* The open instance of the session that the rule, or one like it, has started for a call that this one is
 * inside; or NULL. */
static struct instance *
find_outer(const struct thread *thread, const struct rule *rule, const struct session *session)
{
    for (struct open_call *call = thread->top; call->caller != NULL; call = call->caller) {
        const struct entry *entry = call->node->watch ? call->entry : NULL;
        if (entry != NULL && entry->instance != NULL && is_like(entry->instance->rule, rule) &&
            entry->instance->session == session && entry->instance->open) {
            return entry->instance;
        }
    }
    return NULL;
}

static bool
put_name(const struct rule *rule, struct reading *reading, const struct watch *watch)
{
    reading->star = rule_star(rule, watch);
    text_clear(&name_text);
    for (int part = 0; part < rule->part_count; part++) {
        source_put_text(&name_text, &rule->parts[part].source, reading);
    }
    char *chars = name_text.bytes;
    for (size_t place = 0; place < name_text.length; place++) {
        if (rule->cut_path && chars[place] == '?') {
            name_text.length = place;
        }
        else if (chars[place] == '\0') {
            chars[place] = ' ';
        }
        else if (rule->upper && chars[place] >= 'a' && chars[place] <= 'z') {
            chars[place] = (char)(chars[place] - 'a' + 'A');
        }
    }
    return name_text.length != 0 && !name_text.failed;
}

static void
put_detail(const struct rule *rule, const struct action *action, const struct reading *reading)
{
    text_clear(&detail_text);
    if (rule->source.kind != FROM_NOTHING && rule_is_for_action(rule, action->name)) {
        source_put_text(&detail_text, &rule->source, reading);
    }
}

/* An override may call its arguments otherwise, so that the detail is known only where it calls on. */
static void
add_detail(struct instance *outer, const struct rule *rule, struct reading *reading,
           const struct watch *watch)
{
    if (rule->source.kind == FROM_NOTHING || instance_has_detail(outer) ||
        !put_name(rule, reading, watch) ||
        !action_is_named(outer->action, name_text.bytes, name_text.length)) {
        return;
    }
    put_detail(rule, outer->action, reading);
    if (detail_text.length != 0) {
        instance_detail(outer, text_chars(&detail_text), detail_text.length);
    }
}

/* The session had the action before, unless it is another one at the address of one that is gone. */
static void
note_that_sessions_may_be_more(struct action *action, PyObject *object)
{
    if (!(action->record->flags & ACTION_SESSIONS_AT_LEAST) && !session_is_certain(object)) {
        STORE(action->record->flags, action->record->flags | ACTION_SESSIONS_AT_LEAST);
    }
}

static bool
start_instance(struct thread *thread, struct entry *entry, const struct rule *rule,
               struct session *session, struct action *action, const struct reading *reading)
{
    put_detail(rule, action, reading);
    struct instance *instance = instance_new(action, session, rule, thread->index,
                                             text_chars(&detail_text), detail_text.length);
    if (instance == NULL) {
        return false;
    }
    instance->starting = true;
    if (session != NULL) {
        instance_keep(instance);
        instance_release(session->latest);
        session->latest = instance;
        if (rule->has_until && session->waiting == NULL) {
            instance->waiting = true;
            instance_keep(instance);
            session->waiting = instance;
        }
    }
    entry->instance = instance; /* with the use that it was made with */
    entry->lane = instance->label;
    entry->action = action;
    entry->starts = true;
    return true;
}

/* Start an instance, if the rule is to. False: no room. */
static bool
start_by_rule(struct thread *thread, struct entry *entry, const struct rule *rule,
              struct reading *reading)
{
    struct session *session = NULL;
    struct instance *linked, *outer = NULL;
    PyObject *object = NULL;
    bool has_session = rule->session.kind != FROM_NOTHING;
    if (has_session) {
        object = source_object(&rule->session, reading);
        if (object == NULL) {
            return true;
        }
        session = session_of(object, &linked);
    }
    if (!rule->nested && (!has_session || session != NULL)) {
        outer = find_outer(thread, rule, session);
    }
    if (outer != NULL) {
        add_detail(outer, rule, reading, entry->watch);
        return true;
    }
    if (has_session) {
        bool constructed = strcmp(entry->watch->function, "__init__") == 0 && object == reading->self;
        if (session == NULL || constructed || (session->closed && !rule->once)) {
            session = session_new(object);
            if (session == NULL) {
                errno = ENOMEM;
                return false;
            }
        }
    }
    if (!put_name(rule, reading, entry->watch)) {
        return true;
    }
    struct action *action = action_named(name_text.bytes, name_text.length, rule->once);
    if (action == NULL) {
        return false;
    }
    if (session != NULL && session_has_had(session, action->id)) {
        note_that_sessions_may_be_more(action, object);
        if (rule->once) {
            return true;
        }
    }
    return start_instance(thread, entry, rule, session, action, reading);
}

/* A generator's later entries belong to the instance that its first one has started. */
static void
resume(struct entry *entry, struct instance *instance)
{
    instance_keep(instance);
    entry->instance = instance;
    entry->lane = instance->label;
    entry->action = instance->action;
    entry->starts = true;
}

static void
join(struct entry *entry, struct instance *instance)
{
    instance_keep(instance);
    entry->instance = instance;
    entry->action = instance->action;
    entry->lane = instance->open ? instance->label : instance->action->shared;
    if (!instance->open) {
        instance_note_late_work(instance);
    }
}

static void
join_what_waits(struct entry *entry, const struct rule *rule, const struct reading *reading)
{
    struct instance *linked;
    struct session *session = session_of(reading->self, &linked);
    struct instance *waiting = session == NULL ? NULL : session->waiting;
    if (waiting != NULL && waiting->rule == rule->start) {
        instance_keep(waiting);
        entry->until = waiting;
        if (waiting != entry->outer) {
            join(entry, waiting);
        }
    }
}

static void
join_what_is_continued(struct entry *entry, const struct rule *rule, const struct reading *reading)
{
    struct instance *linked;
    struct session *session = session_of(reading->self, &linked);
    if (session == NULL && linked == NULL && rule->session.kind != FROM_NOTHING) {
        session = session_of(source_object(&rule->session, reading), &linked);
    }
    if (linked == NULL && session != NULL) {
        linked = session->transfer != NULL  ? session->transfer
                 : session->waiting != NULL ? session->waiting
                                            : session->latest;
    }
    if (linked != NULL) {
        join(entry, linked);
    }
}

bool
watch_choose(struct thread *thread, struct entry *entry, uint32_t *label,
             const struct reading *at_entry, bool first)
{
    const struct watch *watch = entry->watch;
    struct reading reading = *at_entry;
    if ((watch->kinds & RULE_START) && entry->generator != NULL) {
        struct instance *former = generator_instance(entry->generator);
        if (first && instance_is_open(former) && former->starting) {
            /* A generator at the same address that was left where it stood. */
            instance_end(former, clock_read(), INSTANCE_IS_ABANDONED);
        }
        else if (!first && instance_is_open(former)) {
            resume(entry, former);
        }
    }
    for (int index = 0; index < watch->count && entry->lane == NULL; index++) {
        const struct rule *rule = watch->rules[index];
        if (rule->kind == RULE_START && first &&
            !start_by_rule(thread, entry, rule, &reading)) {
            return false;
        }
    }
    if (entry->starts && first && entry->generator != NULL) {
        generator_link(entry->generator, entry->instance);
    }
    for (int index = 0; index < watch->count && entry->lane == NULL; index++) {
        const struct rule *rule = watch->rules[index];
        if (rule->kind == RULE_UNTIL && first) {
            join_what_waits(entry, rule, &reading);
        }
        else if (rule->kind == RULE_CONTINUE && label_is_background(*label)) {
            join_what_is_continued(entry, rule, &reading);
        }
    }
    if (entry->lane != NULL) {
        *label = entry->lane->id;
    }
    else {
        instance_keep(entry->outer);
        entry->instance = entry->outer;
    }
    return true;
}
