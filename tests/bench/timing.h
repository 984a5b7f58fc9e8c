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

/* One thing done once. */
typedef void timed_call(bench *b, const bson_t *command);
/* The analysis; ends the program if the command is refused. */
timed_call analyze_once;
/* Medians of `one` and `other`, in seconds per call, timed by turns. */
void measure_both(bench *b, const bson_t *command, timed_call *one, timed_call *other, double medians[2]);

#endif
