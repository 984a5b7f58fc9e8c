/* The normal form of a marked filter, as the official driver suites assert it (analysis.md, "Normal form"):
 *
 *     {ssn: "x", age: 3, $or: [{a: 1, b: 2}]}
 *     {$and: [{ssn: {$eq: <x>}}, {age: {$eq: 3}}, {$or: [{$and: [{a: {$eq: 1}}, {b: {$eq: 2}}]}]}]}
 *
 * A second walk over the filter's levels, after marking. Marked equalities have been written as {$eq: …} already. */

#include <stdio.h>

#include "match.h"

static const uint8_t and_head[] = "\x04$and\0\0\0\0"; /* type, name, length to come */

static uint32_t offset(oc_analysis *a, const uint8_t *p) {
    return oc_splice_offset(&a->splice, p);
}

/* {f: v} → {f: {$eq: v}}: the element's head is replaced, its value stays. */
static void wrap_equality(oc_analysis *a, oc_frame *frame, const oc_elem *e) {
    size_t name = 1 + e->name.n + 1;
    size_t len = name + 4 + 1 + 4;
    uint8_t *head = oc_arena_zeroed(a->arena, 1, len);
    if (!head) {
        a->splice.failed = true;
        return;
    }
    memcpy(head, e->start, name);
    head[0] = OC_DOCUMENT;
    head[name + 4] = e->type;
    memcpy(head + name + 5, "$eq", 3);
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
    char *head = oc_arena_zeroed(a->arena, 1, 32);
    if (!head) {
        a->splice.failed = true;
        return;
    }
    int name = snprintf(head, 32, "\x03%zu", index) + 1;
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

static bool normalise_list(oc_analysis *a, oc_frame *frame, const oc_elem *list) {
    oc_frame array = {.up = frame, .doc = list->value};
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    while (oc_next(&it, &e))
        if (!oc_normalise_filter(a, &(oc_frame){.up = &array, .doc = e.value}))
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
static bool normalise_predicate(oc_analysis *a, oc_frame *frame, const oc_elem *e) {
    oc_answer answer;
    if (is_logical(e->name))
        return normalise_list(a, frame, e);
    if (!is_equality(e))
        return true;
    if (!oc_node_lookup(a->root, e->name, &a->lookup, &answer))
        return false;
    if (answer.position != OC_AT_ENCRYPTED)
        wrap_equality(a, frame, e);
    return true;
}

bool oc_normalise_filter(oc_analysis *a, oc_frame *frame) {
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
        if (!normalise_predicate(a, frame, &e))
            return false;
    }
    return true;
}
