/* Operators of expressions, accumulators and window functions, with the field in one of their operands. */

#include <string.h>

#include "gen_edge.h"

static value *one(gen *g, const char *name, const value *v) {
    return value_one(g->p, name, v);
}

static value *list_of(gen *g, const value *v) {
    value *list = value_array(g->p);
    value_push(g->p, list, v);
    return list;
}

/* Whatever is plain. */
static value *other(gen *g) {
    static const char *const paths[] = {"$x", "$y", "$sub.s", NULL};
    return gen_percent(g, 50) ? value_string(g->p, gen_pick(g, paths)) : value_int(g->p, 1);
}

/* What only a constant may be. */
static value *constant_for(gen *g, const char *name) {
    if (strcmp(name, "as") == 0)
        return value_string(g->p, "v");
    if (strcmp(name, "sortBy") == 0)
        return one(g, "x", value_int(g->p, 1));
    if (strcmp(name, "method") == 0)
        return value_string(g->p, "approximate");
    if (strcmp(name, "unit") == 0)
        return value_string(g->p, "day");
    return name[0] == 'u' ? value_bool(g->p, true) : value_int(g->p, 1);
}

/* An operand that has a shape of its own, with the field, or something plain, in it. */
static value *shaped(gen *g, const char *name, value *v) {
    if (strcmp(name, "vars") == 0)
        return one(g, "v", v);
    if (strcmp(name, "branches") == 0) {
        value *branch = one(g, "case", v);
        value_put(g->p, branch, "then", value_int(g->p, 1));
        return list_of(g, branch);
    }
    bool zip = strcmp(name, "inputs") == 0 || strcmp(name, "defaults") == 0;
    return zip && gen_percent(g, 50) ? list_of(g, v) : v;
}

static value *named(edge *e, const operator_row *row, const char *operand) {
    gen *g = e->g;
    value *operands = value_doc(g->p);
    const char *names = row->operands, *name;
    bool constant;
    while ((name = operand_next(g->p, &names, &constant))) {
        value *v = strcmp(name, operand) == 0 ? edge_path(e) : other(g);
        if (strcmp(name, "field") == 0 && strcmp(name, operand) != 0)
            v = value_string(g->p, "x");
        value_put(g->p, operands, name, constant ? constant_for(g, name) : shaped(g, name, v));
    }
    return operands;
}

static bool compares(const char *op) {
    return operand_known("$eq $ne $in $gt $gte $lt $lte $cmp", op);
}

/* A constant that is no path. */
static value *literal(edge *e) {
    value *v = edge_value(e);
    bool plain = !value_is_container(v) && !(v->type == T_STRING && value_chars(v)[0] == '$');
    return plain && gen_percent(e->g, 70) ? v : one(e->g, "$literal", v);
}

static value *comparison(edge *e, const char *op) {
    gen *g = e->g;
    value *operands = value_array(g->p), *v = gen_percent(g, 15) ? other(g) : literal(e);
    bool in = strcmp(op, "$in") == 0;
    if (in || gen_percent(g, 70)) {
        value_push(g->p, operands, edge_path(e));
        value_push(g->p, operands, in ? list_of(g, v) : v);
    } else {
        value_push(g->p, operands, v);
        value_push(g->p, operands, edge_path(e));
    }
    return operands;
}

static value *listed(edge *e, const char *op) {
    gen *g = e->g;
    if (compares(op))
        return comparison(e, op);
    unsigned n = 1 + gen_below(g, 3), at = gen_below(g, n);
    if (operand_known("$size $isArray $not $first $last", op))
        n = 1;
    if (operand_known("$ifNull $arrayElemAt", op))
        n = 2;
    if (n == 1 && gen_percent(g, 50))
        return edge_path(e);
    value *operands = value_array(g->p);
    for (unsigned i = 0; i < n; i++)
        value_push(g->p, operands, i == at % n ? edge_path(e) : other(g));
    return operands;
}

static value *opaque(gen *g, const char *op) {
    if (strcmp(op, "$meta") == 0)
        return value_string(g->p, "textScore");
    return value_doc(g->p);
}

value *edge_operator(edge *e, const operator_row *row, const char *operand) {
    bool plain_form = row->shape == SHAPE_EITHER && strcmp(row->name, "$cond") != 0 &&
                      strncmp(row->operands, operand, strlen(operand)) == 0 && gen_percent(e->g, 40);
    if (row->shape == SHAPE_OPAQUE || row->shape == SHAPE_REFUSED)
        return opaque(e->g, row->name);
    if (row->shape == SHAPE_LIST)
        return listed(e, row->name);
    return plain_form && strcmp(row->name, "$getField") != 0 ? edge_path(e) : named(e, row, operand);
}

static value *text_operator(edge *e, const operator_row *row) {
    value *operands = one(e->g, "input", edge_path(e));
    const char *names = row->operands, *name;
    bool constant;
    while ((name = operand_next(e->g->p, &names, &constant)))
        if (strcmp(name, "input") != 0)
            value_put(e->g->p, operands, name, value_string(e->g->p, "ab"));
    return operands;
}

value *edge_expression(edge *e) {
    gen *g = e->g;
    const char *op = e->row->name;
    const operator_row *row = operator_find(expression_table, expression_count, op);
    if (strcmp(op, "(unknown variable)") == 0)
        return value_string(g->p, "$$nobody");
    if (strcmp(op, "(bound CURRENT)") == 0) {
        value *let = one(g, "vars", one(g, "CURRENT", value_string(g->p, "$sub")));
        value_put(g->p, let, "in", value_string(g->p, "$x"));
        return one(g, "$let", let);
    }
    if (strcmp(op, "(unknown operand)") == 0) {
        static const char *const named_ones[] = {"$dateToString", "$trim",       "$regexMatch",
                                                 "$convert",      "$replaceOne", NULL};
        row = operator_find(expression_table, expression_count, gen_pick(g, named_ones));
        value *operands = named(e, row, "");
        value_put(g->p, operands, "unheardOf", value_int(g->p, 1));
        return one(g, row->name, operands);
    }
    if (!row)
        return one(g, "$unheardOf", other(g));
    if (strncmp(op, "$encStr", 7) == 0)
        return one(g, op, text_operator(e, row));
    return one(g, op, edge_operator(e, row, e->row->operand));
}

static const operator_row *accumulator(const char *op) {
    const operator_row *row = operator_find(accumulator_table, accumulator_count, op);
    return row ? row : operator_find(window_table, window_count, op);
}

static value *accumulation(edge *e) {
    const char *op = e->row->name;
    const operator_row *row = accumulator(op);
    if (!row)
        return one(e->g, op, other(e->g));
    if (row->shape == SHAPE_LIST)
        return one(e->g, op, edge_path(e));
    return one(e->g, op, edge_operator(e, row, e->row->operand));
}

static value *window_stage(edge *e) {
    gen *g = e->g;
    value *operand = one(g, "sortBy", one(g, "x", value_int(g->p, 1))), *function = accumulation(e);
    if (gen_percent(g, 40)) {
        value *bounds = list_of(g, value_string(g->p, "unbounded"));
        value_push(g->p, bounds, value_string(g->p, "current"));
        value_put(g->p, function, "window", one(g, "documents", bounds));
    }
    value_put(g->p, operand, "output", one(g, "w1", function));
    return one(g, "$setWindowFields", operand);
}

static value *bucket_stage(edge *e) {
    gen *g = e->g;
    value *operand = one(g, "groupBy", value_string(g->p, "$x"));
    value *bounds = list_of(g, value_int(g->p, 0));
    value_push(g->p, bounds, value_int(g->p, 5));
    bool automatic = gen_percent(g, 50);
    value_put(g->p, operand, automatic ? "buckets" : "boundaries", automatic ? value_int(g->p, 2) : bounds);
    value_put(g->p, operand, "output", one(g, "a1", accumulation(e)));
    return one(g, automatic ? "$bucketAuto" : "$bucket", operand);
}

value *edge_accumulator(edge *e) {
    gen *g = e->g;
    if (e->row->family == F_WINDOW)
        return window_stage(e);
    if (gen_percent(g, 25))
        return bucket_stage(e);
    value *group = one(g, "_id", gen_percent(g, 50) ? value_null(g->p) : value_string(g->p, "$x"));
    value_put(g->p, group, "a1", accumulation(e));
    return one(g, "$group", group);
}
