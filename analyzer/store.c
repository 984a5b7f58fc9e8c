/* What a pipeline update may store: at every path that the collection encrypts, nothing, the field unchanged, or a
 * constant, which is marked; and ciphertext nowhere else. */

#include "document.h"
#include "reshape.h"

/* ---- constants and copies ---- */

/* The document of a literal, with the frames around it. */
static bool store_object(oc_pipeline *p, const oc_literal *l, const oc_node *target, const oc_marking *how) {
    oc_analysis *a = p->scope.a;
    bool wrapped = l->place.start != l->value.start;
    oc_frame *outer = wrapped ? oc_inner_frame(a, l->frame, &l->place) : l->frame;
    oc_frame *inner = outer ? oc_inner_frame(a, outer, &l->value) : NULL;
    return inner ? oc_document(a, inner, target, how) : oc_no_memory(a);
}

/* The server cannot see into a pipeline what has to be done to the index of encrypted fields. */
static bool fail_write(const oc_pipeline *p, const oc_path *path) {
    return oc_fail(p->scope.a->error, OC_PIPELINE_UPDATE, path, "update", "use $set and $unset as update operators",
                   "A pipeline update with Queryable Encryption can neither write nor remove encrypted fields or "
                   "__safeContent__");
}

static bool store_literal(oc_pipeline *p, const oc_literal *l, const oc_node *target, const oc_path *path) {
    oc_marking how = {.use = OC_USE_SET, .path = path, .op = p->scope.place};
    char name[256] = "";
    if (p->scope.a->qe && target->kind != OC_PLAIN)
        return fail_write(p, path);
    switch (target->kind) {
    case OC_PLAIN: return true;
    case OC_CONFLICT: return oc_fail_conflict(p->scope.a->error, path);
    case OC_ENCRYPTED:
        if (l->place.start != l->value.start)
            how.wrapper = &l->place;
        return oc_mark(p->scope.a, l->frame, &l->value, target->meta, &how);
    case OC_ABOVE:
        if (l->value.type == OC_DOCUMENT)
            return store_object(p, l, target, &how);
        oc_path_append(name, sizeof name, path);
        return l->value.type != OC_ARRAY || oc_fail(p->scope.a->error, OC_ARRAY_ABOVE, path, p->scope.place,
                                                    "encrypted fields cannot be inside arrays",
                                                    "An array at path '%s' would violate the schema", name);
    case OC_ARRAY_OF:
    case OC_UNKNOWN: break;
    }
    return true;
}

/* The node of several subschemas is made anew by each look-up. */
static bool is_same(const oc_node *a, const oc_node *b) {
    if (a == b)
        return true;
    if (!a->part_count || a->part_count != b->part_count)
        return false;
    return memcmp(a->parts, b->parts, a->part_count * sizeof *a->parts) == 0;
}

static bool is_copy(const oc_node *node, const oc_node *target) {
    return is_same(node, target) || (node->kind == OC_ENCRYPTED && !node->maybe_array && target->kind == OC_ENCRYPTED &&
                                     oc_meta_equal(node->meta, target->meta));
}

static const oc_node *store_one(oc_pipeline *p, const oc_node *node, const oc_node *target, const oc_path *path);

static const oc_node *store_fields(oc_pipeline *p, const oc_node *node, const oc_node *target, const oc_path *path) {
    const oc_name_table *table = &node->children;
    oc_lookup *lookup = &p->scope.a->lookup;
    oc_name_entry *entries = oc_arena_alloc(lookup->arena, (table->count + 1) * sizeof *entries);
    size_t n = 0;
    if (!entries) {
        oc_no_memory(p->scope.a);
        return NULL;
    }
    for (size_t i = 0; i < table->count; i++) {
        const oc_name_entry *slot = &table->entries[i];
        const oc_node *below = oc_node_child(target, slot->name, lookup);
        const oc_node *stored = below ? store_one(p, slot->value, below, &(oc_path){path, slot->name}) : NULL;
        if (!stored)
            return NULL;
        entries[n++] = (oc_name_entry){.name = slot->name, .value = stored};
    }
    if (!node->base)
        return oc_derive_object(entries, n, lookup);
    const oc_node *base = node->base->constants ? store_fields(p, node->base, target, path) : node->base;
    return base ? oc_derive_over(base, entries, n, lookup) : NULL;
}

/* The node that is stored for one result; `target` itself if it is safe there. */
static const oc_node *store_one(oc_pipeline *p, const oc_node *node, const oc_node *target, const oc_path *path) {
    bool constant = node->kind == OC_PLAIN && node->literal;
    if (node->absent)
        return node;
    if (is_copy(node, target))
        return target;
    for (const oc_literal *l = constant ? node->literal : NULL; l; l = l->next)
        if (!store_literal(p, l, target, path))
            return NULL;
    if (constant)
        return target->kind == OC_PLAIN ? &oc_plain_node : target;
    /* No node with constants in it is kept: a later stage would take them for its own. */
    bool object = target->kind == OC_ABOVE || target->kind == OC_PLAIN;
    return node->constants ? store_fields(p, node, object ? target : &oc_plain_node, path) : node;
}

const oc_node *oc_store(oc_pipeline *p, const oc_results *results, const oc_node *target, const oc_path *path) {
    const oc_node *node = &oc_absent_node;
    for (size_t i = 0; node && i < results->count; i++) {
        const oc_node *one = store_one(p, results->items[i].node, target, path);
        node = one ? oc_derive_either(node, one, p->scope.place, &p->scope.a->lookup) : NULL;
    }
    return node;
}

/* ---- agreement ---- */

static bool agree(const oc_pipeline *p, const oc_node *target, const oc_node *node, const oc_path *path);

static bool fail(const oc_pipeline *p, const oc_path *path, const oc_node *target) {
    return oc_fail(p->scope.a->error, OC_PIPELINE_UPDATE, path, "update",
                   "set encrypted fields to constants, copy fields that are encrypted alike, or remove them",
                   target->kind == OC_PLAIN
                       ? "A pipeline update cannot store an encrypted value in an unencrypted field"
                       : "A pipeline update cannot store a computed value in an encrypted field");
}

static bool agree_child(const oc_pipeline *p, const oc_node *target, const oc_node *node, oc_str name,
                        const oc_path *path) {
    oc_lookup *lookup = &p->scope.a->lookup;
    const oc_node *wanted = oc_derive_work(lookup) ? oc_node_child(target, name, lookup) : NULL;
    const oc_node *child = wanted ? oc_node_child_of_set(node, name, lookup) : NULL;
    return child && agree(p, wanted, child, &(oc_path){path, name});
}

static bool agree_names(const oc_pipeline *p, const oc_name_table *table, const oc_node *target, const oc_node *node,
                        const oc_path *path) {
    for (size_t i = 0; i < table->count; i++)
        if (!agree_child(p, target, node, table->entries[i].name, path))
            return false;
    return true;
}

/* Whether the names that matter below a node can be listed: those in its table, and no others. */
static bool is_listed(const oc_node *node) {
    bool either = node->kind == OC_ABOVE && node->either;
    return !node->part_count && !node->pattern_count && !either && (!node->rest || node->rest->kind == OC_PLAIN);
}

/* What remains when the names that stages have written are done: the same tree, nothing, or another document whose
 * names are compared one by one. */
static bool agree_bottom(const oc_pipeline *p, const oc_node *target, const oc_node *bottom, const oc_node *node,
                         const oc_path *path) {
    if (is_same(bottom, target) || bottom->rest == &oc_absent_node)
        return true;
    if (!is_listed(target) || !is_listed(bottom))
        return fail(p, path, target);
    return agree_names(p, &target->children, target, node, path);
}

static bool agree_object(const oc_pipeline *p, const oc_node *target, const oc_node *node, const oc_path *path) {
    const oc_node *at = node;
    if (!oc_derive_work(&p->scope.a->lookup))
        return false;
    for (;; at = at->base) {
        if (is_same(at, target))
            return true;
        if (!agree_names(p, &at->children, target, node, path))
            return false;
        if (!at->base)
            return agree_bottom(p, target, at, node, path);
    }
}

/* ---- Queryable Encryption ---- */

static bool unchanged(const oc_pipeline *p, const oc_node *target, const oc_node *node, const oc_path *path);

static bool unchanged_child(const oc_pipeline *p, const oc_node *target, const oc_node *node, oc_str name,
                            const oc_path *path) {
    oc_path here = {path, name};
    oc_lookup *lookup = &p->scope.a->lookup;
    const oc_node *wanted = oc_derive_work(lookup) ? oc_node_child(target, name, lookup) : NULL;
    const oc_node *child = wanted ? oc_node_child_of_set(node, name, lookup) : NULL;
    if (!child)
        return false;
    if (wanted->kind == OC_PLAIN && (path || !oc_is_safe_content(p->scope.a, name)))
        return agree(p, wanted, child, &here);
    if (wanted->kind != OC_ABOVE || is_same(child, wanted)) /* {$set: {user: "$user"}} writes it whole */
        return fail_write(p, &here);
    return unchanged(p, wanted, child, &here);
}

static bool unchanged_names(const oc_pipeline *p, const oc_name_table *table, const oc_node *target,
                            const oc_node *node, const oc_path *path) {
    for (size_t i = 0; i < table->count; i++)
        if (!unchanged_child(p, target, node, table->entries[i].name, path))
            return false;
    return true;
}

/* The names that stages have written at or below `target` are plain, and all others are as they were. */
static bool unchanged(const oc_pipeline *p, const oc_node *target, const oc_node *node, const oc_path *path) {
    if (!oc_derive_work(&p->scope.a->lookup))
        return false;
    for (const oc_node *at = node; !is_same(at, target); at = at->base) {
        if (at->kind != OC_ABOVE || at->either || !at->base)
            return fail_write(p, path);
        if (!unchanged_names(p, &at->children, target, node, path))
            return false;
    }
    return true;
}

static bool agree(const oc_pipeline *p, const oc_node *target, const oc_node *node, const oc_path *path) {
    if (p->scope.a->qe && target->kind != OC_PLAIN)
        return unchanged(p, target, node, path);
    if (node->absent || is_copy(node, target))
        return true;
    if (node->kind == OC_ABOVE && node->either)
        return oc_derive_work(&p->scope.a->lookup) && agree(p, target, node->either->one, path) &&
               agree(p, target, node->either->other, path);
    switch (target->kind) {
    case OC_PLAIN: return node->kind == OC_PLAIN || fail(p, path, target);
    case OC_ABOVE:
        if ((node->kind == OC_PLAIN || node->kind == OC_ABOVE) && !(path && node->maybe_array))
            return agree_object(p, target, node, path);
        break;
    case OC_CONFLICT: return oc_fail_conflict(p->scope.a->error, path);
    case OC_ENCRYPTED:
    case OC_ARRAY_OF:
    case OC_UNKNOWN: break;
    }
    return fail(p, path, target);
}

bool oc_check_stored(const oc_pipeline *p) {
    return agree(p, p->stored, p->scope.tree, NULL);
}
