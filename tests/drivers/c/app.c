#include "app.h"

#include "json.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const secrets[] = {"123-12-1234", "123-12-1235", "987-98-9876", "M-20831", "M-11111"};

/* The first byte of a ciphertext says how it was encrypted. */
enum { STORED_DETERMINISTIC = 1, STORED_RANDOM = 2 };

oc_app_state oc_app;

/* How a scenario ends early. */
static jmp_buf ended;
static enum { RAN, SKIPPED, FAILED } outcome;
static char reason[1024];

void oc_app_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bson_vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    outcome = FAILED;
    longjmp(ended, 1);
}

void oc_app_skip(const char *why) {
    bson_strncpy(reason, why, sizeof reason);
    outcome = SKIPPED;
    longjmp(ended, 1);
}

void oc_app_expect_done(bool done, const bson_error_t *error) {
    if (!done) {
        oc_app_fail("%s", error->message);
    }
}

/* --- the driver's options ---------------------------------------------------------------------------------------- */

const char *oc_app_variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static bson_t *spawn_arguments(void) {
    bson_t *arguments = bson_new();
    char *words = bson_strdup(oc_app_variable("OC_SPAWN_ARGS")), *rest = words;
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        char key[16];
        bson_snprintf(key, sizeof key, "%u", bson_count_keys(arguments));
        BSON_APPEND_UTF8(arguments, key, word);
    }
    bson_free(words);
    return arguments;
}

static bson_t *daemon_options(void) {
    const char *daemon_uri = oc_app_variable("OC_DAEMON_URI");
    /* [options daemon] */
    /* mongocryptdURI left out: mongodb://localhost:27020 */
    bson_t *options = BCON_NEW("mongocryptdBypassSpawn", BCON_BOOL(true), "mongocryptdURI", BCON_UTF8(daemon_uri));
    /* [end] */
    return options;
}

static bson_t *spawn_options(void) {
    char *daemon_uri = bson_strdup_printf("%s?serverSelectionTimeoutMS=2000", oc_app_variable("OC_DAEMON_URI"));
    bson_t *spawn_args = spawn_arguments();
    /* [options spawn] */
    /* serverSelectionTimeoutMS in the URI: so long does the driver look for a daemon that has left before it starts
     * another; 30 s unless told. */
    bson_t *options = BCON_NEW("mongocryptdURI", BCON_UTF8(daemon_uri), "mongocryptdSpawnArgs", BCON_ARRAY(spawn_args));
    /* [end] */
    bson_destroy(spawn_args);
    bson_free(daemon_uri);
    return options;
}

static bson_t *library_options(void) {
    const char *library = oc_app_variable("OC_LIBRARY");
    /* [options library] */
    bson_t *options = BCON_NEW("cryptSharedLibPath", BCON_UTF8(library), "cryptSharedLibRequired", BCON_BOOL(true));
    /* [end] */
    return options;
}

static void choose_way(void) {
    if (strcmp(oc_app_variable("OC_WAY"), "daemon") == 0) {
        oc_app.way = OC_DAEMON;
        oc_app.extra = daemon_options();
    } else if (strcmp(oc_app_variable("OC_WAY"), "spawn") == 0) {
        oc_app.way = OC_SPAWN;
        oc_app.extra = spawn_options();
    } else {
        oc_app.way = OC_LIBRARY;
        oc_app.extra = library_options();
    }
}

/* --- a scenario's collection ------------------------------------------------------------------------------------- */

static bool holds_secret(const void *bytes, size_t length) {
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (memmem(bytes, length, secrets[i], strlen(secrets[i]))) {
            return true;
        }
    }
    return false;
}

static void search_for_plaintext(const mongoc_apm_command_started_t *event) {
    const bson_t *command = mongoc_apm_command_started_get_command(event);
    oc_app.leaks += holds_secret(bson_get_data(command), command->len);
}

/* The driver shows its monitors a command as it goes to the server, after encryption. */
static void watch(mongoc_client_t *watched) {
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_started_cb(callbacks, search_for_plaintext);
    mongoc_client_set_apm_callbacks(watched, callbacks, NULL);
    mongoc_apm_callbacks_destroy(callbacks);
}

static void put_away(void) {
    mongoc_collection_destroy(oc_app.people);
    mongoc_collection_destroy(oc_app.stored);
    mongoc_client_destroy(oc_app.client);
    oc_app.people = oc_app.stored = NULL;
    oc_app.client = NULL;
}

bson_t *oc_app_people_schema(void) {
    bson_t properties;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    oc_vault_append_encrypt(&oc_app.vault, &properties, "ssn", OC_RANDOM, "string");
    oc_vault_append_encrypt(&oc_app.vault, &properties, "insurance", OC_DETERMINISTIC, "string");
    bson_append_document_end(schema, &properties);
    return schema;
}

static void create_with_validator(const char *name, const bson_t *schema) {
    bson_error_t error;
    bson_t *command = BCON_NEW("create", BCON_UTF8(name), "validator", "{", "$jsonSchema", BCON_DOCUMENT(schema), "}");
    oc_app_expect_done(mongoc_client_command_simple(oc_app.vault.plain, oc_app.database, command, NULL, NULL, &error),
                       &error);
    bson_destroy(command);
}

void oc_app_use(const char *name, const bson_t *schema) {
    bson_error_t error;
    char *namespace = bson_strdup_printf("%s.%s", oc_app.database, name);
    put_away();
    bson_t *map = schema && !oc_app.server_schemas ? BCON_NEW(namespace, BCON_DOCUMENT(schema)) : NULL;
    if (schema && oc_app.server_schemas) {
        create_with_validator(name, schema);
    }
    oc_app.client = oc_vault_client(&oc_app.vault, oc_app.extra, map, &error);
    oc_app_expect_done(oc_app.client, &error);
    bool library = mongoc_client_get_crypt_shared_version(oc_app.client);
    if (library != (oc_app.way == OC_LIBRARY)) {
        oc_app_fail("the driver %s a library", library ? "has loaded" : "has not loaded");
    }
    if (schema) {
        watch(oc_app.client);
    }
    oc_app.people = mongoc_client_get_collection(oc_app.client, oc_app.database, name);
    oc_app.stored = mongoc_client_get_collection(oc_app.vault.plain, oc_app.database, name);
    bson_destroy(map);
    bson_free(namespace);
}

void oc_app_use_people(const char *name) {
    bson_t *schema = oc_app_people_schema();
    oc_app_use(name, schema);
    bson_destroy(schema);
}

/* --- operations -------------------------------------------------------------------------------------------------- */

void oc_app_insert(const char *documents) {
    bson_error_t error;
    bson_iter_t at;
    bson_t *array = oc_json("{'documents': %s}", documents);
    bson_t document;
    bson_iter_init_find(&at, array, "documents");
    bson_iter_recurse(&at, &at);
    while (bson_iter_next(&at)) {
        uint32_t length;
        const uint8_t *data;
        bson_iter_document(&at, &length, &data);
        bson_init_static(&document, data, length);
        oc_app_expect_done(mongoc_collection_insert_one(oc_app.people, &document, NULL, NULL, &error), &error);
    }
    bson_destroy(array);
}

static bool read_all(mongoc_cursor_t *cursor, bson_t *out, bson_error_t *error) {
    const bson_t *document;
    uint32_t count = 0;
    bson_init(out);
    while (mongoc_cursor_next(cursor, &document)) {
        char key[16];
        bson_snprintf(key, sizeof key, "%u", count++);
        BSON_APPEND_DOCUMENT(out, key, document);
    }
    bool done = !mongoc_cursor_error(cursor, error);
    mongoc_cursor_destroy(cursor);
    return done;
}

bool oc_app_find(mongoc_collection_t *collection, const char *filter, bson_t *out, bson_error_t *error) {
    bson_t *query = oc_json("%s", filter);
    bool done = read_all(mongoc_collection_find_with_opts(collection, query, NULL, NULL), out, error);
    bson_destroy(query);
    return done;
}

bool oc_app_aggregate(const char *pipeline, bson_t *out, bson_error_t *error) {
    bson_t *stages = oc_json("{'pipeline': %s}", pipeline);
    bool done = read_all(mongoc_collection_aggregate(oc_app.people, MONGOC_QUERY_NONE, stages, NULL, NULL), out, error);
    bson_destroy(stages);
    return done;
}

void oc_app_command(const char *text, bson_t *reply) {
    bson_error_t error;
    bson_t *command = oc_json("%s", text);
    oc_app_expect_done(mongoc_client_command_simple(oc_app.client, oc_app.database, command, NULL, reply, &error),
                       &error);
    bson_destroy(command);
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

void oc_app_expect_refused(bool done, const bson_error_t *error, const char *word, const char *other) {
    if (done) {
        oc_app_fail("was not refused: %s %s", word, other);
    }
    fprintf(stderr, "refused: %u.%u %s\n", error->domain, error->code, error->message);
    if (!strstr(error->message, word) || !strstr(error->message, other)) {
        oc_app_fail("the refusal lacks '%s' or '%s': %s", word, other, error->message);
    }
    if (holds_secret(error->message, strlen(error->message))) {
        oc_app_fail("the refusal holds plaintext");
    }
}

bson_iter_t oc_app_at(const bson_t *document, const char *path) {
    bson_iter_t root, at;
    if (!bson_iter_init(&root, document) || !bson_iter_find_descendant(&root, path, &at)) {
        oc_app_fail("there is no %s", path);
    }
    return at;
}

char *oc_app_text_at(const bson_t *document, const char *path) {
    bson_iter_t at = oc_app_at(document, path);
    if (BSON_ITER_HOLDS_UTF8(&at)) {
        return bson_strdup(bson_iter_utf8(&at, NULL));
    }
    return bson_strdup_printf("%" PRId64, bson_iter_as_int64(&at));
}

void oc_app_expect_at(const bson_t *document, const char *path, const char *text) {
    char *value = oc_app_text_at(document, path);
    if (strcmp(value, text) != 0) {
        oc_app_fail("%s is %s, not %s", path, value, text);
    }
    bson_free(value);
}

void oc_app_expect_ciphertext(const bson_iter_t *value, bool deterministic) {
    bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
    uint32_t length = 0;
    const uint8_t *data = NULL;
    if (BSON_ITER_HOLDS_BINARY(value)) {
        bson_iter_binary(value, &subtype, &length, &data);
    }
    if (subtype != BSON_SUBTYPE_ENCRYPTED || data[0] != (deterministic ? STORED_DETERMINISTIC : STORED_RANDOM)) {
        oc_app_fail("%s is not stored as ciphertext of its algorithm", bson_iter_key(value));
    }
}

void oc_app_expect_hidden(const bson_t *documents) {
    bson_iter_t at, field;
    if (holds_secret(bson_get_data(documents), documents->len)) {
        oc_app_fail("a stored document holds plaintext");
    }
    bson_iter_init(&at, documents);
    while (bson_iter_next(&at)) {
        bson_iter_recurse(&at, &field);
        while (bson_iter_next(&field)) {
            bool deterministic = strcmp(bson_iter_key(&field), "insurance") == 0;
            if (deterministic || strcmp(bson_iter_key(&field), "ssn") == 0) {
                oc_app_expect_ciphertext(&field, deterministic);
            }
        }
    }
}

/* The documents of an array without their _id, as text. */
static char *without_ids(const bson_t *documents) {
    bson_t made = BSON_INITIALIZER;
    bson_iter_t at;
    bson_iter_init(&at, documents);
    while (bson_iter_next(&at)) {
        uint32_t length;
        const uint8_t *data;
        bson_t document, copy;
        bson_iter_document(&at, &length, &data);
        bson_init_static(&document, data, length);
        BSON_APPEND_DOCUMENT_BEGIN(&made, bson_iter_key(&at), &copy);
        bson_copy_to_excluding_noinit(&document, &copy, "_id", (char *)NULL);
        bson_append_document_end(&made, &copy);
    }
    char *text = bson_as_canonical_extended_json(&made, NULL);
    bson_destroy(&made);
    return text;
}

void oc_app_expect_found(mongoc_collection_t *collection, const char *filter, const char *documents) {
    bson_error_t error;
    bson_t found, expected;
    bson_iter_t at;
    uint32_t length;
    const uint8_t *data;
    bson_t *wrapped = oc_json("{'a': %s}", documents);
    bson_iter_init_find(&at, wrapped, "a");
    bson_iter_array(&at, &length, &data);
    bson_init_static(&expected, data, length);
    oc_app_expect_done(oc_app_find(collection, filter, &found, &error), &error);
    char *is = without_ids(&found), *should_be = without_ids(&expected);
    if (strcmp(is, should_be) != 0) {
        oc_app_fail("%s finds %s, not %s", filter, is, should_be);
    }
    bson_free(is);
    bson_free(should_be);
    bson_destroy(&found);
    bson_destroy(wrapped);
}

void oc_app_expect(const char *documents) {
    bson_error_t error;
    bson_t found;
    oc_app_expect_found(oc_app.people, "{}", documents);
    oc_app_expect_done(oc_app_find(oc_app.stored, "{}", &found, &error), &error);
    oc_app_expect_hidden(&found);
    bson_destroy(&found);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

bool oc_app_open(bson_error_t *error) {
    choose_way();
    oc_app.on_store = strcmp(oc_app_variable("OC_SERVER"), "store") == 0;
    char *keys = bson_strdup_printf("%s_keys", oc_app_variable("OC_DATABASE"));
    bool done = oc_vault_open(&oc_app.vault, oc_app_variable("OC_SERVER_URI"), keys, error);
    done = done && (!oc_app.on_store || oc_vault_index(&oc_app.vault, error)); /* FerretDB has no partial indexes */
    bson_free(keys);
    return done;
}

void oc_app_close(void) {
    bson_destroy(oc_app.extra);
    oc_vault_close(&oc_app.vault);
}

bool oc_app_run(const char *name, void (*scenario)(void)) {
    outcome = RAN;
    oc_app.leaks = 0;
    oc_app.server_schemas = false;
    oc_app.database = oc_app_variable("OC_DATABASE");
    if (setjmp(ended) == 0) {
        scenario();
        if (oc_app.leaks > 0) {
            oc_app_fail("%u commands with plaintext went to the server", oc_app.leaks);
        }
        printf("ok %s\n", name);
    } else {
        printf("%s %s: %s\n", outcome == SKIPPED ? "skip" : "not ok", name, reason);
    }
    fflush(stdout);
    put_away();
    return outcome != FAILED;
}
