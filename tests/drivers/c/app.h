#ifndef OC_DRIVERS_APP_H
#define OC_DRIVERS_APP_H

/* An application with automatic encryption under the contract of ../README.md: its clients, the one collection that a
 * scenario has, and checks. A check that does not hold ends the scenario. JSON has single quotes (json.h). */

#include "vault.h"

typedef enum oc_way { OC_DAEMON, OC_SPAWN, OC_LIBRARY } oc_way;

typedef struct oc_app_state {
    oc_way way;
    bool on_store; /* the server is oc_store; else FerretDB */
    oc_vault vault;
    bson_t *extra; /* how the driver gets at the analysis */

    /* Of the scenario. */
    const char *database;
    bool server_schemas; /* schemas are the collections' validators; else the client has them */
    mongoc_client_t *client;
    mongoc_collection_t *people; /* with encryption */
    mongoc_collection_t *stored; /* the same collection without */
    unsigned leaks;              /* commands with plaintext that went to the server */
} oc_app_state;

extern oc_app_state oc_app;

/* A variable of the environment, "" if it is not there. */
const char *oc_app_variable(const char *name);

bool oc_app_open(bson_error_t *error);
void oc_app_close(void);

/* Runs a scenario and writes its line; false if something does not hold. */
bool oc_app_run(const char *name, void (*scenario)(void));

/* --- collections and operations ---------------------------------------------------------------------------------- */

/* Makes a collection the scenario's, with a schema or without (NULL). */
void oc_app_use(const char *name, const bson_t *schema);

/* With the schema of people: the ssn is encrypted randomly, the number of the insurance deterministically. */
void oc_app_use_people(const char *name);
bson_t *oc_app_people_schema(void);

/* Inserts an array of documents, one by one. */
void oc_app_insert(const char *documents);

/* `out` becomes an array, to be destroyed in any case. */
bool oc_app_find(mongoc_collection_t *collection, const char *filter, bson_t *out, bson_error_t *error);
bool oc_app_aggregate(const char *pipeline, bson_t *out, bson_error_t *error);

/* Runs a command through the encrypting client; it must succeed. */
void oc_app_command(const char *command, bson_t *reply);

/* --- checks ------------------------------------------------------------------------------------------------------ */

_Noreturn void oc_app_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void oc_app_skip(const char *reason);

void oc_app_expect_done(bool done, const bson_error_t *error);

/* That an operation failed with our refusal, which has both words and no value. */
void oc_app_expect_refused(bool done, const bson_error_t *error, const char *word, const char *other);

/* That the filter finds exactly these: an array of documents without _id. */
void oc_app_expect_found(mongoc_collection_t *collection, const char *filter, const char *documents);

/* That these are all; the encrypting client reads them, the others are ciphertexts. */
void oc_app_expect(const char *documents);

/* The value at a path, which must be there. Text: a string, or a number's digits; the caller frees it. */
bson_iter_t oc_app_at(const bson_t *document, const char *path);
char *oc_app_text_at(const bson_t *document, const char *path);
void oc_app_expect_at(const bson_t *document, const char *path, const char *text);

/* That a value is ciphertext of that kind; that `ssn` and `insurance` in an array of stored documents are. */
void oc_app_expect_ciphertext(const bson_iter_t *value, bool deterministic);
void oc_app_expect_hidden(const bson_t *documents);

#endif
