#include <string.h>

#include "eval.h"

static bool on_one_way(const char *a, const char *b) {
    size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return strncmp(a, b, n) == 0 && (a[n] == 0 || a[n] == '.') && (b[n] == 0 || b[n] == '.');
}

static bool path_meets(const value *update, const value *op, const char *path, const value *self) {
    for (const value *m = op->first; m; m = m->next) {
        if (m != self && on_one_way(m->name, path))
            return true;
        if (strcmp(op->name, "$rename") == 0 && m->type == T_STRING && on_one_way(value_chars(m), path) &&
            path != value_chars(m))
            return true;
    }
    (void)update;
    return false;
}

/* Two modifiers may not touch one path. */
static bool has_conflict(const value *update) {
    for (const value *op = update->first; op; op = op->next)
        for (const value *m = op->first; m; m = m->next)
            for (const value *other = update->first; other; other = other->next)
                if (path_meets(update, other, m->name, m))
                    return true;
    return false;
}

/* Where the path would lead through something that is no object. */
static bool is_blocked(eval *e, const value *doc, const char *path) {
    const char *rest, *name = eval_head(e, path, &rest);
    const value *m = value_get(doc, name);
    if (!rest || !m)
        return false;
    return m->type != T_DOC || is_blocked(e, m, rest);
}

static const value *set(eval *e, const value *m, const value *doc, const value *old) {
    (void)old;
    return eval_with(e, doc, m->name, m);
}

static const value *unset(eval *e, const value *m, const value *doc, const value *old) {
    (void)old;
    return eval_with(e, doc, m->name, NULL);
}

static const value *rename_(eval *e, const value *m, const value *doc, const value *old) {
    if (!old)
        return doc;
    if (m->type != T_STRING || is_blocked(e, doc, value_chars(m)))
        e->failed = true;
    else
        doc = eval_with(e, eval_with(e, doc, m->name, NULL), value_chars(m), old);
    return doc;
}

static const value *arithmetic(eval *e, const value *m, const value *doc, const value *old, bool multiply) {
    if (old && old->type == T_DECIMAL)
        e->unknown = true;
    if (!value_is_number(m) || (old && !value_is_number(old))) {
        e->failed = true;
        return doc;
    }
    double n = old ? value_number(old) : 0;
    return eval_with(e, doc, m->name, value_double(e->p, multiply ? n * value_number(m) : n + value_number(m)));
}

static const value *inc(eval *e, const value *m, const value *doc, const value *old) {
    return arithmetic(e, m, doc, old, false);
}

static const value *mul(eval *e, const value *m, const value *doc, const value *old) {
    return arithmetic(e, m, doc, old, true);
}

static const value *min(eval *e, const value *m, const value *doc, const value *old) {
    return !old || eval_compare(m, old) < 0 ? eval_with(e, doc, m->name, m) : doc;
}

static const value *max(eval *e, const value *m, const value *doc, const value *old) {
    return !old || eval_compare(m, old) > 0 ? eval_with(e, doc, m->name, m) : doc;
}

static bool holds(const value *array, const value *v) {
    for (const value *m = array->first; m; m = m->next)
        if (eval_equal(m, v))
            return true;
    return false;
}

static const value *appended(eval *e, const value *m, const value *doc, const value *old, bool once) {
    const value *each = m->type == T_DOC ? value_get(m, "$each") : NULL;
    if (old && old->type != T_ARRAY) {
        e->failed = true;
        return doc;
    }
    value *list = old ? value_copy(e->p, old) : value_array(e->p);
    value *one = value_array(e->p);
    value_push(e->p, one, m);
    for (const value *v = (each ? each : one)->first; v; v = v->next)
        if (!once || !holds(list, v))
            value_push(e->p, list, v);
    return eval_with(e, doc, m->name, list);
}

static const value *push(eval *e, const value *m, const value *doc, const value *old) {
    return appended(e, m, doc, old, false);
}

static const value *add_to_set(eval *e, const value *m, const value *doc, const value *old) {
    return appended(e, m, doc, old, true);
}

static const value *without(eval *e, const value *m, const value *doc, const value *old, const value *dropped) {
    if (!old)
        return doc;
    if (old->type != T_ARRAY) {
        e->failed = true;
        return doc;
    }
    value *list = value_array(e->p);
    for (const value *v = old->first; v; v = v->next)
        if (!holds(dropped, v))
            value_push(e->p, list, v);
    return eval_with(e, doc, m->name, list);
}

static const value *pull(eval *e, const value *m, const value *doc, const value *old) {
    value *one = value_array(e->p);
    value_push(e->p, one, m);
    e->unknown |= m->type == T_DOC;
    return without(e, m, doc, old, one);
}

static const value *pull_all(eval *e, const value *m, const value *doc, const value *old) {
    return without(e, m, doc, old, m);
}

typedef const value *rule(eval *e, const value *m, const value *doc, const value *old);

static rule *rule_of(const char *op) {
    static const struct {
        const char *op;
        rule *rule;
    } table[] = {
        {"$set", set},
        {"$unset", unset},
        {"$rename", rename_},
        {"$inc", inc},
        {"$mul", mul},
        {"$min", min},
        {"$max", max},
        {"$push", push},
        {"$pull", pull},
        {"$pullAll", pull_all},
        {"$addToSet", add_to_set},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0)
            return table[i].rule;
    return NULL;
}

static const value *modify(eval *e, const value *op, const value *doc) {
    rule *change = rule_of(op->name);
    if (strcmp(op->name, "$setOnInsert") == 0 && !e->inserting)
        return doc;
    if (!change) {
        e->unknown = true;
        return doc;
    }
    for (const value *m = op->first; m && !e->failed; m = m->next) {
        if (strchr(m->name, '$') || (strcmp(m->name, "_id") == 0 && !e->inserting))
            e->unknown = true;
        bool removes = change == unset || change == rename_;
        if (strcmp(m->name, "_id") == 0 && removes)
            e->unknown = true;
        if (is_blocked(e, doc, m->name))
            e->failed |= !removes;
        else
            doc = change(e, m, doc, eval_path(e, doc, m->name));
    }
    return doc;
}

/* A document keeps its _id when the update does not mention it. */
static const value *with_old_id(eval *e, const value *made, const value *old) {
    const value *id = value_get(old, "_id");
    if (value_get(made, "_id") || !id)
        return made;
    value *out = value_one(e->p, "_id", id);
    for (const value *m = made->first; m; m = m->next)
        value_put(e->p, out, m->name, m);
    return out;
}

const value *eval_update(eval *e, const value *update, const value *doc) {
    if (update->type == T_ARRAY) {
        value *one = value_array(e->p);
        value_push(e->p, one, doc);
        const value *made = eval_pipeline(e, update, one);
        return made->first ? with_old_id(e, made->first, doc) : doc;
    }
    if (!update->first || update->first->name[0] != '$')
        return with_old_id(e, update, doc);
    if (has_conflict(update)) {
        e->failed = true;
        return doc;
    }
    for (const value *op = update->first; op && !e->failed; op = op->next)
        doc = modify(e, op, doc);
    return doc;
}
