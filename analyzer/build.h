#ifndef OC_BUILD_H
#define OC_BUILD_H

/* Small BSON documents written into the arena, or into bytes that are there already (`arena` NULL): what takes the
 * place of a rewritten predicate. A failure to allocate is remembered and asked for once, at the end.
 *
 *     size_t list = oc_build_open(&b, OC_ARRAY, "$and");
 *     ...
 *     oc_build_close(&b, list);
 */

#include "arena.h"
#include "bson.h"

typedef struct oc_build {
    oc_arena *arena;
    uint8_t *data;
    size_t len, cap;
    bool counts; /* nothing is written: `len` is what it would be */
    bool failed;
} oc_build;

/* An element's type and name; its value comes next. */
void oc_build_head(oc_build *b, uint8_t type, oc_str name);
void oc_build_bytes(oc_build *b, const void *bytes, size_t len);
/* A document or an array; what it returns is for oc_build_close. */
size_t oc_build_open(oc_build *b, uint8_t type, oc_str name);
/* A member of an array. */
size_t oc_build_open_member(oc_build *b, size_t index);
/* A document that is not an element: the content of a placeholder. */
size_t oc_build_start(oc_build *b);
void oc_build_close(oc_build *b, size_t start);
/* A BinData of subtype 6, whose content starts with the byte `kind`. */
size_t oc_build_binary(oc_build *b, oc_str name, uint8_t kind);
void oc_build_close_binary(oc_build *b, size_t start);

/* A copy of an element under another name. */
void oc_build_elem(oc_build *b, const char *name, const oc_elem *e);
void oc_build_int32(oc_build *b, const char *name, int32_t v);
void oc_build_int64(oc_build *b, const char *name, int64_t v);
void oc_build_double(oc_build *b, const char *name, double v);
void oc_build_uuid(oc_build *b, const char *name, const uint8_t uuid[16]);
void oc_build_bool(oc_build *b, const char *name, bool v);

static inline oc_str oc_build_name(const char *name) {
    return (oc_str){name, strlen(name)};
}

#endif
