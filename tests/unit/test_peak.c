/* How much memory one request takes at most: its bytes and those of its reply, 64 MiB, and 64 bytes for each mark.
 * Every allocation of the engine goes through the test, which counts what is held. */

#include "unit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "cache.h"
#include "opencrypt.h"

enum { MIB = 1024 * 1024, OF_A_REQUEST = 64 * MIB, OF_A_MARK = 64, MOST_BYTES = 48000000 };

/* ---- counting ---- */

static size_t held, most_held;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *p);

static void *hold(void *p) {
    held += p ? malloc_usable_size(p) : 0;
    most_held = held > most_held ? held : most_held;
    return p;
}

void *__wrap_malloc(size_t size) {
    return hold(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return hold(__real_calloc(count, size));
}

void __wrap_free(void *p) {
    held -= p ? malloc_usable_size(p) : 0;
    __real_free(p);
}

/* ---- requests ---- */

typedef struct outcome {
    bool ok;
    size_t len;  /* of the reply */
    size_t peak; /* bytes that the analysis held beyond what was held before */
    uint64_t marks;
    char rule[32], message[512];
} outcome;

static outcome analyze_bytes(const uint8_t *command, size_t len) {
    opencrypt_reply reply;
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    size_t before = most_held = held;
    opencrypt_analyze(request, command, len, NULL, 0, &reply);
    outcome out = {.ok = reply.ok, .len = reply.len, .peak = most_held - before, .marks = reply.placeholders};
    if (!reply.ok) {
        snprintf(out.rule, sizeof out.rule, "%s", reply.refusal.rule);
        snprintf(out.message, sizeof out.message, "%s", reply.refusal.message);
    }
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return out;
}

static outcome analyze(bson_t *command) {
    outcome out = analyze_bytes(bson_get_data(command), command->len);
    size_t reply = out.ok ? out.len : 0;
    assert_in_range(out.peak, 1, command->len + reply + OF_A_REQUEST + MIB + out.marks * OF_A_MARK);
    bson_destroy(command);
    return out;
}

static void assert_too_large(const outcome *out) {
    assert_false(out->ok);
    assert_string_equal(out->rule, "too-large");
    assert_non_null(strstr(out->message, "would be larger than"));
}

static void append_json(bson_t *to, const char *name, const char *json) {
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!doc)
        fail_msg("%s", error.message);
    bson_append_document(to, name, -1, doc);
    bson_destroy(doc);
}

static void append_deterministic(bson_t *command) {
    append_json(
        command, "jsonSchema",
        "{\"bsonType\": \"object\", \"properties\": {\"a\": {\"encrypt\": {\"bsonType\": \"int\", \"algorithm\": "
        "\"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"keyId\": [{\"$binary\": {\"base64\": "
        "\"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}}}");
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
    BSON_APPEND_UTF8(command, "$db", "db");
}

static void append_queryable(bson_t *command, const char *query) {
    char json[512];
    snprintf(json, sizeof json,
             "{\"type\": 1, \"schema\": {\"db.c\": {\"fields\": [{\"path\": \"a\", \"bsonType\": \"int\", \"keyId\": "
             "{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}, \"queries\": "
             "{\"queryType\": \"%s\"}}]}}}",
             query);
    append_json(command, "encryptionInformation", json);
    BSON_APPEND_UTF8(command, "$db", "db");
}

static void append_deterministic_too(bson_t *command, const char *query) {
    (void)query;
    append_deterministic(command);
}

/* {find: "c", filter: {a: {$in: [0, 1, …]}}} of `count` values. */
static bson_t *find_among(uint32_t count) {
    bson_t *command = bson_new(), filter, a, list;
    char key[16];
    BSON_APPEND_UTF8(command, "find", "c");
    bson_append_document_begin(command, "filter", -1, &filter);
    bson_append_document_begin(&filter, "a", -1, &a);
    bson_append_array_begin(&a, "$in", -1, &list);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%u", i);
        bson_append_int32(&list, key, -1, (int32_t)i);
    }
    bson_append_array_end(&a, &list);
    bson_append_document_end(&filter, &a);
    bson_append_document_end(command, &filter);
    return command;
}

/* {find: "c", filter: {$expr: {$in: ["$a", [0, 1, …]]}}} */
static bson_t *find_by_expression(uint32_t count) {
    bson_t *command = bson_new(), filter, expression, operands, list;
    char key[16];
    BSON_APPEND_UTF8(command, "find", "c");
    bson_append_document_begin(command, "filter", -1, &filter);
    bson_append_document_begin(&filter, "$expr", -1, &expression);
    bson_append_array_begin(&expression, "$in", -1, &operands);
    BSON_APPEND_UTF8(&operands, "0", "$a");
    bson_append_array_begin(&operands, "1", -1, &list);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%u", i);
        bson_append_int32(&list, key, -1, (int32_t)i);
    }
    bson_append_array_end(&operands, &list);
    bson_append_array_end(&expression, &operands);
    bson_append_document_end(&filter, &expression);
    bson_append_document_end(command, &filter);
    return command;
}

/* How long lists may be, by kind of field: the reply's limit decides, not the arena's. */
static const struct {
    const char *query; /* NULL: deterministic */
    void (*schema)(bson_t *command, const char *query);
    uint32_t fits, marks_of_one;
} lists[] = {
    {NULL, append_deterministic_too, 700000, 1},
    {"equality", append_queryable, 350000, 1},
    {"range", append_queryable, 90000, 2},
};

static void lists_of_24_megabytes_are_refused_within_the_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        bson_t *command = find_among(2000000);
        lists[i].schema(command, lists[i].query);
        outcome out = analyze(command);
        assert_too_large(&out);
    }
}

static void long_lists_pass_within_the_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        bson_t *command = find_among(lists[i].fits);
        lists[i].schema(command, lists[i].query);
        outcome out = analyze(command);
        assert_string_equal(out.message, "");
        assert_int_equal(out.marks, lists[i].fits * lists[i].marks_of_one);
        assert_in_range(out.len, MOST_BYTES / 2, MOST_BYTES);
    }
}

static void lists_in_expressions_are_bounded(void **state) {
    (void)state;
    bson_t *command = find_by_expression(90000);
    append_queryable(command, "range");
    outcome out = analyze(command);
    assert_string_equal(out.message, "");
    assert_int_equal(out.marks, 180000);
    command = find_by_expression(2000000);
    append_queryable(command, "range");
    out = analyze(command);
    assert_false(out.ok);
}

/* An insert of documents {a: 1, <name>: <text>}. */
static bson_t *insert_of(uint32_t documents, const char *name, size_t text) {
    bson_t *command = bson_new(), list, doc;
    char key[16], *filler = calloc(1, text + 1);
    memset(filler, 'x', text);
    BSON_APPEND_UTF8(command, "insert", "c");
    bson_append_array_begin(command, "documents", -1, &list);
    for (uint32_t i = 0; i < documents; i++) {
        snprintf(key, sizeof key, "%u", i);
        bson_append_document_begin(&list, key, -1, &doc);
        BSON_APPEND_INT32(&doc, name, 1);
        bson_append_utf8(&doc, "t", -1, filler, (int)text);
        bson_append_document_end(&list, &doc);
    }
    bson_append_array_end(command, &list);
    free(filler);
    append_deterministic(command);
    return command;
}

static void an_insert_of_47_megabytes_passes(void **state) {
    (void)state;
    bson_t *command = insert_of(3000, "plain", 15900);
    assert_in_range(command->len, 47 * 1000000, MOST_BYTES);
    outcome out = analyze(command);
    assert_string_equal(out.message, "");
    assert_int_equal(out.marks, 0);
    command = insert_of(3000, "a", 15700);
    assert_in_range(command->len, 47 * 1000000, MOST_BYTES);
    out = analyze(command);
    assert_string_equal(out.message, "");
    assert_int_equal(out.marks, 3000);
}

/* Each document costs an edit for its length besides that for its mark. */
static void an_insert_of_many_marks_passes(void **state) {
    (void)state;
    outcome out = analyze(insert_of(500000, "a", 1));
    assert_string_equal(out.message, "");
    assert_int_equal(out.marks, 500000);
    out = analyze(insert_of(1000000, "a", 1));
    assert_too_large(&out);
}

/* To the byte, but for what stands around the command, for which a fixed length is set aside. */
static void the_reply_has_at_most_48000000_bytes(void **state) {
    enum { TEXT = 47000000, SET_ASIDE = 128 };
    (void)state;
    outcome out = analyze(insert_of(1, "a", TEXT));
    assert_string_equal(out.message, "");
    size_t most = TEXT + (MOST_BYTES - out.len);
    out = analyze(insert_of(1, "a", most - SET_ASIDE));
    assert_string_equal(out.message, "");
    assert_in_range(out.len, MOST_BYTES - SET_ASIDE, MOST_BYTES);
    out = analyze(insert_of(1, "a", most + 1));
    assert_false(out.ok);
    assert_string_equal(out.rule, "too-large");
}

/* A filter that needs no marks for most of what it takes. */
static void an_analysis_that_needs_more_memory_says_so(void **state) {
    (void)state;
    bson_t *command = bson_new(), filter, list, doc;
    char key[16];
    BSON_APPEND_UTF8(command, "find", "c");
    bson_append_document_begin(command, "filter", -1, &filter);
    BSON_APPEND_INT32(&filter, "a", 1);
    bson_append_array_begin(&filter, "$or", -1, &list);
    for (uint32_t i = 0; i < 1000000; i++) {
        snprintf(key, sizeof key, "%u", i);
        bson_append_document_begin(&list, key, -1, &doc);
        BSON_APPEND_INT32(&doc, "p", 1);
        bson_append_document_end(&list, &doc);
    }
    bson_append_array_end(&filter, &list);
    bson_append_document_end(command, &filter);
    append_deterministic(command);
    outcome out = analyze(command);
    assert_false(out.ok);
    assert_string_equal(out.rule, "too-complex");
    assert_non_null(strstr(out.message, "needs more memory than"));
}

/* ---- schemas ---- */

/* As many alternatives as it takes to make a tree larger than it may be. */
static bson_t *schema_of_patterns(int count) {
    bson_t *schema = bson_new(), patterns, inner;
    BSON_APPEND_UTF8(schema, "bsonType", "object");
    bson_append_document_begin(schema, "patternProperties", -1, &patterns);
    for (int i = 0; i < count; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "^(abc|[d-f]{1,200}){1,200}%d$", i);
        bson_append_document_begin(&patterns, pattern, -1, &inner);
        bson_append_document_end(&patterns, &inner);
    }
    bson_append_document_end(schema, &patterns);
    return schema;
}

static void a_compiled_schema_has_at_most_64_mebibytes(void **state) {
    oc_error error = {.rule = OC_NONE};
    bson_t *schema = schema_of_patterns(20000);
    oc_cache *cache = oc_cache_new();
    size_t before = most_held = held;
    (void)state;
    assert_null(oc_cache_get(cache, OC_CSFLE_LOCAL, bson_get_data(schema), schema->len, &error));
    assert_in_range(most_held - before, 32 * MIB, OF_A_REQUEST + MIB);
    assert_int_equal(error.rule, OC_TOO_COMPLEX);
    assert_non_null(strstr(error.message, "schema"));
    assert_non_null(strstr(error.message, "67108864"));
    oc_cache_free(cache);
    bson_destroy(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_24_megabytes_are_refused_within_the_limits),
        cmocka_unit_test(long_lists_pass_within_the_limits),
        cmocka_unit_test(lists_in_expressions_are_bounded),
        cmocka_unit_test(an_insert_of_47_megabytes_passes),
        cmocka_unit_test(an_insert_of_many_marks_passes),
        cmocka_unit_test(the_reply_has_at_most_48000000_bytes),
        cmocka_unit_test(an_analysis_that_needs_more_memory_says_so),
        cmocka_unit_test(a_compiled_schema_has_at_most_64_mebibytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
