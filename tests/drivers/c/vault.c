#include "vault.h"

#include <stdlib.h>
#include <sys/random.h>

enum { MASTER_KEY_BYTES = 96 };

/* The master key is any 96 bytes. A real application keeps it somewhere safe. */
static bson_t *local_provider(void) {
    uint8_t key[MASTER_KEY_BYTES];
    if (getrandom(key, sizeof key, 0) != sizeof key) {
        abort();
    }
    return BCON_NEW("local", "{", "key", BCON_BIN(BSON_SUBTYPE_BINARY, key, MASTER_KEY_BYTES), "}");
}

mongoc_client_encryption_t *oc_vault_encryption(const oc_vault *vault, bson_error_t *error) {
    mongoc_client_encryption_opts_t *options = mongoc_client_encryption_opts_new();
    mongoc_client_encryption_opts_set_keyvault_client(options, vault->plain);
    mongoc_client_encryption_opts_set_keyvault_namespace(options, vault->database, OC_KEY_COLLECTION);
    mongoc_client_encryption_opts_set_kms_providers(options, vault->providers);
    mongoc_client_encryption_t *encryption = mongoc_client_encryption_new(options, error);
    mongoc_client_encryption_opts_destroy(options);
    return encryption;
}

static bool create_key(oc_vault *vault, bson_error_t *error) {
    char *names[] = {OC_KEY_NAME};
    mongoc_client_encryption_datakey_opts_t *options = mongoc_client_encryption_datakey_opts_new();
    mongoc_client_encryption_datakey_opts_set_keyaltnames(options, names, 1);
    mongoc_client_encryption_t *encryption = oc_vault_encryption(vault, error);
    bool done = encryption && mongoc_client_encryption_create_datakey(encryption, "local", options, &vault->key, error);
    mongoc_client_encryption_destroy(encryption);
    mongoc_client_encryption_datakey_opts_destroy(options);
    return done;
}

bool oc_vault_open(oc_vault *vault, const char *uri, const char *database, bson_error_t *error) {
    vault->uri = mongoc_uri_new_with_error(uri, error);
    vault->database = bson_strdup(database);
    vault->providers = local_provider();
    vault->plain = vault->uri ? mongoc_client_new_from_uri(vault->uri) : NULL;
    return vault->plain && create_key(vault, error);
}

void oc_vault_close(oc_vault *vault) {
    bson_value_destroy(&vault->key);
    bson_destroy(vault->providers);
    bson_free(vault->database);
    mongoc_client_destroy(vault->plain);
    mongoc_uri_destroy(vault->uri);
}

bool oc_vault_index(const oc_vault *vault, bson_error_t *error) {
    bson_t *command =
        BCON_NEW("createIndexes", OC_KEY_COLLECTION, "indexes", "[", "{", "name", "keyAltNames_1", "key", "{",
                 "keyAltNames", BCON_INT32(1), "}", "unique", BCON_BOOL(true), "partialFilterExpression", "{",
                 "keyAltNames", "{", "$exists", BCON_BOOL(true), "}", "}", "}", "]");
    bool done = mongoc_client_command_simple(vault->plain, vault->database, command, NULL, NULL, error);
    bson_destroy(command);
    return done;
}

void oc_vault_append_encrypt(const oc_vault *vault, bson_t *properties, const char *field, const char *algorithm,
                             const char *type) {
    bson_t property, encrypt, keys;
    BSON_APPEND_DOCUMENT_BEGIN(properties, field, &property);
    BSON_APPEND_DOCUMENT_BEGIN(&property, "encrypt", &encrypt);
    BSON_APPEND_ARRAY_BEGIN(&encrypt, "keyId", &keys);
    BSON_APPEND_VALUE(&keys, "0", &vault->key);
    bson_append_array_end(&encrypt, &keys);
    BSON_APPEND_UTF8(&encrypt, "algorithm", algorithm);
    if (type) {
        BSON_APPEND_UTF8(&encrypt, "bsonType", type);
    }
    bson_append_document_end(&property, &encrypt);
    bson_append_document_end(properties, &property);
}

bson_t *oc_vault_schema(const oc_vault *vault, const char *algorithm) {
    bson_t properties;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    oc_vault_append_encrypt(vault, &properties, "ssn", algorithm, "string");
    bson_append_document_end(schema, &properties);
    return schema;
}

mongoc_auto_encryption_opts_t *oc_vault_options(const oc_vault *vault, const bson_t *extra, const bson_t *schema_map) {
    mongoc_auto_encryption_opts_t *options = mongoc_auto_encryption_opts_new();
    mongoc_auto_encryption_opts_set_keyvault_namespace(options, vault->database, OC_KEY_COLLECTION);
    mongoc_auto_encryption_opts_set_kms_providers(options, vault->providers);
    mongoc_auto_encryption_opts_set_extra(options, extra);
    if (schema_map) {
        mongoc_auto_encryption_opts_set_schema_map(options, schema_map);
    }
    return options;
}

mongoc_client_t *oc_vault_client(const oc_vault *vault, const bson_t *extra, const bson_t *schema_map,
                                 bson_error_t *error) {
    mongoc_client_t *client = mongoc_client_new_from_uri(vault->uri);
    mongoc_auto_encryption_opts_t *options = oc_vault_options(vault, extra, schema_map);
    if (!mongoc_client_enable_auto_encryption(client, options, error)) {
        mongoc_client_destroy(client);
        client = NULL;
    }
    mongoc_auto_encryption_opts_destroy(options);
    return client;
}
