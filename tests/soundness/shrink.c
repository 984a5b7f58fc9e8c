#include "shrink.h"

#include <string.h>

/* A copy without the n-th node, counted from the top down. */
static value *without(pool *p, const value *v, unsigned *n, bool *done) {
    value *copy = pool_take(p, sizeof *copy);
    *copy = *v;
    if (!value_is_container(v))
        return copy;
    copy->first = copy->last = NULL;
    for (const value *m = v->first; m; m = m->next) {
        if (!*done && (*n)-- == 0) {
            *done = true;
            continue;
        }
        const value *child = *done ? m : without(p, m, n, done);
        if (v->type == T_ARRAY)
            value_push(p, copy, child);
        else
            value_put(p, copy, m->name, child);
    }
    return copy;
}

/* A copy in which the n-th document or array is replaced by its first member's value, or another value by 1. */
static value *simpler(pool *p, const value *v, unsigned *n, bool *done) {
    value *copy = pool_take(p, sizeof *copy);
    *copy = *v;
    if (!value_is_container(v))
        return copy;
    copy->first = copy->last = NULL;
    for (const value *m = v->first; m; m = m->next) {
        const value *child = m;
        if (!*done && (*n)-- == 0) {
            *done = true;
            child = value_is_container(m) && m->first ? m->first : value_int(p, 1);
        } else if (!*done) {
            child = simpler(p, m, n, done);
        }
        value_put(p, copy, m->name, child);
    }
    return copy;
}

static bool is_schema_field(const value *v) {
    return strcmp(v->name, "jsonSchema") == 0 || strcmp(v->name, "isRemoteSchema") == 0 ||
           strcmp(v->name, "csfleEncryptionSchemas") == 0 || strcmp(v->name, "encryptionInformation") == 0 ||
           strcmp(v->name, "$db") == 0;
}

static const char *collection_name(const value *command) {
    const value *inner = value_get(command, "explain");
    const value *name = inner ? inner->first : command->first;
    const value *names = value_get(inner ? inner : command, "nsInfo");
    if (names && names->first)
        name = value_get(names->first, "ns");
    if (!name || name->type != T_STRING)
        return "c0";
    return strncmp(value_chars(name), "db.", 3) == 0 ? value_chars(name) + 3 : value_chars(name);
}

static const value *names_only(pool *p, const value *names) {
    const value *ns = names->first ? value_get(names->first, "ns") : NULL;
    value *list = value_array(p);
    if (!ns)
        return names;
    value_push(p, list, value_one(p, "ns", ns));
    return list;
}

/* Without the schema fields, which would only be put back. */
static const value *undressed(pool *p, const value *command) {
    value *made = value_doc(p);
    for (const value *m = command->first; m; m = m->next)
        if (!is_schema_field(m))
            value_put(p, made, m->name, strcmp(m->name, "nsInfo") == 0 ? names_only(p, m) : m);
    return made;
}

/* The command with the schema fields of `w`. */
static const value *dressed(pool *p, const world *w, const value *command) {
    const collection *c = world_find(w, collection_name(command));
    value *made = value_doc(p);
    for (const value *m = command->first; m; m = m->next)
        if (!is_schema_field(m))
            value_put(p, made, m->name, m);
    world_put_schema(w, c ? c : &w->collections[0], p, made);
    value_put(p, made, "$db", value_string(p, "db"));
    return made;
}

/* The failure up to the first name in it. */
static bool same_failure(const trial *a, const trial *b) {
    return a->failure && b->failure && strncmp(a->failure, b->failure, strcspn(a->failure, "'") + 1) == 0;
}

typedef value *change(pool *p, const value *v, unsigned *n, bool *done);

static bool try_it(bench *b, shrunk *s, const world *w, const value *command, uint64_t seed) {
    trial t = try_command(b, w, command, seed);
    if (!same_failure(&s->trial, &t))
        return false;
    s->world = *w;
    s->command = command;
    s->trial = t;
    return true;
}

static bool change_command(bench *b, shrunk *s, change *changed, uint64_t seed) {
    bool any = false;
    for (unsigned i = 0;;) {
        bool done = false;
        unsigned n = i;
        const value *bare = undressed(&b->pool, s->command), *smaller = changed(&b->pool, bare, &n, &done);
        if (!done)
            return any;
        const value *whole = smaller->first ? dressed(&b->pool, &s->world, smaller) : NULL;
        if (whole && !value_equal(whole, s->command) && try_it(b, s, &s->world, whole, seed))
            any = true;
        else
            i++;
    }
}

static bool change_schema(bench *b, shrunk *s, uint64_t seed) {
    bool any = false;
    for (unsigned i = 0;;) {
        world smaller;
        if (!world_without(&smaller, &s->world, i, &b->pool))
            return any;
        if (try_it(b, s, &smaller, dressed(&b->pool, &smaller, s->command), seed))
            any = true;
        else
            i++;
    }
}

shrunk shrink(bench *b, const world *w, const value *command, uint64_t seed) {
    shrunk s = {*w, command, try_command(b, w, command, seed)};
    bool going = s.trial.failure != NULL;
    for (unsigned round = 0; going && round < 8; round++) {
        going = change_schema(b, &s, seed);
        going |= change_command(b, &s, without, seed);
        going |= change_command(b, &s, simpler, seed);
    }
    return s;
}
