#ifndef OC_PUT_H
#define OC_PUT_H

/* Writing BSON into memory that has been measured. Each takes where to write and returns where it ends. */

#include "bson.h"

static inline uint8_t *oc_put(uint8_t *p, const void *bytes, size_t len) {
    memcpy(p, bytes, len);
    return p + len;
}

static inline uint8_t *oc_put_length(uint8_t *p, size_t v) {
    oc_put_u32(p, (uint32_t)v);
    return p + 4;
}

static inline uint8_t *oc_put_long(uint8_t *p, int64_t v) {
    oc_put_u32(p, (uint32_t)(uint64_t)v);
    oc_put_u32(p + 4, (uint32_t)((uint64_t)v >> 32));
    return p + 8;
}

/* The start of an element. */
static inline uint8_t *oc_put_name(uint8_t *p, uint8_t type, oc_str name) {
    *p++ = type;
    p = oc_put(p, name.s, name.n);
    *p++ = 0;
    return p;
}

#endif
