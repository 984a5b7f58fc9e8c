#include "space.h"

#include <stdlib.h>

static family table[] = {
    {.name = "csfle, all schemas", .rule = "small", .set = {.roles = 3}},
    {.name = "csfle, other forms", .rule = "small", .set = {.roles = 2, .first_form = F_REMOTE, .last_form = F_REST}},
    {.name = "csfle, deep", .rule = "deep", .set = {.roles = 2}},
    {.name = "csfle, three stages", .rule = "stages", .set = {.roles = 1}},
    {.name = "csfle, two collections",
     .rule = "joins",
     .set = {.roles = 2, .first_form = F_SEVERAL, .last_form = F_FOREIGN}},
    {.name = "qe, all schemas", .rule = "small", .set = {.qe = true, .roles = 3}},
    {.name = "qe, deep", .rule = "deep", .set = {.qe = true, .roles = 2}},
    {.name = "qe, three stages", .rule = "stages", .set = {.qe = true, .roles = 1}},
    {.name = "qe, two collections",
     .rule = "joins",
     .set = {.qe = true, .roles = 2, .first_form = F_SEVERAL, .last_form = F_FOREIGN}},
};

static uint64_t times(uint64_t a, uint64_t b, uint64_t modulo) {
    return (uint64_t)((unsigned __int128)a * b % modulo);
}

/* The x with a * x = 1 modulo m; 0: there is none. */
static uint64_t inverse(uint64_t a, uint64_t m) {
    __int128 t = 0, next_t = 1, r = (__int128)m, next_r = (__int128)a;
    while (next_r) {
        __int128 q = r / next_r, keep = next_t;
        next_t = t - q * next_t;
        t = keep;
        keep = next_r;
        next_r = r - q * next_r;
        r = keep;
    }
    return r != 1 ? 0 : (uint64_t)(t < 0 ? t + (__int128)m : t);
}

/* About the golden section of n, so that multiples are spread evenly; and coprime to it, so that each comes once. */
static void scatter(family *f) {
    f->step = (uint64_t)((double)f->commands * 0.6180339887498949);
    while (!f->step || !inverse(f->step, f->commands))
        f->step++;
    f->back = inverse(f->step, f->commands);
}

void space_open(space *s, const char *grammar_path) {
    *s =
        (space){.grammar = grammar_read(grammar_path), .families = table, .family_count = sizeof table / sizeof *table};
    for (unsigned i = 0; i < s->family_count; i++) {
        family *f = &table[i];
        f->set.count = 0;
        schema_set_make(&f->set);
        f->rule_number = grammar_rule(s->grammar, f->rule);
        f->commands = grammar_count(s->grammar, f->rule_number);
        f->count = f->commands * f->set.count;
        scatter(f);
        s->count += f->count;
    }
}

void space_close(space *s) {
    for (unsigned i = 0; i < s->family_count; i++)
        schema_set_free(&s->families[i].set);
    grammar_free(s->grammar);
}

/* ---- slices ---- */

static uint64_t cut(const family *f, uint64_t slice) {
    return (uint64_t)((unsigned __int128)f->count * slice / SLICES);
}

static uint64_t slice_start(const space *s, uint64_t slice) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->family_count; i++)
        sum += cut(&s->families[i], slice);
    return sum;
}

static uint64_t slice_of(const space *s, uint64_t index) {
    uint64_t low = 0, high = SLICES;
    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        *(slice_start(s, middle) <= index ? &low : &high) = middle;
    }
    return low;
}

/* ---- inside a family ---- */

static uint64_t run_length(const family *f, uint64_t run) {
    uint64_t left = f->commands - run * RUN;
    return left < RUN ? left : RUN;
}

/* Each schema begins elsewhere, so that many schemas soon meet many commands. */
static uint64_t shift_of(const family *f, unsigned schema_number) {
    return (uint64_t)schema_number * (f->commands / f->set.count + 1) % f->commands;
}

static place_in_space find_in_family(const family *f, uint64_t local) {
    uint64_t whole = (uint64_t)f->set.count * RUN, run = local / whole, rest = local % whole;
    uint64_t length = run_length(f, run);
    place_in_space at = {.schema = (unsigned)(rest / length)};
    at.command = times((run * RUN + rest % length + shift_of(f, at.schema)) % f->commands, f->step, f->commands);
    return at;
}

static uint64_t index_in_family(const family *f, place_in_space at) {
    uint64_t rank = times(at.command, f->back, f->commands);
    rank = (rank + f->commands - shift_of(f, at.schema)) % f->commands;
    uint64_t run = rank / RUN;
    return run * RUN * f->set.count + at.schema * run_length(f, run) + rank % RUN;
}

place_in_space space_find(const space *s, uint64_t index) {
    uint64_t slice = slice_of(s, index), left = index - slice_start(s, slice);
    for (unsigned i = 0;; i++) {
        const family *f = &s->families[i];
        uint64_t from = cut(f, slice), length = cut(f, slice + 1) - from;
        if (left >= length) {
            left -= length;
            continue;
        }
        place_in_space at = find_in_family(f, from + left);
        at.family = i;
        return at;
    }
}

uint64_t space_index(const space *s, place_in_space at) {
    const family *f = &s->families[at.family];
    uint64_t local = index_in_family(f, at);
    uint64_t slice = (uint64_t)((unsigned __int128)local * SLICES / f->count);
    while (cut(f, slice + 1) <= local)
        slice++;
    uint64_t sum = slice_start(s, slice) + local - cut(f, slice);
    for (unsigned i = 0; i < at.family; i++)
        sum += cut(&s->families[i], slice + 1) - cut(&s->families[i], slice);
    return sum;
}
