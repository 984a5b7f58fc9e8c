#include "splice.h"

#include <stdlib.h>

enum { FIRST_EDITS = 32, MOST_EDITS = 4096 };

/* The head of every edit that only corrects a length. */
static const uint8_t length_prefix[4];

struct oc_edit_chunk {
    oc_edit_chunk *next;
    size_t used, size;
    oc_edit edits[];
};

void oc_splice_start(oc_splice *s, oc_arena *arena, const uint8_t *base, size_t len) {
    *s = (oc_splice){.arena = arena, .base = base, .len = len};
}

static oc_edit *new_edit(oc_splice *s) {
    if (!s->last || s->last->used == s->last->size) {
        size_t size = !s->last ? FIRST_EDITS : s->last->size < MOST_EDITS ? s->last->size * 2 : MOST_EDITS;
        oc_edit_chunk *chunk = oc_arena_alloc(s->arena, sizeof *chunk + size * sizeof(oc_edit));
        if (!chunk)
            return NULL;
        *chunk = (oc_edit_chunk){.size = size};
        if (s->last)
            s->last->next = chunk;
        else
            s->first = chunk;
        s->last = chunk;
    }
    s->count++;
    return &s->last->edits[s->last->used++];
}

static void append(oc_splice *s, oc_edit edit) {
    oc_edit *e = new_edit(s);
    if (!e) {
        s->failed = true;
        return;
    }
    *e = edit;
    /* Two edits at one offset may be in the wrong order as well: an insertion recorded after a replacement. */
    if (edit.at < s->last_at || (edit.at == s->last_at && s->count > 1))
        s->unsorted = true;
    s->last_at = edit.at;
    s->added += (size_t)edit.head_len + edit.tail_len + edit.nuls;
}

/* Outer documents are recorded first, and before anything inside them: a walk in document order stays sorted. */
static void touch(oc_splice *s, oc_frame *frame) {
    if (!frame || frame->touched)
        return;
    touch(s, frame->up);
    frame->touched = true;
    uint32_t at = oc_splice_offset(s, frame->doc);
    append(s, (oc_edit){.at = at, .skip = 4, .end = at + oc_u32(frame->doc), .head = length_prefix, .head_len = 4});
}

void oc_splice_edit(oc_splice *s, oc_frame *frame, oc_edit edit) {
    touch(s, frame);
    append(s, edit);
}

void oc_splice_cut(oc_splice *s, oc_frame *frame, const uint8_t *at, const uint8_t *end) {
    uint32_t offset = oc_splice_offset(s, at);
    uint32_t skip = (uint32_t)(end - at);
    oc_splice_edit(s, frame, (oc_edit){.at = offset, .skip = skip, .end = offset + skip, .length_at = -1});
}

void oc_splice_drop(oc_splice *s, oc_frame *frame, const oc_elem *e) {
    oc_splice_cut(s, frame, e->start, e->end);
}

void oc_splice_insert(oc_splice *s, oc_frame *frame, const uint8_t *at, const uint8_t *bytes, size_t len) {
    uint32_t offset = oc_splice_offset(s, at);
    oc_splice_edit(s, frame,
                   (oc_edit){.at = offset, .end = offset, .head = bytes, .head_len = (uint32_t)len, .length_at = -1});
}

static int compare_offsets(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

const uint32_t *oc_splice_replaced(const oc_splice *s, size_t *count) {
    uint32_t *offsets = oc_arena_alloc(s->arena, (s->count + 1) * sizeof *offsets);
    size_t n = 0;
    for (const oc_edit_chunk *chunk = s->first; offsets && chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->used; i++)
            if (chunk->edits[i].skip)
                offsets[n++] = chunk->edits[i].at;
    if (offsets)
        qsort(offsets, n, sizeof *offsets, compare_offsets);
    *count = n;
    return offsets;
}

bool oc_out_reserve(oc_out *out, size_t more) {
    if (out->cap - out->len >= more)
        return true;
    size_t cap = out->len + more;
    uint8_t *data = malloc(cap);
    if (!data)
        return false;
    if (out->data) {
        memcpy(data, out->data, out->len);
        oc_wipe(out->data, out->len);
        free(out->data);
    }
    out->data = data;
    out->cap = cap;
    return true;
}

void oc_out_clear(oc_out *out, size_t keep) {
    oc_wipe(out->data, out->len);
    out->len = 0;
    if (out->cap <= keep)
        return;
    free(out->data);
    *out = (oc_out){0};
}

static int compare(const void *a, const void *b) {
    const oc_edit *x = *(oc_edit *const *)a;
    const oc_edit *y = *(oc_edit *const *)b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (!x->skip != !y->skip)
        return x->skip ? 1 : -1;
    return x->out < y->out ? -1 : x->out > y->out; /* out holds the order of recording until written */
}

/* Most commands have few edits, and those nearly in order. */
static void sort(oc_edit **edits, size_t n) {
    enum { FEW = 32 };
    if (n > FEW) {
        qsort(edits, n, sizeof *edits, compare);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        oc_edit *e = edits[i];
        size_t at = i;
        for (; at > 0 && compare(&e, &edits[at - 1]) < 0; at--)
            edits[at] = edits[at - 1];
        edits[at] = e;
    }
}

static oc_edit **in_order(oc_splice *s) {
    oc_edit **edits = oc_arena_alloc(s->arena, (s->count + 1) * sizeof *edits);
    if (!edits)
        return NULL;
    size_t n = 0;
    for (oc_edit_chunk *chunk = s->first; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->used; i++) {
            chunk->edits[i].out = (uint32_t)n;
            edits[n++] = &chunk->edits[i];
        }
    sort(edits, n);
    return edits;
}

/* What the writer carries along. */
typedef struct writer {
    oc_splice *s;
    oc_out *out;
    size_t at;     /* input copied or skipped so far */
    oc_edit *open; /* innermost range not closed yet */
    oc_edit *last; /* the edit written before */
} writer;

static void copy_until(writer *w, size_t at) {
    memcpy(w->out->data + w->out->len, w->s->base + w->at, at - w->at);
    w->out->len += at - w->at;
    w->at = at;
}

static void close_until(writer *w, size_t at) {
    while (w->open && w->open->end <= at) {
        oc_edit *e = w->open;
        copy_until(w, e->end);
        if (e->tail_len)
            memcpy(w->out->data + w->out->len, e->tail, e->tail_len);
        w->out->len += e->tail_len;
        memset(w->out->data + w->out->len, 0, e->nuls);
        w->out->len += e->nuls;
        if (e->length_at >= 0) {
            size_t start = e->out + (size_t)e->length_at;
            oc_put_u32(w->out->data + start, (uint32_t)(w->out->len - start));
        }
        w->open = e->open;
    }
}

/* Whoever walks a document has a frame for it, so one document may have been touched twice. Sorted, the two edits are
 * neighbours. */
static bool is_same_document(const oc_edit *a, const oc_edit *b) {
    return a && a->at == b->at && a->head == length_prefix && b->head == length_prefix;
}

/* False for an edit that overlaps another: a mistake of the recorder, which must not become one of memory. */
static bool write_edit(writer *w, oc_edit *e) {
    if (is_same_document(w->last, e))
        return true;
    if (e->at < w->at || e->end < e->at + e->skip || (w->open && w->open->end > e->at && w->open->end < e->end))
        return false;
    w->last = e;
    close_until(w, e->at);
    if (w->open && w->open->sealed)
        return false;
    copy_until(w, e->at);
    e->out = (uint32_t)w->out->len;
    if (e->head_len)
        memcpy(w->out->data + w->out->len, e->head, e->head_len);
    w->out->len += e->head_len;
    w->at += e->skip;
    if (e->length_at >= 0 || e->nuls || e->tail_len) {
        e->open = w->open;
        w->open = e;
    }
    return true;
}

bool oc_splice_write(oc_splice *s, oc_out *out) {
    if (s->failed)
        return false;
    writer w = {.s = s, .out = out};
    if (s->unsorted) {
        oc_edit **edits = in_order(s);
        if (!edits)
            return false;
        for (size_t i = 0; i < s->count; i++)
            if (!write_edit(&w, edits[i]))
                return false;
    } else {
        for (oc_edit_chunk *chunk = s->first; chunk; chunk = chunk->next)
            for (size_t i = 0; i < chunk->used; i++)
                if (!write_edit(&w, &chunk->edits[i]))
                    return false;
    }
    close_until(&w, s->len);
    copy_until(&w, s->len);
    return true;
}
