#ifndef OC_DRIVERS_VAULT_H
#define OC_DRIVERS_VAULT_H

/* What an application with automatic encryption has, once more for tests and demo: a local master key, a key vault with
 * one data key, schemas that name that key, and clients, with encryption and without. */

#include <mongoc/mongoc.h>

#define OC_KEY_COLLECTION "__keyVault"

#define OC_RANDOM        "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
#define OC_DETERMINISTIC "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"

/* The one data key is also known by this name. */
#define OC_KEY_NAME "people"

typedef struct oc_vault {
    mongoc_client_t *plain; /* no keys, no encryption: sees what is stored */
    mongoc_uri_t *uri;      /* of the server */
    char *database;         /* of the key vault */
    bson_t *providers;      /* {local: {key}}, the master key */
    bson_value_t key;       /* id of the data key */
} oc_vault;

/* Connects to the server and makes the data key, in `database`. Close the vault in either case. */
bool oc_vault_open(oc_vault *vault, const char *uri, const char *database, bson_error_t *error);
void oc_vault_close(oc_vault *vault);

/* Makes names of keys unique. */
bool oc_vault_index(const oc_vault *vault, bson_error_t *error);

/* For explicit encryption, and for keys. NULL on failure. */
mongoc_client_encryption_t *oc_vault_encryption(const oc_vault *vault, bson_error_t *error);

/* Appends {encrypt: {keyId: [the data key], algorithm, bsonType: "string"}} under `field`. Without the last if `type`
 * is NULL. */
void oc_vault_append_encrypt(const oc_vault *vault, bson_t *properties, const char *field, const char *algorithm,
                             const char *type);

/* The JSON schema of documents whose string `ssn` is encrypted. The caller destroys it. */
bson_t *oc_vault_schema(const oc_vault *vault, const char *algorithm);

/* Options for automatic encryption; `extra` is how the driver gets at the analysis, `schema_map` may be NULL: the
 * driver then asks the server for validators. The caller destroys them. */
mongoc_auto_encryption_opts_t *oc_vault_options(const oc_vault *vault, const bson_t *extra, const bson_t *schema_map);

/* A client with automatic encryption. NULL on failure. */
mongoc_client_t *oc_vault_client(const oc_vault *vault, const bson_t *extra, const bson_t *schema_map,
                                 bson_error_t *error);

#endif
