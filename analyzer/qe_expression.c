#include "qe_expression.h"

#include <stddef.h>

#include "build.h"
#include "fields.h"
#include "put.h"
#include "qe_mark.h"
#include "qe_range.h"
#include "view.h"

static const oc_str no_path = {"", 0};

/* ---- failures ---- */

bool oc_qe_check_path(const oc_scope *s, oc_str path, const char *op) {
    if (s->original && oc_derive_untouched(s->original, s->tree, path, &s->a->lookup))
        return true;
    return oc_fail(
        s->a->error, OC_QE_PATH, &(oc_path){NULL, path}, op,
        "put the $match first: the server finds such fields by their own path, outside $facet and $unionWith, "
        "before a stage has renamed, overwritten, or dropped something on it, or __safeContent__",
        "Cannot compare the encrypted field '%s' after a stage that may have changed it", oc_name(path).text);
}

static bool fail_reference(const oc_scope *s, oc_str path, const char *op) {
    return oc_fail(
        s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, path}, op,
        "fields of Queryable Encryption are compared in filters, and in their $expr under $and, $or and $not",
        "Invalid reference to an encrypted field within aggregate expression: %s", oc_name(path).text);
}

static bool fail_constant(const oc_scope *s, oc_str path, const char *op) {
    return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, path}, op,
                   "put the constant into the comparison itself",
                   "Comparison disallowed between Queryable Encryption encrypted fields and non-constant expressions; "
                   "field '%s' is encrypted.",
                   oc_name(path).text);
}

/* ---- operands ---- */

/* Whether an operand is the path of a QE field. It is no failure to be something else. */
static bool field_operand(const oc_scope *s, oc_frame *frame, const oc_elem *e, bool *is_field, oc_result *field) {
    oc_results results = {.count = 0};
    *is_field = false;
    if (e->type != OC_STRING || !oc_str_starts(oc_elem_str(e), "$"))
        return true;
    if (!oc_evaluate_each(s, frame, e, &results))
        return false;
    if (results.count != 1 || results.items[0].node->kind != OC_ENCRYPTED || !results.items[0].node->meta->qe)
        return true;
    *is_field = true;
    *field = results.items[0];
    return true;
}

/* The one constant that an operand is, written as it is or as {$literal: …}; NULL, without an error, for anything else.
 */
static const oc_literal *constant_operand(const oc_scope *s, oc_frame *frame, const oc_elem *e) {
    oc_scope apart;
    const oc_scope *inner = oc_without_comparisons(s, &apart);
    oc_results results = {.literals = true};
    if (!oc_evaluate_each(inner, frame, e, &results) || results.count != 1)
        return NULL;
    const oc_node *node = results.items[0].node;
    const oc_literal *literal = node->kind == OC_PLAIN ? node->literal : NULL;
    return literal && !literal->next && literal->place.start == e->start ? literal : NULL;
}

/* A comparison in work. */
typedef struct comparison {
    const oc_scope *s;
    oc_frame *frame; /* of the array of operands */
    const oc_elem *op;
    const char *name;
    oc_elem sides[2];
    size_t at; /* which of them is the field */
    oc_result field;
} comparison;

static bool read_comparison(comparison *c, oc_frame *frame, bool *found) {
    oc_iter it = oc_elem_iter(c->op);
    oc_elem e;
    size_t n = 0;
    for (*found = false; c->op->type == OC_ARRAY && oc_next(&it, &e); n++)
        if (n < 2)
            c->sides[n] = e;
    if (n != 2)
        return true;
    c->frame = oc_inner_frame(c->s->a, frame, c->op);
    if (!c->frame)
        return oc_no_memory(c->s->a);
    for (c->at = 0; c->at < 2; c->at++) {
        if (!field_operand(c->s, c->frame, &c->sides[c->at], found, &c->field))
            return false;
        if (*found)
            return true;
    }
    return true;
}

static const oc_elem *other_side(const comparison *c) {
    return &c->sides[1 - c->at];
}

/* ---- equality ---- */

/* An explicit payload passes as it is, but for its name. */
static bool rename_operand(oc_analysis *a, const oc_literal *l, oc_str name) {
    size_t len = 1 + name.n + 1;
    uint8_t *head = oc_arena_alloc(a->arena, len);
    if (!head)
        return oc_no_memory(a);
    oc_put_name(head, l->place.type, name);
    uint32_t at = oc_splice_offset(&a->splice, l->place.start);
    uint32_t skip = (uint32_t)(l->place.value - l->place.start);
    oc_splice_edit(
        &a->splice, l->frame,
        (oc_edit){.at = at, .skip = skip, .end = at + skip, .head = head, .head_len = (uint32_t)len, .length_at = -1});
    return true;
}

/* The field stands left: a constant before it is marked where it is, under the second name, and the field is put before
 * that. */
static bool mark_equality(const comparison *c, const oc_literal *l, oc_str name, bool in_list) {
    oc_path path = {NULL, c->field.path};
    oc_elem value = l->value, place = l->place;
    oc_marking how = {.use = OC_USE_COMPARED, .path = &path, .op = c->name, .in_list = in_list};
    if (name.n)
        value.name = place.name = name;
    if (l->place.start != l->value.start)
        how.wrapper = &place;
    uint64_t marks = c->s->a->marks;
    if (!oc_mark(c->s->a, l->frame, &value, c->field.node->meta, &how))
        return false;
    return c->s->a->marks != marks || !name.n || rename_operand(c->s->a, l, name);
}

static bool put_field_first(const comparison *c) {
    const oc_elem *field = &c->sides[1];
    oc_build b = {.arena = c->s->a->arena};
    oc_build_elem(&b, "0", field);
    if (b.failed)
        return oc_no_memory(c->s->a);
    oc_splice_insert(&c->s->a->splice, c->frame, c->sides[0].start, b.data, b.len);
    oc_splice_drop(&c->s->a->splice, c->frame, field);
    return true;
}

static bool compare_equality(const comparison *c, const oc_literal *const *literals, size_t count) {
    static const oc_str second = {"1", 1};
    bool swapped = c->at == 1, list = strcmp(c->name, "$in") == 0;
    if (!list && strcmp(c->name, "$eq") != 0 && strcmp(c->name, "$ne") != 0)
        return oc_fail_operand(c->s, &c->field, c->name);
    if (swapped && !put_field_first(c))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!mark_equality(c, literals[i], swapped ? second : no_path, list))
            return false;
    return !c->s->kept || oc_fail_kept(c->s, c->field.path, c->name);
}

static bool compare_range(const comparison *c, oc_frame *frame, const oc_literal *const *literals, size_t count) {
    oc_elem *values = oc_arena_alloc(c->s->a->arena, (count + 1) * sizeof *values);
    if (!values)
        return oc_no_memory(c->s->a);
    for (size_t i = 0; i < count; i++)
        values[i] = literals[i]->value;
    oc_qe_constants constants = {.values = values, .count = count, .first = c->at == 1};
    return oc_qe_expression_range(c->s, frame, c->op, &c->sides[c->at], &constants, &c->field);
}

/* ---- any comparison ---- */

static const oc_literal **new_list(const oc_scope *s, size_t count) {
    const oc_literal **list = oc_arena_alloc(s->a->arena, (count + 1) * sizeof *list);
    if (!list)
        oc_no_memory(s->a);
    return list;
}

/* One of {$literal: [a, b]}, a constant whatever it looks like. */
static const oc_literal *literal_member(const comparison *c, oc_frame *frame, const oc_elem *member) {
    oc_literal *literal = oc_arena_alloc(c->s->a->arena, sizeof *literal);
    if (literal)
        *literal = (oc_literal){.frame = frame, .place = *member, .value = *member};
    else
        oc_no_memory(c->s->a);
    return literal;
}

/* The array of $in, itself possibly in a {$literal: …}. */
static bool read_list(const comparison *c, const oc_literal ***out, size_t *count) {
    oc_elem list = *other_side(c), inner, member;
    oc_frame *frame = c->frame;
    bool literal = list.type == OC_DOCUMENT && oc_is_literal(&list, &inner);
    if (literal) {
        frame = oc_inner_frame(c->s->a, frame, &list);
        list = inner;
    }
    if (list.type != OC_ARRAY)
        return fail_constant(c->s, c->field.path, c->name);
    frame = frame ? oc_inner_frame(c->s->a, frame, &list) : NULL;
    *out = new_list(c->s, oc_count_members(&list));
    if (!*out || !frame)
        return oc_no_memory(c->s->a);
    oc_iter it = oc_elem_iter(&list);
    for (*count = 0; oc_next(&it, &member); ++*count) {
        (*out)[*count] = literal ? literal_member(c, frame, &member) : constant_operand(c->s, frame, &member);
        if (!(*out)[*count])
            return fail_constant(c->s, c->field.path, c->name);
    }
    return true;
}

static bool read_constants(const comparison *c, const oc_literal ***out, size_t *count) {
    if (strcmp(c->name, "$in") == 0)
        return read_list(c, out, count);
    *out = new_list(c->s, 1);
    if (!*out)
        return false;
    *count = 1;
    (*out)[0] = constant_operand(c->s, c->frame, other_side(c));
    return (*out)[0] || fail_constant(c->s, c->field.path, c->name);
}

static bool compare(const comparison *c, oc_frame *frame) {
    const oc_meta *meta = c->field.node->meta;
    oc_path path = {NULL, c->field.path};
    const oc_literal **literals = NULL;
    size_t count = 0;
    if (!c->s->conjunction || (c->at == 1 && strcmp(c->name, "$in") == 0))
        return fail_reference(c->s, c->field.path, c->name);
    if (!oc_qe_check_path(c->s, c->field.path, c->name))
        return false;
    if (meta->qe->index == OC_QE_UNINDEXED)
        return oc_fail_qe_unindexed(c->s->a, &path, c->name);
    if (!read_constants(c, &literals, &count))
        return false;
    return meta->qe->index == OC_QE_RANGE ? compare_range(c, frame, literals, count)
                                          : compare_equality(c, literals, count);
}

OC_APART bool oc_qe_compare(const oc_scope *s, oc_frame *frame, const oc_elem *op, bool *handled) {
    comparison c = {.s = s, .op = op, .name = op->name.s}; /* a row's name, so it is text */
    *handled = false;
    return !s->a->qe || (read_comparison(&c, frame, handled) && (!*handled || compare(&c, frame)));
}

bool oc_evaluate_order(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    bool handled;
    oc_scope apart;
    const oc_scope *inner = oc_without_comparisons(s, &apart);
    if (!oc_qe_compare(s, frame, operand, &handled))
        return false;
    return (handled || oc_expect_plain_operands(inner, frame, operand, operand->name.s)) &&
           oc_add_result(s, out, oc_computed(s), no_path);
}

/* ---- $and, $or, $not ---- */

static bool branch(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_conjunction own = {.a = s->a};
    oc_scope inner = *s;
    inner.conjunction = &own;
    return oc_expect_plain(&inner, frame, e, op) && oc_conjunction_finish(&own);
}

static bool branches(const oc_scope *s, oc_frame *frame, const oc_elem *operand, const char *op) {
    if (operand->type != OC_ARRAY)
        return branch(s, frame, operand, op);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &e))
        if (!branch(s, inner, &e, op))
            return false;
    return true;
}

bool oc_evaluate_logical(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    const char *op = operand->name.s;
    bool apart = s->conjunction && strcmp(op, "$and") != 0;
    return (apart ? branches(s, frame, operand, op) : oc_expect_plain_operands(s, frame, operand, op)) &&
           oc_add_result(s, out, oc_computed(s), no_path);
}

/* ---- text ---- */

/* Sorted by name. What an operator compares with, and the index that it needs: none means that any will do. */
typedef struct text_operator {
    const char *name, *options, *index;
    size_t spec; /* offset in oc_qe */
} text_operator;

static const text_operator text_operators[] = {
    {"$encStrContains", "input substring", "substring", offsetof(oc_qe, substring)},
    {"$encStrEndsWith", "input suffix", "suffix", offsetof(oc_qe, suffix)},
    {"$encStrNormalizedEq", "input string", NULL, 0},
    {"$encStrStartsWith", "input prefix", "prefix", offsetof(oc_qe, prefix)},
};

static const text_operator *find_text_operator(oc_str name) {
    for (size_t i = 0; i < sizeof text_operators / sizeof text_operators[0]; i++)
        if (oc_str_is(name, text_operators[i].name))
            return &text_operators[i];
    return NULL;
}

static const oc_qe_text *spec_of(const oc_qe *qe, const text_operator *row) {
    return row->index ? (const oc_qe_text *)(const void *)((const char *)qe + row->spec) : NULL;
}

static void write_spec(oc_build *b, const text_operator *row, const oc_qe_text *spec) {
    bool substring = strcmp(row->index, "substring") == 0;
    size_t doc = oc_build_open(b, OC_DOCUMENT, oc_build_name(substring ? "substr" : row->index));
    if (substring)
        oc_build_int32(b, "mlen", spec->longest);
    oc_build_int32(b, "ub", spec->ub);
    oc_build_int32(b, "lb", spec->lb);
    oc_build_close(b, doc);
}

static void write_text(oc_build *b, oc_str name, const oc_elem *value, const oc_meta *meta, const text_operator *row) {
    size_t binary = oc_build_binary(b, name, 3);
    size_t doc = oc_build_start(b);
    oc_build_int32(b, "t", 2);
    oc_build_int32(b, "a", OC_QE_TEXT);
    oc_build_uuid(b, "ki", meta->key_id);
    oc_build_uuid(b, "ku", meta->key_id);
    size_t v = oc_build_open(b, OC_DOCUMENT, oc_build_name("v"));
    oc_build_elem(b, "v", value);
    oc_build_bool(b, "casef", meta->qe->fold_case);
    oc_build_bool(b, "diacf", meta->qe->fold_diacritics);
    if (row->index)
        write_spec(b, row, spec_of(meta->qe, row));
    oc_build_close(b, v);
    oc_build_int64(b, "cm", meta->qe->contention);
    oc_build_close(b, doc);
    oc_build_close_binary(b, binary);
}

static bool mark_text(const oc_scope *s, const oc_literal *l, const oc_meta *meta, const text_operator *row) {
    oc_build b = {.arena = s->a->arena};
    write_text(&b, l->place.name, &l->value, meta, row);
    if (b.failed)
        return oc_no_memory(s->a);
    oc_splice_drop(&s->a->splice, l->frame, &l->place);
    oc_splice_insert(&s->a->splice, l->frame, l->place.start, b.data, b.len);
    oc_count_marks(s->a, 1);
    return true;
}

static bool check_text_index(const oc_scope *s, const oc_result *field, const text_operator *row) {
    const oc_qe *qe = field->node->meta->qe;
    const oc_qe_text *spec = spec_of(qe, row);
    if (qe->index == OC_QE_TEXT && (!spec || spec->ub))
        return true;
    return oc_fail(s->a->error, OC_QE_INDEX, &(oc_path){NULL, field->path}, row->name,
                   "give the field that queryType in encryptedFields",
                   "%s needs an encrypted field with %s%s query type: '%s' has none", row->name,
                   row->index ? "the " : "a text", row->index ? row->index : "", oc_name(field->path).text);
}

static bool compare_text(const oc_scope *s, oc_frame *frame, const oc_result *field, const oc_elem *e,
                         const text_operator *row) {
    if (!s->conjunction)
        return fail_reference(s, field->path, row->name);
    if (!oc_qe_check_path(s, field->path, row->name) || !check_text_index(s, field, row))
        return false;
    const oc_literal *l = constant_operand(s, frame, e);
    bool payload = l && oc_qe_payload(&l->value) == 18;
    if (!l)
        return fail_constant(s, field->path, row->name);
    if (!payload && l->value.type != OC_STRING)
        return oc_fail(s->a->error, OC_VALUE_TYPE, &(oc_path){NULL, field->path}, row->name, NULL,
                       "%s compares with a string, found %s", row->name, oc_type_name(l->value.type));
    if (s->kept)
        return oc_fail_kept(s, field->path, row->name);
    return payload || mark_text(s, l, field->node->meta, row);
}

/* A plain field, by a slip of the pen perhaps: the text would go to the server as it is. */
static bool fail_plain_input(const oc_scope *s, const text_operator *row) {
    return oc_fail(s->a->error, OC_QE_INDEX, NULL, row->name, "name such a field as its input: \"$field\"",
                   "%s needs an encrypted field with %s%s query type", row->name, row->index ? "the " : "a text",
                   row->index ? row->index : "");
}

bool oc_evaluate_encrypted_string(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out) {
    const text_operator *row = find_text_operator(operand->name);
    oc_scope apart;
    const oc_scope *inner = oc_without_comparisons(s, &apart);
    oc_elem parts[2] = {0};
    oc_result field;
    bool is_field;
    oc_frame *members = oc_inner_frame(s->a, frame, operand);
    if (!members)
        return oc_no_memory(s->a);
    if (!row || !oc_options(s->a, operand, operand->name.s, row->options, parts))
        return false;
    if (!parts[0].start || !parts[1].start)
        return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL, "%s needs both of: %s", row->name,
                       row->options);
    if (!field_operand(inner, members, &parts[0], &is_field, &field))
        return false;
    bool ok = is_field ? compare_text(s, members, &field, &parts[1], row)
                       : oc_expect_plain(inner, members, &parts[0], row->name) &&
                             oc_expect_plain(inner, members, &parts[1], row->name) &&
                             (!s->a->qe || fail_plain_input(s, row));
    return ok && oc_add_result(s, out, oc_computed(s), no_path);
}
