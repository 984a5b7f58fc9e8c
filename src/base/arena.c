#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK = 16 * 1024, LARGEST_CHUNK = 1024 * 1024 };

struct oc_arena_chunk {
    oc_arena_chunk *older;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void oc_wipe(void *p, size_t len) {
    if (len)
        explicit_bzero(p, len);
}

/* Chunks double, so a large request needs few of them; a reset gives all but the first back. */
static size_t chunk_size(const oc_arena *arena, size_t wanted) {
    size_t size = FIRST_CHUNK;
    if (arena->chunk)
        size = arena->chunk->size < LARGEST_CHUNK / 2 ? arena->chunk->size * 2 : LARGEST_CHUNK;
    return size < wanted ? wanted : size;
}

static void *alloc_in_new_chunk(oc_arena *arena, size_t size) {
    size_t bytes = chunk_size(arena, size);
    arena->exceeded = arena->exceeded || (arena->limit && arena->total + bytes > arena->limit);
    if (arena->exceeded)
        return NULL;
    oc_arena_chunk *chunk = malloc(sizeof *chunk + bytes);
    if (!chunk)
        return NULL;
    arena->total += bytes;
    chunk->older = arena->chunk;
    chunk->size = bytes;
    arena->chunk = chunk;
    arena->used = size;
    return chunk->bytes;
}

void *oc_arena_alloc(oc_arena *arena, size_t size) {
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!arena->chunk || arena->chunk->size - arena->used < size)
        return alloc_in_new_chunk(arena, size);
    void *p = arena->chunk->bytes + arena->used;
    arena->used += size;
    return p;
}

void *oc_arena_zeroed(oc_arena *arena, size_t count, size_t size) {
    if (size && count > SIZE_MAX / 2 / size)
        return NULL;
    void *p = oc_arena_alloc(arena, count * size);
    if (p)
        memset(p, 0, count * size);
    return p;
}

void oc_arena_reset(oc_arena *arena) {
    arena->spare_names = NULL;
    arena->exceeded = false;
    if (!arena->chunk)
        return;
    oc_wipe(arena->chunk->bytes, arena->used);
    while (arena->chunk->older || arena->chunk->size > FIRST_CHUNK) {
        oc_arena_chunk *older = arena->chunk->older;
        arena->total -= arena->chunk->size;
        free(arena->chunk);
        arena->chunk = older;
        if (!older)
            break;
        oc_wipe(older->bytes, older->size);
    }
    arena->used = 0;
}

void oc_arena_done(oc_arena *arena) {
    oc_arena_reset(arena);
    free(arena->chunk);
    *arena = (oc_arena){0};
}
