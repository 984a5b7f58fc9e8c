#ifndef OC_BSON_H
#define OC_BSON_H

/* Reading BSON (bsonspec.org, version 1.1) in place.
 *
 * A document is checked once, whole, by oc_bson_check: lengths, terminators, types, depth. After that the iterators
 * walk the same bytes without looking for errors again: check and iterator share oc_bson_value_size, so they cannot
 * disagree about where an element ends. Nothing is copied; every pointer leads into the caller's bytes.
 *
 *     oc_iter it = oc_bson_iter(doc);
 *     oc_elem e;
 *     while (oc_next(&it, &e)) ...
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum oc_type {
    OC_DOUBLE = 0x01,
    OC_STRING = 0x02,
    OC_DOCUMENT = 0x03,
    OC_ARRAY = 0x04,
    OC_BINARY = 0x05,
    OC_UNDEFINED = 0x06,
    OC_OBJECT_ID = 0x07,
    OC_BOOL = 0x08,
    OC_DATE = 0x09,
    OC_NULL = 0x0A,
    OC_REGEX = 0x0B,
    OC_DB_POINTER = 0x0C,
    OC_CODE = 0x0D,
    OC_SYMBOL = 0x0E,
    OC_CODE_W_SCOPE = 0x0F,
    OC_INT32 = 0x10,
    OC_TIMESTAMP = 0x11,
    OC_INT64 = 0x12,
    OC_DECIMAL128 = 0x13,
    OC_MAX_KEY = 0x7F,
    OC_MIN_KEY = 0xFF,
} oc_type;

/* Deeper documents are refused: MongoDB's own servers stop at 180 to 200. */
enum { OC_MAX_DEPTH = 200 };

typedef struct oc_str {
    const char *s; /* not NUL-terminated */
    size_t n;
} oc_str;

/* One element:  | type | name \0 | value |
 *               start   name      value   end */
typedef struct oc_elem {
    const uint8_t *start;
    const uint8_t *value;
    const uint8_t *end;
    oc_str name;
    uint8_t type;
} oc_elem;

typedef struct oc_iter {
    const uint8_t *at;
    const uint8_t *end; /* the document's final NUL */
} oc_iter;

typedef enum oc_bson_status {
    OC_BSON_OK,
    OC_BSON_MALFORMED,
    OC_BSON_TOO_DEEP,
} oc_bson_status;

/* BSON is little-endian. On such machines this is one load. */
static inline uint32_t oc_u32(const uint8_t *p) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
#endif
}

static inline uint64_t oc_u64(const uint8_t *p) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return (uint64_t)oc_u32(p) | (uint64_t)oc_u32(p + 4) << 32;
#endif
}

static inline void oc_put_u32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

/* The first NUL at or after p; there is one at `end`. Eight bytes at a time: names are short, and this is the hottest
 * loop there is. */
static inline const uint8_t *oc_find_nul(const uint8_t *p, const uint8_t *end) {
    while (end - p >= 8) {
        uint64_t w = oc_u64(p);
        uint64_t zero = (w - 0x0101010101010101u) & ~w & 0x8080808080808080u;
        if (zero)
            return p + (__builtin_ctzll(zero) >> 3);
        p += 8;
    }
    while (*p)
        p++;
    return p;
}

/* Bytes of a value of `type` at v, of which `avail` bytes lie before the document's final NUL; SIZE_MAX if the value is
 * not well-formed in itself. Documents and arrays are measured, not looked into. */
size_t oc_bson_value_size_slow(uint8_t type, const uint8_t *v, size_t avail);

static inline size_t oc_bson_value_size(uint8_t type, const uint8_t *v, size_t avail) {
    static const uint8_t fixed[0x14] = {[OC_DOUBLE] = 8, [OC_OBJECT_ID] = 12, [OC_BOOL] = 1,  [OC_DATE] = 8,
                                        [OC_INT32] = 4,  [OC_TIMESTAMP] = 8,  [OC_INT64] = 8, [OC_DECIMAL128] = 16};
    if (type < sizeof fixed && fixed[type])
        return fixed[type] <= avail ? fixed[type] : SIZE_MAX;
    if (type == OC_STRING && avail >= 5) {
        size_t n = oc_u32(v);
        return n >= 1 && n <= avail - 4 && v[4 + n - 1] == 0 ? 4 + n : SIZE_MAX;
    }
    if ((type == OC_DOCUMENT || type == OC_ARRAY) && avail >= 5) {
        size_t n = oc_u32(v);
        return n >= 5 && n <= avail && v[n - 1] == 0 ? n : SIZE_MAX;
    }
    return oc_bson_value_size_slow(type, v, avail);
}

/* `doc` points at a checked document (its length prefix). */
static inline oc_iter oc_bson_iter(const uint8_t *doc) {
    return (oc_iter){doc + 4, doc + oc_u32(doc) - 1};
}

/* The members of an element: of a document or array; any other type has none. */
static inline oc_iter oc_elem_iter(const oc_elem *e) {
    return e->type == OC_DOCUMENT || e->type == OC_ARRAY ? oc_bson_iter(e->value) : (oc_iter){e->end, e->end};
}

/* False at the end. */
static inline bool oc_next(oc_iter *it, oc_elem *e) {
    if (it->at >= it->end)
        return false;
    const uint8_t *nul = oc_find_nul(it->at + 1, it->end);
    e->type = it->at[0];
    e->start = it->at;
    e->name = (oc_str){(const char *)it->at + 1, (size_t)(nul - it->at) - 1};
    e->value = nul + 1;
    e->end = e->value + oc_bson_value_size(e->type, e->value, (size_t)(it->end - e->value));
    it->at = e->end;
    return true;
}

typedef struct oc_bson_report {
    size_t offset; /* on failure: where the offending element starts */
    /* Some BinData 6 starts with the byte 0 or 3, which libmongocrypt takes for a placeholder wherever it stands,
     * except in the scope of a javascriptWithScope. */
    bool has_placeholder;
} oc_bson_report;

/* Checks a whole document of exactly `len` bytes. A top-level document called `opaque` is measured, but not looked
 * into: somebody else will, or has seen the same bytes before. NULL: there is none. */
oc_bson_status oc_bson_check(const uint8_t *doc, size_t len, const char *opaque, oc_bson_report *report);

/* The first element of a checked document at or below which a placeholder stands: its offset, or SIZE_MAX. Elements
 * that start in one of the ranges [skip[i].start, skip[i].end) are left out. */
size_t oc_bson_find_placeholder(const uint8_t *doc, const oc_elem *skip, size_t skip_count);

/* Writes the dotted path of the element that starts at, or holds, `offset` to buf[cap]. The part of the document before
 * it must be well-formed. For messages. */
void oc_bson_path_at(const uint8_t *doc, size_t offset, char *buf, size_t cap);

/* How many members a document or array has. */
size_t oc_count_members(const oc_elem *e);
/* The first field called `name`; false, and *out as it was, if there is none. */
bool oc_bson_find(const uint8_t *doc, const char *name, oc_elem *out);
/* The first field, whatever it is called. */
bool oc_bson_first(const uint8_t *doc, oc_elem *out);

/* MongoDB's alias of a type, "string", "objectId"; "unknown" for none. */
const char *oc_type_name(uint8_t type);
/* The type that an alias names; 0 if it names none ("number" is not one type). */
uint8_t oc_type_by_name(oc_str alias);

static inline bool oc_str_is(oc_str s, const char *literal) {
    size_t n = strlen(literal);
    return s.n == n && memcmp(s.s, literal, n) == 0;
}

/* Their order, as bsearch over a table of names wants it. */
static inline int oc_str_compare(oc_str s, const char *literal) {
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] != literal[i]) /* or the literal has ended */
            return (uint8_t)s.s[i] - (uint8_t)literal[i];
    return literal[s.n] ? -1 : 0;
}

static inline bool oc_str_eq(oc_str a, oc_str b) {
    return a.n == b.n && (a.n == 0 || (a.s[a.n - 1] == b.s[b.n - 1] && memcmp(a.s, b.s, a.n) == 0));
}

static inline bool oc_str_starts(oc_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.s, prefix, n) == 0;
}

/* The text of a string, symbol or code value, without its NUL. */
static inline oc_str oc_elem_str(const oc_elem *e) {
    return (oc_str){(const char *)e->value + 4, oc_u32(e->value) - 1};
}

static inline bool oc_is_number(uint8_t type) {
    return type == OC_INT32 || type == OC_INT64 || type == OC_DOUBLE || type == OC_DECIMAL128;
}

#endif
