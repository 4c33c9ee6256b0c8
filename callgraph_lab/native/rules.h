/* The event map's rules, as the engine uses them, and which of them are for which function. */

#ifndef CGLAB_RULES_H
#define CGLAB_RULES_H

#include "sources.h"

enum rule_kind {
    RULE_START = 1,
    RULE_UNTIL = 2, /* made from a start rule's "until" */
    RULE_CONTINUE = 4,
    RULE_LINK = 8,
    RULE_REPLY = 16,
    RULE_END = 32,
    RULE_LOOP = 64,
    RULE_PASS = 128,
    RULE_PHASE = 256,
    RULE_SENSOR = 512,
};

struct field {
    char *key;
    struct source source;
};

struct rule {
    enum rule_kind kind;
    char *class_name; /* "": a plain function */
    char *module;     /* "": any */
    char *function;
    bool prefix;
    uint32_t id;
    struct source session; /* start, end, continue */
    struct source source;  /* start: the detail; link: to what; reply: the text */
    struct field *parts;   /* start: the name; end: the bytes; sensor: the fields */
    int part_count;
    char **actions; /* start: those that have a detail; sensor: those it is for; NULL: all */
    bool upper, cut_path, once, nested, at_exit;
    const struct rule *start; /* until: the rule that it ends the instances of */
    bool has_until;
    struct rule *next;
};

/* The rules for one function, in the order of the map. */
struct watch {
    uint32_t kinds;
    char *function;
    int count;
    const struct rule *rules[];
};

struct rules {
    struct rule *first, *last;
    uint64_t keep_instances;
    uint64_t keep_events;
    uint64_t stall_ns;
};

extern struct rules rules;

/* Take over a map; -1: an exception is set, and nothing is kept. */
int rules_start(PyObject *event_map);
void rules_stop(void);

/* What there is for a function, by its own name, its module and the ancestors of its class (lines of
 * module:qualname, "" where it has none); NULL: nothing, or no memory, and then ``*failed`` is set. */
struct watch *rules_for(PyCodeObject *code, const char *function, const char *module,
                        const char *ancestors, bool *failed);

void watch_free(struct watch *watch);

/* Does a list of actions have the name? NULL has all. */
bool rule_is_for_action(const struct rule *rule, const char *name);
/* What stands for the star of the rule's function. */
const char *rule_star(const struct rule *rule, const struct watch *watch);

#endif
