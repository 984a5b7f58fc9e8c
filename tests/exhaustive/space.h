#ifndef EXHAUSTIVE_SPACE_H
#define EXHAUSTIVE_SPACE_H

/* The numbers 0 to N - 1 and the pairs of a schema and a command that they stand for, each pair of each family once.
 *
 * A family is a set of schemas and a rule of the grammar; all its schemas meet all its commands. So that any stretch of
 * numbers is a fair sample, the families are cut into SLICES slices each and take turns. Inside a family, RUN commands
 * after another meet the same schema (it is compiled once for them), then comes the next schema; and which commands
 * they are is scattered over all that there are, differently for each schema. */

#include "grammar.h"
#include "schemas.h"

enum { SLICES = 4096, RUN = 32 };

typedef struct family {
    const char *name, *rule;
    schema_set set;
    unsigned rule_number;
    uint64_t commands, count;
    uint64_t step, back; /* step * back = 1 modulo commands */
} family;

typedef struct space {
    grammar *grammar;
    family *families;
    unsigned family_count;
    uint64_t count;
} space;

typedef struct place_in_space {
    unsigned family, schema;
    uint64_t command; /* of the grammar's rule */
} place_in_space;

void space_open(space *s, const char *grammar_path);
void space_close(space *s);
place_in_space space_find(const space *s, uint64_t index);
/* The inverse. */
uint64_t space_index(const space *s, place_in_space at);

#endif
