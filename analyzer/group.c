/* Stages that group, partition and accumulate: $group, $bucket, $bucketAuto, $sortByCount, $setWindowFields, $densify,
 * $fill. The server compares the keys with each other, so an encrypted key must be deterministic. */

#include "group.h"

#include <stdlib.h>

#include "fields.h"
#include "keys.h"
#include "mark.h"
#include "normal_form.h"
#include "view.h"

/* ---- keys ---- */

/* The path of the field that a key is, or nothing. */
static oc_str field_path(const oc_elem *e) {
    if (e->type != OC_STRING || !oc_str_starts(oc_elem_str(e), "$"))
        return (oc_str){NULL, 0};
    oc_str path = oc_elem_str(e);
    return (oc_str){path.s + 1, path.n - 1};
}

/* The message names the key, as MongoDB's does; the refusal's path is the field that users must look for. */
static bool fail_key(const oc_scope *s, const oc_elem *e, const oc_node *node, const oc_path *path) {
    char name[256] = "";
    oc_path_append(name, sizeof name, path);
    oc_path field = {NULL, field_path(e)};
    if (field.name.n)
        path = &field;
    if (node->kind == OC_ABOVE || node->kind == OC_ARRAY_OF)
        return oc_fail(s->a->error, OC_GROUP_KEY, path, s->place, "group by its fields one by one",
                       "Cannot group on '%s', which is %s with encrypted fields", name,
                       node->kind == OC_ABOVE ? "an object" : "an array");
    return oc_fail(s->a->error, OC_GROUP_KEY, path, s->place,
                   s->a->qe ? "group by a plain field" : "group by a field with the Deterministic algorithm",
                   "Cannot group on field '%s' which is encrypted with the random algorithm or whose encryption "
                   "properties are not known until runtime%s%s",
                   name, node->kind == OC_UNKNOWN ? ", because of " : "", node->kind == OC_UNKNOWN ? node->origin : "");
}

static bool is_object_expression(const oc_elem *e) {
    oc_elem first;
    return e->type == OC_DOCUMENT && oc_bson_first(e->value, &first) && !(first.name.n && first.name.s[0] == '$');
}

static bool check_key(const oc_scope *s, const oc_elem *e, const oc_node *node, const oc_path *path);

static bool check_key_fields(const oc_scope *s, const oc_elem *e, const oc_node *node, const oc_path *path) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        const oc_node *child = oc_node_child_of_set(node, member.name, &s->a->lookup);
        if (!child || !check_key(s, &member, child, &(oc_path){path, member.name}))
            return false;
    }
    return true;
}

/* An object is taken field by field if the expression builds it here, and not at all if it is a field of the input. */
static bool check_key(const oc_scope *s, const oc_elem *e, const oc_node *node, const oc_path *path) {
    if (node->kind == OC_PLAIN)
        return true;
    if (node->kind == OC_ABOVE && is_object_expression(e))
        return check_key_fields(s, e, node, path);
    if (node->kind != OC_ENCRYPTED || node->meta->algorithm == OC_RANDOM || oc_meta_is_pointer(node->meta))
        return fail_key(s, e, node, path);
    return oc_check_comparable(s->a, node->meta, path, s->place);
}

/* What messages name: the field that is the key, or the key's own name where it is computed. */
static oc_str key_name(const oc_elem *e) {
    oc_str path = oc_str_is(e->name, "_id") ? (oc_str){NULL, 0} : field_path(e);
    return path.n ? path : e->name;
}

/* A key that documents are grouped by: plain, deterministic, or an object of such fields. Its node, or NULL. */
static const oc_node *group_key(const oc_scope *s, oc_frame *frame, const oc_elem *e) {
    const oc_node *node = oc_evaluate(s, frame, e);
    return node && check_key(s, e, node, &(oc_path){NULL, key_name(e)}) ? oc_known(node) : NULL;
}

/* A field that documents are partitioned by, named by its path: plain or deterministic. */
static bool partition_field(const oc_scope *s, oc_str path) {
    const oc_node *node = oc_follow(s, s->tree, path);
    static const oc_elem no_object = {.type = OC_NULL};
    return node && check_key(s, &no_object, node, &(oc_path){NULL, path});
}

/* ---- accumulators ---- */

#define GROUP  OC_IN_GROUP
#define WINDOW OC_IN_WINDOW
#define BOTH   (OC_IN_GROUP | OC_IN_WINDOW)
#define PLAIN  OC_ACCUMULATE_PLAIN
#define LIST   OC_OPERANDS, NULL
#define OPAQUE OC_OPERAND_OPAQUE, NULL
#define NAMED  OC_OPERAND_NAMED

/* Sorted by name. */
static const oc_accumulator accumulators[] = {
    /* clang-format off */
    {"$accumulator",      GROUP,  OC_ACCUMULATE_REFUSED, OPAQUE},
    {"$addToSet",         BOTH,   OC_ACCUMULATE_SET,     LIST},
    {"$avg",              BOTH,   PLAIN,                 LIST},
    {"$bottom",           BOTH,   PLAIN,                 NAMED, "output <sortBy"},
    {"$bottomN",          BOTH,   PLAIN,                 NAMED, "n output <sortBy"},
    {"$concatArrays",     BOTH,   PLAIN,                 LIST},
    {"$count",            BOTH,   PLAIN,                 OPAQUE},
    {"$covariancePop",    WINDOW, PLAIN,                 LIST},
    {"$covarianceSamp",   WINDOW, PLAIN,                 LIST},
    {"$denseRank",        WINDOW, PLAIN,                 OPAQUE},
    {"$derivative",       WINDOW, PLAIN,                 NAMED, "input =unit"},
    {"$documentNumber",   WINDOW, PLAIN,                 OPAQUE},
    {"$expMovingAvg",     WINDOW, PLAIN,                 NAMED, "input =N =alpha"},
    {"$first",            BOTH,   OC_ACCUMULATE_PASS,    LIST},
    {"$firstN",           BOTH,   PLAIN,                 NAMED, "n input"},
    {"$integral",         WINDOW, PLAIN,                 NAMED, "input =unit"},
    {"$last",             BOTH,   OC_ACCUMULATE_PASS,    LIST},
    {"$lastN",            BOTH,   PLAIN,                 NAMED, "n input"},
    {"$linearFill",       WINDOW, PLAIN,                 LIST},
    {"$locf",             WINDOW, PLAIN,                 LIST},
    {"$max",              BOTH,   PLAIN,                 LIST},
    {"$maxN",             BOTH,   PLAIN,                 NAMED, "n input"},
    {"$median",           BOTH,   PLAIN,                 NAMED, "input =method"},
    {"$mergeObjects",     BOTH,   PLAIN,                 LIST},
    {"$min",              BOTH,   PLAIN,                 LIST},
    {"$minMaxScaler",     WINDOW, PLAIN,                 NAMED, "input =min =max"},
    {"$minN",             BOTH,   PLAIN,                 NAMED, "n input"},
    {"$percentile",       BOTH,   PLAIN,                 NAMED, "input p =method"},
    {"$push",             BOTH,   OC_ACCUMULATE_PUSH,    LIST},
    {"$rank",             WINDOW, PLAIN,                 OPAQUE},
    {"$setUnion",         BOTH,   PLAIN,                 LIST},
    {"$shift",            WINDOW, OC_ACCUMULATE_PASS,    NAMED, "output =by default"},
    {"$stdDevPop",        BOTH,   PLAIN,                 LIST},
    {"$stdDevSamp",       BOTH,   PLAIN,                 LIST},
    {"$sum",              BOTH,   PLAIN,                 LIST},
    {"$top",              BOTH,   PLAIN,                 NAMED, "output <sortBy"},
    {"$topN",             BOTH,   PLAIN,                 NAMED, "n output <sortBy"},
    /* clang-format on */
};

const oc_accumulator *oc_accumulators(size_t *count) {
    *count = sizeof accumulators / sizeof accumulators[0];
    return accumulators;
}

static int compare(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_accumulator *)row)->name);
}

const oc_accumulator *oc_accumulator_find(oc_str name) {
    return bsearch(&name, accumulators, sizeof accumulators / sizeof accumulators[0], sizeof accumulators[0], compare);
}

static bool expect_plain(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_results results = {.literals = false};
    if (!oc_evaluate_each(s, frame, e, &results))
        return false;
    for (size_t i = 0; i < results.count; i++) {
        const oc_result *r = &results.items[i];
        if (r->node->kind == OC_UNKNOWN || oc_is_dropped(r->node))
            return oc_fail_operand(s, r, op);
        if (r->node->kind != OC_PLAIN)
            return oc_fail(s->a->error, OC_ACCUMULATOR, &(oc_path){NULL, r->path}, op,
                           "collect the values with $push, and compute in the application",
                           "Accumulator '%s' cannot aggregate encrypted fields.", op);
    }
    return true;
}

/* One named operand: `mark` is what stands before its name in the row. */
static bool named_operand(const oc_scope *s, oc_frame *frame, const oc_elem *e, const oc_accumulator *row, char mark,
                          const oc_node **passed) {
    if (oc_is_unseen(s) && oc_is_manner(e->name, e))
        return true;
    if (mark == '=')
        return oc_is_constant(e) || oc_fail_constant(s->a, row->name, e->name);
    if (mark == '<')
        return oc_sort_on(s->a, s->tree, e);
    if (row->kind != OC_ACCUMULATE_PASS)
        return expect_plain(s, frame, e, row->name);
    /* $shift: the value of another document, or the default where there is none. */
    const oc_node *node = oc_evaluate(s, frame, e);
    *passed = node ? oc_derive_either(*passed, node, row->name, &s->a->lookup) : NULL;
    return *passed != NULL;
}

static bool once(const oc_scope *s, oc_nameset *seen, const oc_accumulator *row, oc_str name) {
    switch (oc_nameset_add(seen, s->a->arena, name)) {
    case OC_NAME_ADDED: return true;
    case OC_NAME_NO_MEMORY: return oc_no_memory(s->a);
    case OC_NAME_PRESENT: break;
    }
    return oc_fail_duplicate(s->a, row->name, name);
}

static const oc_node *accumulate_named(const oc_scope *s, oc_frame *frame, const oc_elem *operand,
                                       const oc_accumulator *row) {
    const oc_node *passed = &oc_absent_node;
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner) {
        oc_no_memory(s->a);
        return NULL;
    }
    if (operand->type != OC_DOCUMENT) {
        oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL, "The operand of %s must be an object", row->name);
        return NULL;
    }
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    oc_nameset seen = {0};
    char mark;
    while (oc_next(&it, &e)) {
        if (!once(s, &seen, row, e.name))
            return NULL;
        if (!oc_find_operand(row->names, e.name, &mark)) {
            oc_fail(s->a->error, OC_FIELD_UNKNOWN, NULL, row->name, NULL, "BSON field '%s.%s' is an unknown field.",
                    row->name, oc_name(e.name).text);
            return NULL;
        }
        if (!named_operand(s, inner, &e, row, mark, &passed))
            return NULL;
    }
    return passed == &oc_absent_node ? &oc_plain_node : passed; /* no operand was one to pass */
}

static const oc_node *array_of(const oc_scope *s, const oc_node *element) {
    return element ? oc_derive_array(element, false, &s->a->lookup) : NULL;
}

static const oc_node *set_of(const oc_scope *s, oc_frame *frame, const oc_elem *operand) {
    return array_of(s, group_key(s, frame, operand));
}

static bool no_operand(const oc_scope *s, const oc_elem *e) {
    oc_elem first;
    return (e->type == OC_DOCUMENT && !oc_bson_first(e->value, &first)) ||
           oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, oc_name(e->name).text, NULL, "%s takes no arguments, only {}",
                   oc_name(e->name).text);
}

/* {$sum: 1} */
static bool counts_documents(const oc_accumulator *row, const oc_elem *e) {
    uint64_t one = 0x3FF0000000000000;
    return strcmp(row->name, "$sum") == 0 &&
           ((e->type == OC_INT32 && oc_u32(e->value) == 1) || (e->type == OC_INT64 && oc_u64(e->value) == 1) ||
            (e->type == OC_DOUBLE && oc_u64(e->value) == one));
}

/* Evaluates {$sum: …}, the operator element in the document of `frame`; NULL on failure. */
static const oc_node *accumulate(const oc_scope *s, oc_frame *frame, const oc_elem *e, unsigned place) {
    const oc_accumulator *row = oc_accumulator_find(e->name);
    if (!row || !(row->places & place)) {
        oc_fail(s->a->error, OC_EXPRESSION_UNKNOWN, NULL, oc_name(e->name).text,
                "only documented accumulators can be analysed while a schema of the request encrypts something",
                "Unrecognized expression '%s'", oc_name(e->name).text);
        return NULL;
    }
    if (row->operand == OC_OPERAND_NAMED)
        return accumulate_named(s, frame, e, row);
    switch (row->kind) {
    case OC_ACCUMULATE_PASS: return oc_evaluate(s, frame, e);
    case OC_ACCUMULATE_PUSH: return array_of(s, oc_evaluate(s, frame, e));
    case OC_ACCUMULATE_SET: return set_of(s, frame, e);
    case OC_ACCUMULATE_PLAIN:
        if (oc_is_unseen(s) && counts_documents(row, e))
            return &oc_plain_node;
        return (row->operand == OC_OPERAND_OPAQUE ? no_operand(s, e) : expect_plain(s, frame, e, row->name))
                   ? &oc_plain_node
                   : NULL;
    case OC_ACCUMULATE_REFUSED: break;
    }
    oc_fail(s->a->error, OC_ACCUMULATOR, NULL, row->name, "use a client that does not encrypt automatically",
            "Accumulator '%s' is not allowed where a schema of the request encrypts something", row->name);
    return NULL;
}

/* ---- the fields of a group ---- */

static bool fail_output(const oc_pipeline *p) {
    return oc_fail_stage(p, NULL, NULL, "wants each field to be an object with one accumulator");
}

/* {total: {$sum: "$x"}}: the node of `total`. */
static const oc_node *output(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem op;
    if (e->type != OC_DOCUMENT || !oc_bson_first(e->value, &op) || op.end < e->end - 1) {
        fail_output(p);
        return NULL;
    }
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner) {
        oc_no_memory(p->scope.a);
        return NULL;
    }
    const oc_node *node = accumulate(&p->scope, inner, &op, OC_IN_GROUP);
    if (node == &oc_plain_node && strcmp(p->scope.place, "$group") != 0)
        return oc_stage_values(p);
    return node ? oc_known(node) : NULL;
}

/* What a group's documents have. */
typedef struct grouped {
    oc_name_entry *entries;
    size_t count;
    oc_nameset seen;
} grouped;

static bool first_of_its_name(const oc_pipeline *p, oc_nameset *seen, oc_str name) {
    switch (oc_nameset_add(seen, p->scope.a->arena, name)) {
    case OC_NAME_ADDED: return true;
    case OC_NAME_NO_MEMORY: return oc_no_memory(p->scope.a);
    case OC_NAME_PRESENT: break;
    }
    return oc_fail_stage(p, &(oc_path){NULL, name}, "give the field once", "holds a field twice");
}

static bool add(oc_pipeline *p, grouped *g, oc_str name, const oc_node *node) {
    if (!node || !first_of_its_name(p, &g->seen, name))
        return false;
    g->entries[g->count++] = (oc_name_entry){.name = name, .value = node};
    return true;
}

static bool start(oc_pipeline *p, grouped *g, const oc_elem *e) {
    size_t most = e ? oc_count_members(e) : 0;
    g->entries = oc_arena_alloc(p->scope.a->arena, (most + 2) * sizeof *g->entries);
    return g->entries || oc_no_memory(p->scope.a);
}

static bool finish(oc_pipeline *p, const grouped *g) {
    p->scope.tree = oc_derive_object(g->entries, g->count, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

static bool outputs(oc_pipeline *p, oc_frame *frame, const oc_elem *e, grouped *g) {
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type != OC_DOCUMENT)
        return fail_output(p);
    if (!inner)
        return oc_no_memory(p->scope.a);
    while (oc_next(&it, &member))
        if (!add(p, g, member.name, output(p, inner, &member)))
            return false;
    return true;
}

/* The key is judged first, wherever it stands: established suites expect its error before those of accumulators. */
bool oc_stage_group(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    grouped g = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member, key;
    if (e->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants an object");
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!oc_bson_find(e->value, "_id", &key))
        return oc_fail_stage(p, NULL, "group all documents with _id: null", "needs an _id");
    if (!start(p, &g, e) || !add(p, &g, key.name, group_key(&p->scope, inner, &key)))
        return false;
    while (oc_next(&it, &member))
        if (member.start != key.start && !add(p, &g, member.name, output(p, inner, &member)))
            return false;
    return finish(p, &g) && oc_normalise_group_later(p->scope.a, inner, oc_stage_is_qe(p));
}

static bool add_count(oc_pipeline *p, grouped *g) {
    return add(p, g, (oc_str){"count", 5}, &oc_plain_node);
}

/* A path or an operator. A constant would make one group of all documents, so no server takes it. */
static bool is_computed(const oc_elem *e) {
    oc_elem first;
    if (e->type == OC_DOCUMENT)
        return oc_bson_first(e->value, &first) && oc_str_starts(first.name, "$");
    return field_path(e).s != NULL;
}

bool oc_stage_sort_by_count(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    grouped g = {0};
    if (!is_computed(e))
        return oc_fail_stage(p, NULL, NULL, "wants a path that starts with '$', or an expression");
    return start(p, &g, NULL) && add(p, &g, (oc_str){"_id", 3}, group_key(&p->scope, frame, e)) && add_count(p, &g) &&
           finish(p, &g);
}

/* $bucket and $bucketAuto compare the key by order. */
static bool bucket(oc_pipeline *p, oc_frame *frame, const oc_elem *e, const oc_elem *by, const oc_elem *output_spec) {
    grouped g = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!by->start)
        return oc_fail_stage(p, NULL, NULL, "needs groupBy");
    if (!oc_expect_plain(&p->scope, inner, by, p->scope.place) ||
        !start(p, &g, output_spec->start ? output_spec : NULL))
        return false;
    return add(p, &g, (oc_str){"_id", 3}, oc_stage_values(p)) &&
           (output_spec->start ? outputs(p, inner, output_spec, &g) : add_count(p, &g)) && finish(p, &g);
}

/* Where the stage holds constants that are compared with values, or become some. */
static bool no_unseen_values(const oc_pipeline *p) {
    return !p->scope.tree->unseen || oc_fail_view_constant(p->scope.a, (oc_str){"", 0}, p->scope.place);
}

bool oc_stage_bucket(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[4] = {0};
    return oc_stage_options(p, e, "groupBy =boundaries =default output", parts) &&
           (parts[1].start || oc_fail_stage(p, NULL, NULL, "needs boundaries")) && no_unseen_values(p) &&
           bucket(p, frame, e, &parts[0], &parts[3]);
}

bool oc_stage_bucket_auto(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[4] = {0};
    return oc_stage_options(p, e, "groupBy =buckets output =granularity", parts) &&
           (parts[1].start || oc_fail_stage(p, NULL, NULL, "needs buckets")) &&
           bucket(p, frame, e, &parts[0], &parts[2]);
}

/* ---- partitions ---- */

/* Its bounds are constants. `windowed`: whether the function has one already. */
static bool check_window(oc_pipeline *p, const oc_elem *e, bool *windowed) {
    if (*windowed || e->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants one window, an object, for each function");
    *windowed = true;
    return oc_is_constant(e) || oc_fail_constant(p->scope.a, p->scope.place, e->name);
}

/* {$sum: "$x", window: {…}} */
static const oc_node *window_function(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    const oc_node *node = NULL;
    bool windowed = false;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (!inner) {
        oc_no_memory(p->scope.a);
        return NULL;
    }
    if (e->type != OC_DOCUMENT) {
        oc_fail_stage(p, NULL, NULL, "wants each field of output to be an object with one window function");
        return NULL;
    }
    while (oc_next(&it, &member)) {
        if (oc_str_is(member.name, "window")) {
            if (!check_window(p, &member, &windowed))
                return NULL;
            continue;
        }
        if (node) {
            oc_fail_stage(p, NULL, NULL, "wants one window function for each field of output");
            return NULL;
        }
        node = accumulate(&p->scope, inner, &member, OC_IN_WINDOW);
        if (!node)
            return NULL;
        if (node == &oc_plain_node)
            node = oc_stage_values(p);
    }
    if (!node)
        oc_fail_stage(p, NULL, NULL, "wants one window function for each field of output");
    return node;
}

/* All functions see the documents as they came in. */
static bool set_windows(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_pipeline after = *p;
    oc_paths paths = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants an object as output");
    if (!inner)
        return oc_no_memory(p->scope.a);
    while (oc_next(&it, &member))
        if (!oc_stage_path_once(p, &paths, member.name) ||
            !oc_stage_set(&after, member.name, window_function(p, inner, &member)))
            return false;
    p->scope.tree = after.scope.tree;
    return true;
}

bool oc_stage_set_window_fields(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[3] = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!oc_stage_options(p, e, "partitionBy sortBy output", parts))
        return false;
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!parts[2].start)
        return oc_fail_stage(p, NULL, NULL, "needs output");
    return (!parts[0].start || group_key(&p->scope, inner, &parts[0])) &&
           (!parts[1].start || oc_sort_on(p->scope.a, p->scope.tree, &parts[1])) && set_windows(p, inner, &parts[2]);
}

static bool partition_fields(oc_pipeline *p, const oc_elem *e) {
    oc_str path;
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type != OC_ARRAY)
        return oc_fail_stage(p, NULL, NULL, "wants an array of field paths as partitionByFields");
    while (oc_next(&it, &member))
        if (!oc_stage_string(p, &member, &path) || !partition_field(&p->scope, path))
            return false;
    return true;
}

/* {bounds: [from, to]}, not "full" or "partition". */
static bool has_bounds(const oc_elem *range) {
    oc_elem bounds;
    return range->start && range->type == OC_DOCUMENT && oc_bson_find(range->value, "bounds", &bounds) &&
           bounds.type == OC_ARRAY;
}

bool oc_stage_densify(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[3] = {0};
    oc_str field;
    (void)frame;
    if (!oc_stage_options(p, e, "field partitionByFields =range", parts))
        return false;
    if (!parts[0].start)
        return oc_fail_stage(p, NULL, NULL, "needs a field");
    return oc_stage_string(p, &parts[0], &field) && oc_stage_plain_path(p, field) &&
           (!has_bounds(&parts[2]) || no_unseen_values(p)) && (!parts[1].start || partition_fields(p, &parts[1])) &&
           oc_stage_set(p, field, oc_stage_values(p));
}

/* {path: {value: <expression>} or {method: "linear" | "locf"}} */
static bool fill_output(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_pipeline after = *p;
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type != OC_DOCUMENT)
        return oc_fail_stage(p, NULL, NULL, "wants an object as output");
    if (!inner)
        return oc_no_memory(p->scope.a);
    while (oc_next(&it, &member)) {
        oc_elem parts[2] = {0};
        if (!oc_stage_set(&after, member.name, oc_stage_values(p)) || !oc_stage_plain_path(p, member.name) ||
            !oc_stage_options(p, &member, "value =method", parts))
            return false;
        oc_frame *field = oc_inner_frame(p->scope.a, inner, &member);
        if (!field)
            return oc_no_memory(p->scope.a);
        if (parts[0].start && !oc_expect_plain(&p->scope, field, &parts[0], p->scope.place))
            return false;
    }
    p->scope.tree = after.scope.tree;
    return true;
}

bool oc_stage_fill(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem parts[4] = {0};
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    if (!oc_stage_options(p, e, "partitionBy partitionByFields sortBy output", parts))
        return false;
    if (!inner)
        return oc_no_memory(p->scope.a);
    if (!parts[3].start)
        return oc_fail_stage(p, NULL, NULL, "needs output");
    return (!parts[0].start || group_key(&p->scope, inner, &parts[0])) &&
           (!parts[1].start || partition_fields(p, &parts[1])) &&
           (!parts[2].start || oc_sort_on(p->scope.a, p->scope.tree, &parts[2])) && fill_output(p, inner, &parts[3]);
}
