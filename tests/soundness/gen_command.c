#include <string.h>

#include "gen.h"

const char *const command_names[COMMANDS] = {
    [C_FIND] = "find",
    [C_INSERT] = "insert",
    [C_UPDATE] = "update",
    [C_UPDATE_PIPELINE] = "update, pipeline",
    [C_DELETE] = "delete",
    [C_FIND_AND_MODIFY] = "findAndModify",
    [C_COUNT] = "count",
    [C_DISTINCT] = "distinct",
    [C_AGGREGATE] = "aggregate",
    [C_BULK_WRITE] = "bulkWrite",
    [C_CREATE] = "create",
    [C_COLL_MOD] = "collMod",
    [C_CREATE_INDEXES] = "createIndexes",
};

static value *named(gen *g, const char *command) {
    return value_one(g->p, command, value_string(g->p, g->c->name));
}

static void put_collation(gen *g, value *to) {
    if (gen_percent(g, 3))
        value_put(g->p, to, "collation", value_one(g->p, "locale", value_string(g->p, "simple")));
    else if (gen_odd(g, 4))
        value_put(g->p, to, "collation", value_one(g->p, "locale", value_string(g->p, "de")));
}

static value *sort_keys(gen *g) {
    const place *e = gen_odd(g, 20) ? gen_place(g, ANYTHING) : NULL;
    return value_one(g->p, e ? e->path : gen_plain_path(g), value_int(g->p, 1));
}

static value *find(gen *g) {
    value *command = named(g, "find");
    g->has_let = gen_percent(g, 8);
    value_put(g->p, command, "filter", gen_filter(g, 2));
    if (gen_percent(g, 20))
        value_put(g->p, command, "projection", gen_projection(g));
    if (gen_percent(g, 15))
        value_put(g->p, command, "sort", sort_keys(g));
    if (gen_percent(g, 15))
        value_put(g->p, command, "limit", value_int(g->p, 3));
    if (g->has_let)
        value_put(g->p, command, "let", value_one(g->p, "l", value_int(g->p, 1)));
    if (gen_odd(g, 3))
        value_put(g->p, command, "min", value_one(g->p, gen_percent(g, 50) ? "x" : "ssn", value_int(g->p, 3)));
    if (gen_odd(g, 2))
        value_put(g->p, command, "unheardOf", value_int(g->p, 3));
    put_collation(g, command);
    return command;
}

static value *insert(gen *g) {
    value *command = named(g, "insert"), *documents = value_array(g->p);
    position root = position_root(g->c->root);
    for (unsigned n = 1 + gen_below(g, 3); n > 0; n--)
        value_push(g->p, documents, gen_document(g, &root, true));
    value_put(g->p, command, "documents", documents);
    if (gen_percent(g, 50))
        value_put(g->p, command, "ordered", value_bool(g->p, true));
    return command;
}

static bool may_be_multi(gen *g) {
    return !g->w->qe || gen_odd(g, 15);
}

static value *update_statement(gen *g, value *u) {
    value *statement = value_one(g->p, "q", gen_filter(g, 1));
    value_put(g->p, statement, "u", u);
    if (gen_percent(g, 30))
        value_put(g->p, statement, "multi", value_bool(g->p, may_be_multi(g) && gen_percent(g, 50)));
    if (gen_percent(g, 20))
        value_put(g->p, statement, "upsert", value_bool(g->p, gen_percent(g, 70)));
    if (value_get(u, "$set") && gen_percent(g, 6)) {
        value *filters = value_array(g->p);
        value_push(g->p, filters, value_one(g->p, "e", value_int(g->p, 1)));
        value_put(g->p, statement, "arrayFilters", filters);
    }
    put_collation(g, statement);
    return statement;
}

static value *update(gen *g, bool pipeline) {
    value *command = named(g, "update"), *updates = value_array(g->p);
    for (unsigned n = gen_percent(g, 70) ? 1 : 2; n > 0; n--)
        value_push(g->p, updates, update_statement(g, pipeline ? gen_update_pipeline(g) : gen_update(g)));
    value_put(g->p, command, "updates", updates);
    if (gen_percent(g, 30))
        value_put(g->p, command, "ordered", value_bool(g->p, true));
    return command;
}

static value *delete_(gen *g) {
    value *command = named(g, "delete"), *deletes = value_array(g->p);
    for (unsigned n = gen_percent(g, 70) ? 1 : 2; n > 0; n--) {
        value *statement = value_one(g->p, "q", gen_filter(g, 2));
        value_put(g->p, statement, "limit", value_int(g->p, (int)gen_below(g, 2)));
        put_collation(g, statement);
        value_push(g->p, deletes, statement);
    }
    value_put(g->p, command, "deletes", deletes);
    return command;
}

static value *find_and_modify(gen *g) {
    value *command = named(g, gen_percent(g, 70) ? "findAndModify" : "findandmodify");
    value_put(g->p, command, "query", gen_filter(g, 1));
    if (gen_percent(g, 20))
        value_put(g->p, command, "remove", value_bool(g->p, true));
    else
        value_put(g->p, command, "update", gen_percent(g, 20) ? gen_update_pipeline(g) : gen_update(g));
    if (gen_percent(g, 15))
        value_put(g->p, command, "fields", gen_projection(g));
    if (gen_percent(g, 15))
        value_put(g->p, command, "sort", sort_keys(g));
    if (gen_percent(g, 15) && !value_get(command, "remove"))
        value_put(g->p, command, "upsert", value_bool(g->p, true));
    put_collation(g, command);
    return command;
}

static value *count(gen *g) {
    value *command = named(g, "count");
    value_put(g->p, command, "query", gen_filter(g, 2));
    put_collation(g, command);
    return command;
}

static value *distinct(gen *g) {
    const place *e = gen_percent(g, 50) ? gen_place(g, gen_odd(g, 30) ? ANYTHING : COMPARABLE) : NULL;
    value *command = named(g, "distinct");
    value_put(g->p, command, "key", value_string(g->p, e ? e->path : gen_plain_path(g)));
    if (g->w->qe && !gen_odd(g, 20))
        g->place_count = 0; /* such a query may not touch them */
    value_put(g->p, command, "query", gen_filter(g, 2));
    put_collation(g, command);
    return command;
}

static value *aggregate(gen *g) {
    value *command = named(g, "aggregate");
    g->has_let = gen_percent(g, 8);
    value_put(g->p, command, "pipeline", gen_pipeline(g, 2));
    value_put(g->p, command, "cursor", value_doc(g->p));
    if (g->has_let)
        value_put(g->p, command, "let", value_one(g->p, "l", value_int(g->p, 1)));
    put_collation(g, command);
    return command;
}

static value *bulk_op(gen *g, unsigned kind) {
    position root = position_root(g->c->root);
    value *op;
    switch (kind) {
    case 0:
        op = value_one(g->p, "insert", value_int(g->p, 0));
        value_put(g->p, op, "document", gen_document(g, &root, true));
        return op;
    case 1:
        op = value_one(g->p, "update", value_int(g->p, 0));
        value_put(g->p, op, "filter", gen_filter(g, 1));
        value_put(g->p, op, "updateMods", gen_percent(g, 20) ? gen_update_pipeline(g) : gen_update(g));
        value_put(g->p, op, "multi", value_bool(g->p, may_be_multi(g) && gen_percent(g, 50)));
        return op;
    default:
        op = value_one(g->p, "delete", value_int(g->p, 0));
        value_put(g->p, op, "filter", gen_filter(g, 2));
        value_put(g->p, op, "multi", value_bool(g->p, gen_percent(g, 50)));
        return op;
    }
}

static value *bulk_write(gen *g) {
    value *command = value_one(g->p, "bulkWrite", value_int(g->p, 1)), *ops = value_array(g->p);
    unsigned kind = gen_below(g, 3), n = 1 + gen_below(g, 3);
    bool alike = g->w->qe && !gen_odd(g, 20);
    for (n = alike && kind ? 1 : n; n > 0; n--)
        value_push(g->p, ops, bulk_op(g, alike ? kind : gen_below(g, 3)));
    value_put(g->p, command, "ops", ops);
    value *names = value_array(g->p);
    value_push(g->p, names, value_one(g->p, "ns", value_string(g->p, pool_text(g->p, "db.%s", g->c->name))));
    value_put(g->p, command, "nsInfo", names);
    return command;
}

/* Rules of a collection with encryptedFields. */
static value *kept_schema(gen *g) {
    const place *e = gen_odd(g, 20) ? gen_place(g, LEAF) : NULL;
    value *rule = value_one(g->p, "bsonType", value_string(g->p, "int"));
    return value_one(g->p, "properties", value_one(g->p, e && !strchr(e->path, '.') ? e->path : "y", rule));
}

static value *validator(gen *g) {
    value *doc = value_doc(g->p);
    if (gen_percent(g, 70))
        value_put(g->p, doc, "$jsonSchema",
                  gen_odd(g, 20) ? value_doc(g->p)
                  : g->w->qe     ? kept_schema(g)
                                 : g->c->schema);
    const place *e = gen_place(g, gen_odd(g, 30) ? FILTERABLE : LEAF);
    if (gen_percent(g, 40))
        value_put(g->p, doc, "y", value_one(g->p, "$gt", value_int(g->p, 0)));
    if (e && gen_percent(g, 40))
        value_put(g->p, doc, e->path,
                  gen_odd(g, 30) ? gen_value_for(g, e->meta) : value_one(g->p, "$exists", value_bool(g->p, true)));
    return doc;
}

static value *create(gen *g, const char *name) {
    value *command = named(g, name);
    value_put(g->p, command, "validator", validator(g));
    if (gen_percent(g, 40))
        value_put(g->p, command, "validationLevel", value_string(g->p, "strict"));
    return command;
}

static value *create_indexes(gen *g) {
    value *command = named(g, "createIndexes"), *indexes = value_array(g->p);
    const place *e = gen_percent(g, 60) ? gen_place(g, gen_odd(g, 30) ? ANYTHING : COMPARABLE) : NULL;
    value *index =
        value_one(g->p, "key", value_one(g->p, e ? e->path : "x", value_int(g->p, gen_percent(g, 70) ? 1 : -1)));
    value_put(g->p, index, "name", value_string(g->p, "i1"));
    if (gen_percent(g, 20))
        value_put(g->p, index, "unique", value_bool(g->p, true));
    if (gen_percent(g, 30)) {
        const place *f = gen_percent(g, 50) ? gen_place(g, LEAF) : NULL;
        value *exists = value_one(g->p, "$exists", value_bool(g->p, true));
        value_put(g->p, index, "partialFilterExpression",
                  f ? value_one(g->p, f->path, gen_odd(g, 20) ? gen_value_for(g, f->meta) : exists)
                    : value_one(g->p, "y", value_int(g->p, 1)));
    }
    if (gen_odd(g, 10))
        value_put(g->p, index, "expireAfterSeconds", value_int(g->p, 1));
    put_collation(g, index);
    value_push(g->p, indexes, index);
    value_put(g->p, command, "indexes", indexes);
    return command;
}

static value *bare(gen *g, command_kind kind) {
    switch (kind) {
    case C_FIND: return find(g);
    case C_INSERT: return insert(g);
    case C_UPDATE:
    case C_UPDATE_PIPELINE: return update(g, kind == C_UPDATE_PIPELINE);
    case C_DELETE: return delete_(g);
    case C_FIND_AND_MODIFY: return find_and_modify(g);
    case C_COUNT: return count(g);
    case C_DISTINCT: return distinct(g);
    case C_AGGREGATE: return aggregate(g);
    case C_BULK_WRITE: return bulk_write(g);
    case C_CREATE: return create(g, "create");
    case C_COLL_MOD: return create(g, "collMod");
    default: return create_indexes(g);
    }
}

static void put_generic(gen *g, value *command) {
    if (gen_percent(g, 10))
        value_put(g->p, command, "maxTimeMS", value_int(g->p, 1000));
    if (gen_percent(g, 10))
        value_put(g->p, command, "comment", gen_plain_value(g));
}

static bool explainable(command_kind kind) {
    return kind != C_INSERT && kind < C_BULK_WRITE;
}

value *gen_command(gen *g, command_kind kind) {
    g->wild = gen_percent(g, 50);
    gen_enter(g, &g->w->collections[gen_percent(g, 85) ? 0 : gen_below(g, g->w->count)]);
    value *command = bare(g, kind);
    put_generic(g, command);
    if (explainable(kind) && gen_percent(g, 4)) {
        command = value_one(g->p, "explain", command);
        if (gen_percent(g, 50))
            value_put(g->p, command, "verbosity", value_string(g->p, "queryPlanner"));
    }
    world_put_schema(g->w, g->c, g->p, command);
    value_put(g->p, command, "$db", value_string(g->p, "db"));
    return command;
}
