/* Every allocation fails in turn, of an analysis and of what else the public header offers: the answer is the right one
 * or a refusal, and nothing is lost. */

#include "unit.h"

#include <stdlib.h>

#include "../runner/cases.h"
#include "opencrypt.h"

static const char *folder;
static long fail_at = -1; /* allocations until one fails; -1: none does */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

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

void *__wrap_realloc(void *p, size_t size) {
    return fails_now() ? NULL : __real_realloc(p, size);
}

/* One analysis with everything made new, in which allocation number n fails. False: there were not so many. */
static bool analyze_failing(const oc_case *c, long n) {
    fail_at = n;
    failed = false;
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 16) : NULL;
    if (request) {
        opencrypt_reply reply;
        bson_t doc;
        opencrypt_analyze(request, bson_get_data(c->command), c->command->len, NULL, 0, &reply);
        fail_at = -1;
        assert_true(bson_init_static(&doc, reply.data, reply.len));
        assert_false(reply.ok && !c->reply);
        if (!failed)
            assert_int_equal(reply.ok, c->reply != NULL);
    }
    fail_at = -1;
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return failed;
}

static void fail_each(const oc_case *c, void *data) {
    size_t *count = data;
    long n = 0;
    while (analyze_failing(c, n))
        n++;
    assert_true(n > 1);
    ++*count;
}

static void every_allocation_may_fail(void **state) {
    size_t count = 0;
    (void)state;
    oc_cases_each(folder, fail_each, &count);
    assert_true(count > 0);
}

/* ---- schemas and placeholders ---- */

static const char schema_json[] =
    "{\"bsonType\": \"object\", \"properties\": {\"ssn\": {\"encrypt\": {\"algorithm\": "
    "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": \"/key\"}}, \"user\": {\"bsonType\": \"object\", "
    "\"patternProperties\": {\"^a rather long pattern, longer than the buffer that a path has at first\": "
    "{\"encrypt\": "
    "{\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": \"/key\"}}}}}}";

static const char reply_json[] =
    "{\"result\": {\"documents\": [{\"a name that makes the path grow a little\": [{\"$binary\": {\"base64\": "
    "\"AB0AAAAQYQACAAAAAmthAAIAAABrABB2AAEAAAAA\", \"subType\": \"06\"}}]}]}}";

static void look_into(opencrypt_schema *schema) {
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    size_t count = 0;
    while (fields && opencrypt_fields_next(fields))
        count++;
    assert_true(failed || count == 2);
    assert_true(!fields || opencrypt_fields_failed(fields) == (failed && count < 2));
    opencrypt_fields_free(fields);
    const opencrypt_place *place = opencrypt_schema_look_up(schema, "user.x", 6);
    assert_true(failed || (place && place->position == OPENCRYPT_AT_PLAIN));
    assert_true(place || opencrypt_schema_refusal(schema));
}

static void compile_failing(const bson_t *doc) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_schema *schema =
        engine ? opencrypt_schema_compile(engine, OPENCRYPT_SCHEMA_LOCAL, bson_get_data(doc), doc->len) : NULL;
    if (schema && opencrypt_schema_refusal(schema))
        assert_string_equal(opencrypt_schema_refusal(schema)->rule, "out-of-memory");
    if (schema && !opencrypt_schema_refusal(schema))
        look_into(schema);
    opencrypt_schema_free(schema);
    opencrypt_engine_free(engine);
}

static void read_failing(const bson_t *doc) {
    opencrypt_placeholders *it = opencrypt_placeholders_new(bson_get_data(doc), doc->len);
    size_t count = 0;
    while (it && opencrypt_placeholders_next(it))
        count++;
    assert_true(count == 1 || failed);
    if (it && opencrypt_placeholders_refusal(it))
        assert_string_equal(opencrypt_placeholders_refusal(it)->rule, failed ? "out-of-memory" : "");
    opencrypt_placeholders_free(it);
}

static void fail_each_of(void (*run)(const bson_t *doc), const char *json, long at_least) {
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    long n = 0;
    assert_non_null(doc);
    do {
        failed = false;
        fail_at = n++;
        run(doc);
    } while (failed);
    fail_at = -1;
    assert_true(n > at_least);
    bson_destroy(doc);
}

static void every_allocation_of_a_schema_may_fail(void **state) {
    (void)state;
    fail_each_of(compile_failing, schema_json, 8);
}

static void every_allocation_of_placeholders_may_fail(void **state) {
    (void)state;
    fail_each_of(read_failing, reply_json, 3);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_of_a_schema_may_fail),
        cmocka_unit_test(every_allocation_of_placeholders_may_fail),
    };
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
