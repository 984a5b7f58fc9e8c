/* What each function answers, misuse included, and that the library leaves its host alone. */

#include "unit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "abi.h"
#include "opencrypt.h"

static const char *path;
static oc_abi abi;
static mongo_crypt_v1_status *status;
static mongo_crypt_v1_lib *lib;
static mongo_crypt_v1_query_analyzer *analyzer;

static int set_up(void **state) {
    (void)state;
    if (!oc_abi_load(&abi, path))
        return -1;
    status = abi.status_create();
    lib = abi.lib_create(status);
    analyzer = abi.query_analyzer_create(lib, status);
    return analyzer ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    abi.query_analyzer_destroy(analyzer);
    int error = abi.lib_destroy(lib, status);
    abi.status_destroy(status);
    oc_abi_unload(&abi);
    return error;
}

/* ---- helpers ---- */

static bson_t *from_json(const char *json) {
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!doc)
        fail_msg("%s", error.message);
    return doc;
}

static uint8_t *analyze(const bson_t *command, const char *ns, uint32_t *len) {
    return abi.analyze_query(analyzer, bson_get_data(command), ns, ns ? (uint32_t)strlen(ns) : 0, len, status);
}

static void assert_error(int error, int code, const char *explanation) {
    assert_int_equal(abi.status_get_error(status), error);
    assert_int_equal(abi.status_get_code(status), code);
    if (!strstr(abi.status_get_explanation(status), explanation))
        fail_msg("'%s' does not say '%s'", abi.status_get_explanation(status), explanation);
}

static void assert_success(void) {
    assert_error(MONGO_CRYPT_V1_SUCCESS, 0, "");
    assert_string_equal(abi.status_get_explanation(status), "");
}

#define ENCRYPT(keyword)                                                                                               \
    "{\"bsonType\": \"object\", \"" keyword "\": {\"^ssn$\": {\"encrypt\": {\"algorithm\": "                           \
    "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": [{\"$binary\": {\"base64\": "                                \
    "\"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}}}"
#define JSON_SCHEMA  "\"jsonSchema\": " ENCRYPT("patternProperties") ", \"isRemoteSchema\": false"
#define INSERT       "{\"insert\": \"people\", \"documents\": [{\"ssn\": \"x\"}], " JSON_SCHEMA "}"
#define REFUSED_FIND "{\"find\": \"people\", \"filter\": {\"ssn\": \"x\"}, " JSON_SCHEMA "}"

/* ---- versions ---- */

static void the_version_is_that_of_all_features(void **state) {
    (void)state;
    assert_true(abi.get_version() == UINT64_C(0x0008000200000000));
    assert_memory_equal(abi.get_version_str(), "mongo_crypt_v1-", strlen("mongo_crypt_v1-"));
    assert_non_null(strstr(abi.get_version_str(), "-8.2.0-opencryptd-"));
    assert_non_null(strstr(abi.get_version_str(), opencrypt_version()));
}

/* ---- analysis ---- */

/* The library in this process says what the daemon would say. */
static void replies_are_those_of_the_daemon(void **state) {
    static const char *const commands[] = {INSERT, REFUSED_FIND, "{\"find\": 1}", "{\"nothing\": \"c\"}", "{}"};
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        bson_t *command = from_json(commands[i]);
        opencrypt_reply reply;
        uint32_t len;
        uint8_t *bytes = analyze(command, "db.people", &len);
        bool ok = opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
        assert_int_equal(bytes != NULL, ok);
        assert_int_equal(len, ok ? reply.len : 0);
        if (ok)
            assert_memory_equal(bytes, reply.data, len);
        else
            assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, reply.refusal.code, reply.refusal.message);
        abi.bson_free(bytes);
        bson_destroy(command);
    }
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
}

static void a_success_clears_the_status(void **state) {
    bson_t *refused = from_json(REFUSED_FIND), *insert = from_json(INSERT);
    uint32_t len;
    (void)state;
    assert_null(analyze(refused, "db.people", &len));
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 2, "Cannot query on fields encrypted with the randomized encryption");
    uint8_t *reply = analyze(insert, "db.people", &len);
    assert_non_null(reply);
    assert_success();
    abi.bson_free(reply);
    bson_destroy(insert);
    bson_destroy(refused);
}

/* The schema is that of db.people: in another database the collection has none. */
static void the_namespace_gives_the_database(void **state) {
    static const struct {
        const char *ns, *db;
        bool accepted;
    } rows[] = {{"db.people", NULL, false},    {"db", NULL, false},          {"db.people.of.dots", NULL, false},
                {"other.people", "db", false}, {"db.people", "other", true}, {"other.people", NULL, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bson_t *command =
            from_json("{\"find\": \"people\", \"filter\": {\"ssn\": \"x\"}, \"csfleEncryptionSchemas\": {"
                      "\"db.people\": {\"jsonSchema\": " ENCRYPT(
                          "patternProperties") ", "
                                               "\"isRemoteSchema\": false}, \"other.people\": {\"jsonSchema\": {}, "
                                               "\"isRemoteSchema\": false}}}");
        uint32_t len;
        if (rows[i].db)
            BSON_APPEND_UTF8(command, "$db", rows[i].db);
        uint8_t *reply = analyze(command, rows[i].ns, &len);
        if (rows[i].accepted != (reply != NULL))
            fail_msg("row %zu: %s", i, abi.status_get_explanation(status));
        abi.bson_free(reply);
        bson_destroy(command);
    }
}

/* ---- misuse ---- */

static void there_is_one_library_at_a_time(void **state) {
    (void)state;
    assert_null(abi.lib_create(status));
    assert_error(MONGO_CRYPT_V1_ERROR_LIBRARY_ALREADY_INITIALIZED, 0, "one at a time");
    assert_null(abi.lib_create(NULL));
}

static void a_library_with_analyzers_stays(void **state) {
    (void)state;
    assert_int_equal(abi.lib_destroy(lib, status), MONGO_CRYPT_V1_ERROR_EXCEPTION);
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 20, "query_analyzer_destroy first");
    a_success_clears_the_status(state);
}

static void other_handles_are_refused(void **state) {
    mongo_crypt_v1_lib *const wrong[] = {NULL, (mongo_crypt_v1_lib *)&status};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(abi.lib_destroy(wrong[i], status), MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE);
        assert_error(MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE, 0, "lib_create");
        assert_null(abi.query_analyzer_create(wrong[i], status));
        assert_error(MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE, 0, "lib_create");
        assert_int_equal(abi.lib_destroy(wrong[i], NULL), MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE);
        assert_null(abi.query_analyzer_create(wrong[i], NULL));
    }
}

static void without_a_library_there_is_nothing(void **state) {
    bson_t *insert = from_json(INSERT);
    uint32_t len = 7;
    abi.query_analyzer_destroy(analyzer);
    assert_int_equal(abi.lib_destroy(lib, status), MONGO_CRYPT_V1_SUCCESS);
    assert_success();
    assert_int_equal(abi.lib_destroy(lib, status), MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED);
    assert_error(MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED, 0, "lib_create first");
    assert_null(abi.query_analyzer_create(lib, status));
    assert_error(MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED, 0, "lib_create first");
    assert_null(abi.analyze_query(NULL, bson_get_data(insert), "db.c", 4, &len, status));
    assert_error(MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED, 0, "query_analyzer_create first");
    assert_int_equal(len, 0);
    lib = abi.lib_create(status);
    analyzer = abi.query_analyzer_create(lib, status);
    assert_success();
    a_success_clears_the_status(state);
    bson_destroy(insert);
}

static void null_arguments_are_refused(void **state) {
    bson_t *insert = from_json(INSERT);
    const uint8_t *bytes = bson_get_data(insert);
    uint32_t len;
    (void)state;
    assert_null(abi.analyze_query(analyzer, NULL, "db.c", 4, &len, status));
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 2, "must not be NULL");
    assert_null(abi.analyze_query(analyzer, bytes, "db.c", 4, NULL, status));
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 2, "must not be NULL");
    assert_null(abi.analyze_query(analyzer, bytes, NULL, 4, &len, status));
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 73, "Invalid namespace");
    assert_null(abi.analyze_query(analyzer, bytes, "d\0.c", 4, &len, status));
    assert_error(MONGO_CRYPT_V1_ERROR_EXCEPTION, 73, "Invalid namespace");
    assert_null(abi.analyze_query(NULL, NULL, NULL, 0, NULL, NULL));
    uint8_t *reply = abi.analyze_query(analyzer, bytes, NULL, 0, &len, NULL);
    assert_non_null(reply);
    abi.bson_free(reply);
    abi.bson_free(NULL);
    abi.query_analyzer_destroy(NULL);
    abi.status_destroy(NULL);
    bson_destroy(insert);
}

static void no_status_is_no_success(void **state) {
    (void)state;
    assert_int_equal(abi.status_get_error(NULL), MONGO_CRYPT_V1_ERROR_IN_REPORTING_ERROR);
    assert_int_equal(abi.status_get_code(NULL), 0);
    assert_string_equal(abi.status_get_explanation(NULL), "");
}

/* Each alone on the heap, so that a sanitizer sees a byte read too many. */
static void malformed_documents_are_refused(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"\0\0\0\0", 4},
                {"\4\0\0\0", 4},
                {"\xff\xff\xff\xff", 4},
                {"\0\0\0\x80", 4},
                {"\5\0\0\0\1", 5},
                {"\6\0\0\0\2\0", 6},
                {"\x0d\0\0\0\2a\0\xff\0\0\0x\0", 13},
                {"\0\0\0\x40", 4} /* a gigabyte */};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *document = malloc(rows[i].len);
        uint32_t len = 7;
        memcpy(document, rows[i].bytes, rows[i].len);
        assert_null(abi.analyze_query(analyzer, document, "db.c", 4, &len, status));
        assert_int_equal(abi.status_get_error(status), MONGO_CRYPT_V1_ERROR_EXCEPTION);
        assert_true(abi.status_get_code(status) != 0);
        assert_int_equal(len, 0);
        free(document);
    }
}

/* ---- the host ---- */

static int count_files(const char *folder) {
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

typedef struct host {
    int threads, files;
    void (*handlers[65])(int);
} host;

static host look_at_host(void) {
    host h = {.threads = count_files("/proc/self/task"), .files = count_files("/proc/self/fd")};
    for (int i = 1; i < 65; i++) {
        struct sigaction action;
        h.handlers[i] = sigaction(i, NULL, &action) == 0 ? action.sa_handler : NULL;
    }
    return h;
}

static void the_host_stays_as_it_was(void **state) {
    host before = look_at_host();
    set_up(state);
    a_success_clears_the_status(state);
    host during = look_at_host();
    assert_int_equal(tear_down(state), 0);
    host after = look_at_host();
    assert_memory_equal(&during, &before, sizeof before);
    assert_memory_equal(&after, &before, sizeof before);
}

static bool is_loaded(void) {
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

/* Gone from memory after dlclose, and as new when it is loaded again. musl never unloads. */
static void it_can_be_loaded_again(void **state) {
    for (int i = 0; i < 20; i++) {
#ifdef __GLIBC__
        assert_false(is_loaded());
#else
        assert_true(is_loaded());
#endif
        assert_int_equal(set_up(state), 0);
        a_success_clears_the_status(state);
        assert_int_equal(tear_down(state), 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_stays_as_it_was),
        cmocka_unit_test(it_can_be_loaded_again),
        cmocka_unit_test_setup_teardown(the_version_is_that_of_all_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replies_are_those_of_the_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_success_clears_the_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_namespace_gives_the_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_one_library_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_library_with_analyzers_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_handles_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_library_there_is_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(null_arguments_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_status_is_no_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_documents_are_refused, set_up, tear_down),
    };
    if (argc != 2)
        return 2;
    path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
