#include "commands.h"

#include "filter.h"
#include "value.h"

#include <string.h>
#include <strings.h>
#include <sys/time.h>

/* MongoDB 6.0, what the libmongocrypt of Debian 12 knows. */
#define MAX_WIRE_VERSION 17

/* Fields that any command may have. They ask for nothing that a store in memory, alone and of one thread, does not do.
 */
#define GENERIC_FIELDS                                                                                                 \
    " $db $readPreference $clusterTime lsid apiVersion apiStrict comment maxTimeMS readConcern writeConcern"

static int64_t now_ms(void) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

static bool run_hello(oc_request *request) {
    bson_t *reply = request->reply;
    BSON_APPEND_BOOL(reply, "helloOk", true);
    BSON_APPEND_BOOL(reply, "ismaster", true);
    BSON_APPEND_BOOL(reply, "isWritablePrimary", true);
    BSON_APPEND_INT32(reply, "maxBsonObjectSize", 16777216);
    BSON_APPEND_INT32(reply, "maxMessageSizeBytes", 48000000);
    BSON_APPEND_INT32(reply, "maxWriteBatchSize", 100000);
    BSON_APPEND_DATE_TIME(reply, "localTime", now_ms());
    BSON_APPEND_INT32(reply, "logicalSessionTimeoutMinutes", 30);
    BSON_APPEND_INT32(reply, "minWireVersion", 0);
    BSON_APPEND_INT32(reply, "maxWireVersion", MAX_WIRE_VERSION);
    BSON_APPEND_BOOL(reply, "readOnly", false);
    return true;
}

static bool run_nothing(oc_request *request) {
    (void)request;
    return true;
}

static bool run_build_info(oc_request *request) {
    BSON_APPEND_UTF8(request->reply, "version", "6.0.0");
    BSON_APPEND_UTF8(request->reply, "oc_store", OPENCRYPT_VERSION);
    BSON_APPEND_INT32(request->reply, "maxBsonObjectSize", 16777216);
    return true;
}

/* Shows the command as it arrived, which is what a test of an encrypting client wants to see. */
static bool run_explain(oc_request *request) {
    bson_t explained;
    if (!oc_value_document(request->command, "explain", &explained, request->fault)) {
        return false;
    }
    BSON_APPEND_DOCUMENT(request->reply, "command", &explained);
    return true;
}

static bool run_create(oc_request *request) {
    bson_t options = BSON_INITIALIZER;
    bson_iter_t validator;
    if (oc_collection_find(request->db, request->collection)) {
        return oc_fault_set(request->fault, OC_FAULT_NAMESPACE_EXISTS, "Collection %s.%s already exists.", request->db,
                            request->collection);
    }
    if (bson_iter_init_find(&validator, request->command, "validator")) {
        bson_append_iter(&options, NULL, 0, &validator);
    }
    oc_collection_make(request->db, request->collection, &options);
    bson_destroy(&options);
    return true;
}

static bool run_drop(oc_request *request) {
    if (oc_collection_drop(request->db, request->collection) == 0) {
        return oc_fault_set(request->fault, OC_FAULT_NAMESPACE_NOT_FOUND, "ns not found");
    }
    return true;
}

static bool run_drop_database(oc_request *request) {
    oc_collection_drop(request->db, NULL);
    return true;
}

/* A unique index is enforced where a document without the field does not matter (documents.c); any other is refused. */
static bool check_index(const bson_t *index, oc_fault *fault) {
    bson_t key;
    if (!oc_value_only(index, "v key name unique sparse partialFilterExpression", "createIndexes.indexes", fault) ||
        !oc_value_document(index, "key", &key, fault)) {
        return false;
    }
    bool partial = bson_has_field(index, "partialFilterExpression") || oc_value_int(index, "sparse", 0);
    if (bson_empty(&key) || !bson_has_field(index, "name") ||
        (oc_value_int(index, "unique", 0) && (bson_count_keys(&key) != 1 || !partial))) {
        return oc_fault_set(
            fault, OC_FAULT_BAD_VALUE,
            "the store takes indexes with a key and a name; unique ones on one field, sparse or partial");
    }
    return true;
}

static bool run_create_indexes(oc_request *request) {
    bson_t indexes, index;
    bson_iter_t at;
    oc_collection *collection = oc_collection_find(request->db, request->collection);
    if (!oc_value_array(request->command, "indexes", &indexes, request->fault)) {
        return false;
    }
    if (!collection) {
        collection = oc_collection_make(request->db, request->collection, &(bson_t)BSON_INITIALIZER);
    }
    bson_iter_init(&at, &indexes);
    while (bson_iter_next(&at)) {
        if (!oc_value_view(&at, &index) || !check_index(&index, request->fault)) {
            return oc_fault_set(request->fault, OC_FAULT_TYPE_MISMATCH, "an index is described by a document");
        }
        oc_documents_add(&collection->indexes, bson_copy(&index));
    }
    return true;
}

static bson_t *describe_collection(const oc_collection *collection) {
    bson_t *made = bson_new();
    BSON_APPEND_UTF8(made, "name", collection->name);
    BSON_APPEND_UTF8(made, "type", "collection");
    BSON_APPEND_DOCUMENT(made, "options", collection->options);
    return made;
}

static bool run_list_collections(oc_request *request) {
    bson_t filter;
    oc_documents found = {0};
    if (!oc_value_document(request->command, "filter", &filter, request->fault) ||
        !oc_filter_check(&filter, request->fault)) {
        return false;
    }
    for (oc_collection *at = oc_collection_first(); at; at = at->next) {
        bson_t *described = describe_collection(at);
        if (strcmp(at->db, request->db) == 0 && oc_filter_match(&filter, described, request->fault)) {
            oc_documents_add(&found, described);
        } else {
            bson_destroy(described);
        }
    }
    request->collection = "$cmd.listCollections";
    oc_reply_cursor(request, &found);
    oc_documents_done(&found);
    return true;
}

/* Whether a collection before it is of the same database. */
static bool is_listed(const oc_collection *collection) {
    for (const oc_collection *at = oc_collection_first(); at != collection; at = at->next) {
        if (strcmp(at->db, collection->db) == 0) {
            return true;
        }
    }
    return false;
}

static bool run_list_databases(oc_request *request) {
    bson_t list, database;
    uint32_t count = 0;
    BSON_APPEND_ARRAY_BEGIN(request->reply, "databases", &list);
    for (const oc_collection *at = oc_collection_first(); at; at = at->next) {
        char index[16];
        const char *key;
        if (is_listed(at)) {
            continue;
        }
        bson_uint32_to_string(count++, &key, index, sizeof index);
        BSON_APPEND_DOCUMENT_BEGIN(&list, key, &database);
        BSON_APPEND_UTF8(&database, "name", at->db);
        bson_append_document_end(&list, &database);
    }
    bson_append_array_end(request->reply, &list);
    return true;
}

enum {
    ON_COLLECTION = 1, /* the first field names a collection */
    HANDSHAKE = 2,     /* may come as OP_QUERY, has a field for everything that a driver ever announced */
};

static const struct command {
    const char *name;
    int flags;
    const char *fields; /* besides the name and the generic ones */
    oc_handler run;
} commands[] = {
    {"aggregate", ON_COLLECTION, "pipeline cursor", oc_run_aggregate},
    {"buildInfo", 0, "", run_build_info},
    {"count", ON_COLLECTION, "query limit skip", oc_run_count},
    {"create", ON_COLLECTION, "validator", run_create},
    {"createIndexes", ON_COLLECTION, "indexes", run_create_indexes},
    {"delete", ON_COLLECTION, "deletes ordered", oc_run_delete},
    {"distinct", ON_COLLECTION, "key query", oc_run_distinct},
    {"drop", ON_COLLECTION, "", run_drop},
    {"dropDatabase", 0, "", run_drop_database},
    {"endSessions", 0, "", run_nothing},
    {"explain", 0, "verbosity", run_explain},
    {"find", ON_COLLECTION, "filter projection limit skip batchSize singleBatch", oc_run_find},
    {"findAndModify", ON_COLLECTION, "query update remove new upsert", oc_run_find_and_modify},
    {"hello", HANDSHAKE, "", run_hello},
    {"insert", ON_COLLECTION, "documents ordered", oc_run_insert},
    {"isMaster", HANDSHAKE, "", run_hello},
    {"ismaster", HANDSHAKE, "", run_hello},
    {"listCollections", 0, "filter cursor nameOnly authorizedCollections", run_list_collections},
    {"listDatabases", 0, "nameOnly authorizedDatabases", run_list_databases},
    {"ping", 0, "", run_nothing},
    {"update", ON_COLLECTION, "updates ordered", oc_run_update},
};

static const struct command *find_command(const char *name, oc_fault *fault) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    oc_fault_set(fault, OC_FAULT_COMMAND_NOT_FOUND, "no such command: '%s'", name);
    return NULL;
}

static bool check_fields(const struct command *row, const oc_request *request) {
    char names[512];
    snprintf(names, sizeof names, "%s %s" GENERIC_FIELDS, row->name, row->fields);
    return (row->flags & HANDSHAKE) || oc_value_only(request->command, names, row->name, request->fault);
}

static const char *string_field(const bson_t *command, const char *name) {
    bson_iter_t at;
    bool found = name && bson_iter_init_find(&at, command, name) && BSON_ITER_HOLDS_UTF8(&at);
    return found ? bson_iter_utf8(&at, NULL) : "";
}

static bool run(oc_request *request, bool handshake) {
    bson_iter_t first;
    const char *name = bson_iter_init(&first, request->command) && bson_iter_next(&first) ? bson_iter_key(&first) : "";
    const struct command *row = find_command(name, request->fault);
    if (!row) {
        return false;
    }
    request->db = string_field(request->command, "$db");
    request->collection = string_field(request->command, name);
    if (handshake && !(row->flags & HANDSHAKE)) {
        return oc_fault_set(request->fault, OC_FAULT_BAD_VALUE, "OP_QUERY is for the handshake only");
    }
    if ((row->flags & ON_COLLECTION) && (!*request->db || !*request->collection)) {
        return oc_fault_set(request->fault, OC_FAULT_BAD_VALUE, "%s needs a database and a collection", name);
    }
    return check_fields(row, request) && row->run(request);
}

void oc_command_run(const bson_t *command, bool handshake, bson_t *reply) {
    oc_fault fault = {0};
    oc_request request = {.command = command, .reply = reply, .fault = &fault};
    if (!run(&request, handshake)) {
        bson_reinit(reply);
        BSON_APPEND_DOUBLE(reply, "ok", 0);
        BSON_APPEND_UTF8(reply, "errmsg", fault.message);
        BSON_APPEND_INT32(reply, "code", fault.code);
        BSON_APPEND_UTF8(reply, "codeName", oc_fault_name(fault.code));
        return;
    }
    BSON_APPEND_DOUBLE(reply, "ok", 1);
}

static void append_documents(bson_t *to, const char *name, const oc_documents *documents) {
    bson_t array;
    char buffer[16];
    bson_append_array_begin(to, name, -1, &array);
    for (size_t i = 0; i < documents->count; i++) {
        const char *key;
        bson_uint32_to_string((uint32_t)i, &key, buffer, sizeof buffer);
        BSON_APPEND_DOCUMENT(&array, key, documents->items[i]);
    }
    bson_append_array_end(to, &array);
}

void oc_reply_cursor(oc_request *request, const oc_documents *documents) {
    bson_t cursor;
    char *ns = bson_strdup_printf("%s.%s", request->db, request->collection);
    BSON_APPEND_DOCUMENT_BEGIN(request->reply, "cursor", &cursor);
    append_documents(&cursor, "firstBatch", documents);
    BSON_APPEND_INT64(&cursor, "id", 0);
    BSON_APPEND_UTF8(&cursor, "ns", ns);
    bson_append_document_end(request->reply, &cursor);
    bson_free(ns);
}
