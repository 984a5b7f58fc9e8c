#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static value *node(pool *p, uint8_t type) {
    value *v = pool_take(p, sizeof *v);
    v->type = type;
    return v;
}

value *value_scalar(pool *p, uint8_t type, const void *bytes, size_t len) {
    value *v = node(p, type);
    if (len) {
        uint8_t *copy = pool_take(p, len);
        memcpy(copy, bytes, len);
        v->bytes = copy;
    }
    v->len = (uint32_t)len;
    return v;
}

value *value_doc(pool *p) {
    return node(p, T_DOC);
}

value *value_array(pool *p) {
    return node(p, T_ARRAY);
}

value *value_null(pool *p) {
    return node(p, T_NULL);
}

value *value_bool(pool *p, bool b) {
    return value_scalar(p, T_BOOL, &(char){b}, 1);
}

value *value_int(pool *p, int32_t n) {
    return value_scalar(p, T_INT, &n, sizeof n);
}

value *value_long(pool *p, int64_t n) {
    return value_scalar(p, T_LONG, &n, sizeof n);
}

value *value_double(pool *p, double n) {
    return value_scalar(p, T_DOUBLE, &n, sizeof n);
}

value *value_text(pool *p, uint8_t type, const char *text, size_t len) {
    value *v = node(p, type);
    uint8_t *bytes = pool_take(p, len + 5);
    memcpy(bytes, &(uint32_t){(uint32_t)len + 1}, 4);
    memcpy(bytes + 4, text, len);
    v->bytes = bytes;
    v->len = (uint32_t)len + 5;
    return v;
}

value *value_string(pool *p, const char *text) {
    return value_text(p, T_STRING, text, strlen(text));
}

value *value_binary(pool *p, uint8_t subtype, const void *payload, size_t len) {
    value *v = node(p, T_BINARY);
    uint8_t *bytes = pool_take(p, len + 5);
    memcpy(bytes, &(uint32_t){(uint32_t)len}, 4);
    bytes[4] = subtype;
    memcpy(bytes + 5, payload, len);
    v->bytes = bytes;
    v->len = (uint32_t)len + 5;
    return v;
}

value *value_put(pool *p, value *parent, const char *name, const value *child) {
    value *copy = node(p, child->type);
    *copy = *child;
    copy->name = name;
    copy->next = NULL;
    if (parent->last)
        parent->last->next = copy;
    else
        parent->first = copy;
    parent->last = copy;
    return copy;
}

value *value_push(pool *p, value *array, const value *child) {
    static const char *digits[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    unsigned n = value_count(array);
    return value_put(p, array, n < 8 ? digits[n] : pool_text(p, "%u", n), child);
}

value *value_one(pool *p, const char *name, const value *child) {
    value *doc = value_doc(p);
    value_put(p, doc, name, child);
    return doc;
}

value *value_copy(pool *p, const value *v) {
    value *copy = node(p, v->type);
    *copy = *v;
    copy->first = copy->last = copy->next = NULL;
    for (const value *m = v->first; m; m = m->next)
        value_put(p, copy, m->name, m);
    return copy;
}

const value *value_get(const value *doc, const char *name) {
    if (!doc || !value_is_container(doc))
        return NULL;
    for (const value *m = doc->first; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

unsigned value_count(const value *v) {
    unsigned n = 0;
    for (const value *m = v->first; m; m = m->next)
        n++;
    return n;
}

bool value_is_container(const value *v) {
    return v->type == T_DOC || v->type == T_ARRAY;
}

bool value_is_number(const value *v) {
    return v->type == T_INT || v->type == T_LONG || v->type == T_DOUBLE;
}

double value_number(const value *v) {
    int32_t i;
    int64_t l;
    double d;
    switch (v->type) {
    case T_INT: memcpy(&i, v->bytes, sizeof i); return i;
    case T_LONG: memcpy(&l, v->bytes, sizeof l); return (double)l;
    case T_DOUBLE: memcpy(&d, v->bytes, sizeof d); return d;
    default: return 0;
    }
}

const char *value_chars(const value *v) {
    return v->type == T_STRING || v->type == T_SYMBOL || v->type == T_CODE ? (const char *)v->bytes + 4 : "";
}

bool value_equal(const value *a, const value *b) {
    if (a->type != b->type || a->len != b->len)
        return false;
    if (!value_is_container(a))
        return a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0;
    const value *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (strcmp(x->name, y->name) != 0 || !value_equal(x, y))
            return false;
    return !x && !y;
}

uint8_t value_subtype(const value *v) {
    return v->bytes[4];
}

uint32_t value_payload(const value *v, const uint8_t **payload) {
    *payload = v->bytes + 5;
    return v->len - 5;
}

bool value_is_placeholder(const value *v) {
    return v->type == T_BINARY && v->bytes[4] == 6 && v->len > 5 && (v->bytes[5] == 0 || v->bytes[5] == 3);
}

unsigned value_placeholders(const value *v) {
    unsigned n = value_is_placeholder(v);
    if (value_is_container(v))
        for (const value *m = v->first; m; m = m->next)
            n += value_placeholders(m);
    return n;
}

static void append(buffer *out, const void *data, size_t len) {
    if (out->len + len > out->room) {
        out->room = (out->len + len) * 2 + 256;
        out->data = realloc(out->data, out->room);
        if (!out->data) {
            fputs("out of memory\n", stderr);
            exit(2);
        }
    }
    if (len)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

void value_write(buffer *out, const value *doc) {
    size_t start = out->len;
    append(out, "\0\0\0\0", 4);
    for (const value *m = doc->first; m; m = m->next) {
        append(out, &m->type, 1);
        append(out, m->name, strlen(m->name) + 1);
        if (value_is_container(m))
            value_write(out, m);
        else
            append(out, m->bytes, m->len);
    }
    append(out, "", 1);
    uint32_t len = (uint32_t)(out->len - start);
    memcpy(out->data + start, &len, 4);
}

/* The length of a scalar, 0 with *bad set when it does not fit. */
static size_t scalar_length(uint8_t type, const uint8_t *at, size_t left, bool *bad) {
    uint32_t n = 0;
    if (left >= 4)
        memcpy(&n, at, 4);
    switch (type) {
    case T_UNDEFINED:
    case T_NULL:
    case T_MINKEY:
    case T_MAXKEY: return 0;
    case T_BOOL: return 1;
    case T_INT: return 4;
    case T_DOUBLE:
    case T_DATE:
    case T_TIMESTAMP:
    case T_LONG: return 8;
    case T_OID: return 12;
    case T_DECIMAL: return 16;
    case T_STRING:
    case T_CODE:
    case T_SYMBOL: *bad |= left < 5; return (size_t)n + 4;
    case T_BINARY: *bad |= left < 5; return (size_t)n + 5;
    case T_CODE_SCOPE: *bad |= left < 4; return n;
    case T_REGEX: {
        size_t pattern = strnlen((const char *)at, left) + 1;
        if (pattern >= left)
            return left + 1;
        return pattern + strnlen((const char *)at + pattern, left - pattern) + 1;
    }
    default: *bad = true; return 0;
    }
}

static bool read_members(pool *p, value *parent, const uint8_t *data, size_t len) {
    uint32_t n;
    if (len < 5)
        return false;
    memcpy(&n, data, 4);
    if (n != len || data[len - 1] != 0)
        return false;
    const uint8_t *at = data + 4, *end = data + len - 1;
    while (at < end) {
        uint8_t type = *at++;
        size_t name = strnlen((const char *)at, (size_t)(end - at));
        if (at + name >= end && type != T_NULL && type != T_UNDEFINED && type != T_MINKEY && type != T_MAXKEY)
            return false;
        value *m = value_put(p, parent, (const char *)at, &(value){.type = type});
        at += name + 1;
        size_t left = at <= end ? (size_t)(end - at) : 0;
        if (value_is_container(m)) {
            if (left < 5)
                return false;
            memcpy(&n, at, 4);
            if (n > left || !read_members(p, m, at, n))
                return false;
            at += n;
            continue;
        }
        bool bad = false;
        size_t size = scalar_length(type, at, left, &bad);
        if (bad || size > left)
            return false;
        m->bytes = at;
        m->len = (uint32_t)size;
        at += size;
    }
    return at == end;
}

value *value_read(pool *p, const uint8_t *data, size_t len) {
    value *doc = value_doc(p);
    return read_members(p, doc, data, len) ? doc : NULL;
}
