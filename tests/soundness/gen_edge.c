#include "gen_edge.h"

#include <string.h>

static value *one(gen *g, const char *name, const value *v) {
    return value_one(g->p, name, v);
}

static value *text(gen *g, const char *format, const char *path) {
    return value_string(g->p, pool_text(g->p, format, path));
}

static value *list2(gen *g, const value *a, const value *b) {
    value *list = value_array(g->p);
    value_push(g->p, list, a);
    if (b)
        value_push(g->p, list, b);
    return list;
}

/* ---- grounds ---- */

static bool is_at(const place *e, site s) {
    const metadata *m = e->meta;
    switch (s) {
    case SITE_DETERMINISTIC: return m && metadata_comparable(m);
    case SITE_RANDOM: return m && !m->qe && !metadata_comparable(m);
    case SITE_UNINDEXED: return m && m->qe && m->qe->index == UNINDEXED;
    case SITE_EQUALITY: return m && m->qe && m->qe->index == EQUALITY_INDEX;
    case SITE_RANGE: return m && m->qe && m->qe->index == RANGE_INDEX;
    case SITE_TEXT: return m && m->qe && m->qe->index == TEXT_INDEX;
    case SITE_ABOVE: return !m;
    default: return m;
    }
}

/* Any of the collection's fields of the kind; past the stored kinds, any encrypted one. */
static const place *field_at(gen *g, site s) {
    unsigned n = 0;
    for (unsigned i = 0; i < g->place_count; i++)
        n += is_at(&g->places[i], s);
    if (n == 0)
        return NULL;
    n = gen_below(g, n);
    for (unsigned i = 0;; i++)
        if (is_at(&g->places[i], s) && n-- == 0)
            return &g->places[i];
}

static void add_stage(gen *g, ground *to, const char *name, const value *operand) {
    value_push(g->p, to->stages, one(g, name, operand));
}

static value *pushed(gen *g, const char *op, const char *path) {
    value *group = one(g, "_id", value_null(g->p));
    value_put(g->p, group, "g", one(g, op, value_string(g->p, path)));
    return group;
}

static void add_lookup(gen *g, ground *to, const char *as) {
    value *lookup = one(g, "from", value_string(g->p, g->c->name));
    value_put(g->p, lookup, "localField", value_string(g->p, "x"));
    value_put(g->p, lookup, "foreignField", value_string(g->p, "x"));
    value_put(g->p, lookup, "as", value_string(g->p, as));
    add_stage(g, to, "$lookup", lookup);
}

static void add_graph_lookup(gen *g, ground *to) {
    value *lookup = one(g, "from", value_string(g->p, g->c->name));
    value_put(g->p, lookup, "startWith", value_string(g->p, "$x"));
    value_put(g->p, lookup, "connectFromField", value_string(g->p, "x"));
    value_put(g->p, lookup, "connectToField", value_string(g->p, "x"));
    value_put(g->p, lookup, "as", value_string(g->p, "reached"));
    add_stage(g, to, "$graphLookup", lookup);
}

static void make_array(gen *g, ground *to, const place *e) {
    const char *path = pool_text(g->p, "$%s", e->path);
    to->path = "g";
    switch (gen_below(g, 7)) {
    case 0: add_stage(g, to, "$group", pushed(g, "$push", path)); return;
    case 1:
        add_stage(g, to, "$group", pushed(g, "$push", "$$ROOT"));
        to->path = pool_text(g->p, "g.%s", e->path);
        return;
    case 2:
        add_stage(g, to, "$facet", one(g, "f", value_array(g->p)));
        to->path = gen_percent(g, 50) ? "f" : pool_text(g->p, "f.%s", e->path);
        return;
    case 3: add_stage(g, to, "$addFields", one(g, "g", list2(g, value_string(g->p, path), NULL))); return;
    case 4: add_stage(g, to, "$group", pushed(g, metadata_comparable(e->meta) ? "$addToSet" : "$push", path)); return;
    case 5:
        add_lookup(g, to, "joined");
        to->path = "joined";
        return;
    default:
        add_graph_lookup(g, to);
        to->path = gen_percent(g, 30) ? "reached" : pool_text(g->p, "reached.%s", e->path);
    }
}

static void make_unknown(gen *g, ground *to, const place *e) {
    value *field = text(g, "$%s", e->path), *either, *branch;
    to->path = "u";
    switch (gen_below(g, 3)) {
    case 0:
        either = list2(g, value_string(g->p, "$x"), field);
        value_push(g->p, either, value_string(g->p, "$y"));
        add_stage(g, to, "$addFields", one(g, "u", one(g, "$cond", either)));
        return;
    case 1:
        add_stage(g, to, "$addFields", one(g, "u", one(g, "$ifNull", list2(g, value_string(g->p, "$y"), field))));
        return;
    default:
        branch = one(g, "case", value_string(g->p, "$x"));
        value_put(g->p, branch, "then", field);
        either = one(g, "branches", list2(g, branch, NULL));
        value_put(g->p, either, "default", value_string(g->p, "$y"));
        add_stage(g, to, "$set", one(g, "u", one(g, "$switch", either)));
    }
}

static value *bucket(gen *g) {
    value *operand = one(g, "groupBy", value_string(g->p, "$x"));
    if (gen_percent(g, 50)) {
        value_put(g->p, operand, "buckets", value_int(g->p, 2));
        return one(g, "$bucketAuto", operand);
    }
    value_put(g->p, operand, "boundaries", list2(g, value_int(g->p, 0), value_int(g->p, 9)));
    value_put(g->p, operand, "default", value_int(g->p, 10));
    return one(g, "$bucket", operand);
}

static void make_dropped(gen *g, ground *to, const place *e) {
    to->path = e->path;
    switch (gen_below(g, 8)) {
    case 0: add_stage(g, to, "$unset", value_string(g->p, e->path)); return;
    case 1: add_stage(g, to, "$project", one(g, e->path, value_int(g->p, 0))); return;
    case 2: add_stage(g, to, "$project", one(g, "x", value_int(g->p, 1))); return;
    case 3: add_stage(g, to, "$addFields", one(g, e->path, value_string(g->p, "$$REMOVE"))); return;
    case 4: add_stage(g, to, "$group", one(g, "_id", value_string(g->p, "$x"))); return;
    case 5: add_stage(g, to, "$count", value_string(g->p, "n")); return;
    case 6: add_stage(g, to, "$sortByCount", value_string(g->p, "$x")); return;
    default: value_push(g->p, to->stages, bucket(g));
    }
}

/* Stages that leave everything where it is. */
static void add_harmless(gen *g, ground *to) {
    switch (gen_below(g, 5)) {
    case 0: add_stage(g, to, "$sort", one(g, "x", value_int(g->p, 1))); return;
    case 1: add_stage(g, to, "$limit", value_int(g->p, 4)); return;
    case 2: add_stage(g, to, "$skip", value_int(g->p, 1)); return;
    case 3: add_stage(g, to, "$match", one(g, "x", one(g, "$exists", value_bool(g->p, true)))); return;
    default: add_stage(g, to, "$addFields", one(g, "e9", value_string(g->p, "$y")));
    }
}

/* Where the pipeline begins it stays empty, since a command without one may be wanted. */
static void make_stored(gen *g, ground *to, const place *e, site s) {
    to->path = s == SITE_PLAIN ? gen_plain_path(g) : s == SITE_BELOW ? pool_text(g->p, "%s.x", e->path) : e->path;
    to->stored = true;
}

bool gen_ground(gen *g, site s, ground *made) {
    const place *e = s == SITE_PLAIN                                       ? NULL
                     : s == SITE_JOINED && !g->w->qe && gen_percent(g, 80) ? field_at(g, SITE_DETERMINISTIC)
                     : s == SITE_DROPPED && g->w->qe && gen_percent(g, 70) ? field_at(g, SITE_EQUALITY)
                     : s == SITE_DROPPED && gen_percent(g, 70)             ? field_at(g, SITE_DETERMINISTIC)
                     : s == SITE_ARRAY && !g->w->qe && gen_percent(g, 60)  ? field_at(g, SITE_DETERMINISTIC)
                                                                           : field_at(g, s);
    if (!e && s != SITE_PLAIN)
        return false;
    *made = (ground){.site = s, .stages = value_array(g->p), .meta = e ? e->meta : NULL};
    if (s == SITE_ARRAY)
        make_array(g, made, e);
    else if (s == SITE_UNKNOWN)
        make_unknown(g, made, e);
    else if (s == SITE_DROPPED)
        make_dropped(g, made, e);
    else if (s == SITE_JOINED) {
        add_lookup(g, made, "joined");
        made->path = pool_text(g->p, "joined.%s", e->path);
    } else
        make_stored(g, made, e, s);
    return true;
}

/* ---- values ---- */

value *edge_path(edge *e) {
    return text(e->g, "$%s", e->at.path);
}

value *edge_value(edge *e) {
    gen *g = e->g;
    if (e->at.site != SITE_PLAIN && gen_percent(g, 12))
        return gen_plain_value(g);
    if (e->at.site == SITE_ABOVE && gen_percent(g, 60)) {
        position at = gen_position(g->c, e->at.path);
        return gen_document(g, &at, false);
    }
    if (e->at.site == SITE_ABOVE)
        return gen_percent(g, 40) ? value_int(g->p, 3) : gen_typed(g, gen_percent(g, 50) ? T_DOC : T_ARRAY);
    bool was_wild = g->wild;
    g->wild = false;
    value *v = e->at.meta ? gen_value_for(g, e->at.meta) : gen_plain_value(g);
    g->wild = was_wild;
    return v;
}

/* ---- filters ---- */

static value *point(gen *g) {
    return list2(g, value_int(g->p, 0), value_int(g->p, 0));
}

static value *region(gen *g) {
    static const char *const shapes[] = {"$box", "$center", "$centerSphere", "$polygon", NULL};
    const char *shape = gen_pick(g, shapes);
    value *parts = list2(g, point(g), shape[1] == 'c' ? value_int(g->p, 1) : point(g));
    if (shape[1] == 'p')
        value_push(g->p, parts, list2(g, value_int(g->p, 1), value_int(g->p, 2)));
    if (gen_percent(g, 60))
        return one(g, shape, parts);
    value *geometry = one(g, "type", value_string(g->p, "Point"));
    value_put(g->p, geometry, "coordinates", point(g));
    return one(g, "$geometry", geometry);
}

static value *list_of(edge *e) {
    value *list = value_array(e->g->p);
    for (unsigned n = 1 + gen_below(e->g, 3); n > 0; n--)
        value_push(e->g->p, list, edge_value(e));
    return list;
}

typedef struct operand_row {
    const char *names;
    enum { VALUE, VALUES, FLAG, ORDERED, TYPE, SMALL, PAIR, ELEMENTS, REGION, POINT } kind;
} operand_row;

static value *operand_for(edge *e, const char *op) {
    static const operand_row table[] = {
        {"(equality) $eq $ne", VALUE},
        {"$in $nin", VALUES},
        {"$all", VALUES},
        {"$exists $uniqueDocs", FLAG},
        {"$gt $gte $lt $lte", ORDERED},
        {"$type $regex $options", TYPE},
        {"$size $maxDistance $minDistance $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet", SMALL},
        {"$mod", PAIR},
        {"$elemMatch", ELEMENTS},
        {"$geoWithin $within $geoIntersects", REGION},
        {"$near $nearSphere $center $centerSphere $box $polygon $geometry", POINT},
    };
    gen *g = e->g;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (operand_known(table[i].names, op))
            switch (table[i].kind) {
            case VALUE: return edge_value(e);
            case VALUES: return list_of(e);
            case FLAG: return value_bool(g->p, true);
            case ORDERED:
                return e->at.site == SITE_ABOVE ? gen_typed(g, gen_percent(g, 50) ? T_INT : T_DOC) : edge_value(e);
            case TYPE: return value_string(g->p, op[1] == 't' ? "int" : op[1] == 'o' ? "i" : "a");
            case SMALL: return value_int(g->p, 1);
            case PAIR: return list2(g, value_int(g->p, 2), value_int(g->p, 1));
            case ELEMENTS: return one(g, gen_percent(g, 50) ? "$gt" : "$eq", value_int(g->p, 1));
            case REGION: return region(g);
            case POINT: return point(g);
            }
    return value_int(g->p, 1);
}

/* Operators that only stand beside another one. */
static void put_company(edge *e, value *operators, const char *op) {
    gen *g = e->g;
    if (strcmp(op, "$options") == 0)
        value_put(g->p, operators, "$regex", value_string(g->p, "a"));
    else if (operand_known("$maxDistance $minDistance", op))
        value_put(g->p, operators, "$near", point(g));
    else if (strcmp(op, "$uniqueDocs") == 0)
        value_put(g->p, operators, "$within", region(g));
}

static value *predicate(edge *e, const char *op) {
    static const char *const inner[] = {"$eq", "$in", "$ne", "$gt", "$exists", NULL};
    gen *g = e->g;
    if (strcmp(op, "(equality)") == 0)
        return edge_value(e);
    if (strcmp(op, "(regex)") == 0)
        return gen_typed(g, T_REGEX);
    if (strcmp(op, "$not") == 0)
        op = gen_pick(g, inner);
    value *operators = one(g, op, operand_for(e, op));
    put_company(e, operators, op);
    return operators;
}

static value *tree_operator(edge *e) {
    static const char *const lists[] = {"$and", "$or", "$nor", NULL};
    gen *g = e->g;
    const char *op = e->row->name;
    if (strcmp(op, "$not") == 0)
        return one(g, e->at.path, one(g, "$not", predicate(e, "$not")));
    if (strcmp(op, "$expr") == 0)
        return one(g, op, edge_path(e));
    for (unsigned i = 0; lists[i]; i++)
        if (strcmp(op, lists[i]) == 0)
            return one(g, op, list2(g, one(g, "x", value_int(g->p, 1)), one(g, "y", gen_plain_value(g))));
    if (strcmp(op, "$sampleRate") == 0)
        return one(g, op, value_double(g->p, 0.5));
    if (strcmp(op, "$text") == 0 || strcmp(op, "$jsonSchema") == 0)
        return one(g, op, value_doc(g->p));
    return one(g, op, strncmp(op, "$always", 7) == 0 ? value_int(g->p, 1) : value_string(g->p, "1"));
}

value *edge_match(edge *e) {
    static const char *const trees[] = {"$and", "$or", "$nor", NULL};
    gen *g = e->g;
    value *filter = e->row->family == F_TREE ? tree_operator(e) : one(g, e->at.path, predicate(e, e->row->name));
    if (gen_percent(g, 25))
        filter =
            one(g, gen_pick(g, trees), list2(g, filter, gen_percent(g, 50) ? one(g, "y", value_int(g->p, 1)) : NULL));
    return filter;
}

/* ---- the command around it ---- */

static value *around_filter(gen *g, value *filter) {
    value *command, *statement;
    switch (gen_below(g, 5)) {
    case 0:
        command = one(g, "count", value_string(g->p, g->c->name));
        value_put(g->p, command, "query", filter);
        return command;
    case 1:
        command = one(g, "delete", value_string(g->p, g->c->name));
        statement = one(g, "q", filter);
        value_put(g->p, statement, "limit", value_int(g->p, 1));
        value_put(g->p, command, "deletes", list2(g, statement, NULL));
        return command;
    case 2:
        command = one(g, "findAndModify", value_string(g->p, g->c->name));
        value_put(g->p, command, "query", filter);
        value_put(g->p, command, "update", one(g, "$set", one(g, "y", value_int(g->p, 1))));
        return command;
    case 3:
        command = one(g, "update", value_string(g->p, g->c->name));
        statement = one(g, "q", filter);
        value_put(g->p, statement, "u", one(g, "$set", one(g, "y", value_int(g->p, 1))));
        value_put(g->p, command, "updates", list2(g, statement, NULL));
        return command;
    default:
        command = one(g, "find", value_string(g->p, g->c->name));
        value_put(g->p, command, "filter", filter);
        return command;
    }
}

/* The pipeline as one that another stage, or a view, runs. */
static value *nested(gen *g, value *pipeline) {
    value *operand;
    switch (gen_below(g, 3)) {
    case 0: operand = one(g, "$facet", one(g, "f1", pipeline)); break;
    case 1:
        operand = one(g, "from", value_string(g->p, g->c->name));
        value_put(g->p, operand, "pipeline", pipeline);
        value_put(g->p, operand, "as", value_string(g->p, "w"));
        operand = one(g, "$lookup", operand);
        break;
    default:
        operand = one(g, "coll", value_string(g->p, g->c->name));
        value_put(g->p, operand, "pipeline", pipeline);
        operand = one(g, "$unionWith", operand);
    }
    return list2(g, operand, NULL);
}

static value *as_view(gen *g, const value *pipeline) {
    value *command = one(g, "create", value_string(g->p, "v"));
    value_put(g->p, command, "viewOn", value_string(g->p, g->c->name));
    value_put(g->p, command, "pipeline", pipeline);
    return command;
}

static value *around_stage(edge *e, const value *stage) {
    gen *g = e->g;
    bool first = stage && e->row->family == F_STAGE && e->at.stored && gen_percent(g, 80);
    if (e->at.stored && !first && gen_percent(g, 30))
        add_harmless(g, &e->at);
    if (stage)
        value_push(g->p, e->at.stages, stage);
    if (stage && !first && gen_percent(g, 20))
        add_stage(g, &e->at, "$limit", value_int(g->p, 3));
    if (gen_percent(g, 5) && (g->w->several || g->w->qe))
        return as_view(g, e->at.stages);
    value *command = one(g, "aggregate", value_string(g->p, g->c->name));
    value_put(g->p, command, "pipeline", gen_percent(g, 12) ? nested(g, e->at.stages) : e->at.stages);
    value_put(g->p, command, "cursor", value_doc(g->p));
    return command;
}

static value *filtering(edge *e) {
    value *filter = edge_match(e);
    return e->at.stored && gen_percent(e->g, 60) ? around_filter(e->g, filter)
                                                 : around_stage(e, one(e->g, "$match", filter));
}

/* A computed field, or a condition. */
static value *computing(edge *e) {
    gen *g = e->g;
    value *x = edge_expression(e);
    if (!x)
        return NULL;
    bool text_operator = strncmp(e->row->name, "$encStr", 7) == 0;
    unsigned kind = text_operator ? 4 + gen_below(g, 2) : gen_below(g, 7);
    switch (kind) {
    case 0: return around_stage(e, one(g, "$project", one(g, "e1", x)));
    case 4:
        if (e->at.stored)
            return around_filter(g, one(g, "$expr", x));
        /* fall through */
    case 5: return around_stage(e, one(g, "$match", one(g, "$expr", x)));
    case 6: return around_stage(e, one(g, "$match", one(g, "$expr", one(g, "$eq", list2(g, x, value_int(g->p, 1))))));
    default: return around_stage(e, one(g, gen_percent(g, 50) ? "$set" : "$addFields", one(g, "e1", x)));
    }
}

static value *updating(edge *e) {
    gen *g = e->g;
    value *u = edge_update(e), *command, *statement;
    if (!u)
        return NULL;
    if (gen_percent(g, 30)) {
        command = one(g, "findAndModify", value_string(g->p, g->c->name));
        value_put(g->p, command, "query", one(g, "x", value_int(g->p, 1)));
        value_put(g->p, command, "update", u);
        return command;
    }
    command = one(g, "update", value_string(g->p, g->c->name));
    statement = one(g, "q", one(g, "x", value_int(g->p, 1)));
    value_put(g->p, statement, "u", u);
    value_put(g->p, command, "updates", list2(g, statement, NULL));
    return command;
}

static value *bare(edge *e) {
    value *stage;
    switch (e->row->family) {
    case F_MATCH:
    case F_TREE: return filtering(e);
    case F_EXPRESSION: return computing(e);
    case F_ACCUMULATOR:
    case F_WINDOW: return around_stage(e, edge_accumulator(e));
    case F_STAGE:
        stage = edge_stage(e);
        return stage ? stage->first && stage->first->name[0] != '$' ? stage : around_stage(e, stage) : NULL;
    case F_UPDATE: return updating(e);
    default: return edge_command(e);
    }
}

/* encryptionInformation of a type that nobody knows. */
static void other_version(gen *g, value *command) {
    for (value *m = command->first; m; m = m->next)
        if (strcmp(m->name, "encryptionInformation") == 0) {
            value *changed = one(g, "type", value_int(g->p, 2));
            value_put(g->p, changed, "schema", m->last);
            m->first = changed->first;
            m->last = changed->last;
        }
}

value *gen_edge(gen *g, const cell_row *row, site s) {
    edge e = {.g = g, .row = row};
    g->wild = false;
    gen_enter(g, &g->w->collections[0]);
    if (row->wanted[s] == '-' || !gen_ground(g, s, &e.at))
        return NULL;
    value *command = bare(&e);
    if (!command)
        return NULL;
    if (value_get(command, "viewOn"))
        world_put_view_schema(g->w, g->p, command, "v");
    else
        world_put_schema(g->w, g->c, g->p, command);
    if (strcmp(row->name, "(other version)") == 0)
        other_version(g, command);
    value_put(g->p, command, "$db", value_string(g->p, "db"));
    return command;
}
