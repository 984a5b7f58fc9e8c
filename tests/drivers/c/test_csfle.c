/* Automatic encryption as an application has it: libmongoc with libmongocrypt, our daemon, a store.
 *
 * Every test runs in two groups, with a daemon that was there already and with one that the driver starts by itself;
 * most run for each variant of where the schema comes from and which algorithm it names. What the encrypting client
 * sends is searched for plaintext at all times (watch), what the store holds is read by a client without keys.
 */
#include "children.h"
#include "json.h"
#include "vault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DB        "hr"
#define NAME      "Sophia Duleep Singh"
#define SSN       "123-12-1234"
#define OTHER_SSN "987-98-9876"

/* The second byte of an encrypted value's binary says how it was encrypted. */
enum { STORED_DETERMINISTIC = 1, STORED_RANDOM = 2 };

typedef struct variant {
    bool remote; /* the schema is the collection's validator; else it is given to the client */
    const char *algorithm;
    uint8_t stored;
} variant;

static const variant random_map = {false, OC_RANDOM, STORED_RANDOM};
static const variant random_remote = {true, OC_RANDOM, STORED_RANDOM};
static const variant deterministic_map = {false, OC_DETERMINISTIC, STORED_DETERMINISTIC};
static const variant deterministic_remote = {true, OC_DETERMINISTIC, STORED_DETERMINISTIC};

static const char *daemon_path, *store_path;

/* Of a group. */
static oc_child store, daemon_child;
static oc_vault vault;
static bson_t *extra; /* how the driver finds the daemon */

/* For the whole run: a directory of our own, with the pid file and a link to the daemon by the name that libmongoc
 * starts. (It takes mongocryptdSpawnPath for a directory, to which it appends "mongocryptd".) */
static char directory[] = "/tmp/test_csfle_c.XXXXXX";
static char *pidfile, *link_name;

/* Of a test. */
static mongoc_client_t *client;
static mongoc_collection_t *people; /* with encryption */
static mongoc_collection_t *stored; /* the same collection without */
static unsigned leaks;

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static void search_for_plaintext(const mongoc_apm_command_started_t *event) {
    const bson_t *command = mongoc_apm_command_started_get_command(event);
    const uint8_t *data = bson_get_data(command);
    leaks += memmem(data, command->len, SSN, strlen(SSN)) || memmem(data, command->len, OTHER_SSN, strlen(OTHER_SSN));
}

/* The driver shows its monitors a command as it goes to the server, after encryption. */
static void watch(mongoc_client_t *watched) {
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_started_cb(callbacks, search_for_plaintext);
    mongoc_client_set_apm_callbacks(watched, callbacks, NULL);
    mongoc_apm_callbacks_destroy(callbacks);
}

static void insert(mongoc_collection_t *collection, const char *json) {
    bson_error_t error;
    bson_t *document = oc_json("%s", json);
    if (!mongoc_collection_insert_one(collection, document, NULL, NULL, &error)) {
        fail_msg("insert %s: %s", json, error.message);
    }
    bson_destroy(document);
}

/* A copy of the only document that the filter finds, NULL if there is none. `error` may be NULL: then there must be
 * none. */
static bson_t *find(mongoc_collection_t *collection, const char *filter_json, bson_error_t *error) {
    const bson_t *document;
    bson_t *found = NULL;
    bson_error_t none;
    bson_t *filter = oc_json("%s", filter_json);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, filter, NULL, NULL);
    while (mongoc_cursor_next(cursor, &document)) {
        assert_null(found);
        found = bson_copy(document);
    }
    if (mongoc_cursor_error(cursor, error ? error : &none) && !error) {
        fail_msg("find %s: %s", filter_json, none.message);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    return found;
}

static void assert_refused(const bson_error_t *error, const char *message) {
    if (!strstr(error->message, message)) {
        fail_msg("expected: %s\n  got:      %s", message, error->message);
    }
}

static void assert_text(const bson_t *document, const char *path, const char *text) {
    bson_iter_t root, at;
    assert_non_null(document);
    assert_true(bson_iter_init(&root, document) && bson_iter_find_descendant(&root, path, &at));
    assert_true(BSON_ITER_HOLDS_UTF8(&at));
    assert_string_equal(text, bson_iter_utf8(&at, NULL));
}

static void assert_ciphertext(const bson_t *document, const char *path, uint8_t how) {
    bson_iter_t root, at;
    bson_subtype_t subtype;
    uint32_t length;
    const uint8_t *data;
    assert_non_null(document);
    assert_true(bson_iter_init(&root, document) && bson_iter_find_descendant(&root, path, &at));
    assert_true(BSON_ITER_HOLDS_BINARY(&at));
    bson_iter_binary(&at, &subtype, &length, &data);
    assert_int_equal(BSON_SUBTYPE_ENCRYPTED, subtype);
    assert_true(length > 33); /* how, 16 bytes of key id, type, and at least one block */
    assert_int_equal(how, data[0]);
}

/* Exactly one document has that name; it reads as `ssn` with encryption and as ciphertext without. */
static void assert_person(const variant *v, const char *ssn) {
    bson_t *read = find(people, "{'full_name': '" NAME "'}", NULL);
    bson_t *raw = find(stored, "{'full_name': '" NAME "'}", NULL);
    assert_text(read, "ssn", ssn);
    assert_ciphertext(raw, "ssn", v->stored);
    bson_destroy(read);
    bson_destroy(raw);
}

static void insert_person(void) {
    insert(people, "{'full_name': '" NAME "', 'ssn': '" SSN "'}");
}

/* Runs a command through the encrypting client; it must succeed. */
static void run(const char *json, bson_t *reply) {
    bson_error_t error;
    bson_t *command = oc_json("%s", json);
    if (!mongoc_client_command_simple(client, DB, command, NULL, reply, &error)) {
        fail_msg("%s: %s", json, error.message);
    }
    bson_destroy(command);
}

static bool update(const char *filter_json, const char *update_json, const char *options_json, bson_error_t *error) {
    bson_t *filter = oc_json("%s", filter_json);
    bson_t *change = oc_json("%s", update_json);
    bson_t *options = oc_json("%s", options_json);
    bool done = mongoc_collection_update_one(people, filter, change, options, NULL, error);
    bson_destroy(filter);
    bson_destroy(change);
    bson_destroy(options);
    return done;
}

static void assert_updated(const char *filter_json, const char *update_json, const char *options_json) {
    bson_error_t error;
    if (!update(filter_json, update_json, options_json, &error)) {
        fail_msg("update %s: %s", update_json, error.message);
    }
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void what_is_inserted_is_read_back(void **state) {
    insert_person();
    assert_person(*state, SSN);
}

static void many_documents_at_once(void **state) {
    const variant *v = *state;
    bson_t reply;
    run("{'insert': 'people', 'documents': [{'full_name': '" NAME "', 'ssn': '" SSN "'},"
        " {'full_name': 'other', 'ssn': '" OTHER_SSN "', 'more': [1, {'a': 'b'}]}, {'full_name': 'none'}]}",
        &reply);
    bson_destroy(&reply);
    assert_person(v, SSN);
    bson_t *other = find(people, "{'full_name': 'other'}", NULL);
    assert_text(other, "ssn", OTHER_SSN);
    assert_text(other, "more.1.a", "b");
    bson_destroy(other);
    bson_t *none = find(people, "{'full_name': 'none'}", NULL);
    assert_false(bson_has_field(none, "ssn"));
    bson_destroy(none);
}

static void a_random_field_cannot_be_queried(void **state) {
    static const char *filters[] = {
        "{'ssn': '" SSN "'}",
        "{'ssn': {'$in': ['" SSN "']}}",
        "{'$or': [{'full_name': 'x'}, {'ssn': '" SSN "'}]}",
    };
    (void)state;
    insert_person();
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        bson_error_t error = {0};
        assert_null(find(people, filters[i], &error));
        assert_refused(&error, "Cannot query on fields encrypted with the randomized encryption algorithm");
    }
}

static void a_deterministic_field_is_found(void **state) {
    static const char *filters[] = {
        "{'ssn': '" SSN "'}",
        "{'ssn': {'$eq': '" SSN "'}}",
        "{'ssn': {'$in': ['000-00-0000', '" SSN "']}}",
        "{'ssn': {'$ne': '" OTHER_SSN "'}}",
        "{'$or': [{'full_name': 'x'}, {'ssn': '" SSN "'}]}",
        "{'$and': [{'full_name': '" NAME "'}, {'ssn': '" SSN "'}]}",
    };
    (void)state;
    insert_person();
    insert(people, "{'full_name': 'other', 'ssn': '" OTHER_SSN "'}");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        bson_t *found = find(people, filters[i], NULL);
        assert_text(found, "full_name", NAME);
        assert_text(found, "ssn", SSN);
        bson_destroy(found);
    }
    assert_null(find(people, "{'ssn': '000-00-0000'}", NULL));
}

static void what_would_compare_ciphertext_is_refused(void **state) {
    static const struct {
        const char *filter, *message;
    } cases[] = {
        {"{'ssn': {'$gt': '0'}}", "Invalid match expression operator on encrypted field"},
        {"{'ssn': {'$regularExpression': {'pattern': '^1', 'options': ''}}}", ""},
        {"{'ssn': null}", "Illegal equality to null predicate for encrypted field"},
        {"{'ssn': 5}", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bson_error_t error = {0};
        assert_null(find(people, cases[i].filter, &error));
        assert_refused(&error, "mongocryptd error: ");
        assert_refused(&error, cases[i].message);
    }
}

static void updates_encrypt(void **state) {
    const variant *v = *state;
    insert_person();
    assert_updated("{'full_name': '" NAME "'}", "{'$set': {'ssn': '" OTHER_SSN "', 'town': 'Lahore'}}", "{}");
    assert_person(v, OTHER_SSN);
    assert_updated("{'full_name': '" NAME "'}", "{'$unset': {'ssn': ''}}", "{}");
    bson_t *raw = find(stored, "{'town': 'Lahore'}", NULL);
    assert_non_null(raw);
    assert_false(bson_has_field(raw, "ssn"));
    bson_destroy(raw);
}

static void upserts_and_replacements_encrypt(void **state) {
    const variant *v = *state;
    bson_error_t error;
    assert_updated("{'full_name': '" NAME "'}", "{'$set': {'ssn': '" SSN "'}}", "{'upsert': true}");
    assert_person(v, SSN);
    bson_t *filter = oc_json("{'full_name': '" NAME "'}");
    bson_t *replacement = oc_json("{'full_name': '" NAME "', 'ssn': '" OTHER_SSN "'}");
    if (!mongoc_collection_replace_one(people, filter, replacement, NULL, NULL, &error)) {
        fail_msg("%s", error.message);
    }
    bson_destroy(filter);
    bson_destroy(replacement);
    assert_person(v, OTHER_SSN);
}

static void arithmetic_on_ciphertext_is_refused(void **state) {
    bson_error_t error;
    (void)state;
    insert_person();
    assert_false(update("{'full_name': '" NAME "'}", "{'$push': {'ssn': '" SSN "'}}", "{}", &error));
    assert_refused(&error, "not allowed on encrypted values");
    assert_false(update("{'full_name': '" NAME "'}", "{'$inc': {'ssn': 1}}", "{}", &error));
    assert_refused(&error, "$inc and $mul not allowed on encrypted values");
}

static void update_and_delete_by_a_deterministic_field(void **state) {
    const variant *v = *state;
    bson_error_t error;
    insert_person();
    insert(people, "{'full_name': 'other', 'ssn': '" OTHER_SSN "'}");
    assert_updated("{'ssn': '" SSN "'}", "{'$set': {'town': 'Lahore'}}", "{}");
    bson_t *found = find(people, "{'town': 'Lahore'}", NULL);
    assert_text(found, "full_name", NAME);
    bson_destroy(found);
    bson_t *filter = oc_json("{'ssn': '" OTHER_SSN "'}");
    if (!mongoc_collection_delete_one(people, filter, NULL, NULL, &error)) {
        fail_msg("%s", error.message);
    }
    bson_destroy(filter);
    assert_null(find(stored, "{'full_name': 'other'}", NULL));
    assert_person(v, SSN);
}

static void find_and_modify_encrypts_and_decrypts(void **state) {
    const variant *v = *state;
    bson_t reply;
    insert_person();
    run("{'findAndModify': 'people', 'query': {'ssn': '" SSN "'}, 'update': {'$set': {'ssn': '" OTHER_SSN "'}},"
        " 'new': true}",
        &reply);
    assert_text(&reply, "value.ssn", OTHER_SSN);
    bson_destroy(&reply);
    assert_person(v, OTHER_SSN);
    run("{'findAndModify': 'people', 'query': {'ssn': '" OTHER_SSN "'}, 'remove': true}", &reply);
    assert_text(&reply, "value.ssn", OTHER_SSN);
    bson_destroy(&reply);
    assert_null(find(stored, "{}", NULL));
}

static int64_t number_at(const bson_t *document, const char *path) {
    bson_iter_t root, at;
    assert_true(bson_iter_init(&root, document) && bson_iter_find_descendant(&root, path, &at));
    return bson_iter_as_int64(&at);
}

static void insert_twins_and_another(void) {
    insert_person();
    insert(people, "{'full_name': 'twin', 'ssn': '" SSN "'}");
    insert(people, "{'full_name': 'other', 'ssn': '" OTHER_SSN "'}");
}

static void count_by_a_deterministic_field(void **state) {
    bson_t reply;
    (void)state;
    insert_twins_and_another();
    run("{'count': 'people', 'query': {'ssn': '" SSN "'}}", &reply);
    assert_int_equal(2, number_at(&reply, "n"));
    bson_destroy(&reply);
}

/* Runs a pipeline through the encrypting client. */
static bson_t *first_of_pipeline(const char *json) {
    const bson_t *document;
    bson_t *first = NULL;
    bson_error_t error = {0};
    bson_t *pipeline = oc_json("{'pipeline': %s}", json);
    mongoc_cursor_t *cursor = mongoc_collection_aggregate(people, MONGOC_QUERY_NONE, pipeline, NULL, NULL);
    if (mongoc_cursor_next(cursor, &document)) {
        first = bson_copy(document);
    }
    mongoc_cursor_error(cursor, &error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(pipeline);
    if (!first) {
        fail_msg("aggregate %s: %s", json, error.message);
    }
    return first;
}

static void pipelines_match_and_group(void **state) {
    static const struct {
        const char *pipeline;
        int64_t n;
    } cases[] = {
        {"[{'$match': {'ssn': '" SSN "'}}, {'$group': {'_id': 1, 'n': {'$sum': 1}}}]", 2},
        {"[{'$match': {'ssn': {'$in': ['" OTHER_SSN "']}}}, {'$count': 'n'}]", 1},
        {"[{'$group': {'_id': '$ssn', 'n': {'$sum': 1}}}]", 2},
    };
    (void)state;
    insert_twins_and_another();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bson_t *first = first_of_pipeline(cases[i].pipeline);
        assert_int_equal(cases[i].n, number_at(first, "n"));
        bson_destroy(first);
    }
    bson_t *grouped = first_of_pipeline(cases[2].pipeline);
    assert_text(grouped, "_id", SSN);
    bson_destroy(grouped);
}

static void distinct_values_are_decrypted(void **state) {
    bson_t reply;
    (void)state;
    insert_twins_and_another();
    run("{'distinct': 'people', 'key': 'ssn', 'query': {'ssn': {'$in': ['" SSN "', '" OTHER_SSN "']}}}", &reply);
    assert_text(&reply, "values.0", SSN);
    assert_text(&reply, "values.1", OTHER_SSN);
    bson_iter_t root, at;
    assert_false(bson_iter_init(&root, &reply) && bson_iter_find_descendant(&root, "values.2", &at));
    bson_destroy(&reply);
}

/* The store's explain returns the command that it got; with encryption its values read as plaintext again, and `watch`
 * sees that they went out encrypted. */
static void explain_encrypts_the_explained(void **state) {
    bson_t reply;
    bson_iter_t root, at;
    (void)state;
    run("{'explain': {'find': 'people', 'filter': {'ssn': {'$eq': '" SSN "'}}}, 'verbosity': 'queryPlanner'}", &reply);
    assert_text(&reply, "command.filter.ssn.$eq", SSN);
    assert_false(bson_iter_init(&root, &reply) && bson_iter_find_descendant(&root, "command.jsonSchema", &at));
    bson_destroy(&reply);
}

static void without_a_schema_nothing_is_encrypted(void **state) {
    bson_error_t error;
    (void)state;
    mongoc_collection_t *free_for_all = mongoc_client_get_collection(client, DB, "pets");
    mongoc_collection_t *raw = mongoc_client_get_collection(vault.plain, DB, "pets");
    insert(free_for_all, "{'name': 'Tommy', 'ssn': 'none of your business'}");
    bson_t *found = find(raw, "{'ssn': 'none of your business'}", &error);
    assert_text(found, "name", "Tommy");
    bson_destroy(found);
    mongoc_collection_destroy(free_for_all);
    mongoc_collection_destroy(raw);
}

/* --- tests with a schema of their own ------------------------------------------------------------------------------
 */

static void use_schema(const variant *v, const bson_t *schema);

static void assert_secret_comes_back(size_t id, const char *value) {
    bson_t *document = oc_json("{'_id': %zu, 'secret': %s}", id, value);
    char *filter = bson_strdup_printf("{'_id': %zu}", id);
    assert_true(mongoc_collection_insert_one(people, document, NULL, NULL, NULL));
    bson_t *read = find(people, filter, NULL);
    bson_t *raw = find(stored, filter, NULL);
    assert_non_null(read);
    assert_true(bson_equal(document, read));
    assert_ciphertext(raw, "secret", STORED_RANDOM);
    bson_free(filter);
    bson_destroy(document);
    bson_destroy(read);
    bson_destroy(raw);
}

/* A value of any type is encrypted under a random field without a type, whole, and comes back as it was. */
static void every_type_comes_back(void **state) {
    static const char *values[] = {
        "1",
        "1.5",
        "true",
        "[1, 'a']",
        "{'a': {'b': 1}}",
        "{'$date': {'$numberLong': '5'}}",
        "{'$numberLong': '7'}",
        "{'$oid': '0123456789abcdef01234567'}",
    };
    bson_t properties;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    oc_vault_append_encrypt(&vault, &properties, "secret", OC_RANDOM, NULL);
    bson_append_document_end(schema, &properties);
    use_schema(*state, schema);
    bson_destroy(schema);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_secret_comes_back(i, values[i]);
    }
}

/* keyId as a JSON Pointer: the document itself names the key. */
static void the_document_names_its_key(void **state) {
    bson_t *schema = oc_json("{'bsonType': 'object', 'properties': {'ssn': {'encrypt': {'keyId': '/key_name',"
                             " 'algorithm': '" OC_RANDOM "', 'bsonType': 'string'}}}}");
    use_schema(*state, schema);
    bson_destroy(schema);
    insert(people, "{'full_name': '" NAME "', 'key_name': '" OC_KEY_NAME "', 'ssn': '" SSN "'}");
    assert_person(*state, SSN);
}

static void encrypts_below_an_object(void **state) {
    const variant *v = *state;
    bson_t properties, medical, below;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    BSON_APPEND_DOCUMENT_BEGIN(&properties, "medical", &medical);
    BSON_APPEND_UTF8(&medical, "bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(&medical, "properties", &below);
    oc_vault_append_encrypt(&vault, &below, "ssn", v->algorithm, "string");
    bson_append_document_end(&medical, &below);
    bson_append_document_end(&properties, &medical);
    bson_append_document_end(schema, &properties);
    use_schema(v, schema);
    bson_destroy(schema);
    insert(people, "{'_id': 1, 'medical': {'blood': 'A', 'ssn': '" SSN "'}}");
    assert_updated("{'medical.ssn': '" SSN "'}", "{'$set': {'medical.ssn': '" OTHER_SSN "'}}", "{}");
    bson_t *read = find(people, "{'medical.ssn': '" OTHER_SSN "'}", NULL), *raw = find(stored, "{'_id': 1}", NULL);
    assert_text(read, "medical.ssn", OTHER_SSN);
    assert_text(raw, "medical.blood", "A");
    assert_ciphertext(raw, "medical.ssn", v->stored);
    bson_destroy(read);
    bson_destroy(raw);
}

/* Clients of a pool watch the daemon from threads of their own, which hold a hello open where it offers that. */
static void works_from_a_pool(void **state) {
    const variant *v = *state;
    bson_error_t error;
    bson_t *schema = oc_vault_schema(&vault, v->algorithm);
    bson_t *map = BCON_NEW(DB ".people", BCON_DOCUMENT(schema));
    mongoc_client_pool_t *pool = mongoc_client_pool_new(vault.uri);
    mongoc_auto_encryption_opts_t *options = oc_vault_options(&vault, extra, map);
    assert_true(mongoc_client_pool_enable_auto_encryption(pool, options, &error));
    for (int i = 0; i < 2; i++) {
        mongoc_client_t *popped = mongoc_client_pool_pop(pool);
        mongoc_collection_t *collection = mongoc_client_get_collection(popped, DB, "people");
        insert(collection,
               i ? "{'full_name': 'other', 'ssn': '" OTHER_SSN "'}" : "{'full_name': '" NAME "', 'ssn': '" SSN "'}");
        mongoc_collection_destroy(collection);
        mongoc_client_pool_push(pool, popped);
    }
    mongoc_auto_encryption_opts_destroy(options);
    mongoc_client_pool_destroy(pool);
    bson_destroy(schema);
    bson_destroy(map);
    assert_person(v, SSN);
}

/* Whether the process ended in time; `*status` as of waitpid. The driver detached it, so it is ours to wait for only
 * because main made this process the one that inherits orphans. */
static bool ended_within(pid_t pid, int seconds, int *status) {
    for (int tenths = 10 * seconds; tenths > 0; tenths--) {
        if (waitpid(pid, status, WNOHANG) == pid) {
            return true;
        }
        usleep(100000);
    }
    return false;
}

/* The driver notices by a broken connection, which it reports, and starts another daemon for the next command; that one
 * finds the pid file of the dead one. */
static void a_killed_daemon_is_started_again(void **state) {
    int status;
    oc_child killed, next;
    if (daemon_child.pid != 0) {
        skip(); /* not the driver's to start */
    }
    assert_null(find(people, "{}", NULL)); /* so that a connection is open */
    assert_true(oc_child_read_pidfile(pidfile, &killed));
    kill(killed.pid, SIGKILL);
    assert_true(ended_within(killed.pid, 30, &status));
    bson_t *person = oc_json("{'full_name': '" NAME "', 'ssn': '" SSN "'}");
    bool inserted = false;
    for (int tries = 0; tries < 10 && !inserted; tries++) {
        inserted = mongoc_collection_insert_one(people, person, NULL, NULL, NULL);
    }
    assert_true(inserted);
    assert_person(*state, SSN);
    assert_true(oc_child_read_pidfile(pidfile, &next));
    assert_int_not_equal(killed.pid, next.pid);
    bson_destroy(person);
}

/* --- set up ------------------------------------------------------------------------------------------------------ */

static void close_client(void) {
    mongoc_collection_destroy(people);
    mongoc_collection_destroy(stored);
    mongoc_client_destroy(client);
    people = stored = NULL;
    client = NULL;
}

static void create_with_validator(const bson_t *schema) {
    bson_error_t error;
    bson_t *command = BCON_NEW("create", "people", "validator", "{", "$jsonSchema", BCON_DOCUMENT(schema), "}");
    if (!mongoc_client_command_simple(vault.plain, DB, command, NULL, NULL, &error)) {
        fail_msg("%s", error.message);
    }
    bson_destroy(command);
}

static void open_client(const variant *v, const bson_t *schema) {
    bson_error_t error;
    bson_t *drop = BCON_NEW("dropDatabase", BCON_INT32(1));
    assert_true(mongoc_client_command_simple(vault.plain, DB, drop, NULL, NULL, NULL));
    bson_destroy(drop);
    bson_t *map = v->remote ? NULL : BCON_NEW(DB ".people", BCON_DOCUMENT(schema));
    if (v->remote) {
        create_with_validator(schema);
    }
    client = oc_vault_client(&vault, extra, map, &error);
    if (!client) {
        fail_msg("%s", error.message);
    }
    /* Else the driver loaded a query analyser into this process and would leave the daemon out. */
    assert_null(mongoc_client_get_crypt_shared_version(client));
    watch(client);
    people = mongoc_client_get_collection(client, DB, "people");
    stored = mongoc_client_get_collection(vault.plain, DB, "people");
    bson_destroy(map);
}

static void use_schema(const variant *v, const bson_t *schema) {
    close_client();
    open_client(v, schema);
}

static int set_up(void **state) {
    const variant *v = *state;
    bson_t *schema = oc_vault_schema(&vault, v->algorithm);
    leaks = 0;
    open_client(v, schema);
    bson_destroy(schema);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close_client();
    if (leaks > 0) {
        print_error("%u commands with plaintext went to the store\n", leaks);
    }
    return leaks > 0 ? -1 : 0;
}

static int start_store(void) {
    bson_error_t error;
    if (!oc_child_start_store(store_path, &store)) {
        return -1;
    }
    if (!oc_vault_open(&vault, store.port, &error)) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

static int stop_store(void) {
    bson_destroy(extra);
    oc_vault_close(&vault);
    return oc_child_stop(&store);
}

static int start_running_daemon(void **state) {
    (void)state;
    if (start_store() != 0 || !oc_child_start_daemon(daemon_path, pidfile, &daemon_child)) {
        return -1;
    }
    char *uri = bson_strdup_printf("mongodb://localhost:%u", daemon_child.port);
    extra = BCON_NEW("mongocryptdURI", BCON_UTF8(uri), "mongocryptdBypassSpawn", BCON_BOOL(true));
    bson_free(uri);
    return 0;
}

static int stop_running_daemon(void **state) {
    (void)state;
    int daemon_status = oc_child_stop(&daemon_child);
    bool tidy = access(pidfile, F_OK) != 0;
    if (daemon_status != 0 || !tidy) {
        print_error("the daemon ended with %d and %s its pid file\n", daemon_status, tidy ? "removed" : "left");
    }
    return stop_store() == 0 && daemon_status == 0 && tidy ? 0 : -1;
}

enum { IDLE_SECONDS = 3 };

static int prepare_spawning(void **state) {
    (void)state;
    daemon_child = (oc_child){0};
    if (start_store() != 0) {
        return -1;
    }
    unsigned port = oc_child_free_port();
    /* So long does the driver look for a daemon that has died before it starts another; 10 s unless told. */
    char *uri = bson_strdup_printf("mongodb://localhost:%u/?serverSelectionTimeoutMS=2000", port);
    char *port_option = bson_strdup_printf("--port=%u", port);
    char *pid_option = bson_strdup_printf("--pidfilepath=%s", pidfile);
    char *idle_option = bson_strdup_printf("--idleShutdownTimeoutSecs=%d", IDLE_SECONDS);
    char *spawn_path = bson_strdup_printf("%s/", directory);
    extra = BCON_NEW("mongocryptdURI", BCON_UTF8(uri), "mongocryptdSpawnPath", BCON_UTF8(spawn_path),
                     "mongocryptdSpawnArgs", "[", BCON_UTF8(port_option), BCON_UTF8(pid_option), BCON_UTF8(idle_option),
                     "]");
    bson_free(uri);
    bson_free(spawn_path);
    bson_free(port_option);
    bson_free(pid_option);
    bson_free(idle_option);
    return 0;
}

static int await_spawned_daemon(void **state) {
    (void)state;
    int status = 0;
    oc_child spawned;
    if (!oc_child_read_pidfile(pidfile, &spawned)) {
        return -1;
    }
    bool left = ended_within(spawned.pid, IDLE_SECONDS + 30, &status) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!left) {
        print_error("the spawned daemon did not leave in peace when idle\n");
        kill(spawned.pid, SIGKILL);
    }
    return stop_store() == 0 && left ? 0 : -1;
}

static bool make_directory(void) {
    if (!mkdtemp(directory)) {
        return false;
    }
    pidfile = bson_strdup_printf("%s/pid", directory);
    link_name = bson_strdup_printf("%s/mongocryptd", directory);
    return symlink(daemon_path, link_name) == 0;
}

static void remove_directory(void) {
    unlink(link_name);
    unlink(pidfile);
    rmdir(directory);
    bson_free(link_name);
    bson_free(pidfile);
}

/* ThreadSanitizer does not see what keeps the threads of libmongoc's pools apart, as Debian's libraries are not built
 * for it. The daemon and the store, which are, run in processes of their own. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void) {
    return "race:libmongoc-1.0.so\nrace:libbson-1.0.so\n";
}

#define TEST(function, variant)                                                                                        \
    { #function " (" #variant ")", function, set_up, tear_down, (void *)(uintptr_t)&variant }

static const struct CMUnitTest tests[] = {
    TEST(what_is_inserted_is_read_back, random_map),
    TEST(what_is_inserted_is_read_back, random_remote),
    TEST(what_is_inserted_is_read_back, deterministic_map),
    TEST(what_is_inserted_is_read_back, deterministic_remote),
    TEST(many_documents_at_once, random_map),
    TEST(many_documents_at_once, deterministic_remote),
    TEST(a_random_field_cannot_be_queried, random_map),
    TEST(a_random_field_cannot_be_queried, random_remote),
    TEST(a_deterministic_field_is_found, deterministic_map),
    TEST(a_deterministic_field_is_found, deterministic_remote),
    TEST(what_would_compare_ciphertext_is_refused, deterministic_map),
    TEST(updates_encrypt, random_map),
    TEST(updates_encrypt, random_remote),
    TEST(updates_encrypt, deterministic_map),
    TEST(upserts_and_replacements_encrypt, random_map),
    TEST(upserts_and_replacements_encrypt, deterministic_remote),
    TEST(arithmetic_on_ciphertext_is_refused, deterministic_map),
    TEST(update_and_delete_by_a_deterministic_field, deterministic_map),
    TEST(update_and_delete_by_a_deterministic_field, deterministic_remote),
    TEST(find_and_modify_encrypts_and_decrypts, deterministic_map),
    TEST(find_and_modify_encrypts_and_decrypts, deterministic_remote),
    TEST(count_by_a_deterministic_field, deterministic_map),
    TEST(count_by_a_deterministic_field, deterministic_remote),
    TEST(pipelines_match_and_group, deterministic_map),
    TEST(distinct_values_are_decrypted, deterministic_map),
    TEST(explain_encrypts_the_explained, deterministic_map),
    TEST(without_a_schema_nothing_is_encrypted, random_map),
    TEST(every_type_comes_back, random_map),
    TEST(every_type_comes_back, random_remote),
    TEST(the_document_names_its_key, random_map),
    TEST(encrypts_below_an_object, deterministic_map),
    TEST(encrypts_below_an_object, deterministic_remote),
    TEST(works_from_a_pool, deterministic_map),
    TEST(a_killed_daemon_is_started_again, random_map),
};

int main(int argc, char **argv) {
    if (argc != 3 || argv[1][0] != '/') {
        print_error("usage: test_csfle_c ABSOLUTE-PATH-OF-opencryptd PATH-OF-oc_store\n");
        return 2;
    }
    daemon_path = argv[1];
    store_path = argv[2];
    if (!make_directory()) {
        perror(directory);
        return 1;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL); /* it warns for each client that there is no crypt_shared */
    int failed = cmocka_run_group_tests_name("running daemon", tests, start_running_daemon, stop_running_daemon);
    failed += cmocka_run_group_tests_name("spawned daemon", tests, prepare_spawning, await_spawned_daemon);
    mongoc_cleanup();
    remove_directory();
    return failed ? 1 : 0;
}
