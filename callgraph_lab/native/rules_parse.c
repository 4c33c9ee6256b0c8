/* The event map, from Python lists and dicts. */

#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_KEEP_INSTANCES 10000
#define DEFAULT_KEEP_EVENTS 20000

struct rules rules;

static void
free_rule(struct rule *rule)
{
    for (int part = 0; part < rule->part_count; part++) {
        free(rule->parts[part].key);
        source_free(&rule->parts[part].source);
    }
    for (char **action = rule->actions; action != NULL && *action != NULL; action++) {
        free(*action);
    }
    source_free(&rule->session);
    source_free(&rule->source);
    free(rule->parts);
    free(rule->actions);
    free(rule->class_name);
    free(rule->module);
    free(rule->function);
    free(rule);
}

void
rules_stop(void)
{
    while (rules.first != NULL) {
        struct rule *rule = rules.first;
        rules.first = rule->next;
        free_rule(rule);
    }
    rules = (struct rules){0};
}

/* A member of a rule; NULL where it is missing or None. */
static PyObject *
member(PyObject *map, const char *key)
{
    PyObject *value = PyDict_GetItemString(map, key);
    return value == Py_None ? NULL : value;
}

static char *
text_of(PyObject *map, const char *key)
{
    PyObject *value = member(map, key);
    const char *chars = value == NULL ? "" : PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
    char *copy = chars == NULL ? NULL : strdup(chars);
    if (copy == NULL && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "a rule of the event map has no text as its %s", key);
    }
    return copy;
}

static bool
flag_of(PyObject *map, const char *key)
{
    PyObject *value = member(map, key);
    return value != NULL && PyObject_IsTrue(value) == 1;
}

static int
number_of(PyObject *map, const char *key, uint64_t *number)
{
    PyObject *value = member(map, key);
    if (value != NULL) {
        *number = PyLong_AsUnsignedLongLong(value);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
source_of(PyObject *map, const char *key, struct source *source)
{
    PyObject *value = member(map, key);
    return value == NULL ? 0 : source_parse(source, value);
}

static int
parts_of(PyObject *map, const char *key, bool keyed, struct rule *rule)
{
    PyObject *list = member(map, key);
    Py_ssize_t count = list != NULL && PyList_Check(list) ? PyList_GET_SIZE(list) : 0;
    rule->parts = calloc((size_t)count + 1, sizeof(*rule->parts));
    if (rule->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *item = PyList_GET_ITEM(list, index), *pair = item;
        struct field *part = &rule->parts[rule->part_count];
        if (keyed) {
            const char *name = NULL;
            if (PyList_Check(pair) && PyList_GET_SIZE(pair) == 2 &&
                PyUnicode_Check(PyList_GET_ITEM(pair, 0))) {
                name = PyUnicode_AsUTF8(PyList_GET_ITEM(pair, 0));
                item = PyList_GET_ITEM(pair, 1);
            }
            part->key = name == NULL ? NULL : strdup(name);
            if (part->key == NULL) {
                PyErr_SetString(PyExc_ValueError, "a sensor of the event map has a wrong field");
                return -1;
            }
        }
        rule->part_count++;
        if (source_parse(&part->source, item) != 0) {
            return -1;
        }
    }
    return 0;
}

static int
actions_of(PyObject *map, const char *key, struct rule *rule)
{
    PyObject *list = member(map, key);
    Py_ssize_t count = list != NULL && PyList_Check(list) ? PyList_GET_SIZE(list) : 0;
    if (count == 0) {
        return 0;
    }
    rule->actions = calloc((size_t)count + 1, sizeof(*rule->actions));
    for (Py_ssize_t index = 0; rule->actions != NULL && index < count; index++) {
        PyObject *name = PyList_GET_ITEM(list, index);
        const char *chars = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
        rule->actions[index] = chars == NULL ? NULL : strdup(chars);
        if (rule->actions[index] == NULL) {
            PyErr_SetString(PyExc_ValueError, "a rule of the event map has a wrong list of actions");
            return -1;
        }
    }
    return 0;
}

/* A rule with what all kinds have, in the list already. */
static struct rule *
new_rule(PyObject *map, enum rule_kind kind)
{
    struct rule *rule = calloc(1, sizeof(*rule));
    if (rule == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    *(rules.last == NULL ? &rules.first : &rules.last->next) = rule;
    rules.last = rule;
    rule->kind = kind;
    if ((rule->class_name = text_of(map, "class")) == NULL ||
        (rule->module = text_of(map, "module")) == NULL ||
        (rule->function = text_of(map, "function")) == NULL) {
        return NULL;
    }
    size_t length = strlen(rule->function);
    if (length == 0) {
        PyErr_SetString(PyExc_ValueError, "a rule of the event map names no function");
        return NULL;
    }
    rule->prefix = rule->function[length - 1] == '*';
    if (rule->prefix) {
        rule->function[length - 1] = '\0';
    }
    return rule;
}

static int
parse_start(PyObject *map, struct rule *rule)
{
    rule->upper = flag_of(map, "upper");
    rule->cut_path = flag_of(map, "path");
    rule->once = flag_of(map, "once");
    rule->nested = flag_of(map, "nested");
    if (parts_of(map, "name", false, rule) != 0 || source_of(map, "session", &rule->session) != 0 ||
        source_of(map, "detail", &rule->source) != 0 ||
        actions_of(map, "detail_actions", rule) != 0) {
        return -1;
    }
    PyObject *until = member(map, "until");
    if (until == NULL) {
        return 0;
    }
    if (!PyDict_Check(until)) {
        PyErr_SetString(PyExc_ValueError, "a rule of the event map has a wrong until");
        return -1;
    }
    struct rule *end = new_rule(until, RULE_UNTIL);
    if (end == NULL) {
        return -1;
    }
    end->start = rule;
    rule->has_until = true;
    return 0;
}

static int
parse_rule(PyObject *map)
{
    static const struct {
        const char *name;
        enum rule_kind kind;
    } kinds[] = {
        {"start", RULE_START}, {"continue", RULE_CONTINUE}, {"link", RULE_LINK},
        {"reply", RULE_REPLY}, {"end", RULE_END},           {"loop", RULE_LOOP},
        {"pass", RULE_PASS},   {"phase", RULE_PHASE},       {"sensor", RULE_SENSOR},
    };
    PyObject *name = PyDict_Check(map) ? member(map, "kind") : NULL;
    struct rule *rule = NULL;
    for (size_t kind = 0; name != NULL && kind < sizeof(kinds) / sizeof(*kinds); kind++) {
        if (PyUnicode_Check(name) &&
            PyUnicode_CompareWithASCIIString(name, kinds[kind].name) == 0 &&
            (rule = new_rule(map, kinds[kind].kind)) == NULL) {
            return -1;
        }
    }
    if (rule == NULL) {
        PyErr_Format(PyExc_ValueError, "the event map has a rule of an unknown kind: %R", map);
        return -1;
    }
    uint64_t id = 0;
    if (number_of(map, "id", &id) != 0) {
        return -1;
    }
    rule->id = (uint32_t)id;
    switch (rule->kind) {
    case RULE_START:
        return parse_start(map, rule);
    case RULE_CONTINUE:
        return source_of(map, "session", &rule->session);
    case RULE_LINK:
        return source_of(map, "to", &rule->source);
    case RULE_REPLY:
        return source_of(map, "text", &rule->source);
    case RULE_END:
        return source_of(map, "session", &rule->session) != 0 ? -1
                                                              : parts_of(map, "bytes", false, rule);
    case RULE_SENSOR: {
        PyObject *when = member(map, "when");
        rule->at_exit = when != NULL && PyUnicode_Check(when) &&
                        PyUnicode_CompareWithASCIIString(when, "exit") == 0;
        return actions_of(map, "actions", rule) != 0 ? -1 : parts_of(map, "fields", true, rule);
    }
    default:
        return 0;
    }
}

int
rules_start(PyObject *event_map)
{
    rules = (struct rules){
        .keep_instances = DEFAULT_KEEP_INSTANCES,
        .keep_events = DEFAULT_KEEP_EVENTS,
    };
    PyObject *list = PyDict_Check(event_map) ? member(event_map, "rules") : NULL;
    if (list == NULL || !PyList_Check(list)) {
        PyErr_SetString(PyExc_ValueError, "the event map has no list of rules");
        return -1;
    }
    int failed = sources_start() != 0 ||
                 number_of(event_map, "keep_instances", &rules.keep_instances) != 0 ||
                 number_of(event_map, "keep_events", &rules.keep_events) != 0 ||
                 number_of(event_map, "stall_ns", &rules.stall_ns) != 0;
    for (Py_ssize_t index = 0; !failed && index < PyList_GET_SIZE(list); index++) {
        failed = parse_rule(PyList_GET_ITEM(list, index)) != 0;
    }
    if (failed) {
        rules_stop();
        return -1;
    }
    return 0;
}
