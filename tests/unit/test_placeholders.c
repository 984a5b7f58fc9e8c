/* opencrypt_placeholders: what a reply would have encrypted, read from any bytes. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "../runner/cases.h"
#include "opencrypt.h"

#define UUID(digit) "{\"$binary\": {\"base64\": \"" digit "AAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}"
#define KEYS        "\"ki\": " UUID("A") ", \"ku\": " UUID("I")
#define LONG(n)     "{\"$numberLong\": \"" #n "\"}"

static const char *folder;

/* ---- replies ---- */

static bson_t *from_json(const char *json) {
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!doc)
        fail_msg("%s: %s", json, error.message);
    return doc;
}

/* {schemaRequiresEncryption: true, result: {insert: "c", a: [{b: <kind, content>}]}}, in memory of its exact size. */
static uint8_t *reply_around(uint8_t kind, const uint8_t *content, size_t content_len, size_t *len) {
    bson_t reply = BSON_INITIALIZER, result, list, doc;
    uint8_t bytes[2048];
    assert_true(content_len < sizeof bytes);
    bytes[0] = kind;
    memcpy(bytes + 1, content, content_len);
    BSON_APPEND_BOOL(&reply, "schemaRequiresEncryption", true);
    bson_append_document_begin(&reply, "result", -1, &result);
    BSON_APPEND_UTF8(&result, "insert", "c");
    bson_append_array_begin(&result, "a", -1, &list);
    bson_append_document_begin(&list, "0", -1, &doc);
    bson_append_binary(&doc, "b", -1, BSON_SUBTYPE_ENCRYPTED, bytes, (uint32_t)content_len + 1);
    bson_append_document_end(&list, &doc);
    bson_append_array_end(&result, &list);
    bson_append_document_end(&reply, &result);
    uint8_t *copy = malloc(reply.len);
    memcpy(copy, bson_get_data(&reply), reply.len);
    *len = reply.len;
    bson_destroy(&reply);
    return copy;
}

/* The one placeholder of a reply around the document `json`; its memory is kept until tear_down. */
static uint8_t *reply;
static opencrypt_placeholders *iteration;

static void start(uint8_t kind, const char *json) {
    size_t len;
    bson_t *doc = from_json(json);
    opencrypt_placeholders_free(iteration);
    free(reply);
    reply = reply_around(kind, bson_get_data(doc), doc->len, &len);
    bson_destroy(doc);
    iteration = opencrypt_placeholders_new(reply, len);
    assert_non_null(iteration);
}

static const opencrypt_placeholder *only(uint8_t kind, const char *json) {
    start(kind, json);
    const opencrypt_placeholder *p = opencrypt_placeholders_next(iteration);
    if (!p)
        fail_msg("%s: %s", json, opencrypt_placeholders_refusal(iteration)->message);
    assert_string_equal(p->path, "a.0.b");
    assert_int_equal(p->path_len, 5);
    return p;
}

static int tear_down(void **state) {
    (void)state;
    opencrypt_placeholders_free(iteration);
    free(reply);
    iteration = NULL;
    reply = NULL;
    return 0;
}

static void assert_key(const uint8_t *key, uint8_t first) {
    static const uint8_t rest[15] = {0};
    assert_non_null(key);
    assert_int_equal(key[0], first);
    assert_memory_equal(key + 1, rest, sizeof rest);
}

static void assert_int(const opencrypt_value *value, int32_t expected) {
    const uint8_t bytes[4] = {(uint8_t)expected, (uint8_t)(expected >> 8), (uint8_t)(expected >> 16),
                              (uint8_t)((uint32_t)expected >> 24)};
    assert_int_equal(value->type, 16);
    assert_int_equal(value->len, 4);
    assert_memory_equal(value->data, bytes, 4);
}

static void assert_no_value(const opencrypt_value *value) {
    assert_true(value->type == 0 && value->data == NULL && value->len == 0);
}

static void assert_end(void) {
    assert_null(opencrypt_placeholders_next(iteration));
    assert_null(opencrypt_placeholders_refusal(iteration));
    assert_null(opencrypt_placeholders_next(iteration));
}

/* ---- what is refused ---- */

typedef struct refused {
    uint8_t kind;
    const char *json, *op, *message;
} refused;

static void assert_refused(const refused *row) {
    start(row->kind, row->json);
    assert_null(opencrypt_placeholders_next(iteration));
    const opencrypt_refusal *refusal = opencrypt_placeholders_refusal(iteration);
    if (!refusal)
        fail_msg("accepted: %s", row->json);
    assert_string_equal(refusal->rule, "malformed-placeholder");
    assert_string_equal(refusal->code_name, "BadValue");
    assert_string_equal(refusal->path, "a.0.b");
    if (strcmp(refusal->op, row->op) != 0 || !strstr(refusal->message, row->message))
        fail_msg("%s: '%s', %s", row->json, refusal->op, refusal->message);
    assert_null(opencrypt_placeholders_next(iteration));
}

#define CSFLE(members) "{\"ki\": " UUID("A") members "}"
#define QE(a, t, v)    "{\"t\": " #t ", \"a\": " #a ", " KEYS ", \"v\": " v ", \"cm\": " LONG(4) "}"
#define BETWEEN(limit, members)                                                                                        \
    "{\"lowerBound\": 0, \"lbIncluded\": true, \"upperBound\": 0, \"ubIncluded\": true, \"indexMin\": " limit          \
    ", \"indexMax\": " limit members "}"
#define EDGES(members) "{\"edgesInfo\": " members ", \"payloadId\": 0, \"firstOperator\": 1}"

static void malformed_placeholders_are_refused(void **state) {
    static const refused rows[] = {
        {0, "{}", "a", "'a' is missing"},
        {0, CSFLE(", \"a\": 1"), "v", "'v' is missing"},
        {0, CSFLE(", \"v\": 1"), "a", "'a' is missing"},
        {0, "{\"a\": 1, \"v\": 1}", "ki", "'ki' is missing, and so is 'ka'"},
        {0, CSFLE(", \"a\": 2, \"v\": 1, \"ka\": \"k\""), "ki", "'ki' and 'ka' are both there"},
        {0, CSFLE(", \"a\": 3, \"v\": 1"), "a", "'a' has an unknown value"},
        {0, CSFLE(", \"a\": 0, \"v\": 1"), "a", "'a' has an unknown value"},
        {0, CSFLE(", \"a\": " LONG(1) ", \"v\": 1"), "a", "'a' must be of type int, found long"},
        {0, CSFLE(", \"a\": 1, \"a\": 1, \"v\": 1"), "a", "'a' is a duplicate field"},
        {0, CSFLE(", \"a\": 1, \"v\": 1, \"cm\": 1"), "cm", "'cm' is an unknown field"},
        {0, "{\"a\": 1, \"ki\": \"k\", \"v\": 1}", "ki", "'ki' must be of type binData, found string"},
        {0, "{\"a\": 1, \"ki\": {\"$binary\": {\"base64\": \"AAAA\", \"subType\": \"04\"}}, \"v\": 1}", "ki",
         "'ki' must be a UUID"},
        {0,
         "{\"a\": 1, \"ki\": {\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"00\"}}, \"v\": 1}",
         "ki", "'ki' must be a UUID"},
        {0, "{\"a\": 1, \"ka\": 1, \"v\": 1}", "ka", "'ka' must be of type string, found int"},
        {3, "{}", "t", "'t' is missing"},
        {3, QE(2, 3, "1"), "t", "'t' has an unknown value"},
        {3, QE(0, 1, "1"), "a", "'a' has an unknown value"},
        {3, QE(5, 1, "1"), "a", "'a' has an unknown value"},
        {3, "{\"t\": 1, \"a\": 2, \"ki\": " UUID("A") ", \"v\": 1, \"cm\": " LONG(4) "}", "ku", "'ku' is missing"},
        {3, "{\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": 4}", "cm", "'cm' must be of type long, found int"},
        {3, "{\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": " LONG(-1) "}", "cm", "'cm' is out of range"},
        {3, "{\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": " LONG(9223372036854775807) "}", "cm",
         "'cm' is out of range"},
        {3, "{\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": " LONG(1) ", \"s\": " LONG(-1) "}", "s",
         "'s' must not be negative"},
        {3, "{\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": " LONG(1) ", \"cm\": " LONG(1) "}", "cm",
         "'cm' is a duplicate field"},
        {3, QE(3, 1, "5"), "v", "'v' must be a document"},
        {3, QE(4, 1, "\"x\""), "v", "'v' must be a document"},
        {3, QE(3, 1, "{\"v\": 5, \"max\": 9}"), "min", "'min' is missing"},
        {3, QE(3, 1, "{\"v\": 5, \"min\": 0, \"max\": " LONG(9) "}"), "max", "'max' is not of the type of the value"},
        {3, QE(3, 1, "{\"v\": \"x\", \"min\": \"x\", \"max\": \"x\"}"), "v", "'v' is not of a type"},
        {3, QE(3, 1, "{\"v\": 5, \"min\": 0, \"max\": 9, \"precision\": -1}"), "precision", "must not be negative"},
        {3, QE(3, 1, "{\"v\": 5, \"min\": 0, \"max\": 9, \"trimFactor\": 1.5}"), "trimFactor", "must be of type int"},
        {3, QE(3, 1, "{\"v\": 5, \"min\": " LONG(0) ", \"max\": 9}"), "min", "'min' is not of the type of the value"},
        {3, QE(3, 1, "{\"v\": 5, \"min\": 0, \"max\": 9, \"trimFactor\": -1}"), "trimFactor", "must not be negative"},
        {3, QE(3, 2, EDGES(BETWEEN("\"x\"", ""))), "indexMin", "'indexMin' is not of a type"},
        {3, QE(3, 2, EDGES(BETWEEN("0", ", \"precision\": -1"))), "precision", "must not be negative"},
        {3, QE(3, 2, EDGES(BETWEEN("0", ", \"trimFactor\": -1"))), "trimFactor", "must not be negative"},
        {3, QE(3, 2, "{\"v\": 5, \"min\": 0, \"max\": 9}"), "payloadId", "'payloadId' is missing"},
        {3, QE(3, 2, "{\"payloadId\": 0, \"firstOperator\": 5}"), "firstOperator", "has an unknown value"},
        {3, QE(3, 2, "{\"payloadId\": 0, \"firstOperator\": 1, \"secondOperator\": -1}"), "secondOperator",
         "has an unknown value"},
        {3,
         QE(3, 2,
            EDGES("{\"lowerBound\": 1, \"lbIncluded\": true, \"upperBound\": 2, \"ubIncluded\": true, "
                  "\"indexMin\": 0}")),
         "indexMax", "'indexMax' is missing"},
        {3,
         QE(3, 2,
            EDGES("{\"lowerBound\": 1.0, \"lbIncluded\": true, \"upperBound\": 2, \"ubIncluded\": true, "
                  "\"indexMin\": 0, \"indexMax\": 9}")),
         "lowerBound", "'lowerBound' is not of the type of the index"},
        {3,
         QE(3, 2,
            EDGES("{\"lowerBound\": 1, \"lbIncluded\": true, \"upperBound\": " LONG(
                2) ", \"ubIncluded\": true, "
                   "\"indexMin\": 0, \"indexMax\": 9}")),
         "upperBound", "'upperBound' is not of the type of the index"},
        {3,
         QE(3, 2,
            EDGES("{\"lowerBound\": 1, \"lbIncluded\": true, \"upperBound\": 2, \"ubIncluded\": true, "
                  "\"indexMin\": 0, \"indexMax\": 9.0}")),
         "indexMax", "'indexMax' is not of the type of 'indexMin'"},
        {3, QE(4, 1, "{\"v\": \"x\", \"casef\": true, \"diacf\": true}"), "v", "has none of 'prefix'"},
        {3, QE(4, 1, "{\"v\": 1, \"casef\": true, \"diacf\": true}"), "v", "'v' must be of type string, found int"},
        {3, QE(4, 1, "{\"v\": \"x\", \"casef\": true, \"diacf\": true, \"prefix\": {\"ub\": 1, \"lb\": 2}}"), "prefix",
         "contradict"},
        {3, QE(4, 1, "{\"v\": \"x\", \"casef\": true, \"diacf\": true, \"suffix\": {\"ub\": 1, \"lb\": 0}}"), "suffix",
         "contradict"},
        {3, QE(4, 1, "{\"v\": \"x\", \"casef\": true, \"diacf\": true, \"substr\": {\"ub\": 2, \"lb\": 1}}"), "mlen",
         "'mlen' is missing"},
        {3,
         QE(4, 1, "{\"v\": \"x\", \"casef\": true, \"diacf\": true, \"substr\": {\"mlen\": 1, \"ub\": 2, \"lb\": 1}}"),
         "substr", "contradict"},
        {3,
         QE(4, 2,
            "{\"v\": \"x\", \"casef\": true, \"diacf\": true, \"prefix\": {\"ub\": 2, \"lb\": 1}, "
            "\"suffix\": {\"ub\": 2, \"lb\": 1}}"),
         "v", "has more than one of 'prefix'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(&rows[i]);
}

static void a_placeholder_that_is_no_bson_is_refused(void **state) {
    static const uint8_t contents[][6] = {{0}, {5, 0, 0, 0, 1, 0}, {6, 0, 0, 0, 0, 0}, {255, 255, 255, 255, 0, 0}};
    static const size_t lengths[] = {0, 5, 5, 6};
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        size_t len;
        uint8_t *bytes = reply_around(i < 4 ? 0 : 3, contents[i % 4], lengths[i % 4], &len);
        opencrypt_placeholders *it = opencrypt_placeholders_new(bytes, len);
        assert_null(opencrypt_placeholders_next(it));
        assert_string_equal(opencrypt_placeholders_refusal(it)->rule, "malformed-placeholder");
        opencrypt_placeholders_free(it);
        free(bytes);
    }
}

static void assert_reply_refused(const uint8_t *bytes, size_t len, const char *rule) {
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    opencrypt_placeholders *it = opencrypt_placeholders_new(copy, len);
    assert_null(opencrypt_placeholders_next(it));
    assert_non_null(opencrypt_placeholders_refusal(it));
    assert_string_equal(opencrypt_placeholders_refusal(it)->rule, rule);
    opencrypt_placeholders_free(it);
    free(copy);
}

static void what_is_no_accepted_reply_is_refused(void **state) {
    static const char *const replies[] = {"{}", "{\"ok\": 0, \"errmsg\": \"no\"}", "{\"result\": [1]}",
                                          "{\"schemaRequiresEncryption\": true, \"result\": 1}"};
    static const uint8_t bytes[] = {1, 2, 3};
    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        bson_t *doc = from_json(replies[i]);
        assert_reply_refused(bson_get_data(doc), doc->len, "field-missing");
        bson_destroy(doc);
    }
    assert_reply_refused(bytes, 0, "malformed-bson");
    assert_reply_refused(bytes, sizeof bytes, "malformed-bson");
}

/* A path "x.x.x…" to one placeholder. */
static bson_t *nested(int levels) {
    static const uint8_t content[] = {0, 5, 0, 0, 0, 0};
    bson_t *doc = bson_new(), *outer;
    bson_append_binary(doc, "x", 1, BSON_SUBTYPE_ENCRYPTED, content, sizeof content);
    for (int i = 1; i < levels; i++) {
        outer = bson_new();
        bson_append_document(outer, "x", 1, doc);
        bson_destroy(doc);
        doc = outer;
    }
    outer = bson_new();
    bson_append_document(outer, "result", -1, doc);
    bson_destroy(doc);
    return outer;
}

static void replies_may_be_deeper_than_commands_but_not_endless(void **state) {
    (void)state;
    bson_t *deep = nested(1000), *deeper = nested(1001);
    assert_reply_refused(bson_get_data(deep), deep->len, "malformed-placeholder"); /* it was reached */
    assert_reply_refused(bson_get_data(deeper), deeper->len, "too-deep");
    bson_destroy(deep);
    bson_destroy(deeper);
}

/* Reads all there is; counts what was given out. */
static size_t exhaust(const uint8_t *bytes, size_t len, bool *refused_at_end) {
    uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees what is read beyond it */
    size_t n = 0;
    memcpy(copy, bytes, len);
    opencrypt_placeholders *it = opencrypt_placeholders_new(copy, len);
    assert_non_null(it);
    while (opencrypt_placeholders_next(it))
        n++;
    *refused_at_end = opencrypt_placeholders_refusal(it) != NULL;
    opencrypt_placeholders_free(it);
    free(copy);
    return n;
}

static void truncated_and_damaged_replies_are_read_within_their_bounds(void **state) {
    static const char *const contents[] = {
        "{\"a\": 1, \"ki\": " UUID("A") ", \"v\": \"secret\"}", QE(2, 1, "\"x\""),
        QE(3, 2,
           EDGES("{\"lowerBound\": 1, \"lbIncluded\": true, \"upperBound\": 2, \"ubIncluded\": true, "
                 "\"indexMin\": 0, \"indexMax\": 9}"))};
    bool refused_at_end;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t len;
        bson_t *doc = from_json(contents[i]);
        uint8_t *bytes = reply_around(i == 0 ? 0 : 3, bson_get_data(doc), doc->len, &len);
        assert_int_equal(exhaust(bytes, len, &refused_at_end), 1);
        assert_false(refused_at_end);
        for (size_t n = 0; n < len; n++) {
            assert_int_equal(exhaust(bytes, n, &refused_at_end), 0);
            assert_true(refused_at_end);
        }
        for (size_t at = 0; at < len; at++)
            for (int value = 0; value < 256; value += 5) {
                uint8_t old = bytes[at];
                bytes[at] = (uint8_t)value;
                exhaust(bytes, len, &refused_at_end);
                bytes[at] = old;
            }
        bson_destroy(doc);
        free(bytes);
    }
}

/* ---- what is read ---- */

static void a_csfle_placeholder_has_algorithm_key_and_value(void **state) {
    (void)state;
    const opencrypt_placeholder *p = only(0, CSFLE(", \"a\": 1, \"v\": 7"));
    assert_int_equal(p->algorithm, OPENCRYPT_DETERMINISTIC);
    assert_int_equal(p->use, OPENCRYPT_USE_ANY);
    assert_key(p->key_id, 0);
    assert_null(p->key_name);
    assert_null(p->user_key_id);
    assert_null(p->index);
    assert_null(p->bounds);
    assert_int(&p->value, 7);
    assert_int_equal(p->bytes[0], 0);
    assert_true(p->value.data > p->bytes && p->value.data + 4 <= p->bytes + p->len);
    assert_end();
}

static void a_key_may_be_given_by_its_name(void **state) {
    (void)state;
    const opencrypt_placeholder *p = only(0, "{\"a\": 2, \"ka\": \"name\", \"v\": {\"x\": 1}}");
    assert_int_equal(p->algorithm, OPENCRYPT_RANDOM);
    assert_null(p->key_id);
    assert_string_equal(p->key_name, "name");
    assert_int_equal(p->key_name_len, 4);
    assert_int_equal(p->value.type, 3);
    assert_int_equal(p->value.len, 12);
    assert_end();
}

static void an_equality_placeholder_says_what_it_is_for(void **state) {
    (void)state;
    const opencrypt_placeholder *p = only(3, QE(2, 1, "\"x\""));
    assert_int_equal(p->algorithm, OPENCRYPT_EQUALITY);
    assert_int_equal(p->use, OPENCRYPT_USE_STORED);
    assert_key(p->key_id, 0);
    assert_key(p->user_key_id, 32);
    assert_int_equal(p->value.type, 2);
    assert_int_equal(p->index->contention, 4);
    assert_int_equal(p->index->precision, -1);
    assert_no_value(&p->index->min);
    assert_null(p->bounds);
    assert_int_equal(only(3, QE(2, 2, "\"x\""))->use, OPENCRYPT_USE_COMPARED);
    assert_int_equal(only(3, QE(1, 1, "\"x\""))->algorithm, OPENCRYPT_UNINDEXED);
    assert_int_equal(only(3, "{\"more\": 1, " /* what libmongocrypt does not know it passes over */
                             "\"t\": 1, \"a\": 2, " KEYS ", \"v\": 1, \"cm\": " LONG(0) ", \"s\": " LONG(3) "}")
                         ->index->sparsity,
                     3);
}

static void a_stored_range_has_the_limits_of_its_index(void **state) {
    (void)state;
    const opencrypt_placeholder *p = only(3, QE(3, 1, "{\"v\": 5, \"min\": -1, \"max\": 9, \"trimFactor\": 2}"));
    assert_int_equal(p->algorithm, OPENCRYPT_RANGE);
    assert_int(&p->value, 5);
    assert_int(&p->index->min, -1);
    assert_int(&p->index->max, 9);
    assert_int_equal(p->index->precision, -1);
    assert_int_equal(p->index->trim_factor, 2);
    assert_null(p->bounds);
}

static void a_compared_range_has_its_bounds(void **state) {
    static const uint8_t infinity[8] = {0, 0, 0, 0, 0, 0, 0xF0, 0x7F};
    (void)state;
    const opencrypt_placeholder *p =
        only(3, QE(3, 2,
                   "{\"edgesInfo\": {\"lowerBound\": 1, \"lbIncluded\": false, \"upperBound\": {\"$numberDouble\": "
                   "\"Infinity\"}, \"ubIncluded\": true, \"precision\": 3, \"indexMin\": 0, \"indexMax\": 9}, "
                   "\"payloadId\": 7, \"firstOperator\": 1}"));
    assert_no_value(&p->value);
    assert_int_equal(p->bounds->payload_id, 7);
    assert_int_equal(p->bounds->first, OPENCRYPT_GT);
    assert_int_equal(p->bounds->second, OPENCRYPT_COMPARISON_NONE);
    assert_false(p->bounds->refers);
    assert_int(&p->bounds->lower, 1);
    assert_int_equal(p->bounds->upper.type, 1);
    assert_memory_equal(p->bounds->upper.data, infinity, 8);
    assert_false(p->bounds->lower_included);
    assert_true(p->bounds->upper_included);
    assert_int_equal(p->index->precision, 3);
    assert_int(&p->index->max, 9);
}

static void the_second_half_of_a_range_refers_to_the_first(void **state) {
    (void)state;
    const opencrypt_placeholder *p =
        only(3, QE(3, 2, "{\"payloadId\": 7, \"firstOperator\": 2, \"secondOperator\": 4}"));
    assert_true(p->bounds->refers);
    assert_int_equal(p->bounds->first, OPENCRYPT_GTE);
    assert_int_equal(p->bounds->second, OPENCRYPT_LTE);
    assert_no_value(&p->bounds->lower);
    assert_no_value(&p->index->min);
}

static void a_text_has_the_lengths_of_its_indexes(void **state) {
    (void)state;
    const opencrypt_placeholder *p =
        only(3, QE(4, 1,
                   "{\"v\": \"abc\", \"casef\": true, \"diacf\": false, \"prefix\": {\"ub\": 5, \"lb\": 2}, "
                   "\"substr\": {\"mlen\": 20, \"ub\": 6, \"lb\": 3}}"));
    assert_int_equal(p->algorithm, OPENCRYPT_TEXT);
    assert_int_equal(p->value.type, 2);
    assert_false(p->index->case_sensitive);
    assert_true(p->index->diacritic_sensitive);
    assert_int_equal(p->index->prefix.min_query, 2);
    assert_int_equal(p->index->prefix.max_query, 5);
    assert_int_equal(p->index->suffix.max_query, 0);
    assert_int_equal(p->index->substring.max_length, 20);
    assert_non_null(only(3, QE(4, 2, "{\"v\": \"abc\", \"casef\": true, \"diacf\": true}")));
}

static void only_placeholders_are_given_out(void **state) {
    bool refused_at_end;
    (void)state;
    bson_t *doc = from_json("{\"result\": {\"a\": {\"$binary\": {\"base64\": \"AQ==\", \"subType\": \"06\"}}, "
                            "\"b\": {\"$binary\": {\"base64\": \"\", \"subType\": \"06\"}}, "
                            "\"c\": {\"$binary\": {\"base64\": \"AA==\", \"subType\": \"00\"}}}}");
    assert_int_equal(exhaust(bson_get_data(doc), doc->len, &refused_at_end), 0);
    assert_false(refused_at_end);
    bson_destroy(doc);
}

static void a_reply_without_encryption_has_no_placeholders(void **state) {
    static const char *const falses[] = {"false", "0", "0.0", "null", LONG(0), "{\"$undefined\": true}"};
    bool refused_at_end;
    (void)state;
    for (size_t i = 0; i < sizeof falses / sizeof falses[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"schemaRequiresEncryption\": %s, \"result\": {\"x\": {\"$binary\": {\"base64\": \"AA==\", "
                 "\"subType\": \"06\"}}}}",
                 falses[i]);
        bson_t *doc = from_json(text);
        assert_int_equal(exhaust(bson_get_data(doc), doc->len, &refused_at_end), 0);
        assert_false(refused_at_end);
        bson_destroy(doc);
    }
}

/* What is no false, whatever it is. */
static void a_reply_that_may_be_encrypted_is_read(void **state) {
    static const char *const trues[] = {"true", "1", "\"false\"", "{}", "{\"$numberDouble\": \"NaN\"}"};
    bool refused_at_end;
    (void)state;
    for (size_t i = 0; i < sizeof trues / sizeof trues[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"schemaRequiresEncryption\": %s, \"result\": {\"x\": {\"$binary\": {\"base64\": \"AA==\", "
                 "\"subType\": \"06\"}}}}",
                 trues[i]);
        bson_t *doc = from_json(text);
        assert_int_equal(exhaust(bson_get_data(doc), doc->len, &refused_at_end), 0);
        assert_true(refused_at_end); /* the placeholder is found, and is none */
        bson_destroy(doc);
    }
}

/* ---- all cases ---- */

typedef struct tally {
    opencrypt_request *request;
    size_t replies, placeholders;
} tally;

static void read_case(const oc_case *c, void *data) {
    tally *t = data;
    opencrypt_reply answer;
    bool refused_at_end;
    if (!opencrypt_analyze(t->request, bson_get_data(c->command), c->command->len, NULL, 0, &answer))
        return;
    size_t n = exhaust(answer.data, answer.len, &refused_at_end);
    if (refused_at_end || n != answer.placeholders)
        fail_msg("%s: %zu placeholders of %llu", c->name, n, (unsigned long long)answer.placeholders);
    t->replies++;
    t->placeholders += n;
}

static void all_placeholders_of_all_cases_are_read(void **state) {
    tally t = {0};
    (void)state;
    opencrypt_engine *engine = opencrypt_engine_new();
    t.request = opencrypt_request_new(engine, 0);
    oc_cases_each(folder, read_case, &t);
    assert_true(t.replies > 1000 && t.placeholders > 1000);
    opencrypt_request_free(t.request);
    opencrypt_engine_free(engine);
}

static void algorithms_and_types_have_names(void **state) {
    (void)state;
    assert_string_equal(opencrypt_algorithm_name(OPENCRYPT_DETERMINISTIC), "deterministic");
    assert_string_equal(opencrypt_algorithm_name(OPENCRYPT_TEXT), "text");
    assert_string_equal(opencrypt_algorithm_name((opencrypt_algorithm)77), "unknown");
    assert_string_equal(opencrypt_type_name(2), "string");
    assert_string_equal(opencrypt_type_name(0), "unknown");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(malformed_placeholders_are_refused, tear_down),
        cmocka_unit_test(a_placeholder_that_is_no_bson_is_refused),
        cmocka_unit_test(what_is_no_accepted_reply_is_refused),
        cmocka_unit_test(replies_may_be_deeper_than_commands_but_not_endless),
        cmocka_unit_test(truncated_and_damaged_replies_are_read_within_their_bounds),
        cmocka_unit_test_teardown(a_csfle_placeholder_has_algorithm_key_and_value, tear_down),
        cmocka_unit_test_teardown(a_key_may_be_given_by_its_name, tear_down),
        cmocka_unit_test_teardown(an_equality_placeholder_says_what_it_is_for, tear_down),
        cmocka_unit_test_teardown(a_stored_range_has_the_limits_of_its_index, tear_down),
        cmocka_unit_test_teardown(a_compared_range_has_its_bounds, tear_down),
        cmocka_unit_test_teardown(the_second_half_of_a_range_refers_to_the_first, tear_down),
        cmocka_unit_test_teardown(a_text_has_the_lengths_of_its_indexes, tear_down),
        cmocka_unit_test(only_placeholders_are_given_out),
        cmocka_unit_test(a_reply_without_encryption_has_no_placeholders),
        cmocka_unit_test(a_reply_that_may_be_encrypted_is_read),
        cmocka_unit_test(all_placeholders_of_all_cases_are_read),
        cmocka_unit_test(algorithms_and_types_have_names),
    };
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
