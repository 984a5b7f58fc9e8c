/* The entry point: from the bytes of a command to the bytes of a reply.
 *
 *   1. check that the bytes are BSON, once (bson.h); after that nothing looks for malformed bytes again
 *   2. find the command's row and its collection
 *   3. find the schemas and compile them, or take them from the cache (source.c)
 *   4. where they encrypt nothing, the command passes; else refuse forged placeholders, and let the row's handler walk
 *      the command and record edits
 *   5. write the reply, with the command and its edits in it (splice.h)
 */

#include "opencrypt.h"

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "engine.h"
#include "expression.h"
#include "mark.h"
#include "public.h"
#include "reply.h"
#include "source.h"
#include "text.h"

enum {
    MAX_COMMAND = 48000000, /* MongoDB's maxMessageSizeBytes */
    KEPT_OUTPUT = 64 * 1024,
    MAX_NAMESPACE = 512,
};

struct opencrypt_request {
    opencrypt_engine *engine;
    size_t headroom;
    oc_arena arena;
    oc_out out;
    oc_error error;
    char ns[MAX_NAMESPACE];
    char code_name[32];
    oc_out emergency; /* the reply when not even an error document can be allocated, written beforehand */
};

/* A command as it was found in the request: the outer one, or the one inside an explain. */
typedef struct found {
    const oc_command *row;
    oc_frame frame;
    oc_elem name; /* the first element */
} found;

/* ---- finding the command ---- */

static bool check_bytes(oc_analysis *a, const uint8_t *command, size_t len, oc_bson_report *report) {
    char path[256];
    if (len > MAX_COMMAND)
        return oc_fail(a->error, OC_TOO_LARGE, NULL, NULL, "send fewer documents at once",
                       "The command is larger than %d bytes", MAX_COMMAND);
    /* The schema's bytes are checked before they are compiled, and those in the cache have been. */
    oc_bson_status status = oc_bson_check(command, len, "jsonSchema", report);
    if (status == OC_BSON_OK)
        return true;
    if (len >= 5 && report->offset)
        oc_bson_path_at(command, report->offset, path, sizeof path);
    else
        path[0] = '\0';
    oc_path at = {NULL, {path, strlen(path)}};
    if (status == OC_BSON_TOO_DEEP)
        return oc_fail(a->error, OC_TOO_DEEP, &at, NULL, NULL, "The command is nested deeper than %d levels",
                       OC_MAX_DEPTH);
    return oc_fail(a->error, OC_MALFORMED_BSON, &at, NULL, NULL, "The command is not well-formed BSON, at byte %zu",
                   report->offset);
}

static bool find_command(oc_analysis *a, const uint8_t *doc, found *out) {
    if (!oc_bson_first(doc, &out->name))
        return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, NULL, NULL, "The command is empty");
    out->row = oc_command_find(out->name.name);
    if (!out->row)
        return oc_fail(a->error, OC_COMMAND_UNKNOWN, NULL, NULL, NULL, "no such command: '%s'",
                       oc_name(out->name.name).text);
    out->frame = (oc_frame){.doc = doc};
    a->command = out->row->name;
    return true;
}

/* The command inside an explain. */
static bool find_explained(oc_analysis *a, found *outer, found *inner) {
    if (outer->name.type != OC_DOCUMENT)
        return oc_fail_type(a, &outer->name, OC_DOCUMENT);
    if (!find_command(a, outer->name.value, inner))
        return false;
    inner->frame.up = &outer->frame;
    if (inner->row == outer->row)
        return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, "explain", NULL, "An explain cannot be explained");
    return true;
}

static bool find_collection(oc_analysis *a, const found *command, oc_str *collection) {
    *collection = (oc_str){"", 0};
    if (!command->row->collection)
        return true;
    if (command->name.type != OC_STRING)
        return oc_fail(a->error, OC_BAD_NAMESPACE, NULL, a->command,
                       "commands on a whole database are not analysed: name a collection",
                       "collection name has invalid type '%s', expected type 'string'",
                       oc_type_name(command->name.type));
    *collection = oc_elem_str(&command->name);
    if (collection->n == 0 || memchr(collection->s, 0, collection->n))
        return oc_fail(a->error, OC_BAD_NAMESPACE, NULL, a->command, NULL,
                       "Invalid namespace specified: the collection name is empty or holds a NUL");
    return true;
}

/* `$db` of the request, beside or inside an explained command; else what the caller says. */
static bool read_db(oc_analysis *a, const uint8_t *doc, oc_str *db, bool *known) {
    oc_elem e;
    if (!oc_bson_find(doc, "$db", &e))
        return true;
    if (e.type != OC_STRING)
        return oc_fail_type(a, &e, OC_STRING);
    if (*known && !oc_str_eq(*db, oc_elem_str(&e)))
        return oc_fail(a->error, OC_BAD_NAMESPACE, NULL, "$db", NULL,
                       "The $db beside and the $db inside the explained command differ");
    *db = oc_elem_str(&e);
    *known = true;
    return true;
}

static bool find_db(oc_analysis *a, const found *outer, const found *inner, oc_str *db) {
    bool known = false;
    return read_db(a, outer->frame.doc, db, &known) && (!inner->row || read_db(a, inner->frame.doc, db, &known));
}

/* libmongocrypt makes the server's command of a result with marks, and of any result of Queryable Encryption; the
 * driver then appends its own `$db`, and a server refuses a second one. Other results pass to the byte. */
static void drop_db(oc_analysis *a, found *command) {
    oc_elem e;
    if ((a->marks > 0 || a->qe) && command->row && oc_bson_find(command->frame.doc, "$db", &e))
        oc_splice_drop(&a->splice, &command->frame, &e);
}

/* ---- analysing it ---- */

static bool check_forged(oc_analysis *a, const oc_sources *sources, const uint8_t *command) {
    const oc_elem schemas[] = {sources->json_schema.e, sources->csfle_map.e};
    char path[256];
    size_t offset = oc_bson_find_placeholder(command, schemas, sizeof schemas / sizeof schemas[0]);
    if (offset == SIZE_MAX)
        return true;
    oc_bson_path_at(command, offset, path, sizeof path);
    return oc_fail(a->error, OC_FORGED_PLACEHOLDER, &(oc_path){NULL, {path, strlen(path)}}, NULL,
                   "data of this form would become an order to encrypt; store it with another subtype",
                   "The command holds a BinData of subtype 6 in the form of an encryption placeholder");
}

static bool analyze_found(oc_analysis *a, const found *command, found *target) {
    oc_fields fields;
    if (!target->row->analyze)
        return oc_fail(a->error, OC_NOT_SUPPORTED, NULL, target->row->name,
                       "run it with a client that does not encrypt automatically, if nothing encrypted is involved",
                       "The command '%s' is not supported yet where a schema of the request encrypts something",
                       target->row->name);
    if (target != command && !oc_fields_collect(a, command->frame.doc, command->row->fields, true, "explain", &fields))
        return false;
    return oc_fields_collect(a, target->frame.doc, target->row->fields, true, target->row->name, &fields) &&
           oc_bind_let(a, &target->frame, oc_field_get(&fields, OC_SLOT_LET)) &&
           target->row->analyze(a, &target->frame, &fields);
}

/* The server's default, made explicit: the official driver suites look for it. */
static void add_verbosity(oc_analysis *a, found *explain) {
    static const uint8_t verbosity[] = "\x02verbosity\0\x12\0\0\0allPlansExecution";
    oc_elem e;
    if (!oc_bson_find(explain->frame.doc, "verbosity", &e))
        oc_splice_insert(&a->splice, &explain->frame, explain->name.end, verbosity, sizeof verbosity);
}

static bool analyze(oc_analysis *a, opencrypt_request *request, oc_sources *sources, const uint8_t *bytes, size_t len,
                    oc_str db) {
    found outer = {0}, inner = {0};
    oc_bson_report report;
    oc_str collection;
    if (!check_bytes(a, bytes, len, &report) || !find_command(a, bytes, &outer))
        return false;
    bool explain = strcmp(outer.row->name, "explain") == 0;
    if (explain && !find_explained(a, &outer, &inner))
        return false;
    found *target = explain ? &inner : &outer;
    if (!find_collection(a, target, &collection) || !find_db(a, &outer, &inner, &db))
        return false;
    oc_text_append(request->ns, sizeof request->ns, db.s, collection.n ? db.n : 0);
    oc_text_append(request->ns, sizeof request->ns, ".", collection.n && db.n ? 1 : 0);
    oc_text_append(request->ns, sizeof request->ns, collection.s, collection.n);
    bool bulk = strcmp(target->row->name, "bulkWrite") == 0;
    if (!oc_sources_find(a, bytes, explain ? inner.frame.doc : NULL, sources) ||
        !oc_sources_load(a, sources, request->engine->cache, db, collection, bulk ? target->frame.doc : NULL))
        return false;
    a->splice.expected = oc_sources_size(sources); /* and a few bytes more, of $db */
    if (a->encrypts && report.has_placeholder && !check_forged(a, sources, bytes))
        return false;
    if (a->encrypts && !analyze_found(a, &outer, target))
        return false;
    if (!a->encrypts && target->row->refer && !target->row->refer(a, &target->frame))
        return false;
    if (explain)
        add_verbosity(a, &outer);
    oc_sources_drop(a, sources, &outer.frame, &inner.frame);
    drop_db(a, &outer);
    drop_db(a, &inner);
    if (a->splice.failed)
        return oc_no_memory(a);
    return a->error->rule == OC_NONE; /* no failure is ever passed over */
}

/* ---- replies ---- */

static void start_reply(opencrypt_request *request) {
    opencrypt_request_clear(request);
    request->error.rule = OC_NONE;
    request->ns[0] = '\0';
}

static bool start_output(oc_out *out, size_t headroom) {
    out->len = 0;
    if (!oc_out_reserve(out, headroom))
        return false;
    out->len = headroom;
    return true;
}

/* What seems to be exhausted memory is the limit of the arena. */
static void name_limit(opencrypt_request *request, const oc_analysis *a) {
    if (!request->arena.exceeded || request->error.rule != OC_OUT_OF_MEMORY)
        return;
    request->error.rule = OC_NONE;
    oc_fail(&request->error, OC_TOO_COMPLEX, NULL, a->command, "send fewer documents or values at once",
            "The analysis of the command needs more memory than %zu bytes", request->arena.limit);
}

static void finish(opencrypt_request *request, oc_analysis *a, bool ok, opencrypt_reply *reply) {
    oc_out *out = &request->out;
    ok = ok && start_output(out, request->headroom) && (oc_reply_result(a, out) || oc_no_memory(a));
    if (!ok && request->error.rule == OC_NONE)
        oc_no_memory(a);
    reply->ok = ok;
    name_limit(request, a);
    if (!ok) {
        reply->refusal = oc_refusal_of(&request->error, request->code_name);
        if (!start_output(out, request->headroom) || !oc_reply_error(&request->error, request->ns, out))
            out = &request->emergency;
    }
    reply->data = out->data + request->headroom;
    reply->len = out->len - request->headroom;
}

/* What the analysis may take, however it is reached and whatever was analysed before. */
static bool set_limits(oc_analysis *a, size_t len) {
    a->arena->limit = len + OC_ARENA_OF_A_REQUEST;
    a->splice.error = a->error;
    a->splice.limit = OC_MAX_REPLY - OC_AROUND_RESULT;
    a->lookup.budget.bytes = len;
    /* An earlier request may have left the first chunk. */
    return oc_arena_alloc(a->arena, 0) || oc_no_memory(a);
}

bool opencrypt_analyze(opencrypt_request *request, const uint8_t *command, size_t len, const char *db, size_t db_len,
                       opencrypt_reply *reply) {
    start_reply(request);
    oc_analysis a = {.arena = &request->arena,
                     .error = &request->error,
                     .lookup = {.arena = &request->arena, .error = &request->error},
                     .command = ""};
    oc_sources sources = {0};
    oc_splice_start(&a.splice, &request->arena, command, len);
    a.splice.make = oc_make_mark;
    *reply = (opencrypt_reply){0};
    bool ok =
        set_limits(&a, len) && analyze(&a, request, &sources, command, len, (oc_str){db ? db : "", db ? db_len : 0});
    finish(request, &a, ok, reply);
    oc_sources_release(&sources, request->engine->cache);
    reply->schema_requires_encryption = a.encrypts;
    reply->placeholders = reply->ok ? a.marks : 0;
    reply->command = a.command;
    reply->ns = request->ns;
    return reply->ok;
}

uint8_t *opencrypt_reply_take(opencrypt_request *request, const opencrypt_reply *reply) {
    if (!reply->ok || request->headroom)
        return NULL;
    uint8_t *bytes = request->out.data;
    request->out = (oc_out){0};
    return bytes;
}

/* ---- objects ---- */

opencrypt_engine *opencrypt_engine_new(void) {
    opencrypt_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->cache = oc_cache_new();
    if (engine->cache)
        return engine;
    free(engine);
    return NULL;
}

void opencrypt_engine_free(opencrypt_engine *engine) {
    if (!engine)
        return;
    oc_cache_free(engine->cache);
    free(engine);
}

void opencrypt_engine_stats(opencrypt_engine *engine, opencrypt_stats *stats) {
    oc_cache_stats cache;
    oc_cache_stats_get(engine->cache, &cache);
    *stats = (opencrypt_stats){cache.hits, cache.misses, cache.count, cache.bytes};
}

static bool prepare_emergency(opencrypt_request *request) {
    oc_error error = {.rule = OC_NONE};
    oc_fail(&error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
    return start_output(&request->emergency, request->headroom) && oc_reply_error(&error, "", &request->emergency);
}

opencrypt_request *opencrypt_request_new(opencrypt_engine *engine, size_t headroom) {
    opencrypt_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->engine = engine;
    request->headroom = headroom;
    if (prepare_emergency(request))
        return request;
    opencrypt_request_free(request);
    return NULL;
}

void opencrypt_request_clear(opencrypt_request *request) {
    oc_arena_reset(&request->arena);
    oc_out_clear(&request->out, KEPT_OUTPUT);
}

void opencrypt_request_free(opencrypt_request *request) {
    if (!request)
        return;
    oc_arena_done(&request->arena);
    oc_out_clear(&request->out, 0);
    oc_out_clear(&request->emergency, 0);
    oc_wipe(request, sizeof *request);
    free(request);
}

bool opencrypt_knows_command(const char *name, size_t len) {
    return oc_command_find((oc_str){name, len}) != NULL;
}

int32_t opencrypt_max_wire_version(void) {
    return 27; /* 8.2: several collections in one command, Queryable Encryption beside JSON schemas */
}

const char *opencrypt_algorithm_name(opencrypt_algorithm algorithm) {
    switch (algorithm) {
    case OPENCRYPT_DETERMINISTIC: return "deterministic";
    case OPENCRYPT_RANDOM: return "random";
    case OPENCRYPT_UNINDEXED: return "unindexed";
    case OPENCRYPT_EQUALITY: return "equality";
    case OPENCRYPT_RANGE: return "range";
    case OPENCRYPT_TEXT: return "text";
    }
    return "unknown";
}

const char *opencrypt_type_name(uint8_t type) {
    return oc_type_name(type);
}

const char *opencrypt_version(void) {
    return OPENCRYPT_VERSION;
}
