#ifndef SOUNDNESS_RNG_H
#define SOUNDNESS_RNG_H

/* splitmix64: small, and the same everywhere, so that a seed names a run. */

#include <stdbool.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

static inline uint64_t rng_next(rng *r) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to n - 1. */
static inline unsigned rng_below(rng *r, unsigned n) {
    return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_percent(rng *r, unsigned percent) {
    return rng_below(r, 100) < percent;
}

#endif
