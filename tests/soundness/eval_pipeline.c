#include <string.h>

#include "eval.h"

static bool is_flag(const value *v) {
    return value_is_number(v) || v->type == T_DECIMAL || v->type == T_BOOL;
}

static bool is_nested(const value *v) {
    return v->type == T_DOC && v->first && v->first->name[0] != '$';
}

static const char *join_path(eval *e, const char *prefix, const char *name) {
    return *prefix ? pool_text(e->p, "%s.%s", prefix, name) : name;
}

static bool excludes(const value *fields) {
    for (const value *m = fields->first; m; m = m->next)
        if (strcmp(m->name, "_id") != 0)
            return is_nested(m) ? excludes(m) : is_flag(m) && !eval_truth(m);
    return fields->first && is_flag(fields->first) && !eval_truth(fields->first);
}

/* What an inclusion of the path leaves of a value. NULL: nothing. */
static const value *only(eval *e, const value *v, const char *path) {
    if (!path)
        return v;
    const char *rest, *name = eval_head(e, path, &rest);
    value *out = v->type == T_DOC ? value_doc(e->p) : value_array(e->p);
    if (!value_is_container(v))
        return NULL;
    for (const value *m = v->first; m; m = m->next) {
        if (v->type == T_DOC && strcmp(m->name, name) != 0)
            continue;
        const value *kept = v->type == T_ARRAY ? only(e, m, path) : only(e, m, rest);
        if (kept && v->type == T_ARRAY)
            value_push(e->p, out, kept);
        else if (kept)
            value_put(e->p, out, m->name, kept);
    }
    return out;
}

/* Lays `more` over `base`, member by member. */
static const value *overlay(eval *e, const value *base, const value *more) {
    if (base->type != T_DOC || more->type != T_DOC)
        return base->type == T_ARRAY && more->type == T_ARRAY && value_count(base) == value_count(more) ? more : base;
    value *out = value_doc(e->p);
    for (const value *m = base->first; m; m = m->next) {
        const value *other = value_get(more, m->name);
        value_put(e->p, out, m->name, other ? overlay(e, m, other) : m);
    }
    for (const value *m = more->first; m; m = m->next)
        if (!value_get(base, m->name))
            value_put(e->p, out, m->name, m);
    return out;
}

static const value *project_fields(eval *e, const value *fields, const value *doc, const value *out, bool exclusion,
                                   const char *prefix) {
    for (const value *m = fields->first; m; m = m->next) {
        const char *path = join_path(e, prefix, m->name);
        if (is_nested(m))
            out = project_fields(e, m, doc, out, exclusion, path);
        else if (!is_flag(m))
            out = eval_with(e, out, path, eval_expression(e, m, doc));
        else if (!eval_truth(m))
            out = eval_with(e, out, path, NULL);
        else if (!exclusion)
            out = overlay(e, out, only(e, doc, path));
    }
    return out;
}

const value *eval_project(eval *e, const value *fields, const value *doc) {
    bool exclusion = excludes(fields);
    const value *out = exclusion ? doc : value_get(fields, "_id") ? value_doc(e->p) : only(e, doc, "_id");
    /* Arrays of which several paths are kept would have to be merged element by element. */
    return project_fields(e, fields, doc, out, exclusion, "");
}

static const value *add_fields(eval *e, const value *fields, const value *doc, const value *out, const char *prefix) {
    for (const value *m = fields->first; m; m = m->next) {
        const char *path = join_path(e, prefix, m->name);
        if (is_nested(m))
            out = add_fields(e, m, doc, out, path);
        else
            out = eval_with(e, out, path, eval_expression(e, m, doc));
    }
    return out;
}

typedef const value *stage(eval *e, const value *operand, const value *docs);

static const value *match(eval *e, const value *filter, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (eval_matches(e, filter, doc))
            value_push(e->p, out, doc);
    return out;
}

static const value *project(eval *e, const value *fields, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        value_push(e->p, out, eval_project(e, fields, doc));
    return out;
}

static const value *set(eval *e, const value *fields, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        value_push(e->p, out, add_fields(e, fields, doc, doc, ""));
    return out;
}

static const value *unset(eval *e, const value *paths, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *less = doc;
        if (paths->type == T_STRING)
            less = eval_with(e, doc, value_chars(paths), NULL);
        for (const value *m = paths->first; m; m = m->next)
            less = eval_with(e, less, value_chars(m), NULL);
        value_push(e->p, out, less);
    }
    return out;
}

static const value *limit(eval *e, const value *n, const value *docs) {
    value *out = value_array(e->p);
    double left = value_number(n);
    for (const value *doc = docs->first; doc && left-- > 0; doc = doc->next)
        value_push(e->p, out, doc);
    return out;
}

/* Any documents would do; the first are the same on both sides. */
static const value *sample(eval *e, const value *operand, const value *docs) {
    const value *size = value_get(operand, "size");
    e->failed |= !size;
    return size ? limit(e, size, docs) : docs;
}

static const value *skip(eval *e, const value *n, const value *docs) {
    value *out = value_array(e->p);
    double left = value_number(n);
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (left-- <= 0)
            value_push(e->p, out, doc);
    return out;
}

static const value *count(eval *e, const value *name, const value *docs) {
    value *out = value_array(e->p);
    int n = (int)value_count(docs);
    if (n > 0)
        value_push(e->p, out, value_one(e->p, value_chars(name), value_int(e->p, n)));
    return out;
}

/* Of an array, the least or greatest element decides. */
static const value *sort_key(eval *e, const value *doc, const char *path, int direction) {
    const value *v = eval_path(e, doc, path);
    if (!v || v->type != T_ARRAY)
        return v && v->type == T_NULL ? NULL : v;
    const value *best = v->first;
    for (const value *m = v->first; m; m = m->next)
        if (eval_compare(m, best) * direction < 0)
            best = m;
    return best && best->type == T_NULL ? NULL : best;
}

static int compare_by(eval *e, const value *keys, const value *a, const value *b) {
    for (const value *k = keys->first; k; k = k->next) {
        int direction = value_is_number(k) && value_number(k) < 0 ? -1 : 1;
        int c = eval_compare(sort_key(e, a, k->name, direction), sort_key(e, b, k->name, direction));
        if (c)
            return c * direction;
    }
    return 0;
}

const value *eval_sort(eval *e, const value *keys, const value *docs) {
    enum { MOST = 512 };
    const value *order[MOST];
    unsigned n = 0;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        unsigned at = n++;
        if (n == MOST) {
            e->unknown = true;
            return docs;
        }
        for (; at > 0 && compare_by(e, keys, order[at - 1], doc) > 0; at--)
            order[at] = order[at - 1];
        order[at] = doc;
    }
    value *out = value_array(e->p);
    for (unsigned i = 0; i < n; i++)
        value_push(e->p, out, order[i]);
    return out;
}

static const value *unwind(eval *e, const value *operand, const value *docs) {
    const value *path = operand->type == T_STRING ? operand : value_get(operand, "path");
    const value *index = operand->type == T_DOC ? value_get(operand, "includeArrayIndex") : NULL;
    const value *keep = operand->type == T_DOC ? value_get(operand, "preserveNullAndEmptyArrays") : NULL;
    value *out = value_array(e->p);
    if (!path || path->type != T_STRING) {
        e->failed = true;
        return out;
    }
    const char *name = value_chars(path) + 1;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *v = eval_path(e, doc, name);
        bool empty = !v || v->type == T_NULL || (v->type == T_ARRAY && !v->first);
        if (!empty && v->type == T_ARRAY) {
            int64_t i = 0;
            for (const value *m = v->first; m; m = m->next, i++) {
                const value *made = eval_with(e, doc, name, m);
                value_push(e->p, out, index ? eval_with(e, made, value_chars(index), value_long(e->p, i)) : made);
            }
        } else if (!empty || (keep && eval_truth(keep))) {
            const value *made = empty && v && v->type == T_ARRAY ? eval_with(e, doc, name, NULL) : doc;
            value_push(e->p, out, index ? eval_with(e, made, value_chars(index), value_null(e->p)) : made);
        }
    }
    return out;
}

static const value *replace_with(eval *e, const value *expression, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *root = eval_expression(e, expression, doc);
        if (root && root->type == T_DOC)
            value_push(e->p, out, root);
        else
            e->failed = true;
    }
    return out;
}

static const value *replace_root(eval *e, const value *operand, const value *docs) {
    const value *root = value_get(operand, "newRoot");
    if (root)
        return replace_with(e, root, docs);
    e->failed = true;
    return docs;
}

static const value *redact(eval *e, const value *operand, const value *docs) {
    const value *list = value_get(operand, "$cond");
    value *out = value_array(e->p);
    const value *kept = list && list->first ? list->first->next : NULL;
    if (!kept || kept->type != T_STRING || strcmp(value_chars(kept), "$$KEEP") != 0) {
        e->unknown = true;
        return docs;
    }
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (eval_truth(eval_expression(e, list->first, doc)))
            value_push(e->p, out, doc);
    return out;
}

static stage *stage_of(const char *name) {
    static const struct {
        const char *name;
        stage *stage;
    } table[] = {
        {"$match", match},
        {"$project", project},
        {"$addFields", set},
        {"$set", set},
        {"$unset", unset},
        {"$group", eval_group},
        {"$sort", eval_sort},
        {"$limit", limit},
        {"$skip", skip},
        {"$unwind", unwind},
        {"$count", count},
        {"$sortByCount", eval_sort_by_count},
        {"$redact", redact},
        {"$replaceWith", replace_with},
        {"$replaceRoot", replace_root},
        {"$lookup", eval_lookup},
        {"$facet", eval_facet},
        {"$unionWith", eval_union_with},
        {"$graphLookup", eval_graph_lookup},
        {"$bucket", eval_bucket},
        {"$setWindowFields", eval_window_fields},
        {"$sample", sample},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].stage;
    return NULL;
}

const value *eval_pipeline(eval *e, const value *pipeline, const value *docs) {
    for (const value *m = pipeline->first; m && !e->unknown && !e->failed; m = m->next) {
        stage *run = m->type == T_DOC && m->first ? stage_of(m->first->name) : NULL;
        if (run)
            docs = run(e, m->first, docs);
        else
            e->unknown = true;
    }
    return docs;
}
