#include <string.h>

#include "eval.h"

/* A field without which there is nothing to do; a shrunk command may have lost it. */
static const value *need(eval *e, const value *command, const char *name) {
    static const value nothing = {.type = T_ARRAY};
    const value *v = value_get(command, name);
    e->unknown |= !v;
    return v ? v : &nothing;
}

static const value *matching(eval *e, const value *filter, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        if (!filter || eval_matches(e, filter, doc))
            value_push(e->p, out, doc);
    return out;
}

static const value *projected(eval *e, const value *projection, const value *docs) {
    value *out = value_array(e->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        value_push(e->p, out, projection && projection->first ? eval_project(e, projection, doc) : doc);
    return out;
}

static const value *find(eval *e, const value *command) {
    const value *sort = value_get(command, "sort"), *docs = matching(e, value_get(command, "filter"), e->documents);
    if (sort)
        docs = eval_sort(e, sort, docs);
    return projected(e, value_get(command, "projection"), docs);
}

static bool flag(const value *of, const char *name) {
    const value *v = value_get(of, name);
    return v && eval_truth(v);
}

/* What the equalities of a filter say of a new document. */
static const value *from_equalities(eval *e, const value *q, const value *doc) {
    for (const value *m = q ? q->first : NULL; m; m = m->next) {
        const value *v = eval_is_operators(m) ? value_get(m, "$eq") : m;
        for (const value *part = strcmp(m->name, "$and") == 0 ? m->first : NULL; part; part = part->next)
            doc = from_equalities(e, part, doc);
        if (e->origin && collection_metadata(e->origin, m->name) && collection_metadata(e->origin, m->name)->qe)
            continue; /* what finds a value is not one */
        if (m->name[0] != '$' && v && v->type != T_REGEX)
            doc = eval_with(e, doc, m->name, v);
    }
    return doc;
}

/* A new document has an _id: the server's, if nobody gives one. */
static const value *with_id(eval *e, const value *doc) {
    static const uint8_t generated[12] = {0xaa};
    if (value_get(doc, "_id"))
        return doc;
    value *out = value_one(e->p, "_id", value_scalar(e->p, T_OID, generated, sizeof generated));
    for (const value *m = doc->first; m; m = m->next)
        value_put(e->p, out, m->name, m);
    return out;
}

static const value *upserted(eval *e, const value *q, const value *u) {
    const value *doc = from_equalities(e, q, value_doc(e->p));
    e->inserting = true;
    doc = eval_update(e, u, doc);
    e->inserting = false;
    return with_id(e, doc);
}

/* Everything that matches, or the first. */
static const value *updated(eval *e, const value *q, const value *u, bool multi, bool upsert, const value *docs) {
    value *out = value_array(e->p);
    bool going = true, any = false;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        bool hit = going && (!q || eval_matches(e, q, doc));
        value_push(e->p, out, hit ? eval_update(e, u, doc) : doc);
        going &= !hit || multi;
        any |= hit;
    }
    if (upsert && !any)
        value_push(e->p, out, upserted(e, q, u));
    return out;
}

static const value *deleted(eval *e, const value *q, bool one, const value *docs) {
    value *out = value_array(e->p);
    bool going = true;
    for (const value *doc = docs->first; doc; doc = doc->next) {
        bool hit = going && (!q || eval_matches(e, q, doc));
        if (!hit)
            value_push(e->p, out, doc);
        going &= !hit || !one;
    }
    return out;
}

static const value *with_added(eval *e, const value *docs, const value *doc) {
    value *out = value_copy(e->p, docs);
    value_push(e->p, out, doc);
    return out;
}

static const value *statement(eval *e, const value *s, const value *docs) {
    const value *q = value_get(s, "q") ? value_get(s, "q") : value_get(s, "filter");
    const value *u = value_get(s, "u") ? value_get(s, "u") : value_get(s, "updateMods");
    const value *document = value_get(s, "document"), *limit = value_get(s, "limit");
    if (document)
        return with_added(e, docs, with_id(e, document));
    if (u)
        return updated(e, q, u, flag(s, "multi"), flag(s, "upsert"), docs);
    return deleted(e, q, limit ? eval_truth(limit) : !flag(s, "multi"), docs);
}

static const value *statements(eval *e, const value *list) {
    const value *docs = e->documents;
    for (const value *m = list->first; m && !e->failed; m = m->next)
        docs = statement(e, m, docs);
    return docs;
}

static const value *insert(eval *e, const value *command) {
    const value *docs = e->documents;
    for (const value *m = need(e, command, "documents")->first; m; m = m->next)
        docs = with_added(e, docs, with_id(e, m));
    return docs;
}

static const value *find_and_modify(eval *e, const value *command) {
    const value *q = value_get(command, "query"), *u = value_get(command, "update");
    return u ? updated(e, q, u, false, flag(command, "upsert"), e->documents) : deleted(e, q, true, e->documents);
}

static bool holds(const value *array, const value *v) {
    for (const value *m = array->first; m; m = m->next)
        if (eval_equal(m, v))
            return true;
    return false;
}

static const value *distinct(eval *e, const value *command) {
    value *out = value_array(e->p);
    const value *docs = matching(e, value_get(command, "query"), e->documents);
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const value *v = eval_path(e, doc, value_chars(need(e, command, "key")));
        value *one = value_array(e->p);
        if (v)
            value_push(e->p, one, v);
        for (const value *m = (v && v->type == T_ARRAY ? v : one)->first; m; m = m->next)
            if (!holds(out, m))
                value_push(e->p, out, m);
    }
    return out;
}

const value *eval_command(eval *e, const value *command) {
    const char *name = command->first->name;
    const value *ops = value_get(command, "ops");
    if (strcmp(name, "find") == 0)
        return find(e, command);
    if (strcmp(name, "insert") == 0)
        return insert(e, command);
    if (strcmp(name, "update") == 0)
        return statements(e, need(e, command, "updates"));
    if (strcmp(name, "delete") == 0)
        return statements(e, need(e, command, "deletes"));
    if (ops)
        return statements(e, ops);
    if (strcmp(name, "findAndModify") == 0 || strcmp(name, "findandmodify") == 0)
        return find_and_modify(e, command);
    if (strcmp(name, "count") == 0)
        return matching(e, value_get(command, "query"), e->documents);
    if (strcmp(name, "distinct") == 0)
        return distinct(e, command);
    if (strcmp(name, "aggregate") == 0)
        return eval_pipeline(e, need(e, command, "pipeline"), e->documents);
    e->unknown = true;
    return e->documents;
}
