/* $search, $searchMeta, $vectorSearch: the search index holds ciphertext, so they pass when every path that they name
 * is plain. A member that is not known here might name one: an error. */

#include "search.h"

#include "dropped.h"
#include "fields.h"
#include "view.h"

/* What the members of a search specification are, wherever they stand. */
typedef enum member_kind {
    SEARCH_SPEC,     /* specifications, or nothing to look at */
    SEARCH_CONSTANT, /* not looked into */
    SEARCH_PATH,
    SEARCH_KEYS,   /* an object whose names are paths, or an array of such: sort, like */
    SEARCH_NAMED,  /* an object of specifications under names of the user's: facets */
    SEARCH_HIDDEN, /* names paths in a way that cannot be seen */
} member_kind;

static const struct {
    const char *name;
    member_kind kind;
} members[] = {
    /* clang-format off */
    {"allowAnalyzedField", SEARCH_CONSTANT}, {"autocomplete", SEARCH_SPEC}, {"boost", SEARCH_SPEC}, {"boundaries", SEARCH_CONSTANT},
    {"clauses", SEARCH_SPEC}, {"compound", SEARCH_SPEC}, {"concurrent", SEARCH_CONSTANT}, {"constant", SEARCH_CONSTANT},
    {"contains", SEARCH_SPEC}, {"count", SEARCH_CONSTANT}, {"decay", SEARCH_CONSTANT}, {"default", SEARCH_CONSTANT},
    {"defaultPath", SEARCH_PATH}, {"doesNotAffect", SEARCH_CONSTANT}, {"embedded", SEARCH_SPEC}, {"embeddedDocument", SEARCH_SPEC},
    {"equals", SEARCH_SPEC}, {"exclude", SEARCH_SPEC}, {"exists", SEARCH_SPEC}, {"facet", SEARCH_SPEC},
    {"facets", SEARCH_NAMED}, {"filter", SEARCH_SPEC}, {"first", SEARCH_SPEC}, {"function", SEARCH_SPEC},
    {"fuzzy", SEARCH_CONSTANT}, {"gauss", SEARCH_SPEC}, {"geoShape", SEARCH_SPEC}, {"geoWithin", SEARCH_SPEC},
    {"geometry", SEARCH_CONSTANT}, {"gt", SEARCH_CONSTANT}, {"gte", SEARCH_CONSTANT}, {"highlight", SEARCH_SPEC},
    {"in", SEARCH_SPEC}, {"include", SEARCH_SPEC}, {"index", SEARCH_CONSTANT}, {"inOrder", SEARCH_CONSTANT},
    {"knnBeta", SEARCH_HIDDEN}, {"like", SEARCH_KEYS}, {"little", SEARCH_SPEC}, {"big", SEARCH_SPEC},
    {"lt", SEARCH_CONSTANT}, {"lte", SEARCH_CONSTANT}, {"matchCriteria", SEARCH_CONSTANT}, {"maxCharsToExamine", SEARCH_CONSTANT},
    {"maxNumPassages", SEARCH_CONSTANT}, {"minimumShouldMatch", SEARCH_CONSTANT}, {"moreLikeThis", SEARCH_SPEC}, {"must", SEARCH_SPEC},
    {"mustNot", SEARCH_SPEC}, {"near", SEARCH_SPEC}, {"numBuckets", SEARCH_CONSTANT}, {"operator", SEARCH_SPEC},
    {"offset", SEARCH_CONSTANT}, {"origin", SEARCH_CONSTANT}, {"path", SEARCH_PATH}, {"phrase", SEARCH_SPEC}, {"pivot", SEARCH_CONSTANT},
    {"query", SEARCH_CONSTANT}, {"queryString", SEARCH_HIDDEN}, {"range", SEARCH_SPEC}, {"regex", SEARCH_SPEC},
    {"relation", SEARCH_CONSTANT}, {"returnScope", SEARCH_SPEC}, {"returnStoredSource", SEARCH_CONSTANT}, {"scale", SEARCH_CONSTANT},
    {"score", SEARCH_SPEC}, {"scoreDetails", SEARCH_CONSTANT}, {"searchAfter", SEARCH_CONSTANT}, {"searchBefore", SEARCH_CONSTANT},
    {"should", SEARCH_SPEC}, {"slop", SEARCH_CONSTANT}, {"sort", SEARCH_KEYS}, {"span", SEARCH_SPEC},
    {"subtract", SEARCH_SPEC}, {"synonyms", SEARCH_CONSTANT}, {"term", SEARCH_SPEC}, {"text", SEARCH_SPEC},
    {"tokenOrder", SEARCH_CONSTANT}, {"tracking", SEARCH_CONSTANT}, {"type", SEARCH_CONSTANT}, {"undefined", SEARCH_CONSTANT},
    {"value", SEARCH_CONSTANT}, {"wildcard", SEARCH_SPEC}, {"within", SEARCH_SPEC}, {"box", SEARCH_CONSTANT},
    {"circle", SEARCH_CONSTANT}, {"add", SEARCH_SPEC}, {"multiply", SEARCH_SPEC}, {"log", SEARCH_SPEC},
    {"log1p", SEARCH_SPEC}, {"hasAncestor", SEARCH_SPEC}, {"ancestorPath", SEARCH_PATH}, {"hasRoot", SEARCH_SPEC},
    {"vectorSearch", SEARCH_SPEC}, {"queryVector", SEARCH_CONSTANT}, {"numCandidates", SEARCH_CONSTANT}, {"limit", SEARCH_CONSTANT},
    {"exact", SEARCH_CONSTANT}, {"or", SEARCH_SPEC}, {"spanToReturn", SEARCH_CONSTANT}, {"endPositionLte", SEARCH_CONSTANT},
    /* clang-format on */
};

static bool find_member(oc_str name, member_kind *kind) {
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!oc_str_is(name, members[i].name))
            continue;
        *kind = members[i].kind;
        return true;
    }
    return false;
}

static bool fail_hidden(const oc_pipeline *p, oc_str name) {
    return oc_fail(p->scope.a->error, OC_STAGE_FIELD, NULL, oc_name(name).text, "name every path as a constant string",
                   "Aggregation stage %s names paths that cannot be determined where a schema encrypts something: '%s'",
                   p->scope.place, oc_name(name).text);
}

static bool spec(const oc_pipeline *p, const oc_elem *e);

/* A string, {value: string, multi: string}, or an array of these. A wildcard reads whatever it meets. */
static bool check_path(const oc_pipeline *p, const oc_elem *e) {
    oc_elem parts[2] = {0}, member;
    if (e->type == OC_STRING)
        return oc_stage_plain_path(p, oc_elem_str(e));
    if (e->type == OC_DOCUMENT && !oc_bson_find(e->value, "wildcard", &member))
        return oc_stage_options(p, e, "value =multi", parts) &&
               (parts[0].start && parts[0].type == OC_STRING ? oc_stage_plain_path(p, oc_elem_str(&parts[0]))
                                                             : fail_hidden(p, e->name));
    if (e->type != OC_ARRAY)
        return fail_hidden(p, e->name);
    oc_iter it = oc_elem_iter(e);
    while (oc_next(&it, &member))
        if (!check_path(p, &member))
            return false;
    return true;
}

static bool check_keys(const oc_pipeline *p, const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        if (!(e->type == OC_ARRAY ? check_keys(p, &member) : oc_stage_plain_path(p, member.name)))
            return false;
    return true;
}

static bool each_spec(const oc_pipeline *p, const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        if (!spec(p, &member))
            return false;
    return true;
}

static bool spec(const oc_pipeline *p, const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    member_kind kind;
    if (e->type == OC_ARRAY)
        return each_spec(p, e);
    while (oc_next(&it, &member)) {
        if (!find_member(member.name, &kind) || kind == SEARCH_HIDDEN)
            return fail_hidden(p, member.name);
        if (kind == SEARCH_PATH    ? !check_path(p, &member)
            : kind == SEARCH_KEYS  ? !check_keys(p, &member)
            : kind == SEARCH_NAMED ? !each_spec(p, &member)
                                   : kind == SEARCH_SPEC && !spec(p, &member))
            return false;
    }
    return true;
}

/* What is searched for is a constant. */
static bool is_object(const oc_pipeline *p, const oc_elem *e) {
    if (p->scope.tree->unseen)
        return oc_fail_view_constant(p->scope.a, (oc_str){"", 0}, p->scope.place);
    return e->type == OC_DOCUMENT || oc_fail_stage(p, NULL, NULL, "wants an object");
}

/* Once, and of one shape: what a server took for none would leave whole documents where we see an array's elements. */
static bool find_scope(const oc_pipeline *p, const oc_elem *e, bool *given) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member, path;
    while (oc_next(&it, &member)) {
        if (!oc_str_is(member.name, "returnScope"))
            continue;
        bool one = !*given && member.type == OC_DOCUMENT && oc_count_members(&member) == 1;
        if (!one || !oc_bson_find(member.value, "path", &path) || path.type != OC_STRING)
            return oc_fail_stage(p, NULL, NULL, "wants one returnScope, {path: string}");
        *given = true;
    }
    return true;
}

/* With returnScope, the documents are the elements of an array, which is plain. */
bool oc_stage_search(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    bool scoped = false;
    (void)frame;
    if (!is_object(p, e) || !spec(p, e) || !find_scope(p, e, &scoped))
        return false;
    if (scoped)
        p->scope.tree = oc_dropped_replaced(p->scope.tree, &oc_plain_node, p->scope.place, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

bool oc_stage_search_meta(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    if (!oc_stage_search(p, frame, e))
        return false;
    p->scope.tree = &oc_plain_node;
    return true;
}

static bool is_logical(oc_str name) {
    return oc_str_is(name, "$and") || oc_str_is(name, "$or") || oc_str_is(name, "$nor") || oc_str_is(name, "$not");
}

static bool vector_filter(const oc_pipeline *p, const oc_elem *e);

static bool vector_filters(const oc_pipeline *p, const oc_elem *list) {
    oc_iter it = oc_elem_iter(list);
    oc_elem member;
    if (list->type != OC_ARRAY)
        return vector_filter(p, list);
    while (oc_next(&it, &member))
        if (!vector_filter(p, &member))
            return false;
    return true;
}

/* The filter of $vectorSearch: names are paths, compared with constants; logical operators stand around them. */
static bool vector_filter(const oc_pipeline *p, const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        if (is_logical(member.name)           ? !vector_filters(p, &member)
            : oc_str_starts(member.name, "$") ? !fail_hidden(p, member.name)
                                              : !oc_stage_plain_path(p, member.name))
            return false;
    }
    return is_object(p, e);
}

bool oc_stage_vector_search(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    enum { PATH, FILTER, PARENT_FILTER, VECTOR_OPTIONS = 13 };
    oc_elem parts[VECTOR_OPTIONS] = {0};
    (void)frame;
    if (!is_object(p, e) ||
        !oc_stage_options(p, e,
                          "path filter parentFilter =exact =index =limit =numCandidates =queryVector =query =model "
                          "=explainOptions =returnStoredSource =nestedOptions",
                          parts))
        return false;
    if (!parts[PATH].start)
        return oc_fail_stage(p, NULL, NULL, "needs a path");
    return check_path(p, &parts[PATH]) && (!parts[FILTER].start || vector_filter(p, &parts[FILTER])) &&
           (!parts[PARENT_FILTER].start || vector_filter(p, &parts[PARENT_FILTER]));
}

/* Documents in another order, by what a model makes of their fields and the query's text. */
bool oc_stage_rerank(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    enum { PATH, RERANK_OPTIONS = 4 };
    oc_elem parts[RERANK_OPTIONS] = {0};
    (void)frame;
    if (!is_object(p, e) || !oc_stage_options(p, e, "path =query =model =numDocsToRerank", parts))
        return false;
    return parts[PATH].start ? check_path(p, &parts[PATH]) : oc_fail_stage(p, NULL, NULL, "needs a path");
}

/* Documents as they are, with a score beside them. */
bool oc_stage_score(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    enum { SCORE, WEIGHT, SCORE_OPTIONS = 4 };
    oc_elem parts[SCORE_OPTIONS] = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_stage_options(p, e, "score weight =normalization =scoreDetails", parts))
        return false;
    if (!parts[SCORE].start)
        return oc_fail_stage(p, NULL, NULL, "needs a score");
    return oc_expect_plain(&p->scope, inner, &parts[SCORE], p->scope.place) &&
           (!parts[WEIGHT].start || oc_expect_plain(&p->scope, inner, &parts[WEIGHT], p->scope.place));
}
