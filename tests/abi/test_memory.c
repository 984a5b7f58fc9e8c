/* Every allocation below the ABI fails in turn: each function returns, and says so. The library's source is compiled
 * into this test, whose malloc and calloc it then uses. */

#include "unit.h"

#include <stdlib.h>

#include <bson/bson.h>

#include "mongo_crypt_v1.h"

static long fail_at = -1; /* allocations until one fails; -1: none does */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails_now(void) {
    if (fail_at < 0 || fail_at-- > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

static bson_t *make_insert(void) {
    bson_error_t error;
    return bson_new_from_json(
        (const uint8_t *)"{\"insert\": \"people\", \"documents\": [{\"ssn\": \"x\"}], \"jsonSchema\": {\"bsonType\": "
                         "\"object\", \"patternProperties\": {\"^ssn\": {\"encrypt\": {\"algorithm\": "
                         "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": [{\"$binary\": {\"base64\": "
                         "\"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}}}, \"isRemoteSchema\": false}",
        -1, &error);
}

/* A result only if no allocation failed; else whoever is told, is told ENOMEM. */
static void check(const void *result, const mongo_crypt_v1_status *status) {
    assert_int_equal(result == NULL, failed);
    if (!status)
        return;
    assert_int_equal(mongo_crypt_v1_status_get_error(status),
                     failed ? MONGO_CRYPT_V1_ERROR_ENOMEM : MONGO_CRYPT_V1_SUCCESS);
    assert_int_equal(mongo_crypt_v1_status_get_explanation(status)[0] != '\0', failed);
}

/* One life of the library, in which allocation number n fails. False: there were not so many. */
static bool live_failing(const bson_t *command, long n, bool with_status) {
    mongo_crypt_v1_query_analyzer *analyzer = NULL;
    uint8_t *reply = NULL;
    uint32_t len;
    mongo_crypt_v1_status *status = with_status ? mongo_crypt_v1_status_create() : NULL;
    failed = false;
    fail_at = n;
    mongo_crypt_v1_lib *lib = mongo_crypt_v1_lib_create(status);
    check(lib, status);
    if (lib) {
        analyzer = mongo_crypt_v1_query_analyzer_create(lib, status);
        check(analyzer, status);
    }
    if (analyzer) {
        reply = mongo_crypt_v1_analyze_query(analyzer, bson_get_data(command), "db.people", 9, &len, status);
        check(reply, status);
    }
    fail_at = -1;
    mongo_crypt_v1_bson_free(reply);
    mongo_crypt_v1_query_analyzer_destroy(analyzer);
    if (lib)
        assert_int_equal(mongo_crypt_v1_lib_destroy(lib, status), MONGO_CRYPT_V1_SUCCESS);
    mongo_crypt_v1_status_destroy(status);
    return failed;
}

static void exhausted_memory_is_reported(void **state) {
    bson_t *command = make_insert();
    (void)state;
    for (int with_status = 0; with_status < 2; with_status++) {
        long n = 0;
        while (live_failing(command, n, with_status))
            n++;
        assert_true(n > 5);
    }
    bson_destroy(command);
}

static void a_status_needs_memory(void **state) {
    (void)state;
    fail_at = 0;
    assert_null(mongo_crypt_v1_status_create());
    fail_at = -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(exhausted_memory_is_reported),
                                       cmocka_unit_test(a_status_needs_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
