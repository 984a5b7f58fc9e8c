#include "wire.h"

#include "bsonio.h"
#include "crc32c.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_DOCUMENT = 5 };

const char *oc_wire_code_name(oc_wire_code code) {
    switch (code) {
    case OC_CODE_NONE: return "OK";
#define X(name, number, text)                                                                                          \
    case OC_CODE_##name: return text;
        OC_WIRE_CODES(X)
#undef X
    }
    return "UnknownError";
}

bool oc_wire_fail(oc_wire_error *error, oc_wire_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->code = code;
    return false;
}

oc_frame oc_wire_frame(const uint8_t *data, size_t available, size_t *len) {
    *len = OC_WIRE_HEADER;
    if (available < OC_WIRE_HEADER)
        return OC_FRAME_MORE;
    int32_t length = oc_get_int32(data);
    if (length < OC_WIRE_HEADER || length > OC_WIRE_MESSAGE_MAX)
        return OC_FRAME_LOST;
    *len = (size_t)length;
    return available < *len ? OC_FRAME_MORE : OC_FRAME_WHOLE;
}

/* What is left to parse. */
typedef struct span {
    const uint8_t *at;
    size_t left;
} span;

static const uint8_t *take(span *from, size_t len) {
    if (from->left < len)
        return NULL;
    const uint8_t *taken = from->at;
    from->at += len;
    from->left -= len;
    return taken;
}

static const char *take_text(span *from, size_t *len) {
    const uint8_t *end = from->left > 0 ? memchr(from->at, 0, from->left) : NULL;
    if (!end)
        return NULL;
    *len = (size_t)(end - from->at);
    return (const char *)take(from, *len + 1);
}

static const uint8_t *take_document(span *from, size_t *len) {
    if (from->left < MIN_DOCUMENT)
        return NULL;
    int32_t length = oc_get_int32(from->at);
    if (length < MIN_DOCUMENT || (size_t)length > from->left || from->at[length - 1] != 0)
        return NULL;
    *len = (size_t)length;
    return take(from, *len);
}

static bool parse_body(span *from, oc_message *message, oc_wire_error *error) {
    if (message->body)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG has more than one body section");
    message->body = take_document(from, &message->body_len);
    if (!message->body)
        return oc_wire_fail(error, OC_CODE_INVALID_BSON, "The body of the OP_MSG is not a document that fits into it");
    return true;
}

static bool documents_fit(span documents) {
    size_t len;
    while (documents.left > 0)
        if (!take_document(&documents, &len))
            return false;
    return true;
}

static bool parse_sequence(span *from, oc_message *message, oc_wire_error *error) {
    if (message->sequence_count == OC_WIRE_SEQUENCES_MAX)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG has more than %d document sequences",
                            OC_WIRE_SEQUENCES_MAX);
    int32_t size = from->left < 4 ? 0 : oc_get_int32(from->at);
    const uint8_t *start = size < 5 ? NULL : take(from, (size_t)size);
    if (!start)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "A document sequence does not fit into its OP_MSG");
    span section = {start + 4, (size_t)size - 4};
    oc_sequence *sequence = &message->sequences[message->sequence_count];
    sequence->name = take_text(&section, &sequence->name_len);
    if (!sequence->name || sequence->name_len == 0)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "A document sequence of the OP_MSG has no name");
    sequence->documents = section.at;
    sequence->documents_len = section.left;
    if (!documents_fit(section))
        return oc_wire_fail(error, OC_CODE_INVALID_BSON,
                            "A document sequence of the OP_MSG holds something that is not a document");
    message->sequence_count++;
    return true;
}

static bool parse_sections(span from, oc_message *message, oc_wire_error *error) {
    while (from.left > 0) {
        uint8_t kind = *take(&from, 1);
        if (kind > 1)
            return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG has a section of unknown kind %d", kind);
        if (!(kind == 0 ? parse_body : parse_sequence)(&from, message, error))
            return false;
    }
    if (!message->body)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG has no body section");
    return true;
}

static bool check_sum(const uint8_t *data, span *from, oc_wire_error *error) {
    if (from->left < 4)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG is too short for its checksum");
    from->left -= 4;
    const uint8_t *sum = from->at + from->left;
    if ((uint32_t)oc_get_int32(sum) != oc_crc32c(data, (size_t)(sum - data)))
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG checksum does not match contents");
    return true;
}

static bool parse_msg(const uint8_t *data, span from, oc_message *message, oc_wire_error *error) {
    const uint8_t *at = take(&from, 4);
    if (!at)
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_MSG is too short for its flags");
    uint32_t flags = (uint32_t)oc_get_int32(at);
    message->more_to_come = flags & OC_MSG_MORE_TO_COME;
    message->exhaust_allowed = flags & OC_MSG_EXHAUST_ALLOWED;
    /* Bits 0 to 15 must be understood, the others may be ignored. */
    uint32_t unknown = flags & 0xFFFFu & ~(uint32_t)(OC_MSG_CHECKSUM | OC_MSG_MORE_TO_COME);
    if (unknown)
        return oc_wire_fail(error, OC_CODE_ILLEGAL_FLAG, "OP_MSG has unknown required flag bits 0x%x", unknown);
    if (flags & OC_MSG_CHECKSUM && !check_sum(data, &from, error))
        return false;
    return parse_sections(from, message, error);
}

static bool parse_query(span from, oc_message *message, oc_wire_error *error) {
    size_t ns_len, fields_len;
    if (!take(&from, 4) || !(message->ns = take_text(&from, &ns_len)) || !take(&from, 8))
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_QUERY is truncated");
    message->body = take_document(&from, &message->body_len);
    if (!message->body)
        return oc_wire_fail(error, OC_CODE_INVALID_BSON,
                            "The query of the OP_QUERY is not a document that fits into it");
    if (from.left > 0 && (!take_document(&from, &fields_len) || from.left > 0))
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_QUERY has bytes after its last document");
    return true;
}

bool oc_wire_parse(const uint8_t *data, size_t len, oc_message *message, oc_wire_error *error) {
    /* Not the sequences: clearing them would cost more than a small message. */
    memset(message, 0, offsetof(oc_message, sequences));
    message->id = oc_get_int32(data + 4);
    message->opcode = oc_get_int32(data + 12);
    span from = {data + OC_WIRE_HEADER, len - OC_WIRE_HEADER};
    switch (message->opcode) {
    case OC_OP_MSG: return parse_msg(data, from, message, error);
    case OC_OP_QUERY: return parse_query(from, message, error);
    case OC_OP_COMPRESSED:
        return oc_wire_fail(error, OC_CODE_PROTOCOL, "OP_COMPRESSED is not supported: no compression was agreed upon");
    default: return oc_wire_fail(error, OC_CODE_PROTOCOL, "Unsupported opcode %d", message->opcode);
    }
}

static bool names_field(const oc_message *message, const oc_element *element) {
    for (size_t i = 0; i < message->sequence_count; i++) {
        const oc_sequence *sequence = &message->sequences[i];
        if (sequence->name_len == element->key_len && memcmp(sequence->name, element->key, element->key_len) == 0)
            return true;
    }
    return false;
}

static bool fail_duplicate(oc_wire_error *error, const char *name, size_t len) {
    char clean[128];
    oc_text_clean(clean, sizeof clean, name, len);
    return oc_wire_fail(error, OC_CODE_DUPLICATE_FIELD,
                        "BSON field '%s' is a duplicate field: a document sequence has the same name", clean);
}

static bool body_differs(const oc_message *message, oc_wire_error *error) {
    oc_reader reader;
    oc_element element;
    oc_reader_open(&reader, message->body, message->body_len);
    while (oc_reader_next(&reader, &element))
        if (names_field(message, &element))
            return fail_duplicate(error, element.key, element.key_len);
    if (reader.bad)
        return oc_wire_fail(error, OC_CODE_INVALID_BSON, "The body of the OP_MSG is not well-formed BSON");
    return true;
}

static bool sequences_differ(const oc_message *message, oc_wire_error *error) {
    for (size_t i = 1; i < message->sequence_count; i++) {
        const oc_sequence *one = &message->sequences[i];
        for (size_t j = 0; j < i; j++) {
            const oc_sequence *other = &message->sequences[j];
            if (one->name_len == other->name_len && memcmp(one->name, other->name, one->name_len) == 0)
                return fail_duplicate(error, one->name, one->name_len);
        }
    }
    return true;
}

/* Writes an array index with its NUL as a key; returns its size. Only the size is wanted if `to` is NULL. */
static size_t put_index(uint8_t *to, size_t index) {
    char text[24];
    size_t size = (size_t)snprintf(text, sizeof text, "%zu", index) + 1;
    if (to)
        memcpy(to, text, size);
    return size;
}

/* The field of one sequence: type, name, then an array of its documents. Only its size is wanted if `to` is NULL. */
static size_t put_sequence(uint8_t *to, const oc_sequence *sequence) {
    size_t array = 1 + sequence->name_len + 1;
    size_t size = array + 4;
    if (to) {
        to[0] = OC_BSON_ARRAY;
        memcpy(to + 1, sequence->name, sequence->name_len + 1);
    }
    span documents = {sequence->documents, sequence->documents_len};
    for (size_t index = 0; documents.left > 0; index++) {
        size_t len = 0;
        const uint8_t *document = take_document(&documents, &len);
        if (to)
            to[size] = OC_BSON_DOCUMENT;
        size += 1;
        size += put_index(to ? to + size : NULL, index);
        if (to)
            memcpy(to + size, document, len);
        size += len;
    }
    if (to) {
        to[size] = 0;
        oc_put_int32(to + array, (int32_t)(size + 1 - array));
    }
    return size + 1;
}

static size_t joined_len(const oc_message *message) {
    size_t len = message->body_len;
    for (size_t i = 0; i < message->sequence_count; i++)
        len += put_sequence(NULL, &message->sequences[i]);
    return len;
}

uint8_t *oc_wire_join(const oc_message *message, size_t *len, oc_wire_error *error) {
    if (!sequences_differ(message, error) || !body_differs(message, error))
        return NULL;
    *len = joined_len(message);
    if (*len > OC_WIRE_MESSAGE_MAX) {
        oc_wire_fail(error, OC_CODE_TOO_LARGE, "The command with its document sequences is larger than %d bytes",
                     OC_WIRE_MESSAGE_MAX);
        return NULL;
    }
    uint8_t *joined = malloc(*len);
    if (!joined) {
        oc_wire_fail(error, OC_CODE_OUT_OF_MEMORY, "Not enough memory for the command");
        return NULL;
    }
    size_t used = message->body_len - 1;
    memcpy(joined, message->body, used);
    for (size_t i = 0; i < message->sequence_count; i++)
        used += put_sequence(joined + used, &message->sequences[i]);
    joined[used] = 0;
    oc_put_int32(joined, (int32_t)*len);
    return joined;
}

static void put_header(uint8_t *to, size_t len, int32_t id, int32_t response_to, int32_t opcode) {
    oc_put_int32(to, (int32_t)len);
    oc_put_int32(to + 4, id);
    oc_put_int32(to + 8, response_to);
    oc_put_int32(to + 12, opcode);
}

uint8_t *oc_wire_head_msg(uint8_t *document, size_t len, int32_t id, int32_t response_to, uint32_t flags) {
    uint8_t *head = document - OC_WIRE_MSG_HEAD;
    put_header(head, OC_WIRE_MSG_HEAD + len, id, response_to, OC_OP_MSG);
    oc_put_int32(head + 16, (int32_t)flags);
    head[20] = 0;
    return head;
}

uint8_t *oc_wire_head_reply(uint8_t *document, size_t len, int32_t id, int32_t response_to, uint32_t flags) {
    uint8_t *head = document - OC_WIRE_REPLY_HEAD;
    put_header(head, OC_WIRE_REPLY_HEAD + len, id, response_to, OC_OP_REPLY);
    oc_put_int32(head + 16, (int32_t)flags);
    memset(head + 20, 0, 12);
    oc_put_int32(head + 32, 1);
    return head;
}
