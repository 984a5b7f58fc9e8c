#include "pipeline.h"

#include "filter.h"
#include "value.h"

#include <string.h>

/* --- $project -------------------------------------------------------------------------------------------------- */

static bool below(const char *path, const char *ancestor) {
    size_t length = strlen(ancestor);
    return strncmp(path, ancestor, length) == 0 && path[length] == '.';
}

typedef enum fate { DROP, KEEP, LOOK_INSIDE } fate;

/* `whole`: the projection names no field to keep, so that all are kept but `_id`. */
static fate field_fate(const bson_t *projection, bool whole, const char *path) {
    bson_iter_t at;
    if (strcmp(path, "_id") == 0) {
        return oc_value_int(projection, "_id", 1) ? KEEP : DROP;
    }
    fate found = whole ? KEEP : DROP;
    bson_iter_init(&at, projection);
    while (bson_iter_next(&at)) {
        if (strcmp(bson_iter_key(&at), path) == 0) {
            return KEEP;
        }
        if (below(bson_iter_key(&at), path)) {
            found = LOOK_INSIDE;
        }
    }
    return found;
}

typedef struct projecting {
    const bson_t *projection;
    bool whole;
} projecting;

static void project(const projecting *p, bson_iter_t *from, const char *prefix, bson_t *to);

/* What is kept inside of a document, or of each document of an array; what else an array has is dropped. */
static void project_inside(const projecting *p, const bson_iter_t *at, const char *prefix, bson_t *to, uint32_t index) {
    bson_iter_t inner;
    bson_t child;
    char buffer[16];
    const char *key = bson_iter_key(at);
    if (index != UINT32_MAX) {
        bson_uint32_to_string(index, &key, buffer, sizeof buffer);
    }
    bson_iter_recurse(at, &inner);
    if (BSON_ITER_HOLDS_DOCUMENT(at)) {
        bson_append_document_begin(to, key, -1, &child);
        project(p, &inner, prefix, &child);
        bson_append_document_end(to, &child);
        return;
    }
    bson_append_array_begin(to, key, -1, &child);
    for (uint32_t kept = 0; bson_iter_next(&inner);) {
        if (BSON_ITER_HOLDS_DOCUMENT(&inner) || BSON_ITER_HOLDS_ARRAY(&inner)) {
            project_inside(p, &inner, prefix, &child, kept++);
        }
    }
    bson_append_array_end(to, &child);
}

/* Copies what is kept of the fields that `from` is about to read. `prefix` is the path that leads to them, with its
 * dot. */
static void project(const projecting *p, bson_iter_t *from, const char *prefix, bson_t *to) {
    while (bson_iter_next(from)) {
        char *path = bson_strdup_printf("%s%s", prefix, bson_iter_key(from));
        fate verdict = field_fate(p->projection, p->whole, path);
        if (verdict == KEEP) {
            bson_append_iter(to, NULL, 0, from);
        } else if (verdict == LOOK_INSIDE && (BSON_ITER_HOLDS_DOCUMENT(from) || BSON_ITER_HOLDS_ARRAY(from))) {
            char *deeper = bson_strdup_printf("%s.", path);
            project_inside(p, from, deeper, to, UINT32_MAX);
            bson_free(deeper);
        }
        bson_free(path);
    }
}

/* 1 or true for any field, 0 or false for `_id` only. */
static bool check_projection(const bson_t *projection, bool *whole, oc_fault *fault) {
    bson_iter_t at;
    *whole = true;
    bson_iter_init(&at, projection);
    while (bson_iter_next(&at)) {
        bool plain = BSON_ITER_HOLDS_NUMBER(&at) || BSON_ITER_HOLDS_BOOL(&at);
        bool kept = plain && bson_iter_as_bool(&at);
        if (!plain || (!kept && strcmp(bson_iter_key(&at), "_id") != 0)) {
            return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "the store cannot project '%s' so", bson_iter_key(&at));
        }
        *whole &= !kept;
    }
    return true;
}

bool oc_pipeline_project(const bson_t *projection, oc_documents *documents, oc_fault *fault) {
    projecting p = {projection, true};
    if (!check_projection(projection, &p.whole, fault)) {
        return false;
    }
    for (size_t i = 0; i < documents->count; i++) {
        bson_t *made = bson_new();
        bson_iter_t from;
        bson_iter_init(&from, documents->items[i]);
        project(&p, &from, "", made);
        bson_destroy(documents->items[i]);
        documents->items[i] = made;
    }
    return true;
}

static bool run_project(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    (void)db;
    bson_t projection;
    if (!oc_value_view(spec, &projection) || bson_empty(&projection)) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$project needs a document with a field");
    }
    return oc_pipeline_project(&projection, documents, fault);
}

/* --- $group: the key is a constant or one field, the accumulators count ------------------------------------------ */

typedef struct groups {
    oc_documents keys; /* {_id: key} */
    int64_t *counts;
} groups;

/* A constant may be written {$const: v} or {$literal: v}; `at` then moves to v. */
static bool enter_constant(bson_iter_t *at) {
    bson_iter_t inner;
    if (!BSON_ITER_HOLDS_DOCUMENT(at)) {
        return false;
    }
    bson_iter_recurse(at, &inner);
    if (!bson_iter_next(&inner) ||
        (strcmp(bson_iter_key(&inner), "$const") != 0 && strcmp(bson_iter_key(&inner), "$literal") != 0)) {
        return false;
    }
    *at = inner;
    return true;
}

/* The key of a document: what `_id` of the specification says, where "$a.b" is the field of that path. */
static void group_key(const bson_iter_t *id, const bson_t *document, bson_t *out) {
    bson_iter_t at, value;
    bson_iter_t constant = *id;
    bool constant_key = enter_constant(&constant);
    const char *path = BSON_ITER_HOLDS_UTF8(id) ? bson_iter_utf8(id, NULL) : "";
    bson_init(out);
    if (constant_key || path[0] != '$') {
        bson_append_iter(out, "_id", -1, &constant);
    } else if (bson_iter_init(&at, document) && bson_iter_find_descendant(&at, path + 1, &value)) {
        bson_append_iter(out, "_id", -1, &value);
    } else {
        BSON_APPEND_NULL(out, "_id");
    }
}

static void count_in_group(groups *g, const bson_t *key) {
    bson_iter_t sought, known;
    bson_iter_init_find(&sought, key, "_id");
    size_t i = 0;
    for (; i < g->keys.count; i++) {
        bson_iter_init_find(&known, g->keys.items[i], "_id");
        if (oc_value_equal(&sought, &known)) {
            break;
        }
    }
    if (i == g->keys.count) {
        oc_documents_add(&g->keys, bson_copy(key));
        g->counts = bson_realloc(g->counts, g->keys.count * sizeof *g->counts);
        g->counts[i] = 0;
    }
    g->counts[i]++;
}

/* {$sum: 2} adds twice the number of documents. `sum` becomes the number. */
static bool find_sum(const bson_iter_t *at, bson_iter_t *sum) {
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, sum) || !bson_iter_next(sum) ||
        strcmp(bson_iter_key(sum), "$sum") != 0) {
        return false;
    }
    bson_iter_t after = *sum;
    bool alone = !bson_iter_next(&after);
    enter_constant(sum);
    return alone && BSON_ITER_HOLDS_INT(sum);
}

static bool is_key(const bson_iter_t *at) {
    bson_iter_t constant = *at;
    return !BSON_ITER_HOLDS_DOCUMENT(at) || enter_constant(&constant);
}

static bool check_accumulators(const bson_t *spec, oc_fault *fault) {
    bson_iter_t at, sum;
    bson_iter_init(&at, spec);
    while (bson_iter_next(&at)) {
        if (strcmp(bson_iter_key(&at), "_id") == 0 ? !is_key(&at) : !find_sum(&at, &sum)) {
            return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "the store cannot compute '%s' in $group",
                                bson_iter_key(&at));
        }
    }
    return true;
}

static void append_sums(const bson_t *spec, int64_t count, bson_t *to) {
    bson_iter_t at, sum;
    bson_iter_init(&at, spec);
    while (bson_iter_next(&at)) {
        if (strcmp(bson_iter_key(&at), "_id") != 0) {
            find_sum(&at, &sum);
            bson_append_int64(to, bson_iter_key(&at), -1, count * bson_iter_as_int64(&sum));
        }
    }
}

static bool run_group(const char *db, const bson_iter_t *at, oc_documents *documents, oc_fault *fault) {
    (void)db;
    bson_t spec, key;
    bson_iter_t id;
    groups g = {0};
    if (!oc_value_view(at, &spec) || !bson_iter_init_find(&id, &spec, "_id")) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$group needs an _id");
    }
    if (!check_accumulators(&spec, fault)) {
        return false;
    }
    for (size_t i = 0; i < documents->count; i++) {
        group_key(&id, documents->items[i], &key);
        count_in_group(&g, &key);
        bson_destroy(&key);
    }
    for (size_t i = 0; i < g.keys.count; i++) {
        append_sums(&spec, g.counts[i], g.keys.items[i]);
    }
    oc_documents_done(documents);
    *documents = g.keys;
    bson_free(g.counts);
    return true;
}

/* --- the other stages -------------------------------------------------------------------------------------------- */

static bool run_match(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    (void)db;
    bson_t filter;
    if (!oc_value_view(spec, &filter) || !oc_filter_check(&filter, fault)) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$match needs a document");
    }
    for (size_t i = documents->count; i-- > 0;) {
        if (!oc_filter_match(&filter, documents->items[i], fault)) {
            oc_documents_remove(documents, i);
        }
    }
    return true;
}

static bool run_limit(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    (void)db;
    if (!BSON_ITER_HOLDS_NUMBER(spec) || bson_iter_as_int64(spec) <= 0) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$limit needs a positive number");
    }
    oc_documents_slice(documents, 0, (size_t)bson_iter_as_int64(spec));
    return true;
}

static bool run_skip(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    (void)db;
    if (!BSON_ITER_HOLDS_NUMBER(spec) || bson_iter_as_int64(spec) < 0) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$skip needs a number");
    }
    oc_documents_slice(documents, (size_t)bson_iter_as_int64(spec), SIZE_MAX);
    return true;
}

static bool run_count(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    (void)db;
    if (!BSON_ITER_HOLDS_UTF8(spec)) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "$count needs a field name");
    }
    size_t count = documents->count;
    oc_documents_done(documents);
    if (count > 0) {
        oc_documents_add(documents, BCON_NEW(bson_iter_utf8(spec, NULL), BCON_INT64((int64_t)count)));
    }
    return true;
}

static const struct {
    const char *name;
    bool (*run)(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault);
} stages[] = {
    {"$count", run_count}, {"$group", run_group},     {"$limit", run_limit}, {"$lookup", oc_pipeline_lookup},
    {"$match", run_match}, {"$project", run_project}, {"$skip", run_skip},
};

static bool run_stage(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault) {
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (strcmp(stages[i].name, bson_iter_key(spec)) == 0) {
            return stages[i].run(db, spec, documents, fault);
        }
    }
    return oc_fault_set(fault, OC_FAULT_UNKNOWN_FIELD, "Unrecognized pipeline stage name: '%s'", bson_iter_key(spec));
}

bool oc_pipeline_run(const char *db, const bson_t *pipeline, oc_documents *documents, oc_fault *fault) {
    bson_iter_t at, stage;
    bson_iter_init(&at, pipeline);
    while (bson_iter_next(&at)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &stage) || !bson_iter_next(&stage)) {
            return oc_fault_set(fault, OC_FAULT_TYPE_MISMATCH, "a stage is a document with one field");
        }
        if (!run_stage(db, &stage, documents, fault)) {
            return false;
        }
    }
    return true;
}
