/* The wire layer on literal bytes: what is a message, what is in it, what is refused, and how sequences are joined. */

#include "bsonio.h"
#include "crc32c.h"
#include "exchange.h"
#include "stats.h"
#include "wire.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define EMPTY_DOCUMENT "\x05\0\0\0\0"
#define PING           "\x0f\0\0\0\x10ping\0\x01\0\0\0\0"
#define HELLO          "\x10\0\0\0\x10hello\0\x01\0\0\0\0"
#define FLAGS(low)     low "\0\0\0"

/* A case gives what follows the header. */
typedef struct parse_case {
    const char *name;
    int32_t opcode;
    const char *payload;
    size_t len;
    oc_wire_code code; /* OC_CODE_NONE: it parses */
} parse_case;

#define CASE(name, opcode, payload, code)                                                                              \
    { name, opcode, payload, sizeof payload - 1, code }

static const parse_case parse_cases[] = {
    CASE("a body", OC_OP_MSG, FLAGS("\0") "\0" PING, OC_CODE_NONE),
    CASE("flags that may be ignored", OC_OP_MSG, "\0\0\xff\xff\0" PING, OC_CODE_NONE),
    CASE("a body and a sequence", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\x0b\0\0\0d\0" EMPTY_DOCUMENT, OC_CODE_NONE),
    CASE("a sequence of nothing", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\6\0\0\0d\0", OC_CODE_NONE),
    CASE("a sequence before the body", OC_OP_MSG, FLAGS("\0") "\1\6\0\0\0d\0\0" PING, OC_CODE_NONE),
    CASE("no flags", OC_OP_MSG, "\0\0\0", OC_CODE_PROTOCOL),
    CASE("no sections", OC_OP_MSG, FLAGS("\0"), OC_CODE_PROTOCOL),
    CASE("a required flag that is unknown", OC_OP_MSG, FLAGS("\4") "\0" PING, OC_CODE_ILLEGAL_FLAG),
    CASE("two bodies", OC_OP_MSG, FLAGS("\0") "\0" PING "\0" PING, OC_CODE_PROTOCOL),
    CASE("an unknown kind", OC_OP_MSG, FLAGS("\0") "\2" PING, OC_CODE_PROTOCOL),
    CASE("a body that is cut", OC_OP_MSG, FLAGS("\0") "\0\x0f\0\0\0\x10ping\0", OC_CODE_INVALID_BSON),
    CASE("a body without an end", OC_OP_MSG, FLAGS("\0") "\0\5\0\0\0\1", OC_CODE_INVALID_BSON),
    CASE("a sequence that is cut", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\x0c\0\0\0d\0" EMPTY_DOCUMENT, OC_CODE_PROTOCOL),
    CASE("a sequence without a name", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\5\0\0\0\0", OC_CODE_PROTOCOL),
    CASE("a sequence whose name does not end", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\5\0\0\0d", OC_CODE_PROTOCOL),
    CASE("a document over the end of its sequence", OC_OP_MSG, FLAGS("\0") "\0" PING "\1\x0a\0\0\0d\0" EMPTY_DOCUMENT,
         OC_CODE_INVALID_BSON),
    CASE("no room for a checksum", OC_OP_MSG, FLAGS("\1") "\0\0", OC_CODE_PROTOCOL),
    CASE("a wrong checksum", OC_OP_MSG, FLAGS("\1") "\0" PING "\1\2\3\4", OC_CODE_PROTOCOL),
    CASE("a query", OC_OP_QUERY, "\0\0\0\0admin.$cmd\0\0\0\0\0\1\0\0\0" HELLO, OC_CODE_NONE),
    CASE("a query with fields", OC_OP_QUERY, "\0\0\0\0a.b\0\0\0\0\0\1\0\0\0" HELLO EMPTY_DOCUMENT, OC_CODE_NONE),
    CASE("a query with more", OC_OP_QUERY, "\0\0\0\0a.b\0\0\0\0\0\1\0\0\0" HELLO "x", OC_CODE_PROTOCOL),
    CASE("a query without an end of its name", OC_OP_QUERY, "\0\0\0\0admin", OC_CODE_PROTOCOL),
    CASE("a query without a document", OC_OP_QUERY, "\0\0\0\0a.b\0\0\0\0\0\1\0\0\0", OC_CODE_INVALID_BSON),
    CASE("compression", OC_OP_COMPRESSED, "\xdd\7\0\0\0\0\0\0\0", OC_CODE_PROTOCOL),
    CASE("an unknown opcode", 2010, "", OC_CODE_PROTOCOL),
};

/* In memory of its own exact size, so that a sanitizer sees a read beyond it. */
static uint8_t *make(int32_t opcode, const char *payload, size_t len) {
    uint8_t *message = malloc(OC_WIRE_HEADER + len);
    assert_non_null(message);
    oc_put_int32(message, (int32_t)(OC_WIRE_HEADER + len));
    oc_put_int32(message + 4, 42);
    oc_put_int32(message + 8, 0);
    oc_put_int32(message + 12, opcode);
    memcpy(message + OC_WIRE_HEADER, payload, len);
    return message;
}

static void messages_parse_or_say_why_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof parse_cases / sizeof *parse_cases; i++) {
        const parse_case *c = &parse_cases[i];
        oc_message message;
        oc_wire_error error = {0};
        uint8_t *data = make(c->opcode, c->payload, c->len);
        bool parsed = oc_wire_parse(data, OC_WIRE_HEADER + c->len, &message, &error);
        if (parsed != (c->code == OC_CODE_NONE) || error.code != c->code)
            fail_msg("%s: code %d, not %d: %s", c->name, error.code, c->code, error.message);
        assert_int_equal(message.id, 42);
        assert_int_equal(message.opcode, c->opcode);
        free(data);
    }
}

static void no_cut_of_a_message_parses_and_none_reads_beyond_it(void **state) {
    (void)state;
    static const char whole[] = FLAGS("\0") "\0" PING "\1\x10\0\0\0d\0" EMPTY_DOCUMENT EMPTY_DOCUMENT;
    size_t end_of_body = 5 + sizeof PING - 1;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        oc_message message;
        oc_wire_error error;
        uint8_t *data = make(OC_OP_MSG, whole, len);
        assert_int_equal(oc_wire_parse(data, OC_WIRE_HEADER + len, &message, &error), len == end_of_body);
        free(data);
    }
}

static void flags_are_known_even_if_the_rest_is_bad(void **state) {
    (void)state;
    oc_message message;
    oc_wire_error error;
    uint8_t *data = make(OC_OP_MSG, "\2\0\1\0\7", 5);
    assert_false(oc_wire_parse(data, OC_WIRE_HEADER + 5, &message, &error));
    assert_true(message.more_to_come);
    assert_true(message.exhaust_allowed);
    free(data);
}

static void a_right_checksum_is_accepted(void **state) {
    (void)state;
    static const char payload[] = FLAGS("\1") "\0" PING "sum.";
    size_t len = sizeof payload - 1;
    oc_message message;
    oc_wire_error error;
    uint8_t *data = make(OC_OP_MSG, payload, len);
    size_t sum = OC_WIRE_HEADER + len - 4;
    oc_put_int32(data + sum, (int32_t)oc_crc32c(data, sum));
    assert_true(oc_wire_parse(data, OC_WIRE_HEADER + len, &message, &error));
    assert_int_equal(message.body_len, sizeof PING - 1);
    free(data);
}

static void crc32c_has_its_published_values(void **state) {
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(oc_crc32c((const uint8_t *)"123456789", 9), 0xE3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(oc_crc32c(bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(oc_crc32c(bytes, sizeof bytes), 0x62A8AB43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(oc_crc32c(bytes, sizeof bytes), 0x46DD794Eu);
}

static void a_frame_is_whole_when_its_length_is_there(void **state) {
    (void)state;
    static const struct {
        int32_t length;
        size_t available;
        oc_frame frame;
        size_t len;
    } cases[] = {
        {100, 0, OC_FRAME_MORE, 16},   {100, 15, OC_FRAME_MORE, 16},      {100, 16, OC_FRAME_MORE, 100},
        {100, 99, OC_FRAME_MORE, 100}, {100, 100, OC_FRAME_WHOLE, 100},   {100, 120, OC_FRAME_WHOLE, 100},
        {16, 16, OC_FRAME_WHOLE, 16},  {15, 16, OC_FRAME_LOST, 16},       {0, 16, OC_FRAME_LOST, 16},
        {-1, 16, OC_FRAME_LOST, 16},   {48000001, 16, OC_FRAME_LOST, 16}, {48000000, 16, OC_FRAME_MORE, 48000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t header[120] = {0};
        size_t len;
        oc_put_int32(header, cases[i].length);
        assert_int_equal(oc_wire_frame(header, cases[i].available, &len), cases[i].frame);
        assert_int_equal(len, cases[i].len);
    }
}

static uint8_t *join(const char *payload, size_t payload_len, size_t *len, oc_wire_error *error) {
    oc_message message;
    uint8_t *data = make(OC_OP_MSG, payload, payload_len);
    assert_true(oc_wire_parse(data, OC_WIRE_HEADER + payload_len, &message, error));
    uint8_t *joined = oc_wire_join(&message, len, error);
    free(data);
    return joined;
}

static void sequences_become_arrays_behind_the_body(void **state) {
    (void)state;
    static const char payload[] = FLAGS("\0") "\0" PING "\1\x10\0\0\0d\0" EMPTY_DOCUMENT EMPTY_DOCUMENT "\1\6\0\0\0e\0";
    static const char expected[] = "\x2f\0\0\0\x10ping\0\x01\0\0\0"
                                   "\4d\0\x15\0\0\0\3"
                                   "0\0" EMPTY_DOCUMENT "\3"
                                   "1\0" EMPTY_DOCUMENT "\0"
                                   "\4e\0" EMPTY_DOCUMENT "\0";
    size_t len;
    oc_wire_error error;
    uint8_t *joined = join(payload, sizeof payload - 1, &len, &error);
    assert_non_null(joined);
    assert_int_equal(len, oc_get_int32(joined));
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(joined, expected, len);
    assert_true(oc_document_valid(joined, len));
    free(joined);
}

static void a_name_used_twice_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *payload;
        size_t len;
    } cases[] = {
#define JOIN(payload) {payload, sizeof payload - 1}
        JOIN(FLAGS("\0") "\0" PING "\1\x09\0\0\0ping\0"),
        JOIN(FLAGS("\0") "\0" PING "\1\6\0\0\0d\0\1\6\0\0\0d\0"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len;
        oc_wire_error error = {0};
        assert_null(join(cases[i].payload, cases[i].len, &len, &error));
        assert_int_equal(error.code, OC_CODE_DUPLICATE_FIELD);
    }
}

static void heads_stand_before_the_document(void **state) {
    (void)state;
    uint8_t bytes[OC_WIRE_REPLY_HEAD + 5] = {0};
    uint8_t *document = bytes + OC_WIRE_REPLY_HEAD;
    oc_message message;
    oc_wire_error error;
    memcpy(document, EMPTY_DOCUMENT, 5);
    uint8_t *head = oc_wire_head_msg(document, 5, 7, 8, OC_MSG_MORE_TO_COME);
    assert_ptr_equal(head, document - OC_WIRE_MSG_HEAD);
    assert_true(oc_wire_parse(head, OC_WIRE_MSG_HEAD + 5, &message, &error));
    assert_int_equal(message.id, 7);
    assert_int_equal(oc_get_int32(head + 8), 8);
    assert_true(message.more_to_come);
    head = oc_wire_head_reply(document, 5, 7, 8, OC_REPLY_QUERY_FAILURE);
    assert_ptr_equal(head, bytes);
    assert_memory_equal(head, "\x29\0\0\0\7\0\0\0\x8\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 36);
}

static void the_writer_writes_what_the_reader_reads(void **state) {
    (void)state;
    oc_writer writer = {0};
    oc_element element;
    int64_t number;
    oc_writer_begin(&writer, 3);
    oc_writer_int32(&writer, "i", -5);
    oc_writer_int64(&writer, "l", INT64_MIN);
    oc_writer_double(&writer, "d", 2.5);
    size_t inner = oc_writer_open(&writer, OC_BSON_DOCUMENT, "o");
    oc_writer_text(&writer, "t", "text");
    oc_writer_close(&writer, inner);
    oc_writer_bool(&writer, "b", true);
    assert_true(oc_writer_end(&writer, 3));
    const uint8_t *document = writer.data + 3;
    size_t len = writer.len - 3;
    assert_true(oc_document_valid(document, len));
    assert_true(oc_document_find(document, len, "i", &element) && oc_element_number(&element, &number) && number == -5);
    assert_true(oc_document_find(document, len, "l", &element) && oc_element_number(&element, &number) &&
                number == INT64_MIN);
    assert_true(oc_document_find(document, len, "d", &element) && oc_element_number(&element, &number) && number == 2);
    assert_true(oc_document_find(document, len, "b", &element) && oc_element_is_true(&element));
    assert_true(oc_document_find(document, len, "o", &element) && !oc_element_number(&element, &number));
    assert_false(oc_document_find(document, len, "t", &element));
    oc_writer_done(&writer);
}

static void text_is_cleaned_and_cut(void **state) {
    (void)state;
    static const struct {
        const char *from;
        size_t cap;
        const char *to;
    } cases[] = {
        {"find", 16, "find"},
        {"", 16, ""},
        {"a\tb\nc", 16, "a?b?c"},
        {"\xc3\xa9", 16, "\xc3\xa9"},
        {"\xc3", 16, "?"},
        {"\xc0\xaf", 16, "??"},
        {"\xed\xa0\x80", 16, "???"},
        {"\xf0\x9f\x98\x80", 16, "\xf0\x9f\x98\x80"},
        {"\xf4\x90\x80\x80", 16, "????"},
        {"\xc2\x85", 16, "??"},
        {"0123456789", 11, "0123456789"},
        {"0123456789", 10, "012345..."},
        {"01\xc3\xa9"
         "56",
         6, "01..."},
        {"abcd", 4, "..."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char to[16];
        oc_text_clean(to, cases[i].cap, cases[i].from, strlen(cases[i].from));
        assert_string_equal(to, cases[i].to);
    }
}

static void tallies_count_by_name_and_never_overflow(void **state) {
    (void)state;
    static oc_tally tally;
    oc_tally_add(&tally, "find", 1);
    oc_tally_add(&tally, "insert", 2);
    oc_tally_add(&tally, "find", 3);
    assert_int_equal(tally.used, 2);
    assert_string_equal(tally.entries[0].name, "find");
    assert_int_equal(tally.entries[0].count, 4);
    for (int i = 0; i < 1000; i++) {
        char name[100];
        snprintf(name, sizeof name, "%d-%080d", i, 0);
        oc_tally_add(&tally, name, 1);
    }
    assert_int_equal(tally.used, OC_TALLY_MAX);
    assert_string_equal(tally.entries[OC_TALLY_MAX - 1].name, "other");
    assert_int_equal(oc_tally_total(&tally), 1006);
}

/* Every changed byte of every good case is parsed and answered too; a sanitizer build looks on. */
static void no_changed_byte_breaks_an_exchange(void **state) {
    (void)state;
    oc_config config = {.max_connections = 1};
    oc_server server;
    assert_true(oc_server_init(&server, &config));
    oc_exchange *exchange = oc_exchange_new(&server);
    assert_non_null(exchange);
    for (size_t i = 0; i < sizeof parse_cases / sizeof *parse_cases; i++) {
        const parse_case *c = &parse_cases[i];
        for (size_t at = 12; at < OC_WIRE_HEADER + c->len; at++) {
            for (int value = 0; value < 256; value += at < OC_WIRE_HEADER ? 13 : 1) {
                uint8_t *data = make(c->opcode, c->payload, c->len);
                data[at] = (uint8_t)value;
                exchange->input = exchange->owned = data;
                exchange->input_len = OC_WIRE_HEADER + c->len;
                oc_exchange_run(exchange);
                assert_true(!exchange->output || oc_get_int32(exchange->output) == (int32_t)exchange->output_len);
                assert_true(exchange->output || exchange->message.more_to_come || exchange->wait.active);
                oc_exchange_clear(exchange);
            }
        }
    }
    oc_exchange_free(exchange);
    oc_server_done(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_parse_or_say_why_not),
        cmocka_unit_test(no_cut_of_a_message_parses_and_none_reads_beyond_it),
        cmocka_unit_test(flags_are_known_even_if_the_rest_is_bad),
        cmocka_unit_test(a_right_checksum_is_accepted),
        cmocka_unit_test(crc32c_has_its_published_values),
        cmocka_unit_test(a_frame_is_whole_when_its_length_is_there),
        cmocka_unit_test(sequences_become_arrays_behind_the_body),
        cmocka_unit_test(a_name_used_twice_is_refused),
        cmocka_unit_test(heads_stand_before_the_document),
        cmocka_unit_test(the_writer_writes_what_the_reader_reads),
        cmocka_unit_test(text_is_cleaned_and_cut),
        cmocka_unit_test(tallies_count_by_name_and_never_overflow),
        cmocka_unit_test(no_changed_byte_breaks_an_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
