#ifndef OC_TIMING_H
#define OC_TIMING_H

/* Times the analysis of a command against bson_validate_with_error of the same bytes, by turns. */

#include <bson/bson.h>

#include "opencrypt.h"

typedef struct bench {
    opencrypt_request *request;
    double seconds; /* for one round of one thing */
} bench;

typedef struct timing {
    double analysis, validation; /* medians of interleaved rounds, in seconds per call */
} timing;

/* Ends the program if the command is refused. */
timing measure(bench *b, const bson_t *command);

#endif
