#include <string.h>

#include "gen.h"

position gen_position(const collection *c, const char *path) {
    position at = position_root(c->root);
    char name[64];
    while (*path) {
        size_t n = strcspn(path, ".");
        memcpy(name, path, n);
        name[n] = 0;
        at = position_child(&at, name);
        path += n + (path[n] == '.');
    }
    return at;
}

/* What may be stored at the place. */
static value *stored(gen *g, const place *e) {
    if (e->meta)
        return gen_value_for(g, e->meta);
    position at = gen_position(g->c, e->path);
    return gen_percent(g, 85) ? gen_document(g, &at, false) : gen_typed(g, gen_odd(g, 30) ? T_ARRAY : T_INT);
}

static void put_set(gen *g, value *fields) {
    const place *e = NULL;
    unsigned kind = gen_below(g, 100);
    if (kind < 60)
        e = gen_place(g, FILTERABLE);
    else if (kind < 75)
        e = gen_place(g, LEAF);
    else if (kind < 83)
        e = gen_place(g, PARENT);
    if (e && e->meta && e->meta->key < 0 && !gen_odd(g, 30))
        e = NULL;
    if (gen_odd(g, 1))
        value_put(g->p, fields, "__safeContent__", gen_plain_value(g));
    else if (gen_odd(g, 3))
        value_put(g->p, fields, gen_percent(g, 50) ? "ssn.x" : "user.$[e].a", gen_plain_value(g));
    else if (gen_percent(g, 3))
        value_put(g->p, fields, gen_percent(g, 50) ? "arr.$[e]" : "arr.$", gen_plain_value(g));
    else if (e)
        value_put(g->p, fields, e->path, stored(g, e));
    else
        value_put(g->p, fields, gen_plain_path(g), gen_plain_value(g));
}

static value *set_fields(gen *g) {
    value *fields = value_doc(g->p);
    for (unsigned n = 1 + gen_below(g, 3); n > 0; n--)
        put_set(g, fields);
    return fields;
}

static value *unset_fields(gen *g) {
    const place *e = gen_place(g, ANYTHING);
    return value_one(g->p, e && gen_percent(g, 60) ? e->path : gen_plain_path(g), value_string(g->p, ""));
}

static const char *rename_target(gen *g, const place *from) {
    for (unsigned i = 0; i < g->place_count; i++) {
        const place *e = &g->places[i];
        if (e != from && e->meta && from->meta && metadata_equal(e->meta, from->meta) && gen_percent(g, 70))
            return e->path;
    }
    return "y";
}

static value *rename_fields(gen *g) {
    const place *e = gen_place(g, gen_odd(g, 30) ? ANYTHING : LEAF);
    if (e && gen_percent(g, 50)) {
        const char *target = rename_target(g, e);
        if (strcmp(target, "y") != 0 || gen_odd(g, 30))
            return value_one(g->p, e->path, value_string(g->p, target));
    }
    return value_one(g->p, gen_percent(g, 50) ? "x" : "sub.s", value_string(g->p, "y"));
}

static value *push_operand(gen *g) {
    if (gen_percent(g, 50))
        return gen_typed(g, T_INT);
    return value_one(g->p, "$each", gen_typed(g, T_ARRAY));
}

/* Operators that may only touch plain paths. */
static void put_other(gen *g, value *update) {
    static const char *const all[] = {"$inc", "$mul", "$min",         "$max",      "$push",    "$pull",
                                      "$pop", "$bit", "$currentDate", "$addToSet", "$pullAll", NULL};
    const char *op = gen_pick(g, all);
    const place *e = gen_odd(g, 20) ? gen_place(g, ANYTHING) : NULL;
    const char *path = e                                              ? e->path
                       : op[1] == 'p' || strcmp(op, "$addToSet") == 0 ? "arr"
                       : gen_percent(g, 60)                           ? "x"
                                                                      : "sub.s";
    value *operand;
    if (gen_odd(g, 6))
        path = gen_percent(g, 50) ? "arr.$[]" : "user.$[].a";
    if (strcmp(op, "$push") == 0 || strcmp(op, "$addToSet") == 0)
        operand = push_operand(g);
    else if (strcmp(op, "$pullAll") == 0)
        operand = gen_typed(g, T_ARRAY);
    else if (strcmp(op, "$bit") == 0)
        operand = value_one(g->p, "or", value_int(g->p, 1));
    else if (strcmp(op, "$currentDate") == 0)
        operand = value_bool(g->p, true);
    else
        operand = gen_typed(g, strcmp(op, "$max") == 0 && gen_percent(g, 50) ? T_STRING : T_INT);
    value_put(g->p, update, op, value_one(g->p, path, operand));
}

static value *modifiers(gen *g) {
    value *update = value_doc(g->p);
    if (gen_percent(g, 85))
        value_put(g->p, update, "$set", set_fields(g));
    if (gen_percent(g, 12))
        value_put(g->p, update, "$setOnInsert", set_fields(g));
    if (gen_percent(g, 15))
        value_put(g->p, update, "$unset", unset_fields(g));
    if (gen_percent(g, 8))
        value_put(g->p, update, "$rename", rename_fields(g));
    if (gen_percent(g, 15) || !update->first)
        put_other(g, update);
    if (gen_odd(g, 3))
        value_put(g->p, update, "$unknown", value_one(g->p, "x", value_int(g->p, 1)));
    return update;
}

value *gen_update(gen *g) {
    position root = position_root(g->c->root);
    return gen_percent(g, 25) ? gen_document(g, &root, true) : modifiers(g);
}
