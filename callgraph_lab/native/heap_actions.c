#include "heap_actions.h"

#include "actions.h"
#include "heap.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All are taken, since none knows whether it is the last. Kept are the first, the last and some in
 * between, in even steps that double as they become many. */
#define KEPT_OF_AN_ACTION 64u
#define KEPT_ALTOGETHER 600u
#define MOST_IDS (MOST_ACTIONS + 8u)

struct kept {
    uint64_t number;
    uint64_t moment_ns;
};

struct ended_action {
    char name[ACTION_NAME_BYTES + 1];
    bool wanted;
    bool due;
    uint64_t ended; /* so many times, in this process */
    uint64_t step;
    uint32_t kept_count;
    struct kept kept[KEPT_OF_AN_ACTION + 2];
};

bool heap_wants_actions, heap_action_is_due;

static char **globs;
static Py_ssize_t glob_count;
static struct ended_action *ended[MOST_IDS]; /* by id */
static uint32_t kept_altogether;
static pid_t process;

int
heap_actions_start(PyObject *patterns)
{
    Py_ssize_t count = PyTuple_GET_SIZE(patterns);
    globs = calloc((size_t)count + 1, sizeof(*globs));
    if (globs == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (glob_count = 0; glob_count < count; glob_count++) {
        const char *glob = PyUnicode_AsUTF8(PyTuple_GET_ITEM(patterns, glob_count));
        if (glob == NULL || (globs[glob_count] = strdup(glob)) == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_NoMemory();
            }
            return -1;
        }
    }
    process = getpid();
    heap_wants_actions = count != 0;
    return 0;
}

static bool
is_wanted(const char *name)
{
    for (Py_ssize_t index = 0; index < glob_count; index++) {
        if (fnmatch(globs[index], name, FNM_CASEFOLD | FNM_NOESCAPE) == 0) {
            return true;
        }
    }
    return false;
}

static struct ended_action *
ended_action_of(const struct action *action)
{
    if (action->id >= MOST_IDS) {
        return NULL;
    }
    struct ended_action *one = ended[action->id];
    if (one == NULL && (one = calloc(1, sizeof(*one))) != NULL) {
        strcpy(one->name, action->name);
        for (char *place = one->name; *place != '\0'; place++) {
            if ((unsigned char)*place < ' ') {
                *place = '?'; /* it stands in a line */
            }
        }
        one->wanted = is_wanted(action->name);
        one->step = 1;
        ended[action->id] = one;
    }
    return one;
}

/* What a parent has taken is the parent's, and so is what it counted. */
static void
begin_in_child(void)
{
    process = getpid();
    kept_altogether = 0;
    for (uint32_t id = 0; id < MOST_IDS; id++) {
        if (ended[id] != NULL) {
            ended[id]->ended = 0;
            ended[id]->step = 1;
            ended[id]->kept_count = 0;
            ended[id]->due = false;
        }
    }
}

void
heap_action_ended(const struct action *action)
{
    if (process != getpid()) {
        begin_in_child();
    }
    struct ended_action *one = ended_action_of(action);
    if (one != NULL && one->wanted) {
        one->ended++;
        one->due = heap_action_is_due = true;
    }
}

/* ---- what is kept --------------------------------------------------------------------------- */

static bool
is_in_step(const struct ended_action *one, const struct kept *kept)
{
    return (kept->number - 1) % one->step == 0;
}

static void
drop_what_is_out_of_step(struct ended_action *one)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < one->kept_count; index++) {
        if (is_in_step(one, &one->kept[index]) || index == one->kept_count - 1) {
            one->kept[count++] = one->kept[index];
        }
        else {
            heap_forget(one->kept[index].moment_ns);
        }
    }
    kept_altogether -= one->kept_count - count;
    one->kept_count = count;
}

static struct ended_action *
fullest(void)
{
    struct ended_action *found = NULL;
    for (uint32_t id = 0; id < MOST_IDS; id++) {
        if (ended[id] != NULL && (found == NULL || ended[id]->kept_count > found->kept_count)) {
            found = ended[id];
        }
    }
    return found;
}

static void
keep(struct ended_action *one, uint64_t moment_ns)
{
    one->kept[one->kept_count++] = (struct kept){one->ended, moment_ns};
    kept_altogether++;
    drop_what_is_out_of_step(one);
    while (one->kept_count > KEPT_OF_AN_ACTION + 1) {
        one->step *= 2;
        drop_what_is_out_of_step(one);
    }
    while (kept_altogether > KEPT_ALTOGETHER) {
        struct ended_action *most = fullest();
        if (most->kept_count <= 2) {
            break; /* the first and the last of each action are always kept */
        }
        most->step *= 2;
        drop_what_is_out_of_step(most);
    }
}

void
heap_take_after_actions(void)
{
    struct raised raised = take_raised();
    heap_action_is_due = false;
    for (uint32_t id = 0; id < MOST_IDS; id++) {
        struct ended_action *one = ended[id];
        if (one == NULL || !one->due) {
            continue;
        }
        one->due = false;
        char cause[ACTION_NAME_BYTES + 64];
        snprintf(cause, sizeof(cause), "action %llu %s", (unsigned long long)one->ended, one->name);
        uint64_t moment_ns = heap_take(cause);
        if (moment_ns != 0) {
            keep(one, moment_ns);
        }
    }
    put_raised_back(raised);
}
