#include "commands.h"

#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* There is nothing to do, as for endSessions, which shells send as they leave: there are no sessions. */
static bool run_ping(oc_call *call) {
    (void)call;
    return true;
}

/* "0.1.0" as [0, 1, 0, 0] */
static void write_version_array(oc_writer *reply) {
    int part[4] = {0};
    sscanf(opencrypt_version(), "%d.%d.%d", &part[0], &part[1], &part[2]);
    size_t array = oc_writer_open(reply, OC_BSON_ARRAY, "versionArray");
    for (int i = 0; i < 4; i++)
        oc_writer_int32(reply, (const char[]){(char)('0' + i), 0}, part[i]);
    oc_writer_close(reply, array);
}

static bool run_build_info(oc_call *call) {
    oc_writer *reply = call->reply;
    oc_writer_text(reply, "version", opencrypt_version());
    oc_writer_text(reply, "opencryptd", opencrypt_version());
    oc_writer_text(reply, "gitVersion", "opencryptd");
    oc_writer_close(reply, oc_writer_open(reply, OC_BSON_ARRAY, "modules"));
    oc_writer_text(reply, "allocator", "system");
    oc_writer_text(reply, "javascriptEngine", "none");
    write_version_array(reply);
    oc_writer_int32(reply, "bits", (int32_t)(8 * sizeof(void *)));
    oc_writer_bool(reply, "debug", false);
    oc_writer_int32(reply, "maxBsonObjectSize", OC_WIRE_DOCUMENT_MAX);
    return true;
}

static void write_connections(oc_writer *reply, const oc_server *server) {
    int64_t open = atomic_load(&server->connections_open);
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, "connections");
    oc_writer_int32(reply, "current", (int32_t)open);
    oc_writer_int32(reply, "available", (int32_t)(server->config->max_connections - open));
    oc_writer_int64(reply, "totalCreated", atomic_load(&server->connections_created));
    oc_writer_close(reply, section);
}

/* In MiB, as MongoDB has it, and the resident size in bytes too, which is more than a few MiB only under load. */
static void write_memory(oc_writer *reply, const oc_server *server) {
    char text[128] = "";
    long long virtual_pages = 0, resident_pages = 0;
    long long page = sysconf(_SC_PAGESIZE);
    if (server->statm_fd >= 0 && pread(server->statm_fd, text, sizeof text - 1, 0) > 0)
        sscanf(text, "%lld %lld", &virtual_pages, &resident_pages);
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, "mem");
    oc_writer_int32(reply, "bits", (int32_t)(8 * sizeof(void *)));
    oc_writer_int32(reply, "resident", (int32_t)(resident_pages * page >> 20));
    oc_writer_int32(reply, "virtual", (int32_t)(virtual_pages * page >> 20));
    oc_writer_int64(reply, "residentBytes", resident_pages * page);
    oc_writer_close(reply, section);
}

static void write_tally(oc_writer *reply, const char *key, const oc_tally *tally) {
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, key);
    for (size_t i = 0; i < tally->used; i++)
        oc_writer_int64(reply, tally->entries[i].name, (int64_t)tally->entries[i].count);
    oc_writer_close(reply, section);
}

/* {"1": n, "2": n, "4": n, ...}: how many requests took less than so many microseconds, but not less than half. */
static void write_latency(oc_writer *reply, const oc_stats *sum) {
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, "latencyMicros");
    for (size_t i = 0; i < OC_LATENCY_BUCKETS; i++) {
        char key[24];
        snprintf(key, sizeof key, "%llu", 1ULL << i);
        if (sum->latency[i])
            oc_writer_int64(reply, key, (int64_t)sum->latency[i]);
    }
    oc_writer_close(reply, section);
}

static void write_schema_cache(oc_writer *reply, const oc_server *server) {
    opencrypt_stats stats;
    opencrypt_engine_stats(server->engine, &stats);
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, "schemaCache");
    oc_writer_int64(reply, "hits", (int64_t)stats.schema_hits);
    oc_writer_int64(reply, "misses", (int64_t)stats.schema_misses);
    oc_writer_int64(reply, "count", (int64_t)stats.schema_count);
    oc_writer_int64(reply, "bytes", (int64_t)stats.schema_bytes);
    oc_writer_close(reply, section);
}

static bool write_query_analysis(oc_writer *reply, const oc_server *server) {
    oc_stats *sum = calloc(1, sizeof *sum);
    if (!sum)
        return false;
    for (size_t i = 0; i < server->loop_count; i++)
        oc_stats_sum(sum, &server->stats[i]);
    size_t section = oc_writer_open(reply, OC_BSON_DOCUMENT, "queryAnalysis");
    write_tally(reply, "commands", &sum->commands);
    oc_writer_int64(reply, "placeholders", (int64_t)sum->placeholders);
    oc_writer_int64(reply, "refused", (int64_t)oc_tally_total(&sum->refusals));
    write_tally(reply, "refusals", &sum->refusals);
    write_schema_cache(reply, server);
    write_latency(reply, sum);
    oc_writer_close(reply, section);
    size_t network = oc_writer_open(reply, OC_BSON_DOCUMENT, "network");
    oc_writer_int64(reply, "bytesIn", (int64_t)sum->bytes_in);
    oc_writer_int64(reply, "bytesOut", (int64_t)sum->bytes_out);
    oc_writer_int64(reply, "numRequests", (int64_t)oc_tally_total(&sum->commands));
    oc_writer_close(reply, network);
    free(sum);
    return true;
}

static bool run_server_status(oc_call *call) {
    const oc_server *server = call->server;
    oc_writer *reply = call->reply;
    uint64_t uptime = (uv_hrtime() - server->started) / 1000000;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    oc_writer_text(reply, "host", host);
    oc_writer_text(reply, "version", opencrypt_version());
    oc_writer_text(reply, "process", "opencryptd");
    oc_writer_int64(reply, "pid", getpid());
    uint64_t seconds = uptime / 1000;
    oc_writer_double(reply, "uptime", (double)seconds);
    oc_writer_int64(reply, "uptimeMillis", (int64_t)uptime);
    oc_writer_date(reply, "localTime", (int64_t)time(NULL) * 1000);
    write_connections(reply, server);
    write_memory(reply, server);
    if (!write_query_analysis(reply, server))
        return oc_wire_fail(call->error, OC_CODE_OUT_OF_MEMORY, "Not enough memory for serverStatus");
    return true;
}

typedef struct command {
    const char *name;
    bool (*run)(oc_call *call);
} command;

/* clang-format off: one row a line */
static const command commands[] = {
    {"buildInfo", run_build_info},
    {"buildinfo", run_build_info},
    {"endSessions", run_ping},
    {"hello", oc_hello_run},
    {"isMaster", oc_hello_run},
    {"ismaster", oc_hello_run},
    {"ping", run_ping},
    {"serverStatus", run_server_status},
};
/* clang-format on */

/* What only a client sends that takes the daemon for a database. */
static const char *const database_commands[] = {
    "abortTransaction",
    "authenticate",
    "collStats",
    "commitTransaction",
    "compact",
    "connPoolStats",
    "convertToCapped",
    "copydb",
    "createRole",
    "createUser",
    "currentOp",
    "dataSize",
    "dbHash",
    "dbStats",
    "dbstats",
    "drop",
    "dropDatabase",
    "dropIndexes",
    "dropUser",
    "dropAllUsersFromDatabase",
    "enableSharding",
    "filemd5",
    "fsync",
    "getLastError",
    "getMore",
    "getmore",
    "getnonce",
    "getlasterror",
    "grantRolesToUser",
    "killCursors",
    "killOp",
    "killSessions",
    "listCollections",
    "listDatabases",
    "listIndexes",
    "logout",
    "mapReduce",
    "mapreduce",
    "planCacheClear",
    "profile",
    "reIndex",
    "refreshSessions",
    "renameCollection",
    "replSetGetConfig",
    "replSetGetStatus",
    "replSetInitiate",
    "rolesInfo",
    "saslContinue",
    "saslStart",
    "setParameter",
    "setFeatureCompatibilityVersion",
    "shardCollection",
    "startSession",
    "top",
    "updateUser",
    "usersInfo",
    "validate",
};

static bool is_database_command(const char *name) {
    for (size_t i = 0; i < sizeof database_commands / sizeof *database_commands; i++)
        if (strcmp(name, database_commands[i]) == 0)
            return true;
    return false;
}

static bool fail_unknown(oc_call *call, const char *name) {
    char clean[100];
    oc_text_clean(clean, sizeof clean, name, strlen(name));
    return oc_wire_fail(call->error, OC_CODE_COMMAND_NOT_FOUND, "no such command: '%s'%s", clean,
                        is_database_command(name)
                            ? ". This is opencryptd, which does query analysis for client-side encryption only: the "
                              "database's URI belongs to the client, and this port to mongocryptdURI"
                            : "");
}

bool oc_commands_is_hello(const char *name) {
    return strcmp(name, "hello") == 0 || strcmp(name, "isMaster") == 0 || strcmp(name, "ismaster") == 0;
}

bool oc_commands_run(oc_call *call, const char **name) {
    const char *asked = (const char *)call->message->body + 5;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(asked, commands[i].name) != 0)
            continue;
        *name = commands[i].name;
        return commands[i].run(call);
    }
    *name = "(unknown)";
    return fail_unknown(call, asked);
}
