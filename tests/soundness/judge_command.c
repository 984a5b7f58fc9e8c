/* Commands: which of their fields hold filters, documents and so on. */

#include <string.h>

#include "judge.h"

static bool is(const value *v, const char *name) {
    return strcmp(v->name, name) == 0;
}

static bool is_schema_field(const value *v) {
    return is(v, "jsonSchema") || is(v, "isRemoteSchema") || is(v, "csfleEncryptionSchemas");
}

bool judge_is_qe(const judge *j) {
    return j->w->qe && j->c && j->c->root->encrypts;
}

static const node *tree(judge *j) {
    return node_of_collection(j->p, j->c);
}

static void set_collation(judge *j, const value *in) {
    const value *collation = value_get(in, "collation");
    const value *locale = collation ? value_get(collation, "locale") : NULL;
    j->collated = locale && locale->type == T_STRING && strcmp(value_chars(locale), "simple") != 0;
}

static bool gives_id_in_filter(const value *q) {
    for (const value *m = q->first; m; m = m->next) {
        if (is(m, "_id") && (!judge_is_operators(m) || value_get(m, "$eq")))
            return true;
        for (const value *part = is(m, "$and") ? m->first : NULL; part; part = part->next)
            if (gives_id_in_filter(part))
                return true;
    }
    return false;
}

static bool gives_id_in_update(const value *u) {
    for (const value *stage = u->type == T_ARRAY ? u->first : NULL; stage; stage = stage->next)
        if (stage->first && value_get(stage->first, "_id"))
            return true; /* whether it is surely there in the end is left to the evaluator */
    const value *set = value_get(u, "$set"), *insert = value_get(u, "$setOnInsert");
    return value_get(u, "_id") || (set && value_get(set, "_id")) || (insert && value_get(insert, "_id"));
}

static bool encrypts_id(judge *j) {
    return node_holds(j->p, node_child(j->p, tree(j), "_id"));
}

static void check_upsert(judge *j, const value *statement, const value *q, const value *u) {
    const value *upsert = value_get(statement, "upsert");
    if (u && !value_is_container(u) && u->type != T_STRING)
        judge_moot(j);
    if (upsert && upsert->type == T_BOOL && upsert->bytes[0] && encrypts_id(j) && q && u && !gives_id_in_filter(q) &&
        !gives_id_in_update(u))
        judge_refuse(j, "an upsert without the encrypted _id");
}

/* q and u of update, filter and updateMods of bulkWrite. */
static void judge_statement(judge *j, const value *o, const value *r) {
    const value *q = value_get(o, "q") ? value_get(o, "q") : value_get(o, "filter");
    const value *u = value_get(o, "u") ? value_get(o, "u") : value_get(o, "updateMods");
    const value *multi = value_get(o, "multi");
    set_collation(j, o);
    check_upsert(j, o, q, u);
    if (judge_is_qe(j) && u && multi && (multi->type == T_BOOL ? multi->bytes[0] : value_number(multi) != 0))
        judge_refuse(j, "a multi-document update");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (it.o == q)
            judge_filter(j, it.o, it.r, tree(j), false);
        else if (it.o == u)
            judge_update(j, it.o, it.r, tree(j));
        else
            judge_same(j, it.o, it.r);
    j->collated = false;
}

static void judge_inserted(judge *j, const value *o, const value *r) {
    if (encrypts_id(j) && !value_get(o, "_id"))
        judge_refuse(j, "a document without the encrypted _id");
    judge_document(j, o, r, tree(j), INSERTED, o);
}

static void judge_bulk_op(judge *j, const value *o, const value *r) {
    if (!value_get(o, "insert")) {
        judge_statement(j, o, r);
        return;
    }
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (is(it.o, "document"))
            judge_inserted(j, it.o, it.r);
        else
            judge_same(j, it.o, it.r);
}

/* The generator writes properties of the root only. */
static void judge_kept_schema(judge *j, const value *schema) {
    const value *properties = value_get(schema, "properties");
    for (const value *m = properties && properties->type == T_DOC ? properties->first : NULL; m; m = m->next)
        if (m->type == T_DOC && m->first && node_child(j->p, tree(j), m->name)->kind == N_ENCRYPTED)
            judge_refuse(j, "a $jsonSchema over '%s'", m->name);
}

/* Any number of inserts, or one update or delete. */
static void check_bulk(judge *j, const value *ops) {
    for (const value *m = ops->first; m && judge_is_qe(j) && value_count(ops) > 1; m = m->next)
        if (!value_get(m, "insert"))
            judge_refuse(j, "several writes in one bulkWrite");
}

static void judge_validator(judge *j, const value *o, const value *r) {
    value rest = *value_doc(j->p), rest_r = rest;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        if (!is(it.o, "$jsonSchema")) {
            value_put(j->p, &rest, it.o->name, it.o);
            if (it.r)
                value_put(j->p, &rest_r, it.r->name, it.r);
            continue;
        }
        if (j->w->qe)
            judge_kept_schema(j, it.o);
        else if (j->encrypts && !value_equal(it.o, j->c->schema))
            judge_refuse(j, "another $jsonSchema than that of the request");
        judge_same(j, it.o, it.r);
    }
    j->only_exists = true;
    judge_filter(j, &rest, r ? &rest_r : NULL, tree(j), false);
    j->only_exists = false;
}

static bool may_be_string(const metadata *meta) {
    return metadata_allows(meta, T_STRING) || metadata_allows(meta, T_SYMBOL);
}

static bool model_has_string(const model *m) {
    bool has = m->encrypted && may_be_string(&m->meta);
    for (const member *e = m->members; e; e = e->next)
        has |= model_has_string(e->model);
    for (const pattern *e = m->patterns; e; e = e->next)
        has |= model_has_string(e->model);
    return has || (m->rest && model_has_string(m->rest));
}

static bool holds_string(const node *n) {
    bool has = n->kind == N_ENCRYPTED && may_be_string(n->meta);
    for (unsigned i = 0; i < n->base.n; i++)
        has |= model_has_string(n->base.set[i]);
    return has;
}

static void judge_index_key(judge *j, const value *key, bool expires) {
    if (!key)
        return;
    for (const value *m = key->first; m; m = m->next) {
        spot s = node_find(j->p, tree(j), m->name);
        if (s.below || s.node->kind == N_CONFLICT)
            judge_refuse(j, "an index below the encrypted path '%s'", m->name);
        if (s.node->kind == N_ENCRYPTED && (s.node->meta->algorithm == RANDOM || expires))
            judge_refuse(j, "an index on '%s'", m->name);
        if (j->collated && holds_string(s.node))
            judge_refuse(j, "an index with a collation on '%s'", m->name);
    }
}

static void judge_index(judge *j, const value *o, const value *r) {
    set_collation(j, o);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (is(it.o, "partialFilterExpression")) {
            j->only_exists = true;
            judge_filter(j, it.o, it.r, tree(j), false);
            j->only_exists = false;
        } else {
            judge_same(j, it.o, it.r);
        }
    const value *expires = value_get(o, "expireAfterSeconds");
    judge_index_key(j, value_get(o, "key"), expires && value_is_number(expires));
}

typedef void rule(judge *j, const value *o, const value *r);

static void each(judge *j, const value *o, const value *r, rule *judge_element) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        judge_element(j, it.o, it.r);
}

static void judge_distinct_key(judge *j, const value *o) {
    spot s = node_find(j->p, tree(j), value_chars(o));
    if (s.below || (!node_usable(s.node) && s.node->kind != N_ENCRYPTED))
        judge_refuse(j, "distinct above or below an encrypted path");
    else if (s.node->kind == N_ENCRYPTED && !metadata_comparable(s.node->meta))
        judge_refuse(j, "distinct values of a field that cannot be compared");
    else if (s.node->kind == N_ENCRYPTED && j->collated && holds_string(s.node))
        judge_refuse(j, "distinct encrypted strings under a collation");
}

static void judge_bounds(judge *j, const value *o) {
    for (const value *m = o->first; m; m = m->next) {
        spot s = node_find(j->p, tree(j), m->name);
        if (s.below || !node_usable(s.node))
            judge_refuse(j, "an index bound for '%s'", m->name);
    }
}

static void judge_aggregate(judge *j, const value *o, const value *r) {
    j->pipeline_marked = r && ((j->encrypts && value_placeholders(r) > 0) || judge_is_qe(j));
    judge_pipeline(j, o, r, tree(j));
}

static void judge_field(judge *j, const value *o, const value *r) {
    if (is(o, "query") && j->distinct && judge_is_qe(j)) {
        j->only_exists = true;
        judge_filter(j, o, r, tree(j), false);
        j->only_exists = false;
    } else if (is(o, "filter") || is(o, "query")) {
        judge_filter(j, o, r, tree(j), false);
    } else if (is(o, "projection") || is(o, "fields")) {
        judge_projection(j, o, r, tree(j), true);
    } else if (is(o, "sort")) {
        judge_sort(j, o, tree(j));
        judge_same(j, o, r);
    } else if (is(o, "min") || is(o, "max")) {
        judge_bounds(j, o);
        judge_same(j, o, r);
    } else if (is(o, "documents")) {
        each(j, o, r, judge_inserted);
    } else if (is(o, "updates") || is(o, "deletes")) {
        each(j, o, r, judge_statement);
    } else if (is(o, "update") && o->type != T_STRING) {
        judge_update(j, o, r, tree(j));
    } else if (is(o, "pipeline")) {
        judge_aggregate(j, o, r);
    } else if (is(o, "ops")) {
        check_bulk(j, o);
        each(j, o, r, judge_bulk_op);
    } else if (is(o, "validator")) {
        judge_validator(j, o, r);
    } else if (is(o, "indexes")) {
        each(j, o, r, judge_index);
    } else {
        if (is(o, "key"))
            judge_distinct_key(j, o);
        if (is(o, "unheardOf") && j->encrypts)
            judge_refuse(j, "unknown command field");
        judge_same(j, o, r);
    }
}

static const value *collection_value(const value *command) {
    const value *names = value_get(command, "nsInfo");
    return names && names->first ? value_get(names->first, "ns") : command->first;
}

static void judge_inner(judge *j, const value *o, const value *r) {
    const value *ns = collection_value(o);
    const char *name = ns && ns->type == T_STRING ? value_chars(ns) : "";
    j->c = world_find(j->w, strncmp(name, "db.", 3) == 0 ? name + 3 : name);
    if (!j->c) {
        judge_refuse(j, "no schema for the namespace");
        return;
    }
    set_collation(j, o);
    j->distinct = value_get(o, "distinct");
    check_upsert(j, o, value_get(o, "query"), value_get(o, "update"));
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        judge_field(j, it.o, it.r);
}

/* The command as it must come back, were it not for its values. */
static value *bare_command(judge *j, const value *command, bool lacks_db) {
    value *bare = value_doc(j->p);
    for (const value *m = command->first; m; m = m->next) {
        if (is_schema_field(m) || (lacks_db && is(m, "$db")))
            continue;
        value_put(j->p, bare, m->name, m);
        if (is(m, "explain") && !value_get(command, "verbosity"))
            value_put(j->p, bare, "verbosity", value_string(j->p, "allPlansExecution"));
    }
    return bare;
}

static void judge_explain(judge *j, const value *o, const value *r) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (is(it.o, "explain"))
            judge_inner(j, it.o, it.r);
        else
            judge_same(j, it.o, it.r);
}

verdict judge_command(judge *j, const value *command, const value *result) {
    j->encrypts = world_request_encrypts(j->w, command);
    const value *bare = bare_command(j, command, result && j->encrypts && (j->w->qe || value_placeholders(result)));
    j->verdict = V_FINE;
    if (j->encrypts && value_placeholders(bare))
        judge_refuse(j, "a forged placeholder");
    if (value_get(command, "explain"))
        judge_explain(j, bare, result);
    else
        judge_inner(j, bare, result);
    if (result && j->w->qe && j->encrypts && j->verdict == V_FINE)
        judge_qe_result(j, result);
    return j->verdict;
}
