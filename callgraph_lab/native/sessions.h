/* Sessions: objects that actions are of, known by their addresses. And links: what other objects belong
 * to, a session or an instance. Neither is held: the object may be freed and another one stand at its
 * address. Where the end of the object is not told (lifetimes.h), only a constructor that is seen there again, or
 * an object of another class, makes a new session. */

#ifndef CGLAB_SESSIONS_H
#define CGLAB_SESSIONS_H

#include "action_instances.h"

#define WORDS_FOR_ACTIONS ((MOST_ACTIONS + 8u) / 64u + 1u)

struct session {
    uint64_t id;
    uint32_t uses;
    bool closed;
    bool watched; /* the end of the object will be told */
    bool gone;    /* it was */
    PyTypeObject *type; /* of the object; not held */
    struct instance *transfer; /* kept open after its starting call has returned */
    struct instance *waiting;  /* until another call of the session returns */
    struct instance *latest;
    uint64_t had[WORDS_FOR_ACTIONS]; /* actions, by id */
};

/* -1: an exception is set. */
int sessions_start(void);
void sessions_stop(void);
/* In a forked child: those that it sees first carry its pid. */
void sessions_adopt(void);

/* A new one, in the place of one that the address may have had. NULL: no memory. */
struct session *session_new(PyObject *object);
void session_keep(struct session *session);
void session_release(struct session *session);
/* The session that an object is or is linked to, or NULL; ``*instance`` if it is linked to one. */
struct session *session_of(PyObject *object, struct instance **instance);
/* The object has, or is linked to, a session: is that its own for sure, not one of an object that stood there before? */
bool session_is_certain(PyObject *object);
/* End what it has kept open. */
void session_end(struct session *session);
/* Was the action in the session before? And: from now on it was. */
bool session_has_had(const struct session *session, uint32_t action);
void session_note(struct session *session, uint32_t action);

/* Link an object to a session or an instance; to neither: it has none any more. */
void link_put(PyObject *object, struct session *session, struct instance *instance);
/* The same of a generator whose first entry has started an instance; NULL: of none any more. */
void generator_link(PyGenObject *generator, struct instance *instance);
struct instance *generator_instance(PyGenObject *generator);

#endif
