#include "bsonio.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200, MIN_DOCUMENT = 5 };

int32_t oc_get_int32(const uint8_t *at) {
    uint32_t value = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return (int32_t)value;
}

void oc_put_int32(uint8_t *at, int32_t value) {
    uint32_t bits = (uint32_t)value;
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(bits >> (8 * i));
}

static uint64_t get_uint64(const uint8_t *at) {
    return (uint64_t)(uint32_t)oc_get_int32(at) | (uint64_t)(uint32_t)oc_get_int32(at + 4) << 32;
}

/* The length that stands at `at`, if it is at least `least` and, together with `more` bytes, within `left`. */
static bool counted(const uint8_t *at, size_t left, size_t least, size_t more, size_t *len) {
    if (left < 4)
        return false;
    int32_t count = oc_get_int32(at);
    if (count < 0 || (size_t)count < least || (size_t)count > left || left - (size_t)count < more)
        return false;
    *len = (size_t)count + more;
    return true;
}

static bool string_len(const uint8_t *at, size_t left, size_t *len) {
    return counted(at, left, 1, 4, len) && at[*len - 1] == 0;
}

static bool document_len(const uint8_t *at, size_t left, size_t *len) {
    return counted(at, left, MIN_DOCUMENT, 0, len) && at[*len - 1] == 0;
}

static bool regex_len(const uint8_t *at, size_t left, size_t *len) {
    const uint8_t *pattern_end = memchr(at, 0, left);
    if (!pattern_end)
        return false;
    const uint8_t *options = pattern_end + 1;
    const uint8_t *options_end = memchr(options, 0, left - (size_t)(options - at));
    if (!options_end)
        return false;
    *len = (size_t)(options_end + 1 - at);
    return true;
}

static bool fixed_len(size_t size, size_t left, size_t *len) {
    *len = size;
    return size <= left;
}

/* How many bytes the value of a field takes; false for an unknown type and where it does not fit. */
static bool value_len(uint8_t type, const uint8_t *at, size_t left, size_t *len) {
    switch (type) {
    case 0x06:
    case 0x0A:
    case 0x7F:
    case 0xFF: return fixed_len(0, left, len); /* undefined, null, maxKey, minKey */
    case OC_BSON_BOOL: return fixed_len(1, left, len) && at[0] <= 1;
    case OC_BSON_INT32: return fixed_len(4, left, len);
    case OC_BSON_DOUBLE:
    case OC_BSON_DATE:
    case OC_BSON_INT64:
    case 0x11: return fixed_len(8, left, len);
    case OC_BSON_OID: return fixed_len(12, left, len);
    case 0x13: return fixed_len(16, left, len); /* decimal128 */
    case OC_BSON_UTF8:
    case 0x0D:
    case 0x0E: return string_len(at, left, len); /* also code and symbol */
    case OC_BSON_DOCUMENT:
    case OC_BSON_ARRAY: return document_len(at, left, len);
    case 0x05: return counted(at, left, 0, 5, len); /* binary */
    case 0x0B: return regex_len(at, left, len);
    case 0x0C: return string_len(at, left, len) && fixed_len(*len + 12, left, len); /* DBPointer */
    case 0x0F: return counted(at, left, 14, 0, len);                                /* code with scope */
    default: return false;
    }
}

void oc_reader_open(oc_reader *reader, const uint8_t *document, size_t len) {
    bool good = len >= MIN_DOCUMENT && (size_t)oc_get_int32(document) == len && document[len - 1] == 0;
    *reader = good ? (oc_reader){document + 4, document + len - 1, false} : (oc_reader){document, document, true};
}

static bool fail(oc_reader *reader) {
    reader->bad = true;
    return false;
}

bool oc_reader_next(oc_reader *reader, oc_element *element) {
    if (reader->bad || reader->at == reader->end)
        return false;
    const uint8_t *key = reader->at + 1;
    const uint8_t *key_end = memchr(key, 0, (size_t)(reader->end - key));
    if (!key_end)
        return fail(reader);
    *element = (oc_element){.type = *reader->at, .key = (const char *)key, .key_len = (size_t)(key_end - key)};
    element->value = key_end + 1;
    if (!value_len(element->type, element->value, (size_t)(reader->end - element->value), &element->value_len))
        return fail(reader);
    reader->at = element->value + element->value_len;
    return true;
}

static bool valid(const uint8_t *document, size_t len, int depth);

static bool valid_code_with_scope(const oc_element *element, int depth) {
    size_t code;
    if (!string_len(element->value + 4, element->value_len - 4, &code))
        return false;
    return valid(element->value + 4 + code, element->value_len - 4 - code, depth);
}

static bool valid(const uint8_t *document, size_t len, int depth) {
    oc_reader reader;
    oc_element element;
    oc_reader_open(&reader, document, len);
    while (oc_reader_next(&reader, &element)) {
        bool nested = element.type == OC_BSON_DOCUMENT || element.type == OC_BSON_ARRAY;
        if ((nested || element.type == 0x0F) && depth == MAX_DEPTH)
            return false;
        if (nested && !valid(element.value, element.value_len, depth + 1))
            return false;
        if (element.type == 0x0F && !valid_code_with_scope(&element, depth + 1))
            return false;
    }
    return !reader.bad;
}

bool oc_document_valid(const uint8_t *document, size_t len) {
    return valid(document, len, 1);
}

bool oc_document_find(const uint8_t *document, size_t len, const char *key, oc_element *element) {
    oc_reader reader;
    oc_reader_open(&reader, document, len);
    while (oc_reader_next(&reader, element))
        if (strcmp(element->key, key) == 0)
            return true;
    return false;
}

static double get_double(const uint8_t *at) {
    uint64_t bits = get_uint64(at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool oc_element_number(const oc_element *element, int64_t *number) {
    if (element->type == OC_BSON_INT32) {
        *number = oc_get_int32(element->value);
    } else if (element->type == OC_BSON_INT64) {
        *number = (int64_t)get_uint64(element->value);
    } else if (element->type == OC_BSON_DOUBLE) {
        double value = get_double(element->value);
        if (!(value > -9e15 && value < 9e15))
            return false;
        *number = (int64_t)value;
    } else {
        return false;
    }
    return true;
}

bool oc_element_is_true(const oc_element *element) {
    int64_t number;
    if (element->type == OC_BSON_BOOL)
        return element->value[0] != 0;
    return oc_element_number(element, &number) && number != 0;
}

/* Room for `len` more bytes, or NULL (and the failure remembered). */
static uint8_t *extend(oc_writer *writer, size_t len) {
    if (writer->failed)
        return NULL;
    if (writer->cap - writer->len < len) {
        size_t cap = 2 * (writer->len + len) + 512;
        uint8_t *data = realloc(writer->data, cap);
        if (!data) {
            writer->failed = true;
            return NULL;
        }
        writer->data = data;
        writer->cap = cap;
    }
    writer->len += len;
    return writer->data + writer->len - len;
}

static void append(oc_writer *writer, const void *bytes, size_t len) {
    uint8_t *to = extend(writer, len);
    if (to)
        memcpy(to, bytes, len);
}

static void append_int32(oc_writer *writer, int32_t value) {
    uint8_t *to = extend(writer, 4);
    if (to)
        oc_put_int32(to, value);
}

static void append_uint64(oc_writer *writer, uint64_t value) {
    append_int32(writer, (int32_t)(uint32_t)value);
    append_int32(writer, (int32_t)(uint32_t)(value >> 32));
}

static void append_key(oc_writer *writer, uint8_t type, const char *key) {
    append(writer, &type, 1);
    append(writer, key, strlen(key) + 1);
}

void oc_writer_begin(oc_writer *writer, size_t headroom) {
    writer->len = 0;
    writer->failed = false;
    uint8_t *to = extend(writer, headroom + 4);
    if (to)
        memset(to, 0, headroom + 4);
}

void oc_writer_close(oc_writer *writer, size_t position) {
    append(writer, "", 1);
    if (!writer->failed)
        oc_put_int32(writer->data + position, (int32_t)(writer->len - position));
}

bool oc_writer_end(oc_writer *writer, size_t headroom) {
    oc_writer_close(writer, headroom);
    return !writer->failed;
}

void oc_writer_done(oc_writer *writer) {
    free(writer->data);
    *writer = (oc_writer){0};
}

size_t oc_writer_open(oc_writer *writer, uint8_t type, const char *key) {
    append_key(writer, type, key);
    size_t position = writer->len;
    append_int32(writer, 0);
    return position;
}

void oc_writer_bool(oc_writer *writer, const char *key, bool value) {
    append_key(writer, OC_BSON_BOOL, key);
    append(writer, value ? "\1" : "", 1);
}

void oc_writer_int32(oc_writer *writer, const char *key, int32_t value) {
    append_key(writer, OC_BSON_INT32, key);
    append_int32(writer, value);
}

void oc_writer_int64(oc_writer *writer, const char *key, int64_t value) {
    append_key(writer, OC_BSON_INT64, key);
    append_uint64(writer, (uint64_t)value);
}

void oc_writer_double(oc_writer *writer, const char *key, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    append_key(writer, OC_BSON_DOUBLE, key);
    append_uint64(writer, bits);
}

void oc_writer_date(oc_writer *writer, const char *key, int64_t value) {
    append_key(writer, OC_BSON_DATE, key);
    append_uint64(writer, (uint64_t)value);
}

void oc_writer_text(oc_writer *writer, const char *key, const char *text) {
    size_t size = strlen(text) + 1;
    append_key(writer, OC_BSON_UTF8, key);
    append_int32(writer, (int32_t)size);
    append(writer, text, size);
}

void oc_writer_oid(oc_writer *writer, const char *key, const uint8_t oid[12]) {
    append_key(writer, OC_BSON_OID, key);
    append(writer, oid, 12);
}

/* Length of the printable UTF-8 character at `text`, 0 if there is none. Overlong forms and surrogates are not told
 * apart by their second byte alone, so the code point is built and compared. */
static size_t character_len(const uint8_t *text, size_t len) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (size == 1)
        return text[0] >= 0x20 && text[0] != 0x7F;
    if (text[0] < 0xC0 || text[0] > 0xF4 || len < size)
        return 0;
    uint32_t point = text[0] & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3F);
    }
    bool good = point >= least[size] && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF) && point >= 0xA0;
    return good ? size : 0;
}

void oc_text_clean(char *to, size_t cap, const char *text, size_t len) {
    const uint8_t *from = (const uint8_t *)text;
    size_t limit = len < cap ? len : cap - 4; /* the result is as long as the text, or cut with room for the dots */
    size_t used = 0, width;
    for (; used < limit; used += width) {
        size_t size = character_len(from + used, len - used);
        width = size ? size : 1;
        if (used + width > limit)
            break;
        if (size)
            memcpy(to + used, from + used, size);
        else
            to[used] = '?';
    }
    strcpy(to + used, len < cap ? "" : "...");
}
