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
static void judge_field_of(judge *j, const char *of, const value *o, const value *r) {
    const command_row *row = NULL;
    for (unsigned i = 0; i < command_count; i++)
        if (strcmp(command_table[i].name, of) == 0)
            row = &command_table[i];
    bool known = row && operand_known(row->fields, o->name);
    judge_note_once(j, F_COMMAND, known ? of : "(unknown field)", known ? o->name : "");
    if (!known && j->encrypts)
        judge_refuse(j, "unknown field %s of %s", o->name, of);
    judge_same(j, o, r);
}

/* Where something in the reply is marked, a statement of update says whether it is for many and upserts. */
static const value *completed(judge *j, const value *statement) {
    static const char *const names[] = {"multi", "upsert"};
    value *made = value_copy(j->p, statement);
    for (size_t i = 0; i < 2; i++)
        if (!value_get(statement, names[i]))
            value_put(j->p, made, names[i], value_bool(j->p, false));
    return made;
}

static const char *statement_kind(const judge *j, const value *o) {
    bool bulk = strcmp(j->command, "bulkWrite") == 0;
    bool updates = value_get(o, "u") || value_get(o, "updateMods");
    return bulk ? updates ? "(bulk update)" : "(bulk delete)" : updates ? "(update statement)" : "(delete statement)";
}

static void judge_statement(judge *j, const value *o, const value *r) {
    if (j->completes)
        o = completed(j, o);
    const char *kind = statement_kind(j, o);
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
            judge_field_of(j, kind, it.o, it.r);
    j->collated = false;
}

static void judge_inserted(judge *j, const value *o, const value *r) {
    if (encrypts_id(j) && !value_get(o, "_id"))
        judge_refuse(j, "a document without the encrypted _id");
    int before = judge_enter(j, F_COMMAND, "insert", "documents");
    judge_document(j, o, r, tree(j), INSERTED, o);
    judge_leave(j, before);
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

/* What the predicates are on; the last one is to blame, if any. */
static void note_paths(judge *j, const value *filter, const char *command, const char *operand) {
    int before = judge_enter(j, F_COMMAND, command, operand);
    for (const value *m = filter->first; m; m = m->next)
        if (m->name[0] != '$') {
            spot s = node_find(j->p, tree(j), m->name);
            cell made = {(short)j->context, (unsigned char)judge_site(&s)};
            judge_note(j, judge_site(&s));
            if (j->verdict == V_REFUSE)
                j->blamed = made;
        }
    judge_leave(j, before);
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
    note_paths(j, &rest, j->command, "validator");
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
        int before = judge_enter(j, F_COMMAND, "createIndexes", expires ? "expireAfterSeconds" : "key");
        judge_note(j, judge_site(&s));
        judge_leave(j, before);
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
            note_paths(j, it.o, "createIndexes", "partialFilterExpression");
        } else if (is(it.o, "key")) {
            judge_same(j, it.o, it.r);
        } else {
            judge_field_of(j, "(index)", it.o, it.r);
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
    int before = judge_enter(j, F_COMMAND, "distinct", "key");
    judge_note(j, judge_site(&s));
    judge_leave(j, before);
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
        int before = judge_enter(j, F_COMMAND, "find", o->name);
        judge_note(j, judge_site(&s));
        judge_leave(j, before);
        if (s.below || !node_usable(s.node))
            judge_refuse(j, "an index bound for '%s'", m->name);
    }
}

static void judge_aggregate(judge *j, const value *o, const value *r) {
    j->pipeline_marked = r && ((j->encrypts && value_placeholders(r) > 0) || judge_is_qe(j));
    judge_pipeline(j, o, r, tree(j));
}

/* Members of a command that other rules speak of. */
static bool is_structure(const value *o) {
    static const char *const names[] = {"$db",
                                        "jsonSchema",
                                        "isRemoteSchema",
                                        "csfleEncryptionSchemas",
                                        "encryptionInformation",
                                        "nsInfo",
                                        "remove",
                                        "upsert",
                                        "find",
                                        "insert",
                                        "update",
                                        "delete",
                                        "count",
                                        "distinct",
                                        "aggregate",
                                        "create",
                                        "collMod",
                                        "createIndexes",
                                        "bulkWrite",
                                        "findAndModify",
                                        "viewOn",
                                        "findandmodify"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is(o, names[i]))
            return true;
    return false;
}

/* Fields in which nothing is marked. */
static void judge_rest(judge *j, const value *o, const value *r) {
    if (is(o, "key") && j->distinct) {
        judge_distinct_key(j, o);
        judge_same(j, o, r);
    } else if (is(o, "exchange")) {
        judge_note_once(j, F_COMMAND, "aggregate", "exchange");
        if (j->encrypts)
            judge_refuse(j, "exchange");
        judge_same(j, o, r);
    } else if (is(o, "expireAfterSeconds") && encrypts_id(j)) {
        judge_moot(j); /* of a clustered collection it speaks of _id */
    } else if ((is(o, "idIndex") || is(o, "clusteredIndex")) && encrypts_id(j)) {
        judge_index_key(j, value_get(o, "key"), false);
        judge_same(j, o, r);
    } else if (is_structure(o)) {
        judge_same(j, o, r);
    } else {
        judge_field_of(j, j->command, o, r);
    }
}

static void judge_field(judge *j, const value *o, const value *r) {
    if (is(o, "query") && j->distinct && judge_is_qe(j)) {
        j->only_exists = true;
        judge_filter(j, o, r, tree(j), false);
        j->only_exists = false;
    } else if (is(o, "filter") || is(o, "query")) {
        judge_note_once(j, F_COMMAND, j->command, o->name);
        judge_filter(j, o, r, tree(j), false);
    } else if (is(o, "projection") || is(o, "fields")) {
        judge_projection(j, o, r, tree(j), true);
    } else if (is(o, "sort")) {
        int before = judge_enter(j, F_COMMAND, j->command, "sort");
        judge_sort(j, o, tree(j));
        judge_leave(j, before);
        judge_same(j, o, r);
    } else if (strcmp(j->command, "find") == 0 && (is(o, "min") || is(o, "max"))) {
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
        judge_rest(j, o, r);
    }
}

/* Variables of the command, for all of it. */
static void bind_let(judge *j, const value *let) {
    for (const value *m = let && let->type == T_DOC ? let->first : NULL; m; m = m->next)
        judge_bind(j, m->name);
}

static const char *command_name(const char *given) {
    return strcmp(given, "findandmodify") == 0 ? "findAndModify" : given;
}

static const value *collection_value(const value *command) {
    const value *names = value_get(command, "nsInfo");
    return names && names->first ? value_get(names->first, "ns") : command->first;
}

/* The pipeline starts from what the request says of the collection that the view is on; the view itself is plain. */
static void judge_view(judge *j, const value *o, const value *r) {
    const value *on = value_get(o, "viewOn");
    j->c = j->w->several || j->w->qe ? world_find(j->w, value_chars(on)) : NULL;
    j->command = o->first->name;
    judge_note_once(j, F_STAGE, "(view)", "");
    j->fixed_in = "(QE in a view)"; /* the documents are silent: what is stored so the server would not rewrite */
    if (value_get(o, "validator"))
        judge_moot(j);
    j->nested = j->view = true;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (!is(it.o, "pipeline"))
            judge_same(j, it.o, it.r);
        else if (j->c)
            judge_aggregate(j, it.o, it.r);
        else
            judge_alien_pipeline(j, it.o, it.r);
}

/* What a command cannot do without, and of which type that and others must be. */
static void check_members(judge *j, const value *o) {
    static const struct {
        const char *command, *member;
        uint8_t type;
        bool needed;
    } table[] = {
        {"aggregate", "pipeline", T_ARRAY, true},
        {"distinct", "key", T_STRING, true},
        {"update", "updates", T_ARRAY, true},
        {"delete", "deletes", T_ARRAY, true},
        {"insert", "documents", T_ARRAY, true},
        {"bulkWrite", "ops", T_ARRAY, true},
        {"createIndexes", "indexes", T_ARRAY, true},
        {"", "filter", T_DOC, false},
        {"", "query", T_DOC, false},
        {"", "projection", T_DOC, false},
        {"", "fields", T_DOC, false},
        {"", "sort", T_DOC, false},
        {"", "let", T_DOC, false},
        {"", "collation", T_DOC, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table && j->encrypts; i++) {
        const value *given = value_get(o, table[i].member);
        bool here = !*table[i].command || strcmp(table[i].command, j->command) == 0;
        if (here && (given ? given->type != table[i].type : table[i].needed)) {
            judge_note_once(j, F_COMMAND, given ? "(wrong type)" : "(incomplete)", "");
            judge_refuse(j, "%s is missing, or of another type", table[i].member);
        }
    }
}

static void judge_inner(judge *j, const value *o, const value *r) {
    if (value_get(o, "viewOn")) {
        judge_view(j, o, r);
        return;
    }
    const value *ns = collection_value(o);
    const char *name = ns && ns->type == T_STRING ? value_chars(ns) : "";
    j->c = world_find(j->w, strncmp(name, "db.", 3) == 0 ? name + 3 : name);
    if (!j->c) {
        judge_note_once(j, F_COMMAND, "(other namespace)", "");
        judge_refuse(j, "no schema for the namespace");
        return;
    }
    set_collation(j, o);
    j->command = command_name(o->first->name);
    check_members(j, o);
    j->completes = is(o->first, "update") && r && j->encrypts && value_placeholders(r) > 0;
    bind_let(j, value_get(o, "let"));
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
    j->context = j->blamed.row = -1;
    if (j->encrypts && value_placeholders(bare)) {
        judge_note_once(j, F_COMMAND, "(forged)", "");
        judge_refuse(j, "a forged placeholder");
    }
    const value *information = value_get(command, "encryptionInformation");
    if (information && !value_equal(value_get(information, "type"), value_int(j->p, 1))) {
        judge_note_once(j, F_COMMAND, "(other version)", "");
        judge_refuse(j, "encryptionInformation of another type");
    }
    if (value_get(command, "explain"))
        judge_explain(j, bare, result);
    else
        judge_inner(j, bare, result);
    if (result && j->w->qe && j->encrypts && j->verdict == V_FINE)
        judge_qe_result(j, result);
    return j->verdict;
}
