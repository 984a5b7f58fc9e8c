#ifndef OC_ARENA_H
#define OC_ARENA_H

/* The memory of one request. Everything that an analysis allocates comes from here and is given back at once, so no
 * code below the entry point frees anything. The bytes held plaintext: they are wiped before they are used again. */

#include <stdbool.h>
#include <stddef.h>

typedef struct oc_arena_chunk oc_arena_chunk;

typedef struct oc_arena {
    oc_arena_chunk *chunk; /* newest first; the oldest is kept by a reset */
    size_t used;           /* bytes handed out of `chunk` */
    size_t total;          /* bytes of all chunks */
    size_t limit;          /* total may not grow beyond; 0: no limit */
    bool exceeded;         /* it would have: what seems to be exhausted memory is that */
    void *spare_names;     /* of name sets that are done, for the next ones (schema/nameset.c) */
} oc_arena;

/* A zeroed oc_arena is an empty arena. */

/* `size` bytes aligned for any type, uninitialised; NULL when memory is exhausted or the limit is. */
void *oc_arena_alloc(oc_arena *arena, size_t size);
/* The same, zeroed, for `count` objects; NULL also when count * size overflows. */
void *oc_arena_zeroed(oc_arena *arena, size_t count, size_t size);
/* Wipes what was used and keeps one small chunk for the next request. */
void oc_arena_reset(oc_arena *arena);
void oc_arena_done(oc_arena *arena);

/* Overwrites memory in a way that the compiler does not remove. */
void oc_wipe(void *p, size_t len);

#endif
