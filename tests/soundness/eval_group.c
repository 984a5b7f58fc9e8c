/* Stages that group documents, or look at several of them. */

#include <string.h>

#include "eval.h"

static bool holds(const value *array, const value *v) {
    for (const value *m = array->first; m; m = m->next)
        if (eval_equal(m, v))
            return true;
    return false;
}

static const value *collected(eval *e, const value *op, const value *docs) {
    bool once = strcmp(op->name, "$addToSet") == 0;
    value *list = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *v = eval_expression(e, op, doc);
        if (v && !(once && holds(list, v)))
            value_push(e->p, list, v);
    }
    return list;
}

static const value *summed(eval *e, const value *op, const value *docs) {
    double sum = 0;
    unsigned n = 0;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *v = eval_expression(e, op, doc);
        if (!v || !(value_is_number(v) || v->type == T_DECIMAL))
            continue;
        sum += v->type == T_DECIMAL ? v->bytes[0] : value_number(v);
        n++;
    }
    if (strcmp(op->name, "$sum") == 0)
        return value_double(e->p, sum);
    return n ? value_double(e->p, sum / n) : value_null(e->p);
}

static const value *extreme(eval *e, const value *op, const value *docs) {
    int direction = strcmp(op->name, "$min") == 0 ? 1 : -1;
    const value *best = NULL;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *v = eval_expression(e, op, doc);
        if (v && v->type != T_NULL && (!best || eval_compare(v, best) * direction < 0))
            best = v;
    }
    return best ? best : value_null(e->p);
}

static const value *accumulated(eval *e, const value *accumulator, const value *docs) {
    const value *op = accumulator->type == T_DOC ? accumulator->first : NULL;
    if (!op) {
        e->failed = true;
        return value_null(e->p);
    }
    if (strcmp(op->name, "$push") == 0 || strcmp(op->name, "$addToSet") == 0)
        return collected(e, op, docs);
    if (strcmp(op->name, "$sum") == 0 || strcmp(op->name, "$avg") == 0)
        return summed(e, op, docs);
    if (strcmp(op->name, "$min") == 0 || strcmp(op->name, "$max") == 0)
        return extreme(e, op, docs);
    if (strcmp(op->name, "$first") == 0 || strcmp(op->name, "$last") == 0) {
        const value *v = eval_expression(e, op, op->name[1] == 'f' ? docs->first : docs->last);
        return v ? v : value_null(e->p);
    }
    e->unknown = true;
    return value_null(e->p);
}

static const value *group_key(eval *e, const value *expression, const value *doc) {
    const value *key = expression ? eval_expression(e, expression, doc) : NULL;
    return key ? key : value_null(e->p);
}

const value *eval_group(eval *e, const value *fields, const value *docs) {
    const value *id = value_get(fields, "_id");
    value *keys = value_array(e->p), *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *key = group_key(e, id, doc);
        if (!holds(keys, key))
            value_push(e->p, keys, key);
    }
    for (const value *key = keys->first; key; key = key->next) {
        value *members = value_array(e->p), *made = value_one(e->p, "_id", key);
        for (const value *doc = docs->first; doc; doc = doc->next)
            if (eval_equal(group_key(e, id, doc), key))
                value_push(e->p, members, doc);
        for (const value *m = fields->first; m; m = m->next)
            if (m != id)
                value_put(e->p, made, m->name, accumulated(e, m, members));
        value_push(e->p, out, made);
    }
    return out;
}

const value *eval_sort_by_count(eval *e, const value *key, const value *docs) {
    value *fields = value_one(e->p, "_id", key);
    value_put(e->p, fields, "count", value_one(e->p, "$sum", value_int(e->p, 1)));
    return eval_sort(e, value_one(e->p, "count", value_int(e->p, -1)), eval_group(e, fields, docs));
}

/* ---- $bucket ---- */

/* The greatest bound that is not above the value; NULL: none, or the value lies past the last. */
static const value *bound_for(const value *v, const value *bounds) {
    const value *found = NULL;
    for (const value *b = bounds->first; b; b = b->next)
        if (v && eval_compare(v, b) >= 0)
            found = b->next ? b : NULL;
    return found;
}

static const value *bucket_of(eval *e, const value *operand, const value *doc) {
    const value *by = value_get(operand, "groupBy"), *otherwise = value_get(operand, "default");
    const value *bound = bound_for(eval_expression(e, by, doc), value_get(operand, "boundaries"));
    if (!bound && !otherwise)
        e->failed = true;
    return bound ? bound : otherwise;
}

static const value *bucketed(eval *e, const value *operand, const value *id, const value *docs) {
    value *members = value_array(e->p), *made = value_one(e->p, "_id", id);
    const value *output = value_get(operand, "output");
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *own = bucket_of(e, operand, doc);
        if (own && eval_equal(own, id))
            value_push(e->p, members, doc);
    }
    for (const value *m = output && members->first ? output->first : NULL; m; m = m->next)
        value_put(e->p, made, m->name, accumulated(e, m, members));
    if (!output)
        value_put(e->p, made, "count", value_int(e->p, (int)value_count(members)));
    return members->first ? made : NULL;
}

const value *eval_bucket(eval *e, const value *operand, const value *docs) {
    const value *bounds = value_get(operand, "boundaries"), *otherwise = value_get(operand, "default"), *made;
    value *out = value_array(e->p);
    if (!value_get(operand, "groupBy") || !bounds || bounds->type != T_ARRAY) {
        e->failed = true;
        return out;
    }
    for (const value *b = bounds->first; b && b->next; b = b->next)
        if ((made = bucketed(e, operand, b, docs)))
            value_push(e->p, out, made);
    if (otherwise && (made = bucketed(e, operand, otherwise, docs)))
        value_push(e->p, out, made);
    return out;
}

/* ---- $setWindowFields, $fill ---- */

static const value *partition(eval *e, const value *by, const value *like, const value *docs) {
    value *members = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (!by || eval_equal(group_key(e, by, doc), group_key(e, by, like)))
            value_push(e->p, members, doc);
    return members;
}

/* The documents up to and with the n-th. */
static const value *first_of(eval *e, const value *docs, unsigned n) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc && n-- > 0; doc = doc->next)
        value_push(e->p, out, doc);
    return out;
}

/* Of the windows only ["unbounded", "current"] in documents. */
static const value *window_value(eval *e, const value *function, const value *members, unsigned at) {
    const value *window = value_get(function, "window");
    const value *bounds = window ? value_get(window, "documents") : NULL;
    if (window && (!bounds || value_count(bounds) != 2 || strcmp(value_chars(bounds->last), "current") != 0))
        e->unknown = true;
    return accumulated(e, function, window ? first_of(e, members, at + 1) : members);
}

static const value *with_windows(eval *e, const value *output, const value *doc, const value *members, unsigned at) {
    for (const value *m = output->first; m; m = m->next)
        doc = eval_with(e, doc, m->name, window_value(e, m, members, at));
    return doc;
}

static void put_partition(eval *e, const value *operand, const value *members, value *out) {
    const value *sort = value_get(operand, "sortBy"), *output = value_get(operand, "output");
    unsigned at = 0;
    if (sort)
        members = eval_sort(e, sort, members);
    for (const value *doc = members->first; doc && !e->unknown; doc = doc->next)
        value_push(e->p, out, with_windows(e, output, doc, members, at++));
}

const value *eval_window_fields(eval *e, const value *operand, const value *docs) {
    const value *by = value_get(operand, "partitionBy");
    value *keys = value_array(e->p), *out = value_array(e->p);
    if (!value_get(operand, "output")) {
        e->failed = true;
        return out;
    }
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *key = by ? group_key(e, by, doc) : value_null(e->p);
        if (holds(keys, key))
            continue;
        value_push(e->p, keys, key);
        put_partition(e, operand, partition(e, by, doc, docs), out);
    }
    return out;
}
