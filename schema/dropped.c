#include "dropped.h"

#include "derive.h"

static const oc_node *keep(oc_node node, oc_lookup *lookup) {
    oc_node *kept = oc_arena_alloc(lookup->arena, sizeof *kept);
    if (kept)
        *kept = node;
    else
        oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
    return kept;
}

static const oc_node *with_past(const oc_node *node, const oc_node *before, const char *stage, oc_lookup *lookup) {
    oc_past *past = oc_arena_alloc(lookup->arena, sizeof *past);
    oc_node copy = *node;
    if (!past) {
        oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
        return NULL;
    }
    *past = (oc_past){before, stage};
    copy.past = past;
    return keep(copy, lookup);
}

/* A document that no stage has made has all its names. */
static bool may_lack_names(const oc_node *node) {
    bool either = node->kind == OC_ABOVE && node->either;
    return node->base || either || node->rest == &oc_absent_node;
}

const oc_node *oc_dropped_remember(const oc_node *before, const oc_node *after, const char *stage, oc_lookup *lookup) {
    return after == before || !may_lack_names(after) ? after : with_past(after, before, stage, lookup);
}

const oc_node *oc_dropped_field(const oc_node *before, const char *stage, oc_lookup *lookup) {
    return with_past(&oc_absent_node, before, stage, lookup);
}

static bool remembers(const oc_node *node) {
    return node->past || node->held[0];
}

const oc_node *oc_dropped_array(const oc_node *element, oc_lookup *lookup) {
    if (element->unseen)
        return &oc_unseen_node;
    if (element->absent)
        return element->past ? element : &oc_plain_node;
    return remembers(element) ? keep((oc_node){.kind = OC_PLAIN, .held = {element}}, lookup) : &oc_plain_node;
}

const oc_node *oc_dropped_union(const oc_node *one, const oc_node *other, oc_lookup *lookup) {
    if (one->unseen || other->unseen)
        return &oc_unseen_node;
    bool both = remembers(one) && remembers(other); /* else a name may be one of the other's */
    return both ? keep((oc_node){.kind = OC_PLAIN, .held = {one, other}}, lookup) : &oc_plain_node;
}

/* ---- finding ---- */

/* What a path leads to; `stage`: who dropped it, NULL if it is there. */
typedef struct found {
    const oc_node *node; /* NULL: failure */
    const char *stage;
} found;

static found find(const oc_node *node, oc_str path, oc_lookup *lookup);

static bool is_there(found f) {
    return !f.node->absent && !f.stage;
}

/* In one of two documents: what is there in either is there; else what either has lost. */
static found find_in_both(const oc_node *one, const oc_node *other, oc_str path, oc_lookup *lookup) {
    found first = oc_derive_work(lookup) ? find(one, path, lookup) : (found){NULL, NULL};
    found second = first.node ? find(other, path, lookup) : first;
    if (!second.node || is_there(second))
        return second;
    return is_there(first) || !first.node->absent ? first : second;
}

const oc_node *oc_dropped_elements(const oc_node *node) {
    while (node->kind == OC_ARRAY_OF || (node->held[0] && !node->held[1]))
        node = node->kind == OC_ARRAY_OF ? node->element : node->held[0];
    return node;
}

/* Whether all names below lead to the same. */
static bool is_bare(const oc_node *node) {
    return node->kind == OC_PLAIN && !node->children.count && !node->base && !node->held[0] && !node->past;
}

/* Where the path leads by the names that there are. */
static found descend(const oc_node *node, oc_str path, oc_lookup *lookup) {
    for (;;) {
        const char *dot = memchr(path.s, '.', path.n);
        oc_str first = {path.s, dot ? (size_t)(dot - path.s) : path.n};
        if (node->kind == OC_ABOVE && node->either)
            return find_in_both(node->either->one, node->either->other, path, lookup);
        if (node->held[1])
            return find_in_both(node->held[0], node->held[1], path, lookup);
        if (node->kind != OC_PLAIN && node->kind != OC_ABOVE)
            return (found){node, NULL}; /* nothing of what lies below can have been dropped */
        const oc_node *child = oc_node_child_of_set(node, first, lookup);
        if (!child || !dot || is_bare(child))
            return (found){child, NULL};
        path = (oc_str){dot + 1, path.n - first.n - 1};
        node = oc_dropped_elements(child);
        if (node->past)
            return find(node, path, lookup);
    }
}

static found find(const oc_node *node, oc_str path, oc_lookup *lookup) {
    const char *stage = NULL;
    for (;;) {
        node = oc_dropped_elements(node);
        found end = descend(node, path, lookup);
        if (end.node && end.node->absent && end.node->past)
            return (found){end.node->past->node, end.node->past->stage};
        if (!end.node || !end.node->absent || !node->past)
            return (found){end.node, end.stage ? end.stage : stage};
        if (!oc_derive_work(lookup))
            return (found){NULL, NULL};
        stage = node->past->stage;
        node = node->past->node;
    }
}

const oc_node *oc_dropped_find(const oc_node *tree, oc_str path, oc_lookup *lookup, const char **stage) {
    found end = find(tree, path, lookup);
    *stage = end.node && !end.node->absent ? end.stage : NULL;
    return end.node;
}
