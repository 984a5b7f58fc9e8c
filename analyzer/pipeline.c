#include "pipeline.h"

#include "dropped.h"
#include "fields.h"
#include "normal_form.h"
#include "reshape.h"

enum { DEEPEST_PIPELINE = 20 };

/* ---- failures and small parts of stages ---- */

bool oc_fail_stage(const oc_pipeline *p, const oc_path *path, const char *hint, const char *what) {
    return oc_fail(p->scope.a->error, OC_STAGE_FIELD, path, p->scope.place, hint, "Aggregation stage %s %s",
                   p->scope.place, what);
}

bool oc_stage_string(const oc_pipeline *p, const oc_elem *e, oc_str *out) {
    if (e->type != OC_STRING)
        return oc_fail(p->scope.a->error, OC_COMMAND_SHAPE, NULL, p->scope.place, NULL,
                       "%s wants a string where it has a value of type %s", p->scope.place, oc_type_name(e->type));
    *out = oc_elem_str(e);
    return true;
}

bool oc_stage_name(const oc_pipeline *p, oc_str name) {
    bool ok = name.n && name.s[0] != '$' && !memchr(name.s, '.', name.n) && !memchr(name.s, 0, name.n);
    return ok || oc_fail_stage(p, &(oc_path){NULL, name}, "name it without '.', and not starting with '$'",
                               "makes a field whose name no server takes");
}

bool oc_stage_options(const oc_pipeline *p, const oc_elem *e, const char *names, oc_elem *out) {
    return oc_options(p->scope.a, e, p->scope.place, names, out);
}

bool oc_stage_plain_path(const oc_pipeline *p, oc_str path) {
    oc_answer at;
    oc_path where = {NULL, path};
    if (!oc_node_lookup(p->scope.tree, path, &p->scope.a->lookup, &at))
        return false;
    if (at.position == OC_AT_UNKNOWN)
        return oc_fail_unknown_node(&p->scope, at.node, path);
    return at.position == OC_AT_PLAIN ||
           oc_fail_stage(p, &where, "name a plain field",
                         "cannot use a field that is encrypted, or is above or below an encrypted one");
}

bool oc_stage_is_qe(const oc_pipeline *p) {
    const oc_analysis *a = p->scope.a;
    return a->qe && (a->root->kind != OC_PLAIN || p->collection->kind != OC_PLAIN);
}

/* ---- collections ---- */

static const char one_collection[] =
    "let the driver send the schemas of all collections: libmongocrypt 1.13 or later, and a driver that supports "
    "$lookup with automatic encryption";

bool oc_stage_namespace(const oc_pipeline *p, oc_str coll, oc_str *ns) {
    const char *dot = memchr(p->ns.s, '.', p->ns.n);
    size_t db = dot ? (size_t)(dot - p->ns.s) : 0;
    char *text = oc_arena_alloc(p->scope.a->arena, db + 1 + coll.n);
    if (!text)
        return oc_no_memory(p->scope.a);
    memcpy(text, p->ns.s, db);
    text[db] = '.';
    if (coll.n)
        memcpy(text + db + 1, coll.s, coll.n);
    *ns = (oc_str){text, db + 1 + coll.n};
    return true;
}

const oc_node *oc_stage_collection(const oc_pipeline *p, oc_str ns) {
    oc_analysis *a = p->scope.a;
    const oc_node *tree = oc_analysis_namespace(a, ns);
    if (tree)
        return tree;
    if (a->view) {
        a->unseen = true;
        return &oc_unseen_node;
    }
    if (a->namespace_table.count == 0)
        oc_fail(a->error, OC_SCHEMA_MISSING, NULL, p->scope.place, one_collection,
                "Pipeline over an encrypted collection cannot reference additional collections: '%s'",
                oc_name(ns).text);
    else
        oc_fail_no_schema(a, ns);
    return NULL;
}

const oc_node *oc_stage_values(const oc_pipeline *p) {
    return p->scope.tree->unseen ? &oc_unseen_node : &oc_plain_node;
}

/* ---- the paths of a stage ---- */

struct oc_path_entry {
    oc_str name; /* name.s == NULL: an empty slot */
    uint32_t parent, id;
    bool last;
};

/* The slot of the component, or the free one where it belongs. */
static struct oc_path_entry *find_slot(const oc_paths *paths, uint32_t parent, oc_str name) {
    size_t at = (oc_hash(name.s, name.n) + parent * 0x9E3779B9u) & paths->mask;
    while (paths->slots[at].name.s && !(paths->slots[at].parent == parent && oc_str_eq(paths->slots[at].name, name)))
        at = (at + 1) & paths->mask;
    return &paths->slots[at];
}

static bool grow_paths(const oc_pipeline *p, oc_paths *paths) {
    oc_paths more = {.mask = paths->slots ? 2 * paths->mask + 1 : 15, .count = paths->count};
    more.slots = oc_arena_zeroed(p->scope.a->arena, more.mask + 1, sizeof *more.slots);
    if (!more.slots)
        return oc_no_memory(p->scope.a);
    for (size_t i = 0; paths->slots && i <= paths->mask; i++)
        if (paths->slots[i].name.s)
            *find_slot(&more, paths->slots[i].parent, paths->slots[i].name) = paths->slots[i];
    *paths = more;
    return true;
}

bool oc_stage_path_step(const oc_pipeline *p, oc_paths *paths, uint32_t parent, oc_str name, bool last,
                        const oc_path *where, uint32_t *entry) {
    if ((!paths->slots || 2 * paths->count > paths->mask) && !grow_paths(p, paths))
        return false;
    struct oc_path_entry *slot = find_slot(paths, parent, name);
    if (slot->name.s && (last || slot->last))
        return oc_fail_stage(p, where, "name each field once", "has two paths that collide");
    if (!slot->name.s)
        *slot = (struct oc_path_entry){name, parent, (uint32_t)++paths->count, last};
    *entry = slot->id;
    return true;
}

bool oc_stage_path_once(const oc_pipeline *p, oc_paths *paths, oc_str path) {
    uint32_t entry = 0;
    const char *end = path.s + path.n;
    const char *at = path.s;
    for (size_t n = 0; n < OC_MAX_DEPTH; n++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        oc_str name = {at, (size_t)((dot ? dot : end) - at)};
        if (!oc_stage_path_step(p, paths, entry, name, !dot, &(oc_path){NULL, path}, &entry))
            return false;
        if (!dot)
            return true;
        at = dot + 1;
    }
    return oc_fail(p->scope.a->error, OC_TOO_DEEP, NULL, p->scope.place, NULL, "A field path is too long");
}

bool oc_stage_set(oc_pipeline *p, oc_str path, const oc_node *value) {
    oc_path where = {NULL, path};
    const oc_node *tree;
    if (!value)
        return false;
    switch (oc_derive_set(p->scope.tree, path, value, &p->scope.a->lookup, &tree)) {
    case OC_DERIVED: p->scope.tree = tree; return true;
    case OC_DERIVE_FAILED: return false;
    case OC_DERIVE_BELOW:
        return oc_fail_stage(p, &where, "write to another field", "cannot write below an encrypted field");
    case OC_DERIVE_UNKNOWN: break;
    }
    return oc_fail_stage(p, &where, "write to another field",
                         "cannot write below a field whose encryption is not known until runtime");
}

/* ---- finding stages ---- */

static bool fail_shape(oc_analysis *a, const char *what) {
    return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, "pipeline", NULL, "%s", what);
}

static const oc_stage *find_stage(oc_str name) {
    size_t count, low = 0;
    const oc_stage *rows = oc_stages(&count);
    for (size_t high = count; low < high;) {
        size_t middle = (low + high) / 2;
        int order = oc_str_compare(name, rows[middle].name);
        if (order == 0)
            return &rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool fail_not_allowed(oc_analysis *a, oc_str name) {
    return oc_fail(a->error, OC_STAGE_NOT_ALLOWED, NULL, oc_name(name).text,
                   "use a client that does not encrypt automatically for such pipelines",
                   "Aggregation stage %s is not allowed or supported with automatic encryption", oc_name(name).text);
}

/* The one field of a stage's document, and its row. */
static bool read_stage(oc_analysis *a, const oc_elem *e, oc_elem *stage, const oc_stage **row) {
    if (e->type != OC_DOCUMENT)
        return fail_shape(a, "Each element of the 'pipeline' array must be an object");
    if (!oc_bson_first(e->value, stage) || stage->end < e->end - 1)
        return fail_shape(a, "A pipeline stage specification object must contain exactly one field");
    *row = find_stage(stage->name);
    return *row || fail_not_allowed(a, stage->name);
}

static bool check_place(const oc_pipeline *p, const oc_stage *row) {
    switch (row->place) {
    case OC_STAGE_ANYWHERE: return true;
    case OC_STAGE_FIRST:
        return (p->first && !p->faceted) ||
               oc_fail_stage(p, NULL, NULL, "is only valid as the first stage in a pipeline");
    case OC_STAGE_LAST: return p->last || oc_fail_stage(p, NULL, NULL, "can only be the final stage in the pipeline");
    case OC_STAGE_REFUSED: break;
    }
    return fail_not_allowed(p->scope.a, (oc_str){row->name, strlen(row->name)});
}

/* ---- running them ---- */

static bool run_stage(oc_pipeline *p, oc_frame *list, const oc_elem *e) {
    const oc_stage *row = NULL;
    oc_elem stage;
    oc_frame *frame = oc_inner_frame(p->scope.a, list, e);
    if (!frame)
        return oc_no_memory(p->scope.a);
    if (!read_stage(p->scope.a, e, &stage, &row))
        return false;
    p->scope.place = row->name;
    if (!check_place(p, row))
        return false;
    if (p->scope.a->view && row->place == OC_STAGE_LAST)
        return oc_fail_stage(p, NULL, NULL, "is not allowed in the pipeline of a view");
    if (p->stored && !row->in_update)
        return oc_fail_stage(p, NULL, "use $set, $unset, $project, $replaceRoot or $replaceWith",
                             "is not allowed within an update");
    const oc_node *before = p->scope.tree;
    if (!row->analyze(p, frame, &stage))
        return false;
    if (!row->keeps)
        p->scope.original = NULL;
    p->scope.tree = oc_dropped_remember(before, p->scope.tree, row->name, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

static bool run(oc_pipeline *p, oc_frame *frame, const oc_elem *pipeline) {
    oc_iter it = oc_elem_iter(pipeline);
    oc_elem e;
    if (pipeline->type != OC_ARRAY)
        return fail_shape(p->scope.a, "A pipeline must be an array");
    if (p->depth > DEEPEST_PIPELINE)
        return oc_fail(p->scope.a->error, OC_TOO_DEEP, NULL, NULL, NULL, "Pipelines are nested deeper than %d levels",
                       DEEPEST_PIPELINE);
    oc_frame *list = oc_inner_frame(p->scope.a, frame, pipeline);
    if (!list)
        return oc_no_memory(p->scope.a);
    for (p->first = true; oc_next(&it, &e); p->first = false) {
        p->last = it.at >= it.end;
        if (!run_stage(p, list, &e))
            return false;
    }
    return true;
}

bool oc_sub_pipeline(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, const oc_source *source,
                     const oc_node **out) {
    bool apart = outer->apart || source->apart;
    oc_pipeline p = {.scope = {.a = outer->scope.a,
                               .tree = source->tree,
                               .variables = source->variables,
                               .original = apart ? NULL : source->tree},
                     .collection = source->tree,
                     .ns = source->ns,
                     .sourceless = source->sourceless,
                     .apart = apart,
                     .depth = outer->depth + 1};
    if (!run(&p, frame, e))
        return false;
    *out = p.scope.tree;
    return true;
}

bool oc_sub_pipeline_of(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, bool sources,
                        const oc_node **out) {
    oc_pipeline p = *outer;
    p.faceted = !sources;
    p.depth++;
    p.apart = true;
    p.sourceless = false;
    p.scope.original = NULL;
    if (!run(&p, frame, e))
        return false;
    *out = p.scope.tree;
    return true;
}

bool oc_pipeline_aggregate(oc_analysis *a, oc_frame *frame, const oc_elem *e) {
    oc_pipeline p = {.scope = {.a = a, .tree = a->root, .variables = a->variables, .original = a->root},
                     .collection = a->root,
                     .ns = a->ns};
    uint64_t marks = a->marks;
    return run(&p, frame, e) && oc_normalise_later_ones(a, a->marks != marks);
}

bool oc_pipeline_view(oc_analysis *a, oc_frame *frame, oc_str collection, const oc_elem *e) {
    oc_pipeline p = {.scope = {.a = a}, .ns = a->ns, .apart = true}; /* a view has no queries of QE */
    uint64_t marks = a->marks;
    if (!oc_stage_namespace(&p, collection, &p.ns))
        return false;
    p.collection = p.scope.tree = oc_stage_collection(&p, p.ns);
    if (!p.collection)
        return false;
    const oc_node *view = a->root;
    a->root = p.collection; /* what decides between the forms of a reply, as in aggregate */
    bool ok = run(&p, frame, e) && oc_normalise_later_ones(a, a->marks != marks);
    a->root = view;
    return ok;
}

bool oc_pipeline_update(oc_analysis *a, oc_frame *frame, const oc_elem *e) {
    oc_pipeline p = {.scope = {.a = a, .tree = a->root, .variables = a->variables},
                     .collection = a->root,
                     .ns = a->ns,
                     .stored = a->root};
    return run(&p, frame, e) && oc_check_stored(&p);
}

/* ---- where nothing is encrypted ---- */

static bool refer(oc_pipeline *p, const oc_elem *pipeline) {
    oc_iter it = oc_elem_iter(pipeline);
    oc_elem e, stage;
    const oc_stage *row = NULL;
    if (pipeline->type != OC_ARRAY || p->depth > DEEPEST_PIPELINE)
        return fail_shape(p->scope.a, "A pipeline must be an array, and not be nested too deep");
    while (oc_next(&it, &e)) {
        if (!read_stage(p->scope.a, &e, &stage, &row))
            return false;
        p->scope.place = row->name;
        if (row->refer && !row->refer(p, &stage))
            return false;
    }
    return true;
}

bool oc_refer_sub_pipeline(const oc_pipeline *outer, const oc_elem *e, oc_str ns) {
    oc_pipeline p = {.scope = {.a = outer->scope.a, .tree = &oc_plain_node}, .ns = ns, .depth = outer->depth + 1};
    return refer(&p, e);
}

bool oc_pipeline_refer(oc_analysis *a, const oc_elem *e) {
    oc_pipeline p = {.scope = {.a = a, .tree = &oc_plain_node}, .ns = a->ns};
    return refer(&p, e);
}

bool oc_pipeline_refer_view(oc_analysis *a, oc_str collection, const oc_elem *e) {
    oc_pipeline p = {.scope = {.a = a, .tree = &oc_plain_node}, .ns = a->ns};
    return oc_stage_namespace(&p, collection, &p.ns) && oc_stage_collection(&p, p.ns) && refer(&p, e);
}
