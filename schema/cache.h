#ifndef OC_CACHE_H
#define OC_CACHE_H

/* Compiled schemas by their bytes, shared between threads and bounded: the least recently used go first. A tree that is
 * in use outlives its place in the cache. */

#include "tree.h"

typedef enum oc_schema_kind { OC_CSFLE_LOCAL, OC_CSFLE_REMOTE, OC_ENCRYPTED_FIELDS } oc_schema_kind;

typedef struct oc_cache oc_cache;

/* How many trees are kept, and of how many bytes: all of them together, and each by itself whether kept or not. */
enum { OC_CACHE_MAX_ENTRIES = 1024, OC_CACHE_MAX_BYTES = 64 * 1024 * 1024 };

typedef struct oc_cache_stats {
    uint64_t hits, misses, count, bytes;
} oc_cache_stats;

/* NULL when memory is exhausted. */
oc_cache *oc_cache_new(void);
/* All trees must have been released. */
void oc_cache_free(oc_cache *cache);

/* The tree for a schema of `len` bytes (checked here, when it is new). NULL on failure, with the error set; a schema
 * that does not compile is not kept. The tree is the caller's until it calls oc_cache_release. */
const oc_tree *oc_cache_get(oc_cache *cache, oc_schema_kind kind, const uint8_t *schema, size_t len, oc_error *error);
void oc_cache_release(oc_cache *cache, const oc_tree *tree);

void oc_cache_stats_get(oc_cache *cache, oc_cache_stats *stats);

#endif
