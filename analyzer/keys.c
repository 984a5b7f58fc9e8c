#include "keys.h"

#include "fields.h"
#include "match.h"

static bool is_object(oc_analysis *a, const oc_elem *e) {
    return e->type == OC_DOCUMENT || oc_fail_type(a, e, OC_DOCUMENT);
}

/* 1, -1, {$meta: "textScore"}. */
static bool is_direction(const oc_elem *e) {
    oc_elem meta;
    if (e->type != OC_DOCUMENT)
        return oc_is_constant(e);
    return oc_bson_first(e->value, &meta) && oc_str_is(meta.name, "$meta") && meta.end == e->end - 1 &&
           oc_is_constant(&meta);
}

static bool sort_key(oc_analysis *a, const oc_node *tree, const oc_elem *e) {
    oc_answer at;
    oc_path path = {NULL, e->name};
    if (!is_direction(e))
        return oc_fail_constant(a, "sort", e->name);
    if (oc_str_is(e->name, "$natural"))
        return true;
    if (e->name.n && e->name.s[0] == '$')
        return oc_fail(a->error, OC_OPERATOR_UNKNOWN, NULL, oc_name(e->name).text, NULL,
                       "FieldPath field names may not start with '$' in a sort: %s", oc_name(e->name).text);
    if (!oc_node_lookup(tree, e->name, &a->lookup, &at))
        return false;
    if (at.position == OC_AT_PLAIN)
        return true;
    if (at.position == OC_AT_UNKNOWN)
        return oc_fail_unknown_node(&(oc_scope){.a = a, .place = "$sort"}, at.node, e->name);
    return oc_fail(a->error, OC_SORT_ENCRYPTED, &path, "sort", "sort in the application, after decryption",
                   "Sorting on an encrypted field is not allowed, nor on one above or below it: '%s'",
                   oc_name(e->name).text);
}

bool oc_sort_on(oc_analysis *a, const oc_node *tree, const oc_elem *sort) {
    if (!is_object(a, sort))
        return false;
    oc_iter it = oc_bson_iter(sort->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!sort_key(a, tree, &e))
            return false;
    return true;
}

bool oc_sort(oc_analysis *a, const oc_elem *sort) {
    return oc_is_absent(sort) || oc_sort_on(a, a->root, sort);
}

bool oc_index_bound(oc_analysis *a, const oc_elem *bound) {
    if (oc_is_absent(bound))
        return true;
    if (!is_object(a, bound))
        return false;
    oc_iter it = oc_bson_iter(bound->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        oc_answer at;
        if (!oc_node_lookup(a->root, e.name, &a->lookup, &at))
            return false;
        if (at.position != OC_AT_PLAIN)
            return oc_fail(a->error, OC_INDEX_BOUND, &(oc_path){NULL, e.name}, oc_name(bound->name).text,
                           "use a filter instead",
                           "An index bound on an encrypted field is not allowed, nor on one above or below it");
    }
    return true;
}

bool oc_collation(oc_analysis *a, const oc_elem *collation, bool *not_simple) {
    oc_elem locale;
    *not_simple = false;
    if (oc_is_absent(collation))
        return true;
    if (!is_object(a, collation))
        return false;
    *not_simple = !oc_bson_find(collation->value, "locale", &locale) || locale.type != OC_STRING ||
                  !oc_str_is(oc_elem_str(&locale), "simple");
    return true;
}

/* ---- projection ---- */

/* One field of a projection, `path` from the root. */
typedef struct projected {
    oc_analysis *a;
    const oc_node *node; /* the tree that the names are looked up in */
    const oc_path *up;
    bool below; /* an encrypted field is on the way */
} projected;

static bool projection_fields(projected *p, oc_frame *frame);

/* A computed field. What it yields goes to the client only, so that ciphertext may be in it. */
static OC_APART bool computed(projected *p, oc_frame *frame, const oc_elem *e, const oc_answer *at,
                              const oc_path *path) {
    oc_scope scope = {.a = p->a, .tree = p->a->root, .variables = p->a->variables, .place = "projection"};
    if (p->below || at->position == OC_AT_BELOW)
        return oc_fail(p->a->error, OC_PROJECTION, path, "projection", "give it another name",
                       "A projection cannot compute a field below an encrypted one");
    return oc_evaluate(&scope, frame, e) != NULL;
}

static bool plain_only(projected *p, const oc_answer *at, const oc_path *path, const char *op) {
    if (at->position == OC_AT_PLAIN && !p->below)
        return true;
    return oc_fail(p->a->error, OC_PROJECTION, path, op, "include the whole field, and cut it in the application",
                   "%s in a projection is not allowed on an encrypted field, nor on one above or below it", op);
}

/* A count, or [skip, count]. Anything else is the expression $slice. */
static bool is_slice(const oc_elem *e) {
    if (e->type != OC_ARRAY)
        return oc_is_number(e->type);
    oc_iter it = oc_bson_iter(e->value);
    oc_elem member;
    size_t count = 0;
    for (; oc_next(&it, &member); count++)
        if (!oc_is_number(member.type))
            return false;
    return count == 2;
}

static OC_APART bool projection_operator(projected *p, oc_frame *frame, const oc_elem *e, const oc_answer *at,
                                         const oc_path *path) {
    oc_elem op;
    oc_bson_first(e->value, &op);
    bool alone = op.end == e->end - 1;
    if (alone && oc_str_is(op.name, "$slice") && !plain_only(p, at, path, "$slice"))
        return false;
    if (alone && oc_str_is(op.name, "$slice") && is_slice(&op))
        return true;
    if (alone && oc_str_is(op.name, "$elemMatch"))
        return plain_only(p, at, path, "$elemMatch") && oc_filter_elements(p->a, &op, path);
    return computed(p, frame, e, at, path);
}

/* {a: {b: 1}} means {"a.b": 1}. Below an encrypted field there is nothing to look up, and nothing to leak. */
static bool projection_object(projected *p, oc_frame *frame, const oc_elem *e, const oc_answer *at,
                              const oc_path *path) {
    bool below = p->below || at->position == OC_AT_ENCRYPTED || at->position == OC_AT_BELOW;
    projected inner = {p->a, at->position == OC_AT_ABOVE ? at->node : &oc_plain_node, path, below};
    if (oc_is_operator_object(e))
        return projection_operator(p, frame, e, at, path);
    return projection_fields(&inner, &(oc_frame){.up = frame, .doc = e->value});
}

static bool is_positional(oc_str name) {
    return name.n >= 2 && memcmp(name.s + name.n - 2, ".$", 2) == 0;
}

static bool projection_field(projected *p, oc_frame *frame, const oc_elem *e) {
    oc_answer at;
    oc_path path = {p->up, e->name};
    oc_str name = e->name;
    bool positional = is_positional(name);
    if (oc_str_starts(name, "$"))
        return oc_fail(p->a->error, OC_PROJECTION, &path, "projection", NULL,
                       "A projection cannot have a field name that starts with '$' here");
    if (positional)
        name.n -= 2;
    if (!positional && (oc_is_number(e->type) || e->type == OC_BOOL))
        return true;
    if (!oc_node_lookup(p->node, name, &p->a->lookup, &at))
        return false;
    if (positional && !plain_only(p, &at, &path, "$"))
        return false;
    if (e->type == OC_DOCUMENT)
        return projection_object(p, frame, e, &at, &path);
    return oc_is_number(e->type) || e->type == OC_BOOL || computed(p, frame, e, &at, &path);
}

static bool projection_fields(projected *p, oc_frame *frame) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!projection_field(p, frame, &e))
            return false;
    return true;
}

bool oc_projection(oc_analysis *a, oc_frame *frame, const oc_elem *projection) {
    if (oc_is_absent(projection))
        return true;
    projected p = {a, a->root, NULL, false};
    return is_object(a, projection) && projection_fields(&p, &(oc_frame){.up = frame, .doc = projection->value});
}
