/* The expression operators, one row each, and those that do more than take plain operands. */

#include <stdlib.h>

#include "dropped.h"
#include "expression.h"
#include "fields.h"
#include "qe_expression.h"
#include "view.h"

static const oc_str no_path = {"", 0};

static bool fail_shape(const oc_scope *s, const char *op, const char *what) {
    return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, op, NULL, "%s must be %s", op, what);
}

/* ---- conditionals ---- */

static bool cond_list(const oc_scope *s, const oc_elem *operand, oc_elem parts[3]) {
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    size_t n = 0;
    for (; oc_next(&it, &e); n++)
        if (n < 3)
            parts[n] = e;
    return n == 3 || fail_shape(s, "$cond", "an array of three expressions, or an object with if, then and else");
}

static bool evaluate_cond(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_elem parts[3] = {0};
    if (operand->type == OC_ARRAY ? !cond_list(s, operand, parts)
                                  : !oc_options(s->a, operand, "$cond", "if then else", parts))
        return false;
    if (!parts[0].start || !parts[1].start || !parts[2].start)
        return fail_shape(s, "$cond", "an array of three expressions, or an object with if, then and else");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    return oc_condition(s, inner, &parts[0], "$cond") && oc_evaluate_each(s, inner, &parts[1], out) &&
           oc_evaluate_each(s, inner, &parts[2], out);
}

static bool switch_branch(const oc_scope *s, oc_frame *frame, const oc_elem *branch, oc_results *out) {
    oc_elem parts[2] = {0};
    if (!oc_options(s->a, branch, "$switch.branches", "case then", parts))
        return false;
    if (!parts[0].start || !parts[1].start)
        return fail_shape(s, "$switch", "an object whose branches have a case and a then");
    oc_frame *inner = oc_inner_frame(s->a, frame, branch);
    return inner ? oc_condition(s, inner, &parts[0], "$switch") && oc_evaluate_each(s, inner, &parts[1], out)
                 : oc_no_memory(s->a);
}

static bool evaluate_switch(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_elem parts[2] = {0};
    if (!oc_options(s->a, operand, "$switch", "branches default", parts))
        return false;
    if (!parts[0].start || parts[0].type != OC_ARRAY)
        return fail_shape(s, "$switch", "an object with an array of branches");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    oc_frame *list = inner ? oc_inner_frame(s->a, inner, &parts[0]) : NULL;
    if (!list)
        return oc_no_memory(s->a);
    oc_iter it = oc_elem_iter(&parts[0]);
    oc_elem branch;
    while (oc_next(&it, &branch))
        if (!switch_branch(s, list, &branch, out))
            return false;
    return !parts[1].start || oc_evaluate_each(s, inner, &parts[1], out);
}

static bool evaluate_if_null(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    if (operand->type != OC_ARRAY)
        return fail_shape(s, "$ifNull", "an array of expressions");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &e))
        if (!oc_evaluate_each(s, inner, &e, out))
            return false;
    return true;
}

/* ---- variables ---- */

static bool evaluate_let(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_elem parts[2] = {0};
    if (!oc_options(s->a, operand, "$let", "vars in", parts))
        return false;
    if (!parts[0].start || parts[0].type != OC_DOCUMENT || !parts[1].start)
        return fail_shape(s, "$let", "an object with vars and in");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    oc_frame *vars = inner ? oc_inner_frame(s->a, inner, &parts[0]) : NULL;
    if (!vars)
        return oc_no_memory(s->a);
    oc_scope scope = *s;
    oc_iter it = oc_elem_iter(&parts[0]);
    oc_elem e;
    while (oc_next(&it, &e)) /* evaluated outside: variables of one $let do not see each other */
        if (!oc_bind_value(s, vars, &e, "$let", &scope.variables))
            return false;
    return oc_evaluate_each(&scope, inner, &parts[1], out);
}

/* Binds the variable that `e` names: `as`, `arrayIndexAs`; else the default. */
static bool bind_named(const oc_scope *s, const oc_elem *e, const char *otherwise, const oc_node *node, const char *op,
                       oc_scope *inner) {
    if (!e->start)
        return oc_bind(s->a, &inner->variables, (oc_str){otherwise, strlen(otherwise)}, node);
    if (e->type != OC_STRING)
        return fail_shape(s, op, "an object whose variable names are strings");
    return oc_bind_user(s->a, &inner->variables, oc_elem_str(e), node, op);
}

/* $map and $filter: `input`, a variable for its elements, and an expression over them. */
enum { INPUT, AS, INDEX, BODY, MORE, VALUE_AS, EACH_PARTS };

/* In the arena: on the stack it would be most of what a level of nested operators takes. */
typedef struct each_element {
    oc_elem parts[EACH_PARTS];
    oc_frame *frame;
    oc_scope scope; /* of the body */
} each_element;

static each_element *start_each(const oc_scope *s, oc_frame *frame, const oc_elem *operand, const char *op,
                                const char *names) {
    each_element *each = oc_arena_zeroed(s->a->arena, 1, sizeof *each);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!each || !inner) {
        oc_no_memory(s->a);
        return NULL;
    }
    if (!oc_options(s->a, operand, op, names, each->parts))
        return NULL;
    if (!each->parts[INPUT].start || !each->parts[BODY].start) {
        fail_shape(s, op, "an object with input and an expression over its elements");
        return NULL;
    }
    each->frame = inner;
    each->scope = *s;
    const oc_node *input = oc_evaluate_plain(s, inner, &each->parts[INPUT], op);
    bool ok = input && bind_named(s, &each->parts[AS], "this", oc_dropped_elements(input), op, &each->scope) &&
              bind_named(s, &each->parts[INDEX], "IDX", &oc_plain_node, op, &each->scope);
    return ok ? each : NULL;
}

static bool evaluate_map(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    each_element *each = start_each(s, frame, operand, "$map", "input =as =arrayIndexAs in");
    const oc_node *element = each ? oc_evaluate(&each->scope, each->frame, &each->parts[BODY]) : NULL;
    return element && oc_add_result(s, out, oc_derive_array(element, false, &s->a->lookup), no_path);
}

static bool evaluate_filter(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    each_element *each = start_each(s, frame, operand, "$filter", "input =as =arrayIndexAs cond limit");
    if (!each || (each->parts[MORE].start && !(oc_is_unseen(s) && oc_is_constant(&each->parts[MORE])) &&
                  !oc_expect_plain(s, each->frame, &each->parts[MORE], "$filter")))
        return false;
    return oc_condition(&each->scope, each->frame, &each->parts[BODY], "$filter") &&
           oc_add_result(s, out, oc_computed(s), no_path);
}

/* The result is bound to $$value again, so it must be plain. */
static bool evaluate_reduce(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    each_element *each = start_each(s, frame, operand, "$reduce", "input =as =arrayIndexAs in initialValue =valueAs");
    if (!each || !bind_named(s, &each->parts[VALUE_AS], "value", &oc_plain_node, "$reduce", &each->scope))
        return false;
    if (each->parts[MORE].start && !oc_expect_plain(s, each->frame, &each->parts[MORE], "$reduce"))
        return false;
    return oc_expect_plain(&each->scope, each->frame, &each->parts[BODY], "$reduce") &&
           oc_add_result(s, out, oc_computed(s), no_path);
}

/* ---- metadata ---- */

/* What the server knows of a document beside its fields. An index key holds fields, ciphertext among them, and so may
 * what is not known here. */
static bool evaluate_meta(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    static const char *const plain[] = {
        "geoNearDistance", "geoNearPoint",     "randVal",          "recordId",           "score",
        "scoreDetails",    "searchHighlights", "searchScore",      "searchScoreDetails", "searchSequenceToken",
        "sortKey",         "textScore",        "vectorSearchScore"};
    (void)frame;
    if (operand->type != OC_STRING || !oc_is_opaque(operand))
        return fail_shape(s, "$meta", "the name of a kind of metadata");
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (oc_str_is(oc_elem_str(operand), plain[i]))
            return oc_add_result(s, out, &oc_plain_node, no_path);
    return oc_add_result(s, out, oc_derive_unknown("$meta", &s->a->lookup), no_path);
}

/* ---- the table ---- */

#define LIST      OC_OPERANDS, NULL, NULL, false
#define NAMED     OC_OPERAND_NAMED
#define BOTH      OC_OPERAND_BOTH
#define OPAQUE    OC_OPERAND_OPAQUE, NULL, NULL, false
#define REFUSED   OC_OPERAND_REFUSED, NULL, NULL, false
#define LISTED(f) OC_OPERANDS, NULL, f, false
/* May be, or hold, a comparison with a field of Queryable Encryption. */
#define COMPARES(f) OC_OPERANDS, NULL, f, true
#define TEXT(names) OC_OPERAND_NAMED, names, oc_evaluate_encrypted_string, true

/* Sorted by name. Accumulators that are expressions as well stand here too. */
static const oc_expression_operator operators[] = {
    /* clang-format off */
    {"$abs",                 LIST},
    {"$accumulator",         REFUSED},
    {"$acos",                LIST},
    {"$acosh",               LIST},
    {"$add",                 LIST},
    {"$allElementsTrue",     LIST},
    {"$and",                 COMPARES(oc_evaluate_logical)},
    {"$anyElementTrue",      LIST},
    {"$arrayElemAt",         LISTED(oc_evaluate_element_at)},
    {"$arrayToObject",       LIST},
    {"$asin",                LIST},
    {"$asinh",               LIST},
    {"$atan",                LIST},
    {"$atan2",               LIST},
    {"$atanh",               LIST},
    {"$avg",                 LIST},
    {"$binarySize",          LIST},
    {"$bitAnd",              LIST},
    {"$bitNot",              LIST},
    {"$bitOr",               LIST},
    {"$bitXor",              LIST},
    {"$bottom",              NAMED, "input =sortBy output", NULL, false},
    {"$bottomN",             NAMED, "n input =sortBy output", NULL, false},
    {"$bsonSize",            LIST},
    {"$ceil",                LIST},
    {"$cmp",                 LIST},
    {"$concat",              LIST},
    {"$concatArrays",        LIST},
    {"$cond",                BOTH,  "if then else", evaluate_cond, false},
    {"$const",               OPAQUE},
    {"$convert",             NAMED, "input to onError onNull format base byteOrder subtype", NULL, false},
    {"$cos",                 LIST},
    {"$cosh",                LIST},
    {"$createObjectId",      OPAQUE},
    {"$createUUID",          OPAQUE},
    {"$currentDate",         OPAQUE},
    {"$dateAdd",             NAMED, "startDate unit amount timezone", NULL, false},
    {"$dateDiff",            NAMED, "startDate endDate unit timezone startOfWeek", NULL, false},
    {"$dateFromParts",       NAMED, "year month day isoWeekYear isoWeek isoDayOfWeek hour minute second millisecond timezone", NULL, false},
    {"$dateFromString",      NAMED, "dateString format timezone onError onNull", NULL, false},
    {"$dateSubtract",        NAMED, "startDate unit amount timezone", NULL, false},
    {"$dateToParts",         NAMED, "date timezone iso8601", NULL, false},
    {"$dateToString",        NAMED, "date format timezone onNull", NULL, false},
    {"$dateTrunc",           NAMED, "date unit binSize timezone startOfWeek", NULL, false},
    {"$dayOfMonth",          BOTH,  "date timezone", NULL, false},
    {"$dayOfWeek",           BOTH,  "date timezone", NULL, false},
    {"$dayOfYear",           BOTH,  "date timezone", NULL, false},
    {"$degreesToRadians",    LIST},
    {"$deserializeEJSON",    NAMED, "input relaxed onError", NULL, false},
    {"$divide",              LIST},
    {"$encStrContains",      TEXT("input substring")},
    {"$encStrEndsWith",      TEXT("input suffix")},
    {"$encStrNormalizedEq",  TEXT("input string")},
    {"$encStrStartsWith",    TEXT("input prefix")},
    {"$eq",                  COMPARES(oc_evaluate_equality)},
    {"$exp",                 LIST},
    {"$filter",              NAMED, "input =as =arrayIndexAs cond limit", evaluate_filter, false},
    {"$first",               LISTED(oc_evaluate_element)},
    {"$firstN",              NAMED, "n input", NULL, false},
    {"$floor",               LIST},
    {"$function",            REFUSED},
    {"$getField",            BOTH,  "field input", oc_evaluate_get_field, false},
    {"$gt",                  COMPARES(oc_evaluate_order)},
    {"$gte",                 COMPARES(oc_evaluate_order)},
    {"$hash",                BOTH,  "input algorithm", NULL, false},
    {"$hexHash",             BOTH,  "input algorithm", NULL, false},
    {"$hour",                BOTH,  "date timezone", NULL, false},
    {"$ifNull",              LISTED(evaluate_if_null)},
    {"$in",                  COMPARES(oc_evaluate_in)},
    {"$indexOfArray",        LIST},
    {"$indexOfBytes",        LIST},
    {"$indexOfCP",           LIST},
    {"$isArray",             LISTED(oc_evaluate_of_array)},
    {"$isNumber",            LIST},
    {"$isoDayOfWeek",        BOTH,  "date timezone", NULL, false},
    {"$isoWeek",             BOTH,  "date timezone", NULL, false},
    {"$isoWeekYear",         BOTH,  "date timezone", NULL, false},
    {"$last",                LISTED(oc_evaluate_element)},
    {"$lastN",               NAMED, "n input", NULL, false},
    {"$let",                 NAMED, "vars in", evaluate_let, false},
    {"$literal",             OPAQUE},
    {"$ln",                  LIST},
    {"$log",                 LIST},
    {"$log10",               LIST},
    {"$lt",                  COMPARES(oc_evaluate_order)},
    {"$lte",                 COMPARES(oc_evaluate_order)},
    {"$ltrim",               NAMED, "input chars", NULL, false},
    {"$map",                 NAMED, "input =as =arrayIndexAs in", evaluate_map, false},
    {"$max",                 LIST},
    {"$maxN",                NAMED, "n input", NULL, false},
    {"$median",              NAMED, "input =method", NULL, false},
    {"$mergeObjects",        LISTED(oc_evaluate_merge)},
    {"$meta",                OC_OPERAND_OPAQUE, NULL, evaluate_meta, false},
    {"$millisecond",         BOTH,  "date timezone", NULL, false},
    {"$min",                 LIST},
    {"$minN",                NAMED, "n input", NULL, false},
    {"$minute",              BOTH,  "date timezone", NULL, false},
    {"$mod",                 LIST},
    {"$month",               BOTH,  "date timezone", NULL, false},
    {"$multiply",            LIST},
    {"$ne",                  COMPARES(oc_evaluate_equality)},
    {"$not",                 COMPARES(oc_evaluate_logical)},
    {"$objectToArray",       LIST},
    {"$or",                  COMPARES(oc_evaluate_logical)},
    {"$percentile",          NAMED, "input p =method", NULL, false},
    {"$pow",                 LIST},
    {"$radiansToDegrees",    LIST},
    {"$rand",                OPAQUE},
    {"$range",               LIST},
    {"$reduce",              NAMED, "input initialValue in =as =valueAs =arrayIndexAs", evaluate_reduce, false},
    {"$regexFind",           NAMED, "input regex options", NULL, false},
    {"$regexFindAll",        NAMED, "input regex options", NULL, false},
    {"$regexMatch",          NAMED, "input regex options", NULL, false},
    {"$replaceAll",          NAMED, "input find replacement", NULL, false},
    {"$replaceOne",          NAMED, "input find replacement", NULL, false},
    {"$reverseArray",        LIST},
    {"$round",               LIST},
    {"$rtrim",               NAMED, "input chars", NULL, false},
    {"$sampleRate",          OPAQUE},
    {"$second",              BOTH,  "date timezone", NULL, false},
    {"$serializeEJSON",      NAMED, "input relaxed onError", NULL, false},
    {"$setDifference",       LIST},
    {"$setEquals",           LIST},
    {"$setField",            NAMED, "field input value", oc_evaluate_set_field, false},
    {"$setIntersection",     LIST},
    {"$setIsSubset",         LIST},
    {"$setUnion",            LIST},
    {"$sigmoid",             BOTH,  "input onNull", NULL, false},
    {"$similarityCosine",    BOTH,  "vectors =score", NULL, false},
    {"$similarityDotProduct", BOTH, "vectors =score", NULL, false},
    {"$similarityEuclidean", BOTH,  "vectors =score", NULL, false},
    {"$sin",                 LIST},
    {"$sinh",                LIST},
    {"$size",                LISTED(oc_evaluate_of_array)},
    {"$slice",               LIST},
    {"$sortArray",           NAMED, "input =sortBy", NULL, false},
    {"$split",               LIST},
    {"$sqrt",                LIST},
    {"$stdDevPop",           LIST},
    {"$stdDevSamp",          LIST},
    {"$strLenBytes",         LIST},
    {"$strLenCP",            LIST},
    {"$strcasecmp",          LIST},
    {"$substr",              LIST},
    {"$substrBytes",         LIST},
    {"$substrCP",            LIST},
    {"$subtract",            LIST},
    {"$subtype",             LIST},
    {"$sum",                 LIST},
    {"$switch",              NAMED, "branches default", evaluate_switch, false},
    {"$tan",                 LIST},
    {"$tanh",                LIST},
    {"$toArray",             LIST},
    {"$toBool",              LIST},
    {"$toDate",              LIST},
    {"$toDecimal",           LIST},
    {"$toDouble",            LIST},
    {"$toHashedIndexKey",    LIST},
    {"$toInt",               LIST},
    {"$toLong",              LIST},
    {"$toLower",             LIST},
    {"$toObject",            LIST},
    {"$toObjectId",          LIST},
    {"$toString",            LIST},
    {"$toUUID",              LIST},
    {"$toUpper",             LIST},
    {"$top",                 NAMED, "input =sortBy output", NULL, false},
    {"$topN",                NAMED, "n input =sortBy output", NULL, false},
    {"$trim",                NAMED, "input chars", NULL, false},
    {"$trunc",               LIST},
    {"$tsIncrement",         LIST},
    {"$tsSecond",            LIST},
    {"$type",                LIST},
    {"$unsetField",          NAMED, "field input", oc_evaluate_unset_field, false},
    {"$week",                BOTH,  "date timezone", NULL, false},
    {"$year",                BOTH,  "date timezone", NULL, false},
    {"$zip",                 NAMED, "inputs =useLongestLength defaults", NULL, false},
    /* clang-format on */
};

const oc_expression_operator *oc_expression_operators(size_t *count) {
    *count = sizeof operators / sizeof operators[0];
    return operators;
}

static int compare(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_expression_operator *)row)->name);
}

const oc_expression_operator *oc_expression_find(oc_str name) {
    return bsearch(&name, operators, sizeof operators / sizeof operators[0], sizeof operators[0], compare);
}
