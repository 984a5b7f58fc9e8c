#include "kept_schema.h"

#include "keywords.h"

typedef struct kept {
    oc_analysis *a;
    const char *clause;
} kept;

static bool schema(const kept *k, const uint8_t *doc, const oc_node *node, const oc_path *path);

static bool fail(const kept *k, const oc_path *path, const oc_keyword *row) {
    return oc_fail(
        k->a->error, OC_STORED_FILTER, path, row->name, "say nothing of encrypted fields in $jsonSchema",
        "Comparison to encrypted fields not supported in %s: '%s' of $jsonSchema would be checked on ciphertext",
        k->clause, row->name);
}

/* One schema, several, or a bool. */
static bool schemas(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type == OC_DOCUMENT)
        return schema(k, e->value, node, path);
    while (oc_next(&it, &member))
        if (member.type == OC_DOCUMENT && !schema(k, member.value, node, path))
            return false;
    return true;
}

/* A field whose presence decides. The server would find it by its name, but a driver that does not encrypt could not
 * give it: such a rule is one on an encrypted field. */
static bool name(const kept *k, oc_str name, const oc_node *node, const oc_path *path, const oc_keyword *row) {
    const oc_node *child = oc_node_child(node, name, &k->a->lookup);
    return child && (child->kind != OC_ENCRYPTED || fail(k, &(oc_path){path, name}, row));
}

static bool names(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path, const oc_keyword *row) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        if (member.type == OC_STRING && !name(k, oc_elem_str(&member), node, path, row))
            return false;
    return true;
}

static bool dependencies(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path,
                         const oc_keyword *row) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        if (!name(k, member.name, node, path, row))
            return false;
        if (!(member.type == OC_ARRAY ? names(k, &member, node, path, row) : schemas(k, &member, node, path)))
            return false;
    }
    return true;
}

static bool properties(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        const oc_node *child = oc_node_child(node, member.name, &k->a->lookup);
        if (!child || !schemas(k, &member, child, &(oc_path){path, member.name}))
            return false;
    }
    return true;
}

/* Rules for names that are not listed: encrypted ones and __safeContent__ may be among them. */
static bool any_name(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path, const oc_keyword *row) {
    bool says_nothing = e->type == OC_BOOL ? e->value[0] : e->end - e->value == 5; /* true, {} */
    if (node->kind != OC_PLAIN)
        return says_nothing || fail(k, path, row);
    return row->sub == OC_SUB_PATTERNS ? properties(k, e, node, path) : schemas(k, e, node, path);
}

static bool is_annotation(oc_str keyword) {
    return oc_str_is(keyword, "title") || oc_str_is(keyword, "description");
}

static bool of_elements(oc_str keyword) {
    return oc_str_is(keyword, "items") || oc_str_is(keyword, "additionalItems");
}

static bool keyword(const kept *k, const oc_elem *e, const oc_node *node, const oc_path *path, const oc_keyword *row) {
    if (node->kind == OC_ENCRYPTED && !is_annotation(e->name))
        return fail(k, path, row);
    switch (row->sub) {
    case OC_SUB_PROPERTIES: return properties(k, e, node, path);
    case OC_SUB_PATTERNS:
    case OC_SUB_REST: return any_name(k, e, node, path, row);
    case OC_SUB_ONE: return schemas(k, e, of_elements(e->name) ? &oc_plain_node : node, path);
    case OC_SUB_DEPENDENCIES: return dependencies(k, e, node, path, row);
    case OC_SUB_ENCRYPT:
    case OC_SUB_ENCRYPT_METADATA:
        return oc_fail(k->a->error, OC_VALIDATOR_SCHEMA, path, row->name, "encryptedFields says what is encrypted",
                       "A $jsonSchema beside encryptedFields must not have the keyword '%s'", row->name);
    case OC_SUB_NONE: break;
    }
    if (oc_str_is(e->name, "enum"))
        return node->kind == OC_PLAIN || fail(k, path, row); /* whole objects, with ciphertext in them */
    return !oc_str_is(e->name, "required") || names(k, e, node, path, row);
}

static bool schema(const kept *k, const uint8_t *doc, const oc_node *node, const oc_path *path) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        const oc_keyword *row = oc_keyword_find(e.name);
        if (!row)
            return oc_fail(k->a->error, OC_VALIDATOR_SCHEMA, path, "$jsonSchema", NULL,
                           "Unknown $jsonSchema keyword: %s", oc_name(e.name).text);
        if (!keyword(k, &e, node, path, row))
            return false;
    }
    return true;
}

bool oc_kept_schema(oc_analysis *a, const oc_elem *e, const char *clause) {
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(a, e, OC_DOCUMENT);
    return schema(&(kept){a, clause}, e->value, a->root, NULL);
}
