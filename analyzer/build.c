#include "build.h"

#include <stdio.h>

static bool make_room(oc_build *b, size_t more) {
    if (b->failed || b->cap - b->len >= more)
        return !b->failed;
    size_t cap = 2 * b->cap + more + 128;
    uint8_t *data = b->arena ? oc_arena_alloc(b->arena, cap) : NULL;
    if (!data) {
        b->failed = true;
        return false;
    }
    if (b->len)
        memcpy(data, b->data, b->len);
    b->data = data;
    b->cap = cap;
    return true;
}

void oc_build_bytes(oc_build *b, const void *bytes, size_t len) {
    if (b->counts)
        b->len += len;
    if (!len || b->counts || !make_room(b, len))
        return;
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

static void byte(oc_build *b, uint8_t v) {
    oc_build_bytes(b, &v, 1);
}

static void u32(oc_build *b, uint32_t v) {
    uint8_t bytes[4];
    oc_put_u32(bytes, v);
    oc_build_bytes(b, bytes, sizeof bytes);
}

static void u64(oc_build *b, uint64_t v) {
    u32(b, (uint32_t)v);
    u32(b, (uint32_t)(v >> 32));
}

void oc_build_head(oc_build *b, uint8_t type, oc_str name) {
    byte(b, type);
    oc_build_bytes(b, name.s, name.n);
    byte(b, 0);
}

size_t oc_build_start(oc_build *b) {
    size_t start = b->len;
    u32(b, 0);
    return start;
}

size_t oc_build_open(oc_build *b, uint8_t type, oc_str name) {
    oc_build_head(b, type, name);
    return oc_build_start(b);
}

size_t oc_build_open_member(oc_build *b, size_t index) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%zu", index);
    return oc_build_open(b, OC_DOCUMENT, (oc_str){digits, (size_t)n});
}

void oc_build_close(oc_build *b, size_t start) {
    byte(b, 0);
    if (!b->failed && !b->counts)
        oc_put_u32(b->data + start, (uint32_t)(b->len - start));
}

size_t oc_build_binary(oc_build *b, oc_str name, uint8_t kind) {
    oc_build_head(b, OC_BINARY, name);
    size_t start = b->len;
    u32(b, 0);
    byte(b, 6);
    byte(b, kind);
    return start;
}

void oc_build_close_binary(oc_build *b, size_t start) {
    if (!b->failed && !b->counts)
        oc_put_u32(b->data + start, (uint32_t)(b->len - start - 5));
}

void oc_build_elem(oc_build *b, const char *name, const oc_elem *e) {
    oc_build_head(b, e->type, oc_build_name(name));
    oc_build_bytes(b, e->value, (size_t)(e->end - e->value));
}

void oc_build_int32(oc_build *b, const char *name, int32_t v) {
    oc_build_head(b, OC_INT32, oc_build_name(name));
    u32(b, (uint32_t)v);
}

void oc_build_int64(oc_build *b, const char *name, int64_t v) {
    oc_build_head(b, OC_INT64, oc_build_name(name));
    u64(b, (uint64_t)v);
}

void oc_build_double(oc_build *b, const char *name, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    oc_build_head(b, OC_DOUBLE, oc_build_name(name));
    u64(b, bits);
}

void oc_build_bool(oc_build *b, const char *name, bool v) {
    oc_build_head(b, OC_BOOL, oc_build_name(name));
    byte(b, v);
}

void oc_build_uuid(oc_build *b, const char *name, const uint8_t uuid[16]) {
    oc_build_head(b, OC_BINARY, oc_build_name(name));
    oc_build_bytes(b, "\x10\0\0\0\x04", 5);
    oc_build_bytes(b, uuid, 16);
}
