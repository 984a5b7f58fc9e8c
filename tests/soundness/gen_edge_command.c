/* Updates, and fields of commands. */

#include <string.h>

#include "gen_edge.h"

static value *one(gen *g, const char *name, const value *v) {
    return value_one(g->p, name, v);
}

static value *text(gen *g, const char *s) {
    return value_string(g->p, s);
}

static value *list_of(gen *g, const value *v) {
    value *list = value_array(g->p);
    value_push(g->p, list, v);
    return list;
}

/* ---- updates ---- */

/* A document that holds `v` at the path. */
static value *nested(gen *g, const char *path, value *v) {
    const char *dot = strrchr(path, '.');
    if (!dot)
        return one(g, path, v);
    return nested(g, pool_text(g->p, "%.*s", (int)(dot - path), path), one(g, dot + 1, v));
}

static const char *positional(edge *e) {
    static const char *const parts[] = {"$", "$[]", "$[e]", NULL};
    return pool_text(e->g->p, "%s.%s%s", e->at.path, gen_pick(e->g, parts), gen_percent(e->g, 40) ? ".a" : "");
}

static value *operand_for(edge *e, const char *op) {
    gen *g = e->g;
    if (operand_known("$set $setOnInsert (positional)", op))
        return edge_value(e);
    if (operand_known("$push $addToSet", op))
        return gen_percent(g, 50) ? edge_value(e) : one(g, "$each", list_of(g, edge_value(e)));
    if (operand_known("$pullAll $pushAll", op))
        return list_of(g, edge_value(e));
    if (strcmp(op, "$bit") == 0)
        return one(g, "or", value_int(g->p, 1));
    if (strcmp(op, "$currentDate") == 0)
        return value_bool(g->p, true);
    return operand_known("$min $max $pull", op) ? edge_value(e) : value_int(g->p, 1);
}

static const char *rename_target(edge *e) {
    gen *g = e->g;
    for (unsigned i = 0; i < g->place_count; i++) {
        const place *to = &g->places[i];
        if (e->at.meta && to->meta && strcmp(to->path, e->at.path) != 0 && metadata_equal(to->meta, e->at.meta) &&
            gen_percent(g, 80))
            return to->path;
    }
    return "renamed";
}

static value *set(gen *g, const char *path, value *v) {
    bool literal = value_is_container(v) || (v->type == T_STRING && value_chars(v)[0] == '$');
    return one(g, gen_percent(g, 50) ? "$set" : "$addFields", one(g, path, literal ? one(g, "$literal", v) : v));
}

static value *pipeline(edge *e) {
    gen *g = e->g;
    const char *kind = e->row->operand;
    value *unset = one(g, "$unset", text(g, e->at.path)), *list;
    if (strcmp(kind, "$set") == 0)
        return list_of(g, set(g, e->at.path, edge_value(e)));
    if (strcmp(kind, "value") == 0)
        return list_of(g, one(g, "$set", one(g, "y", edge_path(e))));
    list = list_of(g, unset);
    if (strcmp(kind, "$unset") != 0)
        value_push(g->p, list, set(g, e->at.path, edge_value(e)));
    return list;
}

value *edge_update(edge *e) {
    gen *g = e->g;
    const char *op = e->row->name;
    if (strcmp(op, "(pipeline)") == 0)
        return pipeline(e);
    if (strcmp(op, "(replacement)") == 0)
        return nested(g, e->at.path, edge_value(e));
    if (strcmp(op, "(operator in a replacement)") == 0) {
        value *u = one(g, "x", value_int(g->p, 1));
        value_put(g->p, u, "$set", one(g, "y", value_int(g->p, 1)));
        return u;
    }
    if (strcmp(op, "(positional)") == 0)
        return one(g, gen_percent(g, 50) ? "$set" : "$inc", one(g, positional(e), operand_for(e, op)));
    if (strcmp(op, "$rename") == 0)
        return one(g, op, one(g, e->at.path, text(g, rename_target(e))));
    return one(g, op, one(g, e->at.path, operand_for(e, op)));
}

/* ---- fields that take anything, or something of one shape ---- */

typedef struct shape_row {
    const char *names;
    enum { OF_BOOL, OF_INT, OF_DOC, OF_TEXT, OF_LIST, OF_LOCALE, OF_LET, OF_KEYS, OF_TIME, OF_CLUSTER, OF_INDEX } kind;
} shape_row;

static value *field_value(gen *g, const char *name) {
    static const shape_row table[] = {
        {"collation", OF_LOCALE},
        {"let", OF_LET},
        {"hint", OF_KEYS},
        {"arrayFilters", OF_LIST},
        {"timeseries", OF_TIME},
        {"clusteredIndex", OF_CLUSTER},
        {"idIndex index", OF_INDEX},
        {"sort", OF_KEYS},
        {"lsid cursor readConcern writeConcern $clusterTime $readPreference storageEngine indexOptionDefaults options "
         "querySettings recordPreImages changeStreamPreAndPostImages",
         OF_DOC},
        {"apiVersion validationLevel validationAction name", OF_TEXT},
        {"skip limit batchSize ntoreturn size max cappedSize cappedMax maxTimeMS expireAfterSeconds txnNumber term "
         "commitQuorum flags v",
         OF_INT},
    };
    value *made;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (operand_known(table[i].names, name))
            switch (table[i].kind) {
            case OF_LOCALE: return one(g, "locale", text(g, "simple"));
            case OF_LET: return one(g, "l", value_int(g->p, 1));
            case OF_KEYS: return one(g, "x", value_int(g->p, 1));
            case OF_LIST: return value_array(g->p);
            case OF_TIME: return one(g, "timeField", text(g, "x"));
            case OF_CLUSTER:
                made = one(g, "key", one(g, "_id", value_int(g->p, 1)));
                value_put(g->p, made, "unique", value_bool(g->p, true));
                return made;
            case OF_INDEX:
                made = one(g, strcmp(name, "index") == 0 ? "keyPattern" : "key", one(g, "_id", value_int(g->p, 1)));
                value_put(g->p, made, strcmp(name, "index") == 0 ? "hidden" : "name",
                          strcmp(name, "index") == 0 ? value_bool(g->p, true) : text(g, "_id_"));
                return made;
            case OF_DOC: return value_doc(g->p);
            case OF_TEXT: return text(g, name[0] == 'a' ? "1" : "strict");
            default: return value_int(g->p, 1);
            }
    return value_bool(g->p, false);
}

/* ---- commands that do nothing in particular ---- */

static value *named(gen *g, const char *command) {
    return one(g, command, text(g, g->c->name));
}

static value *plain_update(gen *g) {
    return one(g, "$set", one(g, "y", value_int(g->p, 1)));
}

static value *plain_document(gen *g) {
    value *doc = one(g, "x", value_int(g->p, 1));
    if (collection_metadata(g->c, "_id"))
        doc = gen_document(g, &(position){{g->c->root}, 1}, true);
    return doc;
}

static value *with_statement(gen *g, const char *command, const char *list, const char *field, const value *v) {
    value *made = named(g, command), *statement = one(g, "q", one(g, "x", value_int(g->p, 1)));
    if (command[0] == 'u')
        value_put(g->p, statement, "u", plain_update(g));
    else if (!field || strcmp(field, "limit") != 0)
        value_put(g->p, statement, "limit", value_int(g->p, 1));
    if (field)
        value_put(g->p, statement, field, v);
    value_put(g->p, made, list, list_of(g, statement));
    return made;
}

static value *bulk(gen *g, bool updates, const char *field, const value *v) {
    value *made = one(g, "bulkWrite", value_int(g->p, 1)), *op;
    op = one(g, updates ? "update" : "delete", value_int(g->p, 0));
    value_put(g->p, op, "filter", one(g, "x", value_int(g->p, 1)));
    if (updates)
        value_put(g->p, op, "updateMods", plain_update(g));
    if (field && !value_get(op, field))
        value_put(g->p, op, field, v);
    value_put(g->p, made, "ops", list_of(g, op));
    value_put(g->p, made, "nsInfo", list_of(g, one(g, "ns", text(g, pool_text(g->p, "db.%s", g->c->name)))));
    return made;
}

static value *index_command(gen *g, const char *path, const char *field, const value *v) {
    value *made = named(g, "createIndexes"), *index = one(g, "key", one(g, path, value_int(g->p, 1)));
    value_put(g->p, index, "name", text(g, "i1"));
    if (field && strcmp(field, "name") != 0)
        value_put(g->p, index, field, v);
    value_put(g->p, made, "indexes", list_of(g, index));
    return made;
}

static value *simplest(gen *g, const char *command) {
    value *made = named(g, command);
    if (strcmp(command, "update") == 0)
        return with_statement(g, "update", "updates", NULL, NULL);
    if (strcmp(command, "delete") == 0)
        return with_statement(g, "delete", "deletes", NULL, NULL);
    if (strcmp(command, "bulkWrite") == 0)
        return bulk(g, true, NULL, NULL);
    if (strcmp(command, "createIndexes") == 0)
        return index_command(g, "x", NULL, NULL);
    if (strcmp(command, "insert") == 0)
        value_put(g->p, made, "documents", list_of(g, plain_document(g)));
    else if (strcmp(command, "aggregate") == 0)
        value_put(g->p, made, "pipeline", value_array(g->p));
    else if (strcmp(command, "distinct") == 0)
        value_put(g->p, made, "key", text(g, "x"));
    else if (strcmp(command, "findAndModify") == 0)
        value_put(g->p, made, "update", plain_update(g));
    return made;
}

static value *with_field(gen *g, const char *command, const char *field) {
    value *v = field_value(g, field), *made;
    if (strcmp(command, "(update statement)") == 0)
        return with_statement(g, "update", "updates", field, v);
    if (strcmp(command, "(delete statement)") == 0)
        return with_statement(g, "delete", "deletes", field, v);
    if (strncmp(command, "(bulk", 5) == 0)
        return bulk(g, command[6] == 'u', field, v);
    if (strcmp(command, "(index)") == 0)
        return index_command(g, "x", field, v);
    made = simplest(g, command);
    value_put(g->p, made, field, v);
    return made;
}

/* ---- rows with a field of the collection ---- */

static value *sorted(edge *e) {
    return one(e->g, e->at.path, value_int(e->g->p, 1));
}

static value *compared(edge *e) {
    gen *g = e->g;
    bool stays = gen_percent(g, 50) && e->at.site != SITE_BELOW;
    return one(g, e->at.path, stays ? one(g, "$exists", value_bool(g->p, true)) : edge_value(e));
}

static value *validated(edge *e, const char *command) {
    gen *g = e->g;
    value *made = named(g, command), *validator = compared(e);
    if (gen_percent(g, 40) && !g->w->qe)
        value_put(g->p, validator, "$jsonSchema", g->c->schema);
    value_put(g->p, made, "validator", validator);
    return made;
}

static value *with_payload(edge *e) {
    static const uint8_t kinds[] = {4, 11, 6, 16, 5, 12, 10, 13, 18, 7};
    gen *g = e->g;
    static const uint8_t likely[SITES] = {
        [SITE_UNINDEXED] = 16, [SITE_EQUALITY] = 12, [SITE_RANGE] = 13, [SITE_TEXT] = 18};
    uint8_t payload[20] = {gen_percent(g, 40) ? likely[e->at.site] : kinds[gen_below(g, sizeof kinds)]};
    value *v = value_binary(g->p, 6, payload, sizeof payload), *made;
    const char *path = e->at.path;
    switch (gen_below(g, e->at.site == SITE_RANGE ? 3 : e->at.site == SITE_TEXT ? 4 : 2)) {
    case 0:
        made = named(g, "find");
        value_put(g->p, made, "filter", one(g, path, v));
        return made;
    case 1:
        made = named(g, "update");
        value *statement = one(g, "q", value_doc(g->p));
        value_put(g->p, statement, "u", one(g, "$set", one(g, path, v)));
        value_put(g->p, made, "updates", list_of(g, statement));
        return made;
    case 2:
        made = named(g, "find");
        value_put(g->p, made, "filter", one(g, path, one(g, "$gt", v)));
        return made;
    default:
        made = named(g, "find");
        value *operands = one(g, "input", edge_path(e));
        value_put(g->p, operands, "string", v);
        value_put(g->p, made, "filter", one(g, "$expr", one(g, "$encStrNormalizedEq", operands)));
        return made;
    }
}

static value *forged(gen *g) {
    uint8_t payload[20] = {gen_percent(g, 50) ? 0 : 3};
    value *made = named(g, "find");
    value_put(g->p, made, "filter", one(g, "x", value_binary(g->p, 6, payload, sizeof payload)));
    return made;
}

/* ---- commands that are not what they should be ---- */

static value *elsewhere(gen *g) {
    value *made = one(g, gen_percent(g, 50) ? "find" : "count", text(g, "elsewhere"));
    return made;
}

typedef struct member_row {
    const char *command, *member;
} member_row;

static value *wrong_type(gen *g) {
    static const member_row rows[] = {
        {"find", "filter"},         {"find", "projection"},    {"find", "sort"},      {"find", "let"},
        {"aggregate", "let"},       {"aggregate", "pipeline"}, {"count", "query"},    {"distinct", "query"},
        {"delete", "let"},          {"update", "let"},         {"update", "updates"}, {"delete", "deletes"},
        {"insert", "documents"},    {"find", "collation"},     {"bulkWrite", "ops"},  {"createIndexes", "indexes"},
        {"findAndModify", "query"}, {"findAndModify", "let"},
    };
    const member_row *row = &rows[gen_below(g, sizeof rows / sizeof *rows)];
    value *simple = simplest(g, row->command), *made = value_doc(g->p);
    for (const value *m = simple->first; m; m = m->next)
        if (strcmp(m->name, row->member) != 0)
            value_put(g->p, made, m->name, m);
    value_put(g->p, made, row->member, value_int(g->p, 3));
    return made;
}

static value *incomplete(gen *g) {
    static const member_row rows[] = {{"aggregate", "pipeline"},   {"distinct", "key"},     {"update", "updates"},
                                      {"delete", "deletes"},       {"insert", "documents"}, {"bulkWrite", "ops"},
                                      {"createIndexes", "indexes"}};
    const member_row *row = &rows[gen_below(g, sizeof rows / sizeof *rows)];
    value *simple = simplest(g, row->command), *made = value_doc(g->p);
    for (const value *m = simple->first; m; m = m->next)
        if (strcmp(m->name, row->member) != 0)
            value_put(g->p, made, m->name, m);
    return made;
}

static value *with_path(edge *e) {
    gen *g = e->g;
    const char *command = e->row->name, *operand = e->row->operand;
    value *made = named(g, command), *wrapped;
    if (strcmp(operand, "validator") == 0)
        return validated(e, command);
    if (strcmp(operand, "partialFilterExpression") == 0)
        return index_command(g, "x", operand, compared(e));
    if (strcmp(operand, "expireAfterSeconds") == 0)
        return index_command(g, e->at.path, operand, value_int(g->p, 1));
    if (strcmp(command, "createIndexes") == 0)
        return index_command(g, e->at.path, NULL, NULL);
    if (strcmp(operand, "documents") == 0) {
        value_put(g->p, made, operand, list_of(g, nested(g, e->at.path, edge_value(e))));
        return made;
    }
    wrapped = strcmp(operand, "key") == 0         ? text(g, e->at.path)
              : strcmp(operand, "$slice") == 0    ? one(g, e->at.path, one(g, operand, value_int(g->p, 1)))
              : operand_known("min max", operand) ? one(g, e->at.path, edge_value(e))
                                                  : sorted(e);
    value_put(g->p, made, strcmp(operand, "$slice") == 0 ? "projection" : operand, wrapped);
    if (strcmp(command, "findAndModify") == 0)
        value_put(g->p, made, "update", plain_update(g));
    return made;
}

value *edge_command(edge *e) {
    gen *g = e->g;
    const char *command = e->row->name, *operand = e->row->operand;
    bool typical = operand_known("filter projection $slice sort min max fields key partialFilterExpression validator "
                                 "documents",
                                 operand) ||
                   (strcmp(command, "createIndexes") == 0 && strcmp(operand, "expireAfterSeconds") == 0);
    if (strcmp(command, "(payload)") == 0)
        return with_payload(e);
    if (strcmp(command, "(wrong type)") == 0)
        return wrong_type(g);
    if (strcmp(command, "(incomplete)") == 0)
        return incomplete(g);
    if (strcmp(command, "(other namespace)") == 0)
        return g->w->several || g->w->qe ? elsewhere(g) : NULL;
    if (strcmp(command, "(other version)") == 0)
        return g->w->qe ? simplest(g, "find") : NULL;
    if (strcmp(operand, "(computed)") == 0) {
        value *made = named(g, "find");
        value_put(g->p, made, "projection", one(g, e->at.path, one(g, "$add", value_int(g->p, 1))));
        return made;
    }
    if (strcmp(command, "(forged)") == 0)
        return forged(g);
    if (strcmp(command, "(unknown field)") == 0) {
        unsigned i = gen_below(g, command_count);
        return with_field(g, command_table[i].name, "unheardOf");
    }
    if (strcmp(operand, "exchange") == 0) {
        value *made = simplest(g, "aggregate");
        value_put(g->p, made, operand, one(g, "consumers", value_int(g->p, 2)));
        return made;
    }
    if (typical && !(command[0] == '(') && !(strcmp(command, "create") == 0 && strcmp(operand, "max") == 0))
        return with_path(e);
    return with_field(g, command, operand);
}
