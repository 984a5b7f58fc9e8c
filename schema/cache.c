#include "cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "csfle.h"
#include "encrypted_fields.h"

/* Applications have tens of schemas of a few kilobytes. A tree of properties costs some twenty times its schema's
 * bytes, one of patterns up to a thousand times. */
enum {
    BUCKETS = 1024,
    MAX_ENTRIES = OC_CACHE_MAX_ENTRIES,
    MAX_BYTES = OC_CACHE_MAX_BYTES,
    MAX_TREE = OC_CACHE_MAX_BYTES,
};

typedef struct entry {
    oc_tree tree; /* first, so that a tree leads back to its entry */
    struct entry *next_in_bucket;
    struct entry *newer, *older; /* by use */
    const uint8_t *schema;       /* in tree.arena */
    size_t len;
    uint64_t hash;
    oc_schema_kind kind;
    unsigned users;
    bool cached;
} entry;

struct oc_cache {
    pthread_mutex_t lock;
    entry *buckets[BUCKETS];
    entry *newest, *oldest;
    oc_cache_stats stats;
};

oc_cache *oc_cache_new(void) {
    oc_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

static void free_entry(entry *e) {
    oc_arena_done(&e->tree.arena);
    free(e);
}

/* ---- under the lock ---- */

static void unlink_by_use(oc_cache *cache, entry *e) {
    *(e->newer ? &e->newer->older : &cache->newest) = e->older;
    *(e->older ? &e->older->newer : &cache->oldest) = e->newer;
}

static void link_newest(oc_cache *cache, entry *e) {
    e->newer = NULL;
    e->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static entry *find(oc_cache *cache, uint64_t hash, oc_schema_kind kind, const uint8_t *schema, size_t len) {
    entry *e = cache->buckets[hash % BUCKETS];
    while (e && !(e->hash == hash && e->kind == kind && e->len == len && memcmp(e->schema, schema, len) == 0))
        e = e->next_in_bucket;
    return e;
}

static void remove_from_cache(oc_cache *cache, entry *e) {
    entry **link = &cache->buckets[e->hash % BUCKETS];
    while (*link != e)
        link = &(*link)->next_in_bucket;
    *link = e->next_in_bucket;
    unlink_by_use(cache, e);
    e->cached = false;
    cache->stats.count--;
    cache->stats.bytes -= e->tree.size;
    if (e->users == 0)
        free_entry(e);
}

static void add_to_cache(oc_cache *cache, entry *e) {
    while (cache->oldest && (cache->stats.count >= MAX_ENTRIES || cache->stats.bytes + e->tree.size > MAX_BYTES))
        remove_from_cache(cache, cache->oldest);
    e->next_in_bucket = cache->buckets[e->hash % BUCKETS];
    cache->buckets[e->hash % BUCKETS] = e;
    link_newest(cache, e);
    e->cached = true;
    cache->stats.count++;
    cache->stats.bytes += e->tree.size;
}

/* ---- outside ---- */

static entry *use_cached(oc_cache *cache, uint64_t hash, oc_schema_kind kind, const uint8_t *schema, size_t len) {
    pthread_mutex_lock(&cache->lock);
    entry *e = find(cache, hash, kind, schema, len);
    if (e) {
        e->users++;
        cache->stats.hits++;
        if (cache->newest != e) {
            unlink_by_use(cache, e);
            link_newest(cache, e);
        }
    } else {
        cache->stats.misses++;
    }
    pthread_mutex_unlock(&cache->lock);
    return e;
}

static bool check(const uint8_t *schema, size_t len, oc_error *error) {
    oc_bson_report report;
    switch (oc_bson_check(schema, len, NULL, &report)) {
    case OC_BSON_OK: return true;
    case OC_BSON_TOO_DEEP:
        return oc_fail(error, OC_TOO_DEEP, NULL, NULL, NULL, "The schema is nested deeper than %d levels of BSON",
                       OC_MAX_DEPTH);
    default:
        return oc_fail(error, OC_MALFORMED_BSON, NULL, NULL, NULL, "The schema is not well-formed BSON, at byte %zu",
                       report.offset);
    }
}

static bool compile_kind(entry *e, oc_error *error) {
    return e->kind == OC_ENCRYPTED_FIELDS ? oc_encrypted_fields_compile(&e->tree, e->schema, error)
                                          : oc_csfle_compile(&e->tree, e->schema, e->kind == OC_CSFLE_REMOTE, error);
}

/* What seemed to be exhausted memory was the limit. */
static void fail_too_large(oc_error *error) {
    error->rule = OC_NONE;
    oc_fail(error, OC_TOO_COMPLEX, NULL, NULL, "use fewer or simpler patternProperties, or fewer fields",
            "The schema would take more than %d bytes of memory when it is compiled", MAX_TREE);
}

/* The tree borrows names from its schema, so it is compiled from a copy of its own. */
static entry *compile(uint64_t hash, oc_schema_kind kind, const uint8_t *schema, size_t len, oc_error *error) {
    if (!check(schema, len, error))
        return NULL;
    entry *e = calloc(1, sizeof *e);
    if (e)
        e->tree.arena.limit = MAX_TREE;
    uint8_t *copy = e ? oc_arena_alloc(&e->tree.arena, len) : NULL;
    if (!copy) {
        if (e && e->tree.arena.exceeded)
            fail_too_large(error);
        free(e);
        oc_fail(error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
        return NULL;
    }
    memcpy(copy, schema, len);
    e->schema = copy;
    e->len = len;
    e->hash = hash;
    e->kind = kind;
    e->users = 1;
    if (compile_kind(e, error)) {
        e->tree.size = e->tree.arena.total;
        return e;
    }
    if (e->tree.arena.exceeded)
        fail_too_large(error);
    free_entry(e);
    return NULL;
}

const oc_tree *oc_cache_get(oc_cache *cache, oc_schema_kind kind, const uint8_t *schema, size_t len, oc_error *error) {
    uint64_t hash = oc_hash(schema, len);
    entry *e = use_cached(cache, hash, kind, schema, len);
    if (e)
        return &e->tree;
    e = compile(hash, kind, schema, len, error);
    if (!e)
        return NULL;
    pthread_mutex_lock(&cache->lock);
    /* Another thread may have been faster; then this tree serves one request only. */
    if (!find(cache, hash, kind, schema, len))
        add_to_cache(cache, e);
    pthread_mutex_unlock(&cache->lock);
    return &e->tree;
}

void oc_cache_release(oc_cache *cache, const oc_tree *tree) {
    entry *e = (entry *)(uintptr_t)tree;
    pthread_mutex_lock(&cache->lock);
    bool unused = --e->users == 0 && !e->cached;
    pthread_mutex_unlock(&cache->lock);
    if (unused)
        free_entry(e);
}

void oc_cache_free(oc_cache *cache) {
    if (!cache)
        return;
    while (cache->oldest)
        remove_from_cache(cache, cache->oldest);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void oc_cache_stats_get(oc_cache *cache, oc_cache_stats *stats) {
    pthread_mutex_lock(&cache->lock);
    *stats = cache->stats;
    pthread_mutex_unlock(&cache->lock);
}
