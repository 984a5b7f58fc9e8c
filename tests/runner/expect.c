#include "expect.h"

#include <stdio.h>
#include <string.h>

static bool is_expected_error(const oc_case *c, const bson_t *reply) {
    bson_iter_t it;
    if (!bson_iter_init_find(&it, reply, "ok") || bson_iter_double(&it) != 0.0)
        return false;
    if (!bson_iter_init_find(&it, reply, "code") || (c->code && bson_iter_int32(&it) != c->code))
        return false;
    if (!bson_iter_init_find(&it, reply, "codeName") || !BSON_ITER_HOLDS_UTF8(&it))
        return false;
    if (!bson_iter_init_find(&it, reply, "errmsg") || !BSON_ITER_HOLDS_UTF8(&it))
        return false;
    const char *text = bson_iter_utf8(&it, NULL);
    if (c->message && strncmp(text, c->message, strlen(c->message)) != 0)
        return false;
    if (!c->path)
        return true;
    char path[512];
    snprintf(path, sizeof path, ": path '%s'", c->path);
    return c->path[0] ? strstr(text, path) != NULL : strstr(text, ": path '") == NULL;
}

bool oc_case_holds(const oc_case *c, const bson_t *reply) {
    return c->reply ? bson_equal(reply, c->reply) : is_expected_error(c, reply);
}
