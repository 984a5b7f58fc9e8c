/* The schema cache: shared between threads, bounded, and never keeping what does not compile. */

#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "cache.h"
#include "opencrypt.h"

static bson_t *schema_of(int n) {
    char text[512];
    bson_error_t error;
    snprintf(
        text, sizeof text,
        "{\"bsonType\": \"object\", \"properties\": {\"f%d\": {\"encrypt\": {\"bsonType\": \"string\", \"algorithm\": "
        "\"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"keyId\": [{\"$binary\": {\"base64\": "
        "\"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}}}",
        n);
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);
    assert_non_null(doc);
    return doc;
}

static const oc_tree *get(oc_cache *cache, oc_schema_kind kind, const bson_t *schema) {
    oc_error error = {.rule = OC_NONE};
    return oc_cache_get(cache, kind, bson_get_data(schema), schema->len, &error);
}

static void a_known_schema_is_not_compiled_again(void **state) {
    oc_cache *cache = oc_cache_new();
    bson_t *schema = schema_of(1);
    oc_cache_stats stats;
    (void)state;
    const oc_tree *first = get(cache, OC_CSFLE_LOCAL, schema);
    assert_ptr_equal(first, get(cache, OC_CSFLE_LOCAL, schema));
    const oc_tree *remote = get(cache, OC_CSFLE_REMOTE, schema);
    assert_ptr_not_equal(first, remote);
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 2);
    assert_int_equal(stats.count, 2);
    oc_cache_release(cache, first);
    oc_cache_release(cache, first);
    oc_cache_release(cache, remote);
    oc_cache_free(cache);
    bson_destroy(schema);
}

static void the_cache_is_bounded_and_trees_in_use_stay(void **state) {
    oc_cache *cache = oc_cache_new();
    oc_cache_stats stats;
    bson_t *held_schema = schema_of(0);
    (void)state;
    const oc_tree *held = get(cache, OC_CSFLE_LOCAL, held_schema);
    for (int i = 1; i < 3000; i++) {
        bson_t *schema = schema_of(i);
        oc_cache_release(cache, get(cache, OC_CSFLE_LOCAL, schema));
        bson_destroy(schema);
    }
    oc_cache_stats_get(cache, &stats);
    assert_in_range(stats.count, 1, 1024);
    assert_true(oc_tree_encrypts(held));
    assert_int_equal(held->root->children.count, 1);
    const oc_tree *again = get(cache, OC_CSFLE_LOCAL, held_schema);
    assert_ptr_not_equal(held, again);
    oc_cache_release(cache, held);
    oc_cache_release(cache, again);
    oc_cache_free(cache);
    bson_destroy(held_schema);
}

static void use(oc_cache *cache, const bson_t *schema) {
    const oc_tree *tree = get(cache, OC_CSFLE_LOCAL, schema);
    assert_non_null(tree);
    oc_cache_release(cache, tree);
}

static void use_number(oc_cache *cache, int n) {
    bson_t *schema = schema_of(n);
    use(cache, schema);
    bson_destroy(schema);
}

/* The least recently used goes, when there is one too many and not before. */
static void the_cache_keeps_so_many_trees(void **state) {
    oc_cache *cache = oc_cache_new();
    oc_cache_stats stats;
    (void)state;
    for (int i = 0; i < OC_CACHE_MAX_ENTRIES; i++)
        use_number(cache, i);
    use_number(cache, 0); /* now 1 is the oldest */
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.count, OC_CACHE_MAX_ENTRIES);
    assert_int_equal(stats.hits, 1);
    use_number(cache, OC_CACHE_MAX_ENTRIES);
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.count, OC_CACHE_MAX_ENTRIES);
    use_number(cache, 0);
    use_number(cache, 2);
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.hits, 3);
    use_number(cache, 1);
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.hits, 3);
    assert_int_equal(stats.misses, OC_CACHE_MAX_ENTRIES + 2);
    oc_cache_free(cache);
}

/* A schema with a text of `len` bytes in it, and so a tree that is as much larger than another as its text is longer.
 */
static bson_t *schema_with_text(size_t len) {
    bson_t *schema = bson_new();
    char *text = malloc(len);
    memset(text, 'x', len);
    BSON_APPEND_UTF8(schema, "bsonType", "object");
    bson_append_utf8(schema, "description", -1, text, (int)len);
    free(text);
    return schema;
}

static size_t size_with_text(oc_cache *cache, size_t len) {
    bson_t *schema = schema_with_text(len);
    const oc_tree *tree = get(cache, OC_CSFLE_LOCAL, schema);
    assert_non_null(tree);
    size_t size = tree->size;
    oc_cache_release(cache, tree);
    bson_destroy(schema);
    return size;
}

/* What of a text of half the bytes and one that is `more` bytes longer than what is left is kept. */
static void two_trees(size_t more, oc_cache_stats *stats) {
    enum { HALF = OC_CACHE_MAX_BYTES / 2 };
    oc_cache *cache = oc_cache_new();
    size_t first = size_with_text(cache, HALF);
    size_with_text(cache, HALF - 2 * (first - HALF) + more);
    oc_cache_stats_get(cache, stats);
    oc_cache_free(cache);
}

static void the_cache_keeps_so_many_bytes(void **state) {
    oc_cache_stats stats;
    (void)state;
    two_trees(0, &stats);
    assert_int_equal(stats.bytes, OC_CACHE_MAX_BYTES);
    assert_int_equal(stats.count, 2);
    two_trees(16, &stats);
    assert_int_equal(stats.count, 1);
    assert_in_range(stats.bytes, 1, OC_CACHE_MAX_BYTES);
}

static void a_tree_has_so_many_bytes(void **state) {
    oc_error error = {.rule = OC_NONE};
    oc_cache *cache = oc_cache_new();
    size_t around = size_with_text(cache, OC_CACHE_MAX_BYTES / 2) - OC_CACHE_MAX_BYTES / 2;
    (void)state;
    assert_int_equal(size_with_text(cache, OC_CACHE_MAX_BYTES - around), OC_CACHE_MAX_BYTES);
    bson_t *schema = schema_with_text(OC_CACHE_MAX_BYTES - around + 16);
    assert_null(oc_cache_get(cache, OC_CSFLE_LOCAL, bson_get_data(schema), schema->len, &error));
    assert_int_equal(error.rule, OC_TOO_COMPLEX);
    oc_cache_free(cache);
    bson_destroy(schema);
}

static void what_does_not_compile_is_not_kept(void **state) {
    oc_cache *cache = oc_cache_new();
    bson_t *bad = bson_new_from_json((const uint8_t *)"{\"encrypt\": {}}", -1, NULL);
    oc_cache_stats stats;
    (void)state;
    assert_null(get(cache, OC_CSFLE_LOCAL, bad));
    oc_cache_stats_get(cache, &stats);
    assert_int_equal(stats.count, 0);
    oc_cache_free(cache);
    bson_destroy(bad);
}

static void assert_too_deep(const bson_t *schema) {
    oc_error error = {.rule = OC_NONE};
    oc_cache *cache = oc_cache_new();
    assert_null(oc_cache_get(cache, OC_CSFLE_REMOTE, bson_get_data(schema), schema->len, &error));
    assert_int_equal(error.rule, OC_TOO_DEEP);
    oc_cache_free(cache);
}

/* Of BSON, and of schemas in schemas that need fewer levels of it. */
static void a_schema_is_not_nested_without_end(void **state) {
    bson_t *keyword = bson_new_from_json((const uint8_t *)"{\"title\": \"t\"}", -1, NULL);
    (void)state;
    for (int i = 0; i < 250; i++) {
        bson_t *outer = bson_new();
        BSON_APPEND_DOCUMENT(outer, "not", keyword);
        bson_destroy(keyword);
        keyword = outer;
        if (i == 120)
            assert_too_deep(keyword);
    }
    assert_too_deep(keyword);
    bson_destroy(keyword);
}

static void no_cache_is_freed_as_well(void **state) {
    (void)state;
    oc_cache_free(NULL);
}

/* Threads that share few schemas and many, so that entries are found, made twice and evicted at the same time. */
static void *use_cache(void *data) {
    for (int i = 0; i < 3000; i++) {
        bson_t *schema = schema_of(i % 7 ? i % 5 : i);
        const oc_tree *tree = get(data, OC_CSFLE_LOCAL, schema);
        assert_true(tree && oc_tree_encrypts(tree));
        oc_cache_release(data, tree);
        bson_destroy(schema);
    }
    return NULL;
}

static void threads_share_the_cache(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    oc_cache *cache = oc_cache_new();
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    oc_cache_free(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_schema_is_not_compiled_again),
        cmocka_unit_test(the_cache_is_bounded_and_trees_in_use_stay),
        cmocka_unit_test(the_cache_keeps_so_many_trees),
        cmocka_unit_test(the_cache_keeps_so_many_bytes),
        cmocka_unit_test(a_tree_has_so_many_bytes),
        cmocka_unit_test(what_does_not_compile_is_not_kept),
        cmocka_unit_test(a_schema_is_not_nested_without_end),
        cmocka_unit_test(no_cache_is_freed_as_well),
        cmocka_unit_test(threads_share_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
