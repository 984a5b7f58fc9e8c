#ifndef EXHAUSTIVE_SHAPE_H
#define EXHAUSTIVE_SHAPE_H

/* What the lines of a grammar are read into. */

#include "grammar.h"

typedef struct piece {
    enum { WORDS, NAME, RULE } kind;
    const char *words;
    unsigned number; /* of the name or rule */
    struct piece *next;
} piece;

typedef struct shape {
    enum { DOCUMENT, LIST, TEXT, CONSTANT, UNIQUE, DERIVED } kind;
    piece *name, *text;    /* in its parent; of TEXT, and the one rule of DERIVED */
    const value *constant; /* CONSTANT */
    char unique;           /* UNIQUE: which type */
    struct shape *first, *last, *next;
} shape;

typedef struct alternative {
    const shape *shape;
    uint64_t count;
    struct alternative *next;
} alternative;

typedef struct rule {
    const char *name;
    alternative *first, *last;
    uint64_t count;
    enum { UNCOUNTED, COUNTING, COUNTED } state;
    unsigned line;
} rule;

enum { MAX_RULES = 256 };

struct grammar {
    pool pool;
    rule rules[MAX_RULES];
    unsigned count;
};

/* The number of the rule, which is added if need be. */
unsigned shape_rule(grammar *g, const char *name, size_t len);
/* One alternative. NULL: the text is malformed. */
const shape *shape_read(grammar *g, const char *text);

#endif
