/* $eq, $ne and $in as expressions: the only ones that compare encrypted fields. */

#include "expression.h"
#include "mark.h"
#include "qe_expression.h"
#include "view.h"

static const oc_str no_path = {"", 0};

/* ---- judging what is compared ---- */

static const oc_result *first_encrypted(const oc_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (results->items[i].node->kind == OC_ENCRYPTED)
            return &results->items[i];
    return NULL;
}

static bool mark_literal(const oc_scope *s, const oc_literal *l, const oc_result *encrypted, const char *op) {
    oc_path path = {NULL, encrypted->path};
    oc_marking how = {.use = OC_USE_COMPARED, .path = &path, .op = op, .in_list = strcmp(op, "$in") == 0};
    if (l->place.start != l->value.start)
        how.wrapper = &l->place;
    return oc_mark(s->a, l->frame, &l->value, encrypted->node->meta, &how);
}

/* One possible result, beside the encrypted field. */
static bool compare_with(const oc_scope *s, const oc_result *r, const oc_result *encrypted, const char *op) {
    oc_path path = {NULL, encrypted->path};
    const oc_node *node = r->node;
    switch (node->kind) {
    case OC_ENCRYPTED:
        return oc_meta_equal(node->meta, encrypted->node->meta) ||
               oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &path, op, "encrypt both with one key, algorithm and type",
                       "Comparison of two encrypted fields with different metadata: '%s' and '%s'",
                       oc_name(encrypted->path).text, oc_name(r->path).text);
    case OC_PLAIN:
        if (node->absent)
            return true;
        for (const oc_literal *l = node->literal; l; l = l->next)
            if (!mark_literal(s, l, encrypted, op))
                return false;
        return node->literal ||
               oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &path, op, "put the constant into the comparison itself",
                       "Comparison disallowed between an encrypted field and a non-constant expression; field '%s' is "
                       "encrypted.",
                       oc_name(encrypted->path).text);
    case OC_ABOVE:
    case OC_ARRAY_OF:
    case OC_UNKNOWN:
    case OC_CONFLICT: break;
    }
    return oc_fail_operand(s, r, op);
}

OC_APART bool oc_compare_results(const oc_scope *s, const oc_results *results, const char *op) {
    const oc_result *encrypted = first_encrypted(results);
    if (encrypted && s->kept)
        return oc_fail_kept(s, encrypted->path, op);
    if (encrypted && s->levels)
        return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, encrypted->path}, op,
                       "return $$KEEP or $$PRUNE only",
                       "An encrypted field cannot be compared where $$DESCEND may be the result");
    if (encrypted && results->count == 1 && encrypted->node->meta->algorithm == OC_DETERMINISTIC)
        return true; /* there is nothing to compare it with */
    for (size_t i = 0; i < results->count; i++) {
        const oc_result *r = &results->items[i];
        if (!oc_check_dropped(s, r, op))
            return false;
        if (!encrypted && r->node->kind != OC_PLAIN)
            return oc_fail_operand(s, r, op);
        if (encrypted && r != encrypted && !compare_with(s, r, encrypted, op))
            return false;
    }
    return !encrypted || oc_check_comparable(s->a, encrypted->node->meta, &(oc_path){NULL, encrypted->path}, op);
}

/* ---- the operators ---- */

static OC_APART bool two_operands(const oc_scope *s, const oc_elem *operand, oc_elem out[2]) {
    oc_iter it = oc_elem_iter(operand);
    size_t n = 0;
    oc_elem e;
    while (operand->type == OC_ARRAY && oc_next(&it, &e)) {
        if (n < 2)
            out[n] = e;
        n++;
    }
    return n == 2 || oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, operand->name.s, NULL,
                             "Expression %s takes exactly 2 arguments", operand->name.s);
}

bool oc_evaluate_equality(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_results results = {.literals = true};
    oc_elem sides[2];
    bool handled;
    if (!two_operands(s, operand, sides) || !oc_qe_compare(s, frame, operand, &handled))
        return false;
    if (handled)
        return oc_add_result(s, out, oc_computed(s), no_path);
    oc_scope apart;
    s = oc_without_comparisons(s, &apart);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    return oc_evaluate_each(s, inner, &sides[0], &results) && oc_evaluate_each(s, inner, &sides[1], &results) &&
           oc_compare_results(s, &results, operand->name.s) && /* a row's name, so it is text */
           oc_add_result(s, out, oc_computed(s), no_path);
}

/* {$literal: [a, b]}: its elements are constants, whatever they look like. */
static OC_APART bool literal_list(const oc_scope *s, oc_frame *frame, const oc_elem *list, oc_results *results) {
    oc_frame *inner = oc_inner_frame(s->a, frame, list);
    oc_iter it = oc_elem_iter(list);
    oc_elem e;
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &e))
        if (!oc_add_literal(s, inner, &e, &e, results))
            return false;
    return true;
}

bool oc_is_literal(const oc_elem *e, oc_elem *value) {
    return oc_bson_first(e->value, value) && value->end == e->end - 1 &&
           (oc_str_is(value->name, "$literal") || oc_str_is(value->name, "$const"));
}

/* The elements of the second argument, if it is a list that we can see; else *listed is false. */
static bool list_elements(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *results, bool *listed) {
    oc_elem literal;
    *listed = true;
    if (e->type == OC_DOCUMENT && oc_is_literal(e, &literal) && literal.type == OC_ARRAY) {
        oc_frame *inner = oc_inner_frame(s->a, frame, e);
        return inner ? literal_list(s, inner, &literal, results) : oc_no_memory(s->a);
    }
    if (e->type != OC_ARRAY) {
        *listed = false;
        return true;
    }
    oc_frame *inner = oc_inner_frame(s->a, frame, e);
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &member))
        if (!oc_evaluate_each(s, inner, &member, results))
            return false;
    return true;
}

static OC_APART bool fail_list(const oc_scope *s, const oc_result *encrypted) {
    return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, encrypted->path}, "$in",
                   "list the constants in the query itself",
                   "The second argument of $in must be an array of constants, since the field '%s' is encrypted",
                   oc_name(encrypted->path).text);
}

static bool all_constant(const oc_results *results, size_t from) {
    for (size_t i = from; i < results->count; i++) {
        const oc_node *node = results->items[i].node;
        if (node->kind != OC_PLAIN || (!node->literal && !node->absent))
            return false;
    }
    return true;
}

bool oc_evaluate_in(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_results results = {.literals = true};
    oc_elem sides[2];
    bool listed, handled;
    if (!two_operands(s, operand, sides) || !oc_qe_compare(s, frame, operand, &handled))
        return false;
    if (handled)
        return oc_add_result(s, out, oc_computed(s), no_path);
    oc_scope apart;
    s = oc_without_comparisons(s, &apart);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    if (!oc_evaluate_each(s, inner, &sides[0], &results))
        return false;
    const oc_result *encrypted = first_encrypted(&results);
    size_t first = results.count;
    if (!list_elements(s, inner, &sides[1], &results, &listed))
        return false;
    if (encrypted && (!listed || !all_constant(&results, first)))
        return fail_list(s, first_encrypted(&results));
    if (!listed && !oc_expect_plain(s, inner, &sides[1], "$in"))
        return false;
    return oc_compare_results(s, &results, "$in") && oc_add_result(s, out, oc_computed(s), no_path);
}
