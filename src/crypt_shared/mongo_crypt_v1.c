/* The C ABI over libopencrypt: arguments and errors are converted here, rules are the analyzer's.
 *
 * The only state is the library object. A request (the memory of one analysis) serves one thread at a time, and drivers
 * make an analyzer for each command: so requests belong to the library, which keeps some idle ones in slots. A slot is
 * emptied and filled by one atomic exchange each, so nobody waits, and a thread that finds none makes one.
 */

#include "mongo_crypt_v1.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bson.h"
#include "opencrypt.h"
#include "text.h"

enum {
    IDLE_REQUESTS = 16,
    LONGEST_EXPLANATION = 2048, /* as long as the longest errmsg (reply.c) */
    BAD_VALUE = 2,              /* MongoDB's codes */
    ILLEGAL_OPERATION = 20,
    INVALID_NAMESPACE = 73,
};

struct mongo_crypt_v1_status {
    int error, code;
    char explanation[LONGEST_EXPLANATION];
};

struct mongo_crypt_v1_lib {
    opencrypt_engine *engine;
    _Atomic(opencrypt_request *) idle[IDLE_REQUESTS];
    atomic_uint analyzers;
};

struct mongo_crypt_v1_query_analyzer {
    mongo_crypt_v1_lib *lib;
};

/* The library in use, and the lock for its coming and going. Analyses take no lock: an analyzer keeps its library. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mongo_crypt_v1_lib *current;

/* ---- versions ---- */

#define FEATURES_STRING "8.2.0"
static const uint64_t features = UINT64_C(0x0008000200000000);

uint64_t mongo_crypt_v1_get_version(void) {
    return features;
}

const char *mongo_crypt_v1_get_version_str(void) {
    return "mongo_crypt_v1-" OPENCRYPT_PLATFORM "-" FEATURES_STRING "-opencryptd-" OPENCRYPT_VERSION;
}

/* ---- status ---- */

static int report(mongo_crypt_v1_status *status, int error, int code, const char *explanation) {
    if (!status)
        return error;
    status->error = error;
    status->code = code;
    status->explanation[0] = '\0';
    oc_text_append_string(status->explanation, sizeof status->explanation, explanation);
    return error;
}

static int report_success(mongo_crypt_v1_status *status) {
    if (status) {
        status->error = MONGO_CRYPT_V1_SUCCESS;
        status->code = 0;
        status->explanation[0] = '\0';
    }
    return MONGO_CRYPT_V1_SUCCESS;
}

static int report_no_memory(mongo_crypt_v1_status *status) {
    return report(status, MONGO_CRYPT_V1_ERROR_ENOMEM, 0, "Out of memory");
}

static int report_exception(mongo_crypt_v1_status *status, int code, const char *explanation) {
    return report(status, MONGO_CRYPT_V1_ERROR_EXCEPTION, code, explanation);
}

mongo_crypt_v1_status *mongo_crypt_v1_status_create(void) {
    mongo_crypt_v1_status *status = malloc(sizeof *status);
    if (status)
        report_success(status);
    return status;
}

void mongo_crypt_v1_status_destroy(mongo_crypt_v1_status *status) {
    free(status);
}

int mongo_crypt_v1_status_get_error(const mongo_crypt_v1_status *status) {
    return status ? status->error : MONGO_CRYPT_V1_ERROR_IN_REPORTING_ERROR;
}

const char *mongo_crypt_v1_status_get_explanation(const mongo_crypt_v1_status *status) {
    return status ? status->explanation : "";
}

int mongo_crypt_v1_status_get_code(const mongo_crypt_v1_status *status) {
    return status ? status->code : 0;
}

/* ---- library ---- */

static mongo_crypt_v1_lib *make_lib(void) {
    mongo_crypt_v1_lib *lib = calloc(1, sizeof *lib);
    if (!lib)
        return NULL;
    lib->engine = opencrypt_engine_new();
    if (lib->engine)
        return lib;
    free(lib);
    return NULL;
}

static void free_lib(mongo_crypt_v1_lib *lib) {
    for (size_t i = 0; i < IDLE_REQUESTS; i++)
        opencrypt_request_free(lib->idle[i]);
    opencrypt_engine_free(lib->engine);
    free(lib);
}

mongo_crypt_v1_lib *mongo_crypt_v1_lib_create(mongo_crypt_v1_status *status) {
    mongo_crypt_v1_lib *made = NULL;
    pthread_mutex_lock(&lock);
    if (current) {
        report(status, MONGO_CRYPT_V1_ERROR_LIBRARY_ALREADY_INITIALIZED, 0,
               "The library is in use already: a process has one at a time");
    } else {
        made = current = make_lib();
        made ? report_success(status) : report_no_memory(status);
    }
    pthread_mutex_unlock(&lock);
    return made;
}

/* Under the lock. */
static int check_handle(const mongo_crypt_v1_lib *lib, mongo_crypt_v1_status *status) {
    if (!current)
        return report(status, MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED, 0,
                      "The library is not in use: call mongo_crypt_v1_lib_create first");
    if (lib != current)
        return report(status, MONGO_CRYPT_V1_ERROR_INVALID_LIB_HANDLE, 0,
                      "The handle is not the one that mongo_crypt_v1_lib_create returned");
    return report_success(status);
}

int mongo_crypt_v1_lib_destroy(mongo_crypt_v1_lib *lib, mongo_crypt_v1_status *status) {
    pthread_mutex_lock(&lock);
    int error = check_handle(lib, status);
    if (!error && atomic_load(&lib->analyzers) > 0)
        error = report_exception(status, ILLEGAL_OPERATION,
                                 "The library has analyzers left: call mongo_crypt_v1_query_analyzer_destroy first");
    if (!error) {
        current = NULL;
        free_lib(lib);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* ---- analyzers ---- */

static mongo_crypt_v1_query_analyzer *make_analyzer(mongo_crypt_v1_lib *lib, mongo_crypt_v1_status *status) {
    mongo_crypt_v1_query_analyzer *analyzer = malloc(sizeof *analyzer);
    if (!analyzer) {
        report_no_memory(status);
        return NULL;
    }
    analyzer->lib = lib;
    atomic_fetch_add(&lib->analyzers, 1);
    return analyzer;
}

mongo_crypt_v1_query_analyzer *mongo_crypt_v1_query_analyzer_create(mongo_crypt_v1_lib *lib,
                                                                    mongo_crypt_v1_status *status) {
    mongo_crypt_v1_query_analyzer *analyzer = NULL;
    pthread_mutex_lock(&lock);
    if (check_handle(lib, status) == MONGO_CRYPT_V1_SUCCESS)
        analyzer = make_analyzer(lib, status);
    pthread_mutex_unlock(&lock);
    return analyzer;
}

void mongo_crypt_v1_query_analyzer_destroy(mongo_crypt_v1_query_analyzer *analyzer) {
    if (!analyzer)
        return;
    atomic_fetch_sub(&analyzer->lib->analyzers, 1);
    free(analyzer);
}

/* ---- analysis ---- */

static opencrypt_request *take_request(mongo_crypt_v1_lib *lib) {
    for (size_t i = 0; i < IDLE_REQUESTS; i++) {
        opencrypt_request *request = atomic_load_explicit(&lib->idle[i], memory_order_relaxed);
        if (request)
            request = atomic_exchange_explicit(&lib->idle[i], NULL, memory_order_acquire);
        if (request)
            return request;
    }
    return opencrypt_request_new(lib->engine, 0);
}

/* Cleared at once: it holds plaintext, and nobody knows when the next command comes. */
static void give_back(mongo_crypt_v1_lib *lib, opencrypt_request *request) {
    opencrypt_request_clear(request);
    for (size_t i = 0; i < IDLE_REQUESTS; i++) {
        opencrypt_request *none = NULL;
        if (atomic_compare_exchange_strong(&lib->idle[i], &none, request))
            return;
    }
    opencrypt_request_free(request);
}

static bool read_db(const char *ns, uint32_t ns_len, size_t *db_len, mongo_crypt_v1_status *status) {
    *db_len = 0;
    if (ns_len == 0)
        return true;
    if (!ns || memchr(ns, 0, ns_len)) {
        report_exception(status, INVALID_NAMESPACE, "Invalid namespace specified: it is NULL or holds a NUL");
        return false;
    }
    const char *dot = memchr(ns, '.', ns_len);
    *db_len = dot ? (size_t)(dot - ns) : ns_len;
    return true;
}

static bool check_arguments(const mongo_crypt_v1_query_analyzer *analyzer, const uint8_t *document,
                            const uint32_t *bson_len, mongo_crypt_v1_status *status) {
    if (!analyzer) {
        report(status, MONGO_CRYPT_V1_ERROR_LIBRARY_NOT_INITIALIZED, 0,
               "There is no analyzer: call mongo_crypt_v1_query_analyzer_create first");
        return false;
    }
    if (document && bson_len)
        return true;
    report_exception(status, BAD_VALUE, "The document and the place for the length of the reply must not be NULL");
    return false;
}

/* The document says how long it is. What no document can say is malformed, and not read any further. */
static size_t document_len(const uint8_t *document) {
    uint32_t len = oc_u32(document);
    return len >= 5 && len <= INT32_MAX ? len : 4;
}

/* What the daemon would send as errmsg and code. */
static void report_refusal(const opencrypt_reply *reply, mongo_crypt_v1_status *status) {
    oc_elem errmsg;
    bool no_memory = strcmp(reply->refusal.rule, "out-of-memory") == 0;
    bool found = oc_bson_find(reply->data, "errmsg", &errmsg);
    report(status, no_memory ? MONGO_CRYPT_V1_ERROR_ENOMEM : MONGO_CRYPT_V1_ERROR_EXCEPTION, reply->refusal.code,
           found ? oc_elem_str(&errmsg).s : reply->refusal.message);
}

uint8_t *mongo_crypt_v1_analyze_query(mongo_crypt_v1_query_analyzer *analyzer, const uint8_t *document, const char *ns,
                                      uint32_t ns_len, uint32_t *bson_len, mongo_crypt_v1_status *status) {
    opencrypt_reply reply;
    uint8_t *result = NULL;
    size_t db_len;
    if (bson_len)
        *bson_len = 0;
    if (!check_arguments(analyzer, document, bson_len, status) || !read_db(ns, ns_len, &db_len, status))
        return NULL;
    opencrypt_request *request = take_request(analyzer->lib);
    if (!request) {
        report_no_memory(status);
        return NULL;
    }
    if (opencrypt_analyze(request, document, document_len(document), ns, db_len, &reply)) {
        result = opencrypt_reply_take(request, &reply);
        *bson_len = (uint32_t)reply.len;
        report_success(status);
    } else {
        report_refusal(&reply, status);
    }
    give_back(analyzer->lib, request);
    return result;
}

void mongo_crypt_v1_bson_free(uint8_t *bson) {
    if (!bson)
        return;
    oc_wipe(bson, oc_u32(bson));
    free(bson);
}
