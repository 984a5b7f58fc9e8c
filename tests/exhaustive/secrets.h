#ifndef EXHAUSTIVE_SECRETS_H
#define EXHAUSTIVE_SECRETS_H

#include "schemas.h"

enum { MAX_SECRETS = 32 };

/* Values of a command that must not be seen in its result. */
typedef struct secrets {
    const value *values[MAX_SECRETS];
    unsigned count;
} secrets;

void secrets_collect(secrets *to, pool *p, const schema *s, const value *command);

#endif
