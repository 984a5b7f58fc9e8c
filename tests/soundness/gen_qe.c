/* Comparisons of fields of Queryable Encryption. */

#include <string.h>

#include "gen.h"

static value *path_of(gen *g, const char *path) {
    return value_string(g->p, pool_text(g->p, gen_percent(g, 5) ? "$$CURRENT.%s" : "$%s", path));
}

static value *pair(gen *g, const char *op, const value *a, const value *b) {
    value *list = value_array(g->p);
    value_push(g->p, list, a);
    value_push(g->p, list, b);
    return value_one(g->p, op, list);
}

static value *list_for(gen *g, const metadata *meta) {
    value *list = value_array(g->p);
    for (unsigned n = gen_below(g, 4); n > 0; n--)
        value_push(g->p, list, gen_value_for(g, meta));
    return list;
}

/* An int is fine for an index of longs. */
static value *bound_for(gen *g, const metadata *meta) {
    if (metadata_allows(meta, T_LONG) && gen_percent(g, 40))
        return gen_typed(g, T_INT);
    return gen_odd(g, 3) ? gen_plain_value(g) : gen_value_for(g, meta);
}

static const char *order(gen *g) {
    static const char *const ops[] = {"$gt", "$gte", "$lt", "$lte", NULL};
    return gen_pick(g, ops);
}

static value *bounds(gen *g, const metadata *meta) {
    value *made = value_one(g->p, order(g), bound_for(g, meta));
    for (unsigned n = gen_below(g, 3); n > 0; n--) {
        const char *op = order(g);
        if (!value_get(made, op))
            value_put(g->p, made, op, bound_for(g, meta));
    }
    return made;
}

value *gen_range(gen *g, const metadata *meta) {
    value *made;
    switch (gen_below(g, 12)) {
    case 0: return bound_for(g, meta);
    case 1: return value_one(g->p, "$eq", bound_for(g, meta));
    case 2: return value_one(g->p, "$ne", bound_for(g, meta));
    case 3: return value_one(g->p, "$in", list_for(g, meta));
    case 4: return value_one(g->p, "$nin", list_for(g, meta));
    case 5: return value_one(g->p, "$not", bounds(g, meta));
    case 6: return value_one(g->p, "$not", gen_range_operators(g, meta));
    case 7:
        made = bounds(g, meta);
        value_put(g->p, made, "$exists", value_bool(g->p, gen_percent(g, 70)));
        return made;
    case 8:
        made = bounds(g, meta);
        value_put(g->p, made, "$ne", bound_for(g, meta));
        return made;
    default: return bounds(g, meta);
    }
}

value *gen_range_operators(gen *g, const metadata *meta) {
    value *made = gen_range(g, meta);
    return made->type == T_DOC && made->first ? made : value_one(g->p, "$eq", made);
}

/* In mixed cases, since some indexes fold. */
static value *text(gen *g) {
    static const char *const parts[] = {"a", "b", "B", "bc", "A", "C", "ab", "", NULL};
    return value_string(g->p, gen_pick(g, parts));
}

static value *text_condition(gen *g, const place *e) {
    static const char *const ops[] = {"$encStrStartsWith", "$encStrEndsWith", "$encStrContains", "$encStrNormalizedEq"};
    static const char *const names[] = {"prefix", "suffix", "substring", "string"};
    const queryable *q = e->meta->qe;
    unsigned fits = q->substring.ub ? 2 : q->prefix.ub && (!q->suffix.ub || gen_percent(g, 50)) ? 0 : 1;
    unsigned i = gen_percent(g, 25) ? 3 : gen_odd(g, 15) ? gen_below(g, 4) : fits;
    value *operand = value_one(g->p, "input", path_of(g, e->path));
    value_put(g->p, operand, names[i], gen_odd(g, 8) ? gen_plain_value(g) : text(g));
    return value_one(g->p, ops[i], operand);
}

static value *constant(gen *g, const metadata *meta) {
    value *v = meta->qe->index == RANGE_INDEX ? bound_for(g, meta) : gen_value_for(g, meta);
    return value_is_container(v) || gen_percent(g, 20) ? value_one(g->p, "$literal", v) : v;
}

static value *constants(gen *g, const metadata *meta) {
    value *list = value_array(g->p);
    for (unsigned n = gen_below(g, 4); n > 0; n--)
        value_push(g->p, list, constant(g, meta));
    return list;
}

value *gen_qe_condition(gen *g) {
    static const char *const equal[] = {"$eq", "$eq", "$ne", NULL};
    const place *e = gen_place(g, gen_odd(g, 8) ? LEAF : gen_percent(g, 25) ? TEXT : FILTERABLE);
    if (!e || !e->meta->qe)
        return NULL;
    if (e->meta->qe->index == TEXT_INDEX)
        return text_condition(g, e);
    value *field = path_of(g, e->path);
    if (gen_percent(g, 20))
        return pair(g, "$in", field, constants(g, e->meta));
    const char *op = gen_pick(g, equal);
    if (e->meta->qe->index == RANGE_INDEX ? gen_percent(g, 70) : gen_odd(g, 5))
        op = order(g);
    value *other = constant(g, e->meta);
    if (gen_odd(g, 3))
        other = path_of(g, gen_plain_path(g));
    return gen_percent(g, 70) ? pair(g, op, field, other) : pair(g, op, other, field);
}
