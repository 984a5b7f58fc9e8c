/* Proves that the checkers find what they are there for. */

#include "sabotage.h"

#include <string.h>

static value *encoded(pool *p, const value *placeholder) {
    buffer out = {pool_take(p, 4096), 0, 4096};
    uint8_t payload[4096] = {0};
    value_write(&out, placeholder);
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

static const value *broken(pool *p, rng *r, const value *marked) {
    const uint8_t *payload;
    uint32_t len = value_payload(marked, &payload);
    const value *placeholder = value_read(p, payload + 1, len - 1);
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
