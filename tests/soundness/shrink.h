#ifndef SOUNDNESS_SHRINK_H
#define SOUNDNESS_SHRINK_H

#include "trial.h"

typedef struct shrunk {
    world world;
    const value *command;
    trial trial;
} shrunk;

/* Takes away from the command and the schema what the failure does not need. Everything lives in the bench's pool. */
shrunk shrink(bench *b, const world *w, const value *command, uint64_t seed);

#endif
