/* What one request may cost: key names, pointers, patterns, index keys, namespaces. */

#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex.h"

/* Fields whose names match `pattern` are encrypted with a key whose name is at /keyName, or with a fixed key. */
static void append_schema(bson_t *command, const char *pattern, bool pointer) {
    static const uint8_t key[16] = {0};
    bson_t schema, patterns, field, encrypt, keys;
    bson_append_document_begin(command, "jsonSchema", -1, &schema);
    BSON_APPEND_UTF8(&schema, "bsonType", "object");
    bson_append_document_begin(&schema, "patternProperties", -1, &patterns);
    bson_append_document_begin(&patterns, pattern, -1, &field);
    bson_append_document_begin(&field, "encrypt", -1, &encrypt);
    BSON_APPEND_UTF8(&encrypt, "algorithm", "AEAD_AES_256_CBC_HMAC_SHA_512-Random");
    if (pointer) {
        BSON_APPEND_UTF8(&encrypt, "keyId", "/keyName");
    } else {
        bson_append_array_begin(&encrypt, "keyId", -1, &keys);
        BSON_APPEND_BINARY(&keys, "0", BSON_SUBTYPE_UUID, key, sizeof key);
        bson_append_array_end(&encrypt, &keys);
    }
    bson_append_document_end(&field, &encrypt);
    bson_append_document_end(&patterns, &field);
    bson_append_document_end(&schema, &patterns);
    bson_append_document_end(command, &schema);
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
}

/* An insert of one document: keyName, and `fields` ints called by `name` with a number. */
static opencrypt_reply insert(const char *key_name, int fields, const char *name, const char *pattern, bool pointer) {
    bson_t *command = bson_new(), documents, doc;
    opencrypt_reply reply;
    BSON_APPEND_UTF8(command, "insert", "c");
    bson_append_array_begin(command, "documents", -1, &documents);
    bson_append_document_begin(&documents, "0", -1, &doc);
    BSON_APPEND_UTF8(&doc, "keyName", key_name);
    for (int i = 0; i < fields; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s%d", name, i);
        BSON_APPEND_INT32(&doc, text, i);
    }
    bson_append_document_end(&documents, &doc);
    bson_append_array_end(command, &documents);
    append_schema(command, pattern, pointer);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    bson_destroy(command);
    return reply;
}

static void a_key_name_has_at_most_1024_bytes(void **state) {
    char name[1026];
    (void)state;
    memset(name, 'k', sizeof name);
    name[1024] = '\0';
    assert_true(insert(name, 2, "f", "^f", true).ok);
    name[1024] = 'k';
    name[1025] = '\0';
    opencrypt_reply reply = insert(name, 2, "f", "^f", true);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "pointer-target");
}

/* A look-up per field would read 40,000 fields 40,000 times. */
static void many_fields_share_one_pointer(void **state) {
    (void)state;
    opencrypt_reply reply = insert("k", 40000, "f", "^f", true);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 40000);
}

static void a_pattern_that_backtracks_without_end_is_refused(void **state) {
    (void)state;
    opencrypt_reply reply = insert("k", 1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$", false);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "schema-pattern");
}

/* Started at anywhere, and at whole characters only. */
static void costly_names_may_be_of_any_characters(void **state) {
    (void)state;
    assert_true(insert("k", 1, "\u00e4\u00e4aaaaaaaaaa!\u00e4", "(a+)+$|secret$", false).ok);
    assert_true(insert("k", 1, "aaaaaaaaaa!", "\\G(a+)+$|secret$", false).ok);
    assert_true(insert("k", 1, "aaaaaaaaaa!", "(*UCP)(a+)+$|secret$", false).ok);
}

/* What costly_names look like to a pattern: some thousands of steps each, within the limit of one match. */
static const char costly_name[] = "aaaaaaaaaa!", costly_pattern[] = "^(a+)+$|secret$";

enum { ONE_LOOK = 3000 }; /* so many of them take more than half of a request's budget, and not all of it */

static void a_request_has_a_budget_of_steps(void **state) {
    (void)state;
    assert_true(insert("k", ONE_LOOK, costly_name, costly_pattern, false).ok);
    opencrypt_reply reply = insert("k", 2 * ONE_LOOK, costly_name, costly_pattern, false);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-complex");
}

/* Of documents whose fields are called alike, or not, by costly names. */
static opencrypt_reply insert_documents(int count, int fields, bool alike) {
    bson_t *command = bson_new(), documents, doc;
    opencrypt_reply reply;
    BSON_APPEND_UTF8(command, "insert", "c");
    bson_append_array_begin(command, "documents", -1, &documents);
    for (int d = 0; d < count; d++) {
        bson_append_document_begin(&documents, "0", -1, &doc);
        for (int i = 0; i < fields; i++) {
            char name[64];
            snprintf(name, sizeof name, "%s%d", costly_name, alike ? i : d * fields + i);
            BSON_APPEND_INT32(&doc, name, i);
        }
        BSON_APPEND_INT32(&doc, "secret", d);
        bson_append_document_end(&documents, &doc);
    }
    bson_append_array_end(command, &documents);
    append_schema(command, costly_pattern, false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    bson_destroy(command);
    return reply;
}

static void sixty_documents_of_ten_costly_names_are_ordinary(void **state) {
    (void)state;
    opencrypt_reply reply = insert_documents(60, 10, false);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 60);
}

static void a_name_is_matched_once_in_a_request(void **state) {
    (void)state;
    assert_false(insert_documents(5000, 10, false).ok);
    opencrypt_reply reply = insert_documents(5000, 10, true);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 5000);
}

/* Whatever earlier requests have left behind. */
static void the_same_request_always_gets_the_same_answer(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(insert("k", ONE_LOOK, costly_name, costly_pattern, false).ok);
        assert_false(insert("k", 2 * ONE_LOOK, costly_name, costly_pattern, false).ok);
    }
}

/* A long name may be started at anywhere: that is work as well. */
static void long_names_take_steps(void **state) {
    enum { LONG = 1024 * 1024 };
    char *name = malloc(LONG + 1);
    bson_t *command = bson_new(), documents, doc;
    opencrypt_reply reply;
    (void)state;
    memset(name, 'a', LONG);
    name[LONG] = '\0';
    BSON_APPEND_UTF8(command, "insert", "c");
    bson_append_array_begin(command, "documents", -1, &documents);
    bson_append_document_begin(&documents, "0", -1, &doc);
    BSON_APPEND_INT32(&doc, name, 1);
    bson_append_document_end(&documents, &doc);
    bson_append_array_end(command, &documents);
    append_schema(command, "(a{1,50}){2}[bc]", false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-complex");
    bson_destroy(command);
    free(name);
}

static oc_match_result match(const char *pattern, const char *name, uint64_t *steps) {
    oc_arena arena = {0};
    oc_matcher matcher = {0};
    oc_budget budget = {0};
    size_t offset;
    const oc_regex *regex = oc_regex_compile(&arena, (oc_str){pattern, strlen(pattern)}, &offset);
    assert_non_null(regex);
    oc_match_result result = oc_regex_match(regex, &matcher, &budget, &arena, (oc_str){name, strlen(name)});
    *steps = budget.spent;
    oc_arena_done(&arena);
    return result;
}

/* However many steps it takes: what a costly match is tried with again must mean the same. */
static void costly_matches_mean_what_cheap_ones_do(void **state) {
    static const char name[] = "aaaaaaaaaa!aab", umlauts[] = "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4!\xc3\xa4\xc3\xa4"
                                                             "b";
    uint64_t steps;
    (void)state;
    assert_int_equal(match("(a+)+[bc]$", name, &steps), OC_MATCH_YES);
    assert_int_equal(match("(\xc3\xa4+)+[bc]$", umlauts, &steps), OC_MATCH_YES);
    assert_int_equal(match("(a+)+[cd]$", "aaaaaaaaaa!aabcab", &steps), OC_MATCH_NO);
    assert_int_equal(match("^(a+)+[bc]$", name, &steps), OC_MATCH_NO);
    assert_int_equal(match("\\G(a+)+[bc]$", name, &steps), OC_MATCH_NO);
    assert_int_equal(match("(*COMMIT)(a+)+[bc]$", name, &steps), OC_MATCH_NO);
}

static void an_anchored_pattern_starts_once(void **state) {
    uint64_t anchored, anywhere;
    (void)state;
    assert_int_equal(match("^b+c", "aaaaaaaaac", &anchored), OC_MATCH_NO);
    assert_int_equal(match("b+c", "aaaaaaaaac", &anywhere), OC_MATCH_NO);
    assert_int_equal(anywhere, 11 * anchored);
}

/* A marked filter is walked twice: the budget that sufficed for the first walk suffices for the second. */
static void a_budget_does_not_end_while_a_filter_is_normalised(void **state) {
    static const char schema_json[] =
        "{\"bsonType\": \"object\", \"patternProperties\": {\"^(a+)+$|secret$\": {\"encrypt\": {\"bsonType\": "
        "\"string\", "
        "\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", "
        "\"keyId\": [{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}}}";
    bson_t *command = bson_new(), *schema = bson_new_from_json((const uint8_t *)schema_json, -1, NULL), filter;
    opencrypt_reply reply;
    (void)state;
    assert_non_null(schema);
    BSON_APPEND_UTF8(command, "find", "c");
    bson_append_document_begin(command, "filter", -1, &filter);
    for (int i = 0; i < ONE_LOOK; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%d", costly_name, i);
        BSON_APPEND_INT32(&filter, name, i);
    }
    BSON_APPEND_UTF8(&filter, "secret", "secret");
    bson_append_document_end(command, &filter);
    BSON_APPEND_DOCUMENT(command, "jsonSchema", schema);
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 1);
    bson_destroy(schema);
    bson_destroy(command);
}

static void ordinary_patterns_match_any_number_of_names(void **state) {
    (void)state;
    opencrypt_reply reply = insert("k", 20000, "secret_", "_[0-9]+$", false);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 20000);
}

/* What is cheap to find out again is not remembered without end. */
static void a_request_may_have_more_names_than_are_remembered(void **state) {
    (void)state;
    opencrypt_reply reply = insert("k", 140000, "f", "^f", false);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, 140000);
}

/* {bsonType: "object", properties: {name0: inner, name1: inner, …}} */
static void append_properties(bson_t *schema, const char *name, int count, const bson_t *inner) {
    bson_t properties;
    BSON_APPEND_UTF8(schema, "bsonType", "object");
    bson_append_document_begin(schema, "properties", -1, &properties);
    for (int i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s%d", name, i);
        BSON_APPEND_DOCUMENT(&properties, text, inner);
    }
    bson_append_document_end(schema, &properties);
}

static bson_t *encrypted(const char *type) {
    char json[256];
    snprintf(json, sizeof json,
             "{\"encrypt\": {\"bsonType\": \"%s\", \"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", "
             "\"keyId\": [{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}",
             type);
    return bson_new_from_json((const uint8_t *)json, -1, NULL);
}

/* createIndexes of `keys` indexes on "user0", which has `fields` encrypted ints below it, under a collation. */
static opencrypt_reply index_with_collation(int keys, int fields) {
    bson_t *command = bson_new(), *field = encrypted("int"), *user = bson_new(), schema, indexes;
    bson_t *index = bson_new_from_json(
        (const uint8_t *)"{\"key\": {\"user0\": 1}, \"name\": \"i\", \"collation\": {\"locale\": \"en\"}}", -1, NULL);
    opencrypt_reply reply;
    BSON_APPEND_UTF8(command, "createIndexes", "c");
    bson_append_array_begin(command, "indexes", -1, &indexes);
    for (int i = 0; i < keys; i++)
        BSON_APPEND_DOCUMENT(&indexes, "0", index);
    bson_append_array_end(command, &indexes);
    append_properties(user, "n", fields, field);
    bson_append_document_begin(command, "jsonSchema", -1, &schema);
    append_properties(&schema, "user", 1, user);
    bson_append_document_end(command, &schema);
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    bson_destroy(command);
    bson_destroy(field);
    bson_destroy(user);
    bson_destroy(index);
    return reply;
}

/* An insert of one document of `bytes` bytes whose `fields` encrypted fields have their keys' names at as many places.
 */
static opencrypt_reply insert_with_pointers(int fields, uint32_t bytes) {
    bson_t *command = bson_new(), documents, doc, schema, properties;
    uint8_t *filling = calloc(1, bytes);
    opencrypt_reply reply;
    char text[32], json[160];
    BSON_APPEND_UTF8(command, "insert", "c");
    bson_append_array_begin(command, "documents", -1, &documents);
    bson_append_document_begin(&documents, "0", -1, &doc);
    for (int i = 0; i < fields; i++) {
        snprintf(text, sizeof text, "f%d", i);
        BSON_APPEND_INT32(&doc, text, i);
        snprintf(text, sizeof text, "k%d", i);
        BSON_APPEND_UTF8(&doc, text, "name");
    }
    BSON_APPEND_BINARY(&doc, "filling", BSON_SUBTYPE_BINARY, filling, bytes);
    bson_append_document_end(&documents, &doc);
    bson_append_array_end(command, &documents);
    bson_append_document_begin(command, "jsonSchema", -1, &schema);
    BSON_APPEND_UTF8(&schema, "bsonType", "object");
    bson_append_document_begin(&schema, "properties", -1, &properties);
    for (int i = 0; i < fields; i++) {
        snprintf(text, sizeof text, "f%d", i);
        snprintf(json, sizeof json,
                 "{'encrypt': {'algorithm': 'AEAD_AES_256_CBC_HMAC_SHA_512-Random', 'keyId': '/k%d'}}", i);
        append_json(&properties, text, json);
    }
    bson_append_document_end(&schema, &properties);
    bson_append_document_end(command, &schema);
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    bson_destroy(command);
    free(filling);
    return reply;
}

static void keys_in_many_places_of_a_large_document_take_steps(void **state) {
    (void)state;
    assert_true(insert_with_pointers(100, 4000000).ok);
    opencrypt_reply reply = insert_with_pointers(400, 4000000);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-complex");
}

/* Each key is looked for strings below it: keys times fields are bounded. */
static void a_search_for_strings_below_index_keys_is_given_up(void **state) {
    (void)state;
    assert_true(index_with_collation(64, 1000).ok);
    opencrypt_reply reply = index_with_collation(4000, 4000);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "collation");
}

/* Namespaces are looked up by hash: one by one would be 400 million comparisons. */
static void many_namespaces_of_a_bulk_write_are_found(void **state) {
    enum { NAMESPACES = 20000 };
    bson_t *command = bson_new(), *field = encrypted("string"), *entry = bson_new(), list, op, document, schema;
    opencrypt_reply reply;
    char name[32];
    (void)state;
    BSON_APPEND_INT32(command, "bulkWrite", 1);
    bson_append_array_begin(command, "ops", -1, &list);
    for (int i = 0; i < NAMESPACES; i++) {
        bson_append_document_begin(&list, "0", -1, &op);
        BSON_APPEND_INT32(&op, "insert", i);
        bson_append_document_begin(&op, "document", -1, &document);
        BSON_APPEND_UTF8(&document, "ssn0", "secret");
        bson_append_document_end(&op, &document);
        bson_append_document_end(&list, &op);
    }
    bson_append_array_end(command, &list);
    bson_append_array_begin(command, "nsInfo", -1, &list);
    for (int i = 0; i < NAMESPACES; i++) {
        snprintf(name, sizeof name, "db.c%d", i);
        bson_append_document_begin(&list, "0", -1, &op);
        BSON_APPEND_UTF8(&op, "ns", name);
        bson_append_document_end(&list, &op);
    }
    bson_append_array_end(command, &list);
    bson_append_document_begin(entry, "jsonSchema", -1, &schema);
    append_properties(&schema, "ssn", 1, field);
    bson_append_document_end(entry, &schema);
    BSON_APPEND_BOOL(entry, "isRemoteSchema", false);
    bson_append_document_begin(command, "csfleEncryptionSchemas", -1, &list);
    for (int i = 0; i < NAMESPACES; i++) {
        snprintf(name, sizeof name, "db.c%d", i);
        BSON_APPEND_DOCUMENT(&list, name, entry);
    }
    bson_append_document_end(command, &list);
    opencrypt_analyze(request, bson_get_data(command), command->len, "admin", 5, &reply);
    assert_true(reply.ok);
    assert_int_equal(reply.placeholders, NAMESPACES);
    bson_destroy(command);
    bson_destroy(field);
    bson_destroy(entry);
}

static void groups_of_a_pattern_nest_to_a_limit(void **state) {
    char pattern[64] = "";
    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(pattern, "(");
    strcat(pattern, "f");
    for (int i = 0; i < 30; i++)
        strcat(pattern, ")");
    assert_true(insert("k", 1, "f", pattern, false).ok);
    memmove(pattern + 1, pattern, 62);
    pattern[0] = '(';
    pattern[62] = ')';
    pattern[63] = '\0';
    opencrypt_reply reply = insert("k", 1, "f", pattern, false);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "schema-pattern");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_name_has_at_most_1024_bytes),
        cmocka_unit_test(many_fields_share_one_pointer),
        cmocka_unit_test(a_pattern_that_backtracks_without_end_is_refused),
        cmocka_unit_test(costly_names_may_be_of_any_characters),
        cmocka_unit_test(a_request_has_a_budget_of_steps),
        cmocka_unit_test(sixty_documents_of_ten_costly_names_are_ordinary),
        cmocka_unit_test(a_name_is_matched_once_in_a_request),
        cmocka_unit_test(the_same_request_always_gets_the_same_answer),
        cmocka_unit_test(long_names_take_steps),
        cmocka_unit_test(costly_matches_mean_what_cheap_ones_do),
        cmocka_unit_test(an_anchored_pattern_starts_once),
        cmocka_unit_test(a_budget_does_not_end_while_a_filter_is_normalised),
        cmocka_unit_test(ordinary_patterns_match_any_number_of_names),
        cmocka_unit_test(a_request_may_have_more_names_than_are_remembered),
        cmocka_unit_test(keys_in_many_places_of_a_large_document_take_steps),
        cmocka_unit_test(a_search_for_strings_below_index_keys_is_given_up),
        cmocka_unit_test(many_namespaces_of_a_bulk_write_are_found),
        cmocka_unit_test(groups_of_a_pattern_nest_to_a_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
