#include "tally.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LONGEST_SHAPE = 4096, BUCKETS = 4096, MOST_COUNTS = 1000 };

void oc_tally_init(oc_tally *t, size_t limit) {
    *t = (oc_tally){.bucket_count = BUCKETS, .limit = limit};
    t->buckets = oc_allocate(BUCKETS * sizeof *t->buckets);
}

uint64_t oc_tally_commands(const oc_tally *t) {
    return t->commands[OC_PASSES] + t->commands[OC_MARKED] + t->commands[OC_REFUSED_VERDICT];
}

/* ---- counted texts ---- */

void oc_counts_add(oc_counts *c, const char *text, oc_seen seen) {
    c->total++;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->list[i].text, text) == 0) {
            c->list[i].count++;
            return;
        }
    if (c->count == MOST_COUNTS) {
        c->list[c->count - 1].count++;
        return;
    }
    if (c->count == c->cap) {
        oc_count *bigger = oc_allocate((c->cap = c->cap ? 2 * c->cap : 16) * sizeof *bigger);
        if (c->count)
            memcpy(bigger, c->list, c->count * sizeof *bigger);
        free(c->list);
        c->list = bigger;
    }
    if (c->count == MOST_COUNTS - 1)
        text = "(others)";
    c->list[c->count++] = (oc_count){oc_copy(text, strlen(text)), 1, seen};
}

static void counts_done(oc_counts *c) {
    for (size_t i = 0; i < c->count; i++)
        free(c->list[i].text);
    free(c->list);
}

/* ---- findings ---- */

static void add_text(oc_buffer *to, const char *text) {
    oc_buffer_add(to, text, strlen(text) + 1);
}

static void hash_of(const oc_judged *j, bool rest, uint64_t hash[2]) {
    oc_buffer key = {0};
    oc_buffer_char(&key, (char)j->verdict);
    add_text(&key, j->ns);
    add_text(&key, j->command);
    if (j->verdict == OC_REFUSED_VERDICT) {
        add_text(&key, j->refusal->rule);
        add_text(&key, rest ? "" : j->refusal->path);
        add_text(&key, rest ? "" : j->refusal->op);
        add_text(&key, rest ? "" : j->refusal->message);
    }
    if (!rest) {
        oc_buffer_add(&key, j->marks->data, j->marks->len);
        oc_buffer_char(&key, '\0');
        oc_buffer_add(&key, j->shape->data, j->shape->len);
    } else {
        oc_buffer_text(&key, "...");
    }
    XXH128_hash_t h = XXH3_128bits(key.data, key.len);
    hash[0] = h.low64;
    hash[1] = h.high64;
    oc_buffer_done(&key);
}

static oc_finding *find(const oc_tally *t, const uint64_t hash[2]) {
    oc_finding *f = t->buckets[hash[0] % t->bucket_count];
    while (f && (f->hash[0] != hash[0] || f->hash[1] != hash[1]))
        f = f->next;
    return f;
}

static void grow(oc_tally *t) {
    size_t count = 4 * t->bucket_count;
    oc_finding **buckets = oc_allocate(count * sizeof *buckets);
    for (size_t i = 0; i < t->bucket_count; i++)
        for (oc_finding *f = t->buckets[i], *next; f; f = next) {
            next = f->next;
            f->next = buckets[f->hash[0] % count];
            buckets[f->hash[0] % count] = f;
        }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
}

static char *copy(const char *text) {
    return oc_copy(text, strlen(text));
}

/* A shape that is cut off ends at a whole character. */
static char *copy_shape(const oc_buffer *shape) {
    if (shape->len <= LONGEST_SHAPE)
        return oc_copy(shape->data, shape->len);
    oc_buffer cut = {0};
    size_t len = LONGEST_SHAPE;
    while (len && ((unsigned char)shape->data[len] & 0xC0) == 0x80)
        len--;
    oc_buffer_add(&cut, shape->data, len);
    oc_buffer_text(&cut, "...");
    return oc_buffer_string(&cut) ? cut.data : NULL;
}

static void copy_refusal(opencrypt_refusal *to, const opencrypt_refusal *from) {
    *to = (opencrypt_refusal){
        .code = from->code,
        .code_name = copy(from->code_name),
        .rule = copy(from->rule),
        .path = copy(from->path),
        .op = copy(from->op),
        .message = copy(from->message),
        .hint = copy(from->hint),
    };
}

static oc_finding *make(oc_tally *t, const oc_judged *j, bool rest, const uint64_t hash[2]) {
    oc_finding *f = oc_allocate(sizeof *f);
    f->hash[0] = hash[0];
    f->hash[1] = hash[1];
    f->verdict = j->verdict;
    f->first = j->seen;
    f->rest = rest;
    f->ns = copy(j->ns);
    f->command = copy(j->command);
    f->shape = rest ? copy("(all other shapes)") : copy_shape(j->shape);
    if (j->verdict == OC_REFUSED_VERDICT)
        copy_refusal(&f->refusal, j->refusal);
    if (j->verdict == OC_MARKED && !rest)
        f->marks = oc_marks_read(j->marks);
    if (++t->shapes > 2 * t->bucket_count)
        grow(t);
    f->next = t->buckets[hash[0] % t->bucket_count];
    t->buckets[hash[0] % t->bucket_count] = f;
    return f;
}

void oc_tally_add(oc_tally *t, const oc_judged *j) {
    uint64_t hash[2];
    hash_of(j, false, hash);
    oc_finding *f = find(t, hash);
    bool rest = !f && t->shapes >= t->limit;
    if (rest) {
        hash_of(j, true, hash);
        f = find(t, hash);
    }
    if (!f)
        f = make(t, j, rest, hash);
    f->count++;
    t->commands[j->verdict]++;
}

static int by_verdict_and_count(const void *left, const void *right) {
    const oc_finding *a = *(oc_finding *const *)left, *b = *(oc_finding *const *)right;
    if (a->verdict != b->verdict)
        return a->verdict > b->verdict ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    int order = strcmp(a->ns, b->ns);
    order = order ? order : strcmp(a->shape, b->shape);
    return order ? order : (a->first.line > b->first.line) - (a->first.line < b->first.line);
}

oc_finding **oc_tally_sorted(const oc_tally *t) {
    oc_finding **list = oc_allocate((t->shapes + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < t->bucket_count; i++)
        for (oc_finding *f = t->buckets[i]; f; f = f->next)
            list[n++] = f;
    qsort(list, n, sizeof *list, by_verdict_and_count);
    return list;
}

static void free_text(const char *text) {
    free((char *)(uintptr_t)text);
}

static void finding_free(oc_finding *f) {
    free(f->ns);
    free(f->command);
    free(f->shape);
    oc_marks_done(&f->marks);
    free_text(f->refusal.code_name);
    free_text(f->refusal.rule);
    free_text(f->refusal.path);
    free_text(f->refusal.op);
    free_text(f->refusal.message);
    free_text(f->refusal.hint);
    free(f);
}

void oc_tally_done(oc_tally *t) {
    for (size_t i = 0; i < t->bucket_count; i++)
        for (oc_finding *f = t->buckets[i], *next; f; f = next) {
            next = f->next;
            finding_free(f);
        }
    free(t->buckets);
    counts_done(&t->skipped);
    counts_done(&t->unreadable);
}
