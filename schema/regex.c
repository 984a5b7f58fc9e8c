#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A name is short, and most matches end within FEW_STEPS. One that does not may take MOST_STEPS, and a request may have
 * MOST_EXPENSIVE of those: what a request can cost is bounded, and the same request always gets the same answer. */
enum { FEW_STEPS = 100, MOST_STEPS = 20000, MOST_EXPENSIVE = 500, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 1024 };

/* pcre2 compiles a group by recursion, 600 bytes of stack each. */
enum { DEEPEST_GROUP = 30 };

static void *arena_malloc(PCRE2_SIZE size, void *arena) {
    return oc_arena_alloc(arena, size);
}

static void arena_free(void *p, void *arena) {
    (void)p;
    (void)arena;
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
    pcre2_code *regex =
        pcre2_compile((PCRE2_SPTR)pattern.s, pattern.n, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    if (!regex && code != PCRE2_ERROR_HEAP_FAILED)
        *offset = at;
    return (const oc_regex *)regex;
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

static int match(const oc_regex *regex, oc_matcher *m, oc_str name, uint32_t steps) {
    pcre2_set_match_limit(m->context, steps);
    return pcre2_match((const pcre2_code *)regex, (PCRE2_SPTR)name.s, name.n, 0, 0, m->data, m->context);
}

oc_match_result oc_regex_match(const oc_regex *regex, oc_matcher *m, oc_arena *arena, oc_str name) {
    if (!prepare(m, arena))
        return OC_MATCH_NO_MEMORY;
    int n = match(regex, m, name, FEW_STEPS);
    if (n == PCRE2_ERROR_MATCHLIMIT && m->expensive++ < MOST_EXPENSIVE)
        n = match(regex, m, name, MOST_STEPS);
    if (n >= 0)
        return OC_MATCH_YES;
    if (n == PCRE2_ERROR_NOMEMORY)
        return OC_MATCH_NO_MEMORY;
    return n == PCRE2_ERROR_NOMATCH ? OC_MATCH_NO : OC_MATCH_ERROR;
}
