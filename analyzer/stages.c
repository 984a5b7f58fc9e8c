/* The stages, one row each, and those that are short. */

#include "dropped.h"
#include "fields.h"
#include "group.h"
#include "join.h"
#include "keys.h"
#include "match.h"
#include "normal_form.h"
#include "reshape.h"
#include "search.h"

/* ---- filters ---- */

static bool match(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    if (e->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants a filter, an object");
    const oc_node *tree = p->scope.tree;
    return oc_filter_mark(&p->scope, frame, e) &&
           oc_normalise_filter_later(p->scope.a, frame, e, tree, oc_stage_is_qe(p));
}

enum { NEAR, DISTANCE_FIELD, QUERY, INCLUDE_LOCS, KEY, GEO_OPTIONS = 12 };
static const char geo_options[] = "near distanceField query includeLocs key =spherical maxDistance minDistance "
                                  "=distanceMultiplier =uniqueDocs =limit =num";

/* A field that the stage writes: on, above or below nothing encrypted. */
static bool set_plain_field(oc_pipeline *p, const oc_elem *e) {
    oc_str path;
    return !e->start ||
           (oc_stage_string(p, e, &path) && oc_stage_plain_path(p, path) && oc_stage_set(p, path, &oc_plain_node));
}

static bool geo_near(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    static const char *const constants[] = {"near", "maxDistance", "minDistance"};
    oc_elem parts[GEO_OPTIONS] = {0}, constant;
    oc_str key;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_stage_options(p, e, geo_options, parts))
        return false;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (oc_bson_find(e->value, constants[i], &constant) &&
            !oc_expect_plain(&p->scope, inner, &constant, p->scope.place))
            return false;
    if (parts[QUERY].start && !oc_filter_in(&p->scope, inner, &parts[QUERY]))
        return false;
    if (parts[KEY].start && !(oc_stage_string(p, &parts[KEY], &key) && oc_stage_plain_path(p, key)))
        return false;
    return set_plain_field(p, &parts[DISTANCE_FIELD]) && set_plain_field(p, &parts[INCLUDE_LOCS]);
}

/* ---- documents as they are ---- */

static bool unchanged(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return oc_is_number(e->type) || oc_fail_stage(p, NULL, NULL, "wants a number");
}

static bool sample(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem size = {0};
    return oc_stage_options(p, e, "size", &size) && unchanged(p, frame, size.start ? &size : e);
}

static bool sort(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return oc_sort_on(p->scope.a, p->scope.tree, e);
}

static bool count(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_str name;
    (void)frame;
    if (!oc_stage_string(p, e, &name) || !oc_stage_name(p, name))
        return false;
    p->scope.tree = oc_derive_object(&(oc_name_entry){.name = name, .value = &oc_plain_node}, 1, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

/* An element in place of the array that the server finds fields of Queryable Encryption by. */
static bool unwind_plain(oc_pipeline *p, oc_str path) {
    static const oc_str safe_content = {"__safeContent__", 15};
    if (!oc_stage_plain_path(p, path))
        return false;
    const oc_node *node = oc_follow(&p->scope, p->scope.tree, path);
    if (node && node->held[0] && !node->held[1] && !oc_stage_set(p, path, oc_dropped_elements(node)))
        return false;
    return node && (!p->scope.a->qe || !oc_str_eq(path, safe_content) || oc_stage_set(p, path, &oc_plain_node));
}

static bool is_of_two_origins(const oc_node *node) {
    while (!node->either && node->base)
        node = node->base;
    return node->either != NULL;
}

static bool unwind_path(oc_pipeline *p, const oc_elem *e) {
    oc_answer at;
    oc_str path;
    if (!oc_stage_string(p, e, &path))
        return false;
    if (path.n < 2 || path.s[0] != '$')
        return oc_fail_stage(p, NULL, NULL, "wants a path that starts with '$'");
    path = (oc_str){path.s + 1, path.n - 1};
    if (!oc_node_lookup(p->scope.tree, path, &p->scope.a->lookup, &at))
        return false;
    if (at.position == OC_AT_ARRAY && at.node->kind == OC_ARRAY_OF && !at.in_array)
        return oc_stage_set(p, path, at.node->element);
    /* Fields that a stage set below a plain one: it is an array of such objects, or one that stays. Not documents of
     * two origins, of which only one's may be arrays. */
    if (at.position == OC_AT_ABOVE && at.node->maybe_array && !is_of_two_origins(at.node))
        return true;
    return unwind_plain(p, path);
}

static bool unwind(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[3] = {0};
    oc_str index;
    (void)frame;
    if (e->type == OC_STRING)
        return unwind_path(p, e);
    if (!oc_stage_options(p, e, "path includeArrayIndex =preserveNullAndEmptyArrays", parts))
        return false;
    if (!parts[0].start)
        return oc_fail_stage(p, NULL, NULL, "needs a path");
    return unwind_path(p, &parts[0]) &&
           (!parts[1].start || (oc_stage_string(p, &parts[1], &index) && oc_stage_set(p, index, &oc_plain_node)));
}

/* ---- $redact ---- */

/* Every object below a node; one that is there in two ways may be here twice. */
typedef struct levels {
    oc_analysis *a;
    oc_levels found;
    size_t cap;
} levels;

enum { MOST_LEVELS = 1000 };

static bool collect(levels *l, const oc_node *node);

/* Asks `top` for each name: a stage may have hidden what the table says. */
static bool collect_table(levels *l, const oc_node *top, const oc_name_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        const oc_node *child =
            oc_derive_work(&l->a->lookup) ? oc_node_child_of_set(top, table->entries[i].name, &l->a->lookup) : NULL;
        if (!child || !collect(l, child))
            return false;
    }
    return true;
}

static bool add_level(levels *l, const oc_node *node) {
    if (l->found.count == MOST_LEVELS)
        return oc_fail(l->a->error, OC_TOO_COMPLEX, NULL, "$redact", "return $$KEEP or $$PRUNE only",
                       "$redact with $$DESCEND is not possible over more than %d objects with encrypted fields",
                       MOST_LEVELS);
    if (l->found.count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        const oc_node **nodes = oc_arena_alloc(l->a->arena, cap * sizeof *nodes);
        if (!nodes)
            return oc_no_memory(l->a);
        if (l->cap)
            memcpy(nodes, l->found.nodes, l->cap * sizeof *nodes);
        l->found.nodes = nodes;
        l->cap = cap;
    }
    l->found.nodes[l->found.count++] = node;
    return true;
}

/* What lies below `top`, in whatever way `node`, a part of it, may hold it. */
static bool collect_below(levels *l, const oc_node *top, const oc_node *node) {
    if (node->kind == OC_ABOVE && node->either)
        return oc_derive_work(&l->a->lookup) && collect_below(l, top, node->either->one) &&
               collect_below(l, top, node->either->other);
    for (size_t i = 0; i < node->pattern_count; i++)
        if (!collect(l, node->patterns[i].node))
            return false;
    for (size_t i = 0; i < node->part_count; i++)
        if (!collect_below(l, top, node->parts[i]))
            return false;
    return collect_table(l, top, &node->children) && (!node->rest || collect(l, node->rest)) &&
           (!node->base || collect_below(l, top, node->base));
}

static bool collect(levels *l, const oc_node *node) {
    while (node->kind == OC_ARRAY_OF)
        node = node->element;
    if (node->kind == OC_UNKNOWN || node->kind == OC_CONFLICT)
        return oc_fail(l->a->error, OC_UNKNOWN_USED, NULL, "$redact", "return $$KEEP or $$PRUNE only",
                       "$redact with $$DESCEND looks into a field whose encryption is not known until runtime");
    return node->kind != OC_ABOVE || (add_level(l, node) && collect_below(l, node, node));
}

/* Whether an expression may yield $$DESCEND: whatever is not plainly $$KEEP or $$PRUNE may be equal to what it stands
 * for. */
static bool may_descend(const oc_elem *e);

/* Whether a member may; not the one that is a condition: of an array the first, of an object that of this name. */
static bool members_may_descend(const oc_elem *e, bool first_is_condition, const char *condition) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    for (size_t i = 0; oc_next(&it, &member); i++) {
        bool is_condition = e->type == OC_ARRAY ? first_is_condition && i == 0 : oc_str_is(member.name, condition);
        if (!is_condition && may_descend(&member))
            return true;
    }
    return false;
}

static bool branches_may_descend(const oc_elem *operand) {
    oc_elem list = {.type = OC_NULL}, otherwise, branch;
    if (operand->type != OC_DOCUMENT || !oc_bson_find(operand->value, "branches", &list))
        return true;
    oc_iter it = oc_elem_iter(&list);
    while (oc_next(&it, &branch))
        if (members_may_descend(&branch, false, "case"))
            return true;
    return oc_bson_find(operand->value, "default", &otherwise) && may_descend(&otherwise);
}

static bool may_descend(const oc_elem *e) {
    oc_elem op;
    if (e->type == OC_STRING)
        return !oc_str_is(oc_elem_str(e), "$$KEEP") && !oc_str_is(oc_elem_str(e), "$$PRUNE");
    if (e->type != OC_DOCUMENT || !oc_bson_first(e->value, &op))
        return true;
    if (oc_str_is(op.name, "$cond"))
        return members_may_descend(&op, true, "if");
    if (oc_str_is(op.name, "$ifNull"))
        return op.type != OC_ARRAY || members_may_descend(&op, false, "");
    return !oc_str_is(op.name, "$switch") || branches_may_descend(&op);
}

static bool redact(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    static const char *const results[] = {"DESCEND", "PRUNE", "KEEP"};
    levels l = {.a = p->scope.a};
    oc_scope scope = p->scope;
    for (size_t i = 0; i < 3; i++)
        if (!oc_bind(p->scope.a, &scope.variables, (oc_str){results[i], strlen(results[i])}, &oc_plain_node))
            return false;
    if (may_descend(e)) {
        if (!collect(&l, p->scope.tree))
            return false;
        scope.levels = &l.found;
    }
    return oc_condition(&scope, frame, e, p->scope.place);
}

/* ---- sources ---- */

static bool documents(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    if (!p->sourceless)
        return oc_fail_stage(p, NULL, "use it in the pipeline of a $lookup or $unionWith that names no collection",
                             "cannot stand in a pipeline that reads a collection");
    p->scope.tree = p->scope.a->unseen ? &oc_unseen_node : &oc_plain_node; /* they become documents of the view */
    if (!oc_expect_plain(&p->scope, frame, e, p->scope.place))
        return false;
    p->scope.tree = &oc_plain_node;
    return true;
}

/* Facts about the collection. */
static bool facts(oc_pipeline *p, const oc_elem *e, const char *options) {
    oc_elem parts[4] = {0};
    p->scope.tree = &oc_plain_node;
    return oc_stage_options(p, e, options, parts);
}

static bool coll_stats(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return facts(p, e, "=latencyStats =storageStats =count =queryExecStats");
}

static bool index_stats(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return facts(p, e, "");
}

static bool search_indexes(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return facts(p, e, "=id =name");
}

/* Its documents hold those of the collection, and parts of them under other names. */
static bool change_stream(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[7] = {0};
    oc_lookup *lookup = &p->scope.a->lookup;
    (void)frame;
    if (!oc_stage_options(p, e,
                          "=fullDocument =fullDocumentBeforeChange =resumeAfter =startAfter =startAtOperationTime "
                          "=showExpandedEvents allChangesForCluster",
                          parts))
        return false;
    if (parts[6].start)
        return oc_fail_stage(p, NULL, "leave allChangesForCluster out", "can watch the collection only");
    const oc_node *id = oc_node_child(p->scope.tree, (oc_str){"_id", 3}, lookup);
    const oc_node *unknown = oc_derive_unknown(p->scope.place, lookup);
    if (!id || !unknown)
        return false;
    /* Beside _id it may hold a shard key. */
    const oc_node *key = oc_derive_document(&(oc_name_entry){.name = {"_id", 3}, .value = id}, 1, unknown, lookup);
    if (!key)
        return false;
    const oc_name_entry fields[] = {{.name = {"fullDocument", 12}, .value = p->scope.tree},
                                    {.name = {"fullDocumentBeforeChange", 24}, .value = p->scope.tree},
                                    {.name = {"updateDescription", 17}, .value = unknown},
                                    {.name = {"documentKey", 11}, .value = id->kind == OC_PLAIN ? key : unknown}};
    p->scope.tree = oc_derive_over(&oc_plain_node, fields, sizeof fields / sizeof fields[0], lookup);
    return p->scope.tree != NULL;
}

/* ---- the table ---- */

#define ANYWHERE OC_STAGE_ANYWHERE
#define FIRST    OC_STAGE_FIRST
#define LAST     OC_STAGE_LAST
#define REFUSED  OC_STAGE_REFUSED, false, false, NULL, NULL

static const oc_stage stages[] = {
    /* clang-format off */
    /* name                 place     in updates, keeps paths, analyze, refer */
    {"$addFields",           ANYWHERE, true, true,  oc_stage_add_fields,   NULL},
    {"$bucket",              ANYWHERE, false, false, oc_stage_bucket,       NULL},
    {"$bucketAuto",          ANYWHERE, false, false, oc_stage_bucket_auto,  NULL},
    {"$changeStream",        FIRST,    false, false, change_stream,         NULL},
    {"$changeStreamSplitLargeEvent", REFUSED},
    {"$collStats",           FIRST,    false, false, coll_stats,          NULL},
    {"$count",               ANYWHERE, false, false, count,                 NULL},
    {"$currentOp",           REFUSED},
    {"$densify",             ANYWHERE, false, true,  oc_stage_densify,      NULL},
    {"$documents",           FIRST,    false, false, documents,             NULL},
    {"$facet",               ANYWHERE, false, false, oc_stage_facet,        oc_refer_facet},
    {"$fill",                ANYWHERE, false, true,  oc_stage_fill,         NULL},
    {"$geoNear",             FIRST,    false, true,  geo_near,              NULL},
    {"$graphLookup",         ANYWHERE, false, true,  oc_stage_graph_lookup, oc_refer_graph_lookup},
    {"$group",               ANYWHERE, false, false, oc_stage_group,        NULL},
    {"$indexStats",          FIRST,    false, false, index_stats,          NULL},
    {"$limit",               ANYWHERE, false, true,  unchanged,             NULL},
    {"$listClusterCatalog",  REFUSED},
    {"$listLocalSessions",   REFUSED},
    {"$listSampledQueries",  REFUSED},
    {"$listSearchIndexes",   FIRST,    false, false, search_indexes,          NULL},
    {"$listSessions",        REFUSED},
    {"$lookup",              ANYWHERE, false, true,  oc_stage_lookup,       oc_refer_lookup},
    {"$match",               ANYWHERE, false, true,  match,                 NULL},
    {"$merge",               LAST,     false, false, oc_stage_merge,        oc_refer_target},
    {"$out",                 LAST,     false, false, oc_stage_out,          oc_refer_target},
    {"$planCacheStats",      REFUSED},
    {"$project",             ANYWHERE, true, true,  oc_stage_project,      NULL},
    {"$querySettings",       REFUSED},
    {"$queryStats",          REFUSED},
    {"$rankFusion",          FIRST,    false, false, oc_stage_rank_fusion,  oc_refer_rank_fusion},
    {"$redact",              ANYWHERE, false, false, redact,                NULL},
    {"$replaceRoot",         ANYWHERE, true, false, oc_stage_replace_root, NULL},
    {"$replaceWith",         ANYWHERE, true, false, oc_stage_replace_with, NULL},
    {"$rerank",              ANYWHERE, false, true,  oc_stage_rerank,      NULL},
    {"$sample",              ANYWHERE, false, true,  sample,                NULL},
    {"$score",               ANYWHERE, false, true,  oc_stage_score,       NULL},
    {"$scoreFusion",         FIRST,    false, false, oc_stage_rank_fusion,  oc_refer_rank_fusion},
    {"$search",              FIRST,    false, false, oc_stage_search,       NULL},
    {"$searchMeta",          FIRST,    false, false, oc_stage_search_meta,  NULL},
    {"$set",                 ANYWHERE, true, true,  oc_stage_add_fields,   NULL},
    {"$setWindowFields",     ANYWHERE, false, true,  oc_stage_set_window_fields, NULL},
    {"$shardedDataDistribution", REFUSED},
    {"$skip",                ANYWHERE, false, true,  unchanged,             NULL},
    {"$sort",                ANYWHERE, false, true,  sort,                  NULL},
    {"$sortByCount",         ANYWHERE, false, false, oc_stage_sort_by_count, NULL},
    {"$unionWith",           ANYWHERE, false, false, oc_stage_union_with,   oc_refer_union_with},
    {"$unset",               ANYWHERE, true, true,  oc_stage_unset,        NULL},
    {"$unwind",              ANYWHERE, false, true,  unwind,                NULL},
    {"$vectorSearch",        FIRST,    false, false, oc_stage_vector_search, NULL},
    /* clang-format on */
};

const oc_stage *oc_stages(size_t *n) {
    *n = sizeof stages / sizeof stages[0];
    return stages;
}
