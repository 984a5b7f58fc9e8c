/* Stages that read or write collections by name, or run pipelines of their own. What a collection encrypts is known
 * only if the request brings its schema. */

#include "join.h"

#include "fields.h"
#include "mark.h"
#include "match.h"

/* ---- namespaces ---- */

static const oc_str no_collection = {"", 0};

static bool in_database(const oc_pipeline *p, oc_str db) {
    return p->ns.n > db.n && memcmp(p->ns.s, db.s, db.n) == 0 && p->ns.s[db.n] == '.';
}

static bool fail_collection(const oc_pipeline *p) {
    return oc_fail_stage(p, NULL, NULL, "wants the name of a collection in the same database");
}

/* A collection's name: a string, or {db, coll} in the same database. */
static bool read_collection(const oc_pipeline *p, const oc_elem *e, oc_str *ns) {
    oc_elem parts[2] = {0};
    if (e->type == OC_STRING)
        return oc_stage_namespace(p, oc_elem_str(e), ns);
    if (e->type != OC_DOCUMENT)
        return fail_collection(p);
    if (!oc_stage_options(p, e, "db coll", parts))
        return false;
    if (!parts[1].start || parts[1].type != OC_STRING ||
        (parts[0].start && (parts[0].type != OC_STRING || !in_database(p, oc_elem_str(&parts[0])))))
        return fail_collection(p);
    return oc_stage_namespace(p, oc_elem_str(&parts[1]), ns);
}

/* Where a stage's documents come from: a collection, or $documents in its pipeline. */
static bool foreign(const oc_pipeline *p, const oc_elem *from, const oc_elem *pipeline, oc_str *ns,
                    const oc_node **tree) {
    oc_elem first, source;
    *tree = &oc_plain_node;
    if (from->start)
        return read_collection(p, from, ns) && (*tree = oc_stage_collection(p, *ns)) != NULL;
    if (pipeline->start && pipeline->type == OC_ARRAY && oc_bson_first(pipeline->value, &first) &&
        first.type == OC_DOCUMENT && oc_bson_first(first.value, &source) && oc_str_is(source.name, "$documents"))
        return oc_stage_namespace(p, no_collection, ns);
    return oc_fail_stage(p, NULL, NULL, "needs a collection, or a pipeline that starts with $documents");
}

/* ---- $lookup ---- */

static bool look_up_key(const oc_pipeline *p, const oc_node *tree, const oc_elem *e, oc_answer *at) {
    oc_str path;
    return oc_stage_string(p, e, &path) && oc_node_lookup(tree, path, &p->scope.a->lookup, at);
}

static bool fail_join(const oc_pipeline *p, const oc_answer *at, oc_str path) {
    oc_path where = {NULL, path};
    if (at->position == OC_AT_UNKNOWN)
        return oc_fail_unknown_node(&p->scope, at->node, path);
    if (p->scope.a->qe)
        return oc_fail_stage(p, &where, "join by plain fields",
                             "cannot join by a field that is encrypted, or is above or below an encrypted one");
    return oc_fail_stage(p, &where, "join by plain fields, or within one collection by deterministic ones alike",
                         "can join by fields that are both plain, or of one collection and deterministic with equal "
                         "metadata");
}

/* Both plain; or both encrypted, so that equal values are equal ciphertexts. */
static bool check_join(const oc_pipeline *p, const oc_node *foreign_root, oc_str ns, const oc_elem *local,
                       const oc_elem *other) {
    oc_answer here, there;
    if (!look_up_key(p, p->scope.tree, local, &here) || !look_up_key(p, foreign_root, other, &there))
        return false;
    if (here.position == OC_AT_PLAIN && there.position == OC_AT_PLAIN)
        return true;
    if ((here.position != OC_AT_ENCRYPTED && here.position != OC_AT_PLAIN) || there.position == OC_AT_PLAIN)
        return fail_join(p, &here, oc_elem_str(local));
    if (here.position != OC_AT_ENCRYPTED || there.position != OC_AT_ENCRYPTED || !oc_str_eq(ns, p->ns) ||
        !oc_meta_equal(here.node->meta, there.node->meta))
        return fail_join(p, &there, oc_elem_str(other));
    return oc_check_comparable(p->scope.a, here.node->meta, &(oc_path){NULL, oc_elem_str(local)}, p->scope.place);
}

/* The variables of `let`, before those of outer pipelines. */
static bool bind_variables(const oc_pipeline *p, oc_frame *frame, const oc_elem *let, const oc_variable **variables) {
    *variables = p->scope.variables;
    if (!let->start)
        return true;
    if (let->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants an object of variables as let");
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, let);
    oc_iter it = oc_elem_iter(let);
    oc_elem e;
    if (!inner)
        return oc_no_memory(p->scope.a);
    while (oc_next(&it, &e))
        if (!oc_bind_value(&p->scope, inner, &e, p->scope.place, variables))
            return false;
    return true;
}

static bool set_joined(oc_pipeline *p, const oc_elem *as, const oc_node *element, bool looked_up) {
    oc_str path;
    if (!as->start)
        return oc_fail_stage(p, NULL, NULL, "needs 'as'");
    return oc_stage_string(p, as, &path) &&
           oc_stage_set(p, path, oc_derive_array(element, looked_up, &p->scope.a->lookup));
}

enum { FROM, LOCAL, FOREIGN, AS, LET, PIPELINE, LOOKUP_OPTIONS };
static const char lookup_options[] = "from localField foreignField as let pipeline";

bool oc_stage_lookup(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[LOOKUP_OPTIONS] = {0};
    const oc_node *tree, *out;
    const oc_variable *variables;
    oc_str ns;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_stage_options(p, e, lookup_options, parts) || !foreign(p, &parts[FROM], &parts[PIPELINE], &ns, &tree))
        return false;
    if (!parts[LOCAL].start != !parts[FOREIGN].start)
        return oc_fail_stage(p, NULL, NULL, "needs both localField and foreignField, or neither");
    if (parts[LOCAL].start && !check_join(p, tree, ns, &parts[LOCAL], &parts[FOREIGN]))
        return false;
    if (!bind_variables(p, inner, &parts[LET], &variables))
        return false;
    out = tree;
    const oc_source source = {.tree = tree, .ns = ns, .sourceless = !parts[FROM].start, .variables = variables};
    if (parts[PIPELINE].start && !oc_sub_pipeline(p, inner, &parts[PIPELINE], &source, &out))
        return false;
    return set_joined(p, &parts[AS], out, true);
}

/* ---- $graphLookup ---- */

enum { GRAPH_FROM, START, FROM_FIELD, TO_FIELD, GRAPH_AS, DEPTH, DEPTH_FIELD, RESTRICT, GRAPH_OPTIONS };
static const char graph_options[] =
    "from startWith connectFromField connectToField as =maxDepth depthField restrictSearchWithMatch";

/* The values that the search starts with and goes on by are compared with each other. */
static bool connect(oc_pipeline *p, oc_frame *frame, const oc_elem parts[]) {
    oc_results results = {.literals = true};
    oc_scope collection = p->scope;
    oc_str from, to;
    collection.tree = p->collection;
    if (!parts[START].start || !parts[FROM_FIELD].start || !parts[TO_FIELD].start)
        return oc_fail_stage(p, NULL, NULL, "needs startWith, connectFromField and connectToField");
    return oc_evaluate_each(&p->scope, frame, &parts[START], &results) &&
           oc_stage_string(p, &parts[FROM_FIELD], &from) && oc_stage_string(p, &parts[TO_FIELD], &to) &&
           oc_add_result(&p->scope, &results, oc_follow(&collection, p->collection, from), from) &&
           oc_add_result(&p->scope, &results, oc_follow(&collection, p->collection, to), to) &&
           oc_compare_results(&p->scope, &results, p->scope.place);
}

bool oc_stage_graph_lookup(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[GRAPH_OPTIONS] = {0};
    const oc_node *element = p->collection;
    oc_str ns, depth;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_stage_options(p, e, graph_options, parts))
        return false;
    if (!parts[GRAPH_FROM].start)
        return oc_fail_stage(p, NULL, NULL, "needs 'from'");
    if (!read_collection(p, &parts[GRAPH_FROM], &ns))
        return false;
    if (!oc_str_eq(ns, p->ns))
        return oc_fail_stage(p, NULL,
                             "search the collection itself, or use a client that does not encrypt automatically",
                             "can search the collection itself only, where a schema encrypts something");
    if (!connect(p, inner, parts))
        return false;
    oc_scope collection = p->scope;
    collection.tree = p->collection;
    collection.original = p->apart ? NULL : p->collection;
    if (parts[RESTRICT].start && !oc_filter_in(&collection, inner, &parts[RESTRICT]))
        return false;
    if (parts[DEPTH_FIELD].start) {
        oc_pipeline documents = *p;
        documents.scope.tree = p->collection;
        if (!oc_stage_string(p, &parts[DEPTH_FIELD], &depth) || !oc_stage_set(&documents, depth, &oc_plain_node))
            return false;
        element = documents.scope.tree;
    }
    return set_joined(p, &parts[GRAPH_AS], element, false);
}

/* ---- $unionWith, $facet ---- */

bool oc_stage_union_with(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[2] = {0};
    const oc_node *tree, *out;
    oc_str ns;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (e->type == OC_STRING)
        parts[0] = *e;
    else if (!oc_stage_options(p, e, "coll pipeline", parts))
        return false;
    if (!foreign(p, &parts[0], &parts[1], &ns, &tree))
        return false;
    out = tree;
    const oc_source source = {
        .tree = tree, .ns = ns, .sourceless = !parts[0].start, .apart = true, .variables = p->scope.variables};
    if (parts[1].start && !oc_sub_pipeline(p, inner, &parts[1], &source, &out))
        return false;
    p->scope.tree = oc_derive_either(p->scope.tree, out, p->scope.place, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

bool oc_stage_facet(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_pipeline facets = *p;
    facets.scope.tree = oc_derive_object(NULL, 0, &p->scope.a->lookup);
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type != OC_DOCUMENT || oc_count_members(e) == 0)
        return oc_fail_stage(p, NULL, NULL, "wants an object of pipelines");
    if (!inner || !facets.scope.tree)
        return oc_no_memory(p->scope.a);
    while (oc_next(&it, &member)) {
        const oc_node *out;
        if (!oc_stage_name(p, member.name) || !oc_sub_pipeline_of(p, inner, &member, false, &out) ||
            !oc_stage_set(&facets, member.name, oc_derive_array(out, false, &p->scope.a->lookup)))
            return false;
    }
    p->scope.tree = facets.scope.tree;
    return true;
}

/* ---- $rankFusion, $scoreFusion ---- */

/* {input: {pipelines: {name: […]}}}: each selects documents of the collection. */
static const oc_elem *fused_pipelines(const oc_pipeline *p, const oc_elem *e, oc_elem *pipelines) {
    oc_elem parts[3] = {0}, input[2] = {0};
    if (!oc_stage_options(p, e, "input combination =scoreDetails", parts))
        return NULL;
    if (!parts[0].start || parts[0].type != OC_DOCUMENT) {
        oc_fail_stage(p, NULL, NULL, "needs input.pipelines");
        return NULL;
    }
    if (!oc_stage_options(p, &parts[0], "pipelines =normalization", input))
        return NULL;
    if (!input[0].start || input[0].type != OC_DOCUMENT) {
        oc_fail_stage(p, NULL, NULL, "needs input.pipelines");
        return NULL;
    }
    *pipelines = input[0];
    return pipelines;
}

/* The result is made of documents of the collection, so the pipelines may choose and order them, and no more. */
static bool check_selects(const oc_pipeline *p, const oc_elem *pipeline) {
    static const char *const selecting[] = {"$geoNear", "$limit",       "$match", "$rankFusion",   "$sample", "$score",
                                            "$search",  "$scoreFusion", "$skip",  "$vectorSearch", "$sort"};
    oc_iter it = oc_elem_iter(pipeline);
    oc_elem e, stage;
    while (oc_next(&it, &e)) {
        bool selects = false;
        for (size_t i = 0; i < sizeof selecting / sizeof selecting[0]; i++)
            selects = selects ||
                      (e.type == OC_DOCUMENT && oc_bson_first(e.value, &stage) && oc_str_is(stage.name, selecting[i]));
        if (!selects)
            return oc_fail_stage(p, NULL,
                                 "use $match, $sort, $limit and $skip, and reshape the result after the fusion",
                                 "can take pipelines only that select and order documents");
    }
    return true;
}

/* {method, weights, expression}: the expression computes with the pipelines' scores, variables by their names. */
static bool combine(const oc_pipeline *p, oc_frame *frame, const oc_elem *e, const oc_elem *pipelines) {
    oc_elem combination, parts[3] = {0}, member;
    oc_scope scope = p->scope;
    scope.kept = "the expression of $scoreFusion"; /* which computes with scores, not with fields */
    if (!oc_bson_find(e->value, "combination", &combination))
        return true;
    if (!oc_stage_options(p, &combination, "=method =weights expression", parts))
        return false;
    oc_iter it = oc_elem_iter(pipelines);
    while (oc_next(&it, &member))
        if (!oc_bind_user(p->scope.a, &scope.variables, member.name, &oc_plain_node, p->scope.place))
            return false;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, &combination);
    if (!inner)
        return oc_no_memory(p->scope.a);
    return !parts[2].start || oc_expect_plain(&scope, inner, &parts[2], p->scope.place);
}

bool oc_stage_rank_fusion(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem pipelines, input, member;
    if (!fused_pipelines(p, e, &pipelines))
        return false;
    oc_bson_find(e->value, "input", &input);
    oc_frame *stage = oc_inner_frame(p->scope.a, frame, e);
    oc_frame *outer = stage ? oc_inner_frame(p->scope.a, stage, &input) : NULL;
    oc_frame *inner = outer ? oc_inner_frame(p->scope.a, outer, &pipelines) : NULL;
    if (!inner)
        return oc_no_memory(p->scope.a);
    oc_iter it = oc_elem_iter(&pipelines);
    while (oc_next(&it, &member)) {
        const oc_node *out;
        if (!check_selects(p, &member) || !oc_sub_pipeline_of(p, inner, &member, true, &out))
            return false;
    }
    return combine(p, stage, e, &pipelines);
}

/* ---- $out, $merge ---- */

static bool fail_target(const oc_pipeline *p) {
    return oc_fail(p->scope.a->error, OC_STAGE_NOT_ALLOWED, NULL, p->scope.place,
                   "use a client without automatic encryption, or put the target's schema into the client's map",
                   "Aggregation stage %s is not allowed or supported with automatic encryption: documents would be "
                   "written past the schema of the target",
                   p->scope.place);
}

enum { INTO, MERGE_LET = 2, WHEN_MATCHED, MERGE_OPTIONS = 5 };
static const char merge_options[] = "into =on let whenMatched =whenNotMatched";

/* The target's namespace: a string, or {db, coll}, for $merge under `into`. */
static bool read_target(const oc_pipeline *p, const oc_elem *e, oc_str *ns) {
    oc_elem merge[MERGE_OPTIONS] = {0}, parts[3] = {0};
    const oc_elem *target = e;
    if (e->type != OC_STRING && strcmp(p->scope.place, "$merge") == 0) {
        if (!oc_stage_options(p, e, merge_options, merge))
            return false;
        target = &merge[INTO];
    }
    if (target->start && target->type == OC_STRING)
        return oc_stage_namespace(p, oc_elem_str(target), ns);
    if (!target->start || !oc_stage_options(p, target, "db coll =timeseries", parts))
        return fail_target(p);
    if (!parts[1].start || parts[1].type != OC_STRING ||
        (parts[0].start && (parts[0].type != OC_STRING || !in_database(p, oc_elem_str(&parts[0])))))
        return fail_target(p);
    return oc_stage_namespace(p, oc_elem_str(&parts[1]), ns);
}

bool oc_refer_target(oc_pipeline *p, const oc_elem *e) {
    oc_str ns;
    if (!read_target(p, e, &ns))
        return false;
    const oc_node *tree = oc_analysis_namespace(p->scope.a, ns);
    return tree && tree->kind == OC_PLAIN ? true : fail_target(p);
}

static bool write_target(oc_pipeline *p, const oc_elem *e) {
    return p->scope.tree->kind == OC_PLAIN ? oc_refer_target(p, e) : fail_target(p);
}

bool oc_stage_out(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    return write_target(p, e);
}

/* whenMatched may be a pipeline over the target's documents, with $$new for ours. */
bool oc_stage_merge(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[MERGE_OPTIONS] = {0};
    const oc_variable *variables;
    const oc_node *out;
    oc_str ns;
    if (!write_target(p, e))
        return false;
    if (e->type == OC_STRING)
        return true;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_stage_namespace(p, no_collection, &ns) || !oc_stage_options(p, e, merge_options, parts) ||
        !bind_variables(p, inner, &parts[MERGE_LET], &variables) ||
        !oc_bind(p->scope.a, &variables, (oc_str){"new", 3}, &oc_plain_node))
        return false;
    const oc_source target = {.tree = &oc_plain_node, .ns = ns, .apart = true, .variables = variables};
    return !parts[WHEN_MATCHED].start || parts[WHEN_MATCHED].type != OC_ARRAY ||
           oc_sub_pipeline(p, inner, &parts[WHEN_MATCHED], &target, &out);
}

/* ---- where nothing is encrypted: names only ---- */

static bool refer_foreign(oc_pipeline *p, const oc_elem *from, const oc_elem *pipeline) {
    oc_str ns;
    const oc_node *tree;
    return foreign(p, from, pipeline, &ns, &tree) && (!pipeline->start || oc_refer_sub_pipeline(p, pipeline, ns));
}

/* The options that name what is read. Of one given twice, somebody else might read the other. */
static bool refer_options(const oc_pipeline *p, const oc_elem *e, const char *collection, oc_elem *from,
                          oc_elem *pipeline) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        oc_elem *option = oc_str_is(member.name, collection)   ? from
                          : oc_str_is(member.name, "pipeline") ? pipeline
                                                               : NULL;
        if (option && option->start)
            return oc_fail_duplicate(p->scope.a, p->scope.place, member.name);
        if (option)
            *option = member;
    }
    return e->type == OC_DOCUMENT || fail_collection(p);
}

bool oc_refer_lookup(oc_pipeline *p, const oc_elem *e) {
    oc_elem from = {0}, pipeline = {0};
    return refer_options(p, e, "from", &from, &pipeline) && refer_foreign(p, &from, &pipeline);
}

bool oc_refer_union_with(oc_pipeline *p, const oc_elem *e) {
    oc_elem from = {0}, pipeline = {0};
    if (e->type == OC_STRING)
        return refer_foreign(p, e, &pipeline);
    return refer_options(p, e, "coll", &from, &pipeline) && refer_foreign(p, &from, &pipeline);
}

bool oc_refer_graph_lookup(oc_pipeline *p, const oc_elem *e) {
    oc_elem from = {0}, none = {0}, ignored = {0};
    return refer_options(p, e, "from", &from, &ignored) && refer_foreign(p, &from, &none);
}

static bool refer_each(oc_pipeline *p, const oc_elem *pipelines) {
    oc_iter it = oc_elem_iter(pipelines);
    oc_elem member;
    while (oc_next(&it, &member))
        if (!oc_refer_sub_pipeline(p, &member, p->ns))
            return false;
    return true;
}

bool oc_refer_facet(oc_pipeline *p, const oc_elem *e) {
    return refer_each(p, e);
}

/* Other options are the server's to judge. */
bool oc_refer_rank_fusion(oc_pipeline *p, const oc_elem *e) {
    oc_elem input, pipelines;
    bool found = e->type == OC_DOCUMENT && oc_bson_find(e->value, "input", &input) && input.type == OC_DOCUMENT &&
                 oc_bson_find(input.value, "pipelines", &pipelines) && pipelines.type == OC_DOCUMENT;
    return found ? refer_each(p, &pipelines) : oc_fail_stage(p, NULL, NULL, "needs input.pipelines");
}
