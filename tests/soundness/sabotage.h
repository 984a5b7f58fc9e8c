#ifndef SOUNDNESS_SABOTAGE_H
#define SOUNDNESS_SABOTAGE_H

#include "rng.h"
#include "value.h"

/* A copy of the result in which one placeholder is not what it should be: plaintext again, or with another key,
 * algorithm or value. The result must hold a placeholder. */
const value *sabotage(pool *p, rng *r, const value *result);

#endif
