#ifndef OC_ABI_H
#define OC_ABI_H

/* mongo_crypt_v1.so as libmongocrypt uses it: loaded at run time, its functions looked up by name. */

#include <stdbool.h>

#include "mongo_crypt_v1.h"

/* The functions, without "mongo_crypt_v1_". */
#define OC_ABI_FUNCTIONS(X)                                                                                            \
    X(get_version)                                                                                                     \
    X(get_version_str)                                                                                                 \
    X(status_create)                                                                                                   \
    X(status_destroy)                                                                                                  \
    X(status_get_error)                                                                                                \
    X(status_get_explanation)                                                                                          \
    X(status_get_code)                                                                                                 \
    X(lib_create)                                                                                                      \
    X(lib_destroy)                                                                                                     \
    X(query_analyzer_create)                                                                                           \
    X(query_analyzer_destroy)                                                                                          \
    X(analyze_query)                                                                                                   \
    X(bson_free)

#define OC_ABI_MEMBER(name) __typeof__(&mongo_crypt_v1_##name) name;
typedef struct oc_abi {
    void *handle; /* of dlopen */
    OC_ABI_FUNCTIONS(OC_ABI_MEMBER)
} oc_abi;
#undef OC_ABI_MEMBER

/* False if there is no such library or a function is missing; says so on stderr. */
bool oc_abi_load(oc_abi *abi, const char *path);
void oc_abi_unload(oc_abi *abi);

#endif
