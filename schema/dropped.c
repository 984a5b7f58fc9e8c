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

/* A node made of another inherits its past; what it remembers by itself is older. */
static const oc_node *with_past(const oc_node *node, const oc_node *before, const char *stage, oc_lookup *lookup) {
    oc_past *past = oc_arena_alloc(lookup->arena, sizeof *past);
    oc_node copy = *node;
    if (!past) {
        oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
        return NULL;
    }
    *past = (oc_past){before, stage, node->past == before->past ? NULL : node->past};
    copy.past = past;
    return keep(copy, lookup);
}

/* A document that no stage has made has all its names. */
static bool may_lack_names(const oc_node *node) {
    bool either = node->kind == OC_ABOVE && node->either;
    return node->base || either || node->rest == &oc_absent_node;
}

const oc_node *oc_dropped_remember(const oc_node *before, const oc_node *after, const char *stage, oc_lookup *lookup) {
    bool known = after == before || !may_lack_names(after) || (after->past && after->past->node == before);
    return known ? after : with_past(after, before, stage, lookup);
}

const oc_node *oc_dropped_replaced(const oc_node *before, const oc_node *after, const char *stage, oc_lookup *lookup) {
    bool nothing = after == before || before == &oc_plain_node || after->unseen;
    return nothing || may_lack_names(after) ? after : with_past(after, before, stage, lookup);
}

const oc_node *oc_dropped_field(const oc_node *before, const char *stage, oc_lookup *lookup) {
    return with_past(&oc_absent_node, before, stage, lookup);
}

static bool remembers(const oc_node *node) {
    return node->past || node->held[0];
}

/* The part of a node that is an array or union of what remembers; NULL: none is. */
static const oc_node *holder(const oc_node *node) {
    while (node && !node->held[0])
        node = node->base;
    return node;
}

bool oc_dropped_any(const oc_node *tree) {
    bool either = tree->kind == OC_ABOVE && tree->either;
    return tree->past || tree->rest == &oc_absent_node || either || tree->base || tree->held[0];
}

bool oc_dropped_holds(const oc_node *node) {
    return holder(node) != NULL;
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

enum { DEEPEST = 40 }; /* documents in one another, or in unions, that remember: each is a recursion */

/* What a path leads to; `stage`: who dropped it, NULL if it is there. */
typedef struct found {
    const oc_node *node; /* NULL: failure */
    const char *stage;
} found;

typedef struct finder {
    oc_lookup *lookup;
    unsigned depth;
} finder;

static found find(finder *f, const oc_node *node, oc_str path);

static bool is_there(found f) {
    return !f.node->absent && !f.stage;
}

/* In one of two documents: what is there in either is there; else what either has lost. */
static found find_in_both(finder *f, const oc_node *one, const oc_node *other, oc_str path) {
    found first = find(f, one, path);
    found second = first.node ? find(f, other, path) : first;
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

static bool is_number(oc_str name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.s[i] < '0' || name.s[i] > '9')
            return false;
    return name.n > 0;
}

/* The rest of a path that goes on in an array's elements: a number may be a position there, or a name. */
static found find_in_elements(finder *f, const oc_node *node, oc_str path) {
    const char *dot = memchr(path.s, '.', path.n);
    oc_str first = {path.s, dot ? (size_t)(dot - path.s) : path.n};
    if (!dot || !is_number(first))
        return find(f, node, path);
    found there = find(f, node, (oc_str){dot + 1, path.n - first.n - 1});
    return there.node && (there.node->absent || !there.stage) ? find(f, node, path) : there;
}

/* Where the path leads by the names that there are. */
static found descend(finder *f, const oc_node *node, oc_str path) {
    for (;;) {
        const char *dot = memchr(path.s, '.', path.n);
        oc_str first = {path.s, dot ? (size_t)(dot - path.s) : path.n};
        const oc_node *holds = holder(node);
        if (node->kind == OC_ABOVE && node->either)
            return find_in_both(f, node->either->one, node->either->other, path);
        if (holds == node && holds->held[1])
            return find_in_both(f, holds->held[0], holds->held[1], path);
        if (node->kind != OC_PLAIN && node->kind != OC_ABOVE)
            return (found){node, NULL}; /* nothing of what lies below can have been dropped */
        const oc_node *child = oc_node_child_of_set(node, first, f->lookup);
        if (child == &oc_plain_node && holds)
            return find(f, holds, path); /* no stage has written the name since */
        if (!child || !dot || is_bare(child))
            return (found){child, NULL};
        path = (oc_str){dot + 1, path.n - first.n - 1};
        node = oc_dropped_elements(child);
        if (node != child)
            return find_in_elements(f, node, path);
        if (node->past)
            return find(f, node, path);
    }
}

/* Nothing, or something that a stage had put over what may have been encrypted before. */
static bool tells_nothing(const oc_node *node) {
    return node->absent || (node->kind == OC_PLAIN && !node->unseen);
}

/* What a document was before it came to stand where it is. */
static found find_older(finder *f, const oc_past *past, oc_str path) {
    for (; past; past = past->older) {
        found end = find(f, past->node, path);
        if (!end.node || !tells_nothing(end.node))
            return (found){end.node, end.stage ? end.stage : past->stage};
    }
    return (found){&oc_absent_node, NULL};
}

static found find_here(finder *f, const oc_node *node, oc_str path) {
    const char *stage = NULL;
    for (;;) {
        node = oc_dropped_elements(node);
        found end = descend(f, node, path);
        if (end.node && end.node->absent && end.node->past)
            return (found){end.node->past->node, end.node->past->stage};
        bool over = end.node && (stage || end.stage ? tells_nothing(end.node) : end.node->absent);
        if (!over || !node->past)
            return (found){end.node, end.stage ? end.stage : stage};
        end = oc_derive_work(f->lookup) ? find_older(f, node->past->older, path) : (found){NULL, NULL};
        if (!end.node || !tells_nothing(end.node))
            return end;
        stage = node->past->stage;
        node = node->past->node;
    }
}

static found find(finder *f, const oc_node *node, oc_str path) {
    if (f->depth == DEEPEST || !oc_derive_work(f->lookup)) {
        oc_fail(f->lookup->error, OC_TOO_COMPLEX, &(oc_path){.name = path}, NULL, "split the pipeline",
                "The command has too many documents in one another to be analysed");
        return (found){NULL, NULL};
    }
    f->depth++;
    found end = find_here(f, node, path);
    f->depth--;
    return end;
}

const oc_node *oc_dropped_find(const oc_node *tree, oc_str path, oc_lookup *lookup, const char **stage) {
    found end = find(&(finder){lookup, 0}, tree, path);
    *stage = end.node && !end.node->absent ? end.stage : NULL;
    return end.node;
}
