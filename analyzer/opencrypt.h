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
 *     if (opencrypt_analyze(request, command, command_len, NULL, 0, &reply))
 *         send(reply.data, reply.len);
 *     else
 *         fprintf(stderr, "%s: %s\n", reply.refusal.path, reply.refusal.message);
 *     opencrypt_request_free(request);
 *     opencrypt_engine_free(engine);
 *
 * It also tells what a reply would have encrypted (opencrypt_placeholders), and what a schema says of a path
 * (opencrypt_schema).
 *
 * Rules that hold for all of it:
 *   - Documents are whole BSON documents, given as bytes and length. Malformed ones are refused, never read beyond.
 *   - No function prints, exits, starts a thread, or keeps state outside of the objects that it is given.
 *   - An object may be used by one thread at a time, unless its type says otherwise.
 *   - `x_free` accepts NULL. Every other pointer must be valid unless a comment says what NULL means.
 *   - What is returned by pointer to const belongs to the object that it came from, until the time that is named there.
 *     Later versions may add members at the ends of such structures, and values to enumerations. Structures that stand
 *     in others or in arrays stay as they are.
 *   - Limits: commands have at most 200 levels of BSON and 48,000,000 bytes, schemas 110 levels of objects and what
 *     compiles within 1 GiB, replies that are read 1,000 levels.
 *   - Text is NUL-terminated, and UTF-8 unless it is a name in a document: of those, the bytes are left as they are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define OPENCRYPT_API __attribute__((visibility("default")))
#else
#define OPENCRYPT_API
#endif

/* ---- objects ---- */

/* The schema cache and nothing else. Any number of threads may use one engine at once. */
typedef struct opencrypt_engine opencrypt_engine;

/* The memory of one analysis, reused by the next. One thread at a time. */
typedef struct opencrypt_request opencrypt_request;

/* ---- refusals ---- */

/* Why a command, a schema or a reply was refused. No string is NULL; those that do not apply are empty. None ever holds
 * a value of the command: names of namespaces, fields and operators only. The path is shortened to 255 bytes, the
 * message to 511, the hint to 383. */
typedef struct opencrypt_refusal {
    int32_t code;          /* MongoDB's numeric code */
    const char *code_name; /* its name, "BadValue" */
    const char *rule;      /* our own stable id of the reason, "random-compared" */
    const char *path;      /* dotted path of the field, or JSON Pointer into the schema */
    const char *op;        /* the operator, stage or command field, "$gt" */
    const char *message;   /* what is wrong, in MongoDB's established wording where there is one */
    const char *hint;      /* what would be accepted */
} opencrypt_refusal;

/* ---- analysis ---- */

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

/* ---- values, and how they are encrypted ---- */

/* A BSON value, as it stands in an element after the name. */
typedef struct opencrypt_value {
    const uint8_t *data; /* borrowed */
    size_t len;
    uint8_t type; /* BSON's number of the type: 2 is a string; 0: there is no value here */
} opencrypt_value;

/* CSFLE has the first two, Queryable Encryption the others. */
typedef enum opencrypt_algorithm {
    OPENCRYPT_DETERMINISTIC = 1,
    OPENCRYPT_RANDOM = 2,
    OPENCRYPT_UNINDEXED = 3,
    OPENCRYPT_EQUALITY = 4,
    OPENCRYPT_RANGE = 5,
    OPENCRYPT_TEXT = 6, /* prefix, suffix, substring */
} opencrypt_algorithm;

/* "deterministic", "random", "unindexed", "equality", "range", "text"; "unknown" for any other number. */
OPENCRYPT_API const char *opencrypt_algorithm_name(opencrypt_algorithm algorithm);

/* MongoDB's alias of a BSON type, "string", "objectId"; "unknown" if there is no such type. */
OPENCRYPT_API const char *opencrypt_type_name(uint8_t type);

/* A text index: how long a query may be, in code points. All 0: there is no such index. */
typedef struct opencrypt_lengths {
    int32_t min_query, max_query;
    int32_t max_length; /* of the values; substring only, else 0 */
} opencrypt_lengths;

/* How a field of Queryable Encryption is indexed. */
typedef struct opencrypt_index {
    int64_t contention;
    /* Range only: */
    opencrypt_value min, max; /* of the field's type; no value where a placeholder does not carry them */
    int32_t precision;        /* -1: not set */
    int32_t trim_factor;      /* -1: not set */
    int64_t sparsity;         /* 0: not set */
    /* Text only: */
    bool case_sensitive, diacritic_sensitive;
    opencrypt_lengths prefix, suffix, substring;
} opencrypt_index;

/* ---- placeholders ---- */

/* The placeholders of a reply, in the order in which they stand there. */
typedef struct opencrypt_placeholders opencrypt_placeholders;

/* What a placeholder says the value is for. Those of CSFLE do not say it. */
typedef enum opencrypt_use {
    OPENCRYPT_USE_ANY = 0,
    OPENCRYPT_USE_STORED = 1,
    OPENCRYPT_USE_COMPARED = 2,
} opencrypt_use;

/* The comparison that a bound of a range is part of. */
typedef enum opencrypt_comparison {
    OPENCRYPT_COMPARISON_NONE = 0,
    OPENCRYPT_GT = 1,
    OPENCRYPT_GTE = 2,
    OPENCRYPT_LT = 3,
    OPENCRYPT_LTE = 4,
} opencrypt_comparison;

/* A range that a field is compared with. Of its two placeholders, the first tells what it is and the second refers to
 * it by the same id; a range that is open on one side has one placeholder. */
typedef struct opencrypt_bounds {
    int32_t payload_id;
    opencrypt_comparison first, second; /* the operators of the one and of the other; second: none if there is one */
    bool refers;                        /* this is the second one: what follows is not set */
    opencrypt_value lower, upper;       /* an open side is an infinite double, whatever the type of the field */
    bool lower_included, upper_included;
} opencrypt_bounds;

typedef struct opencrypt_placeholder {
    /* Where it stands in `result`, dotted and with positions in arrays: "documents.0.user.ssn". */
    const char *path;
    size_t path_len;
    opencrypt_algorithm algorithm;
    opencrypt_use use;
    const uint8_t *key_id;      /* 16 bytes, the UUID of the data key (`ki`); NULL: key_name */
    const uint8_t *user_key_id; /* the same for `ku` of Queryable Encryption, mostly equal to it; NULL: CSFLE */
    const char *key_name;       /* the data key's alternative name; NULL: key_id */
    size_t key_name_len;
    opencrypt_value value;          /* what is to be encrypted; no value where a range is compared */
    const opencrypt_index *index;   /* NULL: CSFLE */
    const opencrypt_bounds *bounds; /* a range is compared; NULL: it is not */
    const uint8_t *bytes;           /* the content of the BinData: the byte 0 (CSFLE) or 3, then a document */
    size_t len;
} opencrypt_placeholder;

/* Starts at the first placeholder of a reply, from opencrypt_analyze or from another analyser. The bytes are borrowed
 * until opencrypt_placeholders_free. Where the reply says that nothing is to be encrypted (schemaRequiresEncryption:
 * false) there are no placeholders, whatever `result` holds. NULL when memory is exhausted. */
OPENCRYPT_API opencrypt_placeholders *opencrypt_placeholders_new(const uint8_t *reply, size_t len);
/* The next one, valid until the next call with the same object. NULL at the end, and when the reply turns out to be
 * malformed: see opencrypt_placeholders_refusal. */
OPENCRYPT_API const opencrypt_placeholder *opencrypt_placeholders_next(opencrypt_placeholders *placeholders);
/* Why the iteration has ended early; NULL: it has not. The reply is not BSON, has no `result`, is nested too deeply, or
 * holds a placeholder that libmongocrypt would not accept ("malformed-placeholder"; refusal.path says which). */
OPENCRYPT_API const opencrypt_refusal *opencrypt_placeholders_refusal(const opencrypt_placeholders *placeholders);
OPENCRYPT_API void opencrypt_placeholders_free(opencrypt_placeholders *placeholders);

/* ---- schemas ---- */

/* A compiled schema. What it was compiled to is in the engine's cache, and shared: compiling the same bytes again, for
 * a second thread or for an analysis, is a look-up there. */
typedef struct opencrypt_schema opencrypt_schema;

typedef enum opencrypt_schema_kind {
    OPENCRYPT_SCHEMA_LOCAL = 1,            /* $jsonSchema of CSFLE that the client has (schemaMap) */
    OPENCRYPT_SCHEMA_REMOTE = 2,           /* $jsonSchema of CSFLE that is the collection's validator */
    OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS = 3, /* encryptedFields of Queryable Encryption */
} opencrypt_schema_kind;

/* How a field is encrypted. */
typedef struct opencrypt_encryption {
    opencrypt_algorithm algorithm;
    uint32_t types;             /* that its values may have: bit 1 << t for the BSON type t; 0: any */
    const uint8_t *key_id;      /* 16 bytes, the UUID of the data key; NULL: key_pointer */
    const char *key_pointer;    /* JSON Pointer to the field that holds the key's alternative name; NULL: key_id */
    const char *schema_pointer; /* where the schema says so: "/properties/ssn/encrypt", "/fields/0"; up to 255 bytes */
    const opencrypt_index *index; /* NULL: CSFLE. Of a range min and max are set, if need be to those of the type */
} opencrypt_encryption;

typedef enum opencrypt_position {
    OPENCRYPT_AT_PLAIN = 1,     /* not encrypted, and nothing below */
    OPENCRYPT_AT_ENCRYPTED = 2, /* an encrypted field */
    OPENCRYPT_AT_ABOVE = 3,     /* not encrypted, but something below is, or is if its name matches a pattern */
    OPENCRYPT_AT_BELOW = 4,     /* in an encrypted field, which is a whole: there is nothing that could be named */
    OPENCRYPT_AT_CONFLICT = 5,  /* patternProperties and others disagree: commands that use the path are refused */
} opencrypt_position;

typedef struct opencrypt_place {
    opencrypt_position position;
    size_t field_len;                       /* how much of the path names the field of `encryption`; else 0 */
    const opencrypt_encryption *encryption; /* AT_ENCRYPTED and AT_BELOW, else NULL */
} opencrypt_place;

/* Compiles a schema, whose bytes are borrowed for the call only. A schema that is refused gives an object as well: ask
 * opencrypt_schema_refusal. NULL when memory is exhausted. Free before the engine. */
OPENCRYPT_API opencrypt_schema *opencrypt_schema_compile(opencrypt_engine *engine, opencrypt_schema_kind kind,
                                                         const uint8_t *schema, size_t len);
/* Why the schema did not compile, or else why the latest look-up failed; NULL: neither. Valid until the next call with
 * the object. Of a schema, refusal.path is a JSON Pointer into it. */
OPENCRYPT_API const opencrypt_refusal *opencrypt_schema_refusal(const opencrypt_schema *schema);
/* Whether any path is encrypted. False for a schema that did not compile. */
OPENCRYPT_API bool opencrypt_schema_encrypts(const opencrypt_schema *schema);
/* What is at a dotted path ("user.ssn"; names only, no positions in arrays), which need not be NUL-terminated. Valid
 * until the next look-up. NULL: the schema did not compile, memory is exhausted, or a name on the path is not UTF-8 or
 * too expensive to match against a pattern. */
OPENCRYPT_API const opencrypt_place *opencrypt_schema_look_up(opencrypt_schema *schema, const char *path, size_t len);
OPENCRYPT_API void opencrypt_schema_free(opencrypt_schema *schema);

/* The encrypted fields of a schema: in each object those of `properties` as they are written there, then those of
 * `patternProperties`, then those of `additionalProperties`. */
typedef struct opencrypt_fields opencrypt_fields;

typedef enum opencrypt_step_kind {
    OPENCRYPT_STEP_NAME = 1,
    OPENCRYPT_STEP_PATTERN = 2, /* every name that matches the regular expression `text`, unanchored */
    OPENCRYPT_STEP_REST = 3,    /* every name that no property or pattern beside it matches; text is "" */
} opencrypt_step_kind;

typedef struct opencrypt_step {
    opencrypt_step_kind kind;
    const char *text; /* not NUL-terminated */
    size_t len;
} opencrypt_step;

typedef struct opencrypt_field {
    const char *path; /* for people: dotted, a pattern as "/^ssn/", the rest as "*" */
    size_t path_len;
    bool named; /* all steps are names: then the path can be looked up, and is encrypted there unless in conflict */
    const opencrypt_step *steps;
    size_t step_count;
    const opencrypt_encryption *encryption;
} opencrypt_field;

/* Starts at the first field. The schema must outlive the iteration; one that did not compile has no fields. NULL when
 * memory is exhausted. */
OPENCRYPT_API opencrypt_fields *opencrypt_fields_new(const opencrypt_schema *schema);
/* The next one, valid until the next call with the same object. NULL at the end, and when memory is exhausted. */
OPENCRYPT_API const opencrypt_field *opencrypt_fields_next(opencrypt_fields *fields);
/* True if the iteration ended because memory was exhausted. */
OPENCRYPT_API bool opencrypt_fields_failed(const opencrypt_fields *fields);
OPENCRYPT_API void opencrypt_fields_free(opencrypt_fields *fields);

/* ---- the library ---- */

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
