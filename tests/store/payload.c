#include "payload.h"

#include "value.h"

#include <string.h>

enum { PLACEHOLDER_CSFLE = 0, PLACEHOLDER_QE = 3, FIND_EQUALITY = 12, FIND_RANGE = 13, FIND_TEXT = 18 };

/* The bytes of BinData 6, NULL for any other value. */
static const uint8_t *encrypted(const bson_iter_t *value, uint32_t *length) {
    const uint8_t *bytes = NULL;
    bson_subtype_t subtype;
    if (BSON_ITER_HOLDS_BINARY(value)) {
        bson_iter_binary(value, &subtype, length, &bytes);
        bytes = subtype == BSON_SUBTYPE_ENCRYPTED && *length > 0 ? bytes : NULL;
    }
    return bytes;
}

static int kind(const bson_iter_t *value) {
    uint32_t length;
    const uint8_t *bytes = encrypted(value, &length);
    return bytes ? bytes[0] : -1;
}

bool oc_payload_is(const bson_iter_t *value) {
    return kind(value) >= 0;
}

bool oc_payload_is_placeholder(const bson_iter_t *value) {
    return kind(value) == PLACEHOLDER_CSFLE || kind(value) == PLACEHOLDER_QE;
}

bool oc_payload_is_find(const bson_iter_t *value) {
    return kind(value) == FIND_EQUALITY || kind(value) == FIND_RANGE || kind(value) == FIND_TEXT;
}

/* `*out` borrows the document of a payload. False for ciphertext. */
static bool view(const bson_iter_t *value, bson_t *out) {
    uint32_t length;
    const uint8_t *bytes = encrypted(value, &length);
    return bytes && bson_init_static(out, bytes + 1, length - 1) && bson_validate(out, BSON_VALIDATE_NONE, NULL);
}

/* Calls `visit` for every token `l` below `at`, until it answers true; returns whether it did. */
static bool visit_tokens(bson_iter_t at, oc_value_visitor visit, void *context) {
    bson_iter_t inner;
    while (bson_iter_next(&at)) {
        if (strcmp(bson_iter_key(&at), "l") == 0 && BSON_ITER_HOLDS_BINARY(&at) && visit(&at, context)) {
            return true;
        }
        if (bson_iter_recurse(&at, &inner) && visit_tokens(inner, visit, context)) {
            return true;
        }
    }
    return false;
}

static bool is_token(const bson_iter_t *token, void *other) {
    return oc_value_equal(token, other);
}

static bool is_in(const bson_iter_t *token, void *payload) {
    bson_iter_t at, sought = *token;
    return bson_iter_init(&at, payload) && visit_tokens(at, is_token, &sought);
}

bool oc_payload_match(const bson_iter_t *find, const bson_iter_t *stored) {
    bson_t sought, payload;
    bson_iter_t at;
    if (!view(find, &sought) || !view(stored, &payload)) {
        return false;
    }
    bool second = kind(find) == FIND_RANGE && !bson_has_field(&sought, "payload");
    return second || (bson_iter_init(&at, &sought) && visit_tokens(at, is_in, &payload));
}

static bool has_placeholder(bson_iter_t at) {
    bson_iter_t inner;
    while (bson_iter_next(&at)) {
        if (oc_payload_is_placeholder(&at) || (bson_iter_recurse(&at, &inner) && has_placeholder(inner))) {
            return true;
        }
    }
    return false;
}

bool oc_payload_check(const bson_t *document, oc_fault *fault) {
    bson_iter_t at;
    if (bson_iter_init(&at, document) && has_placeholder(at)) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "a placeholder for encryption has reached the server");
    }
    return true;
}
