#include "view.h"

#include "dropped.h"
#include "pipeline.h"

/* ---- constants ---- */

bool oc_fail_view_constant(oc_analysis *a, oc_str path, const char *op) {
    return oc_fail(a->error, OC_VIEW_CONSTANT, path.n ? &(oc_path){NULL, path} : NULL, op,
                   "use a client without automatic encryption, or put the schema of every collection that the pipeline "
                   "reads into the client's map",
                   "The pipeline of a view cannot hold a constant for a value of a collection whose schema is not in "
                   "the request: it would be stored as it is");
}

static const oc_node computed = {.kind = OC_PLAIN, .rest = &oc_unseen_node, .unseen = true};

const oc_node *oc_computed(const oc_scope *s) {
    return oc_is_unseen(s) ? &computed : &oc_plain_node;
}

const oc_node *oc_known(const oc_node *node) {
    return node == &computed ? &oc_plain_node : node;
}

bool oc_is_harmless(const oc_elem *e) {
    return e->type == OC_NULL || e->type == OC_UNDEFINED || e->type == OC_MIN_KEY || e->type == OC_MAX_KEY;
}

bool oc_is_manner(oc_str name, const oc_elem *e) {
    static const char *const names[] = {"algorithm",   "amount",  "base",  "binSize",  "byteOrder", "field",
                                        "format",      "iso8601", "limit", "n",        "options",   "p",
                                        "startOfWeek", "subtype", "to",    "timezone", "unit"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (oc_str_is(name, names[i]))
            return oc_is_constant(e);
    return false;
}

bool oc_is_count(const char *op, size_t place, const oc_elem *e) {
    static const char *const names[] = {"$arrayElemAt", "$round",    "$slice", "$substr",
                                        "$substrBytes", "$substrCP", "$trunc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op, names[i]) == 0)
            return place > 0 && oc_is_number(e->type);
    return false;
}

static bool is_comparison(const char *op) {
    static const char *const names[] = {"$cmp", "$eq", "$gt", "$gte", "$in", "$lt", "$lte", "$ne"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op, names[i]) == 0)
            return true;
    return false;
}

/* The path of a field that is there and was computed. */
static bool is_known_path(const oc_scope *s, const oc_elem *e) {
    const char *stage;
    oc_str text = e->type == OC_STRING ? oc_elem_str(e) : (oc_str){"", 0};
    if (text.n < 2 || text.s[0] != '$' || text.s[1] == '$')
        return false;
    const oc_node *node = oc_dropped_find(s->tree, (oc_str){text.s + 1, text.n - 1}, &s->a->lookup, &stage);
    return node && node->kind == OC_PLAIN && !node->unseen && !node->absent;
}

bool oc_compares_known(const oc_scope *s, const char *op, const oc_elem *operand) {
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    if (!is_comparison(op) || operand->type != OC_ARRAY)
        return false;
    while (oc_next(&it, &e))
        if (!oc_is_constant(&e) && !is_known_path(s, &e))
            return false;
    return true;
}

/* ---- views ---- */

static bool fail_encrypted_view(oc_analysis *a) {
    return oc_fail(a->error, OC_COLLECTION_OPTION, NULL, "viewOn",
                   "make the view with a client that does not encrypt automatically",
                   "A view cannot have a schema that encrypts");
}

/* Both, or neither. *given: there is a view. */
static bool check_given(oc_analysis *a, const oc_elem *view_on, const oc_elem *pipeline, bool *given) {
    *given = !oc_is_absent(view_on) || !oc_is_absent(pipeline);
    if (!*given)
        return true;
    if (a->root->kind != OC_PLAIN)
        return fail_encrypted_view(a);
    if (oc_is_absent(view_on))
        return !a->encrypts || oc_fail_missing(a, a->command, "viewOn");
    return view_on->type == OC_STRING || oc_fail_type(a, view_on, OC_STRING);
}

/* Without viewOn the server refuses the pipeline: of a collection that nobody knows. */
static oc_str collection_of(const oc_elem *view_on) {
    return oc_is_absent(view_on) ? (oc_str){"", 0} : oc_elem_str(view_on);
}

bool oc_view(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *view_on = oc_field_get(fields, OC_SLOT_VIEW_ON);
    const oc_elem *pipeline = oc_field_get(fields, OC_SLOT_PIPELINE);
    bool given;
    if (!check_given(a, view_on, pipeline, &given))
        return false;
    a->view = given;
    if (!given || oc_is_absent(pipeline))
        return true;
    /* What it reads anywhere is known before its first constant is judged. */
    return oc_pipeline_refer_view(a, collection_of(view_on), pipeline) &&
           oc_pipeline_view(a, frame, collection_of(view_on), pipeline);
}

/* The two fields, by their slots. */
static bool find_fields(oc_analysis *a, const oc_frame *frame, oc_fields *out) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    *out = (oc_fields){0};
    while (oc_next(&it, &e)) {
        bool on = oc_str_is(e.name, "viewOn");
        oc_slot slot = on ? OC_SLOT_VIEW_ON : OC_SLOT_PIPELINE;
        if (!on && !oc_str_is(e.name, "pipeline"))
            continue;
        if (oc_field_get(out, slot))
            return oc_fail_duplicate(a, a->command, e.name);
        out->slot[slot] = e;
    }
    return true;
}

/* Where the request has the schema of all that is read, and these encrypt nothing, the server judges the rest. */
bool oc_refer_view(oc_analysis *a, const oc_frame *frame) {
    oc_frame copy = *frame;
    oc_fields fields;
    bool given;
    if (!find_fields(a, frame, &fields))
        return false;
    const oc_elem *view_on = oc_field_get(&fields, OC_SLOT_VIEW_ON);
    const oc_elem *pipeline = oc_field_get(&fields, OC_SLOT_PIPELINE);
    if (!check_given(a, view_on, pipeline, &given))
        return false;
    a->view = given;
    if (!given || oc_is_absent(pipeline))
        return true;
    return oc_pipeline_refer_view(a, collection_of(view_on), pipeline) && (!a->unseen || oc_view(a, &copy, &fields));
}
