/* Stages that group, partition and accumulate. */

#include <string.h>

#include "judge.h"

static void check_key(judge *j, const node *key) {
    if (key->kind == N_ENCRYPTED) {
        if (!metadata_comparable(key->meta))
            judge_refuse(j, "grouping by a field that cannot be compared");
        if (j->collated && (metadata_allows(key->meta, T_STRING) || metadata_allows(key->meta, T_SYMBOL)))
            judge_refuse(j, "grouping by an encrypted string under a collation");
    } else if (node_holds(j->p, key)) {
        judge_refuse(j, "grouping by an object, array or unknown");
    }
}

/* In the context of the operand that it is. */
static const node *key_of(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_DOC || judge_is_operators(o)) {
        int context = j->context;
        const node *key = judge_settle(j, judge_expression(j, o, r, at));
        j->context = context;
        if (node_holds(j->p, key))
            judge_note(j, judge_node_site(key));
        check_key(j, key);
        return key;
    }
    const node *made = judge_empty(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        made = judge_write(j, made, it.o->name, key_of(j, it.o, it.r, at));
    return node_holds(j->p, made) ? made : &plain_node;
}

static const node *key_in(judge *j, const char *stage, const char *operand, const value *o, const value *r,
                          const node *at) {
    int before = judge_enter(j, F_STAGE, stage, operand);
    const node *key = key_of(j, o, r, at);
    judge_leave(j, before);
    return key;
}

static void check_plain(judge *j, const node *n, const char *what) {
    if (!node_holds(j->p, n))
        return;
    judge_note(j, judge_node_site(n));
    judge_refuse(j, "%s over something encrypted", what);
}

/* {$sum: "$x"}: in the context of the operand. */
static const node *accumulated(judge *j, const value *o, const value *r, const node *at) {
    int context = j->context;
    if (strcmp(o->name, "$addToSet") == 0)
        return node_array(j->p, key_of(j, o, r, at), false);
    const node *of = judge_settle(j, judge_expression(j, o, r, at));
    j->context = context;
    if (strcmp(o->name, "$first") == 0 || strcmp(o->name, "$last") == 0)
        return of;
    if (strcmp(o->name, "$push") == 0)
        return node_array(j->p, of, false);
    check_plain(j, of, o->name);
    return &plain_node;
}

static void check_sort_by(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (strcmp(o->name, "sortBy") == 0)
        judge_sort(j, o, at);
    else if (!judge_is_constant(o))
        judge_malformed(j, "is not what servers take");
}

/* {$topN: {n: 1, output: "$x", sortBy: {y: 1}}} */
static const node *accumulated_named(judge *j, const operator_row *row, family f, const value *o, const value *r,
                                     const node *at) {
    const node *passed = NULL;
    if (o->type != T_DOC)
        judge_malformed(j, "is not what servers take");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        int before = judge_enter(j, f, row->name, it.o->name);
        if (!operand_known(row->operands, it.o->name))
            judge_refuse(j, "%s.%s is not known", row->name, it.o->name);
        if (operand_is_constant(row->operands, it.o->name))
            check_sort_by(j, it.o, it.r, at);
        else {
            const node *of = judge_settle(j, judge_expression(j, it.o, it.r, at));
            if (strcmp(row->name, "$shift") == 0)
                passed = passed ? node_merge(j->p, passed, of) : of;
            else
                check_plain(j, of, row->name);
        }
        judge_leave(j, before);
    }
    return passed ? passed : &plain_node;
}

static const operator_row *find(family f, const char *name) {
    const operator_row *row = operator_find(accumulator_table, accumulator_count, name);
    return row || f != F_WINDOW ? row : operator_find(window_table, window_count, name);
}

static const node *operation(judge *j, family f, const value *o, const value *r, const node *at) {
    const operator_row *row = find(f, o->name);
    const node *out = &plain_node;
    int before = judge_enter(j, f, row ? o->name : "$unheardOf", "");
    if (!row || row->shape == SHAPE_OPAQUE || row->shape == SHAPE_REFUSED)
        judge_note(j, SITE_PLAIN);
    if ((!row || row->shape == SHAPE_REFUSED) && j->encrypts)
        judge_refuse(j, "accumulator %s", o->name);
    if (!row || row->shape == SHAPE_OPAQUE || row->shape == SHAPE_REFUSED) {
        if (row && (o->type != T_DOC || o->first))
            judge_malformed(j, "is not what servers take");
        judge_same(j, o, r);
    } else if (row->shape == SHAPE_NAMED) {
        out = accumulated_named(j, row, f, o, r, at);
    } else {
        out = accumulated(j, o, r, at);
    }
    judge_leave(j, before);
    return out;
}

static const node *accumulator(judge *j, const value *o, const value *r, const node *at) {
    pairs it = judge_pairs(j, o, r);
    if (o->type != T_DOC || value_count(o) != 1) {
        judge_malformed(j, "is not what servers take");
        return &plain_node;
    }
    return judge_next(j, &it) ? operation(j, F_ACCUMULATOR, it.o, it.r, at) : &plain_node;
}

static bool given_twice(const value *fields) {
    for (const value *a = fields->first; a; a = a->next)
        for (const value *b = a->next; b; b = b->next)
            if (strcmp(a->name, b->name) == 0)
                return true;
    return false;
}

static const node *group_fields(judge *j, const value *o, const value *r, const node *at, const node *out) {
    j->in_group = true;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool key = strcmp(it.o->name, "_id") == 0;
        if (strchr(it.o->name, '.') || it.o->name[0] == '$')
            judge_moot(j);
        out = judge_write(j, out, it.o->name,
                          key ? key_in(j, "$group", "_id", it.o, it.r, at) : accumulator(j, it.o, it.r, at));
    }
    j->in_group = false;
    return out;
}

const node *judge_group(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_DOC || !value_get(o, "_id") || given_twice(o))
        judge_malformed(j, "without _id, or with a field twice");
    return group_fields(j, o, r, at, judge_empty(j));
}

const node *judge_sort_by_count(judge *j, const value *o, const value *r, const node *at) {
    bool path = o->type == T_STRING && value_chars(o)[0] == '$', operators = o->type == T_DOC && judge_is_operators(o);
    if (!path && !operators)
        judge_malformed(j, "of a constant");
    const node *out = judge_write(j, judge_empty(j), "_id", key_in(j, "$sortByCount", "", o, r, at));
    return judge_write(j, out, "count", &plain_node);
}

static const node *bucket(judge *j, const char *stage, const value *o, const value *r, const node *at) {
    const node *out = judge_write(j, judge_empty(j), "_id", &plain_node);
    if (!judge_options(j, o, stage))
        return out;
    if (!value_get(o, "output"))
        out = judge_write(j, out, "count", &plain_node);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "groupBy") == 0) {
            int before = judge_enter(j, F_STAGE, stage, "groupBy");
            check_plain(j, judge_settle(j, judge_expression(j, it.o, it.r, at)), stage);
            judge_leave(j, before);
        } else if (strcmp(it.o->name, "output") == 0) {
            for (pairs fields = judge_pairs(j, it.o, it.r); judge_next(j, &fields);)
                out = judge_write(j, out, fields.o->name, accumulator(j, fields.o, fields.r, at));
        } else {
            judge_same(j, it.o, it.r);
        }
    return out;
}

const node *judge_bucket(judge *j, const value *o, const value *r, const node *at) {
    return bucket(j, "$bucket", o, r, at);
}

const node *judge_bucket_auto(judge *j, const value *o, const value *r, const node *at) {
    return bucket(j, "$bucketAuto", o, r, at);
}

/* {$sum: "$x", window: {…}} */
static const node *window_function(judge *j, const value *o, const value *r, const node *at) {
    const node *out = &plain_node;
    if (o->type != T_DOC || value_count(o) != (value_get(o, "window") ? 2u : 1u))
        judge_malformed(j, "is not what servers take");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "window") == 0)
            judge_same(j, it.o, it.r);
        else
            out = operation(j, F_WINDOW, it.o, it.r, at);
    return out;
}

static void sort_in(judge *j, const char *stage, const value *o, const value *r, const node *at) {
    int before = judge_enter(j, F_STAGE, stage, "sortBy");
    judge_sort(j, o, at);
    judge_same(j, o, r);
    judge_leave(j, before);
}

const node *judge_window_fields(judge *j, const value *o, const value *r, const node *at) {
    const node *out = at;
    if (!judge_options(j, o, "$setWindowFields"))
        return at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "partitionBy") == 0) {
            key_in(j, "$setWindowFields", "partitionBy", it.o, it.r, at);
        } else if (strcmp(it.o->name, "sortBy") == 0) {
            sort_in(j, "$setWindowFields", it.o, it.r, at);
        } else {
            for (pairs fields = judge_pairs(j, it.o, it.r); judge_next(j, &fields);) {
                const node *made = window_function(j, fields.o, fields.r, at);
                int before = judge_enter(j, F_STAGE, "$setWindowFields", "path");
                spot s = node_find(j->p, at, fields.o->name);
                judge_note(j, judge_site(&s));
                out = judge_write(j, out, fields.o->name, made);
                judge_leave(j, before);
            }
        }
    return out;
}

/* Paths as strings, without '$'. */
static void partition_fields(judge *j, const char *stage, const value *list, const node *at) {
    int before = judge_enter(j, F_STAGE, stage, "partitionByFields");
    for (const value *m = list ? list->first : NULL; m; m = m->next) {
        spot s = node_find(j->p, at, value_chars(m));
        judge_note(j, judge_is_dropped(j, &s, value_chars(m)) ? SITE_DROPPED : judge_site(&s));
        if (s.below || (s.in_array && !node_usable(s.node)))
            judge_refuse(j, "%s by parts below an encrypted path, or in an array", stage);
        check_key(j, s.node);
    }
    judge_leave(j, before);
}

const node *judge_densify(judge *j, const value *o, const value *r, const node *at) {
    const value *path = value_get(o, "field");
    judge_same(j, o, r);
    if (!judge_options(j, o, "$densify"))
        return at;
    if (path)
        judge_plain_path(j, at, value_chars(path), "$densify", "field");
    partition_fields(j, "$densify", value_get(o, "partitionByFields"), at);
    return path ? judge_write(j, at, value_chars(path), &plain_node) : at;
}

/* {y: {method: "locf"}, z: {value: <expression>}} */
static const node *filled(judge *j, const value *o, const value *r, const node *at) {
    const node *out = at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        judge_plain_path(j, at, it.o->name, "$fill", "output");
        for (pairs how = judge_pairs(j, it.o, it.r); judge_next(j, &how);)
            if (strcmp(how.o->name, "value") == 0) {
                int before = judge_enter(j, F_STAGE, "$fill", "value");
                check_plain(j, judge_settle(j, judge_expression(j, how.o, how.r, at)), "$fill");
                judge_leave(j, before);
            } else {
                judge_same(j, how.o, how.r);
            }
        out = judge_write(j, out, it.o->name, &plain_node);
    }
    return out;
}

const node *judge_fill(judge *j, const value *o, const value *r, const node *at) {
    const node *out = at;
    if (!judge_options(j, o, "$fill"))
        return at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "partitionBy") == 0)
            key_in(j, "$fill", "partitionBy", it.o, it.r, at);
        else if (strcmp(it.o->name, "sortBy") == 0)
            sort_in(j, "$fill", it.o, it.r, at);
        else if (strcmp(it.o->name, "output") == 0)
            out = filled(j, it.o, it.r, at);
        else
            judge_same(j, it.o, it.r);
    partition_fields(j, "$fill", value_get(o, "partitionByFields"), at);
    return out;
}
