#ifndef OC_STORE_DOCUMENTS_H
#define OC_STORE_DOCUMENTS_H

/* What the store holds: collections of documents, found by "db" and "name". Not thread-safe: the server runs one
 * command at a time. */

#include "fault.h"

#include <bson/bson.h>

/* A list that owns its documents. All zero is an empty list. */
typedef struct oc_documents {
    bson_t **items;
    size_t count, capacity;
} oc_documents;

/* Takes over `document`. */
void oc_documents_add(oc_documents *list, bson_t *document);
void oc_documents_remove(oc_documents *list, size_t index);
/* Removes all documents but those from index `from` to `from + count`. */
void oc_documents_slice(oc_documents *list, size_t from, size_t count);
void oc_documents_done(oc_documents *list);

typedef struct oc_collection {
    char *db, *name;
    bson_t *options;      /* as `create` gave them: {validator, encryptedFields} */
    oc_documents indexes; /* as `createIndexes` gave them: {key, name, unique, partialFilterExpression} */
    oc_documents documents;
    struct oc_collection *next;
} oc_collection;

/* NULL if there is no such collection. */
oc_collection *oc_collection_find(const char *db, const char *name);
oc_collection *oc_collection_make(const char *db, const char *name, const bson_t *options);
oc_collection *oc_collection_first(void);
/* Drops the collections of `db`, or the one with that name. Returns how many there were. */
size_t oc_collection_drop(const char *db, const char *name);

/* Takes over `document`, giving it an `_id` in first place. False, with a fault, if a unique index or the
 * collection's encryptedFields forbid it; the document is gone then. */
bool oc_collection_insert(oc_collection *collection, bson_t *document, oc_fault *fault);
/* Takes over `document` in place of the one at `index`. */
bool oc_collection_replace(oc_collection *collection, size_t index, bson_t *document, oc_fault *fault);

#endif
