/* What placeholders take from encryptedFields, and decimal128 as far as its bounds need it. */

#include "unit.h"

#include <stdio.h>
#include <time.h>

#include <bson/bson.h>

#include "cache.h"
#include "decimal.h"

/* ---- decimal128 ---- */

typedef struct decimal {
    uint8_t bytes[16];
} decimal;

static void put_u64(uint8_t *to, uint64_t v) {
    oc_put_u32(to, (uint32_t)v);
    oc_put_u32(to + 4, (uint32_t)(v >> 32));
}

static decimal of_bits(uint64_t high, uint64_t low) {
    decimal d;
    put_u64(d.bytes, low);
    put_u64(d.bytes + 8, high);
    return d;
}

static decimal of(const char *text) {
    bson_decimal128_t value;
    assert_true(bson_decimal128_from_string(text, &value));
    return of_bits(value.high, value.low);
}

static int sign(int order) {
    return (order > 0) - (order < 0);
}

static void assert_order(const char *a, const char *b, int order) {
    decimal x = of(a), y = of(b);
    if (sign(oc_decimal_compare(x.bytes, y.bytes)) != order || sign(oc_decimal_compare(y.bytes, x.bytes)) != -order)
        fail_msg("%s and %s are not in the order %d", a, b, order);
}

static void decimals_are_in_the_order_of_their_values(void **state) {
    static const char *const ascending[] = {
        "NaN",
        "-Infinity",
        "-9.999999999999999999999999999999999E+6144",
        "-1E+6111",
        "-10000000000000000000000000000000000",
        "-9999999999999999999999999999999999",
        "-2",
        "-1.000000000000000000000000000000001",
        "-1",
        "-1E-6176",
        "0",
        "1E-6176",
        "9E-6176",
        "1E-6175",
        "0.1",
        "0.9999999999999999999999999999999999",
        "1",
        "1.000000000000000000000000000000001",
        "10",
        "123",
        "9999999999999999999999999999999998",
        "9999999999999999999999999999999999",
        "1E+34",
        "1.000000000000000000000000000000001E+34",
        "1E+6144",
        "9.999999999999999999999999999999999E+6144",
        "Infinity",
    };
    (void)state;
    for (size_t i = 0; i < sizeof ascending / sizeof ascending[0]; i++)
        for (size_t k = i; k < sizeof ascending / sizeof ascending[0]; k++)
            assert_order(ascending[i], ascending[k], i == k ? 0 : -1);
}

static void decimals_of_one_value_are_equal_however_written(void **state) {
    static const char *const pairs[][2] = {
        {"1", "1.0"},     {"1.00", "1.0"},
        {"-0", "0"},      {"0E+6111", "-0E-6176"},
        {"1E+3", "1000"}, {"-1E+33", "-1000000000000000000000000000000000"},
        {"NaN", "-NaN"},  {"10E-1", "1"},
        {"0E+100", "0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_order(pairs[i][0], pairs[i][1], 0);
}

static void coefficients_that_are_too_large_are_zero(void **state) {
    decimal zero = of("0"), one = of("1");
    decimal second_form = of_bits(0x6000000000000001u, 5);                                       /* 11 after the sign */
    decimal too_large = of_bits(0x3040000000000000u | 0x0001ED09BEAD87C0u, 0x378D8E6400000000u); /* 10^34 */
    (void)state;
    assert_int_equal(oc_decimal_compare(second_form.bytes, zero.bytes), 0);
    assert_int_equal(oc_decimal_compare(too_large.bytes, zero.bytes), 0);
    assert_true(oc_decimal_compare(too_large.bytes, one.bytes) < 0);
    assert_true(oc_decimal_is_nan(of("NaN").bytes));
    assert_false(oc_decimal_is_nan(of("Infinity").bytes));
}

static void the_distance_of_decimals_is_exact(void **state) {
    static const struct {
        const char *min, *max;
        int32_t precision;
        bool small; /* lower than 128 */
    } rows[] = {
        {"0", "127", 0, true},
        {"0", "128", 0, false},
        {"-64", "64", 0, false},
        {"-64", "63", 0, true},
        {"-200", "-73", 0, true},
        {"0", "127.9", 0, true},
        {"0", "12.7", 1, true},
        {"0", "12.8", 1, false},
        {"0", "1", 2, true},
        {"0", "1", 3, false},
        {"1.000", "1.0", 0, true},
        {"5", "5", 3, true},
        {"-Infinity", "0", 0, false},
        {"0", "Infinity", 0, false},
        {"9999999999999999999999999999999872", "9999999999999999999999999999999999", 0, true},
        {"9999999999999999999999999999999871", "9999999999999999999999999999999999", 0, false},
        {"-1E-6176", "1E+6144", 0, false},
        {"1E-6176", "2E-6176", 6176, true},
        {"1E-6176", "2E-6176", INT32_MAX, false},
        {"0", "1E+6144", INT32_MAX, false},
        {"0", "Infinity", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (oc_decimal_spans_less(of(rows[i].min).bytes, of(rows[i].max).bytes, rows[i].precision, 128) !=
            rows[i].small)
            fail_msg("%s to %s with precision %d", rows[i].min, rows[i].max, rows[i].precision);
}

/* ---- encryptedFields ---- */

static const char key[] = "\"keyId\": {\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}";

static oc_cache *cache;

static int set_up(void **state) {
    (void)state;
    cache = oc_cache_new();
    return cache ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    oc_cache_free(cache);
    return 0;
}

/* The field "f" of `type` with `queries`, as it is compiled; the tree is the caller's. */
static const oc_tree *compile(const char *type, const char *queries, const oc_meta **meta) {
    char text[1024];
    oc_error error = {.rule = OC_NONE};
    snprintf(text, sizeof text, "{\"fields\": [{\"path\": \"f\", %s, \"bsonType\": \"%s\"%s%s}]}", key, type,
             *queries ? ", \"queries\": " : "", queries);
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, NULL);
    assert_non_null(doc);
    const oc_tree *tree = oc_cache_get(cache, OC_ENCRYPTED_FIELDS, bson_get_data(doc), doc->len, &error);
    bson_destroy(doc);
    if (!tree)
        fail_msg("%s: %s", queries, error.message);
    const oc_node *node = oc_name_table_find(&tree->root->children, (oc_str){"f", 1});
    assert_non_null(node);
    assert_int_equal(node->kind, OC_ENCRYPTED);
    *meta = node->meta;
    return tree;
}

static void a_field_has_its_defaults(void **state) {
    const oc_meta *meta;
    (void)state;
    const oc_tree *tree = compile("object", "", &meta);
    assert_int_equal(meta->algorithm, OC_RANDOM);
    assert_int_equal(meta->types, OC_TYPE_BIT(OC_DOCUMENT));
    assert_string_equal(meta->where.s, "/fields/0");
    assert_int_equal(meta->qe->index, OC_QE_UNINDEXED);
    assert_int_equal(meta->qe->contention, 0);
    oc_cache_release(cache, tree);
    tree = compile("int", "{\"queryType\": \"range\"}", &meta);
    assert_int_equal(meta->qe->index, OC_QE_RANGE);
    assert_int_equal(meta->qe->contention, 8);
    assert_int_equal(meta->qe->sparsity, 2);
    assert_int_equal(meta->qe->precision, -1);
    assert_int_equal(meta->qe->trim, -1);
    assert_int_equal(oc_u32(meta->qe->min.value), 0x80000000u);
    assert_int_equal(oc_u32(meta->qe->max.value), 0x7FFFFFFF);
    oc_cache_release(cache, tree);
    tree = compile("string", "{\"queryType\": \"none\", \"contention\": 4}", &meta);
    assert_int_equal(meta->qe->index, OC_QE_UNINDEXED);
    assert_int_equal(meta->qe->contention, 0);
    oc_cache_release(cache, tree);
}

static void bounds_that_are_not_given_are_the_greatest_of_the_type(void **state) {
    const oc_meta *meta;
    double greatest = 1.7976931348623157e308;
    uint64_t bits;
    (void)state;
    memcpy(&bits, &greatest, sizeof bits);
    const oc_tree *tree = compile("double", "{\"queryType\": \"range\"}", &meta);
    assert_true(oc_u64(meta->qe->max.value) == bits && oc_u64(meta->qe->min.value) == (bits | 1ull << 63));
    oc_cache_release(cache, tree);
    tree = compile("decimal", "{\"queryType\": \"range\"}", &meta);
    assert_memory_equal(meta->qe->max.value, of("9.999999999999999999999999999999999E6144").bytes, 16);
    assert_memory_equal(meta->qe->min.value, of("-9.999999999999999999999999999999999E6144").bytes, 16);
    oc_cache_release(cache, tree);
    tree = compile("date", "{\"queryType\": \"range\", \"min\": {\"$date\": {\"$numberLong\": \"5\"}}}", &meta);
    assert_int_equal(meta->qe->max.type, OC_DATE);
    assert_true(oc_u64(meta->qe->min.value) == 5 && oc_u64(meta->qe->max.value) == INT64_MAX);
    oc_cache_release(cache, tree);
}

static void a_comparison_carries_a_trim_factor_unless_the_domain_is_small(void **state) {
    static const struct {
        const char *type, *parameters;
        int32_t find_trim;
    } rows[] = {
        {"int", "", 6},
        {"long", "", 6},
        {"date", "", 6},
        {"double", "", 6},
        {"decimal", "", 6},
        {"int", ", \"trimFactor\": 1", 1},
        {"int", ", \"trimFactor\": 0", 0},
        {"int", ", \"min\": 0, \"max\": 127", -1},
        {"int", ", \"min\": 0, \"max\": 128", 6},
        {"int", ", \"min\": 0, \"max\": 10, \"trimFactor\": 2", 2},
        {"double", ", \"min\": {\"$numberDouble\": \"0\"}, \"max\": {\"$numberDouble\": \"1\"}", 6},
        {"double", ", \"min\": {\"$numberDouble\": \"0\"}, \"max\": {\"$numberDouble\": \"1\"}, \"precision\": 2", -1},
        {"double", ", \"min\": {\"$numberDouble\": \"0\"}, \"max\": {\"$numberDouble\": \"1\"}, \"precision\": 3", 6},
        {"decimal", ", \"min\": {\"$numberDecimal\": \"0\"}, \"max\": {\"$numberDecimal\": \"12.7\"}, \"precision\": 1",
         -1},
        {"decimal", ", \"min\": {\"$numberDecimal\": \"0\"}, \"max\": {\"$numberDecimal\": \"12.8\"}, \"precision\": 1",
         6},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char queries[512];
        const oc_meta *meta;
        snprintf(queries, sizeof queries, "{\"queryType\": \"range\"%s}", rows[i].parameters);
        const oc_tree *tree = compile(rows[i].type, queries, &meta);
        if (meta->qe->find_trim != rows[i].find_trim)
            fail_msg("%s%s: %d", rows[i].type, rows[i].parameters, meta->qe->find_trim);
        oc_cache_release(cache, tree);
    }
}

static void text_indexes_have_their_lengths(void **state) {
    const oc_meta *meta;
    (void)state;
    const oc_tree *tree =
        compile("string",
                "[{\"queryType\": \"suffix\", \"strMinQueryLength\": 2, \"strMaxQueryLength\": 5, \"caseSensitive\": "
                "false}, {\"queryType\": \"prefix\", \"strMinQueryLength\": 3, \"strMaxQueryLength\": 6, "
                "\"caseSensitive\": false}]",
                &meta);
    assert_int_equal(meta->qe->index, OC_QE_TEXT);
    assert_true(meta->qe->fold_case && !meta->qe->fold_diacritics);
    assert_true(meta->qe->suffix.lb == 2 && meta->qe->suffix.ub == 5);
    assert_true(meta->qe->prefix.lb == 3 && meta->qe->prefix.ub == 6);
    assert_int_equal(meta->qe->substring.ub, 0);
    oc_cache_release(cache, tree);
}

/* `count` fields in objects of ten, from the last to the first. */
static bson_t *many_fields(uint32_t count) {
    bson_t *doc = bson_new(), fields, field;
    bson_append_array_begin(doc, "fields", -1, &fields);
    for (uint32_t i = count; i-- > 0;) {
        char path[64];
        uint8_t id[16] = {0};
        oc_put_u32(id, i);
        snprintf(path, sizeof path, "object%u.field%u", i / 10, i);
        bson_append_document_begin(&fields, "0", -1, &field);
        BSON_APPEND_UTF8(&field, "path", path);
        BSON_APPEND_BINARY(&field, "keyId", BSON_SUBTYPE_UUID, id, sizeof id);
        BSON_APPEND_UTF8(&field, "bsonType", "string");
        bson_append_document_end(&fields, &field);
    }
    bson_append_array_end(doc, &fields);
    return doc;
}

static void ten_thousand_fields_compile_in_milliseconds(void **state) {
    bson_t *doc = many_fields(10000);
    oc_error error = {.rule = OC_NONE};
    (void)state;
    clock_t start = clock();
    const oc_tree *tree = oc_cache_get(cache, OC_ENCRYPTED_FIELDS, bson_get_data(doc), doc->len, &error);
    assert_in_range((uint64_t)(clock() - start), 0, CLOCKS_PER_SEC / 2); /* sanitizers are slow */
    assert_non_null(tree);
    assert_int_equal(tree->root->children.count, 1000);
    oc_arena arena = {0};
    oc_lookup lookup = {.arena = &arena, .error = &error};
    oc_answer answer;
    static const char path[] = "object999.field9999", above[] = "object999", plain[] = "object999.field9";
    assert_true(oc_node_lookup(tree->root, (oc_str){path, sizeof path - 1}, &lookup, &answer));
    assert_int_equal(answer.position, OC_AT_ENCRYPTED);
    assert_string_equal(answer.node->meta->where.s, "/fields/0");
    assert_true(oc_node_lookup(tree->root, (oc_str){above, sizeof above - 1}, &lookup, &answer));
    assert_int_equal(answer.position, OC_AT_ABOVE);
    assert_true(oc_node_lookup(tree->root, (oc_str){plain, sizeof plain - 1}, &lookup, &answer));
    assert_int_equal(answer.position, OC_AT_PLAIN);
    oc_arena_done(&arena);
    oc_cache_release(cache, tree);
    bson_destroy(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_in_the_order_of_their_values),
        cmocka_unit_test(decimals_of_one_value_are_equal_however_written),
        cmocka_unit_test(coefficients_that_are_too_large_are_zero),
        cmocka_unit_test(the_distance_of_decimals_is_exact),
        cmocka_unit_test(a_field_has_its_defaults),
        cmocka_unit_test(bounds_that_are_not_given_are_the_greatest_of_the_type),
        cmocka_unit_test(a_comparison_carries_a_trim_factor_unless_the_domain_is_small),
        cmocka_unit_test(text_indexes_have_their_lengths),
        cmocka_unit_test(ten_thousand_fields_compile_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
