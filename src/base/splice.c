#include "splice.h"

#include <stdlib.h>

enum { FIRST_EDITS = 32, MOST_EDITS = 4096 };

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

bool oc_splice_fits(oc_splice *s) {
    if (!s->limit || s->len + s->added <= s->limit + s->removed + s->expected)
        return true;
    s->failed = true;
    return oc_fail(s->error, OC_TOO_LARGE, NULL, NULL, "send fewer documents or values at once",
                   "The command with its placeholders would be larger than %zu bytes", s->limit);
}

/* What an edit adds, and what it leaves out. */
static void count_bytes(oc_splice *s, const oc_edit *e) {
    if (e->kind == OC_EDIT_LENGTH)
        return;
    s->added += (size_t)e->head_len + e->nuls;
    s->removed += e->kind == OC_EDIT_BYTES ? e->skip : e->end - e->at;
    oc_splice_fits(s);
}

static void append(oc_splice *s, oc_edit edit) {
    oc_edit *e = s->failed ? NULL : new_edit(s);
    if (!e) {
        s->failed = true;
        return;
    }
    *e = edit;
    /* Two edits at one offset may be in the wrong order as well: an insertion recorded after a replacement. */
    if (edit.at < s->last_at || (edit.at == s->last_at && s->count > 1))
        s->unsorted = true;
    s->last_at = edit.at;
    count_bytes(s, e);
}

/* Outer documents are recorded first, and before anything inside them: a walk in document order stays sorted. */
static void touch(oc_splice *s, oc_frame *frame) {
    if (!frame || frame->touched)
        return;
    touch(s, frame->up);
    frame->touched = true;
    uint32_t at = oc_splice_offset(s, frame->doc);
    append(s, (oc_edit){.at = at, .skip = 4, .end = at + oc_u32(frame->doc), .kind = OC_EDIT_LENGTH});
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
    if (offsets && s->unsorted)
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

/* ---- order ---- */

static bool is_before(const oc_edit *a, const oc_edit *b) {
    return a->at != b->at ? a->at < b->at : !a->skip && b->skip;
}

static void sort_few(const oc_edit **edits, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const oc_edit *e = edits[i];
        size_t at = i;
        for (; at > 0 && is_before(e, edits[at - 1]); at--)
            edits[at] = edits[at - 1];
        edits[at] = e;
    }
}

/* Two sorted runs, from 0 to `middle` and from there to `n`. */
static void merge(const oc_edit **edits, size_t middle, size_t n, const oc_edit **spare) {
    if (!is_before(edits[middle], edits[middle - 1]))
        return;
    memcpy(spare, edits, middle * sizeof *spare);
    for (size_t i = 0, left = 0, right = middle; left < middle; i++)
        edits[i] = right < n && is_before(edits[right], spare[left]) ? edits[right++] : spare[left++];
}

/* Keeps the order of recording, and takes no memory but the arena's. Most commands have few edits, and others runs of
 * them in order. */
static void sort(const oc_edit **edits, size_t n, const oc_edit **spare) {
    enum { FEW = 32 };
    for (size_t at = 0; at < n; at += FEW)
        sort_few(edits + at, n - at < FEW ? n - at : FEW);
    for (size_t run = FEW; run < n; run *= 2)
        for (size_t at = 0; at + run < n; at += 2 * run)
            merge(edits + at, run, n - at < 2 * run ? n - at : 2 * run, spare);
}

static const oc_edit **in_order(oc_splice *s) {
    const oc_edit **edits = oc_arena_alloc(s->arena, 2 * s->count * sizeof *edits);
    if (!edits)
        return NULL;
    size_t n = 0;
    for (oc_edit_chunk *chunk = s->first; chunk; chunk = chunk->next)
        for (size_t i = 0; i < chunk->used; i++)
            edits[n++] = &chunk->edits[i];
    sort(edits, n, edits + n);
    return edits;
}

/* ---- writing ---- */

/* A range that the writer is in. */
typedef struct range {
    const oc_edit *edit;
    size_t out; /* where its head went */
} range;

/* What the writer carries along. */
typedef struct writer {
    oc_splice *s;
    oc_out *out;
    size_t at;   /* input copied or skipped so far */
    range *open; /* ranges not closed yet, the innermost last */
    size_t depth, most;
    const oc_edit *last; /* the edit written before */
    bool failed; /* no memory, or an edit that overlaps another: a mistake of the recorder, which must not become
                  * one of memory */
} writer;

/* Room for n bytes; they are counted as written. */
static inline uint8_t *take(writer *w, size_t n) {
    size_t len = w->out->len;
    if (w->failed || w->out->cap - len < n) {
        w->failed = true;
        return NULL;
    }
    w->out->len = len + n;
    return w->out->data + len;
}

static inline void put(writer *w, const uint8_t *bytes, size_t n) {
    uint8_t *p = take(w, n);
    if (p && n)
        memcpy(p, bytes, n);
}

static void put_nul(writer *w) {
    uint8_t *p = take(w, 1);
    if (p)
        *p = 0;
}

static void copy_until(writer *w, size_t at) {
    if (at > w->at)
        put(w, w->s->base + w->at, at - w->at);
    w->at = at;
}

static bool has_length(const oc_edit *e) {
    return e->kind == OC_EDIT_LENGTH || e->length_at >= 0;
}

static void close_until(writer *w, size_t at) {
    while (!w->failed && w->depth && w->open[w->depth - 1].edit->end <= at) {
        range r = w->open[--w->depth];
        copy_until(w, r.edit->end);
        for (unsigned i = 0; i < r.edit->nuls; i++)
            put_nul(w);
        if (w->failed || !has_length(r.edit))
            continue;
        size_t start = r.out + (r.edit->kind == OC_EDIT_LENGTH ? 0 : (size_t)r.edit->length_at);
        oc_put_u32(w->out->data + start, (uint32_t)(w->out->len - start));
    }
}

static void open_range(writer *w, const oc_edit *e) {
    if (w->depth == w->most) {
        size_t most = 2 * w->most;
        range *open = oc_arena_alloc(w->s->arena, most * sizeof *open);
        w->failed = w->failed || !open;
        if (!open)
            return;
        memcpy(open, w->open, w->depth * sizeof *open);
        w->open = open;
        w->most = most;
    }
    w->open[w->depth++] = (range){e, w->out->len};
}

/* Whoever walks a document has a frame for it, so one document may have been touched twice. Sorted, the two edits are
 * neighbours. */
static bool is_same_document(const oc_edit *a, const oc_edit *b) {
    return a && a->at == b->at && a->kind == OC_EDIT_LENGTH && b->kind == OC_EDIT_LENGTH;
}

static bool overlaps(const writer *w, const oc_edit *e) {
    const oc_edit *around = w->depth ? w->open[w->depth - 1].edit : NULL;
    return e->at < w->at || e->end < e->at + e->skip || (around && around->end > e->at && around->end < e->end);
}

static void write_made(writer *w, const oc_edit *e) {
    uint8_t *p = take(w, e->head_len);
    w->failed = w->failed || w->s->make(e, w->s->base, p) != p + e->head_len;
    w->at = e->end;
}

static void write_bytes(writer *w, const oc_edit *e) {
    static const uint8_t to_come[4];
    if (has_length(e) || e->nuls)
        open_range(w, e);
    if (e->kind == OC_EDIT_LENGTH)
        put(w, to_come, sizeof to_come);
    else if (e->head_len)
        put(w, e->head, e->head_len);
    w->at += e->skip;
}

static void write_edit(writer *w, const oc_edit *e) {
    if (is_same_document(w->last, e))
        return;
    w->failed = w->failed || overlaps(w, e);
    if (w->failed)
        return;
    w->last = e;
    close_until(w, e->at);
    copy_until(w, e->at);
    if (e->kind < OC_EDIT_MADE)
        write_bytes(w, e);
    else
        write_made(w, e);
}

static void write_sorted(writer *w) {
    const oc_edit **edits = in_order(w->s);
    w->failed = !edits;
    for (size_t i = 0; !w->failed && i < w->s->count; i++)
        write_edit(w, edits[i]);
}

static void write_as_recorded(writer *w) {
    for (const oc_edit_chunk *chunk = w->s->first; chunk; chunk = chunk->next)
        for (size_t i = 0; !w->failed && i < chunk->used; i++)
            write_edit(w, &chunk->edits[i]);
}

bool oc_splice_write(oc_splice *s, oc_out *out) {
    enum { FEW = 16 }; /* documents are seldom nested deeper */
    range few[FEW];
    writer w = {.s = s, .out = out, .open = few, .most = FEW, .failed = s->failed};
    if (s->unsorted)
        write_sorted(&w);
    else
        write_as_recorded(&w);
    close_until(&w, s->len);
    if (!w.failed)
        copy_until(&w, s->len);
    return !w.failed;
}
