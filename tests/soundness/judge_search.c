/* $search, $searchMeta, $vectorSearch, $rerank, $score: they pass when every path that they name is plain, and can be
 * seen. */

#include <string.h>

#include "judge.h"

typedef enum kind { SPECIFICATION, CONSTANT, PATH, NAMES, HIDDEN, UNKNOWN } kind;

static kind kind_of(const char *name) {
    static const struct {
        kind kind;
        const char *names;
    } table[] = {
        {SPECIFICATION,
         "text phrase autocomplete equals exists range in near wildcard regex compound must mustNot should "
         "filter highlight facet operator facets span term first contains little big embeddedDocument"},
        {CONSTANT, "index query value gt gte lt lte fuzzy slop count returnStoredSource minimumShouldMatch numBuckets "
                   "boundaries type default origin pivot concurrent scoreDetails allowAnalyzedField"},
        {PATH, "path"},
        {NAMES, "sort"},
        {HIDDEN, "queryString moreLikeThis knnBeta"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (operand_known(table[i].names, name))
            return table[i].kind;
    return UNKNOWN;
}

static void hidden(judge *j, const char *stage) {
    judge_note_once(j, F_STAGE, stage, "hidden");
    if (j->encrypts)
        judge_refuse(j, "%s names paths that cannot be told", stage);
}

/* A string, {value, multi}, {wildcard} or a list of these. */
static void path(judge *j, const value *v, const node *at, const char *stage) {
    const value *named = v->type == T_DOC ? value_get(v, "value") : v;
    if (v->type == T_ARRAY)
        for (const value *m = v->first; m; m = m->next)
            path(j, m, at, stage);
    else if (!named || named->type != T_STRING || (v->type == T_DOC && value_get(v, "wildcard")))
        hidden(j, stage);
    else
        judge_plain_path(j, at, value_chars(named), stage, "path");
}

static void specification(judge *j, const value *v, const node *at, const char *stage) {
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next) {
        kind k = v->type == T_ARRAY || strcmp(v->name, "facets") == 0 ? SPECIFICATION : kind_of(m->name);
        if (k == PATH)
            path(j, m, at, stage);
        else if (k == NAMES)
            for (const value *key = m->first; key; key = key->next)
                judge_plain_path(j, at, key->name, stage, "sort");
        else if (k == HIDDEN)
            hidden(j, stage);
        else if (k == UNKNOWN)
            judge_moot(j);
        else if (k == SPECIFICATION)
            specification(j, m, at, stage);
    }
}

const node *judge_search(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (o->type != T_DOC)
        judge_moot(j);
    specification(j, o, at, o->name);
    return at;
}

const node *judge_search_meta(judge *j, const value *o, const value *r, const node *at) {
    judge_search(j, o, r, at);
    return &plain_node;
}

static void vector_filter(judge *j, const value *filter, const node *at) {
    for (const value *m = value_is_container(filter) ? filter->first : NULL; m; m = m->next)
        if (filter->type == T_ARRAY || strcmp(m->name, "$and") == 0 || strcmp(m->name, "$or") == 0 ||
            strcmp(m->name, "$nor") == 0 || strcmp(m->name, "$not") == 0)
            vector_filter(j, m, at);
        else if (m->name[0] == '$')
            judge_moot(j);
        else
            judge_plain_path(j, at, m->name, "$vectorSearch", "filter");
}

const node *judge_vector_search(judge *j, const value *o, const value *r, const node *at) {
    static const char *const filters[] = {"filter", "parentFilter"};
    judge_same(j, o, r);
    if (!judge_options(j, o, "$vectorSearch"))
        return at;
    path(j, value_get(o, "path"), at, "$vectorSearch");
    for (size_t i = 0; i < 2; i++)
        if (value_get(o, filters[i]))
            vector_filter(j, value_get(o, filters[i]), at);
    return at;
}

const node *judge_rerank(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (judge_options(j, o, "$rerank"))
        path(j, value_get(o, "path"), at, "$rerank");
    return at;
}

const node *judge_score(judge *j, const value *o, const value *r, const node *at) {
    if (!judge_options(j, o, "$score"))
        return at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool computes = strcmp(it.o->name, "score") == 0 || strcmp(it.o->name, "weight") == 0;
        int before = judge_enter(j, F_STAGE, "$score", "score");
        const node *n = computes ? judge_settle(j, judge_expression(j, it.o, it.r, at)) : &plain_node;
        if (!computes)
            judge_same(j, it.o, it.r);
        if (node_holds(j->p, n)) {
            judge_note(j, judge_node_site(n));
            judge_refuse(j, "$score over something encrypted");
        }
        judge_leave(j, before);
    }
    return at;
}
