#include "sessions.h"

#include "clock.h"
#include "lifetimes.h"
#include "table.h"

#include <stdlib.h>
#include <unistd.h>

#define FEWEST_TO_SWEEP 4096u

struct link {
    struct session *session;
    struct instance *instance;
    bool watched, gone; /* as of a session */
};

/* A generator's key in the table of links is odd, so that no object has it. */
#define KEY_OF_GENERATOR(generator) ((uintptr_t)(generator) | 1)

static struct table sessions; /* address -> struct session */
static struct table links;    /* address -> struct link */
static uint64_t sweep_sessions_at = FEWEST_TO_SWEEP, sweep_links_at = FEWEST_TO_SWEEP;
static uint64_t pid;
static uint32_t last_serial;

void
session_keep(struct session *session)
{
    if (session != NULL) {
        session->uses++;
    }
}

void
session_release(struct session *session)
{
    if (session != NULL && --session->uses == 0) {
        free(session);
    }
}

static struct session *
session_of_link(const struct link *link)
{
    return link->instance != NULL ? instance_session(link->instance) : link->session;
}

/* Out of the table: what the session refers to refers to it. */
static void
forget_session(struct session *session)
{
    struct instance *former[] = {session->transfer, session->waiting, session->latest};
    session->transfer = session->waiting = session->latest = NULL;
    for (int place = 0; place < 3; place++) {
        instance_release(former[place]);
    }
    session_release(session);
}

static void
free_link(struct link *link)
{
    session_release(link->session);
    instance_release(link->instance);
    free(link);
}

static bool
is_over(const struct session *session)
{
    return session != NULL && (session->closed || (session->gone && session->waiting == NULL)) &&
           session->transfer == NULL;
}

/* Before a table grows: leave out what belongs to sessions that are over. */
static void
sweep(struct table *table, uint64_t *limit, bool (*keep)(uint64_t key, uint64_t value))
{
    if (table->count < *limit) {
        return;
    }
    table_sweep(table, keep);
    *limit = table->count * 2 > FEWEST_TO_SWEEP ? table->count * 2 : FEWEST_TO_SWEEP;
}

static bool
keep_session(uint64_t object, uint64_t value)
{
    (void)object;
    struct session *session = (struct session *)(uintptr_t)value;
    if (!is_over(session)) {
        return true;
    }
    forget_session(session);
    return false;
}

static bool
keep_link(uint64_t object, uint64_t value)
{
    (void)object;
    struct link *link = (struct link *)(uintptr_t)value;
    if (!link->gone && !is_over(session_of_link(link))) {
        return true;
    }
    free_link(link);
    return false;
}

/* The object at an address has ended. */
static void
object_ended(PyObject *object)
{
    struct session *session = (struct session *)(uintptr_t)table_get(&sessions, (uintptr_t)object);
    struct link *link = (struct link *)(uintptr_t)table_get(&links, (uintptr_t)object);
    if (session != NULL) {
        session->gone = true;
    }
    if (link != NULL) {
        link->gone = true;
    }
}

int
sessions_start(void)
{
    return lifetimes_start(object_ended);
}

/* An object that a finalizer has saved lives on though its end was told, and is not told a second time. It can be
 * known from one that is new at its address; from another one of its kind it cannot. */
static bool
has_been_finalized(PyObject *object)
{
    return PyObject_IS_GC(object) && PyObject_GC_IsFinalized(object);
}

void
sessions_stop(void)
{
    for (uint64_t place = 0; links.slots != NULL && place <= links.mask; place++) {
        if (links.slots[place].value != 0) {
            free_link((struct link *)(uintptr_t)links.slots[place].value);
        }
    }
    for (uint64_t place = 0; sessions.slots != NULL && place <= sessions.mask; place++) {
        if (sessions.slots[place].value != 0) {
            forget_session((struct session *)(uintptr_t)sessions.slots[place].value);
        }
    }
    table_clear(&links);
    table_clear(&sessions);
    sweep_sessions_at = sweep_links_at = FEWEST_TO_SWEEP;
    pid = 0;
    last_serial = 0;
}

void
sessions_adopt(void)
{
    pid = 0;
    last_serial = 0;
}

static struct session *
session_at(PyObject *object)
{
    struct session *session = (struct session *)(uintptr_t)table_get(&sessions, (uintptr_t)object);
    if (session == NULL) {
        return NULL;
    }
    if (session->gone) {
        return has_been_finalized(object) ? session : NULL;
    }
    if (session->watched && !lifetime_is_watched(object)) {
        session->watched = false; /* it was given another class, or its class a __del__ */
        session->type = Py_TYPE(object);
    }
    return session->watched || session->type == Py_TYPE(object) ? session : NULL;
}

struct session *
session_new(PyObject *object)
{
    sweep(&sessions, &sweep_sessions_at, keep_session);
    struct session *former = (struct session *)(uintptr_t)table_get(&sessions, (uintptr_t)object);
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    if (pid == 0) {
        pid = (uint64_t)getpid();
    }
    session->id = pid << 32 | ++last_serial;
    session->uses = 1;
    lifetime_watch(object);
    session->watched = lifetime_is_watched(object);
    session->gone = has_been_finalized(object);
    session->type = Py_TYPE(object);
    if (!table_put(&sessions, (uintptr_t)object, (uintptr_t)session)) {
        free(session);
        return NULL;
    }
    if (former != NULL) {
        session_end(former);
        forget_session(former);
    }
    link_put(object, NULL, NULL);
    return session;
}

static struct link *
link_at(PyObject *object)
{
    struct link *link = (struct link *)(uintptr_t)table_get(&links, (uintptr_t)object);
    return link != NULL && link->gone && !has_been_finalized(object) ? NULL : link;
}

struct session *
session_of(PyObject *object, struct instance **instance)
{
    *instance = NULL;
    if (object == NULL) {
        return NULL;
    }
    struct link *link = link_at(object);
    if (link == NULL) {
        return session_at(object);
    }
    *instance = link->instance;
    return session_of_link(link);
}

bool
session_is_certain(PyObject *object)
{
    struct link *link = link_at(object);
    if (link != NULL) {
        return link->watched && !link->gone && lifetime_is_watched(object);
    }
    struct session *session = session_at(object);
    return session != NULL && session->watched && !session->gone;
}

void
session_end(struct session *session)
{
    struct instance **open[] = {&session->transfer, &session->waiting};
    for (int place = 0; place < 2; place++) {
        struct instance *instance = *open[place];
        /* One that is ending was not left: what ends it may close the session, too. */
        if (instance != NULL && !instance->ending) {
            *open[place] = NULL;
            instance_end(instance, clock_read(), INSTANCE_IS_ABANDONED);
            instance_release(instance);
        }
    }
}

bool
session_has_had(const struct session *session, uint32_t action)
{
    return (session->had[action / 64] & (uint64_t)1 << action % 64) != 0;
}

void
session_note(struct session *session, uint32_t action)
{
    session->had[action / 64] |= (uint64_t)1 << action % 64;
}

static void
put_link(uintptr_t key, const struct link *content)
{
    struct link *former = (struct link *)(uintptr_t)table_get(&links, key), *link = NULL;
    if (content->session != NULL || content->instance != NULL) {
        sweep(&links, &sweep_links_at, keep_link);
        former = (struct link *)(uintptr_t)table_get(&links, key);
        link = malloc(sizeof(*link));
        if (link == NULL) {
            return;
        }
        *link = *content;
        session_keep(link->session);
        instance_keep(link->instance);
        if (!table_put(&links, key, (uintptr_t)link)) {
            free_link(link);
            return;
        }
    }
    else {
        table_remove(&links, key);
    }
    if (former != NULL) {
        free_link(former);
    }
}

void
link_put(PyObject *object, struct session *session, struct instance *instance)
{
    struct link link = {.session = session, .instance = instance};
    if (session != NULL || instance != NULL) {
        lifetime_watch(object);
        link.watched = lifetime_is_watched(object);
        link.gone = has_been_finalized(object);
    }
    put_link((uintptr_t)object, &link);
}

void
generator_link(PyGenObject *generator, struct instance *instance)
{
    put_link(KEY_OF_GENERATOR(generator), &(struct link){.instance = instance});
}

struct instance *
generator_instance(PyGenObject *generator)
{
    struct link *link = (struct link *)(uintptr_t)table_get(&links, KEY_OF_GENERATOR(generator));
    return link == NULL ? NULL : link->instance;
}
