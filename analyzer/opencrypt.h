#ifndef OPENCRYPT_H
#define OPENCRYPT_H

/* libopencrypt: query analysis for MongoDB client-side encryption.
 *
 * A driver that encrypts automatically shows each command, together with an encryption schema, to a query analyser.
 * The analyser answers with the same command in which every value that must be encrypted is replaced by a placeholder,
 * or refuses the command because it could not be right on ciphertext. This is that analyser, bytes in and bytes out:
 *
 *     opencrypt_engine *engine = opencrypt_engine_new();
 *     opencrypt_request *request = opencrypt_request_new(engine, 0);
 *     opencrypt_reply reply;
 *     opencrypt_analyze(request, command, command_len, NULL, 0, &reply);
 *     send(reply.data, reply.len);
 *     opencrypt_request_free(request);
 *     opencrypt_engine_free(engine);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OPENCRYPT_API __attribute__((visibility("default")))

/* The schema cache and nothing else. Any number of threads may use one engine at once. */
typedef struct opencrypt_engine opencrypt_engine;

/* The memory of one analysis, reused by the next. One thread at a time. */
typedef struct opencrypt_request opencrypt_request;

/* Why a command was refused. All strings are NUL-terminated UTF-8, never NULL, empty where they do not apply, and never
 * hold a value of the command: names of namespaces, fields and operators only. */
typedef struct opencrypt_refusal {
    int32_t code;          /* MongoDB's numeric code */
    const char *code_name; /* its name, "BadValue" */
    const char *rule;      /* our own stable id of the reason, "random-compared" */
    const char *path;      /* dotted path of the field, or JSON Pointer into the schema */
    const char *op;        /* the operator, stage or command field, "$gt" */
    const char *message;   /* what is wrong, in MongoDB's established wording where there is one */
    const char *hint;      /* what would be accepted */
} opencrypt_refusal;

typedef struct opencrypt_reply {
    /* The reply document, as a driver expects it from mongocryptd:
     *   {hasEncryptionPlaceholders, schemaRequiresEncryption, result, ok: 1.0}  or
     *   {ok: 0.0, errmsg, code, codeName}
     * Owned by the request; valid until its next opencrypt_analyze, opencrypt_request_clear or opencrypt_request_free.
     * The `headroom` bytes before data[0] belong to the caller, who may put a message header there. */
    uint8_t *data;
    size_t len;
    bool ok;                         /* false: refused, see refusal */
    bool schema_requires_encryption; /* some path of some schema of the request is encrypted */
    uint64_t placeholders;           /* how many were made */
    opencrypt_refusal refusal;       /* set when !ok */
    const char *command;             /* name of the command, a static string; "" if it is not an analysis command */
    const char *ns;                  /* "db.collection", NUL-terminated, "" if unknown; as long valid as data */
} opencrypt_reply;

typedef struct opencrypt_stats {
    uint64_t schema_hits, schema_misses; /* look-ups in the schema cache since the engine was made */
    uint64_t schema_count, schema_bytes; /* what it holds now */
} opencrypt_stats;

/* NULL when memory is exhausted. Free after every request made from it. */
OPENCRYPT_API opencrypt_engine *opencrypt_engine_new(void);
OPENCRYPT_API void opencrypt_engine_free(opencrypt_engine *engine);
OPENCRYPT_API void opencrypt_engine_stats(opencrypt_engine *engine, opencrypt_stats *stats);

/* `headroom`: bytes kept free before each reply. NULL when memory is exhausted. */
OPENCRYPT_API opencrypt_request *opencrypt_request_new(opencrypt_engine *engine, size_t headroom);
/* Wipes what the last analysis left in memory (it held plaintext) and gives large buffers back. */
OPENCRYPT_API void opencrypt_request_clear(opencrypt_request *request);
OPENCRYPT_API void opencrypt_request_free(opencrypt_request *request);

/* Analyses one command: a BSON document whose first field names the command, with its schema fields (`jsonSchema` and
 * `isRemoteSchema`, `csfleEncryptionSchemas`, or `encryptionInformation`). `len` must be the document's own length, at
 * most 48,000,000 bytes. The bytes are borrowed for the call only and never changed.
 * `db` (NUL-free, `db_len` bytes) is the database of the command where it has no `$db`; NULL: only `$db` counts.
 * Always leaves a complete reply document in *reply, also for malformed input and exhausted memory.
 * Returns reply->ok. */
OPENCRYPT_API bool opencrypt_analyze(opencrypt_request *request, const uint8_t *command, size_t len, const char *db,
                                     size_t db_len, opencrypt_reply *reply);

/* Gives the bytes of the reply to the caller, who frees them with free() and may wipe them first (they hold plaintext).
 * NULL unless the command was accepted and the request has no headroom. Once for a reply. */
OPENCRYPT_API uint8_t *opencrypt_reply_take(opencrypt_request *request, const opencrypt_reply *reply);

/* True if `name` is a command that opencrypt_analyze knows (find, insert, …, spelled exactly). */
OPENCRYPT_API bool opencrypt_knows_command(const char *name, size_t len);

/* The wire version to announce: the highest level whose features are all supported. */
OPENCRYPT_API int32_t opencrypt_max_wire_version(void);

/* "0.1.0" */
OPENCRYPT_API const char *opencrypt_version(void);

#ifdef __cplusplus
}
#endif

#endif
