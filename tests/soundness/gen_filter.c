#include "gen.h"

static value *one(gen *g, const char *name, const value *v) {
    return value_one(g->p, name, v);
}

static value *list_of(gen *g, const metadata *meta) {
    value *list = value_array(g->p);
    for (unsigned n = gen_below(g, 4); n > 0; n--)
        value_push(g->p, list, meta ? gen_value_for(g, meta) : gen_plain_value(g));
    return list;
}

static value *comparison(gen *g, const metadata *meta) {
    if (meta->qe && meta->qe->index == RANGE_INDEX)
        return gen_range(g, meta);
    switch (gen_below(g, 8)) {
    case 0: return one(g, "$eq", gen_value_for(g, meta));
    case 1: return one(g, "$ne", gen_value_for(g, meta));
    case 2: return one(g, "$in", list_of(g, meta));
    case 3: return one(g, "$nin", list_of(g, meta));
    case 4: return one(g, "$not", one(g, gen_percent(g, 50) ? "$eq" : "$ne", gen_value_for(g, meta)));
    case 5: {
        value *both = one(g, "$ne", gen_value_for(g, meta));
        value_put(g->p, both, "$exists", value_bool(g->p, true));
        return both;
    }
    default: return gen_value_for(g, meta);
    }
}

static value *plain_operator(gen *g) {
    static const char *const ordered[] = {"$gt", "$gte", "$lt", "$lte", "$eq", "$ne", NULL};
    switch (gen_below(g, 14)) {
    case 0: return one(g, "$exists", value_bool(g->p, gen_percent(g, 50)));
    case 1: return one(g, "$in", list_of(g, NULL));
    case 2: return one(g, "$nin", list_of(g, NULL));
    case 3: return one(g, "$type", value_string(g->p, gen_percent(g, 50) ? "int" : "string"));
    case 4: return one(g, "$size", value_int(g->p, (int32_t)gen_below(g, 3)));
    case 5: return one(g, "$regex", value_string(g->p, "a"));
    case 6: return one(g, "$mod", list_of(g, &(metadata){.types = 2})); /* the server wants two numbers; it may judge */
    case 7: return one(g, "$elemMatch", one(g, "$gt", value_int(g->p, 0)));
    case 8: return one(g, "$all", list_of(g, NULL));
    case 9: return one(g, "$not", one(g, "$gt", gen_plain_value(g)));
    case 10: {
        value *range = one(g, "$gte", value_int(g->p, 1));
        value_put(g->p, range, "$lt", value_int(g->p, 3));
        return range;
    }
    case 11: return one(g, "$bitsAllSet", value_int(g->p, 1));
    default: return one(g, gen_pick(g, ordered), gen_plain_value(g));
    }
}

static value *parent_operator(gen *g, const char *path) {
    position at = position_root(g->c->root);
    char name[64];
    size_t n = 0;
    for (const char *c = path;; c++) {
        if (*c && *c != '.') {
            name[n++] = *c;
            continue;
        }
        name[n] = 0;
        at = position_child(&at, name);
        n = 0;
        if (!*c)
            break;
    }
    unsigned kind = gen_below(g, 5);
    if (kind == 2 && g->w->qe && !gen_odd(g, 40))
        kind = 3; /* an object with encrypted fields cannot be found */
    switch (kind) {
    case 0: return one(g, "$type", value_string(g->p, "object"));
    case 1: return gen_typed(g, T_INT);
    case 2: return gen_percent(g, 50) ? gen_document(g, &at, false) : one(g, "$eq", gen_document(g, &at, false));
    default: return one(g, "$exists", value_bool(g->p, gen_percent(g, 70)));
    }
}

static void put_odd(gen *g, value *filter) {
    static const char *const below[] = {"ssn.x", "code.0", "acct.a.b", "user.0", NULL};
    static const char *const tree[] = {"$where", "$text", "$jsonSchema", "$sampleRate", "$unknown", NULL};
    const place *any = gen_place(g, ANYTHING);
    switch (gen_below(g, 3)) {
    case 0: value_put(g->p, filter, gen_pick(g, tree), gen_typed(g, gen_percent(g, 50) ? T_STRING : T_DOC)); return;
    case 1:
        value_put(g->p, filter, gen_pick(g, below), gen_percent(g, 50) ? gen_plain_value(g) : plain_operator(g));
        return;
    default:
        if (any)
            value_put(g->p, filter, any->path, plain_operator(g));
    }
}

static void put_predicate(gen *g, value *filter) {
    const place *e;
    unsigned kind = gen_below(g, 100);
    if (gen_odd(g, 8)) {
        put_odd(g, filter);
    } else if (kind < 62 && (e = gen_place(g, FILTERABLE))) {
        value_put(g->p, filter, e->path, comparison(g, e->meta));
    } else if (kind < 72 && (e = gen_place(g, LEAF))) {
        value_put(g->p, filter, e->path,
                  gen_odd(g, 30) ? comparison(g, e->meta) : one(g, "$exists", value_bool(g->p, gen_percent(g, 60))));
    } else if (kind < 80 && (e = gen_place(g, PARENT))) {
        value_put(g->p, filter, e->path, parent_operator(g, e->path));
    } else {
        value_put(g->p, filter, gen_plain_path(g), gen_percent(g, 40) ? gen_plain_value(g) : plain_operator(g));
    }
}

value *gen_filter(gen *g, unsigned depth) {
    static const char *const trees[] = {"$and", "$and", "$or", "$or", "$nor", NULL};
    value *filter = value_doc(g->p);
    for (unsigned n = gen_percent(g, 4) ? 0 : 1 + gen_below(g, 3) * gen_below(g, 2); n > 0; n--) {
        unsigned kind = gen_below(g, 100);
        if (kind < 15 && depth > 0) {
            value *list = value_array(g->p);
            for (unsigned k = 1 + gen_below(g, 3); k > 0; k--)
                value_push(g->p, list, gen_filter(g, depth - 1));
            value_put(g->p, filter, gen_pick(g, trees), list);
        } else if (kind < 22) {
            g->in_filter = true;
            value_put(g->p, filter, "$expr", gen_condition(g, 2));
            g->in_filter = false;
        } else if (kind < 24) {
            value_put(g->p, filter, "$comment", value_string(g->p, "why"));
        } else {
            put_predicate(g, filter);
        }
    }
    return filter;
}
