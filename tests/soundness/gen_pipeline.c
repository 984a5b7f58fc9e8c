#include <string.h>

#include "gen.h"

const char *const stage_names[] = {"$match",       "$project",         "$addFields",   "$set",         "$unset",
                                   "$replaceRoot", "$replaceWith",     "$group",       "$sortByCount", "$count",
                                   "$sort",        "$limit",           "$skip",        "$sample",      "$unwind",
                                   "$redact",      "$lookup",          "$graphLookup", "$facet",       "$unionWith",
                                   "$bucket",      "$setWindowFields", "$densify",     "$fill"};
const unsigned stage_count = sizeof stage_names / sizeof *stage_names;

static void add_place(gen *g, const char *path, const metadata *meta) {
    if (g->place_count < MAX_PLACES)
        g->places[g->place_count++] = (place){path, meta};
}

static bool at_or_below(const char *path, const char *of) {
    size_t n = strlen(of);
    return strncmp(path, of, n) == 0 && (path[n] == 0 || path[n] == '.');
}

static void drop_places(gen *g, const char *path) {
    unsigned kept = 0;
    for (unsigned i = 0; i < g->place_count; i++)
        if (!at_or_below(g->places[i].path, path))
            g->places[kept++] = g->places[i];
    g->place_count = kept;
}

static void keep_place(gen *g, place *kept, unsigned *n, const char *path) {
    for (unsigned i = 0; i < g->place_count && *n < MAX_PLACES; i++)
        if (at_or_below(g->places[i].path, path))
            kept[(*n)++] = g->places[i];
}

static value *stage(gen *g, const char *name, const value *operand) {
    return value_one(g->p, name, operand);
}

static const char *some_path(gen *g) {
    const place *e = gen_percent(g, 60) ? gen_place(g, ANYTHING) : NULL;
    return e ? e->path : gen_plain_path(g);
}

/* Paths of one document that do not lie on each other, as the server demands. */
static bool collides(const value *fields, const char *path) {
    for (const value *m = fields->first; m; m = m->next)
        if (at_or_below(m->name, path) || at_or_below(path, m->name))
            return true;
    return false;
}

static void put_computed(gen *g, value *fields, const char *name) {
    const metadata *meta;
    value *e = gen_expression(g, 2, &meta);
    if (collides(fields, name))
        return;
    value_put(g->p, fields, name, e);
    drop_places(g, name);
    if (meta)
        add_place(g, name, meta);
}

static value *add_fields(gen *g) {
    static const char *const names[] = {"e1", "e2", "y", "sub.t", "x", NULL};
    value *fields = value_doc(g->p);
    for (unsigned n = 1 + gen_below(g, 2); n > 0; n--)
        put_computed(g, fields, gen_odd(g, 10) ? some_path(g) : gen_pick(g, names));
    return stage(g, gen_percent(g, 50) ? "$addFields" : "$set", fields);
}

static value *inclusion(gen *g) {
    value *fields = value_doc(g->p);
    place kept[MAX_PLACES];
    unsigned n = 0;
    for (unsigned k = 1 + gen_below(g, 4); k > 0; k--) {
        const char *path = some_path(g);
        if (collides(fields, path))
            continue;
        value_put(g->p, fields, path, gen_percent(g, 50) ? value_int(g->p, 1) : value_bool(g->p, true));
        keep_place(g, kept, &n, path);
    }
    if (gen_percent(g, 20) && !collides(fields, "_id"))
        value_put(g->p, fields, "_id", value_int(g->p, 0));
    else if (!value_get(fields, "_id"))
        keep_place(g, kept, &n, "_id");
    const metadata *meta = NULL;
    value *e = gen_percent(g, 40) ? gen_expression(g, 2, &meta) : NULL;
    memcpy(g->places, kept, sizeof kept);
    g->place_count = n;
    g->lost = true;
    if (e && !collides(fields, "e1")) {
        value_put(g->p, fields, "e1", e);
        if (meta)
            add_place(g, "e1", meta);
    }
    return fields;
}

static value *exclusion(gen *g) {
    value *fields = value_doc(g->p);
    for (unsigned k = 1 + gen_below(g, 2); k > 0; k--) {
        const char *path = some_path(g);
        if (collides(fields, path))
            continue;
        value_put(g->p, fields, path, value_int(g->p, 0));
        drop_places(g, path);
    }
    return fields;
}

value *gen_projection(gen *g) {
    if (gen_odd(g, 10)) {
        const place *e = gen_place(g, ANYTHING);
        return value_one(g->p, e ? e->path : "x", value_one(g->p, "$slice", value_int(g->p, 1)));
    }
    return gen_percent(g, 70) ? inclusion(g) : exclusion(g);
}

static value *project(gen *g) {
    return stage(g, "$project", gen_percent(g, 70) ? inclusion(g) : exclusion(g));
}

static value *unset(gen *g) {
    const char *path = gen_odd(g, 3) ? "__safeContent__" : some_path(g);
    drop_places(g, path);
    return stage(g, "$unset", value_string(g->p, path));
}

static value *accumulator(gen *g, const metadata **meta) {
    const place *e = gen_place(g, LEAF);
    const char *path = e && gen_percent(g, 60) ? e->path : NULL;
    *meta = NULL;
    if (path && gen_percent(g, 80)) {
        static const char *const ops[] = {"$first", "$last", "$push", "$first", "$addToSet", NULL};
        const char *op = gen_pick(g, ops);
        if (op[1] == 'f' || op[1] == 'l')
            *meta = e->meta;
        if (op[1] == 'a' && !metadata_comparable(e->meta) && !gen_odd(g, 30))
            op = "$push";
        return value_one(g->p, op, value_string(g->p, pool_text(g->p, "$%s", path)));
    }
    static const char *const ops[] = {"$sum", "$min", "$max", "$avg", "$push", "$sum", NULL};
    if (gen_percent(g, 25))
        return value_one(g->p, "$sum", value_int(g->p, 1));
    if (gen_percent(g, 20)) {
        value *list = value_array(g->p);
        value_push(g->p, list, gen_condition(g, 1));
        value_push(g->p, list, value_int(g->p, 1));
        value_push(g->p, list, value_int(g->p, 0));
        return value_one(g->p, "$sum", value_one(g->p, "$cond", list));
    }
    if (!gen_odd(g, 10) || !path)
        path = gen_plain_path(g);
    return value_one(g->p, gen_pick(g, ops), value_string(g->p, pool_text(g->p, "$%s", path)));
}

static value *group_key(gen *g, const metadata **meta) {
    const place *e = gen_place(g, gen_odd(g, 10) ? ANYTHING : COMPARABLE);
    *meta = NULL;
    if (gen_percent(g, 20))
        return gen_percent(g, 50) ? value_null(g->p) : value_int(g->p, 1);
    if (!e || gen_percent(g, 25))
        return value_string(g->p, "$x");
    value *path = value_string(g->p, pool_text(g->p, "$%s", e->path));
    if (gen_percent(g, 75)) {
        *meta = e->meta;
        return path;
    }
    value *doc = value_one(g->p, "k", path);
    if (gen_percent(g, 50))
        value_put(g->p, doc, "n", gen_percent(g, 50) ? gen_condition(g, 1) : value_int(g->p, 1));
    return doc;
}

static value *group(gen *g) {
    const metadata *key, *meta[2] = {NULL, NULL};
    static const char *const names[] = {"g1", "g2"};
    value *fields = value_one(g->p, "_id", group_key(g, &key));
    unsigned n = gen_below(g, 3);
    for (unsigned i = 0; i < n; i++)
        value_put(g->p, fields, names[i], accumulator(g, &meta[i]));
    g->place_count = 0;
    if (key)
        add_place(g, "_id", key);
    for (unsigned i = 0; i < n; i++)
        if (meta[i])
            add_place(g, names[i], meta[i]);
    return stage(g, "$group", fields);
}

static value *sort(gen *g) {
    const place *e = gen_odd(g, 15) ? gen_place(g, ANYTHING) : NULL;
    value *keys = value_one(g->p,
                            e                    ? e->path
                            : gen_percent(g, 60) ? "x"
                                                 : "y",
                            value_int(g->p, gen_percent(g, 50) ? 1 : -1));
    if (gen_percent(g, 30) && !collides(keys, "sub.s"))
        value_put(g->p, keys, "sub.s", value_int(g->p, 1));
    return stage(g, "$sort", keys);
}

static value *unwind(gen *g) {
    const place *e = gen_odd(g, 15) ? gen_place(g, ANYTHING) : NULL;
    value *path = value_string(g->p, pool_text(g->p, "$%s", e ? e->path : gen_odd(g, 3) ? "__safeContent__" : "arr"));
    if (gen_percent(g, 60))
        return stage(g, "$unwind", path);
    value *operand = value_one(g->p, "path", path);
    if (gen_percent(g, 50))
        value_put(g->p, operand, "includeArrayIndex", value_string(g->p, gen_odd(g, 20) ? some_path(g) : "idx"));
    if (gen_percent(g, 50))
        value_put(g->p, operand, "preserveNullAndEmptyArrays", value_bool(g->p, true));
    return stage(g, "$unwind", operand);
}

static value *replace_root(gen *g) {
    const place *e = gen_place(g, PARENT);
    const char *path = e && (strcmp(e->path, "user") == 0 || gen_odd(g, 50)) ? e->path : "sub";
    value *expr = value_string(g->p, pool_text(g->p, "$%s", path));
    place kept[MAX_PLACES];
    unsigned n = 0;
    for (unsigned i = 0; i < g->place_count; i++)
        if (at_or_below(g->places[i].path, path) && g->places[i].path[strlen(path)])
            kept[n++] = (place){g->places[i].path + strlen(path) + 1, g->places[i].meta};
    memcpy(g->places, kept, sizeof kept);
    g->place_count = n;
    g->lost = true;
    /* A missing root is the server's error. */
    if (gen_percent(g, 50))
        return stage(g, "$replaceWith", expr);
    return stage(g, "$replaceRoot", value_one(g->p, "newRoot", expr));
}

static value *sub_pipeline(gen *g, const collection *c, unsigned depth) {
    gen inner = *g;
    inner.lost = true;
    if (c)
        gen_enter(&inner, c);
    return gen_pipeline(&inner, depth);
}

/* What to join a field with: one that is encrypted alike, in wild commands another one. */
static const char *partner(gen *g, const place *of) {
    const place *other = gen_odd(g, 25) ? gen_place(g, gen_percent(g, 70) ? COMPARABLE : ANYTHING) : of;
    return other ? other->path : gen_odd(g, 10) ? some_path(g) : "x";
}

static value *lookup(gen *g, unsigned depth) {
    const collection *from = &g->w->collections[gen_odd(g, 20) ? gen_below(g, g->w->count) : 0];
    if (strcmp(from->name, g->c->name) != 0 && !gen_odd(g, 50))
        from = g->c;
    const place *e = gen_percent(g, 40) ? gen_place(g, COMPARABLE) : NULL;
    value *operand = value_one(g->p, "from", value_string(g->p, gen_odd(g, 5) ? "other" : from->name));
    bool fields = gen_percent(g, 70);
    if (fields) {
        value_put(g->p, operand, "localField", value_string(g->p, e ? e->path : "x"));
        value_put(g->p, operand, "foreignField", value_string(g->p, partner(g, e)));
    }
    if (depth > 0 && (!fields || gen_percent(g, 30)))
        value_put(g->p, operand, "pipeline", sub_pipeline(g, from, depth - 1));
    else if (!fields)
        value_put(g->p, operand, "pipeline", value_array(g->p));
    value_put(g->p, operand, "as", value_string(g->p, gen_odd(g, 5) ? some_path(g) : "joined"));
    return stage(g, "$lookup", operand);
}

static value *graph_lookup(gen *g) {
    const place *e = gen_percent(g, 50) ? gen_place(g, COMPARABLE) : NULL;
    const char *path = e ? e->path : "x";
    value *operand = value_one(g->p, "from", value_string(g->p, g->c->name));
    value_put(g->p, operand, "startWith", value_string(g->p, pool_text(g->p, "$%s", path)));
    value_put(g->p, operand, "connectFromField", value_string(g->p, path));
    value_put(g->p, operand, "connectToField", value_string(g->p, partner(g, e)));
    value_put(g->p, operand, "as", value_string(g->p, "joined"));
    if (gen_percent(g, 40)) {
        gen inner = *g;
        gen_enter(&inner, g->c);
        value_put(g->p, operand, "restrictSearchWithMatch", gen_filter(&inner, 0));
    }
    return stage(g, "$graphLookup", operand);
}

static value *facet(gen *g, unsigned depth) {
    value *outputs = value_one(g->p, "f1", sub_pipeline(g, NULL, depth - 1));
    if (gen_percent(g, 50))
        value_put(g->p, outputs, "f2", sub_pipeline(g, NULL, depth - 1));
    g->place_count = 0;
    return stage(g, "$facet", outputs);
}

static value *union_with(gen *g, unsigned depth) {
    const collection *other = gen_odd(g, 20) ? &g->w->collections[gen_below(g, g->w->count)] : g->c;
    if (gen_percent(g, 40))
        return stage(g, "$unionWith", value_string(g->p, other->name));
    value *operand = value_one(g->p, "coll", value_string(g->p, other->name));
    gen inner = *g;
    gen_enter(&inner, other);
    inner.lost = true;
    value *pipeline = value_array(g->p);
    if (depth > 0)
        value_push(g->p, pipeline, stage(g, "$match", gen_filter(&inner, 1)));
    value_put(g->p, operand, "pipeline", pipeline);
    return stage(g, "$unionWith", operand);
}

static value *sort_by_count(gen *g) {
    const metadata *meta;
    value *key = group_key(g, &meta);
    if (key->type != T_STRING)
        key = value_string(g->p, "$x");
    g->place_count = 0;
    if (meta)
        add_place(g, "_id", meta);
    return stage(g, "$sortByCount", key);
}

static value *redact(gen *g) {
    value *list = value_array(g->p);
    value_push(g->p, list, gen_condition(g, 1));
    value_push(g->p, list, value_string(g->p, gen_odd(g, 30) ? "$$DESCEND" : "$$KEEP"));
    value_push(g->p, list, value_string(g->p, "$$PRUNE"));
    return stage(g, "$redact", value_one(g->p, "$cond", list));
}

static const char *path_text(gen *g, const char *path) {
    return pool_text(g->p, "$%s", path);
}

static value *bucket(gen *g) {
    const place *e = gen_odd(g, 20) ? gen_place(g, ANYTHING) : NULL;
    value *bounds = value_array(g->p);
    for (int i = 0; i < 3; i++)
        value_push(g->p, bounds, value_int(g->p, i));
    value *operand = value_one(g->p, "groupBy", value_string(g->p, path_text(g, e ? e->path : "x")));
    value_put(g->p, operand, "boundaries", bounds);
    value_put(g->p, operand, "default", value_string(g->p, "other"));
    const metadata *meta;
    value_put(g->p, operand, "output", value_one(g->p, "g1", accumulator(g, &meta)));
    g->place_count = 0;
    if (meta)
        add_place(g, "g1", meta);
    return stage(g, "$bucket", operand);
}

static value *window_fields(gen *g) {
    const metadata *key, *meta;
    value *operand = value_one(g->p, "partitionBy", group_key(g, &key));
    value_put(g->p, operand, "sortBy", value_one(g->p, gen_odd(g, 20) ? some_path(g) : "x", value_int(g->p, 1)));
    value *function = value_copy(g->p, accumulator(g, &meta));
    value *bounds = value_array(g->p);
    value_push(g->p, bounds, value_string(g->p, "unbounded"));
    value_push(g->p, bounds, value_string(g->p, "current"));
    if (gen_percent(g, 50))
        value_put(g->p, function, "window", value_one(g->p, "documents", bounds));
    value_put(g->p, operand, "output", value_one(g->p, "w1", function));
    if (meta)
        add_place(g, "w1", meta);
    return stage(g, "$setWindowFields", operand);
}

static value *densify(gen *g) {
    value *range = value_one(g->p, "step", value_int(g->p, 1));
    value_put(g->p, range, "bounds", value_string(g->p, "full"));
    value *operand = value_one(g->p, "field", value_string(g->p, gen_odd(g, 20) ? some_path(g) : "x"));
    const place *e = gen_percent(g, 50) ? gen_place(g, gen_odd(g, 20) ? ANYTHING : COMPARABLE) : NULL;
    if (e) {
        value *parts = value_array(g->p);
        value_push(g->p, parts, value_string(g->p, e->path));
        value_put(g->p, operand, "partitionByFields", parts);
    }
    value_put(g->p, operand, "range", range);
    return stage(g, "$densify", operand);
}

static value *fill(gen *g) {
    const metadata *key;
    value *operand = value_one(g->p, "sortBy", value_one(g->p, "x", value_int(g->p, 1)));
    if (gen_percent(g, 50))
        value_put(g->p, operand, "partitionBy", group_key(g, &key));
    const char *path = gen_odd(g, 20) ? some_path(g) : "y";
    value_put(g->p, operand, "output", value_one(g->p, path, value_one(g->p, "method", value_string(g->p, "locf"))));
    return stage(g, "$fill", operand);
}

static value *odd_stage(gen *g) {
    switch (gen_below(g, 4)) {
    case 0: return stage(g, "$out", value_string(g->p, "c9"));
    case 1: return stage(g, "$bucketAuto", value_one(g->p, "groupBy", value_string(g->p, "$ssn")));
    case 2: return stage(g, "$unknownStage", value_doc(g->p));
    default: return stage(g, "$indexStats", value_doc(g->p));
    }
}

static value *any_stage(gen *g, unsigned depth) {
    unsigned kind = gen_below(g, 100);
    if (gen_odd(g, 2))
        return odd_stage(g);
    if (kind < 34)
        return stage(g, "$match", gen_filter(g, 1));
    if (kind < 46)
        return project(g);
    if (kind < 57)
        return add_fields(g);
    if (kind < 66)
        return group(g);
    if (kind < 71)
        return sort(g);
    if (kind < 76)
        return stage(g, gen_percent(g, 50) ? "$limit" : "$skip", value_int(g->p, 1 + (int)gen_below(g, 6)));
    if (kind < 81)
        return unwind(g);
    if (kind < 83)
        return unset(g);
    if (kind < 85)
        return replace_root(g);
    if (kind < 87)
        return sort_by_count(g);
    if (kind < 89)
        return redact(g);
    if (kind < 90) {
        g->place_count = 0;
        return stage(g, "$count", value_string(g->p, "n"));
    }
    if (kind < 94)
        return lookup(g, depth);
    if (kind < 95)
        return graph_lookup(g);
    if (kind < 97 && depth > 0)
        return union_with(g, depth);
    if (kind < 98 && depth > 0)
        return facet(g, depth);
    if (kind < 99) {
        static value *(*const rare[])(gen *) = {bucket, window_fields, densify, fill};
        return rare[gen_below(g, 4)](g);
    }
    return stage(g, "$sample", value_one(g->p, "size", value_int(g->p, 2)));
}

value *gen_pipeline(gen *g, unsigned depth) {
    value *pipeline = value_array(g->p);
    if (gen_percent(g, 65))
        value_push(g->p, pipeline, stage(g, "$match", gen_filter(g, 2)));
    for (unsigned n = depth > 1 ? gen_below(g, 4) : 1; n > 0; n--)
        value_push(g->p, pipeline, any_stage(g, depth));
    return pipeline;
}

static value *stored_constant(gen *g, const metadata *meta) {
    value *v = gen_value_for(g, meta);
    value *literal = v->type == T_DOC || v->type == T_ARRAY || gen_percent(g, 20) ? value_one(g->p, "$literal", v) : v;
    if (gen_percent(g, 80))
        return literal;
    value *list = value_array(g->p);
    value_push(g->p, list, gen_condition(g, 1));
    value_push(g->p, list, literal);
    value_push(g->p, list, value_string(g->p, "$$REMOVE"));
    return value_one(g->p, "$cond", list);
}

static void put_stored(gen *g, value *fields) {
    const place *e = gen_place(g, gen_percent(g, 70) ? COMPARABLE : LEAF);
    if (!e || gen_percent(g, 30)) {
        const metadata *meta;
        const char *path = gen_plain_path(g);
        if (!collides(fields, path))
            value_put(g->p, fields, path, gen_odd(g, 40) ? gen_expression(g, 1, &meta) : gen_condition(g, 1));
    } else if (!collides(fields, e->path) && (e->meta->key >= 0 || gen_odd(g, 20))) {
        value_put(g->p, fields, e->path, gen_odd(g, 10) ? gen_condition(g, 1) : stored_constant(g, e->meta));
    }
}

value *gen_update_pipeline(gen *g) {
    if (g->w->qe && !gen_odd(g, 20))
        g->place_count = 0; /* such a pipeline may not touch them */
    value *pipeline = value_array(g->p);
    for (unsigned n = 1 + gen_below(g, 2); n > 0; n--) {
        value *fields = value_doc(g->p);
        for (unsigned k = 1 + gen_below(g, 3); k > 0; k--)
            put_stored(g, fields);
        unsigned kind = gen_below(g, 100);
        if (kind < 80 && fields->first)
            value_push(g->p, pipeline, stage(g, kind < 40 ? "$set" : "$addFields", fields));
        else if (kind < 95)
            value_push(g->p, pipeline, unset(g));
        else if (gen_odd(g, 60))
            value_push(g->p, pipeline, project(g));
        else
            value_push(g->p, pipeline, stage(g, "$project", exclusion(g)));
    }
    return pipeline;
}
