/* The stages that reshape documents: $project, $addFields, $unset, $replaceRoot.
 *
 * Their specifications name fields by dotted paths, nested objects, or both. Three nodes are walked side by side: `in`,
 * the input document; `out`, what has been made of it so far; and in a pipeline update `target`, what the collection's
 * tree says of the place, so that constants are marked there. */

#include "reshape.h"

#include "dropped.h"
#include "view.h"

enum { DEEPEST = 128 };

typedef enum mode { INCLUDE, EXCLUDE, ADD } mode;

typedef struct reshape {
    oc_pipeline *p;
    mode mode;
    unsigned depth; /* components walked, at most DEEPEST: what one takes of the stack, times this, is little */
    oc_paths paths;
} reshape;

/* The nodes at one place. */
typedef struct place {
    const oc_node *in, *out;
    const oc_node *target; /* NULL: not an update */
    const oc_path *path;   /* NULL: the document itself */
    bool document;         /* no array at run time: the document itself, or an element of an array */
    uint32_t entry;        /* of its path among those of the stage */
} place;

static const oc_node empty_object = {.kind = OC_PLAIN, .rest = &oc_absent_node};

static const oc_node *fields(reshape *r, oc_frame *frame, const place *at);

/* ---- one place ---- */

/* IEEE 754-2008 in binary integer encoding: what is not canonical is zero. */
static bool is_decimal_zero(const uint8_t *value) {
    uint64_t low = oc_u64(value), high = oc_u64(value + 8);
    uint64_t coefficient = high & 0x0001FFFFFFFFFFFF;
    if ((high >> 61 & 3) == 3)
        return (high >> 58 & 31) < 30; /* else infinity or NaN */
    if (coefficient > 0x0001ED09BEAD87C0 || (coefficient == 0x0001ED09BEAD87C0 && low > 0x378D8E63FFFFFFFF))
        return true; /* more than 34 digits */
    return coefficient == 0 && low == 0;
}

static bool is_true(const oc_elem *e) {
    switch (e->type) {
    case OC_BOOL: return e->value[0] != 0;
    case OC_INT32: return oc_u32(e->value) != 0;
    case OC_INT64: return oc_u64(e->value) != 0;
    case OC_DOUBLE: return oc_u64(e->value) << 1 != 0;
    case OC_DECIMAL128: return !is_decimal_zero(e->value);
    default: return true;
    }
}

static bool is_operator(const oc_elem *e) {
    oc_elem first;
    return e->type == OC_DOCUMENT && oc_bson_first(e->value, &first) && first.name.n && first.name.s[0] == '$';
}

static bool is_flag(const oc_elem *e) {
    return e->type == OC_BOOL || oc_is_number(e->type);
}

static bool is_nested(const reshape *r, const oc_elem *e) {
    oc_elem first;
    return e->type == OC_DOCUMENT && !is_operator(e) && (r->mode != ADD || oc_bson_first(e->value, &first));
}

static OC_APART const oc_node *computed(reshape *r, oc_frame *frame, const oc_elem *e, const place *at) {
    oc_results results = {.literals = at->target != NULL};
    if (!oc_evaluate_each(&r->p->scope, frame, e, &results))
        return NULL;
    if (at->target)
        return oc_store(r->p, &results, at->target, at->path);
    const oc_node *node = oc_join_results(&r->p->scope, &results);
    return r->mode == INCLUDE && node ? oc_known(node) : node;
}

static const oc_node *fail_below(reshape *r, const place *at) {
    oc_fail_stage(r->p, at->path, "write to another field",
                  at->in->kind == OC_ENCRYPTED
                      ? "cannot write below an encrypted field"
                      : "cannot write below a field whose encryption is not known until runtime");
    return NULL;
}

/* A nested specification, or the rest of a path, where the input has no object that it could be applied to. */
static const oc_node *opaque(reshape *r, const place *at, bool writes) {
    if (writes)
        return fail_below(r, at);
    if (at->in->kind == OC_ENCRYPTED && r->mode == INCLUDE)
        return &oc_absent_node; /* ciphertext has no fields */
    return r->mode == INCLUDE ? at->in : at->out;
}

static bool is_object(const oc_node *node) {
    return node->kind == OC_PLAIN || node->kind == OC_ABOVE;
}

/* Whether a nested specification computes anything. */
static bool writes(const reshape *r, const oc_elem *e) {
    if (!is_nested(r, e))
        return r->mode == ADD || !is_flag(e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        if (writes(r, &member))
            return true;
    return false;
}

/* What has been made of the elements of an array. One with nothing encrypted is plain itself. */
static const oc_node *element_out(const oc_node *out) {
    if (out->kind == OC_ARRAY_OF)
        return out->element;
    return out->rest == &oc_absent_node ? &empty_object : &oc_plain_node;
}

static const oc_node *nested(reshape *r, oc_frame *frame, const oc_elem *e, const place *at);

/* A nested specification in an array: applied to every element. */
static OC_APART const oc_node *nested_in_elements(reshape *r, oc_frame *frame, const oc_elem *e, const place *at) {
    place element = *at;
    element.document = true;
    element.in = at->in->element;
    element.out = element_out(at->out);
    const oc_node *node = nested(r, frame, e, &element);
    return node ? oc_derive_array(node, at->in->looked_up, &r->p->scope.a->lookup) : NULL;
}

static const oc_node *nested(reshape *r, oc_frame *frame, const oc_elem *e, const place *at) {
    if (at->in->kind == OC_ARRAY_OF)
        return nested_in_elements(r, frame, e, at);
    if (!is_object(at->in))
        return opaque(r, at, writes(r, e));
    oc_frame *inner = oc_inner_frame(r->p->scope.a, frame, e);
    if (!inner) {
        oc_no_memory(r->p->scope.a);
        return NULL;
    }
    return fields(r, inner, at);
}

static const oc_node *leaf(reshape *r, oc_frame *frame, const oc_elem *e, const place *at) {
    if (is_nested(r, e))
        return nested(r, frame, e, at);
    if (r->mode == ADD || !is_flag(e))
        return computed(r, frame, e, at);
    if (!is_true(e))
        return &oc_absent_node;
    return r->mode == INCLUDE ? at->in : at->out;
}

/* ---- paths ---- */

/* What has been made of a field so far: of one not yet included, nothing. */
static const oc_node *started(const reshape *r, const oc_node *out) {
    return r->mode == INCLUDE && out->absent ? &empty_object : out;
}

static const oc_node *path(reshape *r, oc_frame *frame, const oc_elem *e, const place *at, oc_str rest);

/* `first` below the place, and there the rest of the path. */
static OC_APART const oc_node *component(reshape *r, oc_frame *frame, const oc_elem *e, const place *at, oc_str first,
                                         oc_str rest) {
    oc_lookup *lookup = &r->p->scope.a->lookup;
    oc_path here = {at->path, first};
    place child = {.in = oc_node_child_of_set(at->in, first, lookup),
                   .out = oc_node_child_of_set(at->out, first, lookup),
                   .target = at->target ? &oc_plain_node : NULL,
                   .path = &here};
    if (!child.in || !child.out)
        return NULL;
    child.out = started(r, child.out);
    if (!oc_stage_path_step(r->p, &r->paths, at->entry, first, !rest.s && !is_nested(r, e), &here, &child.entry))
        return NULL;
    if (at->target && is_object(at->target))
        child.target = oc_node_child(at->target, first, lookup);
    if (at->target && !child.target)
        return NULL;
    const oc_node *node = path(r, frame, e, &child, rest);
    if (!node)
        return NULL;
    const oc_name_entry entry = {.name = first, .value = node};
    node = !at->document && oc_may_be_array(at->in) ? oc_derive_over_values(at->out, &entry, 1, lookup)
                                                    : oc_derive_over(at->out, &entry, 1, lookup);
    /* The document itself remembers when the stage is done. */
    return node && at->path ? oc_dropped_remember(at->in, node, r->p->scope.place, lookup) : node;
}

/* In arrays: the path goes on in every element. */
static OC_APART const oc_node *path_in_elements(reshape *r, oc_frame *frame, const oc_elem *e, const place *at,
                                                oc_str rest) {
    place element = *at;
    element.document = true;
    element.in = at->in->element;
    element.out = element_out(at->out);
    const oc_node *node = path(r, frame, e, &element, rest);
    return node ? oc_derive_array(node, at->in->looked_up, &r->p->scope.a->lookup) : NULL;
}

static const oc_node *path(reshape *r, oc_frame *frame, const oc_elem *e, const place *at, oc_str rest) {
    if (!rest.s)
        return leaf(r, frame, e, at);
    if (++r->depth > DEEPEST) {
        oc_fail(r->p->scope.a->error, OC_TOO_DEEP, NULL, r->p->scope.place, NULL, "A field path is too long");
        return NULL;
    }
    const char *dot = memchr(rest.s, '.', rest.n);
    oc_str first = {rest.s, dot ? (size_t)(dot - rest.s) : rest.n};
    oc_str after = dot ? (oc_str){dot + 1, rest.n - first.n - 1} : (oc_str){NULL, 0};
    const oc_node *node;
    if (at->in->kind == OC_ARRAY_OF)
        node = path_in_elements(r, frame, e, at, rest);
    else if (is_object(at->in))
        node = component(r, frame, e, at, first, after);
    else
        node = opaque(r, at, writes(r, e));
    r->depth--;
    return node;
}

/* What no server takes as a path: an empty component, or one that starts with '$' but in a DBRef. */
static bool check_components(const oc_pipeline *p, oc_str path) {
    const char *end = path.s + path.n;
    for (const char *at = path.s;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        oc_str part = {at, (size_t)((dot ? dot : end) - at)};
        bool reference = oc_str_is(part, "$ref") || oc_str_is(part, "$id") || oc_str_is(part, "$db");
        if (part.n == 0 || (part.s[0] == '$' && (!reference || at == path.s)))
            return oc_fail_stage(p, &(oc_path){NULL, path}, NULL,
                                 "cannot have a field name that starts with '$' or is empty here");
        if (!dot)
            return true;
        at = dot + 1;
    }
}

static bool has_fields(reshape *r, const oc_elem *e, const oc_path *path) {
    return oc_count_members(e) > 0 ||
           oc_fail_stage(r->p, path, "name a field", "has a specification without any field");
}

static OC_APART bool first_of_its_name(reshape *r, oc_nameset *seen, const oc_elem *e) {
    switch (oc_nameset_add(seen, r->p->scope.a->arena, e->name)) {
    case OC_NAME_ADDED: return check_components(r->p, e->name);
    case OC_NAME_NO_MEMORY: return oc_no_memory(r->p->scope.a);
    case OC_NAME_PRESENT: break;
    }
    return oc_fail(r->p->scope.a->error, OC_FIELD_DUPLICATE, &(oc_path){NULL, e->name}, r->p->scope.place,
                   "give the field once", "%s holds the field '%s' twice", r->p->scope.place, oc_name(e->name).text);
}

static const oc_node *fields(reshape *r, oc_frame *frame, const place *at) {
    place here = *at;
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (here.out && oc_next(&it, &e)) {
        if (!first_of_its_name(r, &seen, &e) || (is_nested(r, &e) && !has_fields(r, &e, &(oc_path){at->path, e.name})))
            return NULL;
        here.out = path(r, frame, &e, &here, e.name);
    }
    return here.out;
}

/* ---- stages ---- */

static bool apply(reshape *r, oc_frame *frame, const oc_elem *e, const oc_node *out) {
    if (!has_fields(r, e, NULL))
        return false;
    oc_frame *inner = oc_inner_frame(r->p->scope.a, frame, e);
    if (!inner)
        return oc_no_memory(r->p->scope.a);
    const oc_node *tree =
        fields(r, inner, &(place){.in = r->p->scope.tree, .out = out, .target = r->p->stored, .document = true});
    if (!tree)
        return false;
    r->p->scope.tree = tree;
    return true;
}

static bool is_object_spec(const oc_pipeline *p, const oc_elem *e) {
    return e->type == OC_DOCUMENT || oc_fail(p->scope.a->error, OC_COMMAND_SHAPE, NULL, p->scope.place, NULL,
                                             "%s specification must be an object", p->scope.place);
}

bool oc_stage_add_fields(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    reshape r = {.p = p, .mode = ADD};
    return is_object_spec(p, e) && apply(&r, frame, e, p->scope.tree);
}

/* What the fields of a projection do. `_id` may go against the others. */
typedef struct tally {
    bool includes, excludes;
} tally;

static void count_fields(const uint8_t *doc, bool top, tally *others, tally *id) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        tally *t = top && oc_str_is(e.name, "_id") ? id : others;
        if (e.type == OC_DOCUMENT && !is_operator(&e))
            count_fields(e.value, false, t, t);
        else if (is_flag(&e) && !is_true(&e))
            t->excludes = true;
        else
            t->includes = true;
    }
}

/* Whether a projection excludes: what the other fields than `_id` say, and `_id` if there are none. Where they
 * disagree, the server refuses the projection, and so do we: what comes out of it must not be guessed. */
static bool find_mode(oc_pipeline *p, const uint8_t *doc, mode *m) {
    tally others = {0}, id = {0};
    count_fields(doc, true, &others, &id);
    if ((others.includes && others.excludes) || (id.includes && id.excludes))
        return oc_fail_stage(p, NULL, "include fields, or exclude fields", "cannot do both inclusion and exclusion");
    bool alone = !others.includes && !others.excludes;
    *m = (alone ? id.excludes : others.excludes) ? EXCLUDE : INCLUDE;
    return true;
}

/* The document that inclusions are added to: `_id` is in it unless it is excluded. */
static const oc_node *only_id(oc_pipeline *p) {
    const oc_node *id = oc_node_child_of_set(p->scope.tree, (oc_str){"_id", 3}, &p->scope.a->lookup);
    return id ? oc_derive_over(&empty_object, &(oc_name_entry){.name = {"_id", 3}, .value = id}, 1, &p->scope.a->lookup)
              : NULL;
}

bool oc_stage_project(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    reshape r = {.p = p, .mode = INCLUDE};
    if (!is_object_spec(p, e) || !find_mode(p, e->value, &r.mode))
        return false;
    if (r.mode == EXCLUDE)
        return apply(&r, frame, e, p->scope.tree);
    const oc_node *out = only_id(p);
    return out && apply(&r, frame, e, out);
}

static bool unset_path(oc_pipeline *p, const oc_elem *e) {
    static const uint8_t zero[] = {OC_BOOL, 0, 0};
    reshape r = {.p = p, .mode = EXCLUDE};
    oc_elem excluded = {.start = zero, .value = zero + 2, .end = zero + 3, .type = OC_BOOL};
    oc_str name;
    if (!oc_stage_string(p, e, &name) || !check_components(p, name))
        return false;
    const oc_node *tree =
        path(&r, NULL, &excluded,
             &(place){.in = p->scope.tree, .out = p->scope.tree, .target = p->stored, .document = true}, name);
    if (!tree)
        return false;
    p->scope.tree = tree;
    return true;
}

bool oc_stage_unset(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    (void)frame;
    if (e->type != OC_ARRAY)
        return unset_path(p, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (oc_count_members(e) == 0)
        return oc_fail_stage(p, NULL, "name a field", "has a specification without any field");
    while (oc_next(&it, &member))
        if (!unset_path(p, &member))
            return false;
    return true;
}

/* What is plainly no document: no server replaces one with it, and what follows must not be taken for plain. */
static bool is_no_document(const oc_elem *e) {
    oc_elem constant;
    if (e->type == OC_STRING)
        return !oc_str_starts(oc_elem_str(e), "$");
    return e->type != OC_DOCUMENT || (oc_is_literal(e, &constant) && constant.type != OC_DOCUMENT);
}

static bool replace(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_results results = {.literals = p->stored != NULL};
    if (is_no_document(e))
        return oc_fail_stage(p, NULL, "name an object", "wants an object, not a constant that is none");
    if (!oc_evaluate_each(&p->scope, frame, e, &results))
        return false;
    const oc_node *node = p->stored ? oc_store(p, &results, p->stored, NULL) : oc_join_results(&p->scope, &results);
    if (!node)
        return false;
    if (node->kind == OC_UNKNOWN)
        return oc_fail_unknown_node(&p->scope, node, results.count ? results.items[0].path : (oc_str){"", 0});
    if (!is_object(node))
        return oc_fail_stage(p, NULL, "name an object", "wants an object; an encrypted field is none");
    node = oc_dropped_elements(node); /* a document, if it was in an array */
    p->scope.tree = oc_dropped_replaced(p->scope.tree, node, p->scope.place, &p->scope.a->lookup);
    return p->scope.tree != NULL;
}

bool oc_stage_replace_with(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    return replace(p, frame, e);
}

bool oc_stage_replace_root(oc_pipeline *p, oc_frame *frame, const oc_elem *e) {
    oc_elem root = {0};
    if (!oc_stage_options(p, e, "newRoot", &root))
        return false;
    if (!root.start)
        return oc_fail_stage(p, NULL, NULL, "needs a newRoot");
    oc_frame *inner = oc_inner_frame(p->scope.a, frame, e);
    return inner ? replace(p, inner, &root) : oc_no_memory(p->scope.a);
}
