/* What a request may be given and what it gives: bytes that are no command, commands without a database, replies that
 * are taken, and the sizes at which it gives up. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "opencrypt.h"

#define ENCRYPT                                                                                                        \
    "{\"encrypt\": {\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"bsonType\": \"string\", "        \
    "\"keyId\": [{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}"
#define SCHEMA                                                                                                         \
    "\"isRemoteSchema\": false, \"jsonSchema\": {\"bsonType\": \"object\", \"properties\": {\"ssn\": " ENCRYPT         \
    ", \"user\": {\"bsonType\": \"object\", \"properties\": {\"ssn\": " ENCRYPT "}}}}"

static opencrypt_engine *engine;
static opencrypt_request *request;

static int set_up(void **state) {
    (void)state;
    engine = opencrypt_engine_new();
    request = opencrypt_request_new(engine, 0);
    return request ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return 0;
}

static opencrypt_reply ask(const uint8_t *bytes, size_t len, const char *db) {
    opencrypt_reply reply;
    opencrypt_analyze(request, bytes, len, db, db ? strlen(db) : 0, &reply);
    return reply;
}

static opencrypt_reply ask_json(const char *json, const char *db) {
    bson_error_t error;
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!command)
        fail_msg("%s: %s", json, error.message);
    opencrypt_reply reply = ask(bson_get_data(command), command->len, db);
    bson_destroy(command);
    return reply;
}

static void assert_refused(const opencrypt_reply *reply, const char *rule, const char *path) {
    assert_false(reply->ok);
    assert_string_equal(reply->refusal.rule, rule);
    assert_string_equal(reply->refusal.path, path);
}

/* ---- what is no command ---- */

static void bytes_that_are_no_bson_are_refused(void **state) {
    static const uint8_t short_length[] = {4, 0, 0, 0, 0}, long_length[] = {6, 0, 0, 0, 0}, no_end[] = {5, 0, 0, 0, 1},
                         cut[] = {3};
    static const uint8_t bad_type[] = {0x13, 0, 0, 0, 3, 'a', 0, 0x0b, 0, 0, 0, 0x7e, 'b', 0, 1, 0, 0, 0, 0};
    opencrypt_reply reply;
    (void)state;
    reply = ask(short_length, sizeof short_length, "db");
    assert_refused(&reply, "malformed-bson", "");
    reply = ask(long_length, sizeof long_length, "db");
    assert_refused(&reply, "malformed-bson", "");
    reply = ask(no_end, sizeof no_end, "db");
    assert_refused(&reply, "malformed-bson", "");
    reply = ask(cut, sizeof cut, "db");
    assert_refused(&reply, "malformed-bson", "");
    reply = ask(bad_type, sizeof bad_type, "db");
    assert_refused(&reply, "malformed-bson", "a.b");
}

static void a_command_is_not_nested_without_end(void **state) {
    bson_t *inner = bson_new();
    (void)state;
    for (int i = 0; i < 300; i++) {
        bson_t *outer = bson_new();
        BSON_APPEND_DOCUMENT(outer, "a", inner);
        bson_destroy(inner);
        inner = outer;
    }
    opencrypt_reply reply = ask(bson_get_data(inner), inner->len, "db");
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-deep");
    bson_destroy(inner);
}

static void a_command_has_at_most_48_million_bytes(void **state) {
    size_t len = 48000001;
    uint8_t *bytes = calloc(1, len);
    (void)state;
    opencrypt_reply reply = ask(bytes, len, "db");
    assert_refused(&reply, "too-large", "");
    reply = ask(bytes, len - 1, "db");
    assert_refused(&reply, "malformed-bson", "");
    free(bytes);
}

/* ---- namespaces and replies ---- */

static void the_database_may_come_from_outside_or_not_at_all(void **state) {
    static const char find[] = "{\"find\": \"c\", \"filter\": {\"ssn\": \"x\"}, " SCHEMA "}";
    (void)state;
    opencrypt_reply reply = ask_json(find, "db");
    assert_true(reply.ok);
    assert_string_equal(reply.ns, "db.c");
    reply = ask_json(find, NULL);
    assert_true(reply.ok);
    assert_string_equal(reply.ns, "c");
    assert_int_equal(reply.placeholders, 1);
}

static void a_reply_is_taken_if_it_is_accepted_and_has_no_headroom(void **state) {
    static const char find[] = "{\"find\": \"c\", \"filter\": {\"ssn\": \"x\"}, " SCHEMA "}";
    (void)state;
    opencrypt_reply reply = ask_json(find, "db");
    uint8_t *taken = opencrypt_reply_take(request, &reply);
    assert_ptr_equal(taken, reply.data);
    free(taken);
    assert_true(ask_json(find, "db").ok); /* the request makes itself another buffer */
    reply = ask_json("{\"find\": \"c\", \"filter\": {\"ssn\": 5}, " SCHEMA "}", "db");
    assert_false(reply.ok);
    assert_null(opencrypt_reply_take(request, &reply));
    opencrypt_request *other = request;
    request = opencrypt_request_new(engine, 16);
    reply = ask_json(find, "db");
    assert_true(reply.ok);
    assert_null(opencrypt_reply_take(request, &reply));
    opencrypt_request_free(request);
    request = other;
}

/* ---- sizes ---- */

/* {find: "c", filter: {age: {$in: [0, 1, …]}}} over a range index, where each value becomes two placeholders. */
static opencrypt_reply find_in(int count) {
    static const char information[] =
        "{\"type\": 1, \"schema\": {\"db.c\": {\"fields\": [{\"path\": \"age\", \"bsonType\": \"int\", \"keyId\": "
        "{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}, \"queries\": {\"queryType\": "
        "\"range\"}}]}}}";
    bson_t *command = bson_new(), *schema = bson_new_from_json((const uint8_t *)information, -1, NULL);
    bson_t filter, age, list;
    BSON_APPEND_UTF8(command, "find", "c");
    bson_append_document_begin(command, "filter", -1, &filter);
    bson_append_document_begin(&filter, "age", -1, &age);
    bson_append_array_begin(&age, "$in", -1, &list);
    for (int i = 0; i < count; i++)
        BSON_APPEND_INT32(&list, "0", i);
    bson_append_array_end(&age, &list);
    bson_append_document_end(&filter, &age);
    bson_append_document_end(command, &filter);
    BSON_APPEND_DOCUMENT(command, "encryptionInformation", schema);
    opencrypt_reply reply = ask(bson_get_data(command), command->len, "db");
    bson_destroy(command);
    bson_destroy(schema);
    return reply;
}

static void a_reply_has_at_most_48_million_bytes(void **state) {
    (void)state;
    opencrypt_reply reply = find_in(1000);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 2000);
    reply = find_in(200000);
    assert_refused(&reply, "too-large", "");
}

/* {aggregate: "c", pipeline: [stage]}, its one member an object with `count` times `value` under other names. */
static opencrypt_reply aggregate(const char *stage, const char *value, int count) {
    static const char schema[] = "{" SCHEMA "}";
    bson_t *command = bson_new(), *fields = bson_new_from_json((const uint8_t *)schema, -1, NULL);
    bson_t *member = bson_new_from_json((const uint8_t *)value, -1, NULL), pipeline, only, operand;
    bson_iter_t it;
    BSON_APPEND_UTF8(command, "aggregate", "c");
    bson_append_array_begin(command, "pipeline", -1, &pipeline);
    bson_append_document_begin(&pipeline, "0", -1, &only);
    bson_append_document_begin(&only, stage, -1, &operand);
    bson_iter_init_find(&it, member, "v");
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "o%d", i);
        bson_append_iter(&operand, name, -1, &it);
    }
    bson_append_document_end(&only, &operand);
    bson_append_document_end(&pipeline, &only);
    bson_append_array_end(command, &pipeline);
    bson_concat(command, fields);
    opencrypt_reply reply = ask(bson_get_data(command), command->len, "db");
    bson_destroy(command);
    bson_destroy(fields);
    bson_destroy(member);
    return reply;
}

/* Each $map takes a multiple of its own bytes while it is looked at. */
static void the_memory_of_an_analysis_is_limited(void **state) {
    static const char map[] = "{\"v\": {\"$map\": {\"input\": \"$a\", \"in\": 1}}}";
    (void)state;
    assert_true(aggregate("$addFields", map, 1000).ok);
    opencrypt_reply reply = aggregate("$addFields", map, 150000);
    assert_refused(&reply, "too-complex", "");
    assert_non_null(strstr(reply.refusal.message, "memory"));
}

/* {aggregate: "c", pipeline: [{$addFields: {o0: "$user", …}}, {$redact: …}]} */
static opencrypt_reply redact(int objects) {
    bson_string_t *json = bson_string_new("{\"aggregate\": \"c\", \"pipeline\": [{\"$addFields\": {\"x\": 1");
    for (int i = 0; i < objects; i++)
        bson_string_append_printf(json, ", \"o%d\": \"$user\"", i);
    bson_string_append(json, "}}, {\"$redact\": {\"$cond\": [{\"$eq\": [\"$name\", \"bob\"]}, \"$$DESCEND\", "
                             "\"$$PRUNE\"]}}], \"cursor\": {}, " SCHEMA "}");
    opencrypt_reply reply = ask_json(json->str, "db");
    bson_string_free(json, true);
    return reply;
}

/* The document, its user, and those that the stage adds. */
static void redact_descends_into_a_thousand_objects(void **state) {
    (void)state;
    assert_true(redact(998).ok);
    opencrypt_reply reply = redact(999);
    assert_refused(&reply, "too-complex", "");
}

/* ---- decimals ---- */

/* {aggregate: "c", pipeline: [{$project: {ssn: <decimal>}}, {$match: {ssn: "x"}}]} */
static opencrypt_reply project(uint64_t high, uint64_t low) {
    static const char rest[] = "{\"cursor\": {}, " SCHEMA "}";
    const bson_decimal128_t decimal = {.high = high, .low = low};
    bson_t *command = bson_new(), *end = bson_new_from_json((const uint8_t *)rest, -1, NULL);
    bson_t pipeline, stage, fields;
    BSON_APPEND_UTF8(command, "aggregate", "c");
    bson_append_array_begin(command, "pipeline", -1, &pipeline);
    bson_append_document_begin(&pipeline, "0", -1, &stage);
    bson_append_document_begin(&stage, "$project", -1, &fields);
    BSON_APPEND_DECIMAL128(&fields, "ssn", &decimal);
    bson_append_document_end(&stage, &fields);
    bson_append_document_end(&pipeline, &stage);
    bson_append_document_begin(&pipeline, "1", -1, &stage);
    bson_append_document_begin(&stage, "$match", -1, &fields);
    BSON_APPEND_UTF8(&fields, "ssn", "x");
    bson_append_document_end(&stage, &fields);
    bson_append_document_end(&pipeline, &stage);
    bson_append_array_end(command, &pipeline);
    bson_concat(command, end);
    opencrypt_reply reply = ask(bson_get_data(command), command->len, "db");
    bson_destroy(command);
    bson_destroy(end);
    return reply;
}

/* IEEE 754-2008: a coefficient of more than 34 digits is not canonical, and zero; so it excludes. */
static void a_decimal_that_is_not_canonical_is_zero(void **state) {
    static const uint64_t exponent = UINT64_C(0x3040) << 48, most = UINT64_C(0x0001ED09BEAD87C0),
                          low = UINT64_C(0x378D8E63FFFFFFFF);
    (void)state;
    assert_true(project(exponent | most, low).ok);
    opencrypt_reply reply = project(exponent | most, low + 1);
    assert_refused(&reply, "field-dropped", "ssn");
    reply = project(exponent | (most + 1), 0);
    assert_refused(&reply, "field-dropped", "ssn");
    reply = project(UINT64_C(0x6000) << 48, 1); /* the other form of large coefficients */
    assert_refused(&reply, "field-dropped", "ssn");
    assert_true(project(UINT64_C(0x7800) << 48, 0).ok); /* infinity */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_bson_are_refused),
        cmocka_unit_test(a_command_is_not_nested_without_end),
        cmocka_unit_test(a_command_has_at_most_48_million_bytes),
        cmocka_unit_test(the_database_may_come_from_outside_or_not_at_all),
        cmocka_unit_test(a_reply_is_taken_if_it_is_accepted_and_has_no_headroom),
        cmocka_unit_test(a_reply_has_at_most_48_million_bytes),
        cmocka_unit_test(the_memory_of_an_analysis_is_limited),
        cmocka_unit_test(redact_descends_into_a_thousand_objects),
        cmocka_unit_test(a_decimal_that_is_not_canonical_is_zero),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
