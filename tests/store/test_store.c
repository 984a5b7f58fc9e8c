/* The store, through libmongoc without encryption. Most tests are a list of commands and of what each reply must hold.
 */
#include "children.h"
#include "json.h"

#include <mongoc/mongoc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *store_path;
static oc_child store;
static mongoc_client_t *client;

typedef struct exchange {
    const char *command;
    const char *reply; /* fields that the reply must have; it may have others */
} exchange;

static bool same_field(const bson_iter_t *a, const bson_iter_t *b) {
    bson_t left = BSON_INITIALIZER, right = BSON_INITIALIZER;
    bson_append_iter(&left, "", 0, a);
    bson_append_iter(&right, "", 0, b);
    bool same = bson_equal(&left, &right);
    bson_destroy(&left);
    bson_destroy(&right);
    return same;
}

static void assert_holds(const exchange *e, const bson_t *reply) {
    bson_iter_t wanted, found;
    bson_t *expected = oc_json("%s", e->reply);
    bson_iter_init(&wanted, expected);
    while (bson_iter_next(&wanted)) {
        if (!bson_iter_init_find(&found, reply, bson_iter_key(&wanted)) || !same_field(&wanted, &found)) {
            char *got = bson_as_relaxed_extended_json(reply, NULL);
            fail_msg("%s\n  gave   %s\n  not    %s", e->command, got, e->reply);
        }
    }
    bson_destroy(expected);
}

static void run(const exchange *exchanges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bson_t reply;
        bson_t *command = oc_json("%s", exchanges[i].command);
        mongoc_client_command_simple(client, "test", command, NULL, &reply, NULL);
        assert_holds(&exchanges[i], &reply);
        bson_destroy(&reply);
        bson_destroy(command);
    }
}

#define RUN(...)                                                                                                       \
    do {                                                                                                               \
        static const exchange exchanges[] = {__VA_ARGS__};                                                             \
        run(exchanges, sizeof exchanges / sizeof *exchanges);                                                          \
    } while (0)

#define INSERT(documents)                                                                                              \
    { "{'insert': 'c', 'documents': [" documents "]}", "{'ok': 1.0}" }
#define ALL(documents)                                                                                                 \
    { "{'find': 'c'}", FOUND(documents) }
#define FOUND(documents)                                                                                               \
    "{'cursor': {'firstBatch': [" documents "], 'id': {'$numberLong': '0'}, 'ns': 'test.c'}, 'ok': 1.0}"

static void says_what_it_is(void **state) {
    (void)state;
    RUN({"{'ping': 1}", "{'ok': 1.0}"}, {"{'hello': 1}", "{'isWritablePrimary': true, 'maxWireVersion': 17}"},
        {"{'buildInfo': 1}", "{'version': '6.0.0'}"});
}

static void finds_by_equality(void **state) {
    (void)state;
    RUN(INSERT("{'_id': 1, 'a': {'b': 'x'}}, {'_id': 2, 'a': {'b': 'y'}, 't': ['p', 'q']}, {'_id': 3, 'n': 5}"),
        {"{'find': 'c', 'filter': {'_id': 1}}", FOUND("{'_id': 1, 'a': {'b': 'x'}}")},
        {"{'find': 'c', 'filter': {'a.b': 'y'}, 'projection': {'t': 1}}", FOUND("{'_id': 2, 't': ['p', 'q']}")},
        {"{'find': 'c', 'filter': {'t': 'q'}, 'projection': {'a.b': 1, '_id': 0}}", FOUND("{'a': {'b': 'y'}}")},
        {"{'find': 'c', 'filter': {'a': {'b': 'x'}}, 'projection': {'_id': 1}}", FOUND("{'_id': 1}")},
        {"{'find': 'c', 'filter': {'n': {'$eq': 5.0}}}", FOUND("{'_id': 3, 'n': 5}")},
        {"{'find': 'c', 'filter': {'a.b': {'$in': ['x', 'z']}}, 'projection': {'_id': 1}}", FOUND("{'_id': 1}")},
        {"{'find': 'c', 'filter': {'n': {'$exists': true}}, 'projection': {'_id': 1}}", FOUND("{'_id': 3}")},
        {"{'find': 'c', 'filter': {'n': null}, 'projection': {'_id': 1}}", FOUND("{'_id': 1}, {'_id': 2}")},
        {"{'find': 'c', 'filter': {'_id': {'$nin': [1, 2]}}, 'projection': {'_id': 1}}", FOUND("{'_id': 3}")},
        {"{'find': 'c', 'filter': {'_id': {'$ne': 2}}, 'projection': {'_id': 1}, 'skip': 1}", FOUND("{'_id': 3}")},
        {"{'find': 'c', 'filter': {'$or': [{'n': 5}, {'$and': [{'_id': 1}, {'a.b': 'x'}]}]}, 'projection': {'_id': 1}}",
         FOUND("{'_id': 1}, {'_id': 3}")},
        {"{'count': 'c', 'query': {'a': {'$exists': true}}}", "{'n': 2}"},
        {"{'distinct': 'c', 'key': 't'}", "{'values': ['p', 'q']}"});
}

static void refuses_what_it_does_not_know(void **state) {
    (void)state;
    RUN({"{'mapReduce': 'c'}", "{'ok': 0.0, 'code': 59, 'codeName': 'CommandNotFound'}"},
        {"{'find': 'c', 'filter': {'a': {'$gt': 1}}}", "{'ok': 0.0, 'code': 2}"},
        {"{'find': 'c', 'filter': {'$or': [{'a': 1}, {'b': {'$regex': 'x'}}]}}", "{'ok': 0.0, 'code': 2}"},
        {"{'find': 'c', 'filter': {'$where': '1'}}", "{'ok': 0.0, 'code': 2}"},
        {"{'find': 'c', 'sort': {'a': 1}}", "{'ok': 0.0, 'code': 40415}"},
        {"{'find': 'c', 'filter': {}, 'jsonSchema': {}}", "{'ok': 0.0, 'code': 40415}"},
        {"{'aggregate': 'c', 'pipeline': [{'$sort': {'a': 1}}], 'cursor': {}}", "{'ok': 0.0, 'code': 40415}"},
        {"{'update': 'c', 'updates': [{'q': {}, 'u': {'$inc': {'a': 1}}}]}",
         "{'n': 0, 'writeErrors': [{'index': 0, 'code': 9, 'errmsg': 'Unknown modifier: $inc'}]}"});
}

static void updates(void **state) {
    (void)state;
    RUN(INSERT("{'_id': 1, 'a': {'b': 1, 'k': 2}, 'z': 0}, {'_id': 2}"),
        {"{'update': 'c', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'a.b': 3, 'm.n': 4}, '$unset': {'z': ''}}}]}",
         "{'n': 1, 'nModified': 1}"},
        ALL("{'_id': 1, 'a': {'b': 3, 'k': 2}, 'm': {'n': 4}}, {'_id': 2}"),
        {"{'update': 'c', 'updates': [{'q': {'_id': 1}, 'u': {'w': 1}}]}", "{'n': 1, 'nModified': 1}"},
        {"{'update': 'c', 'updates': [{'q': {}, 'u': {'$set': {'w': 1}}, 'multi': true}]}", "{'n': 2, 'nModified': 1}"},
        ALL("{'_id': 1, 'w': 1}, {'_id': 2, 'w': 1}"),
        {"{'update': 'c', 'updates': [{'q': {'_id': 3}, 'u': {'$set': {'w': 2}, '$setOnInsert': {'v': 1}},"
         " 'upsert': true}]}",
         "{'n': 1, 'nModified': 0, 'upserted': [{'index': 0, '_id': 3}]}"},
        {"{'find': 'c', 'filter': {'w': 2}}", FOUND("{'_id': 3, 'w': 2, 'v': 1}")},
        {"{'update': 'c', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'_id': 9}}}]}", "{'n': 0}"},
        {"{'delete': 'c', 'deletes': [{'q': {'w': 1}, 'limit': 1}]}", "{'n': 1}"},
        {"{'delete': 'c', 'deletes': [{'q': {}, 'limit': 0}]}", "{'n': 2}"}, ALL(""));
}

static void finds_and_modifies(void **state) {
    (void)state;
    RUN(INSERT("{'_id': 1, 'a': 1}"),
        {"{'findAndModify': 'c', 'query': {'a': 1}, 'update': {'$set': {'a': 2}}}",
         "{'lastErrorObject': {'n': 1, 'updatedExisting': true}, 'value': {'_id': 1, 'a': 1}}"},
        {"{'findAndModify': 'c', 'query': {'a': 2}, 'update': {'a': 3}, 'new': true}", "{'value': {'_id': 1, 'a': 3}}"},
        {"{'findAndModify': 'c', 'query': {'a': 9}, 'update': {'a': 3}}", "{'value': null}"},
        {"{'findAndModify': 'c', 'query': {'_id': 9}, 'update': {'a': 3}, 'upsert': true, 'new': true}",
         "{'lastErrorObject': {'n': 1, 'updatedExisting': false, 'upserted': 9}, 'value': {'_id': 9, 'a': 3}}"},
        {"{'findAndModify': 'c', 'query': {'_id': 9}, 'remove': true}", "{'value': {'_id': 9, 'a': 3}}"},
        ALL("{'_id': 1, 'a': 3}"));
}

static void aggregates(void **state) {
    (void)state;
    RUN(INSERT("{'_id': 1, 'a': 'x'}, {'_id': 2, 'a': 'y'}, {'_id': 3, 'a': 'x'}"),
        {"{'aggregate': 'c', 'cursor': {}, 'pipeline': [{'$match': {'a': 'x'}},"
         " {'$group': {'_id': 1, 'n': {'$sum': 1}}}]}",
         FOUND("{'_id': 1, 'n': {'$numberLong': '2'}}")},
        {"{'aggregate': 'c', 'cursor': {}, 'pipeline': [{'$group': {'_id': '$a', 'n': {'$sum': 1}}}]}",
         FOUND("{'_id': 'x', 'n': {'$numberLong': '2'}}, {'_id': 'y', 'n': {'$numberLong': '1'}}")},
        {"{'aggregate': 'c', 'cursor': {}, 'pipeline': [{'$skip': 1}, {'$limit': 1}, {'$project': {'a': 1, '_id': "
         "0}}]}",
         FOUND("{'a': 'y'}")},
        {"{'aggregate': 'c', 'cursor': {}, 'pipeline': [{'$match': {'a': 'x'}}, {'$count': 'k'}]}",
         FOUND("{'k': {'$numberLong': '2'}}")});
}

static void keeps_ids_and_key_names_unique(void **state) {
    (void)state;
    RUN({"{'createIndexes': 'c', 'indexes': [{'key': {'n': 1}, 'name': 'n_1', 'unique': true,"
         " 'partialFilterExpression': {'n': {'$exists': true}}}]}",
         "{'ok': 1.0}"},
        INSERT("{'_id': 1, 'n': ['p', 'q']}, {'_id': 2}, {'_id': 3}"),
        {"{'insert': 'c', 'ordered': false, 'documents': [{'_id': 1}, {'_id': 4, 'n': ['q']}, {'_id': 5, 'n': ['r']}]}",
         "{'n': 1, 'writeErrors': [{'index': 0, 'code': 11000,"
         " 'errmsg': 'E11000 duplicate key error collection: test.c index: _id_'},"
         " {'index': 1, 'code': 11000, 'errmsg': 'E11000 duplicate key error collection: test.c index: n_1'}]}"});
}

static void lists_collections_with_their_validators(void **state) {
    (void)state;
    RUN({"{'create': 'c', 'validator': {'$jsonSchema': {'bsonType': 'object'}}}", "{'ok': 1.0}"},
        {"{'create': 'c'}", "{'ok': 0.0, 'code': 48}"}, {"{'create': 'd'}", "{'ok': 1.0}"},
        {"{'listCollections': 1, 'filter': {'name': 'c'}}",
         "{'cursor': {'firstBatch': [{'name': 'c', 'type': 'collection',"
         " 'options': {'validator': {'$jsonSchema': {'bsonType': 'object'}}}}],"
         " 'id': {'$numberLong': '0'}, 'ns': 'test.$cmd.listCollections'}}"},
        {"{'listDatabases': 1, 'nameOnly': true}", "{'databases': [{'name': 'test'}], 'ok': 1.0}"},
        {"{'drop': 'd'}", "{'ok': 1.0}"}, {"{'drop': 'd'}", "{'ok': 0.0, 'code': 26}"});
}

/* Bulk inserts travel as a section of documents, not as an array in the body. */
static void takes_bulk_writes(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    mongoc_collection_t *collection = mongoc_client_get_collection(client, "test", "c");
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(collection, NULL);
    bson_t *query = oc_json("{}"), reply;
    for (int i = 0; i < COUNT; i++) {
        bson_t *document = oc_json("{'i': %d}", i);
        mongoc_bulk_operation_insert(bulk, document);
        bson_destroy(document);
    }
    assert_true(mongoc_bulk_operation_execute(bulk, &reply, NULL));
    assert_int_equal(COUNT, mongoc_collection_count_documents(collection, query, NULL, NULL, NULL, NULL));
    bson_destroy(&reply);
    bson_destroy(query);
    mongoc_bulk_operation_destroy(bulk);
    mongoc_collection_destroy(collection);
}

static int drop_everything(void **state) {
    (void)state;
    bson_t *command = oc_json("{'dropDatabase': 1}");
    bool done = mongoc_client_command_simple(client, "test", command, NULL, NULL, NULL);
    bson_destroy(command);
    return done ? 0 : -1;
}

static int start(void **state) {
    (void)state;
    mongoc_init();
    if (!oc_child_start_store(store_path, &store)) {
        return -1;
    }
    char *uri = bson_strdup_printf("mongodb://127.0.0.1:%u", store.port);
    client = mongoc_client_new(uri);
    bson_free(uri);
    return 0;
}

static int stop(void **state) {
    (void)state;
    mongoc_client_destroy(client);
    mongoc_cleanup();
    return oc_child_stop(&store);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(says_what_it_is, drop_everything),
        cmocka_unit_test_teardown(finds_by_equality, drop_everything),
        cmocka_unit_test_teardown(refuses_what_it_does_not_know, drop_everything),
        cmocka_unit_test_teardown(updates, drop_everything),
        cmocka_unit_test_teardown(finds_and_modifies, drop_everything),
        cmocka_unit_test_teardown(aggregates, drop_everything),
        cmocka_unit_test_teardown(keeps_ids_and_key_names_unique, drop_everything),
        cmocka_unit_test_teardown(lists_collections_with_their_validators, drop_everything),
        cmocka_unit_test_teardown(takes_bulk_writes, drop_everything),
    };
    if (argc != 2) {
        print_error("usage: test_store PATH-OF-oc_store\n");
        return 2;
    }
    store_path = argv[1];
    return cmocka_run_group_tests_name("store", tests, start, stop);
}
