#include "pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 18 };

static block *add_block(pool *p, size_t size) {
    size_t room = size > BLOCK ? size : BLOCK;
    block *b = malloc(sizeof *b + room);
    if (!b) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    *b = (block){.size = room};
    if (p->current) {
        b->next = p->current->next;
        p->current->next = b;
    } else {
        p->blocks = b;
    }
    return p->current = b;
}

static block *block_with_room(pool *p, size_t size) {
    if (p->current && p->current->size - p->current->used >= size)
        return p->current;
    if (p->current && p->current->next && p->current->next->size >= size) {
        p->current = p->current->next;
        p->current->used = 0;
        return p->current;
    }
    return add_block(p, size);
}

void *pool_take(pool *p, size_t size) {
    size = (size + 15) & ~(size_t)15;
    block *b = block_with_room(p, size);
    void *piece = b->bytes + b->used;
    b->used += size;
    return memset(piece, 0, size);
}

char *pool_text(pool *p, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = pool_take(p, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void pool_reset(pool *p) {
    p->current = p->blocks;
    if (p->current)
        p->current->used = 0;
}

void pool_done(pool *p) {
    for (block *b = p->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *p = (pool){0};
}
