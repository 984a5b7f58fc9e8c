#ifndef EXHAUSTIVE_GRAMMAR_H
#define EXHAUSTIVE_GRAMMAR_H

/* A grammar of commands in which everything has a number: a rule of n derivations makes value 0 to n - 1, each once.
 * The format of the file is described at its head. */

#include "value.h"

typedef struct grammar grammar;

/* What '@0', '@1', … stand for under one schema. */
enum { NAMES = 5 };
typedef struct role_names {
    const char *at[NAMES];
} role_names;

enum { MAX_CHOICES = 256 };

/* The alternatives taken, in the order in which they were. */
typedef struct trace {
    unsigned short choices[MAX_CHOICES];
    unsigned count;
} trace;

/* Ends the program with a message when the file is not as it should be. */
grammar *grammar_read(const char *path);
void grammar_free(grammar *g);
/* The number of a rule. Ends the program if there is none. */
unsigned grammar_rule(const grammar *g, const char *name);
uint64_t grammar_count(const grammar *g, unsigned start);
/* `t` may be NULL. */
const value *grammar_make(const grammar *g, unsigned start, uint64_t index, const role_names *n, pool *p, trace *t);
/* The inverse: the index that took these alternatives. */
uint64_t grammar_rank(const grammar *g, unsigned start, const trace *t);

#endif
