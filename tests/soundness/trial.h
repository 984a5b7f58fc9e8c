#ifndef SOUNDNESS_TRIAL_H
#define SOUNDNESS_TRIAL_H

/* One pair: a schema and a command, put to the analyser and judged. */

#include "cells.h"
#include "opencrypt.h"

typedef enum ending {
    E_REFUSED,
    E_ACCEPTED,
    E_SCHEMA /* the generator's schema was refused */
} ending;

typedef struct trial {
    ending ending;
    uint64_t placeholders;
    bool evaluated;
    bool moot;                               /* the server refuses it anyway: the judge has no opinion */
    const char *judge_says, *evaluator_says; /* what is wrong; NULL: sound */
    const char *failure;                     /* the first of them */
    const char *too_strict;                  /* refused, although the documents accept it */
    const char *message;                     /* of the refusal */
    const cell *reached;                     /* what the judge met in an accepted command, */
    unsigned reached_count;                  /* or what it blames for the refusal of another */
} trial;

typedef struct bench {
    opencrypt_engine *engine;
    opencrypt_request *request;
    buffer bytes;
    pool pool;
    const cells *cells; /* NULL: nothing is counted */
    bool judge, evaluate;
    bool sabotage; /* break a placeholder of each result, to see whether it is noticed */
} bench;

void bench_open(bench *b);
void bench_close(bench *b);
/* Everything in the result lives until the bench's pool is reset. `seed`: for the documents of the evaluator. */
trial try_command(bench *b, const world *w, const value *command, uint64_t seed);

#endif
