#include "derive.h"

#include "dropped.h"

enum {
    STEPS_OF_WORK = 100,
    DEEPEST = 200, /* alternatives and arrays in one another, each a recursion */
};

static const oc_node *out_of_memory(oc_lookup *lookup) {
    oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
    return NULL;
}

static const oc_node *keep(oc_node node, oc_lookup *lookup) {
    oc_node *kept = oc_arena_alloc(lookup->arena, sizeof *kept);
    if (!kept)
        return out_of_memory(lookup);
    *kept = node;
    return kept;
}

const oc_node *oc_derive_unknown(const char *origin, oc_lookup *lookup) {
    return keep((oc_node){.kind = OC_UNKNOWN, .origin = origin}, lookup);
}

const oc_node *oc_derive_literal(const oc_literal *literal, oc_lookup *lookup) {
    return keep((oc_node){.kind = OC_PLAIN, .literal = literal}, lookup);
}

const oc_node *oc_derive_array(const oc_node *element, bool looked_up, oc_lookup *lookup) {
    if (element->kind == OC_PLAIN)
        return oc_dropped_array(element, lookup);
    if (element->depth >= DEEPEST)
        return oc_derive_unknown("arrays in arrays", lookup);
    return keep((oc_node){.kind = OC_ARRAY_OF,
                          .element = element,
                          .looked_up = looked_up,
                          .unseen = element->unseen,
                          .depth = element->depth + 1},
                lookup);
}

static bool any_unseen(const oc_name_entry *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (((const oc_node *)fields[i].value)->unseen)
            return true;
    return false;
}

const oc_node *oc_derive_object(const oc_name_entry *fields, size_t count, oc_lookup *lookup) {
    return oc_derive_document(fields, count, &oc_absent_node, lookup);
}

const oc_node *oc_derive_document(const oc_name_entry *fields, size_t count, const oc_node *rest, oc_lookup *lookup) {
    oc_node node = {.rest = rest,
                    .encrypting = oc_count_encrypting(fields, count),
                    .unseen = rest->unseen || any_unseen(fields, count)};
    if (!oc_name_table_build(&node.children, lookup->arena, fields, count))
        return out_of_memory(lookup);
    node.kind = oc_node_kind_of(&node);
    return keep(node, lookup);
}

/* ---- a document over another ---- */

/* How many names of `base` lead to something encrypted, or SIZE_MAX: it cannot be told by counting. */
static size_t encrypting_names(const oc_node *base) {
    if (base->kind == OC_PLAIN)
        return 0;
    bool open = base->part_count || base->pattern_count || base->either || (base->rest && base->rest->kind != OC_PLAIN);
    return open ? SIZE_MAX : base->encrypting;
}

/* Counts again for the new fields: a name may have become plain or ceased to be. */
static bool count_over(const oc_node *base, const oc_name_entry *fields, size_t count, oc_lookup *lookup,
                       size_t *encrypting) {
    *encrypting = encrypting_names(base);
    if (*encrypting == SIZE_MAX)
        return true;
    *encrypting += oc_count_encrypting(fields, count);
    for (size_t i = 0; base->kind != OC_PLAIN && i < count; i++) {
        const oc_node *before = oc_node_child(base, fields[i].name, lookup);
        if (!before)
            return false;
        *encrypting -= before->kind != OC_PLAIN;
    }
    return true;
}

static bool is_among(oc_str name, const oc_name_table *table) {
    return oc_name_table_find(table, name) != NULL;
}

/* The fields and those of the node below them, in one table, without the latter's names that are among the former. */
static bool merge_tables(oc_name_table *fields, const oc_name_table *below, oc_lookup *lookup) {
    oc_name_entry *entries = oc_arena_alloc(lookup->arena, (fields->count + below->count) * sizeof *entries);
    if (!entries)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < fields->count; i++)
        entries[n++] = fields->entries[i];
    for (size_t i = 0; i < below->count; i++)
        if (!is_among(below->entries[i].name, fields))
            entries[n++] = below->entries[i];
    return oc_name_table_build(fields, lookup->arena, entries, n);
}

/* A stage after another puts a table over a table. A table that is not much larger than the one above it is merged into
 * it, so that of n fields in n stages a look-up sees log n tables, and each field is copied log n times. */
static const oc_node *derive_over(const oc_node *base, const oc_name_entry *fields, size_t count, bool maybe_array,
                                  oc_lookup *lookup) {
    oc_node node = {.base = base,
                    .past = base->past,
                    .maybe_array = maybe_array,
                    .unseen = base->unseen || any_unseen(fields, count),
                    .depth = base->depth};
    if (!oc_name_table_build(&node.children, lookup->arena, fields, count))
        return out_of_memory(lookup);
    if (!count_over(base, fields, count, lookup, &node.encrypting))
        return NULL;
    while (node.base->base && !node.base->held[0] && node.base->children.count <= 2 * node.children.count) {
        if (!merge_tables(&node.children, &node.base->children, lookup))
            return out_of_memory(lookup);
        node.base = node.base->base;
    }
    node.kind = node.encrypting ? OC_ABOVE : OC_PLAIN;
    return keep(node, lookup);
}

const oc_node *oc_derive_over(const oc_node *base, const oc_name_entry *fields, size_t count, oc_lookup *lookup) {
    return derive_over(base, fields, count, false, lookup);
}

const oc_node *oc_derive_over_values(const oc_node *base, const oc_name_entry *fields, size_t count,
                                     oc_lookup *lookup) {
    return derive_over(base, fields, count, true, lookup);
}

const oc_node *oc_derive_maybe_array(const oc_node *node, oc_lookup *lookup) {
    oc_node copy = *node;
    copy.maybe_array = true;
    if (node->kind == OC_ARRAY_OF)
        return oc_derive_unknown("a path that may lead through an array to an array", lookup);
    if ((node->kind != OC_ABOVE && node->kind != OC_ENCRYPTED) || node->maybe_array)
        return node;
    return keep(copy, lookup);
}

bool oc_may_be_array(const oc_node *node) {
    for (;; node = node->base) {
        if (node->kind == OC_ABOVE || node->maybe_array)
            return node->maybe_array;
        if (!node->base)
            return node->rest != &oc_absent_node;
    }
}

/* ---- one or the other ---- */

/* Two documents, one of them with something encrypted. */
static const oc_node *either_object(const oc_node *one, const oc_node *other, const char *origin, oc_lookup *lookup) {
    unsigned depth = 1 + (one->depth > other->depth ? one->depth : other->depth);
    oc_either *either = oc_arena_alloc(lookup->arena, sizeof *either);
    if (!either)
        return out_of_memory(lookup);
    *either = (oc_either){one, other, origin};
    if (depth > DEEPEST)
        return oc_derive_unknown(origin, lookup);
    bool maybe_array = oc_may_be_array(one) || oc_may_be_array(other);
    return keep((oc_node){.kind = OC_ABOVE,
                          .either = either,
                          .depth = depth,
                          .maybe_array = maybe_array,
                          .unseen = one->unseen || other->unseen},
                lookup);
}

static bool same_encryption(const oc_node *one, const oc_node *other) {
    return one->kind == OC_ENCRYPTED && other->kind == OC_ENCRYPTED && oc_meta_equal(one->meta, other->meta);
}

static bool is_object(const oc_node *node) {
    return node->kind == OC_PLAIN || node->kind == OC_ABOVE;
}

const oc_node *oc_derive_either(const oc_node *one, const oc_node *other, const char *origin, oc_lookup *lookup) {
    if (!one || !other)
        return NULL;
    if (one->absent && other->absent)
        return one->past ? one : other; /* what has been dropped is remembered */
    if (one == other || other->absent || one->kind == OC_CONFLICT || one->kind == OC_UNKNOWN)
        return one;
    if (one->absent || other->kind == OC_CONFLICT || other->kind == OC_UNKNOWN)
        return other;
    if (one->kind == OC_PLAIN && other->kind == OC_PLAIN)
        return oc_dropped_union(one, other, lookup);
    if (same_encryption(one, other))
        return one->maybe_array ? one : other;
    if (one->kind == OC_ARRAY_OF && other->kind == OC_ARRAY_OF) {
        const oc_node *element = oc_derive_either(one->element, other->element, origin, lookup);
        return element ? oc_derive_array(element, one->looked_up && other->looked_up, lookup) : NULL;
    }
    if (is_object(one) && is_object(other))
        return either_object(one, other, origin, lookup);
    return oc_derive_unknown(origin, lookup);
}

/* ---- what stages have left alone ---- */

/* The name among the fields that were laid over `original`; *found is NULL if it is not one of them. False where `tree`
 * is something else than `original` with fields laid over it. */
static bool find_over(const oc_node *original, const oc_node *tree, oc_str name, const oc_node **found) {
    for (*found = NULL; tree != original; tree = tree->base) {
        if (!tree->base)
            return false;
        if (!*found)
            *found = oc_name_table_find(&tree->children, name);
    }
    return true;
}

bool oc_derive_untouched(const oc_node *original, const oc_node *tree, oc_str path, oc_lookup *lookup) {
    const oc_node *found;
    if (!find_over(original, tree, (oc_str){"__safeContent__", 15}, &found) || found)
        return false;
    for (const char *at = path.s, *end = path.s + path.n; at && at <= end;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        oc_str name = {at, (size_t)((dot ? dot : end) - at)};
        if (!find_over(original, tree, name, &found))
            return false;
        if (!found)
            return true;
        original = oc_node_child(original, name, lookup);
        tree = found;
        if (!original || found == original)
            return false;
        at = dot ? dot + 1 : NULL;
    }
    return false;
}

bool oc_derive_work(oc_lookup *lookup) {
    return oc_budget_spend(&lookup->budget, STEPS_OF_WORK) ||
           oc_fail(lookup->error, OC_TOO_COMPLEX, NULL, NULL, "split the pipeline",
                   "The command has too many alternatives to be analysed");
}

const oc_node *oc_either_child(const oc_either *either, oc_str name, oc_lookup *lookup) {
    if (!oc_derive_work(lookup))
        return NULL;
    const oc_node *one = oc_node_child_of_set(either->one, name, lookup);
    return one ? oc_derive_either(one, oc_node_child_of_set(either->other, name, lookup), either->origin, lookup)
               : NULL;
}

/* ---- paths ---- */

static oc_derived set(const oc_node *root, bool is_document, oc_str path, const oc_node *value, oc_lookup *lookup,
                      const oc_node **out);

static oc_derived set_in_element(const oc_node *array, oc_str path, const oc_node *value, oc_lookup *lookup,
                                 const oc_node **out) {
    oc_derived derived = set(array->element, true, path, value, lookup, out);
    if (derived != OC_DERIVED)
        return derived;
    *out = oc_derive_array(*out, array->looked_up, lookup);
    return *out ? OC_DERIVED : OC_DERIVE_FAILED;
}

static oc_derived set(const oc_node *root, bool is_document, oc_str path, const oc_node *value, oc_lookup *lookup,
                      const oc_node **out) {
    const char *dot = memchr(path.s, '.', path.n);
    oc_str first = {path.s, dot ? (size_t)(dot - path.s) : path.n};
    *out = NULL;
    switch (root->kind) {
    case OC_ENCRYPTED: return OC_DERIVE_BELOW;
    case OC_CONFLICT:
    case OC_UNKNOWN: return OC_DERIVE_UNKNOWN;
    case OC_ARRAY_OF: return set_in_element(root, path, value, lookup, out);
    case OC_PLAIN:
    case OC_ABOVE: break;
    }
    if (dot) {
        const oc_node *child = oc_node_child_of_set(root, first, lookup);
        if (!child)
            return OC_DERIVE_FAILED;
        oc_str rest = {dot + 1, path.n - first.n - 1};
        oc_derived derived = set(child, false, rest, value, lookup, &value);
        if (derived != OC_DERIVED)
            return derived;
    }
    bool maybe_array = !is_document && oc_may_be_array(root);
    *out = derive_over(root, &(oc_name_entry){.name = first, .value = value}, 1, maybe_array, lookup);
    return *out ? OC_DERIVED : OC_DERIVE_FAILED;
}

static bool is_too_deep(oc_str path) {
    size_t dots = 0;
    for (size_t i = 0; i < path.n; i++)
        dots += path.s[i] == '.';
    return dots >= OC_MAX_DEPTH;
}

oc_derived oc_derive_set(const oc_node *root, oc_str path, const oc_node *value, oc_lookup *lookup,
                         const oc_node **out) {
    if (!is_too_deep(path))
        return set(root, true, path, value, lookup, out);
    oc_fail(lookup->error, OC_TOO_DEEP, &(oc_path){.name = path}, NULL, NULL,
            "A field path has more than %d components", OC_MAX_DEPTH);
    return OC_DERIVE_FAILED;
}
