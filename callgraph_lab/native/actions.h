/* Kinds of actions, and their lanes. A lane is what an instance of an action runs in, so that the contexts
 * of two instances are not the same; lane 0 has no instance of its own. A label is an action and a
 * lane: every context has one, which it inherits from its caller. */

#ifndef CGLAB_ACTIONS_H
#define CGLAB_ACTIONS_H

#include "tree.h"

#define MOST_ACTIONS 256u /* with a name of their own, and one more for all others */
#define SLOWEST_KEPT 3

/* Their ids are those of their actions as well. */
enum background_label { LABEL_STARTUP = 1, LABEL_IDLE = 2, LABEL_SHUTDOWN = 3 };

struct instance;

enum lane_roles { LANE_OF_FIRST = 1, LANE_OF_LAST = 2, LANE_OF_SLOWEST = 4 };

struct label {
    uint32_t id;
    uint32_t lane;
    struct action *action;
    struct label_record *record;
    struct node *nodes;
    struct instance *instance; /* that runs in the lane, or ran in it last */
    uint32_t open_entries;     /* calls that entered the lane and have not returned */
    uint8_t roles;
    bool is_free;
};

struct action {
    uint32_t id;
    struct action_record *record;
    char name[ACTION_NAME_BYTES + 1];
    uint32_t flags;
    uint32_t lane_count;
    struct label *shared; /* lane 0 */
    struct label **free_lanes;
    uint32_t free_count, free_capacity;
    struct label *first, *last;
    struct label *slowest[SLOWEST_KEPT];
    uint64_t slowest_ticks[SLOWEST_KEPT];
};

/* False: no room, errno says why. */
bool actions_start(void);
void actions_stop(void);
/* In a forked child: the same actions and labels under the same ids, with nothing counted and no call
 * open in any. Then, when calls have been counted again, give back the lanes that were kept. */
bool actions_adopt(void);
void actions_give_back(void);

static inline bool
label_is_background(uint32_t label)
{
    return label <= LABEL_SHUTDOWN;
}

struct label *label_of(uint32_t id);
struct action *action_of(uint32_t id);
/* A label for a further lane of an action; NULL: no room. */
struct label *label_new(struct action *action);
uint32_t labels_apart(void);
/* Is it an action that clients ask for, of this name? */
bool action_is_named(const struct action *action, const char *name, size_t bytes);
/* The action of a name, made if it is not there; NULL: no room, errno says why. */
struct action *action_named(const char *name, size_t bytes, bool once);
/* A lane for a new instance, its bases set: lane 0 where there is no other. NULL: no room. */
struct label *lane_take(struct action *action, struct instance *instance);
/* The instance in the lane goes by this serial in the file from now on. */
void lane_show_instance(struct label *lane, uint64_t serial);
/* The instance in the lane has ended: is it one to keep? */
void lane_ended(struct label *lane, uint64_t duration);
/* Nothing runs in the lane any more, perhaps. */
void lane_give_back(struct label *lane);
void label_add_node(struct label *label, struct node *node);

#endif
