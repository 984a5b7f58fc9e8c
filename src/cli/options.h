#ifndef OC_OPTIONS_H
#define OC_OPTIONS_H

/* The command line of a verb. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "record.h"

typedef struct oc_schema_file {
    const char *path, *ns; /* ns: NULL if none was given */
} oc_schema_file;

typedef struct oc_options {
    oc_schema_file *schemas;
    size_t schema_count;
    const char **files; /* what is no option */
    size_t file_count;
    const char *ns, *db, *uri, *format;
    size_t ns_count;
    oc_input_kind input;
    size_t max_shapes;
    bool profile, canonical, help;
    char error[512]; /* of oc_options_parse */
} oc_options;

/* Of an option, the verbs that have it. */
typedef enum oc_verb_bit { OC_VERB_MARK = 1, OC_VERB_CHECK = 2 } oc_verb_bit;

/* `argv` ends with NULL and starts behind the verb. False: o->error says why. */
bool oc_options_parse(oc_options *o, oc_verb_bit verb, char **argv);
void oc_options_help(FILE *to, oc_verb_bit verb);
void oc_options_done(oc_options *o);

#endif
