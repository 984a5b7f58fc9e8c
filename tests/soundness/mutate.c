#include "mutate.h"

#include <string.h>

typedef struct mutation {
    gen *g;
    const value *whole;
    unsigned at; /* nodes to go */
} mutation;

static unsigned size(const value *v) {
    unsigned n = 0;
    if (value_is_container(v))
        for (const value *m = v->first; m; m = m->next)
            n += 1 + size(m);
    return n;
}

static const value *nth(const value *v, unsigned *n) {
    for (const value *m = v->first; m; m = m->next) {
        if ((*n)-- == 0)
            return m;
        const value *found = value_is_container(m) ? nth(m, n) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

static const char *other_name(gen *g) {
    static const char *const names[] = {
        "$eq",   "$in",      "$not",       "$and",    "$elemMatch", "$exists", "$expr", "$set", "$unset",
        "$push", "$max",     "x",          "arr",     "user",       "_id",     "a",     "$ref", "ssn",
        "ssn.x", "arr.$",    "user.$[].a", "$gt",     "$lte",       "$nor",    "$or",   "age",  "__safeContent__",
        "sub.s", "$literal", "$cond",      "$ifNull", NULL};
    const place *e = gen_percent(g, 50) ? gen_place(g, ANYTHING) : NULL;
    return e ? e->path : gen_pick(g, names);
}

static const value *other_value(mutation *m) {
    gen *g = m->g;
    const place *e = gen_place(g, ANYTHING);
    unsigned n;
    switch (gen_below(g, 4)) {
    case 0: return gen_plain_value(g);
    case 1: return value_string(g->p, pool_text(g->p, "$%s", e ? e->path : "x"));
    case 2: return e && e->meta ? gen_value_for(g, e->meta) : gen_typed(g, T_NULL);
    default: n = gen_below(g, size(m->whole)); return nth(m->whole, &n);
    }
}

static value *wrapped(gen *g, const value *v) {
    if (gen_percent(g, 50))
        return value_one(g->p, other_name(g), v);
    value *list = value_array(g->p);
    value_push(g->p, list, v);
    return list;
}

static void put_changed(mutation *m, value *into, const value *old, const char *name) {
    gen *g = m->g;
    switch (gen_below(g, 5)) {
    case 0: value_put(g->p, into, into->type == T_DOC ? other_name(g) : name, old); return;
    case 1:
        value_put(g->p, into, name, old);
        if (into->type == T_DOC)
            value_put(g->p, into, name, other_value(m));
        return;
    case 2: value_put(g->p, into, name, wrapped(g, old)); return;
    case 3:
        if (value_is_container(old)) {
            value *longer = value_copy(g->p, old);
            if (longer->type == T_DOC)
                value_put(g->p, longer, other_name(g), other_value(m));
            else
                value_push(g->p, longer, other_value(m));
            value_put(g->p, into, name, longer);
            return;
        }
        /* fall through */
    default: value_put(g->p, into, name, other_value(m));
    }
}

static value *changed(mutation *m, const value *v) {
    value *copy = v->type == T_DOC ? value_doc(m->g->p) : value_array(m->g->p);
    for (const value *old = v->first; old; old = old->next) {
        if (m->at-- == 0)
            put_changed(m, copy, old, old->name);
        else
            value_put(m->g->p, copy, old->name, value_is_container(old) ? changed(m, old) : old);
    }
    return copy;
}

static bool stays(const value *command, const value *m) {
    static const char *const names[] = {
        "jsonSchema", "isRemoteSchema", "csfleEncryptionSchemas", "encryptionInformation", "$db", "explain", "nsInfo"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(m->name, names[i]) == 0)
            return true;
    return m == command->first || !value_is_container(m) || !m->first;
}

const value *mutate(gen *g, const value *command) {
    value *copy = value_doc(g->p);
    for (const value *m = command->first; m; m = m->next) {
        if (stays(command, m)) {
            value_put(g->p, copy, m->name, m);
            continue;
        }
        value *field = value_put(g->p, copy, m->name, m);
        for (unsigned n = 1 + gen_below(g, 2); n > 0 && field->first; n--) {
            mutation one = {g, field, gen_below(g, size(field))};
            const value *made = changed(&one, field);
            field->first = made->first;
            field->last = made->last;
        }
    }
    return copy;
}
