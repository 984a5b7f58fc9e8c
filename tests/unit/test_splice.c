/* Edits: replaced, dropped, inserted, wrapped, in and out of order, nested, at one offset. */

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <bson/bson.h>

#include "splice.h"

static bson_t *json(const char *text) {
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);
    if (!doc)
        fail_msg("%s", error.message);
    return doc;
}

typedef struct fixture {
    oc_arena arena;
    oc_splice splice;
    bson_t *doc;
    oc_frame root;
} fixture;

static void start(fixture *f, const char *text) {
    *f = (fixture){.doc = json(text)};
    oc_splice_start(&f->splice, &f->arena, bson_get_data(f->doc), f->doc->len);
    f->root = (oc_frame){.doc = bson_get_data(f->doc)};
}

static oc_elem element(const uint8_t *doc, const char *name) {
    oc_elem e;
    assert_true(oc_bson_find(doc, name, &e));
    return e;
}

static void finish(fixture *f, const char *expected) {
    oc_out out = {0};
    bson_t *want = json(expected);
    assert_true(oc_out_reserve(&out, oc_splice_size(&f->splice)));
    assert_true(oc_splice_write(&f->splice, &out));
    assert_int_equal(out.len, oc_splice_size(&f->splice));
    assert_int_equal(out.len, want->len);
    assert_memory_equal(out.data, bson_get_data(want), out.len);
    bson_destroy(want);
    oc_out_clear(&out, 0);
    oc_arena_done(&f->arena);
    bson_destroy(f->doc);
}

/* {f: v} → {f: {$eq: v}} */
static void wrap(fixture *f, oc_frame *frame, const oc_elem *e) {
    uint8_t *head = oc_arena_zeroed(&f->arena, 1, 64);
    size_t name = 1 + e->name.n + 1;
    memcpy(head, e->start, name);
    head[0] = OC_DOCUMENT;
    head[name + 4] = e->type;
    memcpy(head + name + 5, "$eq", 3);
    oc_splice_edit(&f->splice, frame,
                   (oc_edit){.at = oc_splice_offset(&f->splice, e->start),
                             .skip = (uint32_t)name,
                             .end = oc_splice_offset(&f->splice, e->end),
                             .head = head,
                             .head_len = (uint32_t)name + 9,
                             .length_at = (int32_t)name,
                             .nuls = 1});
}

static void no_edits_copy_the_document(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": 1, \"b\": [1, {\"c\": 2}]}");
    finish(&f, "{\"a\": 1, \"b\": [1, {\"c\": 2}]}");
}

static void elements_are_dropped(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": 1, \"b\": {\"c\": 2, \"d\": 3}, \"e\": 4}");
    oc_elem b = element(f.root.doc, "b"), c = element(b.value, "c"), e = element(f.root.doc, "e");
    oc_frame inner = {.up = &f.root, .doc = b.value};
    oc_splice_drop(&f.splice, &inner, &c);
    oc_splice_drop(&f.splice, &f.root, &e);
    finish(&f, "{\"a\": 1, \"b\": {\"d\": 3}}");
}

static void elements_are_inserted_between_ranges(void **state) {
    static const uint8_t x[] = "\x10x\0\7\0\0";
    fixture f;
    (void)state;
    start(&f, "{\"a\": 1, \"b\": {\"c\": 2}, \"d\": 3}");
    oc_elem b = element(f.root.doc, "b"), c = element(b.value, "c");
    oc_frame inner = {.up = &f.root, .doc = b.value};
    oc_splice_insert(&f.splice, &f.root, b.end, x, sizeof x);
    wrap(&f, &inner, &c);
    finish(&f, "{\"a\": 1, \"b\": {\"c\": {\"$eq\": 2}}, \"x\": 7, \"d\": 3}");
}

static void edits_out_of_order_are_sorted(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": 1, \"b\": {\"c\": 2, \"d\": {\"e\": 3}}, \"f\": 4}");
    oc_elem a = element(f.root.doc, "a"), b = element(f.root.doc, "b"), g = element(f.root.doc, "f");
    oc_elem c = element(b.value, "c"), d = element(b.value, "d"), e = element(d.value, "e");
    oc_frame in_b = {.up = &f.root, .doc = b.value}, in_d = {.up = &in_b, .doc = d.value};
    wrap(&f, &f.root, &g);
    wrap(&f, &in_d, &e);
    wrap(&f, &f.root, &a);
    wrap(&f, &in_b, &c);
    finish(&f,
           "{\"a\": {\"$eq\": 1}, \"b\": {\"c\": {\"$eq\": 2}, \"d\": {\"e\": {\"$eq\": 3}}}, \"f\": {\"$eq\": 4}}");
}

static void a_wrap_goes_around_an_edited_value(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": {\"b\": 1}}");
    oc_elem a = element(f.root.doc, "a"), b = element(a.value, "b");
    oc_frame inner = {.up = &f.root, .doc = a.value};
    wrap(&f, &inner, &b);
    wrap(&f, &f.root, &a);
    finish(&f, "{\"a\": {\"$eq\": {\"b\": {\"$eq\": 1}}}}");
}

static void a_document_may_have_two_frames(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": {\"b\": 1, \"c\": 2}}");
    oc_elem a = element(f.root.doc, "a"), b = element(a.value, "b"), c = element(a.value, "c");
    oc_frame root_again = f.root;
    oc_frame one = {.up = &f.root, .doc = a.value}, two = {.up = &root_again, .doc = a.value};
    wrap(&f, &one, &b);
    wrap(&f, &two, &c);
    finish(&f, "{\"a\": {\"b\": {\"$eq\": 1}, \"c\": {\"$eq\": 2}}}");
}

/* The value of a string twice, as {f: [v, v]}: the name and the value are the input's. */
static uint8_t *make_pair(const oc_edit *edit, const uint8_t *base, uint8_t *p) {
    const uint8_t *value = base + edit->at + edit->skip;
    size_t len = edit->end - edit->at - edit->skip, name = edit->skip - 1;
    uint8_t *start = p + 1 + name;
    *p++ = OC_ARRAY;
    memcpy(p, base + edit->at + 1, name);
    p += name + 4;
    for (int digit = '0'; digit < '2'; digit++) {
        *p++ = edit->type;
        *p++ = (uint8_t)digit;
        *p++ = 0;
        memcpy(p, value, len);
        p += len;
    }
    *p++ = 0;
    oc_put_u32(start, (uint32_t)(p - start));
    return p;
}

static oc_edit pair_of(const fixture *f, const oc_elem *e) {
    size_t len = (size_t)(e->end - e->value);
    return (oc_edit){.at = oc_splice_offset(&f->splice, e->start),
                     .skip = (uint32_t)(e->value - e->start),
                     .end = oc_splice_offset(&f->splice, e->end),
                     .kind = OC_EDIT_MADE,
                     .type = e->type,
                     .head_len = (uint32_t)(1 + e->name.n + 1 + 4 + 2 * (3 + len) + 1)};
}

static void made_edits_stand_among_others(void **state) {
    fixture f;
    (void)state;
    start(&f, "{\"a\": \"x\", \"b\": {\"c\": \"yy\"}, \"d\": 1}");
    f.splice.make = make_pair;
    oc_elem a = element(f.root.doc, "a"), b = element(f.root.doc, "b"), c = element(b.value, "c");
    oc_elem d = element(f.root.doc, "d");
    oc_frame inner = {.up = &f.root, .doc = b.value};
    oc_splice_drop(&f.splice, &f.root, &d);
    oc_splice_edit(&f.splice, &inner, pair_of(&f, &c));
    oc_splice_edit(&f.splice, &f.root, pair_of(&f, &a));
    wrap(&f, &f.root, &b);
    finish(&f, "{\"a\": [\"x\", \"x\"], \"b\": {\"$eq\": {\"c\": [\"yy\", \"yy\"]}}}");
}

/* Enough edits for many runs, recorded from the last to the first. */
static void many_edits_in_reverse_are_sorted(void **state) {
    enum { FIELDS = 500 };
    bson_t *wanted = bson_new();
    fixture f = {.doc = bson_new()};
    oc_elem fields[FIELDS];
    (void)state;
    for (int i = 0; i < FIELDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        BSON_APPEND_INT32(f.doc, name, i);
        bson_t inner;
        bson_append_document_begin(wanted, name, -1, &inner);
        BSON_APPEND_INT32(&inner, "$eq", i);
        bson_append_document_end(wanted, &inner);
    }
    f.root = (oc_frame){.doc = bson_get_data(f.doc)};
    oc_splice_start(&f.splice, &f.arena, f.root.doc, f.doc->len);
    oc_iter it = oc_bson_iter(f.root.doc);
    for (int i = 0; i < FIELDS; i++)
        assert_true(oc_next(&it, &fields[i]));
    for (int i = FIELDS - 1; i >= 0; i--)
        wrap(&f, &f.root, &fields[i]);
    char *json_text = bson_as_canonical_extended_json(wanted, NULL);
    finish(&f, json_text);
    bson_free(json_text);
    bson_destroy(wanted);
}

/* Of {a: "x", b: 1}, a made into a pair while b is expected to go: whether `limit` bytes are enough. */
static bool fits_in(size_t limit) {
    fixture f;
    oc_error error = {.rule = OC_NONE};
    start(&f, "{\"a\": \"x\", \"b\": 1}");
    oc_elem a = element(f.root.doc, "a"), b = element(f.root.doc, "b");
    f.splice.error = &error;
    f.splice.limit = limit;
    f.splice.expected = (size_t)(b.end - b.start);
    oc_splice_edit(&f.splice, &f.root, pair_of(&f, &a));
    bool fits = !f.splice.failed;
    assert_int_equal(error.rule, fits ? OC_NONE : OC_TOO_LARGE);
    oc_arena_done(&f.arena);
    bson_destroy(f.doc);
    return fits;
}

static void the_limit_is_exact(void **state) {
    bson_t *result = json("{\"a\": [\"x\", \"x\"]}");
    (void)state;
    assert_true(fits_in(result->len));
    assert_false(fits_in(result->len - 1));
    bson_destroy(result);
}

/* What the maker writes is checked against what it said. */
static void a_maker_that_is_mistaken_fails(void **state) {
    fixture f;
    oc_out out = {0};
    (void)state;
    start(&f, "{\"a\": \"x\"}");
    f.splice.make = make_pair;
    oc_elem a = element(f.root.doc, "a");
    oc_edit edit = pair_of(&f, &a);
    edit.head_len++;
    oc_splice_edit(&f.splice, &f.root, edit);
    assert_true(oc_out_reserve(&out, oc_splice_size(&f.splice)));
    assert_false(oc_splice_write(&f.splice, &out));
    oc_out_clear(&out, 0);
    oc_arena_done(&f.arena);
    bson_destroy(f.doc);
}

static void overlapping_edits_write_nothing(void **state) {
    fixture f;
    oc_out out = {0};
    (void)state;
    start(&f, "{\"a\": 1}");
    oc_elem a = element(f.root.doc, "a");
    wrap(&f, &f.root, &a);
    wrap(&f, &f.root, &a);
    assert_true(oc_out_reserve(&out, oc_splice_size(&f.splice)));
    assert_false(oc_splice_write(&f.splice, &out));
    oc_out_clear(&out, 0);
    oc_arena_done(&f.arena);
    bson_destroy(f.doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_edits_copy_the_document),           cmocka_unit_test(elements_are_dropped),
        cmocka_unit_test(elements_are_inserted_between_ranges), cmocka_unit_test(edits_out_of_order_are_sorted),
        cmocka_unit_test(a_wrap_goes_around_an_edited_value),   cmocka_unit_test(a_document_may_have_two_frames),
        cmocka_unit_test(overlapping_edits_write_nothing),      cmocka_unit_test(made_edits_stand_among_others),
        cmocka_unit_test(many_edits_in_reverse_are_sorted),     cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_maker_that_is_mistaken_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
