#include <string.h>

#include "gen.h"

static value *path_of(gen *g, const char *path) {
    return value_string(g->p, pool_text(g->p, "$%s", path));
}

static value *pair(gen *g, const char *op, const value *a, const value *b) {
    value *list = value_array(g->p);
    value_push(g->p, list, a);
    value_push(g->p, list, b);
    return value_one(g->p, op, list);
}

/* A constant as an expression: strings that start with '$' and objects would be read otherwise. */
static value *constant(gen *g, const metadata *meta) {
    value *v = meta ? gen_value_for(g, meta) : gen_plain_value(g);
    if (gen_percent(g, 25) || (v->type == T_STRING && value_chars(v)[0] == '$'))
        return value_one(g->p, "$literal", v);
    return v;
}

static value *chosen_constant(gen *g, const metadata *meta) {
    if (gen_percent(g, 88))
        return constant(g, meta);
    value *list = value_array(g->p);
    value_push(g->p, list, gen_condition(g, 0));
    value_push(g->p, list, constant(g, meta));
    value_push(g->p, list, constant(g, meta));
    return value_one(g->p, "$cond", list);
}

static value *equality(gen *g) {
    static const char *const ops[] = {"$eq", "$eq", "$ne", NULL};
    const place *e = gen_place(g, gen_odd(g, 10) ? LEAF : COMPARABLE);
    if (!e)
        return pair(g, "$eq", path_of(g, "x"), constant(g, NULL));
    if (gen_percent(g, 25)) {
        value *list = value_array(g->p);
        for (unsigned n = gen_below(g, 4); n > 0; n--)
            value_push(g->p, list, constant(g, e->meta));
        return pair(g, "$in", path_of(g, e->path), list);
    }
    const value *other = chosen_constant(g, e->meta);
    if (gen_percent(g, 10)) {
        const place *second = gen_place(g, COMPARABLE);
        if (second && (metadata_equal(second->meta, e->meta) || gen_odd(g, 50)))
            other = path_of(g, second->path);
    }
    if (gen_odd(g, 5))
        other = g->has_let && gen_percent(g, 50) ? value_string(g->p, "$$l") : path_of(g, gen_plain_path(g));
    const value *field = path_of(g, e->path);
    return gen_percent(g, 70) ? pair(g, gen_pick(g, ops), field, other) : pair(g, gen_pick(g, ops), other, field);
}

static value *ordering(gen *g) {
    static const char *const ops[] = {"$gt", "$gte", "$lt", "$lte", "$eq", "$ne", NULL};
    const place *e = gen_odd(g, 10) ? gen_place(g, ANYTHING) : NULL;
    if (g->has_let && gen_percent(g, 30))
        return pair(g, gen_pick(g, ops), path_of(g, gen_plain_path(g)), value_string(g->p, "$$l"));
    return pair(g, gen_pick(g, ops), path_of(g, e ? e->path : gen_plain_path(g)), constant(g, NULL));
}

value *gen_condition(gen *g, unsigned depth) {
    unsigned kind = gen_below(g, 100);
    if (depth > 0 && kind < 20)
        return pair(g, gen_percent(g, 50) ? "$and" : "$or", gen_condition(g, depth - 1), gen_condition(g, depth - 1));
    if (depth > 0 && kind < 26) {
        value *list = value_array(g->p);
        value_push(g->p, list, gen_condition(g, depth - 1));
        return value_one(g->p, "$not", list);
    }
    if (gen_odd(g, 4)) {
        const place *e = gen_place(g, ANYTHING);
        return path_of(g, e ? e->path : "x");
    }
    value *condition = g->in_filter && kind < 85 ? gen_qe_condition(g) : NULL;
    return condition ? condition : kind < 80 ? equality(g) : ordering(g);
}

static value *arithmetic(gen *g) {
    static const char *const ops[] = {"$add", "$subtract", "$concat", "$ifNull", NULL};
    const char *op = gen_pick(g, ops);
    const place *e = gen_odd(g, 15) ? gen_place(g, ANYTHING) : NULL;
    value *field = path_of(g, e ? e->path : gen_plain_path(g));
    return pair(g, op, field, strcmp(op, "$concat") == 0 ? value_string(g->p, "a") : value_int(g->p, 1));
}

/* Operators that take anything plain; the evaluator does not know them. */
static value *generic(gen *g) {
    static const char *const unary[] = {
        "$toUpper",       "$type",     "$abs",  "$isArray",  "$size",     "$mergeObjects",     "$toString",
        "$objectToArray", "$strLenCP", "$year", "$isNumber", "$bsonSize", "$toHashedIndexKey", NULL};
    static const char *const binary[] = {"$arrayElemAt", "$concatArrays", "$setUnion",  "$max",        "$cmp", "$mod",
                                         "$split",       "$indexOfArray", "$setEquals", "$strcasecmp", NULL};
    const place *e = gen_odd(g, 25) ? gen_place(g, ANYTHING) : NULL;
    value *field = path_of(g, e ? e->path : gen_plain_path(g));
    if (gen_percent(g, 50))
        return value_one(g->p, gen_pick(g, unary), field);
    value *other = gen_percent(g, 50) ? path_of(g, gen_plain_path(g)) : value_int(g->p, 1);
    return gen_percent(g, 50) ? pair(g, gen_pick(g, binary), field, other) : pair(g, gen_pick(g, binary), other, field);
}

static value *conditional(gen *g, unsigned depth, const metadata **meta) {
    const metadata *other = NULL;
    value *then = gen_expression(g, depth - 1, meta);
    value *otherwise = gen_percent(g, 40)   ? then
                       : gen_percent(g, 50) ? gen_expression(g, depth - 1, &other)
                                            : value_string(g->p, "$$REMOVE");
    if (other != *meta)
        *meta = NULL;
    if (gen_percent(g, 50)) {
        value *list = value_array(g->p);
        value_push(g->p, list, gen_condition(g, 1));
        value_push(g->p, list, then);
        value_push(g->p, list, otherwise);
        return value_one(g->p, "$cond", list);
    }
    value *cond = value_one(g->p, "if", gen_condition(g, 1));
    value_put(g->p, cond, "then", then);
    value_put(g->p, cond, "else", otherwise);
    return value_one(g->p, "$cond", cond);
}

static value *switched(gen *g, unsigned depth) {
    const metadata *unused;
    value *branch = value_one(g->p, "case", gen_condition(g, 1));
    value_put(g->p, branch, "then", gen_expression(g, depth - 1, &unused));
    value *branches = value_array(g->p);
    value_push(g->p, branches, branch);
    value *operand = value_one(g->p, "branches", branches);
    value_put(g->p, operand, "default", gen_expression(g, depth - 1, &unused));
    return value_one(g->p, "$switch", operand);
}

static value *let(gen *g) {
    value *operand = value_one(g->p, "vars", value_one(g->p, "v", path_of(g, "x")));
    value_put(g->p, operand, "in", pair(g, "$eq", value_string(g->p, "$$v"), value_int(g->p, 1)));
    return value_one(g->p, "$let", operand);
}

/* Arrays element by element: the variable is $$v, as in $let. */
static value *element_wise(gen *g, unsigned depth) {
    const metadata *unused;
    const place *e = gen_odd(g, 15) ? gen_place(g, ANYTHING) : NULL;
    value *operand = value_one(g->p, "input", path_of(g, e ? e->path : "arr"));
    value *plain_test = pair(g, "$eq", value_string(g->p, "$$v"), value_int(g->p, 1));
    value_put(g->p, operand, "as", value_string(g->p, "v"));
    if (gen_percent(g, 50)) {
        value_put(g->p, operand, "cond", gen_percent(g, 50) ? plain_test : gen_condition(g, 1));
        return value_one(g->p, "$filter", operand);
    }
    value_put(g->p, operand, "in", gen_percent(g, 50) ? plain_test : gen_expression(g, depth - 1, &unused));
    return value_one(g->p, "$map", operand);
}

static value *object(gen *g, unsigned depth) {
    const metadata *unused;
    value *doc = value_doc(g->p);
    value_put(g->p, doc, "o1", gen_expression(g, depth - 1, &unused));
    if (gen_percent(g, 50))
        value_put(g->p, doc, "o2", gen_expression(g, depth - 1, &unused));
    return doc;
}

value *gen_expression(gen *g, unsigned depth, const metadata **meta) {
    const place *e;
    unsigned kind = gen_below(g, 100);
    *meta = NULL;
    if (kind < 35 && (e = gen_place(g, LEAF))) {
        *meta = e->meta;
        return path_of(g, e->path);
    }
    if (kind < 50 || depth == 0)
        return gen_percent(g, 50) ? path_of(g, gen_plain_path(g)) : constant(g, NULL);
    if (kind < 62)
        return gen_condition(g, depth - 1);
    if (kind < 72)
        return conditional(g, depth, meta);
    if (kind < 77)
        return switched(g, depth);
    if (kind < 80)
        return let(g);
    if (kind < 85)
        return object(g, depth);
    if (kind < 89)
        return element_wise(g, depth);
    if (kind < 92)
        return generic(g);
    if (kind < 94)
        return value_string(g->p, gen_percent(g, 50) ? "$$ROOT" : "$$CURRENT.x");
    return arithmetic(g);
}
