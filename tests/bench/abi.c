/* bench_abi LIBRARY [--quick]: an analysis through mongo_crypt_v1.so, its reply freed, against the same through
 * libopencrypt, in the same run. The analyzer is made for each command, as libmongocrypt does it, or once. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "timing.h"

static oc_abi abi;
static mongo_crypt_v1_lib *lib;
static mongo_crypt_v1_query_analyzer *analyzer;
static mongo_crypt_v1_status *status;

static void analyze_through(mongo_crypt_v1_query_analyzer *by, const bson_t *command) {
    uint32_t len;
    uint8_t *reply = abi.analyze_query(by, bson_get_data(command), "db.people", 9, &len, status);
    if (!reply) {
        fprintf(stderr, "%s\n", abi.status_get_explanation(status));
        exit(1);
    }
    abi.bson_free(reply);
}

static void analyze_by_abi(bench *b, const bson_t *command) {
    (void)b;
    analyze_through(analyzer, command);
}

static void analyze_by_new(bench *b, const bson_t *command) {
    (void)b;
    mongo_crypt_v1_query_analyzer *own = abi.query_analyzer_create(lib, status);
    analyze_through(own, command);
    abi.query_analyzer_destroy(own);
}

#define ENCRYPTED                                                                                                      \
    "{\"encrypt\": {\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"bsonType\": \"string\", "        \
    "\"keyId\": "                                                                                                      \
    "[{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]}}"
#define SCHEMA                                                                                                         \
    "\"jsonSchema\": {\"bsonType\": \"object\", \"properties\": {\"f0\": " ENCRYPTED ", \"f1\": " ENCRYPTED            \
    "}}, \"isRemoteSchema\": false, \"$db\": \"db\"}"

static bson_t *from_json(const char *json) {
    bson_error_t error;
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!command) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    return command;
}

/* f0 and f1 are encrypted. */
static bson_t *make_insert(int documents, int fields) {
    bson_t *command = bson_new(), *schema = from_json("{" SCHEMA), array, doc;
    BSON_APPEND_UTF8(command, "insert", "people");
    BSON_APPEND_ARRAY_BEGIN(command, "documents", &array);
    for (int d = 0; d < documents; d++) {
        char name[16];
        snprintf(name, sizeof name, "%d", d);
        BSON_APPEND_DOCUMENT_BEGIN(&array, name, &doc);
        for (int i = 0; i < fields; i++) {
            snprintf(name, sizeof name, "f%d", i);
            BSON_APPEND_UTF8(&doc, name, "value-000000");
        }
        bson_append_document_end(&array, &doc);
    }
    bson_append_array_end(command, &array);
    bson_concat(command, schema);
    bson_destroy(schema);
    return command;
}

static void report(bench *b, const char *what, bson_t *command) {
    enum { ROUNDS = 101 };
    both once = measure_both(b, command, analyze_by_abi, analyze_once, ROUNDS);
    both each = measure_both(b, command, analyze_by_new, analyze_once, ROUNDS);
    printf("%-40s %9.2f us %9.2f us  %5.2fx  %5.2fx  (reach 1.10x)\n", what, once.one * 1e6, once.other * 1e6,
           once.ratio, each.ratio);
    bson_destroy(command);
}

int main(int argc, char **argv) {
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    if (argc < 2 || !oc_abi_load(&abi, argv[1]))
        return 2;
    opencrypt_engine *engine = opencrypt_engine_new();
    bench b = {.request = opencrypt_request_new(engine, 0), .seconds = quick ? 0.0001 : 0.01};
    status = abi.status_create();
    lib = abi.lib_create(status);
    analyzer = abi.query_analyzer_create(lib, status);
    printf("%-40s %12s %12s  %6s  %6s\n", "", "ABI", "libopencrypt", "once", "each");
    report(&b, "find by an encrypted field", from_json("{\"find\": \"people\", \"filter\": {\"f0\": \"x\"}, " SCHEMA));
    report(
        &b, "aggregate by an encrypted field",
        from_json("{\"aggregate\": \"people\", \"pipeline\": [{\"$match\": {\"f0\": \"x\"}}, {\"$group\": {\"_id\": 1, "
                  "\"n\": {\"$sum\": 1}}}], \"cursor\": {}, " SCHEMA));
    report(&b, "insert, 10 fields", make_insert(1, 10));
    report(&b, "insert, 100 fields", make_insert(1, 100));
    report(&b, "insert, 1000 fields", make_insert(1, 1000));
    report(&b, "insert, 1000 documents of 100 fields", make_insert(1000, 100));
    abi.query_analyzer_destroy(analyzer);
    abi.lib_destroy(lib, NULL);
    abi.status_destroy(status);
    oc_abi_unload(&abi);
    opencrypt_request_free(b.request);
    opencrypt_engine_free(engine);
    return 0;
}
