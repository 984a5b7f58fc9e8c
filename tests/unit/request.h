#ifndef OC_UNIT_REQUEST_H
#define OC_UNIT_REQUEST_H

/* One engine and one request for all tests of a program, and schemas in a short form. */

#include "unit.h"

#include <string.h>

#include <bson/bson.h>

#include "opencrypt.h"

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

static const char encrypted_string[] =
    "{'encrypt': {'algorithm': 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic', 'bsonType': 'string', 'keyId': "
    "[{'$binary': {'base64': 'AAAAAAAAAAAAAAAAAAAAAA==', 'subType': '04'}}]}}";

/* Extended JSON with single quotes, and ENCRYPTED for the schema of an encrypted field. */
static inline void append_json(bson_t *to, const char *name, const char *json) {
    bson_string_t *text = bson_string_new(NULL);
    for (const char *at = json; *at; at++) {
        if (strncmp(at, "ENCRYPTED", 9) == 0) {
            bson_string_append(text, encrypted_string);
            at += 8;
        } else {
            bson_string_append_c(text, *at);
        }
    }
    for (char *at = text->str; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)text->str, -1, &error);
    if (!doc)
        fail_msg("%s: %s", text->str, error.message);
    bson_append_document(to, name, -1, doc);
    bson_destroy(doc);
    bson_string_free(text, true);
}

#endif
