#ifndef OC_REGEX_H
#define OC_REGEX_H

/* Regular expressions of patternProperties: pcre2, UTF, unanchored, with limits on the work that one match may cost.
 * All memory comes from arenas: a compiled pattern from its tree's, the memory of matching from the request's. */

#include "arena.h"
#include "bson.h"
#include "budget.h"

typedef struct oc_regex oc_regex; /* immutable, shared between threads */

/* NULL if the pattern is not valid (then *offset is where) or memory is exhausted (*offset is SIZE_MAX). */
const oc_regex *oc_regex_compile(oc_arena *arena, oc_str pattern, size_t *offset);

/* The memory of matching, of one request. Zeroed: nothing yet. */
typedef struct oc_matcher {
    void *data, *context;
} oc_matcher;

typedef enum oc_match_result {
    OC_MATCH_NO,
    OC_MATCH_YES,
    OC_MATCH_ERROR,    /* the name is not UTF-8, or this match alone takes too many steps */
    OC_MATCH_TOO_MANY, /* all of the request together take more steps than its budget has */
    OC_MATCH_NO_MEMORY,
} oc_match_result;

oc_match_result oc_regex_match(const oc_regex *regex, oc_matcher *matcher, oc_budget *budget, oc_arena *arena,
                               oc_str name);

#endif
