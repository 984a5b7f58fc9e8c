/* Expressions over objects and arrays that say which of their fields or elements they yield. */

#include "dropped.h"
#include "expression.h"
#include "fields.h"
#include "view.h"

static const oc_str no_path = {"", 0};

static bool fail_shape(const oc_scope *s, const char *op, const char *what) {
    return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, op, NULL, "%s must be %s", op, what);
}

/* ---- one field ---- */

/* A constant string, plainly or in a $literal. */
static bool constant_name(const oc_elem *e, oc_str *name) {
    oc_elem inner = *e;
    if (e->type == OC_DOCUMENT && oc_bson_first(e->value, &inner) && !oc_str_is(inner.name, "$literal") &&
        !oc_str_is(inner.name, "$const"))
        return false;
    if (inner.type != OC_STRING)
        return false;
    *name = oc_elem_str(&inner);
    return e->type == OC_DOCUMENT || name->n == 0 || name->s[0] != '$';
}

/* A name with a dot in it is no path. */
static const oc_node *field_of(const oc_scope *s, const oc_node *object, oc_str name) {
    if (name.n && !memchr(name.s, '.', name.n))
        return oc_follow(s, object, name);
    const oc_node *node = oc_node_child_of_set(object, name, &s->a->lookup);
    if (node && node->kind == OC_CONFLICT) {
        oc_fail_conflict(s->a->error, &(oc_path){NULL, name});
        return NULL;
    }
    return node && node->kind == OC_PLAIN && node->literal ? &oc_plain_node : node;
}

/* The field of an object, by its whole name. */
static bool get_field(const oc_scope *s, oc_frame *frame, const oc_elem *field, const oc_node *object,
                      oc_results *out) {
    oc_str name;
    oc_result r = {object, no_path};
    bool constant = constant_name(field, &name);
    if (object->kind == OC_PLAIN && !constant)
        return oc_expect_plain(s, frame, field, "$getField") && oc_add_result(s, out, oc_computed(s), no_path);
    if ((object->kind != OC_ABOVE && object->kind != OC_PLAIN) || (object->kind == OC_ABOVE && s->levels))
        return oc_fail_operand(s, &r, "$getField");
    if (!constant)
        return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, NULL, "$getField", "give the name as a constant",
                       "Expression '$getField' cannot take a computed name where it may name an encrypted field");
    return oc_add_result(s, out, field_of(s, object, name), name);
}

bool oc_evaluate_get_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_elem parts[2] = {0}, first;
    bool named = operand->type == OC_DOCUMENT && oc_bson_first(operand->value, &first) &&
                 (first.name.n == 0 || first.name.s[0] != '$');
    if (!named)
        return get_field(s, frame, operand, s->tree, out);
    if (!oc_options(s->a, operand, "$getField", "field input", parts))
        return false;
    if (!parts[0].start)
        return fail_shape(s, "$getField", "a name, or an object with field and input");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    const oc_node *object = parts[1].start ? oc_evaluate(s, inner, &parts[1]) : s->tree;
    return object && get_field(s, inner, &parts[0], object, out);
}

/* ---- objects with other fields ---- */

/* The one node of an operand, constants in it kept where they are wanted, and the path that led to it if one did. */
static oc_result evaluate_like(const oc_scope *s, oc_frame *frame, const oc_elem *e, const oc_results *like) {
    oc_results results = {.literals = like->literals};
    bool ok = oc_evaluate_each(s, frame, e, &results);
    return (oc_result){ok ? oc_join_results(s, &results) : NULL, results.count ? results.items[0].path : no_path};
}

static bool is_constant_node(const oc_node *node) {
    return node->constants || (node->kind == OC_PLAIN && node->literal);
}

/* An object whose fields are known one by one; anything else that is plain may have any. */
static bool add_edited(const oc_scope *s, const oc_node *node, bool constants, oc_results *out) {
    oc_node *copy = constants && node ? oc_arena_alloc(s->a->arena, sizeof *copy) : NULL;
    if (!node || !constants)
        return oc_add_result(s, out, node, no_path);
    if (!copy)
        return oc_no_memory(s->a);
    *copy = *node;
    copy->constants = true;
    return oc_add_result(s, out, copy, no_path);
}

/* What fields can be set in. */
static bool check_input(const oc_scope *s, const oc_result *r, const char *op) {
    if (!r->node)
        return false;
    bool edits = r->node->kind == OC_PLAIN || (r->node->kind == OC_ABOVE && !s->levels);
    return (edits && !oc_is_dropped(r->node)) || oc_fail_operand(s, r, op);
}

/* `object` with `value` in the field that `field` names. */
static bool edit_field(const oc_scope *s, oc_frame *frame, const oc_elem *field, const oc_node *object,
                       const oc_node *value, const char *op, oc_results *out) {
    oc_str name;
    bool plain = object->kind == OC_PLAIN && value->kind == OC_PLAIN;
    if (!constant_name(field, &name))
        return plain ? oc_expect_plain(s, frame, field, op) && oc_add_result(s, out, oc_computed(s), no_path)
                     : oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, NULL, op, "give the name as a constant",
                               "Expression '%s' cannot take a computed name where it may name an encrypted field", op);
    oc_name_entry entry = {.name = name, .value = value};
    return add_edited(s, oc_derive_over(object, &entry, 1, &s->a->lookup), object->constants || is_constant_node(value),
                      out);
}

bool oc_evaluate_set_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    enum { FIELD, INPUT, VALUE };
    oc_elem parts[3] = {0};
    if (!oc_options(s->a, operand, "$setField", "field input value", parts))
        return false;
    if (!parts[FIELD].start || !parts[INPUT].start || !parts[VALUE].start)
        return fail_shape(s, "$setField", "an object with field, input and value");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    oc_result object = evaluate_like(s, inner, &parts[INPUT], out);
    if (!check_input(s, &object, "$setField"))
        return false;
    const oc_node *value = evaluate_like(s, inner, &parts[VALUE], out).node;
    return value && edit_field(s, inner, &parts[FIELD], object.node, value, "$setField", out);
}

bool oc_evaluate_unset_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    enum { FIELD, INPUT };
    oc_elem parts[2] = {0};
    if (!oc_options(s->a, operand, "$unsetField", "field input", parts))
        return false;
    if (!parts[FIELD].start || !parts[INPUT].start)
        return fail_shape(s, "$unsetField", "an object with field and input");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    oc_result object = evaluate_like(s, inner, &parts[INPUT], out);
    return check_input(s, &object, "$unsetField") &&
           edit_field(s, inner, &parts[FIELD], object.node, &oc_absent_node, "$unsetField", out);
}

/* ---- $mergeObjects ---- */

static bool is_object_expression(const oc_elem *e) {
    oc_elem first;
    return e->type == OC_DOCUMENT && !(oc_bson_first(e->value, &first) && oc_str_starts(first.name, "$"));
}

/* An object of an expression: it has the fields of its table, and no others. */
static bool is_listed(const oc_node *node) {
    bool either = node->kind == OC_ABOVE && node->either;
    return node->rest == &oc_absent_node && !node->base && !either && !node->absent;
}

/* What has been merged so far. */
typedef struct merged {
    const oc_node *node; /* NULL: nothing yet */
    bool constants;      /* some of its fields, not of one of two objects that it may be, are constants */
} merged;

/* The fields of `other` take the place of those of `one`. Where it is not known which it has, each may be of either. */
static bool merge_operand(const oc_scope *s, oc_frame *frame, const oc_elem *e, bool literals, merged *m) {
    oc_result r = evaluate_like(s, frame, e, &(oc_results){.literals = literals});
    if (!check_input(s, &r, "$mergeObjects"))
        return false;
    if (!m->node)
        *m = (merged){r.node, literals && r.node->constants};
    else if (is_listed(r.node))
        *m = (merged){oc_derive_over(m->node, r.node->children.entries, r.node->children.count, &s->a->lookup),
                      m->constants || (literals && r.node->constants)};
    else
        *m = (merged){oc_derive_either(m->node, r.node, "$mergeObjects", &s->a->lookup), false};
    return m->node != NULL;
}

/* The first operand whose constants no later one can hide: all behind it are objects of the expression. */
static size_t first_visible(const oc_elem *operands) {
    oc_iter it = oc_elem_iter(operands);
    oc_elem e;
    size_t first = 0;
    for (size_t i = 0; oc_next(&it, &e); i++)
        if (!is_object_expression(&e))
            first = i ? i + 1 : 0;
    return first;
}

bool oc_evaluate_merge(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    merged m = {NULL, false};
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    if (operand->type != OC_ARRAY)
        return merge_operand(s, frame, operand, out->literals, &m) && add_edited(s, m.node, m.constants, out);
    size_t visible = first_visible(operand);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    for (size_t i = 0; oc_next(&it, &e); i++)
        if (!merge_operand(s, inner, &e, out->literals && i >= visible, &m))
            return false;
    return add_edited(s, m.node ? m.node : oc_computed(s), m.constants, out);
}

/* ---- arrays ---- */

/* An element of each array that an operand may be; of none, nothing. */
static bool add_elements(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op, oc_results *out) {
    oc_results results = {.literals = false};
    if (!oc_evaluate_each(s, frame, e, &results))
        return false;
    for (size_t i = 0; i < results.count; i++) {
        const oc_node *node = results.items[i].node;
        if ((node->kind != OC_PLAIN && node->kind != OC_ARRAY_OF) || oc_is_dropped(node))
            return oc_fail_operand(s, &results.items[i], op);
        const oc_node *element = node->kind == OC_ARRAY_OF ? node->element : oc_dropped_elements(node);
        if (!oc_add_result(s, out, element == node && !node->unseen ? &oc_plain_node : element, no_path))
            return false;
    }
    return true;
}

/* The members of an array of operands; false if there are not `count`. */
static bool operands(const oc_elem *operand, oc_elem out[], size_t count) {
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    size_t n = 0;
    for (; oc_next(&it, &e); n++)
        if (n < count)
            out[n] = e;
    return n == count;
}

/* $first and $last. */
bool oc_evaluate_element(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    const char *op = operand->name.s; /* a row's name, so it is text */
    oc_elem e = *operand;
    if (operand->type == OC_ARRAY) {
        frame = oc_inner_frame(s->a, frame, operand);
        if (!frame)
            return oc_no_memory(s->a);
        if (!operands(operand, &e, 1))
            return fail_shape(s, op, "an expression");
    }
    return add_elements(s, frame, &e, op, out);
}

bool oc_evaluate_element_at(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_elem parts[2];
    if (operand->type != OC_ARRAY || !operands(operand, parts, 2))
        return fail_shape(s, "$arrayElemAt", "an array of an array and a position");
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    bool count = oc_is_unseen(s) && oc_is_count("$arrayElemAt", 1, &parts[1]);
    return (count || oc_expect_plain(s, inner, &parts[1], "$arrayElemAt")) &&
           add_elements(s, inner, &parts[0], "$arrayElemAt", out);
}

/* $size, $isArray: say nothing of what is in the array. The operand may stand in an array of one. */
bool oc_evaluate_of_array(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    oc_results results = {.literals = false};
    oc_elem e = *operand;
    if (operand->type == OC_ARRAY) {
        frame = oc_inner_frame(s->a, frame, operand);
        if (!frame)
            return oc_no_memory(s->a);
        if (!oc_bson_first(operand->value, &e) || e.end < operand->end - 1)
            return fail_shape(s, oc_name(operand->name).text, "an expression");
    }
    if (!oc_evaluate_each(s, frame, &e, &results))
        return false;
    for (size_t i = 0; i < results.count; i++) {
        oc_node_kind kind = results.items[i].node->kind;
        if (kind != OC_PLAIN && kind != OC_ARRAY_OF)
            return oc_fail_operand(s, &results.items[i], oc_name(operand->name).text);
    }
    return oc_add_result(s, out, oc_computed(s), no_path);
}
