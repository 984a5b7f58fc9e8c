#ifndef OC_SOURCE_H
#define OC_SOURCE_H

/* Where a request has its schemas: in `jsonSchema` and `isRemoteSchema` for one collection, in `csfleEncryptionSchemas`
 * for several, in `encryptionInformation` for Queryable Encryption. They stand in the command, or in the command that
 * an `explain` explains. */

#include "analysis.h"
#include "cache.h"

typedef struct oc_sourced {
    oc_elem e; /* e.start == NULL: not there */
    bool inner;
} oc_sourced;

typedef struct oc_tree_use {
    struct oc_tree_use *next;
    const oc_tree *tree;
} oc_tree_use;

typedef struct oc_sources {
    oc_sourced json_schema, is_remote, csfle_map, encryption_information;
    oc_tree_use *trees; /* to be released when the request is done */
    oc_nameset qe;      /* namespaces that encryptionInformation has given so far */
} oc_sources;

/* Finds the schema fields of `command` and of `inner` (the explained command, NULL if there is none). */
bool oc_sources_find(oc_analysis *a, const uint8_t *command, const uint8_t *inner, oc_sources *sources);
/* Compiles them and sets a->root, a->schema, a->namespaces, a->encrypts and a->qe. `db` and `collection` are the
 * command's; `bulk`, which is NULL for other commands, is a bulkWrite: it names its collections in nsInfo, and a->root
 * is set for each operation by itself. */
bool oc_sources_load(oc_analysis *a, oc_sources *sources, oc_cache *cache, oc_str db, oc_str collection,
                     const uint8_t *bulk);
void oc_sources_release(oc_sources *sources, oc_cache *cache);
/* How many bytes the CSFLE schema fields have. */
size_t oc_sources_size(const oc_sources *sources);
/* Leaves them out of the result. `inner` is the frame of the explained command. */
void oc_sources_drop(oc_analysis *a, const oc_sources *sources, oc_frame *command, oc_frame *inner);

#endif
