#ifndef OC_CASES_H
#define OC_CASES_H

/* The cases of tests/cases: what a command and its schema must be answered with. The format is in
 * tests/cases/README.md. */

#include <bson/bson.h>

typedef struct oc_case {
    const char *file;
    const char *name;
    bson_t *command;     /* as a driver sends it, schema included */
    bson_t *reply;       /* the whole expected reply; NULL: an error is expected */
    const char *rule;    /* the reason for the error, "group-key"; NULL: not said */
    bool any;            /* an error: what is not given is not compared */
    int32_t code;        /* of the error; 0: that of the rule */
    const char *path;    /* of the field, "" if none is expected */
    const char *message; /* what errmsg starts with, "" if it is not said */
} oc_case;

/* Calls `each` for every case below the folder, in the order of file names. A file that cannot be read, and a case that
 * is not written as it should be, end the program with a message: a case that does not run is not a case. Returns how
 * many there were. */
size_t oc_cases_each(const char *folder, void (*each)(const oc_case *c, void *data), void *data);

#endif
