/* A host process whose own functions are called like some that the library contains, and are visible to all that it
 * loads: the library keeps to its own. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

/* Each ends the process. Visible because the program is linked with -rdynamic. */
#define NAMESAKES(X)                                                                                                   \
    X(pcre2_compile_8)                                                                                                 \
    X(pcre2_match_8)                                                                                                   \
    X(pcre2_match_data_create_8)                                                                                       \
    X(pcre2_general_context_create_8)                                                                                  \
    X(pcre2_set_match_limit_8)                                                                                         \
    X(_pcre2_valid_utf_8)                                                                                              \
    X(opencrypt_analyze)                                                                                               \
    X(opencrypt_engine_new)                                                                                            \
    X(oc_arena_alloc)                                                                                                  \
    X(oc_bson_check)                                                                                                   \
    X(oc_cache_get)                                                                                                    \
    X(oc_text_append_string)                                                                                           \
    X(bson_validate)

#define DEFINE_NAMESAKE(name)                                                                                          \
    __attribute__((visibility("default"))) void name(void);                                                            \
    void name(void) {                                                                                                  \
        fputs("the library called " #name " of its host\n", stderr);                                                   \
        abort();                                                                                                       \
    }
NAMESAKES(DEFINE_NAMESAKE)

/* {insert: "c", documents: [{ssn: "x"}], jsonSchema: {patternProperties: {"^ssn": {encrypt: {algorithm: <random>,
 *  keyId: [UUID 0]}}}}, isRemoteSchema: false}, written by hand since the host has no libbson. */
static const char algorithm[] = "AEAD_AES_256_CBC_HMAC_SHA_512-Random";

typedef struct writer {
    uint8_t bytes[512];
    size_t len;
} writer;

static void put(writer *w, const void *bytes, size_t len) {
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

static void put_head(writer *w, uint8_t type, const char *name) {
    put(w, &type, 1);
    put(w, name, strlen(name) + 1);
}

static void put_u32(writer *w, size_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), 0, 0};
    put(w, bytes, 4);
}

static void put_string(writer *w, const char *name, const char *text) {
    put_head(w, 2, name);
    put_u32(w, strlen(text) + 1);
    put(w, text, strlen(text) + 1);
}

static size_t open_document(writer *w, uint8_t type, const char *name) {
    if (name)
        put_head(w, type, name);
    put_u32(w, 0);
    return w->len - 4;
}

static void close_document(writer *w, size_t start) {
    size_t end = w->len + 1;
    put(w, "", 1);
    w->len = start;
    put_u32(w, end - start);
    w->len = end;
}

static void put_schema(writer *w) {
    static const uint8_t key[16] = {0};
    size_t schema = open_document(w, 3, "jsonSchema");
    size_t patterns = open_document(w, 3, "patternProperties");
    size_t field = open_document(w, 3, "^ssn");
    size_t encrypt = open_document(w, 3, "encrypt");
    put_string(w, "algorithm", algorithm);
    size_t keys = open_document(w, 4, "keyId");
    put_head(w, 5, "0");
    put_u32(w, sizeof key);
    put(w, "\4", 1);
    put(w, key, sizeof key);
    close_document(w, keys);
    close_document(w, encrypt);
    close_document(w, field);
    close_document(w, patterns);
    put_string(w, "bsonType", "object");
    close_document(w, schema);
}

static void write_insert(writer *w) {
    size_t command = open_document(w, 0, NULL);
    put_string(w, "insert", "c");
    size_t documents = open_document(w, 4, "documents");
    size_t document = open_document(w, 3, "0");
    put_string(w, "ssn", "x");
    close_document(w, document);
    close_document(w, documents);
    put_schema(w);
    put_head(w, 8, "isRemoteSchema");
    put(w, "", 1);
    close_document(w, command);
}

int main(int argc, char **argv) {
    oc_abi abi;
    writer command = {.len = 0};
    uint32_t len;
    if (argc != 2 || !oc_abi_load(&abi, argv[1]))
        return 2;
    write_insert(&command);
    mongo_crypt_v1_status *status = abi.status_create();
    mongo_crypt_v1_lib *lib = abi.lib_create(status);
    mongo_crypt_v1_query_analyzer *analyzer = abi.query_analyzer_create(lib, status);
    uint8_t *reply = abi.analyze_query(analyzer, command.bytes, "db.c", 4, &len, status);
    bool marked = reply && reply[4 + 1 + sizeof "hasEncryptionPlaceholders"];
    puts(marked ? "marked" : abi.status_get_explanation(status));
    abi.bson_free(reply);
    abi.query_analyzer_destroy(analyzer);
    abi.lib_destroy(lib, status);
    abi.status_destroy(status);
    oc_abi_unload(&abi);
    return !marked;
}
