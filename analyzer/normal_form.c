/* Of filters:
 *
 *     {ssn: "x", age: 3, $or: [{a: 1, b: 2}]}
 *     {$and: [{ssn: {$eq: <x>}}, {age: {$eq: 3}}, {$or: [{$and: [{a: {$eq: 1}}, {b: {$eq: 2}}]}]}]}
 *
 * Marked equalities have been written as {$eq: …} already. Of the expressions of $group:
 *
 *     {_id: {year: {$year: "$date"}, kind: "a"}, n: {$sum: 1}}
 *     {_id: {year: {$year: "$date"}, kind: {$const: "a"}}, n: {$sum: {$const: 1}}}
 */

#include "normal_form.h"

#include <stdlib.h>

#include "group.h"
#include "match.h"

static const uint8_t and_head[] = "\x04$and\0\0\0\0"; /* type, name, length to come */

static uint32_t offset(oc_analysis *a, const uint8_t *p) {
    return oc_splice_offset(&a->splice, p);
}

/* {f: v} → {f: {$eq: v}}: the element's head is replaced, its value stays. */
static void wrap_head(oc_analysis *a, oc_frame *frame, const oc_elem *e, const char *op) {
    size_t name = 1 + e->name.n + 1;
    size_t len = name + 4 + 1 + strlen(op) + 1;
    uint8_t *head = oc_arena_zeroed(a->arena, 1, len);
    if (!head) {
        a->splice.failed = true;
        return;
    }
    memcpy(head, e->start, name);
    head[0] = OC_DOCUMENT;
    head[name + 4] = e->type;
    memcpy(head + name + 5, op, strlen(op));
    oc_splice_edit(&a->splice, frame,
                   (oc_edit){.at = offset(a, e->start),
                             .skip = (uint32_t)name,
                             .end = offset(a, e->end),
                             .head = head,
                             .head_len = (uint32_t)len,
                             .length_at = (int32_t)name,
                             .nuls = 1});
}

/* One predicate becomes an element "i" of the array of $and. */
static void wrap_member(oc_analysis *a, oc_frame *frame, const oc_elem *e, size_t index) {
    char digits[24];
    size_t n = sizeof digits, name;
    do
        digits[--n] = (char)('0' + index % 10);
    while (index /= 10);
    char *head = oc_arena_zeroed(a->arena, 1, 32);
    if (!head) {
        a->splice.failed = true;
        return;
    }
    head[0] = OC_DOCUMENT;
    memcpy(head + 1, digits + n, sizeof digits - n);
    name = 1 + sizeof digits - n + 1;
    oc_splice_edit(&a->splice, frame,
                   (oc_edit){.at = offset(a, e->start),
                             .end = offset(a, e->end),
                             .head = (const uint8_t *)head,
                             .head_len = (uint32_t)name + 4,
                             .length_at = (int32_t)name,
                             .nuls = 1});
}

static void wrap_level(oc_analysis *a, oc_frame *frame, const oc_iter *members) {
    oc_splice_edit(&a->splice, frame,
                   (oc_edit){.at = offset(a, members->at),
                             .end = offset(a, members->end),
                             .head = and_head,
                             .head_len = 10,
                             .length_at = 6,
                             .nuls = 1});
}

static bool normalise_list(oc_analysis *a, oc_frame *frame, const oc_elem *list, const oc_node *tree) {
    oc_frame array = {.up = frame, .doc = list->value};
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!oc_normalise_filter(a, &(oc_frame){.up = &array, .doc = e.value}, tree))
            return false;
    return true;
}

static bool is_logical(oc_str name) {
    return oc_str_is(name, "$and") || oc_str_is(name, "$or") || oc_str_is(name, "$nor");
}

static bool is_equality(const oc_elem *e) {
    return (e->name.n == 0 || e->name.s[0] != '$') && e->type != OC_REGEX && !oc_is_operator_object(e);
}

/* An equality on an encrypted field was marked, and written with $eq then. The look-up may fail although it succeeded
 * before: a request has a budget for patterns. */
static bool normalise_predicate(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *tree) {
    oc_answer answer;
    if (is_logical(e->name))
        return normalise_list(a, frame, e, tree);
    if (!is_equality(e))
        return true;
    if (!oc_node_lookup(tree, e->name, &a->lookup, &answer))
        return false;
    if (answer.position != OC_AT_ENCRYPTED && answer.position != OC_AT_IN_ARRAY)
        wrap_head(a, frame, e, "$eq");
    return true;
}

bool oc_normalise_filter(oc_analysis *a, oc_frame *frame, const oc_node *tree) {
    oc_iter it = oc_bson_iter(frame->doc);
    const oc_iter members = it;
    oc_elem e;
    size_t count = 0;
    while (oc_next(&it, &e))
        count++;
    if (count > 1)
        wrap_level(a, frame, &members);
    it = members;
    for (size_t i = 0; oc_next(&it, &e); i++) {
        if (count > 1)
            wrap_member(a, frame, &e, i);
        if (!normalise_predicate(a, frame, &e, tree))
            return false;
    }
    return true;
}

/* ---- $group ---- */

/* The second walk over a group. An element that has been marked is left alone. */
typedef struct constants {
    oc_analysis *a;
    const uint32_t *marked; /* offsets, sorted */
    size_t count;
} constants;

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_marked(const constants *c, const oc_elem *e) {
    uint32_t at = oc_splice_offset(&c->a->splice, e->start);
    return bsearch(&at, c->marked, c->count, sizeof at, compare) != NULL;
}

static void wrap(const constants *c, oc_frame *frame, const oc_elem *e);

static void wrap_members(const constants *c, oc_frame *frame, const oc_elem *e) {
    oc_frame inner = {.up = frame, .doc = e->value};
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        wrap(c, &inner, &member);
}

static void wrap_named(const constants *c, oc_frame *frame, const oc_elem *operand, const char *names) {
    oc_frame inner = {.up = frame, .doc = operand->value};
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    char mark;
    while (oc_next(&it, &e))
        if (oc_find_operand(names, e.name, &mark) && mark == ' ')
            wrap(c, &inner, &e);
}

static void wrap_operand(const constants *c, oc_frame *frame, const oc_elem *operand, oc_operand shape,
                         const char *names) {
    if (shape == OC_OPERAND_OPAQUE || shape == OC_OPERAND_REFUSED)
        return;
    if (oc_takes_names(shape, operand))
        wrap_named(c, frame, operand, names);
    else if (operand->type == OC_ARRAY)
        wrap_members(c, frame, operand);
    else
        wrap(c, frame, operand);
}

static void wrap(const constants *c, oc_frame *frame, const oc_elem *e) {
    oc_elem first;
    if (is_marked(c, e))
        return;
    switch (e->type) {
    case OC_STRING:
        if (oc_str_starts(oc_elem_str(e), "$"))
            return;
        break;
    case OC_ARRAY: wrap_members(c, frame, e); return;
    case OC_DOCUMENT:
        if (oc_bson_first(e->value, &first) && oc_str_starts(first.name, "$")) {
            const oc_expression_operator *row = oc_expression_find(first.name);
            if (row)
                wrap_operand(c, &(oc_frame){.up = frame, .doc = e->value}, &first, row->operand, row->names);
            return;
        }
        wrap_members(c, frame, e);
        return;
    default: break;
    }
    wrap_head(c->a, frame, e, "$const");
}

static void wrap_accumulator(const constants *c, oc_frame *frame, const oc_elem *e) {
    oc_elem op;
    if (e->type != OC_DOCUMENT || !oc_bson_first(e->value, &op))
        return;
    const oc_accumulator *row = oc_accumulator_find(op.name);
    oc_frame inner = {.up = frame, .doc = e->value};
    if (row && row->operand == OC_OPERAND_NAMED)
        wrap_named(c, &inner, &op, row->names);
    else if (row && row->operand != OC_OPERAND_OPAQUE)
        wrap(c, &inner, &op);
}

static void wrap_group(const constants *c, oc_frame *group) {
    oc_iter it = oc_bson_iter(group->doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (oc_str_is(e.name, "_id"))
            wrap(c, group, &e);
        else
            wrap_accumulator(c, group, &e);
    }
}

/* ---- later ---- */

struct oc_later {
    oc_later *next;
    oc_frame *frame;
    const oc_node *tree; /* of a filter; NULL: a group */
    bool always;
};

static bool note(oc_analysis *a, oc_frame *frame, const oc_node *tree, bool always) {
    oc_later *later = oc_arena_alloc(a->arena, sizeof *later);
    if (!later || !frame)
        return oc_no_memory(a);
    *later = (oc_later){a->later, frame, tree, always};
    a->later = later;
    return true;
}

bool oc_normalise_filter_later(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *tree, bool always) {
    return note(a, oc_inner_frame(a, frame, e), tree, always);
}

bool oc_normalise_group_later(oc_analysis *a, oc_frame *group, bool always) {
    return note(a, group, NULL, always);
}

bool oc_normalise_later_ones(oc_analysis *a, bool marked) {
    constants c = {.a = a};
    for (oc_later *later = a->later; later; later = later->next) {
        if (!marked && !later->always)
            continue;
        if (later->tree && !oc_normalise_filter(a, later->frame, later->tree))
            return false;
        if (!later->tree && !c.marked)
            c.marked = oc_splice_replaced(&a->splice, &c.count); /* no filter has marks of a group in it */
        if (!later->tree && !c.marked)
            return oc_no_memory(a);
        if (!later->tree)
            wrap_group(&c, later->frame);
    }
    return true;
}
