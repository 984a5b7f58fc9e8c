#ifndef MONGO_CRYPT_V1_H
#define MONGO_CRYPT_V1_H

/* mongo_crypt_v1.so: query analysis as a library that libmongocrypt finds, loads and calls in place of mongocryptd.
 *
 *     mongo_crypt_v1_status *status = mongo_crypt_v1_status_create();
 *     mongo_crypt_v1_lib *lib = mongo_crypt_v1_lib_create(status);
 *     mongo_crypt_v1_query_analyzer *analyzer = mongo_crypt_v1_query_analyzer_create(lib, status);
 *     uint32_t len;
 *     uint8_t *reply = mongo_crypt_v1_analyze_query(analyzer, command, "db.people", 9, &len, status);
 *     if (!reply)
 *         puts(mongo_crypt_v1_status_get_explanation(status));
 *     mongo_crypt_v1_bson_free(reply);
 *     mongo_crypt_v1_query_analyzer_destroy(analyzer);
 *     mongo_crypt_v1_lib_destroy(lib, status);
 *     mongo_crypt_v1_status_destroy(status);
 *
 * Names, signatures and numbers are those that libmongocrypt looks for. No function ends the process, prints, starts a
 * thread or touches a file; loading the library runs nothing. Every `status` that a function fills in may be NULL, and
 * is set by success as well. A status is for one thread at a time, everything else for any number. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MONGO_CRYPT_V1_API __attribute__((visibility("default")))

/* What went wrong, filled in by the functions below. */
typedef struct mongo_crypt_v1_status mongo_crypt_v1_status;

/* The library in use. A process has one at a time. */
typedef struct mongo_crypt_v1_lib mongo_crypt_v1_lib;

/* May analyse any number of commands, also at once. */
typedef struct mongo_crypt_v1_query_analyzer mongo_crypt_v1_query_analyzer;

typedef enum mongo_crypt_v1_error {
    MONGO_CRYPT_V1_ERROR_IN_REPORTING_ERROR = -2, /* there is no status that could tell */
    MONGO_CRYPT_V1_ERROR_UNKNOWN = -1,
    MONGO_CRYPT_V1_SUCCESS = 0,
    MONGO_CRYPT_V1_ERROR_ENOMEM = 1,
    MONGO_CRYPT_V1_ERROR_EXCEPTION = 2, /* a refusal: get_code has MongoDB's code of it */
    MONGO_CRYPT_V1_ERROR_LIBRARY_ALREADY_INITIALIZED = 3,
    MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED = 4,
    MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE = 5,
    MONGO_CRYPT_V1_ERROR_REENTRANCY_NOT_ALLOWED = 6, /* never: every function may be called from any thread */
} mongo_crypt_v1_error;

/* The server version whose features are all there, as 16-bit words: major, minor, revision, 0. */
MONGO_CRYPT_V1_API uint64_t mongo_crypt_v1_get_version(void);
/* "mongo_crypt_v1-<platform>-<that version>-opencryptd-<our own version>" */
MONGO_CRYPT_V1_API const char *mongo_crypt_v1_get_version_str(void);

/* No library is needed for a status. NULL when memory is exhausted. */
MONGO_CRYPT_V1_API mongo_crypt_v1_status *mongo_crypt_v1_status_create(void);
MONGO_CRYPT_V1_API void mongo_crypt_v1_status_destroy(mongo_crypt_v1_status *status);
/* A mongo_crypt_v1_error. Of NULL: IN_REPORTING_ERROR, so that nobody takes an unknown outcome for success. */
MONGO_CRYPT_V1_API int mongo_crypt_v1_status_get_error(const mongo_crypt_v1_status *status);
/* Never NULL; valid until the status is used again. Holds no value of a command. */
MONGO_CRYPT_V1_API const char *mongo_crypt_v1_status_get_explanation(const mongo_crypt_v1_status *status);
/* MongoDB's error code; means something for ERROR_EXCEPTION only. */
MONGO_CRYPT_V1_API int mongo_crypt_v1_status_get_code(const mongo_crypt_v1_status *status);

/* NULL with LIBRARY_ALREADY_INITIALIZED or ENOMEM. */
MONGO_CRYPT_V1_API mongo_crypt_v1_lib *mongo_crypt_v1_lib_create(mongo_crypt_v1_status *status);
/* LIBRARY_NOT_INITIALIZED; INVALID_LIB_HANDLE for another handle than the one in use; EXCEPTION while analyzers are
 * left, and then the library stays as it was. Another library may be created afterwards. */
MONGO_CRYPT_V1_API int mongo_crypt_v1_lib_destroy(mongo_crypt_v1_lib *lib, mongo_crypt_v1_status *status);

/* NULL with LIBRARY_NOT_INITIALIZED, INVALID_LIB_HANDLE or ENOMEM. Cheap: drivers make one for each command. */
MONGO_CRYPT_V1_API mongo_crypt_v1_query_analyzer *mongo_crypt_v1_query_analyzer_create(mongo_crypt_v1_lib *lib,
                                                                                       mongo_crypt_v1_status *status);
/* Before the library is destroyed, and not while the analyzer is at work. */
MONGO_CRYPT_V1_API void mongo_crypt_v1_query_analyzer_destroy(mongo_crypt_v1_query_analyzer *analyzer);

/* Analyses one command: a BSON document with its schema fields, as for mongocryptd, at most 48,000,000 bytes long. It
 * is borrowed and never changed. `ns` ("db.collection", `ns_len` bytes) gives the database where the command has no
 * `$db`; it may be NULL if ns_len is 0. Returns the document that mongocryptd would reply, *bson_len bytes, to be freed
 * with mongo_crypt_v1_bson_free. NULL on failure: EXCEPTION with the code and errmsg that mongocryptd would reply,
 * ENOMEM, or LIBRARY_NOT_INITIALIZED. */
MONGO_CRYPT_V1_API uint8_t *mongo_crypt_v1_analyze_query(mongo_crypt_v1_query_analyzer *analyzer,
                                                         const uint8_t *document, const char *ns, uint32_t ns_len,
                                                         uint32_t *bson_len, mongo_crypt_v1_status *status);
/* Wipes and frees a reply, which must be as it was given out. */
MONGO_CRYPT_V1_API void mongo_crypt_v1_bson_free(uint8_t *bson);

#ifdef __cplusplus
}
#endif

#endif
