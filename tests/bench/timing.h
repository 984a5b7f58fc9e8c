#ifndef OC_TIMING_H
#define OC_TIMING_H

/* Times the analysis of a command against bson_validate_with_error of the same bytes and against a bare walk over them,
 * by turns. */

#include <bson/bson.h>

#include "opencrypt.h"

typedef struct bench bench;

/* One thing done once. */
typedef void timed_call(bench *b, const bson_t *command);
/* Prepares a call, which is then timed alone: the preparation is not. */
typedef void before_call(bench *b, bson_t *command);

struct bench {
    opencrypt_request *request;
    double seconds;      /* for one round of one thing */
    before_call *before; /* NULL: calls are timed many at a time */
    uint32_t turn;       /* for `before` to count in */
    uint32_t turns;      /* how many different commands `before` makes, where it makes such */
};

/* Minima of interleaved rounds, in seconds per call. */
typedef struct timing {
    double analysis, validation, floor;
} timing;

/* Ends the program if the command is refused. */
timing measure(bench *b, bson_t *command);
/* The analysis alone. */
double measure_analysis(bench *b, bson_t *command);

/* The analysis; ends the program if the command is refused. */
timed_call analyze_once;
/* Walks through more memory than the caches near the core hold. */
before_call touch_memory;

typedef struct both {
    double one, other; /* medians, in seconds per call */
    double ratio;      /* the median of the rounds' ratios: a machine that is slow for a while does not show in it */
} both;

/* Timed by turns, for an odd number of rounds, at most 101. */
both measure_both(bench *b, bson_t *command, timed_call *one, timed_call *other, int rounds);

#endif
