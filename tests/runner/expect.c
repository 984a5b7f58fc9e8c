#include "expect.h"

#include <stdio.h>
#include <string.h>

#include "convert.h"
#include "error.h"

static int32_t code_of_rule(const char *name) {
    static const struct {
        int32_t code;
        const char *name;
    } rules[] = {
#define ROW(id, code, name) {code, name},
        OC_RULES(ROW)
#undef ROW
    };
    for (size_t i = OC_NONE + 1; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].name, name) == 0)
            return rules[i].code;
    oc_case_die("there is no rule '%s'", name);
}

/* Not every subject says the rule; each says the code. */
static bool is_expected_reason(const oc_case *c, const bson_t *reply, const char *rule) {
    bson_iter_t it;
    if (!c->code && !c->rule)
        return c->any;
    int32_t code = c->code ? c->code : code_of_rule(c->rule);
    if (!bson_iter_init_find(&it, reply, "code") || bson_iter_int32(&it) != code)
        return false;
    return !c->rule || !rule || strcmp(c->rule, rule) == 0;
}

static bool is_expected_text(const oc_case *c, const char *text) {
    char path[512];
    if (strncmp(text, c->message, strlen(c->message)) != 0)
        return false;
    if (c->any && !c->path[0])
        return true;
    snprintf(path, sizeof path, ": path '%s'", c->path);
    return c->path[0] ? strstr(text, path) != NULL : strstr(text, ": path '") == NULL;
}

static bool is_expected_error(const oc_case *c, const bson_t *reply, const char *rule) {
    bson_iter_t it;
    if (!bson_iter_init_find(&it, reply, "ok") || bson_iter_double(&it) != 0.0)
        return false;
    if (!bson_iter_init_find(&it, reply, "codeName") || !BSON_ITER_HOLDS_UTF8(&it))
        return false;
    if (!is_expected_reason(c, reply, rule))
        return false;
    return bson_iter_init_find(&it, reply, "errmsg") && BSON_ITER_HOLDS_UTF8(&it) &&
           is_expected_text(c, bson_iter_utf8(&it, NULL));
}

bool oc_case_holds(const oc_case *c, const bson_t *reply, const char *rule) {
    return c->reply ? bson_equal(reply, c->reply) : is_expected_error(c, reply, rule);
}
