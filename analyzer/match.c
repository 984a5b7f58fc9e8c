#include "match.h"

#include <stdlib.h>

#include "document.h"
#include "dropped.h"
#include "fields.h"
#include "kept_schema.h"
#include "normal_form.h"
#include "qe_expression.h"
#include "qe_mark.h"
#include "qe_range.h"
#include "view.h"

/* ---- tables ---- */

#define REFUSE OC_MATCH_REFUSE
#define PASS   OC_MATCH_PASS

/* Sorted by name. An operator that looks at the type, the size or the text of a value never matches an object with
 * encrypted fields differently than a plain one, so those pass above; the rest could see into it. */
static const oc_match_operator operators[] = {
    /* clang-format off */
    /* name            encrypted        above            plain            array         joined           unknown */
    {"$all",            REFUSE,          REFUSE,          OC_MATCH_ALL,    REFUSE,       REFUSE,           REFUSE},
    {"$bitsAllClear",   REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$bitsAllSet",     REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$bitsAnyClear",   REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$bitsAnySet",     REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$elemMatch",      REFUSE,          REFUSE,          OC_MATCH_ELEMENTS, REFUSE,       REFUSE,           REFUSE},
    {"$eq",             OC_MATCH_VALUE,  OC_MATCH_VALUE,  PASS,            REFUSE,       OC_MATCH_VALUE,   REFUSE},
    {"$exists",         PASS,            PASS,            PASS,            PASS,         PASS,             PASS},
    {"$geoIntersects",  REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$geoWithin",      REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$gt",             REFUSE,          OC_MATCH_BOUND,  PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$gte",            REFUSE,          OC_MATCH_BOUND,  PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$in",             OC_MATCH_VALUES, OC_MATCH_VALUES, PASS,            REFUSE,       OC_MATCH_VALUES,  REFUSE},
    {"$lt",             REFUSE,          OC_MATCH_BOUND,  PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$lte",            REFUSE,          OC_MATCH_BOUND,  PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$maxDistance",    REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$minDistance",    REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$mod",            REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$ne",             OC_MATCH_VALUE,  OC_MATCH_VALUE,  PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$near",           REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$nearSphere",     REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$nin",            OC_MATCH_VALUES, OC_MATCH_VALUES, PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$not",            OC_MATCH_NOT,    OC_MATCH_NOT,    OC_MATCH_NOT,    OC_MATCH_NOT, OC_MATCH_NOT,     OC_MATCH_NOT},
    {"$options",        REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$regex",          REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$size",           REFUSE,          PASS,            PASS,            PASS,         OC_MATCH_COUNT,   REFUSE},
    {"$type",           REFUSE,          PASS,            PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$uniqueDocs",     REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    {"$within",         REFUSE,          REFUSE,          PASS,            REFUSE,       REFUSE,           REFUSE},
    /* clang-format on */
};

static const oc_match_tree_operator tree_operators[] = {
    /* clang-format off */
    {"$alwaysFalse", OC_MATCH_TREE_PASS},
    {"$alwaysTrue",  OC_MATCH_TREE_PASS},
    {"$and",         OC_MATCH_TREE_LOGICAL},
    {"$comment",     OC_MATCH_TREE_PASS},
    {"$expr",        OC_MATCH_TREE_EXPRESSION},
    {"$jsonSchema",  OC_MATCH_TREE_UNSUPPORTED},
    {"$nor",         OC_MATCH_TREE_LOGICAL},
    {"$or",          OC_MATCH_TREE_LOGICAL},
    {"$sampleRate",  OC_MATCH_TREE_PASS},
    {"$text",        OC_MATCH_TREE_UNSUPPORTED},
    {"$where",       OC_MATCH_TREE_UNSUPPORTED},
    /* clang-format on */
};

const oc_match_operator *oc_match_operators(size_t *count) {
    *count = sizeof operators / sizeof operators[0];
    return operators;
}

const oc_match_tree_operator *oc_match_tree_operators(size_t *count) {
    *count = sizeof tree_operators / sizeof tree_operators[0];
    return tree_operators;
}

static int compare_operator(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_match_operator *)row)->name);
}

static int compare_tree_operator(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_match_tree_operator *)row)->name);
}

static const oc_match_operator *find_operator(oc_str name) {
    return bsearch(&name, operators, sizeof operators / sizeof operators[0], sizeof operators[0], compare_operator);
}

static const oc_match_tree_operator *find_tree_operator(oc_str name) {
    return bsearch(&name, tree_operators, sizeof tree_operators / sizeof tree_operators[0], sizeof tree_operators[0],
                   compare_tree_operator);
}

/* ---- the walk ---- */

/* A filter that the server keeps. */
typedef struct stored_filter {
    const char *clause;
    const uint8_t *doc, *schema;
    bool plain;     /* not even $exists may name an encrypted field */
    bool validator; /* of the collection: a $jsonSchema may stand in it */
} stored_filter;

/* Where in a filter we are. */
typedef struct filter {
    oc_analysis *a;
    const oc_node *root;   /* the tree that paths are looked up in */
    const oc_scope *scope; /* of $expr; NULL: there is none here */
    bool upsert;
    const stored_filter *stored; /* NULL: a query */
    oc_conjunction *conjunction; /* Queryable Encryption: what this part is in; NULL: there is none in the request */
} filter;

/* One field of a filter. */
typedef struct predicate {
    filter *f;
    oc_answer at;
    oc_path path;
} predicate;

static bool filter_document(filter *f, oc_frame *frame);

/* {$ref, $id, $db} in any order. With $eq or the like among them it is none: whatever the server makes of it, it is not
 * a value. */
static bool is_reference(const uint8_t *doc) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    bool names_collection = false;
    while (oc_next(&it, &e)) {
        bool collection = oc_str_is(e.name, "$ref");
        if (oc_str_starts(e.name, "$") && !collection && !oc_str_is(e.name, "$id") && !oc_str_is(e.name, "$db"))
            return false;
        names_collection = names_collection || collection;
    }
    return names_collection;
}

bool oc_is_flag(const oc_elem *e) {
    return e->type == OC_BOOL || oc_is_number(e->type) || oc_is_absent(e);
}

bool oc_is_operator_object(const oc_elem *e) {
    oc_elem first;
    if (e->type != OC_DOCUMENT || !oc_bson_first(e->value, &first) || first.name.n == 0 || first.name.s[0] != '$')
        return false;
    return !is_reference(e->value);
}

static OC_APART bool fail_unknown(filter *f, oc_str name) {
    oc_name_text text = oc_name(name);
    if (oc_str_starts(name, "$_internal"))
        return oc_fail(f->a->error, OC_OPERATOR_UNSUPPORTED, NULL, text.text, NULL,
                       "Unsupported match expression operator for encryption: %s", text.text);
    return oc_fail(f->a->error, OC_OPERATOR_UNKNOWN, NULL, text.text,
                   "only documented operators can be analysed while a schema of the request encrypts something",
                   "Unrecognized match expression operator: %s", text.text);
}

static OC_APART bool fail_stored(predicate *p, const char *op) {
    return oc_fail(p->f->a->error, OC_STORED_FILTER, &p->path, op,
                   "use $exists for encrypted fields, and compare plain ones",
                   "Comparison to encrypted fields not supported in %s", p->f->stored->clause);
}

/* What a field that is, or is in, an encrypted one may be asked. */
static const char *other_operators(const oc_answer *at) {
    const oc_meta *meta = at->position == OC_AT_ENCRYPTED ? at->node->meta : NULL;
    if (meta && meta->qe && meta->qe->index == OC_QE_TEXT)
        return "fields with a text index are compared by the $encStr operators in $expr, and by $exists";
    if (meta && meta->qe && meta->qe->index == OC_QE_UNINDEXED)
        return "a field without queries can only be asked for by $exists; declare an equality or range query";
    if (meta && !meta->qe && meta->algorithm == OC_RANDOM)
        return "a field with the Random algorithm can only be asked for by $exists; compare one with the Deterministic "
               "algorithm by $eq, $ne, $in or $nin";
    return "encrypted fields can be compared by $eq, $ne, $in, $nin and $exists";
}

static OC_APART bool fail_refused(predicate *p, const char *op) {
    char path[256] = "";
    if (p->f->stored && !p->f->a->qe)
        return fail_stored(p, op);
    oc_path_append(path, sizeof path, &p->path);
    if (p->at.position == OC_AT_UNKNOWN)
        return oc_fail_unknown_node(p->f->scope, p->at.node, p->path.name);
    if (p->at.position == OC_AT_ARRAY || p->at.position == OC_AT_IN_ARRAY)
        return oc_fail(
            p->f->a->error, OC_OPERATOR_ABOVE, &p->path, op, "$unwind the array first",
            "Invalid match expression operator on field '%s', which is in an array with encrypted fields: %s", path,
            op);
    if (p->at.position == OC_AT_ABOVE)
        return oc_fail(p->f->a->error, OC_OPERATOR_ABOVE, &p->path, op, "query its plain fields one by one",
                       "Invalid match expression operator on field '%s', which has encrypted fields below it: %s", path,
                       op);
    return oc_fail(p->f->a->error, OC_OPERATOR_ON_ENCRYPTED, &p->path, op, other_operators(&p->at),
                   "Invalid match expression operator on encrypted field '%s': %s", path, op);
}

static OC_APART bool fail_below(predicate *p, const char *op) {
    if (p->f->stored && strcmp(op, "$exists") != 0)
        return fail_stored(p, op);
    return oc_fail_below(p->f->a, &p->path, p->at.prefix, op, "the whole field is encrypted as one value");
}

static OC_APART bool fail_shape(filter *f, const oc_path *path, const char *op, const char *wanted) {
    return oc_fail(f->a->error, OC_COMMAND_SHAPE, path, op, NULL, "%s must be %s", op, wanted);
}

/* ---- values ---- */

static bool value_above(predicate *p, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_analysis *a = p->f->a;
    oc_frame inner = {.up = frame, .doc = e->value};
    bool stored = p->f->upsert && strcmp(op, "$ne") != 0 && strcmp(op, "$nin") != 0;
    oc_marking how = {.use = OC_USE_COMPARED, .path = &p->path, .op = op, .stored = stored};
    bool holds = false;
    if (p->f->stored && e->type == OC_DOCUMENT && !oc_holds_encrypted(a, e->value, p->at.node, &holds))
        return false;
    if (holds)
        return fail_stored(p, op);
    if (e->type == OC_DOCUMENT)
        return oc_document(a, &inner, p->at.node, &how);
    if (e->type != OC_ARRAY)
        return true;
    if (stored)
        return oc_fail(a->error, OC_ARRAY_ABOVE, &p->path, op, "encrypted fields cannot be inside arrays",
                       "An array at this path, which an upsert would store, would violate the schema");
    return oc_compared_array(a, e, p->at.node, &p->path, op);
}

static OC_APART bool compare_value(predicate *p, oc_frame *frame, const oc_elem *e, const char *op, bool implicit,
                                   bool in_list) {
    oc_marking how = {.use = OC_USE_COMPARED, .path = &p->path, .op = op, .as_equality = implicit, .in_list = in_list};
    if (p->at.position == OC_AT_ENCRYPTED || p->at.position == OC_AT_IN_ARRAY)
        return oc_mark(p->f->a, frame, e, p->at.node->meta, &how);
    return value_above(p, frame, e, op);
}

static OC_APART bool compare_values(predicate *p, oc_frame *frame, const oc_elem *list, const char *op) {
    if (list->type != OC_ARRAY)
        return fail_shape(p->f, &p->path, op, "an array");
    oc_frame inner = {.up = frame, .doc = list->value};
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!compare_value(p, &inner, &e, op, false, true))
            return false;
    return true;
}

/* ---- operators ---- */

static bool predicate_operators(predicate *p, oc_frame *frame);

static OC_APART bool negate(predicate *p, oc_frame *frame, const oc_elem *operand) {
    oc_frame inner = {.up = frame, .doc = operand->value};
    if (operand->type == OC_REGEX)
        return p->at.position == OC_AT_PLAIN || p->at.position == OC_AT_ABOVE || fail_refused(p, "$regex");
    if (operand->type != OC_DOCUMENT)
        return fail_shape(p->f, &p->path, "$not", "an object of operators or a regular expression");
    bool upsert = p->f->upsert;
    p->f->upsert = false; /* what is negated is not stored */
    bool ok = predicate_operators(p, &inner);
    p->f->upsert = upsert;
    return ok;
}

/* What may not stand in any filter may not stand here either. The operand is a filter, or operators on the elements
 * themselves. */
bool oc_filter_elements(oc_analysis *a, const oc_elem *operand, const oc_path *path) {
    filter plain = {.a = a, .root = &oc_plain_node};
    oc_frame frame = {.doc = operand->value};
    oc_elem first;
    if (operand->type != OC_DOCUMENT)
        return fail_shape(&plain, path, "$elemMatch", "an object");
    if (!oc_is_operator_object(operand) || !oc_bson_first(operand->value, &first) || find_tree_operator(first.name))
        return filter_document(&plain, &frame);
    predicate inner = {.f = &plain, .at = {.position = OC_AT_PLAIN, .node = &oc_plain_node}, .path = *path};
    return predicate_operators(&inner, &frame);
}

static OC_APART bool match_all(predicate *p, const oc_elem *operand) {
    if (operand->type != OC_ARRAY)
        return fail_shape(p->f, &p->path, "$all", "an array");
    oc_iter it = oc_bson_iter(operand->value);
    oc_elem e, inner;
    while (oc_next(&it, &e))
        if (e.type == OC_DOCUMENT && oc_bson_find(e.value, "$elemMatch", &inner) &&
            !oc_filter_elements(p->f->a, &inner, &p->path))
            return false;
    return true;
}

static oc_match_action action_at(const oc_answer *at, const oc_match_operator *row) {
    bool compares = row->joined == OC_MATCH_VALUE || row->joined == OC_MATCH_VALUES;
    switch (at->position) {
    case OC_AT_PLAIN: return row->plain;
    case OC_AT_ENCRYPTED: return row->encrypted;
    case OC_AT_ABOVE: return row->above;
    case OC_AT_ARRAY: return at->node->kind == OC_ARRAY_OF || row->array != PASS ? row->array : row->joined;
    case OC_AT_IN_ARRAY:
        /* Any element that is equal: the same on ciphertext, where the arrays are the server's own. */
        return compares && !at->looked_up ? REFUSE : row->joined;
    case OC_AT_UNKNOWN: return row->unknown;
    case OC_AT_BELOW: break;
    }
    return REFUSE;
}

static bool holds_object(const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (e->type == OC_ARRAY && oc_next(&it, &member))
        if (holds_object(&member))
            return true;
    return e->type == OC_DOCUMENT;
}

/* What an operator that passes may say of a field: no server wants an object there, and $exists takes anything for a
 * flag, a secret as well. */
static OC_APART bool check_operand(predicate *p, const oc_elem *operand, const char *op) {
    if (strcmp(op, "$exists") == 0)
        return oc_is_flag(operand) || fail_shape(p->f, &p->path, op, "true or false");
    return !holds_object(operand) || fail_shape(p->f, &p->path, op, "no object");
}

/* Of the field in a joined document itself; but an array that is encrypted has no elements to be counted. */
static OC_APART bool count(predicate *p, const oc_elem *operand, const char *op) {
    if (p->at.position == OC_AT_IN_ARRAY && oc_meta_may_be(p->at.node->meta, OC_TYPE_BIT(OC_ARRAY)))
        return fail_refused(p, op);
    return check_operand(p, operand, op);
}

static bool operate(predicate *p, oc_frame *frame, const oc_elem *operand) {
    const oc_match_operator *row = find_operator(operand->name);
    if (!row)
        return fail_unknown(p->f, operand->name);
    oc_match_action action = action_at(&p->at, row);
    if (p->at.position == OC_AT_BELOW)
        return fail_below(p, row->name);
    if (p->f->stored && p->at.position == OC_AT_ENCRYPTED && action != OC_MATCH_PASS && action != OC_MATCH_NOT)
        return fail_stored(p, row->name);
    switch (action) {
    case OC_MATCH_REFUSE: return fail_refused(p, row->name);
    case OC_MATCH_PASS: return p->at.position == OC_AT_PLAIN || check_operand(p, operand, row->name);
    case OC_MATCH_COUNT: return count(p, operand, row->name);
    case OC_MATCH_VALUE: return compare_value(p, frame, operand, row->name, false, false);
    case OC_MATCH_VALUES: return compare_values(p, frame, operand, row->name);
    case OC_MATCH_BOUND:
        return operand->type == OC_DOCUMENT || operand->type == OC_ARRAY ? fail_refused(p, row->name) : true;
    case OC_MATCH_NOT: return negate(p, frame, operand);
    case OC_MATCH_ELEMENTS: return oc_filter_elements(p->f->a, operand, &p->path);
    case OC_MATCH_ALL: return match_all(p, operand);
    }
    return false;
}

static bool predicate_operators(predicate *p, oc_frame *frame) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!operate(p, frame, &e))
            return false;
    return true;
}

/* ---- fields ---- */

static bool implicit_value(predicate *p, oc_frame *frame, const oc_elem *e) {
    switch (p->at.position) {
    case OC_AT_PLAIN: return true;
    case OC_AT_BELOW: return fail_below(p, "$eq");
    case OC_AT_ARRAY:
    case OC_AT_UNKNOWN: return fail_refused(p, "$eq");
    case OC_AT_IN_ARRAY:
        if (!p->at.looked_up)
            return fail_refused(p, "$eq");
        break;
    case OC_AT_ENCRYPTED:
    case OC_AT_ABOVE: break;
    }
    if (p->f->stored && p->at.position == OC_AT_ENCRYPTED)
        return fail_stored(p, "$eq");
    if (e->type == OC_REGEX)
        return p->at.position == OC_AT_ABOVE || fail_refused(p, "$regex");
    return compare_value(p, frame, e, "$eq", true, false);
}

static bool compare_field(predicate *p, oc_frame *frame, const oc_elem *e) {
    if (!oc_is_operator_object(e))
        return implicit_value(p, frame, e);
    return predicate_operators(p, &(oc_frame){.up = frame, .doc = e->value});
}

/* ---- fields of Queryable Encryption ---- */

/* The first operator that is more than $exists; "" if there is none. */
static oc_str first_comparison(const oc_elem *e) {
    oc_str op = {"", 0};
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (!oc_is_operator_object(e))
        return (oc_str){"$eq", 3};
    while (op.n == 0 && oc_next(&it, &member)) {
        if (oc_str_is(member.name, "$not") && member.type == OC_DOCUMENT)
            op = oc_is_operator_object(&member) ? first_comparison(&member) : op;
        else if (!oc_str_is(member.name, "$exists"))
            op = member.name;
    }
    return op;
}

static bool compare_qe_index(predicate *p, oc_frame *frame, const oc_elem *e, const char *op) {
    const oc_meta *meta = p->at.node->meta;
    if (meta->qe->index == OC_QE_RANGE)
        return oc_qe_filter_range(p->f->scope, p->f->conjunction, frame, e, meta);
    if (meta->qe->index == OC_QE_UNINDEXED && op[0])
        return oc_fail_qe_unindexed(p->f->a, &p->path, op);
    return compare_field(p, frame, e);
}

static bool filter_qe_field(predicate *p, oc_frame *frame, const oc_elem *e) {
    oc_name_text op = oc_name(first_comparison(e));
    filter query = *p->f; /* the errors of a query come first: they say more */
    predicate inner = *p;
    query.stored = NULL;
    inner.f = &query;
    if (op.text[0] && !oc_qe_check_path(p->f->scope, p->path.name, op.text))
        return false;
    if (!compare_qe_index(&inner, frame, e, op.text))
        return false;
    bool kept = p->f->stored && (op.text[0] || p->f->stored->plain);
    return !kept || fail_stored(p, op.text[0] ? op.text : "$exists");
}

/* Whether an object, or an array of such, is what a field is compared with. */
static bool compares_object(const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (e->type == OC_DOCUMENT && !oc_is_operator_object(e))
        return true;
    while (oc_next(&it, &member))
        if (compares_object(&member))
            return true;
    return false;
}

static bool all_harmless(const oc_elem *list) {
    oc_iter it = oc_elem_iter(list);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!oc_is_harmless(&e))
            return false;
    return list->type == OC_ARRAY;
}

/* Whether what a field is asked says anything of its values but that they are there, or null: types and sizes do not.
 */
static bool holds_constant(const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (!oc_is_operator_object(e))
        return !oc_is_harmless(e);
    while (oc_next(&it, &member)) {
        bool equality = oc_str_is(member.name, "$eq") || oc_str_is(member.name, "$ne");
        bool list = oc_str_is(member.name, "$in") || oc_str_is(member.name, "$nin");
        bool spared = oc_str_is(member.name, "$exists") || oc_str_is(member.name, "$size") ||
                      oc_str_is(member.name, "$type") || (equality && oc_is_harmless(&member)) ||
                      (list && all_harmless(&member)) || (oc_str_is(member.name, "$not") && !holds_constant(&member));
        if (!spared)
            return true;
    }
    return false;
}

/* A constant that is compared with what is unseen, or with what a stage has dropped. Where that had encrypted fields
 * below it, one that could hold such. */
static OC_APART bool check_dropped(const predicate *p, const oc_elem *e) {
    oc_name_text op = oc_name(first_comparison(e));
    const char *stage;
    const oc_node *before = oc_dropped_find(p->f->root, p->path.name, &p->f->a->lookup, &stage);
    if (before && before->unseen && holds_constant(e))
        return oc_fail_view_constant(p->f->a, p->path.name, op.text);
    if (!before || !op.text[0])
        return before != NULL;
    if (!stage || before->kind == OC_PLAIN)
        return oc_check_dropped_below(p->f->a, p->f->root, p->path.name, e, op.text);
    return (before->kind == OC_ABOVE && !compares_object(e)) || oc_fail_dropped(p->f->a, p->path.name, stage, op.text);
}

/* An object that is compared with what is left of another. */
static bool check_object(const predicate *p, const oc_elem *e) {
    return (e->type != OC_DOCUMENT && e->type != OC_ARRAY) ||
           oc_check_dropped_below(p->f->a, p->f->root, p->path.name, e, "$eq");
}

/* An upsert stores what a filter says of it. */
static bool may_be_stored(const filter *f, oc_str name) {
    const char *dot = memchr(name.s, '.', name.n);
    oc_str first = {name.s, dot ? (size_t)(dot - name.s) : name.n};
    return !f->upsert || !oc_is_safe_content(f->a, first);
}

static bool filter_field(filter *f, oc_frame *frame, const oc_elem *e) {
    predicate p = {.f = f, .path = {NULL, e->name}};
    if (f->a->qe && !may_be_stored(f, e->name))
        return oc_fail_safe_content(f->a, &p.path, "upsert");
    if (!oc_node_lookup(f->root, e->name, &f->a->lookup, &p.at))
        return false;
    if ((f->root->unseen || oc_dropped_any(f->root)) &&
        !(p.at.position == OC_AT_PLAIN ? check_dropped(&p, e) : check_object(&p, e)))
        return false;
    bool encrypted = p.at.position == OC_AT_ENCRYPTED || p.at.position == OC_AT_IN_ARRAY;
    return encrypted && p.at.node->meta->qe ? filter_qe_field(&p, frame, e) : compare_field(&p, frame, e);
}

/* ---- trees ---- */

/* The branches of $or and $nor are conjunctions of their own. */
static bool filter_member(filter *f, oc_frame *frame, bool joins) {
    if (joins || !f->conjunction)
        return filter_document(f, frame);
    oc_conjunction own = {.a = f->a};
    filter inner = *f;
    inner.conjunction = &own;
    return filter_document(&inner, frame) && oc_conjunction_finish(&own);
}

static bool filter_list(filter *f, oc_frame *frame, const oc_elem *list, const char *op) {
    if (list->type != OC_ARRAY)
        return fail_shape(f, NULL, op, "an array of objects");
    oc_frame *array = oc_inner_frame(f->a, frame, list);
    bool joins = strcmp(op, "$and") == 0;
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (e.type != OC_DOCUMENT)
            return fail_shape(f, NULL, op, "an array of objects");
        oc_frame *inner = array ? oc_inner_frame(f->a, array, &e) : NULL;
        if (!inner)
            return oc_no_memory(f->a);
        if (!filter_member(f, inner, joins))
            return false;
    }
    return true;
}

static bool filter_expression(filter *f, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_conjunction own = {.a = f->a};
    oc_scope scope = *f->scope;
    scope.conjunction = f->conjunction ? &own : NULL;
    return oc_condition(&scope, frame, e, op) && oc_conjunction_finish(&own);
}

/* A validator's $jsonSchema is stored with its encryption keywords, for clients to read. Beside or instead of the one
 * that we analyse by, another would say something else of the same collection. */
static bool stored_schema(filter *f, oc_frame *frame, const oc_elem *e) {
    const uint8_t *schema = f->stored->schema;
    if (frame->doc == f->stored->doc && e->type == OC_DOCUMENT && oc_u32(schema) == oc_u32(e->value) &&
        memcmp(schema, e->value, oc_u32(schema)) == 0)
        return true;
    return oc_fail(f->a->error, OC_VALIDATOR_SCHEMA, NULL, "$jsonSchema",
                   "write it once, at the top of the validator, byte for byte as the client's schema",
                   "validator with $jsonSchema must be identical to FLE 1 jsonSchema parameter.");
}

static bool filter_tree(filter *f, oc_frame *frame, const oc_elem *e) {
    const oc_match_tree_operator *row = find_tree_operator(e->name);
    if (!row)
        return fail_unknown(f, e->name);
    if (f->stored && f->stored->validator && f->a->qe && strcmp(row->name, "$jsonSchema") == 0)
        return oc_kept_schema(f->a, e, f->stored->clause);
    if (f->stored && f->stored->schema && strcmp(row->name, "$jsonSchema") == 0)
        return stored_schema(f, frame, e);
    switch (row->action) {
    case OC_MATCH_TREE_PASS:
        return oc_is_constant(e) || strcmp(row->name, "$comment") == 0 || oc_fail_constant(f->a, "filter", e->name);
    case OC_MATCH_TREE_LOGICAL: {
        filter inner = *f;
        inner.upsert = f->upsert && strcmp(row->name, "$nor") != 0; /* what is negated is not stored */
        return filter_list(&inner, frame, e, row->name);
    }
    case OC_MATCH_TREE_UNSUPPORTED:
        return oc_fail(f->a->error, OC_OPERATOR_UNSUPPORTED, NULL, row->name,
                       "use a client that does not encrypt automatically for such queries",
                       "Unsupported match expression operator for encryption: %s", row->name);
    case OC_MATCH_TREE_EXPRESSION:
        if (!f->scope)
            return oc_fail(f->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL,
                           "%s can only be applied to the top-level document", row->name);
        return filter_expression(f, frame, e, row->name);
    }
    return false;
}

static bool filter_document(filter *f, oc_frame *frame) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        bool tree = e.name.n > 0 && e.name.s[0] == '$';
        if (!(tree ? filter_tree(f, frame, &e) : filter_field(f, frame, &e)))
            return false;
    }
    return true;
}

/* A whole filter. */
static bool filter_conjunction(filter *f, oc_frame *frame, oc_conjunction *whole) {
    f->conjunction = f->a->qe ? whole : NULL;
    return filter_document(f, frame) && oc_conjunction_finish(whole);
}

static bool mark_filter(const oc_scope *s, oc_frame *frame, bool upsert) {
    oc_scope scope = *s;
    oc_conjunction whole = {.a = s->a};
    scope.place = "$expr";
    filter f = {.a = s->a, .root = s->tree, .scope = &scope, .upsert = upsert};
    return filter_conjunction(&f, frame, &whole);
}

static bool mark_and_normalise(const oc_scope *s, oc_frame *frame, const oc_elem *e, bool upsert) {
    oc_frame inner = {.up = frame, .doc = e->value};
    uint64_t marks = s->a->marks;
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(s->a, e, OC_DOCUMENT);
    if (!mark_filter(s, &inner, upsert))
        return false;
    bool qe = s->a->qe && s->tree->kind != OC_PLAIN;
    return (s->a->marks == marks && !qe) || oc_normalise_filter(s->a, &inner, s->tree);
}

bool oc_filter(oc_analysis *a, oc_frame *frame, const oc_elem *e, bool upsert) {
    oc_scope scope = {.a = a, .tree = a->root, .variables = a->variables, .place = "$expr", .original = a->root};
    return oc_is_absent(e) || mark_and_normalise(&scope, frame, e, upsert);
}

bool oc_filter_in(const oc_scope *s, oc_frame *frame, const oc_elem *e) {
    return mark_and_normalise(s, frame, e, false);
}

bool oc_filter_mark(const oc_scope *s, oc_frame *frame, const oc_elem *e) {
    return mark_filter(s, &(oc_frame){.up = frame, .doc = e->value}, false);
}

static bool check_kept(oc_analysis *a, const oc_elem *e, stored_filter *kept) {
    if (oc_is_absent(e))
        return true;
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(a, e, OC_DOCUMENT);
    kept->doc = e->value;
    oc_scope scope = {.a = a, .tree = a->root, .place = "$expr", .kept = kept->clause, .original = a->root};
    filter f = {.a = a, .root = a->root, .scope = &scope, .stored = kept};
    return filter_conjunction(&f, &(oc_frame){.doc = e->value}, &(oc_conjunction){.a = a});
}

bool oc_stored_filter(oc_analysis *a, const oc_elem *e, const char *clause, const uint8_t *schema) {
    return check_kept(
        a, e,
        &(stored_filter){.clause = clause, .schema = schema, .validator = strcmp(clause, "collection validator") == 0});
}

bool oc_plain_filter(oc_analysis *a, const oc_elem *e, const char *clause) {
    return check_kept(a, e, &(stored_filter){.clause = clause, .plain = true});
}

static bool fixes_value(const oc_elem *e) {
    oc_elem eq;
    if (oc_is_operator_object(e))
        return oc_bson_find(e->value, "$eq", &eq) && eq.type != OC_REGEX;
    return e->type != OC_REGEX;
}

bool oc_filter_fixes(const uint8_t *doc, const char *field) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (oc_str_is(e.name, field) && fixes_value(&e))
            return true;
        if (!oc_str_is(e.name, "$and"))
            continue;
        oc_iter list = oc_bson_iter(e.value);
        oc_elem member;
        while (oc_next(&list, &member))
            if (member.type == OC_DOCUMENT && oc_filter_fixes(member.value, field))
                return true;
    }
    return false;
}
