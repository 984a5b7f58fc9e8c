#include "direct.h"

#include <string.h>

#include "secrets.h"

static const value *seen(const secrets *of, const value *v) {
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next) {
        const value *found = seen(of, m);
        if (found)
            return found;
    }
    for (unsigned i = 0; i < of->count; i++)
        if (v->type == of->values[i]->type && value_equal(v, of->values[i]))
            return v;
    return NULL;
}

const char *direct_leak(pool *p, const schema *s, const value *command, const value *result) {
    secrets all;
    secrets_collect(&all, p, s, command);
    const value *found = all.count ? seen(&all, result) : NULL;
    return found ? pool_text(p, "leak: '%s' in clear", found->name) : NULL;
}

/* ---- what else has changed: names and scalars in their order, without what the normal form adds ---- */

typedef struct stream {
    uint8_t bytes[8192];
    size_t len;
    bool unsure; /* too long, or rewritten as a range */
} stream;

static void put(stream *s, const void *bytes, size_t len) {
    if (s->len + len > sizeof s->bytes) {
        s->unsure = true;
        return;
    }
    if (len)
        memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static bool is_among(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static void flatten(stream *to, pool *p, const value *v);

/* The value that a placeholder was made of. */
static void flatten_marked(stream *to, pool *p, const value *marked) {
    const uint8_t *payload;
    uint32_t len = value_payload(marked, &payload);
    const value *doc = value_read(p, payload + 1, len - 1), *v = doc ? value_get(doc, "v") : NULL;
    const value *index = doc && payload[0] == 3 ? value_get(doc, "a") : NULL;
    if (!v || (index && value_number(index) == 3)) {
        to->unsure = true;
        return;
    }
    flatten(to, p, index && value_number(index) == 4 ? value_get(v, "v") : v);
}

static bool is_path(const value *v) {
    return value_chars(v)[0] == '$';
}

/* A comparison of two, which may be written the other way round. */
static bool is_reversed(const value *v) {
    static const char *const names[] = {"$eq", "$ne", NULL};
    return v->type == T_ARRAY && value_count(v) == 2 && v->name && is_among(v->name, names) && !is_path(v->first) &&
           is_path(v->last);
}

static void flatten_members(stream *to, pool *p, const value *v) {
    static const char *const added[] = {"$db",
                                        "verbosity",
                                        "multi",
                                        "upsert",
                                        "jsonSchema",
                                        "isRemoteSchema",
                                        "csfleEncryptionSchemas",
                                        "encryptionInformation",
                                        NULL};
    static const char *const wrapping[] = {"$and", "$eq", "$const", "$literal", NULL};
    for (const value *m = v->first; m; m = m->next) {
        if (v->type == T_DOC && is_among(m->name, added))
            continue;
        if (v->type == T_DOC && !is_among(m->name, wrapping))
            put(to, m->name, strlen(m->name) + 1);
        flatten(to, p, m);
    }
}

static void flatten(stream *to, pool *p, const value *v) {
    if (is_reversed(v)) {
        flatten(to, p, v->last);
        flatten(to, p, v->first);
    } else if (value_is_container(v)) {
        flatten_members(to, p, v);
    } else if (value_is_placeholder(v)) {
        flatten_marked(to, p, v);
    } else {
        put(to, &v->type, 1);
        put(to, v->bytes, v->len);
    }
}

const char *direct_change(pool *p, const value *command, const value *result) {
    stream before, after;
    before.len = after.len = 0;
    before.unsure = after.unsure = false;
    flatten(&before, p, command);
    flatten(&after, p, result);
    if (before.unsure || after.unsure)
        return NULL;
    return before.len == after.len && memcmp(before.bytes, after.bytes, before.len) == 0 ? NULL
                                                                                         : "something else has changed";
}
