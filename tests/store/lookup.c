/* $lookup by two fields, by a pipeline, or by both. A pipeline cannot use variables: nothing here reads "$$x". */
#include "filter.h"
#include "pipeline.h"
#include "value.h"

#include <string.h>

typedef struct join {
    const oc_collection *from;
    const char *as, *local, *foreign; /* the last two NULL without fields */
    bson_t pipeline;
} join;

static const char *text(const bson_t *spec, const char *name) {
    bson_iter_t at;
    return bson_iter_init_find(&at, spec, name) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : NULL;
}

static bool parse(const char *db, const bson_t *spec, join *out, oc_fault *fault) {
    const char *from = text(spec, "from");
    *out = (join){.as = text(spec, "as"), .local = text(spec, "localField"), .foreign = text(spec, "foreignField")};
    if (!oc_value_only(spec, "from as localField foreignField let pipeline", "$lookup", fault) ||
        !oc_value_array(spec, "pipeline", &out->pipeline, fault)) {
        return false;
    }
    if (!from || !out->as || strchr(out->as, '.') || !out->local != !out->foreign) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "the store's $lookup needs from, as, and both fields or none");
    }
    out->from = oc_collection_find(db, from);
    return true;
}

static bool collect(const bson_iter_t *value, void *values) {
    char buffer[16];
    const char *key;
    bson_uint32_to_string(bson_count_keys(values), &key, buffer, sizeof buffer);
    bson_append_iter(values, key, -1, value);
    return false;
}

/* {foreign: {$in: the local values}}; a missing field means null. */
static void make_filter(const join *j, const bson_t *document, bson_t *out) {
    bson_t operators, values = BSON_INITIALIZER;
    bson_init(out);
    if (j->local) {
        oc_value_visit(document, j->local, collect, &values);
        if (bson_empty(&values)) {
            BSON_APPEND_NULL(&values, "0");
        }
        BSON_APPEND_DOCUMENT_BEGIN(out, j->foreign, &operators);
        BSON_APPEND_ARRAY(&operators, "$in", &values);
        bson_append_document_end(out, &operators);
    }
    bson_destroy(&values);
}

static bool find_foreign(const char *db, const join *j, const bson_t *document, oc_documents *found, oc_fault *fault) {
    bson_t filter;
    make_filter(j, document, &filter);
    for (size_t i = 0; j->from && i < j->from->documents.count; i++) {
        if (oc_filter_match(&filter, j->from->documents.items[i], fault)) {
            oc_documents_add(found, bson_copy(j->from->documents.items[i]));
        }
    }
    bson_destroy(&filter);
    return fault->code == 0 && oc_pipeline_run(db, &j->pipeline, found, fault);
}

/* A copy of `document` with the array `as` at its end. */
static bson_t *joined(const bson_t *document, const char *as, const oc_documents *found) {
    bson_t *made = bson_new(), array;
    bson_copy_to_excluding_noinit(document, made, as, (char *)NULL);
    bson_append_array_begin(made, as, -1, &array);
    for (size_t i = 0; i < found->count; i++) {
        char buffer[16];
        const char *key;
        bson_uint32_to_string((uint32_t)i, &key, buffer, sizeof buffer);
        BSON_APPEND_DOCUMENT(&array, key, found->items[i]);
    }
    bson_append_array_end(made, &array);
    return made;
}

bool oc_pipeline_lookup(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    join j;
    bson_t fields;
    if (!oc_value_view(spec, &fields) || !parse(db, &fields, &j, fault)) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$lookup needs a document");
    }
    for (size_t i = 0; i < documents->count; i++) {
        oc_documents found = {0};
        if (!find_foreign(db, &j, documents->items[i], &found, fault)) {
            oc_documents_done(&found);
            return false;
        }
        bson_t *made = joined(documents->items[i], j.as, &found);
        bson_destroy(documents->items[i]);
        documents->items[i] = made;
        oc_documents_done(&found);
    }
    return true;
}
