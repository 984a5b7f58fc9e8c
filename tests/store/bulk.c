/* bulkWrite: statements on several collections. Each becomes the statement of insert, update or delete. */
#include "commands.h"
#include "value.h"
#include "writes.h"

#include <string.h>

static const struct kind {
    const char *name;
    const char *fields;
    const char *renames[3][2]; /* what a field is called in a statement */
    bool (*run)(oc_tally *tally, const bson_t *spec, oc_fault *fault);
    const char *total;
} kinds[] = {
    {"insert", "insert document", {{NULL}}, oc_write_insert, "nInserted"},
    {"update",
     "update filter updateMods multi upsert",
     {{"filter", "q"}, {"updateMods", "u"}},
     oc_write_update,
     "nMatched"},
    {"delete", "delete filter multi", {{"filter", "q"}}, oc_write_delete, "nDeleted"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct bulk {
    oc_request *request;
    oc_documents results;
    int32_t totals[KINDS], modified, upserted, errors;
} bulk;

static const struct kind *kind_of(const bson_t *op, oc_fault *fault) {
    for (size_t i = 0; i < KINDS; i++) {
        if (bson_has_field(op, kinds[i].name)) {
            return oc_value_only(op, kinds[i].fields, "bulkWrite.ops", fault) ? &kinds[i] : NULL;
        }
    }
    oc_fault_set(fault, OC_FAULT_BAD_VALUE, "an operation of bulkWrite is an insert, update or delete");
    return NULL;
}

static const char *statement_name(const struct kind *kind, const char *field) {
    for (size_t i = 0; i < 3 && kind->renames[i][0]; i++) {
        if (strcmp(kind->renames[i][0], field) == 0) {
            return kind->renames[i][1];
        }
    }
    return field;
}

/* {update: 0, filter, updateMods, multi} becomes {q, u, multi}; {delete: 0, filter, multi} becomes {q, limit}. */
static void to_statement(const struct kind *kind, const bson_t *op, bson_t *out) {
    bson_iter_t at;
    bool deletes = kind->run == oc_write_delete;
    bson_init(out);
    bson_iter_init(&at, op);
    while (bson_iter_next(&at)) {
        const char *name = bson_iter_key(&at);
        if (strcmp(name, kind->name) != 0 && !(deletes && strcmp(name, "multi") == 0)) {
            bson_append_iter(out, statement_name(kind, name), -1, &at);
        }
    }
    if (deletes) {
        BSON_APPEND_INT32(out, "limit", oc_value_int(op, "multi", 0) ? 0 : 1);
    }
}

/* The collection of an operation, made if need be; NULL, with a fault, if nsInfo does not say. */
static oc_collection *find_target(const oc_request *request, int64_t index, oc_fault *fault) {
    bson_t list, entry;
    bson_iter_t at, ns;
    if (!oc_value_array(request->command, "nsInfo", &list, fault)) {
        return NULL;
    }
    bson_iter_init(&at, &list);
    while (bson_iter_next(&at) && index-- > 0) {
    }
    if (index >= 0 || !oc_value_view(&at, &entry) ||
        !oc_value_only(&entry, "ns encryptionInformation", "nsInfo", fault) ||
        !bson_iter_init_find(&ns, &entry, "ns") || !BSON_ITER_HOLDS_UTF8(&ns) ||
        !strchr(bson_iter_utf8(&ns, NULL), '.')) {
        oc_fault_set(fault, OC_FAULT_BAD_VALUE, "bulkWrite.nsInfo has no such namespace");
        return NULL;
    }
    char *db = bson_strdup(bson_iter_utf8(&ns, NULL));
    char *dot = strchr(db, '.');
    *dot = '\0';
    oc_collection *target =
        oc_command_check_encryption(&entry, db, dot + 1, fault) ? oc_write_collection(db, dot + 1) : NULL;
    bson_free(db);
    return target;
}

static bool run_op(bulk *b, const struct kind *kind, const bson_t *op, oc_tally *tally, oc_fault *fault) {
    bson_t statement, document;
    tally->collection = find_target(b->request, oc_value_int(op, kind->name, -1), fault);
    if (!tally->collection) {
        return false;
    }
    if (kind->run == oc_write_insert) {
        return oc_value_document(op, "document", &document, fault) && kind->run(tally, &document, fault);
    }
    to_statement(kind, op, &statement);
    bool done = kind->run(tally, &statement, fault);
    bson_destroy(&statement);
    return done;
}

static void add_result(bulk *b, const struct kind *kind, int32_t index, const oc_tally *tally, const oc_fault *fault) {
    bson_t *result =
        BCON_NEW("ok", BCON_DOUBLE(fault->code ? 0 : 1), "idx", BCON_INT32(index), "n", BCON_INT32(tally->n));
    bson_iter_t at, upserted, id;
    bool inserted = bson_iter_init(&at, &tally->upserted) && bson_iter_find_descendant(&at, "0", &upserted);
    if (kind->run == oc_write_update) {
        BSON_APPEND_INT32(result, "nModified", tally->modified);
    }
    if (inserted && bson_iter_recurse(&upserted, &id) && bson_iter_find(&id, "_id")) {
        bson_t made;
        BSON_APPEND_DOCUMENT_BEGIN(result, "upserted", &made);
        bson_append_iter(&made, "_id", -1, &id);
        bson_append_document_end(result, &made);
    }
    if (fault->code) {
        BSON_APPEND_INT32(result, "code", fault->code);
        BSON_APPEND_UTF8(result, "errmsg", fault->message);
    }
    b->errors += fault->code != 0;
    b->upserted += inserted;
    b->modified += tally->modified;
    b->totals[kind - kinds] += tally->n - inserted;
    if (fault->code || !oc_value_int(b->request->command, "errorsOnly", 0)) {
        oc_documents_add(&b->results, result);
    } else {
        bson_destroy(result);
    }
}

/* False if the operations after it must not run. */
static bool next_op(bulk *b, const bson_t *op, int32_t index) {
    oc_fault fault = {0};
    oc_tally tally = {.index = 0};
    const struct kind *kind = kind_of(op, b->request->fault);
    if (!kind) {
        return false;
    }
    bson_init(&tally.upserted);
    bson_init(&tally.errors);
    run_op(b, kind, op, &tally, &fault);
    add_result(b, kind, index, &tally, &fault);
    bson_destroy(&tally.upserted);
    bson_destroy(&tally.errors);
    return !fault.code || !oc_value_int(b->request->command, "ordered", 1);
}

static void append_totals(const bulk *b) {
    bson_t *reply = b->request->reply;
    BSON_APPEND_INT32(reply, "nErrors", b->errors);
    for (size_t i = 0; i < KINDS; i++) {
        bson_append_int32(reply, kinds[i].total, -1, b->totals[i]);
    }
    BSON_APPEND_INT32(reply, "nModified", b->modified);
    BSON_APPEND_INT32(reply, "nUpserted", b->upserted);
}

bool oc_run_bulk_write(oc_request *request) {
    bulk b = {.request = request};
    bson_t ops, op;
    bson_iter_t at;
    if (!oc_value_array(request->command, "ops", &ops, request->fault)) {
        return false;
    }
    bson_iter_init(&at, &ops);
    for (int32_t index = 0; bson_iter_next(&at) && oc_value_view(&at, &op) && next_op(&b, &op, index); index++) {
    }
    request->collection = "$cmd.bulkWrite";
    oc_reply_cursor(request, &b.results);
    append_totals(&b);
    oc_documents_done(&b.results);
    return request->fault->code == 0;
}
