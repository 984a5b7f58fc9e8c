#include "grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shape.h"

static void fail(const char *what, const char *name, unsigned line) {
    fprintf(stderr, "grammar: %s: %s (line %u)\n", what, name, line);
    exit(2);
}

/* ---- reading ---- */

static void add_alternative(grammar *g, rule *to, const char *text, unsigned line) {
    alternative *a = pool_take(&g->pool, sizeof *a);
    a->shape = shape_read(g, text);
    if (!a->shape)
        fail("malformed", text, line);
    if (to->last)
        to->last->next = a;
    else
        to->first = a;
    to->last = a;
}

/* A rule's name stands at the start of a line, its alternatives are indented. */
static void read_line(grammar *g, rule **current, char *line, unsigned number) {
    line[strcspn(line, "\n")] = 0;
    if (line[0] == 0 || line[0] == '#')
        return;
    if (line[0] != ' ') {
        *current = &g->rules[shape_rule(g, line, strlen(line))];
        if ((*current)->line)
            fail("two rules", line, number);
        (*current)->line = number;
        return;
    }
    if (!*current)
        fail("an alternative of no rule", line, number);
    add_alternative(g, *current, line, number);
}

static uint64_t count_rule(grammar *g, unsigned n);

static uint64_t count_pieces(grammar *g, const piece *p) {
    uint64_t n = 1;
    for (; p; p = p->next)
        if (p->kind == RULE)
            n *= count_rule(g, p->number);
    return n;
}

static uint64_t count_shape(grammar *g, const shape *s) {
    uint64_t n = count_pieces(g, s->name) * count_pieces(g, s->text);
    for (const shape *m = s->first; m; m = m->next)
        n *= count_shape(g, m);
    return n;
}

static uint64_t count_rule(grammar *g, unsigned n) {
    rule *r = &g->rules[n];
    if (r->state == COUNTED)
        return r->count;
    if (r->state == COUNTING || !r->first)
        fail(r->first ? "refers to itself" : "has no alternatives", r->name, r->line);
    r->state = COUNTING;
    for (alternative *a = r->first; a; a = a->next)
        r->count += a->count = count_shape(g, a->shape);
    r->state = COUNTED;
    return r->count;
}

grammar *grammar_read(const char *path) {
    grammar *g = calloc(1, sizeof *g);
    FILE *in = fopen(path, "r");
    char line[512];
    rule *current = NULL;
    if (!g || !in)
        fail("cannot read", path, 0);
    for (unsigned n = 1; fgets(line, sizeof line, in); n++)
        read_line(g, &current, line, n);
    fclose(in);
    for (unsigned i = 0; i < g->count; i++)
        count_rule(g, i);
    return g;
}

void grammar_free(grammar *g) {
    pool_done(&g->pool);
    free(g);
}

unsigned grammar_rule(const grammar *g, const char *name) {
    for (unsigned i = 0; i < g->count; i++)
        if (strcmp(g->rules[i].name, name) == 0)
            return i;
    fail("no rule", name, 0);
    return 0;
}

uint64_t grammar_count(const grammar *g, unsigned start) {
    return g->rules[start].count;
}

/* ---- making: the digits of the index choose, hole by hole ---- */

typedef struct maker {
    const grammar *g;
    const role_names *names;
    pool *p;
    trace *trace;
    unsigned uniques; /* so far in this command */
} maker;

static const value *make_rule(maker *m, unsigned n, uint64_t index);

static uint64_t digit(uint64_t *index, uint64_t count) {
    uint64_t d = *index % count;
    *index /= count;
    return d;
}

static const value *make_hole(maker *m, const piece *p, uint64_t *index) {
    return make_rule(m, p->number, digit(index, m->g->rules[p->number].count));
}

static const char *chars_of(maker *m, const piece *p, uint64_t *index) {
    switch (p->kind) {
    case NAME: return m->names->at[p->number];
    case RULE: return value_chars(make_hole(m, p, index));
    default: return p->words;
    }
}

static const char *make_text(maker *m, const piece *p, uint64_t *index) {
    const char *text = chars_of(m, p, index);
    for (p = p->next; p; p = p->next) {
        const char *more = chars_of(m, p, index);
        size_t a = strlen(text), b = strlen(more);
        char *both = pool_take(m->p, a + b + 1);
        memcpy(both, text, a);
        memcpy(both + a, more, b);
        text = both;
    }
    return text;
}

static const value *ciphertext(maker *m, uint8_t first) {
    uint8_t payload[8] = {first, 's', 'e', 'a', 'l', 'e', 'd', (uint8_t)m->uniques};
    return value_binary(m->p, 6, payload, sizeof payload);
}

/* No two of a command are equal, so that each can be looked for in the result. */
static const value *make_unique(maker *m, char type) {
    unsigned n = ++m->uniques;
    int64_t wide = 770000 + n;
    char text[16] = "secret-00";
    text[7] = (char)('0' + n / 10 % 10);
    text[8] = (char)('0' + n % 10);
    switch (type) {
    case 'i': return value_int(m->p, 70000 + (int)n);
    case 'l': return value_long(m->p, wide);
    case 'd': return value_double(m->p, (double)wide + 0.5);
    case 't': return value_scalar(m->p, T_DATE, &wide, sizeof wide);
    case 'c': return ciphertext(m, 1);
    case 'e': return ciphertext(m, 5);
    case 'f': return ciphertext(m, 0);
    case 'r': return value_scalar(m->p, T_REGEX, "^secret\0", 9);
    default: return value_string(m->p, text);
    }
}

static const value *make_shape(maker *m, const shape *s, uint64_t *index) {
    value *made;
    switch (s->kind) {
    case DERIVED: return make_hole(m, s->text, index);
    case TEXT: return value_string(m->p, make_text(m, s->text, index));
    case UNIQUE: return make_unique(m, s->unique);
    case CONSTANT: return s->constant;
    default: made = s->kind == DOCUMENT ? value_doc(m->p) : value_array(m->p);
    }
    for (const shape *c = s->first; c; c = c->next) {
        const char *name = c->name ? make_text(m, c->name, index) : NULL;
        const value *child = make_shape(m, c, index);
        name ? value_put(m->p, made, name, child) : value_push(m->p, made, child);
    }
    return made;
}

static const value *make_rule(maker *m, unsigned n, uint64_t index) {
    const alternative *a = m->g->rules[n].first;
    unsigned choice = 0;
    for (; index >= a->count; a = a->next, choice++)
        index -= a->count;
    if (m->trace && m->trace->count < MAX_CHOICES)
        m->trace->choices[m->trace->count++] = (unsigned short)choice;
    return make_shape(m, a->shape, &index);
}

const value *grammar_make(const grammar *g, unsigned start, uint64_t index, const role_names *n, pool *p, trace *t) {
    maker m = {.g = g, .names = n, .p = p, .trace = t};
    if (t)
        t->count = 0;
    return make_rule(&m, start, index);
}

/* ---- and back ---- */

typedef struct ranker {
    const grammar *g;
    const trace *trace;
    unsigned next;
} ranker;

typedef struct place {
    uint64_t sum, radix;
} place;

static uint64_t rank_rule(ranker *r, unsigned n);

static void rank_pieces(ranker *r, const piece *p, place *to) {
    for (; p; p = p->next) {
        if (p->kind != RULE)
            continue;
        to->sum += rank_rule(r, p->number) * to->radix;
        to->radix *= r->g->rules[p->number].count;
    }
}

static void rank_shape(ranker *r, const shape *s, place *to) {
    rank_pieces(r, s->text, to);
    for (const shape *c = s->first; c; c = c->next) {
        rank_pieces(r, c->name, to);
        rank_shape(r, c, to);
    }
}

static uint64_t rank_rule(ranker *r, unsigned n) {
    const alternative *a = r->g->rules[n].first;
    uint64_t before = 0;
    for (unsigned choice = r->trace->choices[r->next++]; choice > 0; choice--, a = a->next)
        before += a->count;
    place to = {0, 1};
    rank_shape(r, a->shape, &to);
    return before + to.sum;
}

uint64_t grammar_rank(const grammar *g, unsigned start, const trace *t) {
    ranker r = {g, t, 0};
    return rank_rule(&r, start);
}
