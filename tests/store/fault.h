#ifndef OC_STORE_FAULT_H
#define OC_STORE_FAULT_H

/* Why the store refuses a command or a single write: MongoDB's number and name for it, and one sentence. */

#include <stdbool.h>

#define OC_FAULTS(X)                                                                                                   \
    X(BAD_VALUE, 2, "BadValue")                                                                                        \
    X(FAILED_TO_PARSE, 9, "FailedToParse")                                                                             \
    X(TYPE_MISMATCH, 14, "TypeMismatch")                                                                               \
    X(NAMESPACE_NOT_FOUND, 26, "NamespaceNotFound")                                                                    \
    X(PATH_NOT_VIABLE, 28, "PathNotViable")                                                                            \
    X(NAMESPACE_EXISTS, 48, "NamespaceExists")                                                                         \
    X(COMMAND_NOT_FOUND, 59, "CommandNotFound")                                                                        \
    X(IMMUTABLE_FIELD, 66, "ImmutableField")                                                                           \
    X(DOCUMENT_VALIDATION, 121, "DocumentValidationFailure")                                                           \
    X(DUPLICATE_KEY, 11000, "DuplicateKey")                                                                            \
    X(DUPLICATE_FIELD, 40413, "Location40413")                                                                         \
    X(UNKNOWN_FIELD, 40415, "Location40415")

enum {
#define X(name, number, text) OC_FAULT_##name = number,
    OC_FAULTS(X)
#undef X
};

typedef struct oc_fault {
    int code; /* 0: none */
    char message[256];
} oc_fault;

/* Records a fault unless there is one already, and returns false so that a caller can fail in one line. */
bool oc_fault_set(oc_fault *fault, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

const char *oc_fault_name(int code);

#endif
