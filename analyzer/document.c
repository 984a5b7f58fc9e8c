#include "document.h"

static OC_APART bool fail_array(oc_analysis *a, const oc_path *path, const char *op) {
    char name[256] = "";
    oc_path_append(name, sizeof name, path);
    return oc_fail(a->error, OC_ARRAY_ABOVE, path, op, "encrypted fields cannot be inside arrays",
                   "An array at path '%s' would violate the schema", name);
}

/* Which of two fields of one name the server keeps is not for us to guess. */
static OC_APART bool first_of_its_name(oc_analysis *a, oc_nameset *seen, const oc_elem *e, const oc_path *path) {
    switch (oc_nameset_add(seen, a->arena, e->name)) {
    case OC_NAME_ADDED: return true;
    case OC_NAME_NO_MEMORY: return oc_no_memory(a);
    case OC_NAME_PRESENT: break;
    }
    return oc_fail(a->error, OC_VALUE_DUPLICATE, path, NULL, "give the field once",
                   "A document holds a field that is or contains an encrypted one twice");
}

static bool object_above(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *node,
                         const oc_marking *how) {
    oc_frame inner = {.up = frame, .doc = e->value};
    if (e->type == OC_DOCUMENT)
        return oc_document(a, &inner, node, how);
    if (e->type != OC_ARRAY)
        return true;
    if (how->use == OC_USE_COMPARED && !how->stored)
        return oc_compared_array(a, e, node, how->path, how->op);
    return fail_array(a, how->path, how->op);
}

/* Two encryptions of one value differ, and the server compares an object by its bytes. */
static OC_APART bool value(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *child,
                           const oc_marking *how) {
    if (child->meta->qe && how->use == OC_USE_COMPARED)
        return oc_fail(a->error, OC_OPERATOR_ABOVE, how->path, how->op,
                       "compare its fields one by one, by dotted paths",
                       "Cannot compare with an object that holds a field of Queryable Encryption");
    return oc_mark(a, frame, e, child->meta, how);
}

static bool field(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *child, const oc_marking *how) {
    switch (child->kind) {
    case OC_PLAIN: return true;
    case OC_CONFLICT: return oc_fail_conflict(a->error, how->path);
    case OC_ENCRYPTED: return value(a, frame, e, child, how);
    case OC_ABOVE: return object_above(a, frame, e, child, how);
    case OC_ARRAY_OF:
    case OC_UNKNOWN: break;
    }
    return oc_fail(a->error, OC_OPERATOR_ABOVE, how->path, how->op, "compare its plain fields one by one",
                   "Cannot compare with an object whose fields a stage of the pipeline has made of encrypted ones");
}

bool oc_is_safe_content(const oc_analysis *a, oc_str name) {
    return a->qe && a->root->kind != OC_PLAIN && oc_str_is(name, "__safeContent__");
}

OC_APART bool oc_fail_safe_content(oc_analysis *a, const oc_path *path, const char *op) {
    return oc_fail(a->error, OC_QE_SAFE_CONTENT, path, op, "leave it to the client and the server",
                   "__safeContent__ holds the index of the encrypted fields, and cannot be written");
}

/* Fields that no command may write, though nothing is encrypted there. */
static bool may_be_written(oc_analysis *a, const oc_elem *e, const oc_marking *how) {
    bool top_level = !how->path && how->use == OC_USE_INSERTED;
    return !top_level || !oc_is_safe_content(a, e->name) || oc_fail_safe_content(a, &(oc_path){NULL, e->name}, how->op);
}

bool oc_document(oc_analysis *a, oc_frame *frame, const oc_node *node, const oc_marking *how) {
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        const oc_node *child = oc_node_child(node, e.name, &a->lookup);
        if (!child)
            return false;
        if (child->kind == OC_PLAIN) {
            if (a->qe && !may_be_written(a, &e, how))
                return false;
            continue;
        }
        oc_path path = {how->path, e.name};
        oc_marking here = *how;
        here.path = &path;
        here.as_equality = false;
        if (!first_of_its_name(a, &seen, &e, &path) || !field(a, frame, &e, child, &here))
            return false;
    }
    oc_nameset_leave(&seen, a->arena);
    return true;
}

bool oc_holds_encrypted(oc_analysis *a, const uint8_t *doc, const oc_node *node, bool *holds) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (!*holds && oc_next(&it, &e)) {
        const oc_node *child = oc_node_child(node, e.name, &a->lookup);
        if (!child)
            return false;
        if (child->kind != OC_PLAIN && child->kind != OC_ABOVE)
            *holds = true;
        else if (child->kind == OC_ABOVE && e.type == OC_DOCUMENT && !oc_holds_encrypted(a, e.value, child, holds))
            return false;
        else if (child->kind == OC_ABOVE && e.type == OC_ARRAY)
            *holds = true;
    }
    return true;
}

bool oc_compared_array(oc_analysis *a, const oc_elem *array, const oc_node *node, const oc_path *path, const char *op) {
    oc_iter it = oc_bson_iter(array->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        bool holds = false;
        if (e.type == OC_ARRAY && !oc_compared_array(a, &e, node, path, op))
            return false;
        if (e.type == OC_DOCUMENT && !oc_holds_encrypted(a, e.value, node, &holds))
            return false;
        if (holds)
            return oc_fail(a->error, OC_OPERATOR_ABOVE, path, op, "encrypted fields cannot be inside arrays",
                           "Cannot compare with an array of objects that have encrypted fields");
    }
    return true;
}
