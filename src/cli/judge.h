#ifndef OC_JUDGE_H
#define OC_JUDGE_H

/* What becomes of one command under the schemas; the result goes to the tally. */

#include "opencrypt.h"
#include "schemas.h"
#include "tally.h"

typedef struct oc_judge {
    const oc_schemas *schemas;
    oc_tally *tally;
    opencrypt_request *request;
    oc_buffer shape, marks; /* of the command in work */
    bool met_schema;        /* a command was of a collection that has a schema */
} oc_judge;

/* `schemas` are compiled. */
void oc_judge_init(oc_judge *j, const oc_schemas *schemas, oc_tally *tally);
/* `db`: the command's database, "" if it is not known. */
void oc_judge_command(oc_judge *j, const bson_t *command, const char *db, oc_seen seen);
void oc_judge_done(oc_judge *j);

#endif
