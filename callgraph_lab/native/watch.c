#include "watch.h"

#include "clock.h"
#include "stalls.h"
#include "threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct entry *free_entries;
static struct entry *abandoned; /* of calls that are open when recording ends */

/* ---- entries ------------------------------------------------------------------------------ */

static struct entry *
new_entry(const struct watch *watch)
{
    struct entry *entry = free_entries;
    if (entry == NULL) {
        entry = calloc(1, sizeof(*entry));
        if (entry == NULL) {
            errno = ENOMEM;
            return NULL;
        }
    }
    free_entries = entry->next_free;
    struct text text = entry->text; /* its memory is used again */
    text_clear(&text);
    *entry = (struct entry){.watch = watch, .text = text};
    return entry;
}

static void
free_entry(struct entry *entry)
{
    PyObject *self = entry->self;
    instance_release(entry->instance);
    instance_release(entry->outer);
    instance_release(entry->ending);
    instance_release(entry->until);
    entry->next_free = free_entries;
    free_entries = entry;
    Py_XDECREF(self); /* the last: it may run code of the target */
}

void
watch_abandon(struct open_call *call)
{
    struct entry *entry = call->entry;
    if (entry == NULL) {
        return;
    }
    call->entry = NULL;
    /* The instances go with the recording. */
    entry->instance = entry->outer = entry->ending = entry->until = NULL;
    entry->next_free = abandoned;
    abandoned = entry;
}

void
watch_release_abandoned(void)
{
    while (abandoned != NULL) {
        struct entry *entry = abandoned;
        abandoned = entry->next_free;
        free_entry(entry);
    }
}

/* ---- entering ----------------------------------------------------------------------------- */

static PyObject *
self_of(interpreter_frame *frame, PyCodeObject *code)
{
    return code->co_argcount > 0 ? naming_argument(frame, code, 0) : NULL;
}

struct reading
watch_reading(interpreter_frame *frame, const struct entry *entry)
{
    const struct instance *instance = entry->instance;
    struct reading reading = {
        .frame = frame,
        .code = frame == NULL ? NULL : frame_code(frame),
        .self = entry->self,
        .star = "",
    };
    if (frame != NULL) {
        reading.self = self_of(frame, reading.code);
    }
    if (instance != NULL) {
        reading.action = instance->action->name;
        reading.detail = instance->own.detail;
        reading.detail_bytes = instance->own.detail_bytes;
        reading.session = instance->session == NULL ? 0 : instance->session->id;
    }
    return reading;
}

uint32_t
watch_label(struct thread *thread, const struct node *parent, uint32_t function,
            interpreter_frame *frame, PyCodeObject *code)
{
    struct thread_watch *state = &thread->watch;
    bool in_background = label_is_background(parent->label);
    uint32_t label = in_background ? background_label : parent->label;
    const struct watch *watch = functions_watch(function);
    state->pending = NULL;
    if (watch == NULL || (watch->kinds == RULE_CONTINUE && !in_background) ||
        will_be_refused(current_thread_state())) {
        return label; /* what never runs begins no action, and fires no sensor */
    }
    struct entry *entry = new_entry(watch);
    if (entry == NULL) {
        return 0;
    }
    bool resumable = (code->co_flags & RESUMABLE_FLAGS) != 0;
    if (resumable) {
        entry->generator = generator_of_frame(frame);
    }
    bool first = !resumable || generator_begins(frame);
    if (watch->kinds & (RULE_LOOP | RULE_PASS)) {
        uint64_t now = clock_read();
        entry->is_loop = (watch->kinds & RULE_LOOP) != 0;
        if (entry->is_loop && state->loop_depth++ == 0) {
            background_loop_begins(thread, now);
        }
        if (watch->kinds & RULE_PASS) {
            entry->is_pass = state->pass_call == NULL;
            if (entry->is_pass) {
                background_pass(thread, now);
            }
            label = in_background ? background_label : label;
        }
    }
    entry->outer = watch_current(thread, parent->label);
    instance_keep(entry->outer);
    entry->outer_action = in_background ? NULL : label_of(parent->label)->action;
    entry->action = entry->outer_action;
    struct reading reading = watch_reading(frame, entry);
    if (!watch_choose(thread, entry, &label, &reading, first)) {
        return 0;
    }
    state->pending = entry;
    return label;
}

void
watch_entered(struct thread *thread, struct open_call *call)
{
    struct entry *entry = thread->watch.pending;
    thread->watch.pending = NULL;
    call->entry = entry;
    if (entry == NULL) {
        return;
    }
    if (entry->lane != NULL) {
        entry->lane->open_entries++;
        charge_to(thread, entry->action, entry->instance, call->entered);
        if (entry->instance->open) {
            instance_serve(entry->instance, thread);
        }
    }
    if (entry->is_pass) {
        thread->watch.pass_call = call;
        stalls_pass_begins(thread, call);
    }
    watch_report_entry(call, entry);
}

/* ---- leaving ------------------------------------------------------------------------------ */

static void
end_instance(struct thread *thread, struct instance *instance, uint64_t now)
{
    if (thread->watch.charged_instance == instance) {
        charge_now(thread, now); /* what is still to come is not the instance's any more */
    }
    instance_end(instance, now, 0);
}

/* A call of the session has returned that one of its instances was kept open for. */
static void
end_kept(struct thread *thread, struct instance *instance, uint64_t now)
{
    struct session *session = instance->session;
    instance->kept = instance->waiting = instance->ending = false;
    struct instance **places[] = {&session->transfer, &session->waiting};
    for (int place = 0; place < 2; place++) {
        if (*places[place] == instance) {
            *places[place] = NULL;
            instance_release(instance);
        }
    }
    if (!instance->starting) {
        end_instance(thread, instance, now);
        lane_give_back(instance->label);
    }
}

static void
starting_call_returned(struct thread *thread, struct entry *entry, uint64_t now)
{
    struct instance *instance = entry->instance;
    if (entry->generator != NULL) {
        if (generator_is_suspended(entry->generator)) {
            return;
        }
        generator_link(entry->generator, NULL);
    }
    instance->starting = false;
    if (instance->kept || instance->waiting) {
        return;
    }
    end_instance(thread, instance, now);
    struct session *session = instance->session;
    if (session != NULL && instance->rule->once && strcmp(instance->action->name, "disconnect") == 0) {
        session->closed = true;
        session_end(session);
    }
}

void
watch_left(struct thread *thread, struct open_call *call, uint64_t now)
{
    struct entry *entry = call->entry;
    if (entry == NULL || (threads_child_is_pending() && !tree_adopt())) {
        return;
    }
    call->entry = NULL;
    struct thread_watch *state = &thread->watch;
    watch_report_exit(call, entry, now);
    if (entry->lane != NULL) {
        charge_to(thread, entry->outer_action, entry->outer, now);
    }
    if (entry->ending != NULL) {
        end_kept(thread, entry->ending, now);
    }
    if (entry->until != NULL) {
        end_kept(thread, entry->until, now);
    }
    if (entry->starts) {
        starting_call_returned(thread, entry, now);
    }
    if (entry->lane != NULL) {
        entry->lane->open_entries--;
        lane_give_back(entry->lane);
    }
    if (entry->is_pass) {
        stalls_pass_ended(thread, call, now);
        state->pass_call = NULL;
    }
    if (entry->is_loop && --state->loop_depth == 0) {
        background_loop_ended(thread, now);
    }
    free_entry(entry);
}
