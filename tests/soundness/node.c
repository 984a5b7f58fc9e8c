#include "node.h"

#include <string.h>

const node plain_node = {.kind = N_PLAIN};
const node absent_node = {.kind = N_ABSENT};
const node dropped_node = {.kind = N_ABSENT};
const node dropped_parent = {.kind = N_ABSENT};
const node unknown_node = {.kind = N_UNKNOWN};

static node *make(pool *p, node_kind kind) {
    node *n = pool_take(p, sizeof *n);
    n->kind = kind;
    return n;
}

static const node *of_position(pool *p, const position *at, const collection *origin) {
    const metadata *meta;
    node *n;
    switch (position_answer(at, &meta)) {
    case PLAIN: return &plain_node;
    case ENCRYPTED:
        n = make(p, N_ENCRYPTED);
        n->meta = meta;
        break;
    case ABOVE:
        n = make(p, N_OBJECT);
        n->base = *at;
        break;
    default: n = make(p, N_CONFLICT);
    }
    n->origin = origin;
    return n;
}

const node *node_of_collection(pool *p, const collection *c) {
    position root = position_root(c->root);
    return of_position(p, &root, c);
}

const node *node_array(pool *p, const node *element, bool looked_up) {
    if (!node_holds(p, element))
        return &plain_node;
    node *n = make(p, N_ARRAY);
    n->element = element;
    n->looked_up = looked_up;
    return n;
}

const node *node_child(pool *p, const node *n, const char *name) {
    if (n->kind == N_UNKNOWN || n->kind == N_CONFLICT || n->kind == N_ABSENT)
        return n;
    if (n->kind != N_OBJECT)
        return &plain_node;
    for (const field *f = n->fields; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f->node;
    if (n->either)
        return node_merge(p, node_child(p, n->either, name), node_child(p, n->or, name));
    position child = position_child(&n->base, name);
    if (n->base.n)
        return of_position(p, &child, n->origin);
    return n->open ? &plain_node : &absent_node;
}

/* The first component of the path; *rest is NULL after the last. */
static const char *component(pool *p, const char *path, const char **rest) {
    size_t n = strcspn(path, ".");
    *rest = path[n] ? path + n + 1 : NULL;
    return pool_text(p, "%.*s", (int)n, path);
}

spot node_find(pool *p, const node *n, const char *path) {
    spot s = {.node = n, .looked_up = true};
    while (path) {
        const char *name = component(p, path, &path);
        while (s.node->kind == N_ARRAY) {
            s.in_array = true;
            s.looked_up &= s.node->looked_up;
            s.node = s.node->element;
        }
        if (s.node->kind == N_ENCRYPTED) {
            s.below = true;
            return s;
        }
        s.node = node_child(p, s.node, name);
    }
    if (s.node->kind == N_OBJECT && !node_holds(p, s.node))
        s.node = &plain_node;
    return s;
}

/* Whether any name that `of` knows leads to something encrypted in `n`. */
static bool names_hold(pool *p, const node *n, const node *of) {
    for (const field *f = of->fields; f; f = f->next)
        if (node_holds(p, node_child(p, n, f->name)))
            return true;
    for (unsigned i = 0; i < of->base.n; i++) {
        const model *m = of->base.set[i];
        if (m->patterns || m->rest)
            return true;
        for (const member *e = m->members; e; e = e->next)
            if (e->model->encrypts && node_holds(p, node_child(p, n, e->name)))
                return true;
    }
    return of->either && (names_hold(p, n, of->either) || names_hold(p, n, of->or));
}

bool node_holds(pool *p, const node *n) {
    return n->kind == N_OBJECT ? names_hold(p, n, n) : !node_usable(n);
}

bool node_usable(const node *n) {
    return n->kind == N_PLAIN || n->kind == N_ABSENT;
}

static const node *with_field(pool *p, const node *n, const char *name, const node *child) {
    node *copy = make(p, N_OBJECT);
    if (n->kind == N_OBJECT)
        *copy = *n;
    copy->open |= n->kind == N_PLAIN;
    field *f = pool_take(p, sizeof *f);
    *f = (field){name, child, copy->fields};
    copy->fields = f;
    return copy;
}

const node *node_set(pool *p, const node *n, const char *path, const node *child, bool *below) {
    const char *rest;
    if (n->kind == N_ARRAY) {
        node *copy = make(p, N_ARRAY);
        *copy = *n;
        copy->element = node_set(p, n->element, path, child, below);
        return copy;
    }
    if (n->kind == N_ENCRYPTED || n->kind == N_UNKNOWN || n->kind == N_CONFLICT) {
        *below = true;
        return n;
    }
    const char *name = component(p, path, &rest);
    if (rest)
        child = node_set(p, node_child(p, n, name), rest, child, below);
    if (n->kind == N_PLAIN && child->kind == N_PLAIN)
        return n;
    return with_field(p, n, name, child);
}

const node *node_include(pool *p, const node *into, const node *from, const char *path) {
    const char *rest;
    if (from->kind == N_ARRAY) {
        const node *element = into->kind == N_ARRAY ? into->element : into;
        return node_array(p, node_include(p, element, from->element, path), from->looked_up);
    }
    if (from->kind == N_UNKNOWN || from->kind == N_CONFLICT)
        return from;
    if (from->kind != N_OBJECT)
        return from->kind == N_ENCRYPTED ? &absent_node : from;
    const char *name = component(p, path, &rest);
    const node *child = node_child(p, from, name);
    if (rest)
        child = node_include(p, node_child(p, into, name), child, rest);
    return with_field(p, into, name, child);
}

bool node_same_base(const node *a, const node *b) {
    if (a->base.n != b->base.n || a->either != b->either || a->or != b->or)
        return false;
    for (unsigned i = 0; i < a->base.n; i++)
        if (a->base.set[i] != b->base.set[i])
            return false;
    return true;
}

const node *node_merge(pool *p, const node *a, const node *b) {
    if (a == b || b->kind == N_ABSENT)
        return a;
    if (a->kind == N_ABSENT)
        return b;
    if (!node_holds(p, a) && !node_holds(p, b))
        return &plain_node;
    if (a->kind == N_ENCRYPTED && b->kind == N_ENCRYPTED && metadata_equal(a->meta, b->meta))
        return a;
    if (a->kind == N_ARRAY && b->kind == N_ARRAY)
        return node_array(p, node_merge(p, a->element, b->element), a->looked_up && b->looked_up);
    if ((a->kind == N_OBJECT || a->kind == N_PLAIN) && (b->kind == N_OBJECT || b->kind == N_PLAIN)) {
        node *merged = make(p, N_OBJECT);
        merged->either = a;
        merged->or = b;
        return merged;
    }
    return &unknown_node;
}
