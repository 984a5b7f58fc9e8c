#include "gen.h"

#include <string.h>

bool gen_percent(gen *g, unsigned percent) {
    return rng_percent(g->r, percent);
}

unsigned gen_below(gen *g, unsigned n) {
    return rng_below(g->r, n);
}

bool gen_odd(gen *g, unsigned percent) {
    return g->wild && rng_percent(g->r, percent);
}

const char *gen_pick(gen *g, const char *const *of) {
    unsigned n = 0;
    while (of[n])
        n++;
    return of[gen_below(g, n)];
}

static value *object_id(gen *g) {
    uint8_t id[12] = {0};
    id[11] = (uint8_t)gen_below(g, 3);
    return value_scalar(g->p, T_OID, id, sizeof id);
}

static value *decimal(gen *g) {
    /* 0, 1 and 2 */
    uint64_t parts[2] = {gen_below(g, 3), 0x3040000000000000u};
    return value_scalar(g->p, T_DECIMAL, parts, sizeof parts);
}

static value *regex(gen *g) {
    static const char *const all[] = {"a\0", "b\0i", "^c\0"};
    static const size_t lengths[] = {3, 4, 4};
    unsigned i = gen_below(g, 3);
    return value_scalar(g->p, T_REGEX, all[i], lengths[i]);
}

/* Few values of each type, so that what is compared is often equal. */
value *gen_typed(gen *g, uint8_t type) {
    static const char *const strings[] = {"a", "b", "c", "a", "b", "", "bc", NULL};
    const char *text = gen_pick(g, strings);
    int64_t number = gen_below(g, 4);
    switch (type) {
    case T_DOUBLE: return value_double(g->p, (double)number / 2);
    case T_STRING:
    case T_SYMBOL:
    case T_CODE: return value_text(g->p, type, text, strlen(text));
    case T_DOC: return value_one(g->p, "v", value_int(g->p, (int32_t)number));
    case T_ARRAY: {
        value *list = value_array(g->p);
        value_push(g->p, list, value_int(g->p, (int32_t)number));
        if (gen_percent(g, 50))
            value_push(g->p, list, value_string(g->p, text));
        return list;
    }
    case T_BINARY: return value_binary(g->p, 0, text, strlen(text));
    case T_OID: return object_id(g);
    case T_BOOL: return value_bool(g->p, number & 1);
    case T_REGEX: return regex(g);
    case T_INT: return value_int(g->p, (int32_t)number);
    case T_TIMESTAMP:
    case T_DATE:
    case T_LONG:
        number += type == T_TIMESTAMP && !gen_odd(g, 20);
        return value_scalar(g->p, type, &number, sizeof number);
    case T_DECIMAL: return decimal(g);
    default: return value_scalar(g->p, type, NULL, 0);
    }
}

static value *ciphertext(gen *g) {
    uint8_t payload[20] = {0};
    payload[0] = (uint8_t)(gen_percent(g, 30) ? gen_below(g, 20) : 1);
    return value_binary(g->p, 6, payload, sizeof payload);
}

value *gen_plain_value(gen *g) {
    static const uint8_t types[] = {T_INT,  T_INT,    T_STRING, T_STRING, T_NULL, T_DOUBLE,  T_LONG,
                                    T_BOOL, T_DATE,   T_OID,    T_ARRAY,  T_DOC,  T_DECIMAL, T_BINARY,
                                    T_CODE, T_MINKEY, T_INT,    T_STRING, T_LONG, T_DOUBLE};
    if (gen_odd(g, 1))
        return ciphertext(g);
    return gen_typed(g, types[gen_below(g, sizeof types)]);
}

static value *allowed_value(gen *g, const metadata *meta) {
    unsigned i = gen_below(g, type_count);
    if (meta->types)
        while (!(meta->types & 1u << i))
            i = (i + 1) % type_count;
    return gen_typed(g, type_table[i].type);
}

value *gen_value_for(gen *g, const metadata *meta) {
    if (gen_odd(g, 4))
        return gen_plain_value(g);
    if (gen_odd(g, 1))
        return ciphertext(g);
    return allowed_value(g, meta);
}

static void put_child(gen *g, value *doc, const position *at, const char *name) {
    position child = position_child(at, name);
    const metadata *meta;
    if (value_get(doc, name) && !gen_odd(g, 3))
        return;
    switch (position_answer(&child, &meta)) {
    case ENCRYPTED: value_put(g->p, doc, name, gen_value_for(g, meta)); return;
    case ABOVE:
        value_put(g->p, doc, name,
                  g->full || gen_percent(g, 92) ? gen_document(g, &child, false)
                                                : gen_typed(g, gen_odd(g, 30)       ? T_ARRAY
                                                               : gen_percent(g, 50) ? T_INT
                                                                                    : T_NULL));
        return;
    case PLAIN: value_put(g->p, doc, name, gen_plain_value(g)); return;
    case CONFLICT:
        if (gen_odd(g, 50))
            value_put(g->p, doc, name, gen_plain_value(g));
    }
}

static void put_model(gen *g, value *doc, const position *at) {
    for (unsigned i = 0; i < at->n; i++) {
        for (const member *e = at->set[i]->members; e; e = e->next)
            if (g->full || gen_percent(g, 70))
                put_child(g, doc, at, e->name);
        for (const pattern *e = at->set[i]->patterns; e; e = e->next)
            if (gen_percent(g, 50))
                put_child(g, doc, at, e->at_end ? "bz" : "pb");
        if (at->set[i]->rest && gen_percent(g, 60))
            put_child(g, doc, at, "q1");
    }
}

static bool is_plain(const position *at, const char *name) {
    position child = position_child(at, name);
    const metadata *meta;
    return position_answer(&child, &meta) == PLAIN;
}

static void put_plain(gen *g, value *doc, const position *at) {
    if (gen_percent(g, 60) && is_plain(at, "x") && !value_get(doc, "x"))
        value_put(g->p, doc, "x", gen_plain_value(g));
    if (gen_percent(g, 30) && is_plain(at, "y"))
        value_put(g->p, doc, "y", gen_plain_value(g));
    if (gen_percent(g, 30) && is_plain(at, "arr"))
        value_put(g->p, doc, "arr", gen_typed(g, T_ARRAY));
    if (gen_percent(g, 30) && is_plain(at, "sub"))
        value_put(g->p, doc, "sub", value_one(g->p, "s", gen_plain_value(g)));
    if (gen_odd(g, 3))
        value_put(g->p, doc, gen_percent(g, 50) ? "ssn.x" : "user.a", gen_plain_value(g));
}

value *gen_document(gen *g, const position *at, bool whole) {
    value *doc = value_doc(g->p);
    if (whole && !gen_odd(g, 4)) {
        put_child(g, doc, at, "_id");
        value_put(g->p, doc, "kn", value_string(g->p, gen_percent(g, 50) ? "alice" : "bob"));
        value_put(g->p, doc, "k/n", value_string(g->p, "alice"));
    }
    put_model(g, doc, at);
    put_plain(g, doc, at);
    return doc;
}

static bool is_own(const gen *g, const place *e) {
    return !g->lost && strcmp(e->path, e->meta->qe->path) == 0;
}

static bool fits(const gen *g, const place *e, wanted kind) {
    switch (kind) {
    case FILTERABLE: return e->meta && metadata_filterable(e->meta) && (!e->meta->qe || is_own(g, e));
    case TEXT: return e->meta && e->meta->qe && e->meta->qe->index == TEXT_INDEX && is_own(g, e);
    case COMPARABLE: return e->meta && metadata_comparable(e->meta);
    case LEAF: return e->meta;
    case PARENT: return !e->meta;
    default: return true;
    }
}

const place *gen_place(gen *g, wanted kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < g->place_count; i++)
        n += fits(g, &g->places[i], kind);
    if (n == 0)
        return NULL;
    n = gen_below(g, n);
    for (unsigned i = 0;; i++)
        if (fits(g, &g->places[i], kind) && n-- == 0)
            return &g->places[i];
}

const char *gen_plain_path(gen *g) {
    static const char *const all[] = {"x", "y", "arr", "sub", "sub.s", "x", NULL};
    return gen_pick(g, all);
}

void gen_enter(gen *g, const collection *c) {
    g->c = c;
    g->lost = false;
    memcpy(g->places, c->places, sizeof g->places);
    g->place_count = c->place_count;
}
