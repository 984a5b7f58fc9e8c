#ifndef OC_DAEMON_BSONIO_H
#define OC_DAEMON_BSONIO_H

/* A reader and a writer for the few BSON documents that the daemon itself looks into or makes: `hello`, `ping`,
 * `serverStatus` and error replies. Commands to be analysed go to libopencrypt as they came. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OC_BSON_DOUBLE = 0x01,
    OC_BSON_UTF8 = 0x02,
    OC_BSON_DOCUMENT = 0x03,
    OC_BSON_ARRAY = 0x04,
    OC_BSON_OID = 0x07,
    OC_BSON_BOOL = 0x08,
    OC_BSON_DATE = 0x09,
    OC_BSON_INT32 = 0x10,
    OC_BSON_INT64 = 0x12,
};

/* One field. Key and value point into the document; the key is NUL-terminated. */
typedef struct oc_element {
    uint8_t type;
    const char *key;
    size_t key_len;
    const uint8_t *value;
    size_t value_len;
} oc_element;

/* Reads the fields of one document in order; `bad` is set where it is not well formed, and reading ends. */
typedef struct oc_reader {
    const uint8_t *at;
    const uint8_t *end; /* the terminating NUL */
    bool bad;
} oc_reader;

int32_t oc_get_int32(const uint8_t *at);
void oc_put_int32(uint8_t *at, int32_t value);

void oc_reader_open(oc_reader *reader, const uint8_t *document, size_t len);
/* False at the end and where the document is malformed (reader->bad). */
bool oc_reader_next(oc_reader *reader, oc_element *element);

/* The whole document, nested ones included, down to 200 levels. */
bool oc_document_valid(const uint8_t *document, size_t len);
bool oc_document_find(const uint8_t *document, size_t len, const char *key, oc_element *element);
bool oc_element_is_true(const oc_element *element);
/* int32, int64 and double; false for anything else and for what does not fit. */
bool oc_element_number(const oc_element *element, int64_t *number);

/* Appends to one growing document. Exhausted memory is remembered in `failed` and asked for once, at the end. */
typedef struct oc_writer {
    uint8_t *data;
    size_t len, cap;
    bool failed;
} oc_writer;

/* Drops what was written, keeps the memory, and starts a document after `headroom` bytes. */
void oc_writer_begin(oc_writer *writer, size_t headroom);
/* Ends the document begun at `headroom`; false if memory ran out. */
bool oc_writer_end(oc_writer *writer, size_t headroom);
/* Frees the memory. */
void oc_writer_done(oc_writer *writer);

/* Opens a nested document or array and returns its position, which oc_writer_close wants back. */
size_t oc_writer_open(oc_writer *writer, uint8_t type, const char *key);
void oc_writer_close(oc_writer *writer, size_t position);
void oc_writer_bool(oc_writer *writer, const char *key, bool value);
void oc_writer_int32(oc_writer *writer, const char *key, int32_t value);
void oc_writer_int64(oc_writer *writer, const char *key, int64_t value);
void oc_writer_double(oc_writer *writer, const char *key, double value);
/* Milliseconds since 1970. */
void oc_writer_date(oc_writer *writer, const char *key, int64_t value);
void oc_writer_text(oc_writer *writer, const char *key, const char *text);
void oc_writer_oid(oc_writer *writer, const char *key, const uint8_t oid[12]);

/* Copies client text for a message or a log: at most cap - 1 bytes, what is not printable UTF-8 becomes '?'.
 * Always NUL-terminated; "..." at the end says that it was cut. cap must be at least 4. */
void oc_text_clean(char *to, size_t cap, const char *text, size_t len);

#endif
