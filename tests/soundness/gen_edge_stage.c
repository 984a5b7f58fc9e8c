/* Stages with the field in one of their operands. */

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

static value *direction(gen *g) {
    return value_int(g->p, gen_percent(g, 50) ? 1 : -1);
}

/* ---- operands that make a stage complete; the one in question is put over them ---- */

typedef struct filler {
    const char *stage, *option;
    enum { PATH_X, NAME, FLAG, NUMBER, KEYS, DOC, RANGE, LIST, HERE, OUTPUT, PIPELINES, METHOD, VECTOR, POINT } kind;
} filler;

static const filler fillers[] = {
    {"$geoNear", "near", POINT},
    {"$geoNear", "distanceField", NAME},
    {"$sample", "size", NUMBER},
    {"$unwind", "path", PATH_X},
    {"$bucket", "groupBy", PATH_X},
    {"$bucket", "boundaries", LIST},
    {"$bucketAuto", "groupBy", PATH_X},
    {"$bucketAuto", "buckets", NUMBER},
    {"$setWindowFields", "sortBy", KEYS},
    {"$setWindowFields", "output", OUTPUT},
    {"$densify", "field", NAME},
    {"$densify", "range", RANGE},
    {"$fill", "sortBy", KEYS},
    {"$fill", "output", METHOD},
    {"$lookup", "from", HERE},
    {"$lookup", "localField", NAME},
    {"$lookup", "foreignField", NAME},
    {"$lookup", "as", NAME},
    {"$graphLookup", "from", HERE},
    {"$graphLookup", "startWith", PATH_X},
    {"$graphLookup", "connectFromField", NAME},
    {"$graphLookup", "connectToField", NAME},
    {"$graphLookup", "as", NAME},
    {"$unionWith", "coll", HERE},
    {"$replaceRoot", "newRoot", PATH_X},
    {"$vectorSearch", "path", NAME},
    {"$vectorSearch", "index", NAME},
    {"$vectorSearch", "queryVector", VECTOR},
    {"$vectorSearch", "limit", NUMBER},
    {"$rankFusion", "input", PIPELINES},
    {"$scoreFusion", "input", PIPELINES},
    {"$collStats", "count", DOC},
    {"$listSearchIndexes", "name", NAME},
    {"$changeStream", "fullDocument", NAME},
};

static value *window_output(gen *g, const char *name) {
    return one(g, name, one(g, "$sum", text(g, "$x")));
}

static value *pipelines(gen *g, const char *stage) {
    value *search = one(g, "index", text(g, "i")), *list;
    value_put(g->p, search, "text", one(g, "path", text(g, "x")));
    list = list_of(g, one(g, "$search", search));
    if (gen_percent(g, 25)) /* more than to select */
        value_push(g->p, list, one(g, gen_percent(g, 50) ? "$group" : "$addFields", one(g, "_id", text(g, "$x"))));
    value *made = one(g, "pipelines", one(g, "a", list));
    if (stage[1] == 's')
        value_put(g->p, made, "normalization", text(g, "none"));
    return made;
}

/* One that encrypts nothing, if the request has one. */
static const char *plain_collection(gen *g) {
    const collection *last = &g->w->collections[g->w->count - 1];
    return last->root->encrypts ? g->c->name : last->name;
}

static value *fill_with(gen *g, const filler *f) {
    value *range;
    switch (f->kind) {
    case PATH_X: return text(g, strcmp(f->stage, "$replaceRoot") == 0 ? "$sub" : "$x");
    case NAME: return text(g, "x");
    case FLAG: return value_bool(g->p, true);
    case NUMBER: return value_int(g->p, 2);
    case KEYS: return one(g, "x", direction(g));
    case DOC: return value_doc(g->p);
    case RANGE:
        range = one(g, "step", value_int(g->p, 1));
        value_put(g->p, range, "bounds", text(g, "full"));
        return range;
    case LIST:
        range = list_of(g, value_int(g->p, 0));
        value_push(g->p, range, value_int(g->p, 5));
        return range;
    case HERE: return text(g, gen_percent(g, 30) ? plain_collection(g) : g->c->name);
    case OUTPUT: return window_output(g, "w1");
    case PIPELINES: return pipelines(g, f->stage);
    case METHOD: return one(g, "y", one(g, "method", text(g, "locf")));
    case VECTOR: return list_of(g, value_double(g->p, 0.5));
    default:
        range = list_of(g, value_int(g->p, 0));
        value_push(g->p, range, value_int(g->p, 1));
        return range;
    }
}

/* With `given` under its name in place of the filler, or beside them. */
static value *filled(gen *g, const char *stage, const char *option, const value *given) {
    value *made = value_doc(g->p);
    bool put = false;
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++) {
        if (strcmp(fillers[i].stage, stage) != 0)
            continue;
        bool this = given && strcmp(fillers[i].option, option) == 0;
        value_put(g->p, made, fillers[i].option, this ? given : fill_with(g, &fillers[i]));
        put |= this;
    }
    if (given && !put)
        value_put(g->p, made, option, given);
    return made;
}

/* ---- distorted options ---- */

static value *distorted(edge *e) {
    gen *g = e->g;
    value *options = filled(g, e->row->name, "", NULL), *again = value_doc(g->p);
    if (strcmp(e->row->operand, "(unknown)") == 0) {
        value_put(g->p, options, "unheardOf", value_int(g->p, 1));
        return one(g, e->row->name, options);
    }
    /* The first of the two is harmless: what follows it may be what nobody looks at. */
    unsigned n = gen_below(g, value_count(options));
    for (const value *m = options->first; m; m = m->next) {
        value_put(g->p, again, m->name, m);
        if (n-- == 0)
            value_put(g->p, again, m->name, m);
    }
    return one(g, e->row->name, again);
}

/* ---- malformed ---- */

/* Without an option that is needed. */
static value *incomplete(gen *g, const char *stage) {
    const stage_row *row = stage_options;
    while (strcmp(row->name, stage) != 0)
        row++;
    value *options = filled(g, row->name, "", NULL), *less = value_doc(g->p);
    const char *names = row->needed;
    bool constant;
    const char *name = operand_next(g->p, &names, &constant);
    while (gen_percent(g, 50) && *names)
        name = operand_next(g->p, &names, &constant);
    for (const value *m = options->first; m; m = m->next)
        if (strcmp(m->name, name) != 0)
            value_put(g->p, less, m->name, m);
    return one(g, row->name, less);
}

/* Inclusion and exclusion, or a field twice. */
static value *mixed(gen *g) {
    value *fields = one(g, "x", value_int(g->p, 1));
    value_put(g->p, fields, gen_percent(g, 50) ? "y" : "x.a", value_int(g->p, gen_percent(g, 50)));
    if (fields->last->name[0] == 'y')
        value_put(g->p, fields, "arr", value_int(g->p, value_number(fields->last) == 0));
    return one(g, "$project", fields);
}

/* Two accumulators, or none, where one is wanted. */
static value *twofold(gen *g, bool windows) {
    value *both = gen_percent(g, 40) ? value_int(g->p, 1) : one(g, "$sum", value_int(g->p, 1));
    if (both->type == T_DOC && gen_percent(g, 60))
        value_put(g->p, both, "$max", text(g, "$x"));
    else if (both->type == T_DOC)
        both = value_doc(g->p);
    if (windows)
        return one(g, "$setWindowFields", filled(g, "$setWindowFields", "output", one(g, "w1", both)));
    value *fields = one(g, "_id", text(g, "$x"));
    value_put(g->p, fields, "a1", both);
    return one(g, "$group", fields);
}

static value *empty_project(gen *g) {
    const place *any = gen_place(g, ANYTHING);
    if (gen_percent(g, 30))
        return mixed(g);
    if (gen_percent(g, 40))
        return one(g, "$project", value_doc(g->p));
    return one(g, "$project", one(g, any && gen_percent(g, 40) ? any->path : "a", value_doc(g->p)));
}

static value *bad_group(gen *g) {
    return gen_percent(g, 50) ? twofold(g, false) : one(g, "$group", one(g, "n", one(g, "$sum", value_int(g->p, 1))));
}

static value *malformed(gen *g, const char *stage) {
    static const char *const names[] = {"", "a.b", "$a", NULL};
    if (strcmp(stage, "$project") == 0)
        return empty_project(g);
    if (strcmp(stage, "$group") == 0)
        return bad_group(g);
    if (strcmp(stage, "$setWindowFields") == 0)
        return twofold(g, true);
    if (strcmp(stage, "$count") == 0)
        return one(g, stage, text(g, gen_pick(g, names)));
    if (strcmp(stage, "$facet") == 0)
        return one(g, stage, one(g, gen_pick(g, names), value_array(g->p)));
    if (operand_known("$sortByCount $replaceWith", stage) && gen_percent(g, 50))
        return one(g, stage, value_int(g->p, 3));
    return one(g, stage, text(g, "x"));
}

/* ---- search ---- */

static value *search_operator(edge *e) {
    static const char *const simple[] = {"text", "phrase", "autocomplete", "wildcard", "regex", NULL};
    static const char *const others[] = {"equals", "exists", "range", "in", NULL};
    static const char *const clauses[] = {"must", "mustNot", "should", "filter", NULL};
    gen *g = e->g;
    bool words = gen_percent(g, 50);
    value *path = text(g, e->at.path);
    if (gen_percent(g, 30))
        path = gen_percent(g, 50) ? list_of(g, path) : one(g, "value", path);
    value *spec = one(g, "path", path);
    const char *name = gen_pick(g, words ? simple : others);
    if (words)
        value_put(g->p, spec, "query", text(g, "q"));
    else if (name[0] != 'e' || name[1] != 'x')
        value_put(g->p, spec, name[0] == 'r' ? "gt" : "value", value_int(g->p, 1));
    value *made = one(g, name, spec);
    if (gen_percent(g, 40))
        made = one(g, "compound", one(g, gen_pick(g, clauses), list_of(g, made)));
    return made;
}

static value *search(edge *e) {
    gen *g = e->g;
    value *made = strcmp(e->row->operand, "path") == 0 ? search_operator(e) : value_doc(g->p);
    if (strcmp(e->row->operand, "hidden") == 0) {
        value *wildcard = one(g, "path", one(g, "wildcard", text(g, "*")));
        value_put(g->p, wildcard, "query", text(g, "q"));
        made = gen_percent(g, 50) ? one(g, "text", wildcard) : one(g, "queryString", one(g, "query", text(g, "a:b")));
    }
    if (strcmp(e->row->operand, "sort") == 0) {
        made = one(g, "exists", one(g, "path", text(g, "x")));
        value_put(g->p, made, "sort", one(g, e->at.path, value_int(g->p, 1)));
    }
    if (gen_percent(g, 20) && strcmp(e->row->operand, "path") == 0)
        value_put(g->p, made, "highlight", one(g, "path", text(g, "y")));
    if (strcmp(e->row->name, "$searchMeta") == 0 && gen_percent(g, 30))
        made = one(g, "facet", one(g, "operator", made));
    return one(g, e->row->name, made);
}

/* ---- QE where the server rewrites nothing ---- */

static value *self_lookup(gen *g, const value *filter) {
    value *lookup = one(g, "from", text(g, g->c->name));
    value_put(g->p, lookup, "pipeline", list_of(g, one(g, "$match", filter)));
    value_put(g->p, lookup, "as", text(g, "joined"));
    return one(g, "$lookup", lookup);
}

static value *self_graph_lookup(gen *g, const value *filter) {
    return one(g, "$graphLookup", filled(g, "$graphLookup", "restrictSearchWithMatch", filter));
}

static value *fixed(edge *e) {
    gen *g = e->g;
    value *filter = one(g, e->at.path, edge_value(e)), *stage = one(g, "$match", filter);
    if (gen_percent(g, 70))
        stage = gen_percent(g, 50) ? self_lookup(g, filter) : self_graph_lookup(g, filter);
    if (strstr(e->row->name, "facet"))
        return one(g, "$facet", one(g, "f", list_of(g, stage)));
    return one(g, "$unionWith", filled(g, "$unionWith", "pipeline", list_of(g, stage)));
}

/* ---- views ---- */

static value *view_stage(gen *g) {
    switch (gen_below(g, 6)) {
    case 0: return one(g, "$match", one(g, "x", value_int(g->p, 1)));
    case 1: return one(g, "$match", one(g, "ssn", one(g, "$exists", value_bool(g->p, true))));
    case 2: return one(g, "$unset", text(g, "y"));
    case 3: return one(g, "$project", one(g, "y", value_int(g->p, 0)));
    case 4: return one(g, "$addFields", one(g, "e1", gen_percent(g, 50) ? value_int(g->p, 1) : text(g, "$y")));
    default: return one(g, "$sort", one(g, "y", value_int(g->p, 1)));
    }
}

static value *view_over(gen *g, const value *pipeline, const char *on) {
    value *command = one(g, gen_percent(g, 60) ? "create" : "collMod", text(g, "v"));
    value_put(g->p, command, "viewOn", text(g, on));
    value_put(g->p, command, "pipeline", pipeline);
    return command;
}

/* Drivers send no schema for a view, or an empty one. */
static value *view(gen *g) {
    bool alien = (!g->w->several && !g->w->qe) || gen_percent(g, 40);
    value *pipeline = value_array(g->p);
    for (unsigned n = 1 + gen_below(g, 2); n > 0; n--) {
        value *filter = alien || gen_percent(g, 50) ? NULL : gen_filter(g, 0);
        value_push(g->p, pipeline, filter ? one(g, "$match", filter) : view_stage(g));
    }
    return view_over(g, pipeline, alien ? "elsewhere" : g->c->name);
}

/* ---- by kind of operand ---- */

static value *flagged(edge *e, int flag) {
    return one(e->g, "$project", one(e->g, e->at.path, value_int(e->g->p, flag)));
}

static value *whole(edge *e) {
    gen *g = e->g;
    const char *name = e->row->name;
    if (operand_known("$sort", name))
        return one(g, name, one(g, e->at.path, direction(g)));
    if (operand_known("$replaceRoot", name))
        return one(g, name, one(g, "newRoot", strcmp(e->at.path, "x") == 0 ? text(g, "$sub") : edge_path(e)));
    if (operand_known("$replaceWith $sortByCount", name))
        return one(g, name, edge_path(e));
    if (operand_known("$unset", name))
        return one(g, name, gen_percent(g, 50) ? text(g, e->at.path) : list_of(g, text(g, e->at.path)));
    if (operand_known("$limit $skip", name))
        return one(g, name, value_int(g->p, 2));
    if (operand_known("$count", name))
        return one(g, name, text(g, "n"));
    if (operand_known("$facet", name))
        return one(g, name, one(g, "f1", list_of(g, one(g, "$limit", value_int(g->p, 2)))));
    if (strcmp(name, "$redact") == 0) {
        value *cond = list_of(g, edge_path(e));
        value_push(g->p, cond, text(g, "$$KEEP"));
        value_push(g->p, cond, text(g, "$$PRUNE"));
        return one(g, name, one(g, "$cond", cond));
    }
    return NULL;
}

/* Rows that stand for themselves. */
static value *particular(edge *e) {
    gen *g = e->g;
    const char *name = e->row->name;
    if (strcmp(e->row->operand, "(malformed)") == 0)
        return malformed(g, name);
    if (strcmp(e->row->operand, "(incomplete)") == 0)
        return incomplete(g, name);
    if (strcmp(name, "(QE in a view)") == 0)
        return view_over(g, list_of(g, one(g, "$match", one(g, e->at.path, edge_value(e)))), g->c->name);
    if (strncmp(name, "(QE", 3) == 0)
        return fixed(e);
    if (strcmp(name, "(view)") == 0)
        return view(g);
    if (strcmp(name, "(two names)") == 0) {
        value *stage = one(g, "$limit", value_int(g->p, 1));
        value_put(g->p, stage, "$skip", value_int(g->p, 1));
        return stage;
    }
    if (operand_known("$out $merge", name) && gen_percent(g, 50))
        value_push(g->p, e->at.stages, one(g, "$group", one(g, "_id", text(g, "$x"))));
    if (strcmp(name, "$out") == 0)
        return one(g, name, text(g, gen_percent(g, 30) ? "c9" : g->w->collections[g->w->count - 1].name));
    if (strcmp(name, "$merge") == 0)
        return one(g, name,
                   one(g, "into", text(g, gen_percent(g, 30) ? "c9" : g->w->collections[g->w->count - 1].name)));
    if (operand_known("$documents", name))
        return one(g, name, list_of(g, one(g, "x", value_int(g->p, 1))));
    return NULL;
}

/* The stage, with nothing remarkable in it. */
static value *simple(gen *g, const char *name) {
    value *one_x = one(g, "x", value_int(g->p, 1));
    if (operand_known("$match $sort", name))
        return one(g, name, one_x);
    if (operand_known("$limit $skip", name))
        return one(g, name, value_int(g->p, 1));
    if (operand_known("$addFields $set", name))
        return one(g, name, one(g, "e8", text(g, "$y")));
    if (operand_known("$project", name))
        return one(g, name, one(g, "y", value_int(g->p, 0)));
    if (operand_known("$unset $count", name))
        return one(g, name, text(g, "y"));
    if (operand_known("$unwind", name))
        return one(g, name, text(g, "$arr"));
    if (operand_known("$replaceWith $sortByCount", name))
        return one(g, name, text(g, "$sub"));
    if (operand_known("$group", name))
        return one(g, name, one(g, "_id", text(g, "$x")));
    if (operand_known("$facet", name))
        return one(g, name, one(g, "f1", value_array(g->p)));
    if (operand_known("$redact", name))
        return one(g, name, text(g, "$$KEEP"));
    return one(g, name, filled(g, name, "", NULL));
}

static value *update_pipeline(edge *e) {
    gen *g = e->g;
    value *command = one(g, "update", text(g, g->c->name)), *statement = one(g, "q", value_doc(g->p));
    const char *name = e->row->name;
    value *stage = simple(g, name);
    if (strcmp(name, "$replaceWith") == 0)
        stage = one(g, name, text(g, "$$ROOT"));
    else if (strcmp(name, "$replaceRoot") == 0)
        stage = one(g, name, one(g, "newRoot", text(g, "$$ROOT")));
    value_put(g->p, statement, "u", list_of(g, stage));
    value_put(g->p, command, "updates", list_of(g, statement));
    return command;
}

/* A path that is plain at the root, and names the field further down. */
static value *descending(edge *e) {
    gen *g = e->g;
    const char *last = strrchr(e->at.path, '.');
    if (e->at.site != SITE_PLAIN && !last)
        return NULL;
    value *cond = list_of(g, text(g, last && e->at.meta ? pool_text(g->p, "$%s", last + 1) : "$nowhere"));
    value_push(g->p, cond, text(g, "$$DESCEND"));
    value_push(g->p, cond, text(g, "$$PRUNE"));
    return one(g, "$redact", one(g, "$cond", cond));
}

/* The stage, and a comparison after it. */
static value *then_compared(edge *e) {
    gen *g = e->g;
    value_push(g->p, e->at.stages, simple(g, e->row->name));
    return one(g, "$match", one(g, e->at.path, edge_value(e)));
}

/* What an option with the field in it looks like. */
static value *option_with(edge *e, const char *stage, const char *option) {
    gen *g = e->g;
    if (operand_known("groupBy startWith partitionBy", option) ||
        (strcmp(stage, "$unwind") == 0 && strcmp(option, "path") == 0) || strcmp(option, "_id") == 0)
        return edge_path(e);
    if (strcmp(option, "sortBy") == 0)
        return one(g, e->at.path, direction(g));
    if (strcmp(option, "partitionByFields") == 0)
        return list_of(g, text(g, e->at.path));
    if (operand_known("filter query restrictSearchWithMatch", option))
        return one(g, strcmp(option, "filter") == 0 ? e->at.path : "x", value_int(g->p, 1));
    if (strcmp(option, "let") == 0)
        return one(g, "v", edge_path(e));
    if (strcmp(option, "pipeline") == 0)
        return list_of(g, one(g, "$match", one(g, "x", value_int(g->p, 1))));
    if (strcmp(option, "from") == 0)
        return text(g, gen_percent(g, 50) ? g->c->name : "elsewhere");
    return text(g, e->at.path);
}

static value *output_at(edge *e) {
    gen *g = e->g;
    if (strcmp(e->row->name, "$setWindowFields") == 0)
        return filled(g, e->row->name, "output", window_output(g, e->at.path));
    if (strcmp(e->row->operand, "value") == 0)
        return filled(g, "$fill", "output", one(g, "y", one(g, "value", edge_path(e))));
    return filled(g, "$fill", "output", one(g, e->at.path, one(g, "method", text(g, "locf"))));
}

static value *assigned(edge *e) {
    gen *g = e->g;
    static const char *const constants[] = {"$x", "$y", NULL};
    bool path = strcmp(e->row->operand, "path") == 0;
    value *v = path ? text(g, gen_pick(g, constants)) : edge_path(e);
    if (path && gen_percent(g, 50))
        v = one(g, "$add", value_int(g->p, 1));
    return one(g, e->row->name, one(g, path ? e->at.path : "e1", v));
}

static value *with_options(edge *e) {
    gen *g = e->g;
    const char *name = e->row->name, *operand = e->row->operand;
    value *options = filled(g, name, operand, option_with(e, name, operand));
    /* Joins must be of two fields alike. */
    if (e->at.site == SITE_DETERMINISTIC && gen_percent(g, 70)) {
        value *alike = value_doc(g->p);
        for (const value *m = options->first; m; m = m->next)
            value_put(g->p, alike, m->name,
                      operand_known("localField foreignField connectFromField connectToField", m->name)
                          ? text(g, e->at.path)
                      : strcmp(m->name, "startWith") == 0 ? edge_path(e)
                                                          : m);
        return alike;
    }
    return options;
}

value *edge_stage(edge *e) {
    gen *g = e->g;
    const char *name = e->row->name, *operand = e->row->operand;
    value *made = particular(e);
    if (made)
        return made;
    if (strcmp(operand, "(in an update)") == 0)
        return update_pipeline(e);
    if (strcmp(operand, "(then compared)") == 0)
        return then_compared(e);
    if (strcmp(operand, "(descending)") == 0)
        return descending(e);
    if (operand[0] == '(')
        return distorted(e);
    if (operand_known("$search $searchMeta", name))
        return search(e);
    if (strcmp(operand, "include") == 0 || strcmp(operand, "exclude") == 0)
        return flagged(e, operand[0] == 'i');
    if (operand_known("$project $addFields $set", name))
        return assigned(e);
    if (strcmp(name, "$setWindowFields") == 0 && strcmp(operand, "path") == 0)
        return one(g, name, output_at(e));
    if (strcmp(name, "$fill") == 0 && operand_known("output value", operand))
        return one(g, name, output_at(e));
    if (strcmp(name, "$group") == 0)
        return one(g, name, one(g, "_id", edge_path(e)));
    if (!*operand && (made = whole(e)))
        return made;
    if (!*operand && strcmp(name, "$unionWith") == 0)
        return one(g, name, text(g, gen_percent(g, 60) ? g->c->name : "elsewhere"));
    if (!*operand)
        return one(g, name, gen_percent(g, 80) ? filled(g, name, "", NULL) : value_doc(g->p));
    return one(g, name, with_options(e));
}
