/* The system's libmongocrypt finds the library, accepts it, and has it mark a command. */

#include "unit.h"

#include <bson/bson.h>
#include <mongocrypt/mongocrypt.h>

static const char *path;
static const uint8_t key_id[16] = {7, 7, 7};

static mongocrypt_binary_t *binary(const bson_t *doc) {
    return mongocrypt_binary_new_from_data((uint8_t *)(uintptr_t)bson_get_data(doc), doc->len);
}

static void assert_ok(mongocrypt_t *crypt, bool ok) {
    mongocrypt_status_t *status = mongocrypt_status_new();
    mongocrypt_status(crypt, status);
    if (!ok)
        fail_msg("%s", mongocrypt_status_message(status, NULL));
    mongocrypt_status_destroy(status);
}

static void set_schema_map(mongocrypt_t *crypt) {
    bson_t map = BSON_INITIALIZER, schema, properties, ssn, encrypt, keys;
    BSON_APPEND_DOCUMENT_BEGIN(&map, "db.people", &schema);
    BSON_APPEND_UTF8(&schema, "bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(&schema, "properties", &properties);
    BSON_APPEND_DOCUMENT_BEGIN(&properties, "ssn", &ssn);
    BSON_APPEND_DOCUMENT_BEGIN(&ssn, "encrypt", &encrypt);
    BSON_APPEND_UTF8(&encrypt, "algorithm", "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic");
    BSON_APPEND_UTF8(&encrypt, "bsonType", "string");
    BSON_APPEND_ARRAY_BEGIN(&encrypt, "keyId", &keys);
    BSON_APPEND_BINARY(&keys, "0", BSON_SUBTYPE_UUID, key_id, sizeof key_id);
    bson_append_array_end(&encrypt, &keys);
    bson_append_document_end(&ssn, &encrypt);
    bson_append_document_end(&properties, &ssn);
    bson_append_document_end(&schema, &properties);
    bson_append_document_end(&map, &schema);
    mongocrypt_binary_t *bytes = binary(&map);
    assert_ok(crypt, mongocrypt_setopt_schema_map(crypt, bytes));
    mongocrypt_binary_destroy(bytes);
    bson_destroy(&map);
}

static int set_up(void **state) {
    uint8_t master[96] = {0};
    mongocrypt_t *crypt = mongocrypt_new();
    mongocrypt_binary_t *bytes = mongocrypt_binary_new_from_data(master, sizeof master);
    assert_ok(crypt, mongocrypt_setopt_kms_provider_local(crypt, bytes));
    mongocrypt_binary_destroy(bytes);
    set_schema_map(crypt);
    mongocrypt_setopt_set_crypt_shared_lib_path_override(crypt, path);
    assert_ok(crypt, mongocrypt_init(crypt));
    *state = crypt;
    return 0;
}

static int tear_down(void **state) {
    mongocrypt_destroy(*state);
    return 0;
}

static mongocrypt_ctx_t *encrypt(mongocrypt_t *crypt, const char *json) {
    bson_error_t error;
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &error);
    mongocrypt_binary_t *bytes = binary(command);
    mongocrypt_ctx_t *ctx = mongocrypt_ctx_new(crypt);
    mongocrypt_ctx_encrypt_init(ctx, "db", -1, bytes); /* its outcome is the state */
    mongocrypt_binary_destroy(bytes);
    bson_destroy(command);
    return ctx;
}

static void its_version_is_read(void **state) {
    uint32_t len;
    assert_true(mongocrypt_crypt_shared_lib_version(*state) == UINT64_C(0x0008000200000000));
    assert_non_null(strstr(mongocrypt_crypt_shared_lib_version_string(*state, &len), "opencryptd"));
}

/* Instead of asking for markings by mongocryptd it goes on to ask for the key of what is marked. */
static void it_marks_a_find(void **state) {
    mongocrypt_ctx_t *ctx = encrypt(*state, "{\"find\": \"people\", \"filter\": {\"ssn\": \"x\"}}");
    mongocrypt_binary_t *filter = mongocrypt_binary_new();
    assert_int_equal(mongocrypt_ctx_state(ctx), MONGOCRYPT_CTX_NEED_MONGO_KEYS);
    assert_true(mongocrypt_ctx_mongo_op(ctx, filter));
    assert_non_null(memmem(mongocrypt_binary_data(filter), mongocrypt_binary_len(filter), key_id, sizeof key_id));
    mongocrypt_binary_destroy(filter);
    mongocrypt_ctx_destroy(ctx);
}

static void a_refusal_reaches_the_application(void **state) {
    mongocrypt_ctx_t *ctx = encrypt(*state, "{\"find\": \"people\", \"filter\": {\"ssn\": {\"$gt\": \"x\"}}}");
    mongocrypt_status_t *status = mongocrypt_status_new();
    assert_int_equal(mongocrypt_ctx_state(ctx), MONGOCRYPT_CTX_ERROR);
    mongocrypt_ctx_status(ctx, status);
    assert_non_null(strstr(mongocrypt_status_message(status, NULL), "Invalid match expression operator on encrypted"));
    mongocrypt_status_destroy(status);
    mongocrypt_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_version_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_marks_a_find, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_reaches_the_application, set_up, tear_down),
    };
    if (argc != 2)
        return 2;
    path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
