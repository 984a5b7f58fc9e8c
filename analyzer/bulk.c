/* bulkWrite: inserts, updates and deletes over several collections.
 *
 *     {bulkWrite: 1, ops: [{insert: 0, document: {…}}, {delete: 1, filter: {…}}], nsInfo: [{ns: "a.b"}, {ns: "a.c"}]}
 *
 * An operation names its collection by its place in nsInfo; that collection's tree is a->root while it is analysed. */

#include <stdio.h>

#include "commands.h"
#include "crud.h"

enum { LABEL_SIZE = 48 };

typedef struct collections {
    const oc_node **roots;
    size_t count;
} collections;

typedef struct operation {
    const char *name;
    const oc_field *rows;
    bool (*analyze)(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label);
} operation;

static bool insert(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label) {
    oc_fields fields;
    if (!oc_fields_collect(a, frame->doc, rows, false, label, &fields))
        return false;
    const oc_elem *document = oc_field_get(&fields, OC_SLOT_DOCUMENT);
    if (!document)
        return oc_fail_missing(a, label, "document");
    if (document->type != OC_DOCUMENT)
        return oc_fail_type(a, document, OC_DOCUMENT);
    return oc_insert_statement(a, &(oc_frame){.up = frame, .doc = document->value});
}

static const oc_field insert_fields[] = {
    {"insert", OC_SLOT_NONE},
    {"document", OC_SLOT_DOCUMENT},
    {NULL, OC_SLOT_NONE},
};

static const oc_field update_fields[] = {
    {"update", OC_SLOT_NONE},         {"filter", OC_SLOT_FILTER},     {"updateMods", OC_SLOT_UPDATE},
    {"collation", OC_SLOT_COLLATION}, {"upsert", OC_SLOT_UPSERT},     {"upsertSupplied", OC_SLOT_UPSERT_SUPPLIED},
    {"sort", OC_SLOT_SORT},           {"constants", OC_SLOT_LET},     {"multi", OC_SLOT_MULTI},
    {"hint", OC_SLOT_NONE},           {"arrayFilters", OC_SLOT_NONE}, /* range over array elements, which hold nothing
                                                                         encrypted */
    {"sampleId", OC_SLOT_NONE},       {NULL, OC_SLOT_NONE},
};

static const oc_field delete_fields[] = {
    {"delete", OC_SLOT_NONE}, {"filter", OC_SLOT_FILTER}, {"collation", OC_SLOT_COLLATION},
    {"multi", OC_SLOT_NONE},  {"hint", OC_SLOT_NONE},     {"sampleId", OC_SLOT_NONE},
    {NULL, OC_SLOT_NONE},
};

static const operation operations[] = {
    {"insert", insert_fields, insert},
    {"update", update_fields, oc_update_statement},
    {"delete", delete_fields, oc_delete_statement},
};

static const oc_field namespace_fields[] = {
    {"ns", OC_SLOT_KEY},
    {"collectionUUID", OC_SLOT_NONE},
    {"encryptionInformation", OC_SLOT_NONE},
    {NULL, OC_SLOT_NONE},
};

/* Namespaces and their schemas have been checked (source.c); here they get their places. */
static bool find_collections(oc_analysis *a, const oc_elem *list, collections *out) {
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    oc_fields fields;
    while (oc_next(&it, &e))
        out->count++;
    out->roots = oc_arena_zeroed(a->arena, out->count + 1, sizeof *out->roots);
    if (!out->roots)
        return oc_no_memory(a);
    it = oc_bson_iter(list->value);
    for (size_t i = 0; oc_next(&it, &e); i++) {
        if (!oc_fields_collect(a, e.value, namespace_fields, false, "bulkWrite.nsInfo", &fields))
            return false;
        out->roots[i] = oc_analysis_namespace(a, oc_elem_str(oc_field_get(&fields, OC_SLOT_KEY)));
        if (!out->roots[i])
            return oc_fail_no_schema(a, oc_elem_str(oc_field_get(&fields, OC_SLOT_KEY)));
    }
    return true;
}

/* A whole number below `count`, of any type that can say one exactly. */
static bool read_place(const oc_elem *e, size_t count, size_t *place) {
    uint64_t n;
    double real;
    switch (e->type) {
    case OC_INT32: n = (uint64_t)(int64_t)(int32_t)oc_u32(e->value); break;
    case OC_INT64: n = oc_u64(e->value); break;
    case OC_DOUBLE:
        n = oc_u64(e->value);
        memcpy(&real, &n, sizeof real);
        if (!(real >= 0 && real < (double)count) || real != (double)(uint64_t)real)
            return false;
        n = (uint64_t)real;
        break;
    default: return false;
    }
    *place = (size_t)n;
    return n < count;
}

static const operation *find_operation(oc_str name) {
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (oc_str_is(name, operations[i].name))
            return &operations[i];
    return NULL;
}

/* The first field says what an operation is, in the server too. */
static bool analyze_operation(oc_analysis *a, oc_frame *frame, const collections *c, const char *label) {
    oc_elem first;
    size_t place;
    const operation *op = oc_bson_first(frame->doc, &first) ? find_operation(first.name) : NULL;
    if (!op)
        return oc_fail(a->error, OC_BULK_OPERATION, NULL, "bulkWrite", NULL,
                       "'%s' must start with one of insert, update, delete", label);
    if (!read_place(&first, c->count, &place))
        return oc_fail(a->error, OC_BULK_OPERATION, NULL, op->name, "it counts from 0",
                       "'%s.%s' must be the place of a namespace in nsInfo", label, op->name);
    a->root = c->roots[place];
    return op->analyze(a, frame, op->rows, label);
}

/* ---- Queryable Encryption ---- */

static bool encrypts(const collections *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->roots[i]->kind != OC_PLAIN)
            return true;
    return false;
}

/* What the server takes: inserts, or one operation of another kind, on one collection. */
static bool check_limits(oc_analysis *a, const oc_elem *list, const collections *c) {
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e, first;
    size_t count = 0, inserts = 0;
    if (c->count > 1)
        return oc_fail(a->error, OC_BULK_OPERATION, NULL, "nsInfo", "send a bulkWrite for each collection",
                       "bulkWrite with Queryable Encryption must name one namespace only");
    for (; oc_next(&it, &e); count++)
        inserts += e.type == OC_DOCUMENT && oc_bson_first(e.value, &first) && oc_str_is(first.name, "insert");
    return count <= 1 || inserts == count ||
           oc_fail(a->error, OC_BULK_OPERATION, NULL, "bulkWrite", "send each update and each delete by itself",
                   "Only insert is supported in BulkWrite with multiple operations and Queryable Encryption");
}

/* ---- the command ---- */

bool oc_analyze_bulk_write(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *list = oc_field_get(fields, OC_SLOT_STATEMENTS);
    collections c = {0};
    if (!list)
        return oc_fail_missing(a, "bulkWrite", "ops");
    if (list->type != OC_ARRAY)
        return oc_fail_type(a, list, OC_ARRAY);
    if (!find_collections(a, oc_field_get(fields, OC_SLOT_NAMESPACES), &c))
        return false;
    if (a->qe && encrypts(&c) && !check_limits(a, list, &c))
        return false;
    oc_frame array = {.up = frame, .doc = list->value};
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    for (size_t i = 0; oc_next(&it, &e); i++) {
        char label[LABEL_SIZE];
        snprintf(label, sizeof label, "bulkWrite.ops.%zu", i);
        if (e.type != OC_DOCUMENT)
            return oc_fail(a->error, OC_WRONG_TYPE, NULL, "ops", NULL,
                           "BSON field '%s' is the wrong type '%s', expected type 'object'", label,
                           oc_type_name(e.type));
        if (!analyze_operation(a, &(oc_frame){.up = &array, .doc = e.value}, &c, label))
            return false;
    }
    return true;
}
