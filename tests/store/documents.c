#include "documents.h"

#include "filter.h"
#include "payload.h"
#include "value.h"

#include <string.h>

static oc_collection *collections;

void oc_documents_add(oc_documents *list, bson_t *document) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->items = bson_realloc(list->items, list->capacity * sizeof(bson_t *));
    }
    list->items[list->count++] = document;
}

void oc_documents_remove(oc_documents *list, size_t index) {
    bson_destroy(list->items[index]);
    list->count--;
    memmove(&list->items[index], &list->items[index + 1], (list->count - index) * sizeof(bson_t *));
}

void oc_documents_slice(oc_documents *list, size_t from, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (i >= from && kept < count) {
            list->items[kept++] = list->items[i];
        } else {
            bson_destroy(list->items[i]);
        }
    }
    list->count = kept;
}

void oc_documents_done(oc_documents *list) {
    oc_documents_slice(list, 0, 0);
    bson_free(list->items);
    *list = (oc_documents){0};
}

oc_collection *oc_collection_first(void) {
    return collections;
}

oc_collection *oc_collection_find(const char *db, const char *name) {
    oc_collection *at = collections;
    while (at && (strcmp(at->db, db) != 0 || strcmp(at->name, name) != 0)) {
        at = at->next;
    }
    return at;
}

oc_collection *oc_collection_make(const char *db, const char *name, const bson_t *options) {
    oc_collection *made = bson_malloc0(sizeof *made);
    made->db = bson_strdup(db);
    made->name = bson_strdup(name);
    made->options = bson_copy(options);
    oc_documents_add(&made->indexes, BCON_NEW("key", "{", "_id", BCON_INT32(1), "}", "name", BCON_UTF8("_id_"),
                                              "unique", BCON_BOOL(true)));
    made->next = collections;
    collections = made;
    return made;
}

static void collection_free(oc_collection *collection) {
    oc_documents_done(&collection->documents);
    oc_documents_done(&collection->indexes);
    bson_destroy(collection->options);
    bson_free(collection->db);
    bson_free(collection->name);
    bson_free(collection);
}

size_t oc_collection_drop(const char *db, const char *name) {
    size_t dropped = 0;
    oc_collection **link = &collections;
    while (*link) {
        oc_collection *at = *link;
        if (strcmp(at->db, db) == 0 && (!name || strcmp(at->name, name) == 0)) {
            *link = at->next;
            collection_free(at);
            dropped++;
        } else {
            link = &at->next;
        }
    }
    return dropped;
}

typedef struct clash {
    const char *path;
    const bson_t *other;
    const bson_iter_t *value;
} clash;

static bool equals_clash(const bson_iter_t *value, void *context) {
    const clash *c = context;
    return oc_value_equal(value, c->value);
}

/* An array itself is no key of an index, its elements are. */
static bool in_other(const bson_iter_t *value, void *context) {
    clash *c = context;
    c->value = value;
    return !BSON_ITER_HOLDS_ARRAY(value) && oc_value_visit(c->other, c->path, equals_clash, c);
}

/* A document without the field is not held against another: every unique index here is on `_id`, which is always there,
 * or partial, like the key vault's on keyAltNames. */
static bool collide(const bson_t *index, const bson_t *document, const bson_t *other) {
    oc_fault ignored = {0};
    bson_iter_t key, filter_at;
    bson_t filter;
    bson_iter_init_find(&key, index, "key");
    bson_iter_t path;
    bson_iter_recurse(&key, &path);
    bson_iter_next(&path);
    if (bson_iter_init_find(&filter_at, index, "partialFilterExpression") && oc_value_view(&filter_at, &filter) &&
        !(oc_filter_match(&filter, document, &ignored) && oc_filter_match(&filter, other, &ignored))) {
        return false;
    }
    clash c = {bson_iter_key(&path), other, NULL};
    return oc_value_visit(document, c.path, in_other, &c);
}

static bool collide_with_any(oc_collection *collection, const bson_t *index, const bson_t *document, size_t except) {
    for (size_t i = 0; i < collection->documents.count; i++) {
        if (i != except && collide(index, document, collection->documents.items[i])) {
            return true;
        }
    }
    return false;
}

static bool unique(oc_collection *collection, const bson_t *document, size_t except, oc_fault *fault) {
    for (size_t i = 0; i < collection->indexes.count; i++) {
        const bson_t *index = collection->indexes.items[i];
        if (oc_value_int(index, "unique", 0) && collide_with_any(collection, index, document, except)) {
            bson_iter_t name;
            bson_iter_init_find(&name, index, "name");
            return oc_fault_set(fault, OC_FAULT_DUPLICATE_KEY, "E11000 duplicate key error collection: %s.%s index: %s",
                                collection->db, collection->name, bson_iter_utf8(&name, NULL));
        }
    }
    return true;
}

/* MongoDB stores `_id` first, and makes one where the client gave none. */
static bson_t *with_id(const bson_t *document) {
    bson_t *made = bson_new();
    bson_iter_t id;
    if (bson_iter_init_find(&id, document, "_id")) {
        bson_append_iter(made, NULL, 0, &id);
    } else {
        bson_oid_t oid;
        bson_oid_init(&oid, NULL);
        BSON_APPEND_OID(made, "_id", &oid);
    }
    bson_copy_to_excluding_noinit(document, made, "_id", (char *)NULL);
    return made;
}

/* The paths of encryptedFields may hold nothing that is not encrypted, as on a real server. */
static bool encrypted(const oc_collection *collection, const bson_t *document, oc_fault *fault) {
    bson_iter_t at, fields, field, path, start, value;
    if (!bson_iter_init(&at, collection->options) ||
        !bson_iter_find_descendant(&at, "encryptedFields.fields", &fields) || !bson_iter_recurse(&fields, &field)) {
        return true;
    }
    while (bson_iter_next(&field)) {
        if (bson_iter_recurse(&field, &path) && bson_iter_find(&path, "path") && bson_iter_init(&start, document) &&
            bson_iter_find_descendant(&start, bson_iter_utf8(&path, NULL), &value) &&
            (!oc_payload_is(&value) || oc_payload_is_find(&value))) {
            return oc_fault_set(fault, OC_FAULT_DOCUMENT_VALIDATION, "Document failed validation: %s is not encrypted",
                                bson_iter_utf8(&path, NULL));
        }
    }
    return true;
}

static bool may_be_stored(oc_collection *collection, const bson_t *document, size_t except, oc_fault *fault) {
    return encrypted(collection, document, fault) && unique(collection, document, except, fault);
}

bool oc_collection_insert(oc_collection *collection, bson_t *document, oc_fault *fault) {
    bson_t *made = with_id(document);
    bson_destroy(document);
    if (!may_be_stored(collection, made, SIZE_MAX, fault)) {
        bson_destroy(made);
        return false;
    }
    oc_documents_add(&collection->documents, made);
    return true;
}

bool oc_collection_replace(oc_collection *collection, size_t index, bson_t *document, oc_fault *fault) {
    if (!may_be_stored(collection, document, index, fault)) {
        bson_destroy(document);
        return false;
    }
    bson_destroy(collection->documents.items[index]);
    collection->documents.items[index] = document;
    return true;
}
