#ifndef SOUNDNESS_CELLS_H
#define SOUNDNESS_CELLS_H

/* What there is to reach: constructs of the query language, each at the kinds of field that it may meet. A row says,
 * from the documents, where a run must have seen it accepted, refused, or both; the judge says what it met. */

#include <stdio.h>

#include "model.h"

typedef enum family {
    F_MATCH,
    F_TREE,
    F_STAGE,
    F_EXPRESSION,
    F_ACCUMULATOR,
    F_WINDOW,
    F_UPDATE,
    F_COMMAND,
    FAMILIES
} family;

/* Kinds of field. SITE_ARRAY: an array that holds something encrypted, or what is in one; SITE_JOINED: a field in an
 * array that $lookup made; SITE_DROPPED: an encrypted field that an earlier stage has dropped. */
typedef enum site {
    SITE_PLAIN,
    SITE_DETERMINISTIC,
    SITE_RANDOM,
    SITE_UNINDEXED,
    SITE_EQUALITY,
    SITE_RANGE,
    SITE_TEXT,
    SITE_ABOVE,
    SITE_BELOW,
    SITE_ARRAY,
    SITE_JOINED,
    SITE_UNKNOWN,
    SITE_DROPPED,
    SITES
} site;

/* An operator or a stage, and which of its operands the field stands in: "" where it has but one, or takes a list. */
typedef struct cell_row {
    family family;
    const char *name, *operand;
    /* A letter for each site: 'a' must be reached with an accepted command, 'r' with a refused one, 'b' with both. */
    const char *wanted;
} cell_row;

typedef struct cell {
    short row; /* -1: nothing that is counted */
    unsigned char site;
} cell;

enum { MAX_ROWS = 1200 };

typedef struct cells {
    cell_row rows[MAX_ROWS];
    unsigned count;
    short hashed[4096];
    uint32_t accepted[MAX_ROWS][SITES], refused[MAX_ROWS][SITES];
} cells;

void cells_make(cells *c, pool *p);
/* -1: no such row. */
int cells_find(const cells *c, family f, const char *name, const char *operand);
bool cells_complete(const cells *c, unsigned row, site s);
void cells_count(cells *c, cell reached, bool accepted);
void cells_print(const cells *c, FILE *out);
/* Writes those that a floor of so many per cent misses. False: it is missed. */
bool cells_floor(const cells *c, double percent, FILE *out);

/* ---- tables that generators and judge share, from the lists of names in the documents ---- */

/* How an operator of expressions takes its operands: a list, names as "a b =c" where '=' says that only a constant may
 * stand there and '*' that it is a condition or has variables of its own, either of both, or nothing that is an
 * expression. */
typedef enum operand_shape { SHAPE_LIST, SHAPE_NAMED, SHAPE_EITHER, SHAPE_OPAQUE, SHAPE_REFUSED } operand_shape;

typedef struct operator_row {
    const char *name;
    operand_shape shape;
    const char *operands;
} operator_row;

extern const operator_row expression_table[], accumulator_table[], window_table[];
extern const unsigned expression_count, accumulator_count, window_count;
const operator_row *operator_find(const operator_row *table, unsigned n, const char *name);
/* The next name in "a =b c"; NULL: there is none. */
const char *operand_next(pool *p, const char **names, bool *constant);
bool operand_known(const char *names, const char *name);
bool operand_is_constant(const char *names, const char *name);

/* All stages that can be put anywhere: what they leave of fields, and whether updates have them. */
typedef enum leaves { LEAVES_ALL, LEAVES_NONE, LEAVES_FOREIGN } leaves;

typedef struct stage_kind {
    const char *name;
    leaves leaves; /* FOREIGN: documents of several origins */
    bool in_update;
} stage_kind;

extern const stage_kind stage_kinds[];
extern const unsigned stage_kind_count;

/* Stages that take an object of options, and which of those they need. */
typedef struct stage_row {
    const char *name, *options, *needed;
} stage_row;

extern const stage_row stage_options[];
extern const unsigned stage_option_count;

typedef struct command_row {
    const char *name, *fields;
} command_row;

extern const command_row command_table[];
extern const unsigned command_count;

#endif
