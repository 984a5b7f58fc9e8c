#include "shape.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    grammar *g;
    const char *at;
    bool bad;
} reader;

static char *copied(grammar *g, const char *text, size_t len) {
    char *copy = pool_take(&g->pool, len + 1);
    memcpy(copy, text, len);
    return copy;
}

unsigned shape_rule(grammar *g, const char *name, size_t len) {
    for (unsigned i = 0; i < g->count; i++)
        if (strlen(g->rules[i].name) == len && memcmp(g->rules[i].name, name, len) == 0)
            return i;
    if (g->count == MAX_RULES)
        abort();
    g->rules[g->count] = (rule){.name = copied(g, name, len)};
    return g->count++;
}

/* ---- tokens: whatever is between spaces and the signs of structure ---- */

static bool ends_token(char c) {
    return c == 0 || strchr(" ,:{}[]", c);
}

static void skip_spaces(reader *r) {
    while (*r->at == ' ')
        r->at++;
}

static bool take(reader *r, char c) {
    skip_spaces(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void expect(reader *r, char c) {
    if (!take(r, c))
        r->bad = true;
}

/* "$[]" and "$[i]" are part of a path. */
static bool is_positional(const char *at) {
    return at[0] == '$' && at[1] == '[' && strchr(at, ']');
}

static piece *one_piece(reader *r) {
    piece *p = pool_take(&r->g->pool, sizeof *p);
    const char *start = r->at;
    if (*start == '<') {
        size_t len = strcspn(start + 1, ">");
        *p = (piece){.kind = RULE, .number = shape_rule(r->g, start + 1, len)};
        r->at += len + 2;
        r->bad |= start[len + 1] != '>';
    } else if (*start == '@' && start[1] >= '0' && start[1] < '0' + NAMES) {
        *p = (piece){.kind = NAME, .number = (unsigned)(start[1] - '0')};
        r->at += 2;
    } else {
        do
            r->at += is_positional(r->at) ? strcspn(r->at, "]") + 1 : 1;
        while (!ends_token(*r->at) && *r->at != '<' && *r->at != '@');
        *p = (piece){.kind = WORDS, .words = copied(r->g, start, (size_t)(r->at - start))};
    }
    return p;
}

static piece *token(reader *r) {
    piece *first = NULL, **end = &first;
    skip_spaces(r);
    while (!r->bad && !ends_token(*r->at)) {
        *end = one_piece(r);
        end = &(*end)->next;
    }
    r->bad |= !first;
    return first;
}

/* ---- scalars ---- */

static const value *number(grammar *g, const char *words) {
    char *end;
    long n = strtol(words, &end, 10);
    if (end != words && *end == 0)
        return value_int(&g->pool, (int32_t)n);
    double d = strtod(words, &end);
    return end != words && *end == 0 ? value_double(&g->pool, d) : NULL;
}

static const value *constant(grammar *g, const char *words) {
    if (strcmp(words, "true") == 0 || strcmp(words, "false") == 0)
        return value_bool(&g->pool, words[0] == 't');
    if (strcmp(words, "null") == 0)
        return value_null(&g->pool);
    if (strcmp(words, "\"\"") == 0)
        return value_string(&g->pool, "");
    return words[0] == '-' || (words[0] >= '0' && words[0] <= '9') ? number(g, words) : NULL;
}

static void scalar(reader *r, shape *s) {
    s->text = token(r);
    if (r->bad)
        return;
    bool only = !s->text->next, words = s->text->kind == WORDS;
    s->kind = TEXT;
    if (only && s->text->kind == RULE)
        s->kind = DERIVED;
    else if (only && words && s->text->words[0] == '%') {
        s->kind = UNIQUE;
        s->unique = s->text->words[1];
    } else if (only && words && (s->constant = constant(r->g, s->text->words)))
        s->kind = CONSTANT;
}

/* ---- containers ---- */

static shape *read_value(reader *r, piece *name);

static void append(shape *to, shape *member) {
    if (to->last)
        to->last->next = member;
    else
        to->first = member;
    to->last = member;
}

static void members(reader *r, shape *s, char close) {
    while (!r->bad && !take(r, close)) {
        piece *name = NULL;
        if (s->first)
            expect(r, ',');
        if (s->kind == DOCUMENT) {
            name = token(r);
            expect(r, ':');
        }
        if (!r->bad)
            append(s, read_value(r, name));
    }
}

static shape *read_value(reader *r, piece *name) {
    shape *s = pool_take(&r->g->pool, sizeof *s);
    s->name = name;
    if (take(r, '{')) {
        s->kind = DOCUMENT;
        members(r, s, '}');
    } else if (take(r, '[')) {
        s->kind = LIST;
        members(r, s, ']');
    } else {
        scalar(r, s);
    }
    return s;
}

const shape *shape_read(grammar *g, const char *text) {
    reader r = {g, text, false};
    const shape *s = read_value(&r, NULL);
    skip_spaces(&r);
    return r.bad || *r.at ? NULL : s;
}
