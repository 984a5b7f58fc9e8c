/* The checked pass over BSON: what is not well-formed is found, wherever it stands. */

#include "unit.h"

#include <stdlib.h>

#include "bson.h"

typedef struct bytes_case {
    const char *name;
    const char *bytes;
    size_t len;
    oc_bson_status status;
} bytes_case;

#define CASE(name, bytes, status)                                                                                      \
    { name, bytes, sizeof bytes - 1, status }

static const bytes_case cases[] = {
    CASE("the empty document", "\5\0\0\0\0", OC_BSON_OK),
    CASE("no bytes", "", OC_BSON_MALFORMED),
    CASE("too short for a length", "\5\0\0", OC_BSON_MALFORMED),
    CASE("a length beyond the bytes", "\6\0\0\0\0", OC_BSON_MALFORMED),
    CASE("a length short of the bytes", "\5\0\0\0\0\0", OC_BSON_MALFORMED),
    CASE("no terminator", "\5\0\0\0\1", OC_BSON_MALFORMED),
    CASE("a negative length", "\xff\xff\xff\xff\0", OC_BSON_MALFORMED),
    CASE("an int",
         "\x0c\0\0\0\x10"
         "a\0\1\0\0\0\0",
         OC_BSON_OK),
    CASE("an int cut short",
         "\x0b\0\0\0\x10"
         "a\0\1\0\0\0",
         OC_BSON_MALFORMED),
    CASE("a name without an end",
         "\7\0\0\0\x0a"
         "a\0",
         OC_BSON_MALFORMED),
    CASE("an unknown type",
         "\x08\0\0\0\x14"
         "a\0\0",
         OC_BSON_MALFORMED),
    CASE("a null",
         "\x08\0\0\0\x0a"
         "a\0\0",
         OC_BSON_OK),
    CASE("a string", "\x0e\0\0\0\2a\0\2\0\0\0x\0\0", OC_BSON_OK),
    CASE("a string of length zero", "\x0d\0\0\0\2a\0\0\0\0\0\0\0", OC_BSON_MALFORMED),
    CASE("a string without its NUL", "\x0e\0\0\0\2a\0\2\0\0\0xy\0", OC_BSON_MALFORMED),
    CASE("a string longer than the document", "\x0e\0\0\0\2a\0\x7f\0\0\0x\0\0", OC_BSON_MALFORMED),
    CASE("a document", "\x0d\0\0\0\3a\0\5\0\0\0\0\0", OC_BSON_OK),
    CASE("a document longer than its parent", "\x0d\0\0\0\3a\0\6\0\0\0\0\0", OC_BSON_MALFORMED),
    CASE("a document shorter than four", "\x0d\0\0\0\3a\0\4\0\0\0\0\0", OC_BSON_MALFORMED),
    CASE("a binary", "\x0e\0\0\0\5a\0\1\0\0\0\0x\0", OC_BSON_OK),
    CASE("a binary beyond the end", "\x0e\0\0\0\5a\0\2\0\0\0\0x\0", OC_BSON_MALFORMED),
    CASE("an old binary that contradicts itself", "\x11\0\0\0\5a\0\4\0\0\0\2\1\0\0\0\0", OC_BSON_MALFORMED),
    CASE("a regex",
         "\x0b\0\0\0\x0b"
         "a\0x\0\0\0",
         OC_BSON_OK),
    CASE("a regex without options",
         "\x0a\0\0\0\x0b"
         "a\0x\0\0",
         OC_BSON_MALFORMED),
    CASE("a dbPointer",
         "\x1a\0\0\0\x0c"
         "a\0\2\0\0\0x\0"
         "0123456789ab"
         "\0",
         OC_BSON_OK),
    CASE("a dbPointer cut short",
         "\x19\0\0\0\x0c"
         "a\0\2\0\0\0x\0"
         "0123456789a"
         "\0",
         OC_BSON_MALFORMED),
    CASE("code with scope",
         "\x17\0\0\0\x0f"
         "a\0\x0f\0\0\0\2\0\0\0x\0\5\0\0\0\0\0",
         OC_BSON_OK),
    CASE("code with a scope that is too long",
         "\x17\0\0\0\x0f"
         "a\0\x0f\0\0\0\2\0\0\0x\0\6\0\0\0\0\0",
         OC_BSON_MALFORMED),
    CASE("code with a malformed scope",
         "\x1a\0\0\0\x0f"
         "a\0\x12\0\0\0\2\0\0\0x\0\x08\0\0\0\x14"
         "a\0\0\0",
         OC_BSON_MALFORMED),
};

/* Each from memory of exactly its size, so that a sanitizer sees a read beyond it. */
static oc_bson_status check_exact(const char *bytes, size_t len, oc_bson_report *report) {
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    oc_bson_status status = oc_bson_check(copy, len, NULL, report);
    free(copy);
    return status;
}

static void bytes_are_judged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_bson_report report;
        oc_bson_status status = check_exact(cases[i].bytes, cases[i].len, &report);
        if (status != cases[i].status)
            fail_msg("%s: status %d", cases[i].name, status);
    }
}

static void every_truncation_is_malformed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t len = 0; len + 1 < cases[i].len; len++) {
            oc_bson_report report;
            assert_int_equal(check_exact(cases[i].bytes, len, &report), OC_BSON_MALFORMED);
        }
}

/* {a: {a: … }} of `depth` documents. */
static uint8_t *nested(size_t depth, size_t *len) {
    *len = 5 + (depth - 1) * 8;
    uint8_t *doc = calloc(1, *len);
    uint8_t *p = doc;
    for (size_t i = 0; i < depth; i++, p += 7) {
        oc_put_u32(p, (uint32_t)(*len - i * 8));
        if (i + 1 < depth)
            memcpy(p + 4, "\3a", 3);
    }
    return doc;
}

static void depth_is_bounded(void **state) {
    size_t len;
    oc_bson_report report;
    (void)state;
    uint8_t *doc = nested(OC_MAX_DEPTH, &len);
    assert_int_equal(oc_bson_check(doc, len, NULL, &report), OC_BSON_OK);
    free(doc);
    doc = nested(OC_MAX_DEPTH + 1, &len);
    assert_int_equal(oc_bson_check(doc, len, NULL, &report), OC_BSON_TOO_DEEP);
    free(doc);
    doc = nested(100000, &len);
    assert_int_equal(oc_bson_check(doc, len, NULL, &report), OC_BSON_TOO_DEEP);
    free(doc);
}

static void placeholders_are_found(void **state) {
    static const uint8_t doc[] = "\x16\0\0\0\3x\0\x0e\0\0\0\5a\0\1\0\0\0\6\3\0";
    oc_bson_report report;
    char path[64];
    (void)state;
    assert_int_equal(oc_bson_check(doc, sizeof doc, NULL, &report), OC_BSON_OK);
    assert_true(report.has_placeholder);
    size_t offset = oc_bson_find_placeholder(doc, NULL, 0);
    assert_int_equal(offset, 11);
    oc_bson_path_at(doc, offset, path, sizeof path);
    assert_string_equal(path, "x.a");
}

static void an_opaque_document_is_not_looked_into(void **state) {
    static const uint8_t doc[] = "\x14\0\0\0\3skip\0\x09\0\0\0\x14"
                                 "a\0\0\0";
    oc_bson_report report;
    (void)state;
    oc_bson_status status = oc_bson_check(doc, sizeof doc, "skip", &report);
    assert_int_equal(status, OC_BSON_OK);
    assert_int_equal(oc_bson_check(doc, sizeof doc, NULL, &report), OC_BSON_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_judged),
        cmocka_unit_test(every_truncation_is_malformed),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(placeholders_are_found),
        cmocka_unit_test(an_opaque_document_is_not_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
