#ifndef SOUNDNESS_VALUE_H
#define SOUNDNESS_VALUE_H

/* BSON as a tree: what generators build, the judge compares and the evaluator computes with. Everything lives in a pool
 * and, once it has been put into a parent, never changes; subtrees are shared freely. */

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

enum {
    T_DOUBLE = 1,
    T_STRING = 2,
    T_DOC = 3,
    T_ARRAY = 4,
    T_BINARY = 5,
    T_UNDEFINED = 6,
    T_OID = 7,
    T_BOOL = 8,
    T_DATE = 9,
    T_NULL = 10,
    T_REGEX = 11,
    T_CODE = 13,
    T_SYMBOL = 14,
    T_CODE_SCOPE = 15,
    T_INT = 16,
    T_TIMESTAMP = 17,
    T_LONG = 18,
    T_DECIMAL = 19,
    T_MAXKEY = 127,
    T_MINKEY = 255
};

typedef struct value {
    const char *name;           /* in its parent */
    const uint8_t *bytes;       /* a scalar, as BSON writes it */
    struct value *first, *last; /* members of a document or array */
    struct value *next;
    uint32_t len;
    uint8_t type;
} value;

value *value_scalar(pool *p, uint8_t type, const void *bytes, size_t len);
value *value_doc(pool *p);
value *value_array(pool *p);
value *value_null(pool *p);
value *value_bool(pool *p, bool b);
value *value_int(pool *p, int32_t n);
value *value_long(pool *p, int64_t n);
value *value_double(pool *p, double n);
value *value_string(pool *p, const char *text);
value *value_text(pool *p, uint8_t type, const char *text, size_t len);
value *value_binary(pool *p, uint8_t subtype, const void *bytes, size_t len);

/* Appends a copy of `child`, whose own members are shared, and returns the copy. */
value *value_put(pool *p, value *parent, const char *name, const value *child);
value *value_push(pool *p, value *array, const value *child);
/* {name: child} */
value *value_one(pool *p, const char *name, const value *child);
/* A document or array with copies of the same members, to which more can be put. */
value *value_copy(pool *p, const value *v);

const value *value_get(const value *doc, const char *name);
unsigned value_count(const value *v);
bool value_is_container(const value *v);
bool value_is_number(const value *v);
/* Of int, long and double. */
double value_number(const value *v);
/* "" for other types than strings. */
const char *value_chars(const value *v);
/* Types and bytes, names and order of members; not the own name. */
bool value_equal(const value *a, const value *b);

/* The subtype and payload of a binary. */
uint8_t value_subtype(const value *v);
uint32_t value_payload(const value *v, const uint8_t **payload);
bool value_is_placeholder(const value *v);
unsigned value_placeholders(const value *v);

typedef struct buffer {
    uint8_t *data;
    size_t len, room;
} buffer;

void value_write(buffer *out, const value *doc);
/* The tree borrows `data`. NULL when it is not well-formed. */
value *value_read(pool *p, const uint8_t *data, size_t len);

#endif
