#ifndef OC_ERROR_H
#define OC_ERROR_H

/* One flat, caller-owned error: nothing to free, the first failure wins. A function that can fail returns false and has
 * called oc_fail; its callers return false as well. No message ever holds a value of a command. */

#include <stdbool.h>
#include <stdint.h>

#include "path.h"

/* Every reason for which anything is refused: our id, MongoDB's numeric code (a published one where facts.md names it,
 * else the generic BadValue), and a stable name that logs and reports use. */
#define OC_RULES(X)                                                                                                    \
    X(NONE, 0, "")                                                                                                     \
    X(OUT_OF_MEMORY, 146, "out-of-memory")                                                                             \
    X(MALFORMED_BSON, 22, "malformed-bson")                                                                            \
    X(TOO_DEEP, 15, "too-deep")                                                                                        \
    X(TOO_LARGE, 10334, "too-large")                                                                                   \
    X(TOO_COMPLEX, 2, "too-complex")                                                                                   \
    X(FORGED_PLACEHOLDER, 2, "forged-placeholder")                                                                     \
    X(MALFORMED_PLACEHOLDER, 2, "malformed-placeholder")                                                               \
    X(COMMAND_UNKNOWN, 59, "command-unknown")                                                                          \
    X(COMMAND_SHAPE, 9, "command-shape")                                                                               \
    X(NOT_SUPPORTED, 115, "not-supported")                                                                             \
    X(WRONG_TYPE, 14, "wrong-type")                                                                                    \
    X(FIELD_DUPLICATE, 40413, "field-duplicate")                                                                       \
    X(FIELD_MISSING, 40414, "field-missing")                                                                           \
    X(FIELD_UNKNOWN, 40415, "field-unknown")                                                                           \
    X(BAD_NAMESPACE, 73, "bad-namespace")                                                                              \
    X(NAMESPACE_MISMATCH, 6411900, "namespace-mismatch")                                                               \
    X(SCHEMA_MISSING, 40414, "schema-missing")                                                                         \
    X(SCHEMA_SOURCE, 2, "schema-source")                                                                               \
    X(SCHEMA_SIBLING, 2, "schema-encrypt-sibling")                                                                     \
    X(SCHEMA_STRUCTURE, 2, "schema-encrypt-structure")                                                                 \
    X(SCHEMA_LOCAL, 2, "schema-remote-only-keyword")                                                                   \
    X(SCHEMA_KEYWORD, 9, "schema-keyword")                                                                             \
    X(SCHEMA_ENCRYPT, 9, "schema-encrypt")                                                                             \
    X(SCHEMA_KEY_ID, 51084, "schema-key-id")                                                                           \
    X(SCHEMA_TYPE, 2, "schema-type")                                                                                   \
    X(SCHEMA_PATTERN, 2, "schema-pattern")                                                                             \
    X(SCHEMA_CONFLICT, 2, "schema-conflict")                                                                           \
    X(SCHEMA_POINTER, 2, "schema-pointer")                                                                             \
    X(SCHEMA_FIELDS, 2, "schema-encrypted-fields")                                                                     \
    X(VALUE_TYPE, 2, "value-type")                                                                                     \
    X(VALUE_CIPHERTEXT, 2, "value-ciphertext")                                                                         \
    X(VALUE_TIMESTAMP, 2, "value-timestamp-zero")                                                                      \
    X(VALUE_DUPLICATE, 2, "value-duplicate-field")                                                                     \
    X(POINTER_KEY, 51093, "pointer-key")                                                                               \
    X(POINTER_TARGET, 2, "pointer-target")                                                                             \
    X(RANDOM_COMPARED, 2, "random-compared")                                                                           \
    X(NULL_COMPARED, 2, "null-compared")                                                                               \
    X(REGEX_COMPARED, 2, "regex-compared")                                                                             \
    X(COLLATION, 2, "collation")                                                                                       \
    X(OPERATOR_ON_ENCRYPTED, 2, "operator-on-encrypted")                                                               \
    X(OPERATOR_BELOW, 2, "operator-below-encrypted")                                                                   \
    X(OPERATOR_ABOVE, 2, "operator-above-encrypted")                                                                   \
    X(OPERATOR_UNSUPPORTED, 2, "operator-unsupported")                                                                 \
    X(OPERATOR_UNKNOWN, 2, "operator-unknown")                                                                         \
    X(ARRAY_ABOVE, 2, "array-above-encrypted")                                                                         \
    X(UPDATE_OPERATOR, 2, "update-operator")                                                                           \
    X(UPDATE_POSITIONAL, 2, "update-positional")                                                                       \
    X(UPDATE_RENAME, 2, "update-rename")                                                                               \
    X(ID_MISSING, 2, "id-missing")                                                                                     \
    X(DISTINCT_KEY, 2, "distinct-key")                                                                                 \
    X(SORT_ENCRYPTED, 2, "sort-encrypted")                                                                             \
    X(PROJECTION, 2, "projection")                                                                                     \
    X(INDEX_BOUND, 2, "index-bound")                                                                                   \
    X(EXPRESSION_ENCRYPTED, 2, "expression-on-encrypted")                                                              \
    X(EXPRESSION_UNKNOWN, 168, "expression-unknown")                                                                   \
    X(VARIABLE_UNDEFINED, 17276, "variable-undefined")                                                                 \
    X(VARIABLE_BOUND, 2, "variable-bound")                                                                             \
    X(UNKNOWN_USED, 2, "unknown-until-runtime")                                                                        \
    X(STAGE_NOT_ALLOWED, 2, "stage-not-allowed")                                                                       \
    X(STAGE_FIELD, 2, "stage-on-encrypted")                                                                            \
    X(FIELD_DROPPED, 2, "field-dropped")                                                                               \
    X(VIEW_CONSTANT, 2, "view-constant")                                                                               \
    X(GROUP_KEY, 2, "group-key")                                                                                       \
    X(ACCUMULATOR, 2, "accumulator")                                                                                   \
    X(PIPELINE_UPDATE, 2, "pipeline-update")                                                                           \
    X(STORED_FILTER, 2, "stored-filter")                                                                               \
    X(VALIDATOR_SCHEMA, 2, "validator-schema")                                                                         \
    X(INDEX_KEY, 2, "index-key")                                                                                       \
    X(COLLECTION_OPTION, 2, "collection-option")                                                                       \
    X(BULK_OPERATION, 2, "bulk-operation")                                                                             \
    X(QE_INDEX, 2, "qe-index")                                                                                         \
    X(QE_PATH, 2, "qe-path")                                                                                           \
    X(QE_PAYLOAD, 2, "qe-payload")                                                                                     \
    X(QE_SAFE_CONTENT, 2, "qe-safe-content")                                                                           \
    X(QE_MULTI_UPDATE, 2, "qe-multi-update")

typedef enum oc_rule {
#define OC_RULE_ID(id, code, name) OC_##id,
    OC_RULES(OC_RULE_ID)
#undef OC_RULE_ID
} oc_rule;

typedef struct oc_error {
    oc_rule rule; /* OC_NONE: no failure, and the strings are not set */
    char path[256];
    char op[64];
    char message[512];
    char hint[384];
} oc_error;

/* Before a function that has large buffers and is called from a recursion: inlined, it would have them once a level. */
#define OC_APART __attribute__((noinline))

/* Records the failure unless an earlier one stands, and returns false. `path` may be NULL; `op` and `hint` may be NULL.
 * The message is printf-like; a name of arbitrary bytes goes through oc_name first. */
bool oc_fail(oc_error *error, oc_rule rule, const oc_path *path, const char *op, const char *hint, const char *format,
             ...) __attribute__((format(printf, 6, 7)));

int32_t oc_rule_code(oc_rule rule);
const char *oc_rule_name(oc_rule rule);
/* "BadValue"; codes without a published name are "Location" and the number, written to buf[32]. */
const char *oc_code_name(int32_t code, char buf[32]);

/* A name as text for a message: valid UTF-8, at most 120 bytes. */
typedef struct oc_name_text {
    char text[128];
} oc_name_text;
oc_name_text oc_name(oc_str name);

#endif
