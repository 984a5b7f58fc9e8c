/* find, insert, update, delete, findAndModify, count, distinct. */

#include "crud.h"

#include "commands.h"
#include "document.h"
#include "keys.h"
#include "match.h"
#include "update.h"

static const oc_field update_statement[] = {
    {"q", OC_SLOT_FILTER},
    {"u", OC_SLOT_UPDATE},
    {"collation", OC_SLOT_COLLATION},
    {"upsert", OC_SLOT_UPSERT},
    {"sort", OC_SLOT_SORT},
    {"c", OC_SLOT_LET},
    {"multi", OC_SLOT_MULTI},
    {"hint", OC_SLOT_NONE},
    {"arrayFilters", OC_SLOT_NONE}, /* range over array elements, which hold nothing encrypted */
    {"upsertSupplied", OC_SLOT_UPSERT_SUPPLIED},
    {"sampleId", OC_SLOT_NONE},
    {NULL, OC_SLOT_NONE},
};

static const oc_field delete_statement[] = {
    {"q", OC_SLOT_FILTER},  {"collation", OC_SLOT_COLLATION}, {"limit", OC_SLOT_NONE},
    {"hint", OC_SLOT_NONE}, {"sampleId", OC_SLOT_NONE},       {NULL, OC_SLOT_NONE},
};

static bool is_true(const oc_elem *e) {
    if (!e)
        return false;
    switch (e->type) {
    case OC_BOOL: return e->value[0] != 0;
    case OC_NULL:
    case OC_UNDEFINED: return false;
    case OC_INT32: return oc_u32(e->value) != 0;
    case OC_INT64:
    case OC_DOUBLE: return (oc_u64(e->value) << (e->type == OC_DOUBLE)) != 0; /* -0.0 is false */
    default: return true;
    }
}

/* Whether `_id`, or something in it, is encrypted: then the server must not generate one. */
static bool id_is_encrypted(oc_analysis *a, bool *encrypted) {
    const oc_node *id = oc_node_child(a->root, (oc_str){"_id", 3}, &a->lookup);
    *encrypted = id && id->kind != OC_PLAIN;
    return id != NULL;
}

static bool fail_id(oc_analysis *a, const char *op) {
    return oc_fail(a->error, OC_ID_MISSING, &(oc_path){NULL, {"_id", 3}}, op, "give each document its _id",
                   "The schema encrypts _id, so it must be given: the server would generate a plaintext one");
}

/* A filter with the collation beside it. */
static bool filter_part(oc_analysis *a, oc_frame *frame, const oc_fields *fields, bool upsert) {
    return oc_collation(a, oc_field_get(fields, OC_SLOT_COLLATION), &a->collation) &&
           oc_filter(a, frame, oc_field_get(fields, OC_SLOT_FILTER), upsert);
}

/* A filter and an update, alike in `update` and `findAndModify`. */
static bool query_and_update(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *query = oc_field_get(fields, OC_SLOT_FILTER);
    const oc_elem *update = oc_field_get(fields, OC_SLOT_UPDATE);
    bool upsert = is_true(oc_field_get(fields, OC_SLOT_UPSERT));
    bool id_encrypted;
    if (is_true(oc_field_get(fields, OC_SLOT_UPSERT_SUPPLIED)))
        return oc_fail(a->error, OC_NOT_SUPPORTED, NULL, "upsertSupplied", "leave it out",
                       "upsertSupplied is not supported: the document in 'c' would be inserted as it is");
    if (!filter_part(a, frame, fields, upsert) || !oc_sort(a, oc_field_get(fields, OC_SLOT_SORT)))
        return false;
    if (oc_is_absent(update))
        return true;
    if (!oc_update(a, frame, update) || !id_is_encrypted(a, &id_encrypted))
        return false;
    if (!upsert || !id_encrypted || oc_update_sets(update, "_id"))
        return true;
    return (!oc_is_absent(query) && oc_filter_fixes(query->value, "_id")) || fail_id(a, "upsert");
}

/* The variables of a statement end with it. */
static bool update_part(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_variable *outer = a->variables;
    bool ok = oc_bind_let(a, frame, oc_field_get(fields, OC_SLOT_LET)) && query_and_update(a, frame, fields);
    a->variables = outer;
    return ok;
}

/* ---- statements ---- */

/* The statements of bulkWrite have other names for the same fields. */
static bool require(oc_analysis *a, const oc_field *rows, const oc_fields *fields, oc_slot slot, const char *label) {
    if (oc_field_get(fields, slot))
        return true;
    while (rows->slot != slot)
        rows++;
    return oc_fail_missing(a, label, rows->name);
}

/* Each document has an index entry of its own to be replaced, and the client has made just one. */
static bool check_multi(oc_analysis *a, const oc_elem *multi) {
    return !a->qe || a->root->kind == OC_PLAIN || !is_true(multi) ||
           oc_fail(a->error, OC_QE_MULTI_UPDATE, NULL, "multi", "update the documents one by one, with multi: false",
                   "Multi-document updates are not allowed with Queryable Encryption");
}

bool oc_update_statement(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label) {
    oc_fields fields;
    return oc_fields_collect(a, frame->doc, rows, false, label, &fields) &&
           require(a, rows, &fields, OC_SLOT_FILTER, label) && require(a, rows, &fields, OC_SLOT_UPDATE, label) &&
           check_multi(a, oc_field_get(&fields, OC_SLOT_MULTI)) && update_part(a, frame, &fields);
}

bool oc_delete_statement(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label) {
    oc_fields fields;
    return oc_fields_collect(a, frame->doc, rows, false, label, &fields) &&
           require(a, rows, &fields, OC_SLOT_FILTER, label) && filter_part(a, frame, &fields, false);
}

static bool insert_document(oc_analysis *a, oc_frame *frame) {
    oc_marking how = {.use = OC_USE_INSERTED, .document = frame->doc};
    return oc_document(a, frame, a->root, &how);
}

static bool insert_with_id(oc_analysis *a, oc_frame *frame) {
    oc_elem id;
    return (oc_bson_find(frame->doc, "_id", &id) || fail_id(a, "insert")) && insert_document(a, frame);
}

bool oc_insert_statement(oc_analysis *a, oc_frame *frame) {
    bool id_encrypted;
    return id_is_encrypted(a, &id_encrypted) && (id_encrypted ? insert_with_id : insert_document)(a, frame);
}

static bool update_statement_part(oc_analysis *a, oc_frame *frame) {
    return oc_update_statement(a, frame, update_statement, "update.updates");
}

static bool delete_statement_part(oc_analysis *a, oc_frame *frame) {
    return oc_delete_statement(a, frame, delete_statement, "delete.deletes");
}

static bool each_statement(oc_analysis *a, oc_frame *frame, const oc_fields *fields, const char *name,
                           bool (*statement)(oc_analysis *, oc_frame *)) {
    const oc_elem *list = oc_field_get(fields, OC_SLOT_STATEMENTS);
    if (!list)
        return oc_fail_missing(a, a->command, name);
    if (list->type != OC_ARRAY)
        return oc_fail_type(a, list, OC_ARRAY);
    oc_frame array = {.up = frame, .doc = list->value};
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (e.type != OC_DOCUMENT)
            return oc_fail(a->error, OC_WRONG_TYPE, NULL, name, NULL,
                           "BSON field '%s.%s' must hold objects only, found %s", a->command, name,
                           oc_type_name(e.type));
        if (!statement(a, &(oc_frame){.up = &array, .doc = e.value}))
            return false;
    }
    return true;
}

/* ---- commands ---- */

bool oc_analyze_insert(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    bool id_encrypted;
    return id_is_encrypted(a, &id_encrypted) &&
           each_statement(a, frame, fields, "documents", id_encrypted ? insert_with_id : insert_document);
}

/* The server's defaults, made explicit: the official driver suites look for them. */
static bool complete_statement(oc_analysis *a, oc_frame *frame) {
    static const uint8_t multi[] = "\x08multi\0", upsert[] = "\x08upsert\0";
    const uint8_t *end = frame->doc + oc_u32(frame->doc) - 1;
    oc_elem e;
    if (!oc_bson_find(frame->doc, "multi", &e))
        oc_splice_insert(&a->splice, frame, end, multi, sizeof multi);
    if (!oc_bson_find(frame->doc, "upsert", &e))
        oc_splice_insert(&a->splice, frame, end, upsert, sizeof upsert);
    return true;
}

bool oc_analyze_update(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return each_statement(a, frame, fields, "updates", update_statement_part) &&
           (a->marks == 0 || each_statement(a, frame, fields, "updates", complete_statement));
}

bool oc_analyze_delete(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return each_statement(a, frame, fields, "deletes", delete_statement_part);
}

bool oc_analyze_find(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return filter_part(a, frame, fields, false) && oc_projection(a, frame, oc_field_get(fields, OC_SLOT_PROJECTION)) &&
           oc_sort(a, oc_field_get(fields, OC_SLOT_SORT)) && oc_index_bound(a, oc_field_get(fields, OC_SLOT_MIN)) &&
           oc_index_bound(a, oc_field_get(fields, OC_SLOT_MAX));
}

bool oc_analyze_find_and_modify(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return update_part(a, frame, fields) && oc_projection(a, frame, oc_field_get(fields, OC_SLOT_PROJECTION));
}

bool oc_analyze_count(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return filter_part(a, frame, fields, false);
}

static bool distinct_key(oc_analysis *a, const oc_elem *key) {
    oc_answer at;
    oc_str name = oc_elem_str(key);
    oc_path path = {NULL, name};
    if (!oc_node_lookup(a->root, name, &a->lookup, &at))
        return false;
    if (at.position == OC_AT_PLAIN)
        return true;
    if (at.position != OC_AT_ENCRYPTED)
        return oc_fail(a->error, OC_DISTINCT_KEY, &path, "distinct", "name the encrypted field itself, or a plain one",
                       "The distinct key must not be above or below an encrypted field");
    if (oc_meta_is_pointer(at.node->meta))
        return oc_fail(a->error, OC_DISTINCT_KEY, &path, "distinct", "values have as many keys as there are key names",
                       "The distinct key is not allowed to be marked for encryption with a non-UUID keyId");
    if (at.node->meta->qe)
        return oc_fail(a->error, OC_DISTINCT_KEY, &path, "distinct",
                       "find the documents and compare in the application",
                       "The distinct key must not be a field of Queryable Encryption");
    return oc_check_comparable(a, at.node->meta, &path, "distinct");
}

/* The server does not answer `distinct` by the index of encrypted fields. */
static bool distinct_query(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    if (a->qe && !oc_plain_filter(a, oc_field_get(fields, OC_SLOT_FILTER), "the query of distinct"))
        return false;
    return filter_part(a, frame, fields, false);
}

bool oc_analyze_distinct(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *key = oc_field_get(fields, OC_SLOT_KEY);
    if (!key)
        return oc_fail_missing(a, "distinct", "key");
    if (key->type != OC_STRING)
        return oc_fail_type(a, key, OC_STRING);
    return distinct_query(a, frame, fields) && distinct_key(a, key);
}
