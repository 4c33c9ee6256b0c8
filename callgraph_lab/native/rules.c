#include "rules.h"

#include <stdlib.h>
#include <string.h>

/* Is one of the ancestors, by the last part of its name, of that name? */
static bool
has_ancestor(const char *ancestors, const char *name)
{
    size_t length = strlen(name);
    while (*ancestors != '\0') {
        size_t line = strcspn(ancestors, "\n");
        if (line > length && memcmp(ancestors + line - length, name, length) == 0 &&
            (ancestors[line - length - 1] == ':' || ancestors[line - length - 1] == '.')) {
            return true;
        }
        ancestors += line + (ancestors[line] == '\n');
    }
    return false;
}

static bool
matches(const struct rule *rule, PyCodeObject *code, const char *function, const char *module,
        const char *ancestors)
{
    if (rule->prefix ? strncmp(function, rule->function, strlen(rule->function)) != 0
                     : strcmp(function, rule->function) != 0) {
        return false;
    }
    if (rule->module[0] != '\0' && strcmp(module, rule->module) != 0) {
        return false;
    }
    /* A constructor further up that does not get the argument: most of those that an object runs. */
    if (rule->kind == RULE_LINK && rule->source.name_count != 0 &&
        !source_has_argument(&rule->source, code)) {
        return false;
    }
    return rule->class_name[0] == '\0' ? ancestors[0] == '\0'
                                       : has_ancestor(ancestors, rule->class_name);
}

struct watch *
rules_for(PyCodeObject *code, const char *function, const char *module, const char *ancestors,
          bool *failed)
{
    int count = 0;
    for (struct rule *rule = rules.first; rule != NULL; rule = rule->next) {
        count += matches(rule, code, function, module, ancestors);
    }
    if (count == 0) {
        return NULL;
    }
    struct watch *watch = calloc(1, sizeof(*watch) + (size_t)count * sizeof(*watch->rules));
    if (watch == NULL || (watch->function = strdup(function)) == NULL) {
        free(watch);
        *failed = true;
        return NULL;
    }
    for (struct rule *rule = rules.first; rule != NULL; rule = rule->next) {
        if (matches(rule, code, function, module, ancestors)) {
            watch->kinds |= rule->kind;
            watch->rules[watch->count++] = rule;
        }
    }
    return watch;
}

void
watch_free(struct watch *watch)
{
    if (watch != NULL) {
        free(watch->function);
        free(watch);
    }
}

bool
rule_is_for_action(const struct rule *rule, const char *name)
{
    char **action = rule->actions;
    while (action != NULL && *action != NULL && (name == NULL || strcmp(*action, name) != 0)) {
        action++;
    }
    return action == NULL || *action != NULL;
}

const char *
rule_star(const struct rule *rule, const struct watch *watch)
{
    return watch->function + (rule->prefix ? strlen(rule->function) : 0);
}
