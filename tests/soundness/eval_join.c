/* Stages that read other collections, or run pipelines of their own. */

#include <string.h>

#include "eval.h"

/* Another collection, or this one, as a pipeline that starts from it sees it. */
typedef struct side {
    const value *documents;
    const collection *origin;
} side;

static bool enter(eval *e, const value *name, side *before) {
    *before = (side){e->documents, e->origin};
    for (unsigned i = 0; name && name->type == T_STRING && i < e->collection_count; i++)
        if (strcmp(value_chars(name), e->collections[i].origin->name) == 0) {
            e->documents = e->collections[i].documents;
            e->origin = e->collections[i].origin;
            return true;
        }
    e->unknown = true;
    return false;
}

static void leave(eval *e, side before) {
    e->documents = before.documents;
    e->origin = before.origin;
}

static const value *matching(eval *e, const value *filter, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (!filter || eval_matches(e, filter, doc))
            value_push(e->p, out, doc);
    return out;
}

static const value *joined(eval *e, const value *operand, const value *doc, const value *others) {
    const value *local = value_get(operand, "localField"), *there = value_get(operand, "foreignField");
    const value *pipeline = value_get(operand, "pipeline");
    if (local && there) {
        const value *v = eval_path(e, doc, value_chars(local));
        if (v && v->type == T_REGEX)
            e->unknown = true;
        const value *test =
            v && v->type == T_ARRAY ? value_one(e->p, "$in", v) : value_one(e->p, "$eq", v ? v : value_null(e->p));
        others = matching(e, value_one(e->p, value_chars(there), test), others);
    }
    return pipeline ? eval_pipeline(e, pipeline, others) : others;
}

const value *eval_lookup(eval *e, const value *operand, const value *docs) {
    const value *as = value_get(operand, "as");
    value *out = value_array(e->p);
    side before;
    if (value_get(operand, "let"))
        e->unknown = true; /* variables other than the generator's own */
    if (!as || !enter(e, value_get(operand, "from"), &before))
        return docs;
    for (const value *doc = docs->first; doc; doc = doc->next)
        value_push(e->p, out, eval_with(e, doc, value_chars(as), joined(e, operand, doc, e->documents)));
    leave(e, before);
    return out;
}

/* ---- $graphLookup ---- */

static bool holds(const value *list, const value *v) {
    for (const value *m = list->first; m; m = m->next)
        if (eval_equal(m, v))
            return true;
    return false;
}

static void add_values(eval *e, value *to, const value *v) {
    value *one = value_array(e->p);
    if (v)
        value_push(e->p, one, v);
    for (const value *m = (v && v->type == T_ARRAY ? v : one)->first; m; m = m->next)
        if (!holds(to, m))
            value_push(e->p, to, m);
}

/* All that can be reached, in the order of the collection. */
static const value *reached(eval *e, const value *operand, const value *start, const value *others) {
    const char *from = value_chars(value_get(operand, "connectFromField"));
    const char *to = value_chars(value_get(operand, "connectToField"));
    value *values = value_array(e->p), *out;
    unsigned before;
    add_values(e, values, start);
    do {
        before = value_count(values);
        out = value_array(e->p);
        for (const value *doc = others->first; doc; doc = doc->next)
            if (eval_matches(e, value_one(e->p, to, value_one(e->p, "$in", values)), doc)) {
                value_push(e->p, out, doc);
                add_values(e, values, eval_path(e, doc, from));
            }
    } while (value_count(values) > before && !e->unknown);
    return out;
}

static bool has_regex(const value *docs) {
    for (const value *m = value_is_container(docs) ? docs->first : NULL; m; m = m->next)
        if (m->type == T_REGEX || has_regex(m))
            return true;
    return docs->type == T_REGEX;
}

const value *eval_graph_lookup(eval *e, const value *operand, const value *docs) {
    static const char *const needed[] = {"startWith", "connectFromField", "connectToField", "as"};
    const value *filter = value_get(operand, "restrictSearchWithMatch");
    value *out = value_array(e->p);
    side before;
    for (size_t i = 0; i < 4; i++)
        e->failed |= !value_get(operand, needed[i]);
    if (value_get(operand, "depthField") || value_get(operand, "maxDepth"))
        e->unknown = true;
    if (e->failed || e->unknown || !enter(e, value_get(operand, "from"), &before))
        return docs;
    e->unknown |=
        has_regex(e->documents) || has_regex(docs); /* a value of $in that is a regular expression matches more */
    const value *others = matching(e, filter, e->documents);
    for (const value *doc = docs->first; doc && !e->unknown; doc = doc->next) {
        const value *start = eval_expression(e, value_get(operand, "startWith"), doc);
        value_push(e->p, out,
                   eval_with(e, doc, value_chars(value_get(operand, "as")), reached(e, operand, start, others)));
    }
    leave(e, before);
    return out;
}

const value *eval_facet(eval *e, const value *outputs, const value *docs) {
    value *made = value_doc(e->p), *out = value_array(e->p);
    for (const value *m = outputs->first; m; m = m->next)
        value_put(e->p, made, m->name, eval_pipeline(e, m, docs));
    value_push(e->p, out, made);
    return out;
}

const value *eval_union_with(eval *e, const value *operand, const value *docs) {
    const value *name = operand->type == T_STRING ? operand : value_get(operand, "coll");
    const value *pipeline = operand->type == T_DOC ? value_get(operand, "pipeline") : NULL;
    side before;
    if (!enter(e, name, &before))
        return docs;
    const value *others = pipeline ? eval_pipeline(e, pipeline, e->documents) : e->documents;
    value *out = value_copy(e->p, docs);
    for (const value *doc = others->first; doc; doc = doc->next)
        value_push(e->p, out, doc);
    leave(e, before);
    return out;
}
