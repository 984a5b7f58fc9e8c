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
typedef struct both {
    double one, other; /* medians, in seconds per call */
    double ratio;      /* the median of the rounds' ratios: a machine that is slow for a while does not show in it */
} both;

/* Timed by turns, for an odd number of rounds, at most 101. */
both measure_both(bench *b, const bson_t *command, timed_call *one, timed_call *other, int rounds);

#endif
