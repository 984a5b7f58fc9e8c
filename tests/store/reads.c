/* find, count, distinct and aggregate: all of them copy the documents that a filter means and go on from there. */
#include "commands.h"
#include "filter.h"
#include "pipeline.h"
#include "value.h"

#include <string.h>

/* Adds copies of the matching documents to `*found`; its filter is the command's field `name`. */
static bool select_documents(const oc_request *request, const char *name, oc_documents *found) {
    bson_t filter;
    if (!oc_value_document(request->command, name, &filter, request->fault) ||
        !oc_filter_check(&filter, request->fault)) {
        return false;
    }
    const oc_collection *collection = oc_collection_find(request->db, request->collection);
    for (size_t i = 0; collection && i < collection->documents.count; i++) {
        if (oc_filter_match(&filter, collection->documents.items[i], request->fault)) {
            oc_documents_add(found, bson_copy(collection->documents.items[i]));
        }
    }
    return true;
}

/* A negative limit means a single batch, which is all that this store ever sends. */
static void skip_and_limit(const bson_t *command, oc_documents *found) {
    int64_t skip = oc_value_int(command, "skip", 0), limit = oc_value_int(command, "limit", 0);
    oc_documents_slice(found, skip > 0 ? (size_t)skip : 0, limit ? (size_t)llabs(limit) : SIZE_MAX);
}

bool oc_run_find(oc_request *request) {
    bson_t projection;
    oc_documents found = {0};
    bool done = oc_value_document(request->command, "projection", &projection, request->fault) &&
                select_documents(request, "filter", &found);
    if (done) {
        skip_and_limit(request->command, &found);
        done = oc_pipeline_project(&projection, &found, request->fault);
    }
    if (done) {
        oc_reply_cursor(request, &found);
    }
    oc_documents_done(&found);
    return done;
}

bool oc_run_count(oc_request *request) {
    oc_documents found = {0};
    bool done = select_documents(request, "query", &found);
    if (done) {
        skip_and_limit(request->command, &found);
        BSON_APPEND_INT32(request->reply, "n", (int32_t)found.count);
    }
    oc_documents_done(&found);
    return done;
}

bool oc_run_aggregate(oc_request *request) {
    bson_t pipeline;
    oc_documents found = {0};
    bool done = oc_value_array(request->command, "pipeline", &pipeline, request->fault) &&
                select_documents(request, "" /* no field: all of them */, &found) &&
                oc_pipeline_run(request->db, &pipeline, &found, request->fault);
    if (done) {
        oc_reply_cursor(request, &found);
    }
    oc_documents_done(&found);
    return done;
}

static bool equals(const bson_iter_t *value, void *other) {
    return oc_value_equal(value, other);
}

/* Appends a value to the array {"0": …} unless it is there. */
static bool collect(const bson_iter_t *value, void *context) {
    bson_t *values = context;
    bson_iter_t at, sought = *value;
    char buffer[16];
    const char *key;
    if (BSON_ITER_HOLDS_ARRAY(value)) {
        return false; /* its elements come by themselves */
    }
    bson_iter_init(&at, values);
    while (bson_iter_next(&at)) {
        if (equals(&at, &sought)) {
            return false;
        }
    }
    bson_uint32_to_string(bson_count_keys(values), &key, buffer, sizeof buffer);
    bson_append_iter(values, key, -1, value);
    return false;
}

bool oc_run_distinct(oc_request *request) {
    bson_iter_t key;
    bson_t values = BSON_INITIALIZER;
    oc_documents found = {0};
    if (!bson_iter_init_find(&key, request->command, "key") || !BSON_ITER_HOLDS_UTF8(&key)) {
        return oc_fault_set(request->fault, OC_FAULT_BAD_VALUE, "distinct needs a key");
    }
    bool done = select_documents(request, "query", &found);
    for (size_t i = 0; i < found.count; i++) {
        oc_value_visit(found.items[i], bson_iter_utf8(&key, NULL), collect, &values);
    }
    BSON_APPEND_ARRAY(request->reply, "values", &values);
    bson_destroy(&values);
    oc_documents_done(&found);
    return done;
}
