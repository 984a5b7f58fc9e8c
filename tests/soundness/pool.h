#ifndef SOUNDNESS_POOL_H
#define SOUNDNESS_POOL_H

/* Memory of one pair: taken piece by piece, given back all at once. */

#include <stddef.h>

typedef struct pool {
    struct block *blocks, *current;
} pool;

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
} block;

/* Zeroed. Ends the program when memory is exhausted. */
void *pool_take(pool *p, size_t size);
char *pool_text(pool *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keeps the blocks for the next pair. */
void pool_reset(pool *p);
void pool_done(pool *p);

#endif
