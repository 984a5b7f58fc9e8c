/* oc_abi_stress LIBRARY THREADS ANALYSES CYCLES: threads that analyse at once, through one analyzer and through some of
 * their own, each reply compared; then the library loaded, used and unloaded, again and again. For leaks and races run
 * it under a sanitizer: `./dev abi-stress`. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bson/bson.h>

#include "abi.h"

enum { COMMANDS = 4, MAX_THREADS = 64 };

static oc_abi abi;
static mongo_crypt_v1_lib *lib;
static mongo_crypt_v1_query_analyzer *shared;
static bson_t *commands[COMMANDS];
static long analyses;

/* What each command is answered with, found out before the threads start. */
typedef struct answer {
    uint8_t *reply; /* NULL: refused */
    uint32_t len;
    char explanation[512];
} answer;
static answer expected[COMMANDS];

#define KEY "[{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}]"
#define SCHEMA                                                                                                         \
    "\"jsonSchema\": {\"bsonType\": \"object\", \"properties\": {\"ssn\": {\"encrypt\": {\"algorithm\": "              \
    "\"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"bsonType\": \"string\", \"keyId\": " KEY                       \
    "}}}, \"patternProperties\": {\"^x\": {\"encrypt\": {\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", "    \
    "\"keyId\": " KEY "}}}}, \"isRemoteSchema\": false}"

static void make_commands(void) {
    static const char *const json[COMMANDS] = {
        "{\"insert\": \"c\", \"documents\": [{\"ssn\": \"a\", \"x\": [1, 2]}, {\"ssn\": \"b\"}], " SCHEMA,
        "{\"find\": \"c\", \"filter\": {\"ssn\": {\"$in\": [\"a\", \"b\"]}}, " SCHEMA,
        "{\"find\": \"c\", \"filter\": {\"ssn\": {\"$gt\": \"a\"}}, " SCHEMA,
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"ssn\": \"a\"}}], \"cursor\": {}, " SCHEMA,
    };
    bson_error_t error;
    for (size_t i = 0; i < COMMANDS; i++) {
        commands[i] = bson_new_from_json((const uint8_t *)json[i], -1, &error);
        if (!commands[i]) {
            fprintf(stderr, "%s\n", error.message);
            exit(2);
        }
    }
}

static void ask(mongo_crypt_v1_query_analyzer *analyzer, size_t i, mongo_crypt_v1_status *status, answer *a) {
    a->reply = abi.analyze_query(analyzer, bson_get_data(commands[i]), "db.c", 4, &a->len, status);
    snprintf(a->explanation, sizeof a->explanation, "%s", abi.status_get_explanation(status));
}

static void check(const answer *got, const answer *want) {
    bool same =
        got->len == want->len && strcmp(got->explanation, want->explanation) == 0 && !got->reply == !want->reply;
    if (same && (!got->reply || memcmp(got->reply, want->reply, got->len) == 0))
        return;
    fprintf(stderr, "another reply than before: %s\n", got->explanation);
    exit(1);
}

/* Every other analysis is by an analyzer of its own, as libmongocrypt does it. */
static void *run(void *data) {
    mongo_crypt_v1_status *status = abi.status_create();
    for (long n = 0; n < analyses; n++) {
        size_t i = (size_t)(n + (long)(intptr_t)data) % COMMANDS;
        mongo_crypt_v1_query_analyzer *own = n % 2 ? abi.query_analyzer_create(lib, status) : NULL;
        answer a;
        ask(own ? own : shared, i, status, &a);
        check(&a, &expected[i]);
        abi.bson_free(a.reply);
        abi.query_analyzer_destroy(own);
    }
    abi.status_destroy(status);
    return NULL;
}

static void open_all(const char *path) {
    if (!oc_abi_load(&abi, path))
        exit(2);
    lib = abi.lib_create(NULL);
    shared = abi.query_analyzer_create(lib, NULL);
    mongo_crypt_v1_status *status = abi.status_create();
    for (size_t i = 0; i < COMMANDS; i++)
        ask(shared, i, status, &expected[i]);
    abi.status_destroy(status);
}

static void close_all(void) {
    for (size_t i = 0; i < COMMANDS; i++)
        abi.bson_free(expected[i].reply);
    abi.query_analyzer_destroy(shared);
    if (abi.lib_destroy(lib, NULL) != MONGO_CRYPT_V1_SUCCESS)
        exit(1);
    oc_abi_unload(&abi);
}

int main(int argc, char **argv) {
    pthread_t threads[MAX_THREADS];
    if (argc != 5 || atoi(argv[2]) > MAX_THREADS) {
        fprintf(stderr, "usage: oc_abi_stress LIBRARY THREADS ANALYSES CYCLES\n");
        return 2;
    }
    int count = atoi(argv[2]), cycles = atoi(argv[4]);
    analyses = atol(argv[3]);
    make_commands();
    open_all(argv[1]);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    close_all();
    for (int i = 0; i < cycles; i++) {
        open_all(argv[1]);
        close_all();
    }
    for (size_t i = 0; i < COMMANDS; i++)
        bson_destroy(commands[i]);
    printf("%d threads x %ld analyses, %d times loaded and unloaded\n", count, analyses, cycles);
    return 0;
}
