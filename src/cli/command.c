#include "command.h"

#include <stdlib.h>
#include <string.h>

#include "opencrypt.h"

static bool is_in(const char *name, const char *const words[], size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return false;
}

#define IS_IN(name, words) is_in(name, words, sizeof(words) / sizeof *(words))

/* ---- names ---- */

/* The first element; of an explain, that of what it explains. */
static bool first(const bson_t *command, bson_iter_t *it) {
    bson_iter_t inner;
    if (!bson_iter_init(it, command) || !bson_iter_next(it))
        return false;
    if (strcmp(bson_iter_key(it), "explain") == 0 && BSON_ITER_HOLDS_DOCUMENT(it) && bson_iter_recurse(it, &inner) &&
        bson_iter_next(&inner))
        *it = inner;
    return true;
}

const char *oc_command_name(const bson_t *command) {
    bson_iter_t it;
    return first(command, &it) ? bson_iter_key(&it) : NULL;
}

const char *oc_command_collection(const bson_t *command) {
    bson_iter_t it;
    return first(command, &it) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
}

bool oc_is_db(const char *db) {
    return *db && strlen(db) < 64 && !strpbrk(db, "./\\ \"$");
}

/* ---- fields that are not the application's ---- */

static const char *const added[] = {
    /* drivers and servers */
    "$db", "lsid", "txnNumber", "startTransaction", "autocommit", "stmtId", "stmtIds", "$clusterTime",
    "$readPreference", "readConcern", "writeConcern", "maxTimeMS", "maxTimeMSOpOnly", "comment", "apiVersion",
    "apiStrict", "apiDeprecationErrors", "$configTime", "$topologyTime", "$audit", "$client", "$configServerState",
    "$oplogQueryData", "$queryOptions", "$replData", "$tenant", "$traceCtx", "allowImplicitCollectionCreation",
    "databaseVersion", "shardVersion", "coordinator", "mayBypassWriteBlocking", "expectPrefix",
    "requestGossipRoutingCache", "clientOperationKey", "help", "rawData", "serialization_context", "versionContext",
    "fromRouter", "runtimeConstants", "legacyRuntimeConstants", "tracking_info", "tracking_id",
    /* automatic encryption */
    "jsonSchema", "isRemoteSchema", "csfleEncryptionSchemas", "encryptionInformation"};

static void append_stripped(bson_t *to, bson_iter_t *it, bool may_explain);

static void append_namespaces(bson_t *to, const bson_iter_t *list) {
    bson_t array, out;
    bson_iter_t it, member;
    bson_append_array_begin(to, "nsInfo", -1, &array);
    bson_iter_recurse(list, &it);
    while (bson_iter_next(&it)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&it)) {
            bson_append_iter(&array, NULL, 0, &it);
            continue;
        }
        bson_append_document_begin(&array, bson_iter_key(&it), -1, &out);
        bson_iter_recurse(&it, &member);
        append_stripped(&out, &member, false);
        bson_append_document_end(&array, &out);
    }
    bson_append_array_end(to, &array);
}

static void append_explained(bson_t *to, const bson_iter_t *explain) {
    bson_t out;
    bson_iter_t it;
    bson_append_document_begin(to, "explain", -1, &out);
    bson_iter_recurse(explain, &it);
    append_stripped(&out, &it, false);
    bson_append_document_end(to, &out);
}

static void append_stripped(bson_t *to, bson_iter_t *it, bool may_explain) {
    bool is_first = true;
    for (; bson_iter_next(it); is_first = false) {
        const char *name = bson_iter_key(it);
        if (is_first && may_explain && strcmp(name, "explain") == 0 && BSON_ITER_HOLDS_DOCUMENT(it))
            append_explained(to, it);
        else if (strcmp(name, "nsInfo") == 0 && BSON_ITER_HOLDS_ARRAY(it))
            append_namespaces(to, it);
        else if (is_first || !IS_IN(name, added))
            bson_append_iter(to, NULL, 0, it);
    }
}

bson_t *oc_command_stripped(const bson_t *command) {
    bson_t *out = bson_new();
    bson_iter_t it;
    if (bson_iter_init(&it, command))
        append_stripped(out, &it, true);
    return out;
}

/* ---- what becomes of other commands ---- */

/* libmongocrypt's list, and that of its documentation. */
static const char *const bypassed[] = {"getMore",
                                       "authenticate",
                                       "getnonce",
                                       "logout",
                                       "isMaster",
                                       "ismaster",
                                       "hello",
                                       "abortTransaction",
                                       "commitTransaction",
                                       "endSessions",
                                       "startSession",
                                       "drop",
                                       "dropDatabase",
                                       "dropIndexes",
                                       "killCursors",
                                       "listCollections",
                                       "listDatabases",
                                       "listIndexes",
                                       "renameCollection",
                                       "ping",
                                       "saslStart",
                                       "saslContinue",
                                       "killAllSessions",
                                       "killSessions",
                                       "killAllSessionsByPattern",
                                       "refreshSessions",
                                       "buildInfo",
                                       "getCmdLineOpts",
                                       "getLog",
                                       "createSearchIndexes",
                                       "listSearchIndexes",
                                       "dropSearchIndex",
                                       "updateSearchIndex",
                                       "serverStatus",
                                       "compactStructuredEncryptionData",
                                       "cleanupStructuredEncryptionData"};

/* Of all others, those that applications run. */
static const char *const refused[] = {"mapReduce",
                                      "mapreduce",
                                      "collStats",
                                      "collstats",
                                      "dbStats",
                                      "dbstats",
                                      "dataSize",
                                      "datasize",
                                      "validate",
                                      "compact",
                                      "convertToCapped",
                                      "cloneCollectionAsCapped",
                                      "geoSearch",
                                      "planCacheListFilters",
                                      "planCacheSetFilter",
                                      "planCacheClear",
                                      "planCacheClearFilters",
                                      "createUser",
                                      "updateUser",
                                      "dropUser",
                                      "usersInfo",
                                      "createRole",
                                      "currentOp",
                                      "killOp",
                                      "eval",
                                      "group",
                                      "geoNear",
                                      "parallelCollectionScan",
                                      "reIndex",
                                      "top",
                                      "filemd5",
                                      "analyze",
                                      "connectionStatus",
                                      "getParameter",
                                      "setParameter",
                                      "whatsmyuri",
                                      "dbHash",
                                      "dbhash"};

oc_fate oc_command_fate(const char *name) {
    if (opencrypt_knows_command(name, strlen(name)))
        return OC_ANALYSED;
    if (IS_IN(name, bypassed))
        return OC_BYPASSED;
    return IS_IN(name, refused) ? OC_REFUSED : OC_INTERNAL;
}
