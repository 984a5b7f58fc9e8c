/* Proves that the checkers find what they are there for. */

#include "sabotage.h"

#include <string.h>

static value *encoded(pool *p, const value *placeholder) {
    buffer out = {pool_take(p, 4096), 0, 4096};
    uint8_t payload[4096] = {0};
    value_write(&out, placeholder);
    payload[0] = (uint8_t)(value_get(placeholder, "t") ? 3 : 0);
    memcpy(payload + 1, out.data, out.len);
    return value_binary(p, 6, payload, out.len + 1);
}

static value *other_key(pool *p, const value *key) {
    if (key->type == T_STRING)
        return value_string(p, "mallory");
    uint8_t id[16] = {0};
    id[15] = (uint8_t)(key->bytes[20] ^ 1);
    return value_binary(p, 4, id, sizeof id);
}

static value *with(pool *p, const value *doc, const char *name, const value *v) {
    value *copy = value_doc(p);
    for (const value *m = doc->first; m; m = m->next)
        value_put(p, copy, m->name, strcmp(m->name, name) == 0 ? v : m);
    return copy;
}

/* The value itself in what placeholders of ranges and of text hold. */
static const value *innermost(const value *v) {
    const value *edges = v->type == T_DOC ? value_get(v, "edgesInfo") : NULL;
    const value *inner = edges ? value_get(edges, "lowerBound") : v->type == T_DOC ? value_get(v, "v") : NULL;
    return inner ? inner : v;
}

static const value *other_content(pool *p, const value *v) {
    const value *edges = v->type == T_DOC ? value_get(v, "edgesInfo") : NULL;
    if (edges)
        return with(p, v, "edgesInfo", with(p, edges, "lbIncluded", value_int(p, 3)));
    if (v->type == T_DOC && value_get(v, "payloadId"))
        return with(p, v, "payloadId", value_int(p, 77));
    return v->type == T_DOC && value_get(v, "v") ? with(p, v, "v", value_string(p, "another"))
                                                 : value_string(p, "another");
}

static const value *broken_queryable(pool *p, rng *r, const value *placeholder) {
    const value *v = value_get(placeholder, "v"), *t = value_get(placeholder, "t"), *a = value_get(placeholder, "a");
    switch (rng_below(r, 6)) {
    case 0: return innermost(v);
    case 1: return encoded(p, with(p, placeholder, "a", value_int(p, 1 + (int)value_number(a) % 4)));
    case 2: return encoded(p, with(p, placeholder, "ki", other_key(p, value_get(placeholder, "ki"))));
    case 3: return encoded(p, with(p, placeholder, "v", other_content(p, v)));
    case 4: return encoded(p, with(p, placeholder, "t", value_int(p, 3 - (int)value_number(t))));
    default: return encoded(p, with(p, placeholder, "cm", value_long(p, 4711)));
    }
}

static const value *broken(pool *p, rng *r, const value *marked) {
    const uint8_t *payload;
    uint32_t len = value_payload(marked, &payload);
    const value *placeholder = value_read(p, payload + 1, len - 1);
    if (payload[0] == 3)
        return len > 3000 ? value_int(p, 1) : broken_queryable(p, r, placeholder);
    const value *a = placeholder->first, *key = a->next, *plain = key->next;
    unsigned how = rng_below(r, 4);
    if (how == 0 || len > 3000)
        return plain;
    value *made = value_one(p, "a", how == 1 ? value_int(p, 3 - (int)value_number(a)) : a);
    value_put(p, made, key->name, how == 2 ? other_key(p, key) : key);
    value_put(p, made, "v", how == 3 ? value_string(p, "another") : plain);
    return encoded(p, made);
}

static const value *broken_nth(pool *p, rng *r, const value *v, unsigned *n) {
    if (value_is_placeholder(v))
        return (*n)-- == 0 ? broken(p, r, v) : v;
    if (!value_is_container(v))
        return v;
    value *copy = v->type == T_DOC ? value_doc(p) : value_array(p);
    for (const value *m = v->first; m; m = m->next)
        value_put(p, copy, m->name, broken_nth(p, r, m, n));
    return copy;
}

const value *sabotage(pool *p, rng *r, const value *result) {
    unsigned n = rng_below(r, value_placeholders(result));
    return broken_nth(p, r, result, &n);
}
