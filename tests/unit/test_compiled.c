/* opencrypt_schema and opencrypt_fields: schemas in the hands of a caller. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "opencrypt.h"

#define UUID(start)     "{\"$binary\": {\"base64\": \"" start "AAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}"
#define KEY             "\"keyId\": [" UUID("AA") "]"
#define RANDOM          "\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Random\""
#define DETERMINISTIC   "\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\""
#define ENCRYPT         "{\"encrypt\": {" RANDOM ", " KEY "}}"
#define OBJECT(members) "{\"bsonType\": \"object\", " members "}"

static opencrypt_engine *engine;

static int set_up(void **state) {
    (void)state;
    engine = opencrypt_engine_new();
    return engine ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    opencrypt_engine_free(engine);
    return 0;
}

/* The bytes are gone before the schema is used: it must not borrow them. */
static opencrypt_schema *compile(opencrypt_schema_kind kind, const char *json) {
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!doc)
        fail_msg("%s: %s", json, error.message);
    opencrypt_schema *schema = opencrypt_schema_compile(engine, kind, bson_get_data(doc), doc->len);
    bson_destroy(doc);
    assert_non_null(schema);
    return schema;
}

static opencrypt_schema *compile_well(opencrypt_schema_kind kind, const char *json) {
    opencrypt_schema *schema = compile(kind, json);
    if (opencrypt_schema_refusal(schema))
        fail_msg("%s: %s", json, opencrypt_schema_refusal(schema)->message);
    return schema;
}

/* ---- what is refused ---- */

static void assert_useless(opencrypt_schema *schema) {
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    assert_non_null(fields);
    assert_null(opencrypt_fields_next(fields));
    assert_false(opencrypt_fields_failed(fields));
    opencrypt_fields_free(fields);
    assert_false(opencrypt_schema_encrypts(schema));
    assert_null(opencrypt_schema_look_up(schema, "a", 1));
    assert_non_null(opencrypt_schema_refusal(schema)); /* still that of the schema */
}

static void a_schema_that_does_not_compile_says_why_and_where(void **state) {
    static const struct {
        opencrypt_schema_kind kind;
        const char *json, *rule, *path;
    } rows[] = {
        {OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"properties\": {\"a\": {\"encrypt\": {" RANDOM "}}}"), "schema-encrypt",
         "/properties/a/encrypt"},
        {OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"properties\": {\"a/b\": {\"foo\": 1}}"), "schema-keyword",
         "/properties/a~1b/foo"},
        {OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"required\": [\"a\"]"), "schema-remote-only-keyword", "/required"},
        {OPENCRYPT_SCHEMA_REMOTE, ENCRYPT, "schema-encrypt-structure", ""},
        {OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, "{}", "field-missing", "/fields"},
        {OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, "{\"fields\": [{\"path\": \"a\"}]}", "field-missing", "/fields/0/keyId"},
        {OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS,
         "{\"fields\": [{\"path\": \"a\", \"keyId\": " UUID("AA") ", \"bsonType\": \"decimal\", "
                                                                  "\"queries\": [{\"queryType\": \"equality\"}]}]}",
         "schema-type", "/fields/0/queries/0/queryType"},
        {(opencrypt_schema_kind)0, "{}", "schema-source", ""},
        {(opencrypt_schema_kind)4, "{}", "schema-source", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        opencrypt_schema *schema = compile(rows[i].kind, rows[i].json);
        const opencrypt_refusal *refusal = opencrypt_schema_refusal(schema);
        if (!refusal)
            fail_msg("accepted: %s", rows[i].json);
        if (strcmp(refusal->rule, rows[i].rule) != 0 || strcmp(refusal->path, rows[i].path) != 0)
            fail_msg("%s: %s at '%s'", rows[i].json, refusal->rule, refusal->path);
        assert_true(refusal->code != 0 && refusal->code_name[0] && refusal->message[0]);
        assert_useless(schema);
        opencrypt_schema_free(schema);
    }
}

static void malformed_bytes_are_no_schema(void **state) {
    static const uint8_t bytes[] = {12, 0, 0, 0, 16, 'a', 0, 1, 0, 0, 0, 0};
    (void)state;
    for (size_t len = 0; len < sizeof bytes; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, bytes, len);
        for (int kind = OPENCRYPT_SCHEMA_LOCAL; kind <= OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS; kind++) {
            opencrypt_schema *schema = opencrypt_schema_compile(engine, (opencrypt_schema_kind)kind, copy, len);
            assert_string_equal(opencrypt_schema_refusal(schema)->rule, "malformed-bson");
            assert_useless(schema);
            opencrypt_schema_free(schema);
        }
        free(copy);
    }
}

/* ---- look-ups ---- */

static const opencrypt_place *at(opencrypt_schema *schema, const char *path) {
    const opencrypt_place *place = opencrypt_schema_look_up(schema, path, strlen(path));
    if (!place)
        fail_msg("%s: %s", path, opencrypt_schema_refusal(schema)->message);
    assert_null(opencrypt_schema_refusal(schema));
    return place;
}

static void a_name_that_cannot_be_matched_fails_the_look_up_only(void **state) {
    (void)state;
    opencrypt_schema *schema =
        compile_well(OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"patternProperties\": {\"^s\": " ENCRYPT "}"));
    assert_null(opencrypt_schema_look_up(schema, "s\xFF", 2));
    assert_non_null(opencrypt_schema_refusal(schema));
    assert_true(opencrypt_schema_refusal(schema)->message[0]);
    assert_int_equal(at(schema, "ssn")->position, OPENCRYPT_AT_ENCRYPTED);
    opencrypt_schema_free(schema);
}

static void a_path_is_plain_encrypted_above_below_or_in_conflict(void **state) {
    static const char json[] =
        OBJECT("\"properties\": {\"ssn\": " ENCRYPT ", \"plain\": {\"bsonType\": \"string\"}, \"user\": " OBJECT(
            "\"properties\": {\"id\": " ENCRYPT "}") ", \"xid\": {}, \"twice\": " ENCRYPT
                                                     "}, \"patternProperties\": {\"^x\": " ENCRYPT
                                                     ", \"^twice\": " ENCRYPT "}");
    static const struct {
        const char *path;
        opencrypt_position position;
        size_t field_len;
    } rows[] = {
        {"plain", OPENCRYPT_AT_PLAIN, 0},       {"nowhere", OPENCRYPT_AT_PLAIN, 0},
        {"plain.ssn", OPENCRYPT_AT_PLAIN, 0},   {"", OPENCRYPT_AT_PLAIN, 0},
        {"ssn", OPENCRYPT_AT_ENCRYPTED, 3},     {"user", OPENCRYPT_AT_ABOVE, 0},
        {"user.id", OPENCRYPT_AT_ENCRYPTED, 7}, {"user.name", OPENCRYPT_AT_PLAIN, 0},
        {"user.id.a.b", OPENCRYPT_AT_BELOW, 7}, {"ssn.x", OPENCRYPT_AT_BELOW, 3},
        {"ssn.", OPENCRYPT_AT_BELOW, 3},        {"xyz", OPENCRYPT_AT_ENCRYPTED, 3},
        {"xid", OPENCRYPT_AT_CONFLICT, 0},      {"xid.a", OPENCRYPT_AT_CONFLICT, 0},
        {"twice", OPENCRYPT_AT_ENCRYPTED, 5}, /* they agree */
    };
    (void)state;
    opencrypt_schema *schema = compile_well(OPENCRYPT_SCHEMA_REMOTE, json);
    assert_true(opencrypt_schema_encrypts(schema));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const opencrypt_place *place = at(schema, rows[i].path);
        bool has = rows[i].position == OPENCRYPT_AT_ENCRYPTED || rows[i].position == OPENCRYPT_AT_BELOW;
        if (place->position != rows[i].position || place->field_len != rows[i].field_len ||
            (place->encryption != NULL) != has)
            fail_msg("%s: %d, %zu", rows[i].path, (int)place->position, place->field_len);
    }
    opencrypt_schema_free(schema);
}

static void a_schema_may_encrypt_nothing(void **state) {
    (void)state;
    opencrypt_schema *schema = compile_well(OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, "{\"fields\": []}");
    assert_false(opencrypt_schema_encrypts(schema));
    assert_int_equal(at(schema, "a.b")->position, OPENCRYPT_AT_PLAIN);
    opencrypt_schema_free(schema);
}

static void a_csfle_field_has_algorithm_types_and_key(void **state) {
    static const uint8_t key[16] = {0};
    (void)state;
    opencrypt_schema *schema = compile_well(
        OPENCRYPT_SCHEMA_LOCAL,
        OBJECT("\"encryptMetadata\": {\"keyId\": \"/key~1name\"}, \"properties\": {\"d\": {\"encrypt\": {" DETERMINISTIC
               ", " KEY ", \"bsonType\": \"string\"}}, \"r\": {\"encrypt\": {" RANDOM
               ", \"bsonType\": [\"int\", \"long\"]}}, \"any\": " ENCRYPT "}"));
    const opencrypt_encryption *e = at(schema, "d")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_DETERMINISTIC);
    assert_int_equal(e->types, 1u << 2);
    assert_memory_equal(e->key_id, key, 16);
    assert_null(e->key_pointer);
    assert_null(e->index);
    assert_string_equal(e->schema_pointer, "/properties/d/encrypt");
    e = at(schema, "r")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_RANDOM);
    assert_int_equal(e->types, 1u << 16 | 1u << 18);
    assert_null(e->key_id);
    assert_string_equal(e->key_pointer, "/key~1name");
    assert_int_equal(at(schema, "any")->encryption->types, 0);
    opencrypt_schema_free(schema);
}

static const char queryable[] =
    "{\"fields\": ["
    "{\"path\": \"z.none\", \"keyId\": " UUID(
        "AA") "},"
              "{\"path\": \"z.eq\", \"keyId\": " UUID(
                  "AB") ", \"bsonType\": \"string\", \"queries\": {\"queryType\": \"equality\", "
                        "\"contention\": 3}},"
                        "{\"path\": \"a\", \"keyId\": " UUID(
                            "AC") ", \"bsonType\": \"int\", \"queries\": {\"queryType\": \"range\", \"min\": 1, "
                                  "\"trimFactor\": 2, \"sparsity\": 4}},"
                                  "{\"path\": \"double\", \"keyId\": " UUID(
                                      "AD") ", \"bsonType\": \"double\", \"queries\": {\"queryType\": \"range\", "
                                            "\"min\": 0.0, \"max\": 1.5, \"precision\": 2}},"
                                            "{\"path\": \"text\", \"keyId\": " UUID(
                                                "AE") ", \"bsonType\": \"string\", \"queries\": [{\"queryType\": "
                                                      "\"prefix\", "
                                                      "\"strMinQueryLength\": 2, \"strMaxQueryLength\": 9, "
                                                      "\"caseSensitive\": false}, {\"queryType\": \"suffix\", "
                                                      "\"strMinQueryLength\": 3, \"strMaxQueryLength\": 8, "
                                                      "\"caseSensitive\": false}]},"
                                                      "{\"path\": \"part\", \"keyId\": " UUID(
                                                          "AF") ", \"bsonType\": \"string\", \"queries\": "
                                                                "{\"queryType\": \"substringPreview\", "
                                                                "\"strMinQueryLength\": 2, \"strMaxQueryLength\": 5, "
                                                                "\"strMaxLength\": 60}}]}";

static void a_text_index_may_fold_diacritics(void **state) {
    (void)state;
    opencrypt_schema *schema = compile_well(
        OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS,
        "{\"fields\": [{\"path\": \"text\", \"keyId\": " UUID(
            "AA") ", \"bsonType\": \"string\", "
                  "\"queries\": {\"queryType\": \"prefix\", \"strMinQueryLength\": 2, \"strMaxQueryLength\": 9, "
                  "\"diacriticSensitive\": false}}]}");
    const opencrypt_index *index = at(schema, "text")->encryption->index;
    assert_true(index->case_sensitive);
    assert_false(index->diacritic_sensitive);
    opencrypt_schema_free(schema);
}

static void a_queryable_field_has_its_index(void **state) {
    static const uint8_t one[4] = {1}, largest[4] = {0xFF, 0xFF, 0xFF, 0x7F};
    (void)state;
    opencrypt_schema *schema = compile_well(OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, queryable);
    const opencrypt_encryption *e = at(schema, "z.none")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_UNINDEXED);
    assert_int_equal(e->types, 0);
    assert_int_equal(e->index->contention, 0);
    assert_int_equal(e->index->min.type, 0);
    e = at(schema, "z.eq")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_EQUALITY);
    assert_int_equal(e->index->contention, 3);
    assert_string_equal(e->schema_pointer, "/fields/1");
    assert_int_equal(e->key_id[1], 0x10); /* base64 AB */
    e = at(schema, "a")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_RANGE);
    assert_int_equal(e->index->contention, 8);
    assert_int_equal(e->index->sparsity, 4);
    assert_int_equal(e->index->trim_factor, 2);
    assert_int_equal(e->index->precision, -1);
    assert_int_equal(e->index->min.type, 16);
    assert_memory_equal(e->index->min.data, one, 4);
    assert_memory_equal(e->index->max.data, largest, 4); /* not given: its type's */
    assert_int_equal(at(schema, "double")->encryption->index->precision, 2);
    e = at(schema, "text")->encryption;
    assert_int_equal(e->algorithm, OPENCRYPT_TEXT);
    assert_false(e->index->case_sensitive);
    assert_true(e->index->diacritic_sensitive);
    assert_true(e->index->prefix.min_query == 2 && e->index->prefix.max_query == 9);
    assert_true(e->index->suffix.min_query == 3 && e->index->suffix.max_query == 8);
    assert_int_equal(e->index->substring.max_query, 0);
    assert_int_equal(at(schema, "part")->encryption->index->substring.max_length, 60);
    assert_int_equal(at(schema, "z")->position, OPENCRYPT_AT_ABOVE);
    opencrypt_schema_free(schema);
}

/* ---- fields ---- */

/* "path=algorithm …" of all of them. */
static void assert_fields(opencrypt_schema *schema, const char *expected) {
    char text[1024] = "";
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    const opencrypt_field *field;
    while ((field = opencrypt_fields_next(fields))) {
        assert_int_equal(field->path_len, strlen(field->path));
        assert_true(field->step_count > 0);
        if (field->named) {
            assert_int_equal(at(schema, field->path)->position, OPENCRYPT_AT_ENCRYPTED);
            assert_string_equal(at(schema, field->path)->encryption->schema_pointer, field->encryption->schema_pointer);
        }
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", text[0] ? " " : "", field->path,
                 opencrypt_algorithm_name(field->encryption->algorithm));
    }
    assert_false(opencrypt_fields_failed(fields));
    assert_null(opencrypt_fields_next(fields));
    opencrypt_fields_free(fields);
    assert_string_equal(text, expected);
}

static void fields_come_as_they_are_written(void **state) {
    (void)state;
    opencrypt_schema *schema = compile_well(OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, queryable);
    assert_fields(schema, "z.none=unindexed z.eq=equality a=range double=range text=text part=text");
    opencrypt_schema_free(schema);
    schema =
        compile_well(OPENCRYPT_SCHEMA_LOCAL,
                     OBJECT("\"patternProperties\": {\"^[s.]\": " ENCRYPT
                            ", \"plain\": {}}, \"properties\": {\"z\": " ENCRYPT ", \"none\": {}, \"user\": " OBJECT(
                                "\"properties\": {\"b\": " ENCRYPT ", \"a\": " ENCRYPT
                                "}") ", \"m\": " ENCRYPT
                                     "}, \"additionalProperties\": " OBJECT("\"properties\": {\"in\": " ENCRYPT "}")));
    assert_fields(schema, "z=random user.b=random user.a=random m=random /^[s.]/=random *.in=random");
    opencrypt_schema_free(schema);
    schema = compile_well(OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"properties\": {\"a\": {}}"));
    assert_fields(schema, "");
    opencrypt_schema_free(schema);
}

static void steps_tell_names_from_patterns(void **state) {
    (void)state;
    opencrypt_schema *schema =
        compile_well(OPENCRYPT_SCHEMA_LOCAL,
                     OBJECT("\"properties\": {\"a\": " OBJECT(
                         "\"patternProperties\": {\"^x\": " OBJECT("\"additionalProperties\": " ENCRYPT) "}") "}"));
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    const opencrypt_field *field = opencrypt_fields_next(fields);
    assert_non_null(field);
    assert_string_equal(field->path, "a./^x/.*");
    assert_false(field->named);
    assert_int_equal(field->step_count, 3);
    assert_int_equal(field->steps[0].kind, OPENCRYPT_STEP_NAME);
    assert_int_equal(field->steps[1].kind, OPENCRYPT_STEP_PATTERN);
    assert_true(field->steps[1].len == 2 && memcmp(field->steps[1].text, "^x", 2) == 0);
    assert_int_equal(field->steps[2].kind, OPENCRYPT_STEP_REST);
    assert_null(opencrypt_fields_next(fields));
    opencrypt_fields_free(fields);
    opencrypt_schema_free(schema);
}

static void the_deepest_path_of_a_schema_is_listed(void **state) {
    char path[2 * 110], json[512];
    (void)state;
    for (size_t i = 0; i < 110; i++)
        memcpy(path + 2 * i, "a.", 2);
    path[2 * 110 - 1] = '\0';
    snprintf(json, sizeof json, "{\"fields\": [{\"path\": \"%s\", \"keyId\": %s}]}", path, UUID("AA"));
    opencrypt_schema *schema = compile_well(OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, json);
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    const opencrypt_field *field = opencrypt_fields_next(fields);
    assert_non_null(field);
    assert_string_equal(field->path, path);
    assert_int_equal(field->step_count, 110);
    opencrypt_fields_free(fields);
    opencrypt_schema_free(schema);
}

static void many_fields_keep_their_order(void **state) {
    enum { MANY = 500 };
    bson_t doc = BSON_INITIALIZER, list, entry;
    char name[32];
    uint8_t key[16] = {0};
    (void)state;
    bson_append_array_begin(&doc, "fields", -1, &list);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d", i);
        bson_append_document_begin(&list, name, -1, &entry);
        snprintf(name, sizeof name, "f%d", (i * 37) % MANY);
        BSON_APPEND_UTF8(&entry, "path", name);
        key[0] = (uint8_t)i;
        key[1] = (uint8_t)(i >> 8);
        BSON_APPEND_BINARY(&entry, "keyId", BSON_SUBTYPE_UUID, key, 16);
        bson_append_document_end(&list, &entry);
    }
    bson_append_array_end(&doc, &list);
    opencrypt_schema *schema =
        opencrypt_schema_compile(engine, OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS, bson_get_data(&doc), doc.len);
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    for (int i = 0; i < MANY; i++) {
        const opencrypt_field *field = opencrypt_fields_next(fields);
        assert_non_null(field);
        snprintf(name, sizeof name, "f%d", (i * 37) % MANY);
        assert_string_equal(field->path, name);
    }
    assert_null(opencrypt_fields_next(fields));
    opencrypt_fields_free(fields);
    opencrypt_schema_free(schema);
    bson_destroy(&doc);
}

/* ---- the cache ---- */

static void the_same_schema_is_compiled_once_and_shared_with_analyses(void **state) {
    static const char json[] = "{\"find\": \"c\", \"$db\": \"db\", \"filter\": {\"a\": 1}, \"isRemoteSchema\": false, "
                               "\"jsonSchema\": " OBJECT("\"properties\": {\"cached\": " ENCRYPT "}") "}";
    opencrypt_stats before, after;
    opencrypt_reply reply;
    (void)state;
    opencrypt_engine_stats(engine, &before);
    opencrypt_schema *first = compile_well(OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"properties\": {\"cached\": " ENCRYPT "}"));
    opencrypt_schema *second =
        compile_well(OPENCRYPT_SCHEMA_LOCAL, OBJECT("\"properties\": {\"cached\": " ENCRYPT "}"));
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, NULL);
    assert_true(opencrypt_analyze(request, bson_get_data(command), command->len, NULL, 0, &reply));
    opencrypt_engine_stats(engine, &after);
    assert_int_equal(after.schema_misses - before.schema_misses, 1);
    assert_int_equal(after.schema_hits - before.schema_hits, 2);
    opencrypt_schema_free(first);
    assert_int_equal(at(second, "cached")->position, OPENCRYPT_AT_ENCRYPTED);
    opencrypt_schema_free(second);
    bson_destroy(command);
    opencrypt_request_free(request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_that_does_not_compile_says_why_and_where),
        cmocka_unit_test(malformed_bytes_are_no_schema),
        cmocka_unit_test(a_name_that_cannot_be_matched_fails_the_look_up_only),
        cmocka_unit_test(a_path_is_plain_encrypted_above_below_or_in_conflict),
        cmocka_unit_test(a_schema_may_encrypt_nothing),
        cmocka_unit_test(a_csfle_field_has_algorithm_types_and_key),
        cmocka_unit_test(a_text_index_may_fold_diacritics),
        cmocka_unit_test(a_queryable_field_has_its_index),
        cmocka_unit_test(fields_come_as_they_are_written),
        cmocka_unit_test(steps_tell_names_from_patterns),
        cmocka_unit_test(the_deepest_path_of_a_schema_is_listed),
        cmocka_unit_test(many_fields_keep_their_order),
        cmocka_unit_test(the_same_schema_is_compiled_once_and_shared_with_analyses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
