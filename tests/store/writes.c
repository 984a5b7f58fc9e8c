/* insert, update, delete and findAndModify. The first three go through a list of statements, one of which may fail
 * without the command failing: its fault is then an entry of `writeErrors`. */
#include "writes.h"
#include "commands.h"
#include "filter.h"
#include "update.h"
#include "value.h"

#include <string.h>

static oc_collection *make_collection(const oc_request *request) {
    return oc_write_collection(request->db, request->collection);
}

oc_collection *oc_write_collection(const char *db, const char *name) {
    oc_collection *found = oc_collection_find(db, name);
    return found ? found : oc_collection_make(db, name, &(bson_t)BSON_INITIALIZER);
}

typedef bool (*statement)(oc_tally *t, const bson_t *spec, oc_fault *fault);

static const char *next_key(const bson_t *array, char buffer[16]) {
    const char *key;
    bson_uint32_to_string(bson_count_keys(array), &key, buffer, 16);
    return key;
}

static void append_error(oc_tally *t, const oc_fault *fault) {
    bson_t error;
    char buffer[16];
    BSON_APPEND_DOCUMENT_BEGIN(&t->errors, next_key(&t->errors, buffer), &error);
    BSON_APPEND_INT32(&error, "index", (int32_t)t->index);
    BSON_APPEND_INT32(&error, "code", fault->code);
    BSON_APPEND_UTF8(&error, "errmsg", fault->message);
    bson_append_document_end(&t->errors, &error);
}

static void append_upserted(oc_tally *t, const bson_t *document) {
    bson_t upserted;
    bson_iter_t id;
    char buffer[16];
    bson_iter_init_find(&id, document, "_id");
    BSON_APPEND_DOCUMENT_BEGIN(&t->upserted, next_key(&t->upserted, buffer), &upserted);
    BSON_APPEND_INT32(&upserted, "index", (int32_t)t->index);
    bson_append_iter(&upserted, NULL, 0, &id);
    bson_append_document_end(&t->upserted, &upserted);
}

static bool each_statement(oc_request *request, const char *name, statement run, oc_tally *t) {
    bson_t list, spec;
    bson_iter_t at;
    bool ordered = oc_value_int(request->command, "ordered", 1) != 0;
    if (!oc_value_array(request->command, name, &list, request->fault)) {
        return false;
    }
    bson_iter_init(&at, &list);
    for (; bson_iter_next(&at); t->index++) {
        oc_fault fault = {0};
        if (!BSON_ITER_HOLDS_DOCUMENT(&at) || !oc_value_view(&at, &spec)) {
            return oc_fault_set(request->fault, OC_FAULT_TYPE_MISMATCH, "'%s' holds documents only", name);
        }
        if (!run(t, &spec, &fault)) {
            append_error(t, &fault);
            if (ordered) {
                return true;
            }
        }
    }
    return true;
}

static bool run_statements(oc_request *request, const char *name, statement run, bool counts_modified) {
    oc_tally t = {.collection = make_collection(request)};
    bson_init(&t.upserted);
    bson_init(&t.errors);
    bool done = each_statement(request, name, run, &t);
    BSON_APPEND_INT32(request->reply, "n", t.n);
    if (counts_modified) {
        BSON_APPEND_INT32(request->reply, "nModified", t.modified);
    }
    if (!bson_empty(&t.upserted)) {
        BSON_APPEND_ARRAY(request->reply, "upserted", &t.upserted);
    }
    if (!bson_empty(&t.errors)) {
        BSON_APPEND_ARRAY(request->reply, "writeErrors", &t.errors);
    }
    bson_destroy(&t.upserted);
    bson_destroy(&t.errors);
    return done;
}

bool oc_write_insert(oc_tally *t, const bson_t *document, oc_fault *fault) {
    bool inserted = oc_collection_insert(t->collection, bson_copy(document), fault);
    t->n += inserted;
    return inserted;
}

bool oc_run_insert(oc_request *request) {
    return run_statements(request, "documents", oc_write_insert, false);
}

bool oc_write_delete(oc_tally *t, const bson_t *spec, oc_fault *fault) {
    bson_t filter;
    oc_documents *documents = &t->collection->documents;
    bool one = oc_value_int(spec, "limit", 0) == 1;
    if (!oc_value_only(spec, "q limit", "delete.deletes", fault) || !oc_value_document(spec, "q", &filter, fault) ||
        !oc_filter_check(&filter, fault)) {
        return false;
    }
    for (size_t i = 0; i < documents->count;) {
        if (!oc_filter_match(&filter, documents->items[i], fault)) {
            i++;
            continue;
        }
        oc_documents_remove(documents, i);
        t->n++;
        if (one) {
            break;
        }
    }
    return true;
}

bool oc_run_delete(oc_request *request) {
    return run_statements(request, "deletes", oc_write_delete, false);
}

/* Changes the document at `index`; *changed tells whether that made a difference. */
static bool update_at(oc_collection *collection, size_t index, const oc_update *update, bool *changed,
                      oc_fault *fault) {
    bson_t made;
    const bson_t *before = collection->documents.items[index];
    if (!oc_update_apply(update, before, false, &made, fault)) {
        return false;
    }
    *changed = !bson_equal(before, &made);
    bson_t *after = bson_copy(&made);
    bson_destroy(&made);
    return oc_collection_replace(collection, index, after, fault);
}

static bool upsert(oc_collection *collection, const bson_t *filter, const oc_update *update, oc_fault *fault) {
    bson_t seed, made;
    if (!oc_update_seed(filter, &seed, fault)) {
        return false;
    }
    bool done = oc_update_apply(update, &seed, true, &made, fault);
    bson_destroy(&seed);
    if (!done) {
        return false;
    }
    bson_t *document = bson_copy(&made);
    bson_destroy(&made);
    return oc_collection_insert(collection, document, fault);
}

static const bson_t *last_document(const oc_collection *collection) {
    return collection->documents.items[collection->documents.count - 1];
}

static bool parse_update(const bson_t *spec, const char *name, oc_update *update, oc_fault *fault) {
    bson_iter_t at;
    return bson_iter_init_find(&at, spec, name) ? oc_update_parse(&at, update, fault)
                                                : oc_fault_set(fault, OC_FAULT_FAILED_TO_PARSE, "no '%s'", name);
}

static bool update_matching(oc_tally *t, const bson_t *filter, const oc_update *update, bool multi, oc_fault *fault) {
    int32_t before = t->n;
    for (size_t i = 0; i < t->collection->documents.count && (multi || t->n == before); i++) {
        bool changed = false;
        if (oc_filter_match(filter, t->collection->documents.items[i], fault)) {
            if (!update_at(t->collection, i, update, &changed, fault)) {
                return false;
            }
            t->n++;
            t->modified += changed;
        }
    }
    return true;
}

bool oc_write_update(oc_tally *t, const bson_t *spec, oc_fault *fault) {
    bson_t filter;
    oc_update update = {.replacement = false};
    bool multi = oc_value_int(spec, "multi", 0) != 0;
    int32_t before = t->n;
    if (!oc_value_only(spec, "q u multi upsert", "update.updates", fault) ||
        !oc_value_document(spec, "q", &filter, fault) || !oc_filter_check(&filter, fault) ||
        !parse_update(spec, "u", &update, fault)) {
        return false;
    }
    if (multi && update.replacement) {
        return oc_fault_set(fault, OC_FAULT_FAILED_TO_PARSE, "multi update is not supported for replacement-style");
    }
    if (!update_matching(t, &filter, &update, multi, fault)) {
        return false;
    }
    if (t->n == before && oc_value_int(spec, "upsert", 0)) {
        if (!upsert(t->collection, &filter, &update, fault)) {
            return false;
        }
        t->n++;
        append_upserted(t, last_document(t->collection));
    }
    return true;
}

bool oc_run_update(oc_request *request) {
    return run_statements(request, "updates", oc_write_update, true);
}

/* --- findAndModify ----------------------------------------------------------------------------------------------- */

typedef struct modification {
    oc_request *request;
    oc_collection *collection;
    bson_t filter;
    size_t index; /* of the document found; documents.count if none */
} modification;

static void answer(const modification *m, const bson_t *value, bool updated, const bson_t *upserted) {
    bson_t last;
    bson_iter_t id;
    bson_t *reply = m->request->reply;
    BSON_APPEND_DOCUMENT_BEGIN(reply, "lastErrorObject", &last);
    BSON_APPEND_INT32(&last, "n", updated || upserted || value ? 1 : 0);
    BSON_APPEND_BOOL(&last, "updatedExisting", updated);
    if (upserted && bson_iter_init_find(&id, upserted, "_id")) {
        bson_append_iter(&last, "upserted", -1, &id);
    }
    bson_append_document_end(reply, &last);
    if (value) {
        BSON_APPEND_DOCUMENT(reply, "value", value);
    } else {
        BSON_APPEND_NULL(reply, "value");
    }
}

static bool modify_remove(const modification *m) {
    oc_documents *documents = &m->collection->documents;
    bool found = m->index < documents->count;
    answer(m, found ? documents->items[m->index] : NULL, false, NULL);
    if (found) {
        oc_documents_remove(documents, m->index);
    }
    return true;
}

static bool modify_upsert(const modification *m, const oc_update *update, bool want_new) {
    if (!oc_value_int(m->request->command, "upsert", 0)) {
        answer(m, NULL, false, NULL);
        return true;
    }
    if (!upsert(m->collection, &m->filter, update, m->request->fault)) {
        return false;
    }
    const bson_t *made = last_document(m->collection);
    answer(m, want_new ? made : NULL, false, made);
    return true;
}

static bool modify_update(const modification *m) {
    oc_update update;
    bool changed, want_new = oc_value_int(m->request->command, "new", 0) != 0;
    oc_documents *documents = &m->collection->documents;
    if (!parse_update(m->request->command, "update", &update, m->request->fault)) {
        return false;
    }
    if (m->index == documents->count) {
        return modify_upsert(m, &update, want_new);
    }
    bson_t *before = bson_copy(documents->items[m->index]);
    bool done = update_at(m->collection, m->index, &update, &changed, m->request->fault);
    if (done) {
        answer(m, want_new ? documents->items[m->index] : before, true, NULL);
    }
    bson_destroy(before);
    return done;
}

bool oc_run_find_and_modify(oc_request *request) {
    modification m = {.request = request, .collection = make_collection(request)};
    bson_t fields;
    if (!oc_value_document(request->command, "query", &m.filter, request->fault) ||
        !oc_filter_check(&m.filter, request->fault) ||
        !oc_value_document(request->command, "fields", &fields, request->fault)) {
        return false;
    }
    if (!bson_empty(&fields)) {
        return oc_fault_set(request->fault, OC_FAULT_BAD_VALUE, "the store has no projection for findAndModify");
    }
    const oc_documents *documents = &m.collection->documents;
    while (m.index < documents->count && !oc_filter_match(&m.filter, documents->items[m.index], request->fault)) {
        m.index++;
    }
    return oc_value_int(request->command, "remove", 0) ? modify_remove(&m) : modify_update(&m);
}
