#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* pcre2 limits the steps from one place in the name. Most matches end within FEW_STEPS; one that does not is tried
 * again place by place, each with FACTOR times as many until that is enough, up to MOST_STEPS: so what it is charged
 * for is never less than what it takes, and not much more. */
enum { FEW_STEPS = 4, FACTOR = 4, MOST_STEPS = 20000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 1024 };

struct oc_regex {
    pcre2_code *code;
    bool anchored; /* matches only at the start of a name */
    bool divides;  /* means the same tried place by place: no verb, (*COMMIT), and no \G in it */
};

/* pcre2 compiles a group by recursion, 600 bytes of stack each. */
enum { DEEPEST_GROUP = 30 };

static void *arena_malloc(PCRE2_SIZE size, void *arena) {
    return oc_arena_alloc(arena, size);
}

static void arena_free(void *p, void *arena) {
    (void)p;
    (void)arena;
}

static bool contains(oc_str pattern, const char *pair) {
    for (size_t i = 0; i + 1 < pattern.n; i++)
        if (pattern.s[i] == pair[0] && pattern.s[i + 1] == pair[1])
            return true;
    return false;
}

const oc_regex *oc_regex_compile(oc_arena *arena, oc_str pattern, size_t *offset) {
    *offset = SIZE_MAX;
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!context)
        return NULL;
    pcre2_set_parens_nest_limit(context, DEEPEST_GROUP);
    int code;
    PCRE2_SIZE at;
    oc_regex *regex = oc_arena_alloc(arena, sizeof *regex);
    if (!regex)
        return NULL;
    regex->code =
        pcre2_compile((PCRE2_SPTR)pattern.s, pattern.n, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    if (!regex->code && code != PCRE2_ERROR_HEAP_FAILED)
        *offset = at;
    if (!regex->code)
        return NULL;
    uint32_t options = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_ALLOPTIONS, &options);
    regex->anchored = options & PCRE2_ANCHORED;
    regex->divides = !contains(pattern, "(*") && !contains(pattern, "\\G");
    return regex;
}

static bool prepare(oc_matcher *m, oc_arena *arena) {
    if (m->data)
        return true;
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    if (!general)
        return false;
    pcre2_match_context *context = pcre2_match_context_create(general);
    pcre2_match_data *data = pcre2_match_data_create(1, general);
    if (!context || !data)
        return false;
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
    m->context = context;
    m->data = data;
    return true;
}

/* One name in work. */
typedef struct attempt {
    const oc_regex *regex;
    oc_matcher *m;
    oc_budget *budget;
    oc_str name;
} attempt;

enum { NO_BUDGET = PCRE2_ERROR_MATCHLIMIT - 10000 };

/* With so many steps from each of the `starts` that pcre2 may begin at; they are paid for before they are taken. */
static int try(const attempt *t, size_t start, uint32_t options, uint64_t starts, uint32_t steps) {
    if (!oc_budget_spend(t->budget, steps * starts))
        return NO_BUDGET;
    pcre2_set_match_limit(t->m->context, steps);
    return pcre2_match(t->regex->code, (PCRE2_SPTR)t->name.s, t->name.n, start, options, t->m->data, t->m->context);
}

static int try_harder(const attempt *t, size_t start, uint32_t options, uint64_t starts) {
    int n = PCRE2_ERROR_MATCHLIMIT;
    for (uint32_t steps = FEW_STEPS; n == PCRE2_ERROR_MATCHLIMIT && steps < MOST_STEPS;) {
        steps = steps * FACTOR < MOST_STEPS ? steps * FACTOR : MOST_STEPS;
        n = try(t, start, options, starts, steps);
    }
    return n;
}

/* The name has been found to be UTF-8. */
static int try_each_start(const attempt *t) {
    int n = PCRE2_ERROR_NOMATCH;
    for (size_t i = 0; n == PCRE2_ERROR_NOMATCH && i <= t->name.n; i++)
        if (i == t->name.n || ((uint8_t)t->name.s[i] & 0xC0) != 0x80)
            n = try_harder(t, i, PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, 1);
    return n;
}

static oc_match_result result_of(int n) {
    if (n >= 0)
        return OC_MATCH_YES;
    switch (n) {
    case PCRE2_ERROR_NOMATCH: return OC_MATCH_NO;
    case PCRE2_ERROR_NOMEMORY: return OC_MATCH_NO_MEMORY;
    case NO_BUDGET: return OC_MATCH_TOO_MANY;
    default: return OC_MATCH_ERROR;
    }
}

oc_match_result oc_regex_match(const oc_regex *regex, oc_matcher *m, oc_budget *budget, oc_arena *arena, oc_str name) {
    if (!prepare(m, arena))
        return OC_MATCH_NO_MEMORY;
    const attempt t = {regex, m, budget, name};
    uint64_t starts = regex->anchored ? 1 : (uint64_t)name.n + 1;
    int n = try(&t, 0, 0, starts, FEW_STEPS);
    if (n != PCRE2_ERROR_MATCHLIMIT)
        return result_of(n);
    return result_of(regex->divides && starts > 1 ? try_each_start(&t) : try_harder(&t, 0, 0, starts));
}
