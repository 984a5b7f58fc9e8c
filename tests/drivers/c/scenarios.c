/* The scenarios of ../README.md, and running them.
 *
 * What the encrypting client sends is searched for plaintext at all times; what the server stores is read by a client
 * without keys.
 */
#include "app.h"
#include "children.h"
#include "json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <mongocrypt/mongocrypt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Three people, as fields. */
#define SOPHIA "'full_name': 'Sophia Duleep Singh', 'ssn': '123-12-1234', 'insurance': 'M-20831'"
#define TWIN   "'full_name': 'Catherine Duleep Singh', 'ssn': '123-12-1235', 'insurance': 'M-20831'"
#define OTHER  "'full_name': 'Emmeline Pankhurst', 'ssn': '987-98-9876', 'insurance': 'M-11111'"

static void keys(void) {
    bson_error_t error;
    bson_t found;
    mongoc_client_encryption_t *encryption = oc_vault_encryption(&oc_app.vault, &error);
    oc_app_expect_done(encryption, &error);
    oc_app_expect_done(mongoc_client_encryption_get_key_by_alt_name(encryption, OC_KEY_NAME, &found, &error), &error);
    bson_iter_t id = oc_app_at(&found, "_id");
    const bson_value_t *value = bson_iter_value(&id);
    if (value->value_type != BSON_TYPE_BINARY ||
        value->value.v_binary.data_len != oc_app.vault.key.value.v_binary.data_len ||
        memcmp(value->value.v_binary.data, oc_app.vault.key.value.v_binary.data, value->value.v_binary.data_len) != 0) {
        oc_app_fail("another key has that name");
    }
    bson_destroy(&found);
    mongoc_client_encryption_destroy(encryption);
}

static void insert_find(void) {
    bson_error_t error;
    oc_app_use_people("insert_find");
    oc_app_insert("[{" SOPHIA "}, {'full_name': 'without'}]");
    bson_t *twin = oc_json("{" TWIN ", 'more': [1, {'a': 'b'}]}"), *other = oc_json("{" OTHER "}");
    const bson_t *both[] = {twin, other};
    oc_app_expect_done(mongoc_collection_insert_many(oc_app.people, both, 2, NULL, NULL, &error), &error);
    bson_destroy(twin);
    bson_destroy(other);
    oc_app_expect("[{" SOPHIA "}, {'full_name': 'without'}, {" TWIN ", 'more': [1, {'a': 'b'}]}, {" OTHER "}]");
    oc_app_expect_found(oc_app.people, "{'full_name': 'Sophia Duleep Singh'}", "[{" SOPHIA "}]");
}

static void deterministic(void) {
    static const char *const filters[] = {
        "{'insurance': 'M-20831'}",
        "{'insurance': {'$eq': 'M-20831'}}",
        "{'insurance': {'$in': ['M-0', 'M-20831']}}",
        "{'$or': [{'full_name': 'x'}, {'insurance': 'M-20831'}]}",
        "{'$and': [{'full_name': {'$ne': 'x'}}, {'insurance': 'M-20831'}]}",
    };
    oc_app_use_people("deterministic");
    oc_app_insert("[{" SOPHIA "}, {" TWIN "}, {" OTHER "}]");
    oc_app_expect("[{" SOPHIA "}, {" TWIN "}, {" OTHER "}]");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        oc_app_expect_found(oc_app.people, filters[i], "[{" SOPHIA "}, {" TWIN "}]");
        oc_app_expect_found(oc_app.stored, filters[i], "[]");
    }
    oc_app_expect_found(oc_app.people, "{'insurance': {'$ne': 'M-20831'}}", "[{" OTHER "}]");
}

static bool update(const char *filter_json, const char *update_json, const char *options_json, bson_error_t *error) {
    bson_t *filter = oc_json("%s", filter_json);
    bson_t *change = oc_json("%s", update_json);
    bson_t *options = oc_json("%s", options_json);
    bool done = mongoc_collection_update_one(oc_app.people, filter, change, options, NULL, error);
    bson_destroy(filter);
    bson_destroy(change);
    bson_destroy(options);
    return done;
}

static void refused(void) {
    static const struct {
        const char *filter, *path, *message;
    } cases[] = {
        {"{'ssn': '123-12-1234'}", "ssn", "randomized encryption algorithm"},
        {"{'ssn': {'$in': ['123-12-1234']}}", "ssn", "randomized encryption algorithm"},
        {"{'$or': [{'full_name': 'x'}, {'ssn': '123-12-1234'}]}", "ssn", "randomized encryption algorithm"},
        {"{'insurance': {'$gt': 'M-11111'}}", "insurance", "Invalid match expression operator on encrypted field"},
        {"{'insurance': {'$regularExpression': {'pattern': '^M', 'options': ''}}}", "insurance", ""},
        {"{'insurance': null}", "insurance", "Illegal equality to null predicate for encrypted field"},
        {"{'insurance': 5}", "insurance", ""},
    };
    bson_error_t error;
    oc_app_use_people("refused");
    oc_app_insert("[{" SOPHIA "}]");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bson_t found;
        bool done = oc_app_find(oc_app.people, cases[i].filter, &found, &error);
        oc_app_expect_refused(done, &error, cases[i].path, cases[i].message);
        bson_destroy(&found);
    }
    oc_app_expect_refused(update("{}", "{'$push': {'ssn': '1'}}", "{}", &error), &error, "ssn",
                          "not allowed on encrypted values");
    oc_app_expect_refused(update("{}", "{'$inc': {'ssn': 1}}", "{}", &error), &error, "ssn",
                          "$inc and $mul not allowed");
    oc_app_expect("[{" SOPHIA "}]");
}

static void no_schema(void) {
    oc_app_use("no_schema", NULL);
    oc_app_insert("[{" SOPHIA "}]");
    oc_app_expect_found(oc_app.stored, "{'ssn': '123-12-1234'}", "[{" SOPHIA "}]");
}

static void updates(void) {
    bson_error_t error;
    oc_app_use_people("update");
    oc_app_insert("[{" SOPHIA "}]");
    oc_app_expect_done(update("{'insurance': 'M-20831'}", "{'$set': {'ssn': '987-98-9876'}}", "{}", &error), &error);
    oc_app_expect("[{'full_name': 'Sophia Duleep Singh', 'ssn': '987-98-9876', 'insurance': 'M-20831'}]");
    oc_app_expect_done(update("{}", "{'$unset': {'ssn': ''}}", "{}", &error), &error);
    oc_app_expect("[{'full_name': 'Sophia Duleep Singh', 'insurance': 'M-20831'}]");
    bson_t *all = oc_json("{}"), *change = oc_json("{'$set': {'ssn': '123-12-1234'}}");
    oc_app_expect_done(mongoc_collection_update_many(oc_app.people, all, change, NULL, NULL, &error), &error);
    bson_destroy(all);
    bson_destroy(change);
    oc_app_expect_done(update("{'insurance': 'M-11111'}",
                              "{'$set': {'full_name': 'Emmeline Pankhurst', 'ssn': '987-98-9876'}}", "{'upsert': true}",
                              &error),
                       &error);
    oc_app_expect("[{'full_name': 'Sophia Duleep Singh', 'insurance': 'M-20831', 'ssn': '123-12-1234'},"
                  " {'insurance': 'M-11111', 'full_name': 'Emmeline Pankhurst', 'ssn': '987-98-9876'}]");
}

static void replace(void) {
    bson_error_t error;
    oc_app_use_people("replace");
    oc_app_insert("[{" SOPHIA "}]");
    bson_t *filter = oc_json("{'insurance': 'M-20831'}"), *replacement = oc_json("{" OTHER "}");
    oc_app_expect_done(mongoc_collection_replace_one(oc_app.people, filter, replacement, NULL, NULL, &error), &error);
    bson_destroy(filter);
    bson_destroy(replacement);
    oc_app_expect("[{" OTHER "}]");
}

static void delete (void) {
    bson_error_t error;
    oc_app_use_people("delete");
    oc_app_insert("[{" SOPHIA "}, {" TWIN "}, {" OTHER "}]");
    bson_t *one = oc_json("{'insurance': 'M-11111'}"), *many = oc_json("{'insurance': {'$in': ['M-20831']}}");
    oc_app_expect_done(mongoc_collection_delete_one(oc_app.people, one, NULL, NULL, &error), &error);
    oc_app_expect("[{" SOPHIA "}, {" TWIN "}]");
    oc_app_expect_done(mongoc_collection_delete_many(oc_app.people, many, NULL, NULL, &error), &error);
    oc_app_expect("[]");
    bson_destroy(one);
    bson_destroy(many);
}

/* Of the person with the number M-20831: changes, or removes if there is no change. The reply's value has that ssn. */
static void expect_find_and_modify(const char *change, mongoc_find_and_modify_flags_t flags, const char *ssn) {
    bson_error_t error;
    bson_t reply;
    bson_t *query = oc_json("{'insurance': 'M-20831'}"), *changes = change ? oc_json("%s", change) : NULL;
    mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
    mongoc_find_and_modify_opts_set_flags(options, flags);
    if (changes) {
        mongoc_find_and_modify_opts_set_update(options, changes);
    }
    oc_app_expect_done(mongoc_collection_find_and_modify_with_opts(oc_app.people, query, options, &reply, &error),
                       &error);
    oc_app_expect_at(&reply, "value.ssn", ssn);
    mongoc_find_and_modify_opts_destroy(options);
    bson_destroy(&reply);
    bson_destroy(query);
    bson_destroy(changes);
}

static void find_and_modify(void) {
    oc_app_use_people("find_and_modify");
    oc_app_insert("[{" SOPHIA "}]");
    expect_find_and_modify("{'$set': {'ssn': '987-98-9876'}}", MONGOC_FIND_AND_MODIFY_RETURN_NEW, "987-98-9876");
    oc_app_expect("[{'full_name': 'Sophia Duleep Singh', 'ssn': '987-98-9876', 'insurance': 'M-20831'}]");
    expect_find_and_modify("{" TWIN "}", MONGOC_FIND_AND_MODIFY_NONE, "987-98-9876");
    oc_app_expect("[{" TWIN "}]");
    expect_find_and_modify(NULL, MONGOC_FIND_AND_MODIFY_REMOVE, "123-12-1235");
    oc_app_expect("[]");
}

static void bulk_write(void) {
    bson_error_t error;
    bson_t reply;
    oc_app_use_people("bulk_write");
    bson_t *sophia = oc_json("{" SOPHIA "}"), *twin = oc_json("{" TWIN "}"), *other = oc_json("{" OTHER "}");
    bson_t *insured = oc_json("{'insurance': 'M-20831'}"), *named = oc_json("{'full_name': 'Sophia Duleep Singh'}");
    bson_t *change = oc_json("{'$set': {'ssn': '987-98-9876'}}");
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(oc_app.people, NULL);
    oc_app_expect_done(mongoc_bulk_operation_insert_with_opts(bulk, sophia, NULL, &error), &error);
    oc_app_expect_done(mongoc_bulk_operation_insert_with_opts(bulk, twin, NULL, &error), &error);
    oc_app_expect_done(mongoc_bulk_operation_update_many_with_opts(bulk, insured, change, NULL, &error), &error);
    oc_app_expect_done(mongoc_bulk_operation_replace_one_with_opts(bulk, named, other, NULL, &error), &error);
    oc_app_expect_done(mongoc_bulk_operation_remove_many_with_opts(bulk, insured, NULL, &error), &error);
    oc_app_expect_done(mongoc_bulk_operation_execute(bulk, &reply, &error) != 0, &error);
    oc_app_expect_at(&reply, "nInserted", "2");
    oc_app_expect_at(&reply, "nModified", "3");
    oc_app_expect_at(&reply, "nRemoved", "1");
    oc_app_expect("[{" OTHER "}]");
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&reply);
    bson_t *documents[] = {sophia, twin, other, insured, named, change};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        bson_destroy(documents[i]);
    }
}

static void count(void) {
    bson_error_t error;
    bson_t reply;
    oc_app_use_people("count");
    oc_app_insert("[{" SOPHIA "}, {" TWIN "}, {" OTHER "}]");
    oc_app_command("{'count': 'count', 'query': {'insurance': 'M-20831'}}", &reply);
    oc_app_expect_at(&reply, "n", "2");
    bson_destroy(&reply);
    if (oc_app.on_store) { /* this is an aggregation whose constants become {$const: 1}, which FerretDB does not know */
        bson_t *filter = oc_json("{'insurance': 'M-20831'}");
        int64_t counted = mongoc_collection_count_documents(oc_app.people, filter, NULL, NULL, NULL, &error);
        oc_app_expect_done(counted >= 0, &error);
        if (counted != 2) {
            oc_app_fail("count_documents: %" PRId64, counted);
        }
        bson_destroy(filter);
    }
}

static void distinct(void) {
    bson_t reply;
    oc_app_use_people("distinct");
    oc_app_insert("[{" OTHER "}, {" SOPHIA "}, {" TWIN "}]");
    oc_app_command(
        "{'distinct': 'distinct', 'key': 'insurance', 'query': {'full_name': {'$ne': 'Sophia Duleep Singh'}}}", &reply);
    char *first = oc_app_text_at(&reply, "values.0"), *second = oc_app_text_at(&reply, "values.1"); /* in any order */
    if (strcmp(first, second) == 0 || !strstr("M-11111 M-20831", first) || !strstr("M-11111 M-20831", second)) {
        oc_app_fail("distinct: %s, %s", first, second);
    }
    bson_free(first);
    bson_free(second);
    bson_destroy(&reply);
    oc_app_command("{'distinct': 'distinct', 'key': 'full_name', 'query': {'insurance': {'$in': ['M-11111', 'M-0']}}}",
                   &reply);
    oc_app_expect_at(&reply, "values.0", "Emmeline Pankhurst");
    bson_destroy(&reply);
}

static void aggregate(void) {
    bson_error_t error;
    bson_t found;
    oc_app_use_people("aggregate");
    oc_app_insert("[{" SOPHIA "}, {" TWIN "}, {" OTHER "}]");
    oc_app_expect_done(oc_app_aggregate("[{'$match': {'insurance': 'M-20831'}}]", &found, &error), &error);
    oc_app_expect_at(&found, "0.ssn", "123-12-1234");
    oc_app_expect_at(&found, "1.ssn", "123-12-1235");
    bson_destroy(&found);
    oc_app_expect_done(
        oc_app_aggregate("[{'$match': {'insurance': {'$in': ['M-20831']}}}, {'$count': 'n'}]", &found, &error), &error);
    oc_app_expect_at(&found, "0.n", "2");
    bson_destroy(&found);
    oc_app_expect_done(
        oc_app_aggregate("[{'$match': {'insurance': 'M-20831'}}, {'$group': {'_id': '$insurance'}}]", &found, &error),
        &error);
    oc_app_expect_at(&found, "0._id", "M-20831");
    bson_destroy(&found);
    oc_app_expect_refused(oc_app_aggregate("[{'$group': {'_id': '$ssn'}}]", &found, &error), &error,
                          "Cannot group on field", "");
    bson_destroy(&found);
}

/* libmongocrypt 1.7 shows the analysis the schema of one collection only. */
static void lookup(void) {
    bson_error_t error;
    bson_t found;
    oc_app_use_people("lookup");
    oc_app_insert("[{" SOPHIA "}]");
    oc_app_expect_refused(
        oc_app_aggregate("[{'$lookup': {'from': 'visits', 'localField': 'full_name', 'foreignField': 'patient',"
                         " 'as': 'visits'}}]",
                         &found, &error),
        &error, "visits", "cannot reference additional collections");
    bson_destroy(&found);
    if (!oc_app.on_store) {
        oc_app_skip("FerretDB has no $lookup");
    }
    oc_app_expect_done(
        oc_app_aggregate("[{'$lookup': {'from': 'lookup', 'localField': 'insurance', 'foreignField': 'insurance',"
                         " 'as': 'same'}}]",
                         &found, &error),
        &error);
    oc_app_expect_at(&found, "0.same.0.ssn", "123-12-1234");
    bson_destroy(&found);
}

static void queryable(void) {
    oc_app_skip("libmongocrypt 1.7 has only the first, withdrawn protocol of Queryable Encryption");
}

static void client_bulk(void) {
    oc_app_skip("libmongoc 1.23 has no bulkWrite of the client");
}

/* Both servers' explain shows the command that they got; decrypted, its values read as plaintext again. */
static void explain(void) {
    bson_t reply;
    bson_iter_t root, at;
    oc_app_use_people("explain");
    oc_app_insert("[{" SOPHIA "}]");
    oc_app_command(
        "{'explain': {'find': 'explain', 'filter': {'insurance': {'$eq': 'M-20831'}}}, 'verbosity': 'queryPlanner'}",
        &reply);
    oc_app_expect_at(&reply, "command.filter.insurance.$eq", "M-20831");
    if (bson_iter_init(&root, &reply) && bson_iter_find_descendant(&root, "command.jsonSchema", &at)) {
        oc_app_fail("jsonSchema went to the server");
    }
    bson_destroy(&reply);
}

/* A value of any type is encrypted under a random field without a type, whole, and comes back as it was. */
static void every_type(void) {
    static const char *const values[] = {
        "1",
        "1.5",
        "true",
        "[1, 'a']",
        "{'a': {'b': 1}}",
        "{'$date': {'$numberLong': '5'}}",
        "{'$numberLong': '7'}",
        "{'$oid': '0123456789abcdef01234567'}",
    };
    bson_error_t error;
    bson_t properties, found;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    oc_vault_append_encrypt(&oc_app.vault, &properties, "ssn", OC_RANDOM, NULL);
    bson_append_document_end(schema, &properties);
    oc_app_use("every_type", schema);
    bson_destroy(schema);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *document = bson_strdup_printf("[{'_id': %zu, 'ssn': %s}]", i, values[i]);
        char *expected = bson_strdup_printf("[{'ssn': %s}]", values[i]),
             *filter = bson_strdup_printf("{'_id': %zu}", i);
        oc_app_insert(document);
        oc_app_expect_found(oc_app.people, filter, expected);
        bson_free(document);
        bson_free(expected);
        bson_free(filter);
    }
    oc_app_expect_done(oc_app_find(oc_app.stored, "{}", &found, &error), &error);
    oc_app_expect_hidden(&found);
    bson_destroy(&found);
}

/* keyId as a JSON Pointer: the document itself names the key. */
static void key_by_document(void) {
    bson_t *schema = oc_json("{'bsonType': 'object', 'properties': {'ssn': {'encrypt': {'keyId': '/key_name',"
                             " 'algorithm': '" OC_RANDOM "', 'bsonType': 'string'}}}}");
    oc_app_use("key_by_document", schema);
    bson_destroy(schema);
    oc_app_insert("[{'key_name': '" OC_KEY_NAME "', 'ssn': '123-12-1234'}]");
    oc_app_expect("[{'key_name': '" OC_KEY_NAME "', 'ssn': '123-12-1234'}]");
}

static void nested(void) {
    bson_error_t error;
    bson_t properties, medical, below, found;
    bson_t *schema = BCON_NEW("bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(schema, "properties", &properties);
    BSON_APPEND_DOCUMENT_BEGIN(&properties, "medical", &medical);
    BSON_APPEND_UTF8(&medical, "bsonType", "object");
    BSON_APPEND_DOCUMENT_BEGIN(&medical, "properties", &below);
    oc_vault_append_encrypt(&oc_app.vault, &below, "insurance", OC_DETERMINISTIC, "string");
    bson_append_document_end(&medical, &below);
    bson_append_document_end(&properties, &medical);
    bson_append_document_end(schema, &properties);
    oc_app_use("nested", schema);
    bson_destroy(schema);
    oc_app_insert("[{'medical': {'blood': 'A', 'insurance': 'M-20831'}}]");
    oc_app_expect_done(
        update("{'medical.insurance': 'M-20831'}", "{'$set': {'medical.insurance': 'M-11111'}}", "{}", &error), &error);
    oc_app_expect_found(oc_app.people, "{'medical.insurance': 'M-11111'}",
                        "[{'medical': {'blood': 'A', 'insurance': 'M-11111'}}]");
    oc_app_expect_done(oc_app_find(oc_app.stored, "{}", &found, &error), &error);
    bson_iter_t at = oc_app_at(&found, "0.medical.insurance");
    oc_app_expect_ciphertext(&at, true);
    oc_app_expect_at(&found, "0.medical.blood", "A");
    bson_destroy(&found);
}

/* Clients of a pool watch the daemon from threads of their own, which hold a hello open where it offers that. */
static void pool(void) {
    bson_error_t error;
    oc_app_use_people("pool");
    bson_t *schema = oc_app_people_schema();
    char *namespace = bson_strdup_printf("%s.pool", oc_app.database);
    bson_t *map = BCON_NEW(namespace, BCON_DOCUMENT(schema));
    mongoc_client_pool_t *clients = mongoc_client_pool_new(oc_app.vault.uri);
    mongoc_auto_encryption_opts_t *options = oc_vault_options(&oc_app.vault, oc_app.extra, map);
    oc_app_expect_done(mongoc_client_pool_enable_auto_encryption(clients, options, &error), &error);
    for (int i = 0; i < 2; i++) {
        mongoc_client_t *popped = mongoc_client_pool_pop(clients);
        mongoc_collection_t *collection = mongoc_client_get_collection(popped, oc_app.database, "pool");
        bson_t *person = i ? oc_json("{" OTHER "}") : oc_json("{" SOPHIA "}");
        oc_app_expect_done(mongoc_collection_insert_one(collection, person, NULL, NULL, &error), &error);
        bson_destroy(person);
        mongoc_collection_destroy(collection);
        mongoc_client_pool_push(clients, popped);
    }
    mongoc_auto_encryption_opts_destroy(options);
    mongoc_client_pool_destroy(clients);
    bson_destroy(schema);
    bson_destroy(map);
    bson_free(namespace);
    oc_app_expect("[{" SOPHIA "}, {" OTHER "}]");
}

static bool listens(const oc_child *daemon) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(daemon->port)};
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    bool connected = connect(probe, (struct sockaddr *)&address, sizeof address) == 0;
    close(probe);
    return connected;
}

static void end_daemon(int signal) {
    oc_child daemon;
    const char *option = strstr(oc_app_variable("OC_SPAWN_ARGS"), "--pidfilepath=");
    char *pidfile = option ? bson_strdup(option + strlen("--pidfilepath=")) : NULL;
    if (!pidfile) {
        oc_app_fail("OC_SPAWN_ARGS has no --pidfilepath");
    }
    pidfile[strcspn(pidfile, " ")] = '\0';
    if (!oc_child_read_pidfile(pidfile, &daemon) || kill(daemon.pid, signal) != 0) {
        oc_app_fail("no daemon by %s", pidfile);
    }
    while (listens(&daemon)) {
        usleep(10000);
    }
    bson_free(pidfile);
}

/* A daemon that was ended, and one that was killed and has left its pid file: the driver starts another. */
static void respawn(void) {
    if (oc_app.way != OC_SPAWN) {
        oc_app_skip("the driver starts no daemon in this way");
    }
    oc_app_use_people("respawn");
    oc_app_insert("[{" SOPHIA "}]");
    end_daemon(SIGTERM);
    oc_app_expect("[{" SOPHIA "}]");
    end_daemon(SIGKILL);
    oc_app_expect("[{" SOPHIA "}]");
}

/* The client has no schema; it asks the server for the validator of each collection. */
static void server_schema(void) {
    static void (*const scenarios[])(void) = {
        insert_find, deterministic, refused,  updates,   replace,    delete,          find_and_modify,
        bulk_write,  count,         distinct, aggregate, every_type, key_by_document, nested,
    };
    if (!oc_app.on_store) {
        oc_app_skip("FerretDB has no validators");
    }
    char *other = bson_strdup_printf("%s_server_schema", oc_app.database);
    oc_app.database = other;
    oc_app.server_schemas = true;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        scenarios[i]();
    }
    bson_free(other);
}

/* --- running them ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"keys", keys},
    {"insert-find", insert_find},
    {"deterministic", deterministic},
    {"refused", refused},
    {"no-schema", no_schema},
    {"server-schema", server_schema},
    {"update", updates},
    {"replace", replace},
    {"delete", delete},
    {"find-and-modify", find_and_modify},
    {"bulk-write", bulk_write},
    {"count", count},
    {"distinct", distinct},
    {"aggregate", aggregate},
    {"lookup", lookup},
    {"queryable", queryable},
    {"client-bulk", client_bulk},
    {"explain", explain},
    {"every-type", every_type},
    {"key-by-document", key_by_document},
    {"nested", nested},
    {"pool", pool},
    {"respawn", respawn},
};

/* ThreadSanitizer does not see what keeps the threads of libmongoc's pools apart, as Debian's libraries are not built
 * for it. The daemon and the store, which are, run in processes of their own. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void) {
    return "race:libmongoc-1.0.so\nrace:libbson-1.0.so\n";
}

int main(void) {
    bson_error_t error;
    bool passed = true;
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL); /* it warns for each client that there is no crypt_shared */
    printf("driver libmongoc %s, libmongocrypt %s\n", mongoc_get_version(), mongocrypt_version(NULL));
    if (!oc_app_open(&error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        passed = oc_app_run(scenarios[i].name, scenarios[i].run) && passed;
    }
    oc_app_close();
    mongoc_cleanup();
    return passed ? 0 : 1;
}
