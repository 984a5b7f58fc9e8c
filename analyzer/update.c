#include "update.h"

#include <stdlib.h>

#include "document.h"
#include "fields.h"
#include "pipeline.h"

static const char set_instead[] = "read the value, change it in the application, and $set it";

/* ---- paths ---- */

typedef enum positional { NOT_POSITIONAL, POSITIONAL_FIRST, POSITIONAL_FILTERED } positional;

/* The first `$`, `$[]` or `$[id]` of a path; *prefix becomes the part before it. */
static positional find_positional(oc_str path, oc_str *prefix) {
    const char *end = path.s + path.n;
    for (const char *at = path.s; at < end;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        oc_str part = {at, (size_t)((dot ? dot : end) - at)};
        if (oc_str_is(part, "$") || oc_str_starts(part, "$[")) {
            *prefix = (oc_str){path.s, at > path.s ? (size_t)(at - path.s) - 1 : 0};
            return part.n == 1 ? POSITIONAL_FIRST : POSITIONAL_FILTERED;
        }
        if (!dot)
            break;
        at = dot + 1;
    }
    *prefix = path;
    return NOT_POSITIONAL;
}

static bool fail_positional(oc_analysis *a, positional kind, const oc_path *path, const char *op) {
    if (kind == POSITIONAL_FIRST)
        return oc_fail(a->error, OC_UPDATE_POSITIONAL, path, op, "encrypted fields cannot be inside arrays",
                       "Cannot encrypt fields below '$' positional update operator");
    return oc_fail(a->error, OC_UPDATE_POSITIONAL, path, op, "encrypted fields cannot be inside arrays",
                   "Array update operations not allowed on encrypted values");
}

static bool fail_below(oc_analysis *a, const oc_answer *at, const oc_path *path, const char *op) {
    return oc_fail_below(a, path, at->prefix, op, "set the whole encrypted field");
}

/* What the tree says of an update path. The parts before a positional one decide: arrays hold nothing encrypted, so
 * they must lead to a plain field. */
static bool look_up(oc_analysis *a, oc_str name, const char *op, oc_answer *at) {
    oc_str prefix;
    oc_path path = {NULL, name};
    positional kind = find_positional(name, &prefix);
    if (kind == NOT_POSITIONAL)
        return oc_node_lookup(a->root, name, &a->lookup, at);
    if (prefix.n == 0)
        *at = (oc_answer){.position = a->root->kind == OC_PLAIN ? OC_AT_PLAIN : OC_AT_ABOVE, .node = a->root};
    else if (!oc_node_lookup(a->root, prefix, &a->lookup, at))
        return false;
    switch (at->position) {
    case OC_AT_PLAIN: return true;
    case OC_AT_BELOW: return fail_below(a, at, &path, op);
    default: break;
    }
    return fail_positional(a, kind, &path, op);
}

static bool may_be_written(oc_analysis *a, oc_str name, const char *op) {
    const char *dot = memchr(name.s, '.', name.n);
    oc_str first = {name.s, dot ? (size_t)(dot - name.s) : name.n};
    return !oc_is_safe_content(a, first) || oc_fail_safe_content(a, &(oc_path){NULL, name}, op);
}

/* ---- operators ---- */

static bool set_field(oc_analysis *a, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_answer at;
    oc_path path = {NULL, e->name};
    oc_marking how = {.use = OC_USE_SET, .path = &path, .op = op};
    if (!look_up(a, e->name, op, &at))
        return false;
    switch (at.position) {
    case OC_AT_PLAIN: return true;
    case OC_AT_BELOW: return fail_below(a, &at, &path, op);
    case OC_AT_ENCRYPTED: return oc_mark(a, frame, e, at.node->meta, &how);
    default: break;
    }
    if (e->type == OC_ARRAY)
        return oc_fail(a->error, OC_ARRAY_ABOVE, &path, op, "encrypted fields cannot be inside arrays",
                       "An array at path '%s' would violate the schema", oc_name(e->name).text);
    return e->type == OC_DOCUMENT ? oc_document(a, &(oc_frame){.up = frame, .doc = e->value}, at.node, &how) : true;
}

static bool unset_field(oc_analysis *a, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_answer at;
    (void)frame;
    if (!look_up(a, e->name, op, &at))
        return false;
    return at.position != OC_AT_BELOW || fail_below(a, &at, &(oc_path){NULL, e->name}, op);
}

static bool fail_rename(oc_analysis *a, const oc_answer *at, const oc_path *path, const char *op) {
    bool qe = at->position == OC_AT_ENCRYPTED && at->node->meta->qe;
    return oc_fail(
        a->error, OC_UPDATE_RENAME, path, op, "read the value and $set it under the new name",
        qe ? "$rename not allowed on encrypted values: the index of a Queryable Encryption field knows its path"
           : "$rename between two encrypted fields must have the same metadata or both be unencrypted");
}

static bool rename_field(oc_analysis *a, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_answer from, to;
    oc_path path = {NULL, e->name};
    (void)frame;
    if (e->type != OC_STRING)
        return oc_fail(a->error, OC_COMMAND_SHAPE, &path, op, NULL, "The 'to' field for $rename must be a string");
    if (!may_be_written(a, oc_elem_str(e), op) || !look_up(a, e->name, op, &from) ||
        !look_up(a, oc_elem_str(e), op, &to))
        return false;
    if (from.position == OC_AT_PLAIN && to.position == OC_AT_PLAIN)
        return true;
    if (from.position == OC_AT_ENCRYPTED && to.position == OC_AT_ENCRYPTED && !a->qe &&
        oc_meta_equal(from.node->meta, to.node->meta))
        return true;
    return fail_rename(a, from.position == OC_AT_ENCRYPTED ? &from : &to, &path, op);
}

#define NOT_ALLOWED(what) NULL, what " not allowed on encrypted values"

/* Sorted by name. Only what replaces or removes a whole value can work on ciphertext. */
static const oc_update_operator operators[] = {
    /* clang-format off */
    {"$addToSet",    NOT_ALLOWED("$addToSet")},
    {"$bit",         NOT_ALLOWED("$bit")},
    {"$currentDate", NOT_ALLOWED("$currentDate")},
    {"$inc",         NOT_ALLOWED("$inc and $mul")},
    {"$max",         NOT_ALLOWED("$max and $min")},
    {"$min",         NOT_ALLOWED("$max and $min")},
    {"$mul",         NOT_ALLOWED("$inc and $mul")},
    {"$pop",         NOT_ALLOWED("$pop")},
    {"$pull",        NOT_ALLOWED("$pull")},
    {"$pullAll",     NOT_ALLOWED("$pullAll")},
    {"$push",        NOT_ALLOWED("$push")},
    {"$pushAll",     NOT_ALLOWED("$pushAll")},
    {"$rename",      rename_field, NULL},
    {"$set",         set_field,    NULL},
    {"$setOnInsert", set_field,    NULL},
    {"$unset",       unset_field,  NULL},
    /* clang-format on */
};

const oc_update_operator *oc_update_operators(size_t *count) {
    *count = sizeof operators / sizeof operators[0];
    return operators;
}

static int compare(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_update_operator *)row)->name);
}

static bool plain_only(oc_analysis *a, const oc_update_operator *row, const oc_elem *e) {
    oc_answer at;
    oc_str prefix;
    oc_path path = {NULL, e->name};
    positional kind = find_positional(e->name, &prefix);
    if (prefix.n == 0 && kind != NOT_POSITIONAL)
        return look_up(a, e->name, row->name, &at);
    if (!oc_node_lookup(a->root, prefix, &a->lookup, &at))
        return false;
    if (at.position == OC_AT_PLAIN)
        return true;
    return oc_fail(a->error, OC_UPDATE_OPERATOR, &path, row->name, set_instead, "%s", row->refusal);
}

static bool operate(oc_analysis *a, oc_frame *frame, const oc_elem *op) {
    const oc_update_operator *row =
        bsearch(&op->name, operators, sizeof operators / sizeof operators[0], sizeof operators[0], compare);
    oc_name_text name = oc_name(op->name);
    if (!row)
        return oc_fail(a->error, OC_OPERATOR_UNKNOWN, NULL, name.text, NULL,
                       op->name.n && op->name.s[0] == '$' ? "Unknown update operator: %s"
                                                          : "Unknown modifier: %s; a field among update operators",
                       name.text);
    if (op->type != OC_DOCUMENT)
        return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL, "The operand of %s must be an object",
                       row->name);
    oc_frame inner = {.up = frame, .doc = op->value};
    oc_iter it = oc_bson_iter(op->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!may_be_written(a, e.name, row->name) ||
            !(row->field ? row->field(a, &inner, &e, row->name) : plain_only(a, row, &e)))
            return false;
    return true;
}

/* ---- updates ---- */

static bool has_operators(const oc_elem *update) {
    oc_elem first;
    return update->type == OC_DOCUMENT && oc_bson_first(update->value, &first) && first.name.n > 0 &&
           first.name.s[0] == '$';
}

/* Every server refuses an operator among the fields of a replacement, whose operand would travel as it is. */
static bool no_operators(oc_analysis *a, const oc_elem *replacement) {
    oc_iter it = oc_bson_iter(replacement->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (oc_str_starts(e.name, "$"))
            return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, oc_name(e.name).text, "use operators only, or fields only",
                           "The fields of a replacement cannot start with '$': %s", oc_name(e.name).text);
    return true;
}

bool oc_update(oc_analysis *a, oc_frame *frame, const oc_elem *update) {
    if (update->type == OC_ARRAY)
        return oc_pipeline_update(a, frame, update);
    if (update->type != OC_DOCUMENT)
        return oc_fail_type(a, update, OC_DOCUMENT);
    oc_frame inner = {.up = frame, .doc = update->value};
    if (!has_operators(update)) {
        oc_marking how = {.use = OC_USE_INSERTED, .document = update->value};
        return no_operators(a, update) && oc_document(a, &inner, a->root, &how);
    }
    oc_iter it = oc_bson_iter(update->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!operate(a, &inner, &e))
            return false;
    return true;
}

static bool is_literal(const oc_elem *e) {
    oc_elem op;
    return oc_is_constant(e) || (e->type == OC_DOCUMENT && oc_bson_first(e->value, &op) &&
                                 oc_str_is(op.name, "$literal") && op.end == e->end - 1);
}

/* A pipeline that only adds fields, and this one always. */
static bool pipeline_sets(const oc_elem *pipeline, const char *field) {
    bool sets = false;
    oc_iter it = oc_elem_iter(pipeline);
    oc_elem e, stage, value;
    while (oc_next(&it, &e)) {
        if (e.type != OC_DOCUMENT || !oc_bson_first(e.value, &stage) || stage.type != OC_DOCUMENT ||
            !(oc_str_is(stage.name, "$set") || oc_str_is(stage.name, "$addFields")))
            return false;
        if (oc_bson_find(stage.value, field, &value))
            sets = is_literal(&value); /* a computed one may be missing in the end */
    }
    return sets;
}

bool oc_update_sets(const oc_elem *update, const char *field) {
    oc_elem op, e;
    if (update->type == OC_ARRAY)
        return pipeline_sets(update, field);
    if (update->type != OC_DOCUMENT)
        return false;
    if (!has_operators(update))
        return oc_bson_find(update->value, field, &e);
    return (oc_bson_find(update->value, "$set", &op) && oc_bson_find(op.value, field, &e)) ||
           (oc_bson_find(update->value, "$setOnInsert", &op) && oc_bson_find(op.value, field, &e));
}
