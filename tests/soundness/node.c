#include "node.h"

#include <string.h>

const node plain_node = {.kind = N_PLAIN};
const node absent_node = {.kind = N_ABSENT};
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
    if (n->kind == N_UNKNOWN || n->kind == N_CONFLICT)
        return n;
    if (n->kind != N_OBJECT)
        return &plain_node;
    for (const field *f = n->fields; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f->node;
    if (n->other_unknown)
        return &unknown_node;
    position child = position_child(&n->base, name);
    return n->base.n ? of_position(p, &child, n->origin) : &absent_node;
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
    return s;
}

static bool base_holds(pool *p, const node *n) {
    for (unsigned i = 0; i < n->base.n; i++) {
        const model *m = n->base.set[i];
        if (m->patterns || m->rest)
            return true;
        for (const member *e = m->members; e; e = e->next)
            if (e->model->encrypts && node_holds(p, node_child(p, n, e->name)))
                return true;
    }
    return false;
}

bool node_holds(pool *p, const node *n) {
    if (n->kind != N_OBJECT)
        return !node_usable(n);
    if (n->other_unknown || base_holds(p, n))
        return true;
    for (const field *f = n->fields; f; f = f->next)
        if (node_child(p, n, f->name) == f->node && node_holds(p, f->node))
            return true;
    return false;
}

bool node_usable(const node *n) {
    return n->kind == N_PLAIN || n->kind == N_ABSENT;
}

static const node *with_field(pool *p, const node *n, const char *name, const node *child) {
    node *copy = make(p, N_OBJECT);
    if (n->kind == N_OBJECT)
        *copy = *n;
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
    if (n->kind == N_ENCRYPTED) {
        *below = true;
        return n;
    }
    if (n->kind == N_UNKNOWN || n->kind == N_CONFLICT)
        return n;
    const char *name = component(p, path, &rest);
    if (rest)
        child = node_set(p, node_child(p, n, name), rest, child, below);
    if (n->kind != N_OBJECT && !node_holds(p, child))
        return n->kind == N_ABSENT ? &plain_node : n;
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
    if (a->base.n != b->base.n || a->other_unknown != b->other_unknown)
        return false;
    for (unsigned i = 0; i < a->base.n; i++)
        if (a->base.set[i] != b->base.set[i])
            return false;
    return true;
}

static bool is_open(const node *n) {
    bool open = n->other_unknown;
    for (unsigned i = 0; i < n->base.n; i++)
        open |= n->base.set[i]->patterns || n->base.set[i]->rest;
    return open;
}

static const node *merge_names(pool *p, const node *into, const node *a, const node *b, const node *names) {
    for (const field *f = names->fields; f; f = f->next)
        into = with_field(p, into, f->name, node_merge(p, node_child(p, a, f->name), node_child(p, b, f->name)));
    for (unsigned i = 0; i < names->base.n; i++)
        for (const member *e = names->base.set[i]->members; e; e = e->next)
            into = with_field(p, into, e->name, node_merge(p, node_child(p, a, e->name), node_child(p, b, e->name)));
    return into;
}

static const node *merge_objects(pool *p, const node *a, const node *b) {
    node *merged = make(p, N_OBJECT);
    if (node_same_base(a, b)) {
        *merged = *a;
        merged->fields = NULL;
        if (!a->fields && !b->fields)
            return a;
    } else {
        merged->other_unknown = is_open(a) || is_open(b);
    }
    return merge_names(p, merge_names(p, merged, a, b, a), a, b, b);
}

const node *node_merge(pool *p, const node *a, const node *b) {
    if (a == b || b->kind == N_ABSENT)
        return a;
    if (a->kind == N_ABSENT)
        return b;
    if (a->kind == N_OBJECT && b->kind == N_OBJECT)
        return merge_objects(p, a, b);
    if (!node_holds(p, a) && !node_holds(p, b))
        return &plain_node;
    if (a->kind == N_ENCRYPTED && b->kind == N_ENCRYPTED && metadata_equal(a->meta, b->meta))
        return a;
    if (a->kind == N_ARRAY && b->kind == N_ARRAY)
        return node_array(p, node_merge(p, a->element, b->element), a->looked_up && b->looked_up);
    return &unknown_node;
}
