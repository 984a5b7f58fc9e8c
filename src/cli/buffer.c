#include "buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die_of_memory(void) {
    fputs("opencrypt: out of memory\n", stderr);
    exit(2);
}

void *oc_allocate(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        die_of_memory();
    return memory;
}

char *oc_copy(const char *text, size_t len) {
    char *copy = oc_allocate(len + 1);
    if (len)
        memcpy(copy, text, len);
    return copy;
}

void oc_buffer_reserve(oc_buffer *b, size_t more) {
    if (more <= b->cap - b->len)
        return;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->len < more) {
        if (cap > SIZE_MAX / 2)
            die_of_memory();
        cap *= 2;
    }
    b->data = realloc(b->data, cap);
    if (!b->data)
        die_of_memory();
    b->cap = cap;
}

void oc_buffer_add(oc_buffer *b, const void *bytes, size_t len) {
    if (!len)
        return;
    oc_buffer_reserve(b, len);
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

void oc_buffer_text(oc_buffer *b, const char *text) {
    oc_buffer_add(b, text, strlen(text));
}

void oc_buffer_char(oc_buffer *b, char c) {
    oc_buffer_add(b, &c, 1);
}

void oc_buffer_format(oc_buffer *b, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    oc_buffer_reserve(b, (size_t)len + 1);
    va_start(arguments, format);
    vsnprintf(b->data + b->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    b->len += (size_t)len;
}

size_t oc_utf8_length(const char *text, size_t len) {
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    return overlong || surrogate || (s[0] == 0xF4 && s[1] > 0x8F) ? 0 : n;
}

bool oc_utf8_valid(const char *text, size_t len) {
    while (len) {
        size_t n = oc_utf8_length(text, len);
        if (!n)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static void add_escaped(oc_buffer *b, char c) {
    switch (c) {
    case '"': oc_buffer_text(b, "\\\""); break;
    case '\\': oc_buffer_text(b, "\\\\"); break;
    case '\n': oc_buffer_text(b, "\\n"); break;
    case '\t': oc_buffer_text(b, "\\t"); break;
    case '\r': oc_buffer_text(b, "\\r"); break;
    default:
        if ((unsigned char)c < 0x20 || c == 0x7F)
            oc_buffer_format(b, "\\u%04x", (unsigned)(unsigned char)c);
        else
            oc_buffer_char(b, c);
    }
}

/* U+0080 to U+009F can move a terminal's cursor as well as the ASCII control characters. */
static bool is_c1(const char *text, size_t n) {
    return n == 2 && (unsigned char)text[0] == 0xC2 && (unsigned char)text[1] < 0xA0;
}

void oc_buffer_json(oc_buffer *b, const char *text, size_t len) {
    oc_buffer_char(b, '"');
    while (len) {
        size_t n = oc_utf8_length(text, len);
        if (n == 1)
            add_escaped(b, *text);
        else if (n == 0)
            oc_buffer_text(b, "\xEF\xBF\xBD");
        else if (is_c1(text, n))
            oc_buffer_format(b, "\\u%04x", (unsigned)(unsigned char)text[1]);
        else
            oc_buffer_add(b, text, n);
        text += n ? n : 1;
        len -= n ? n : 1;
    }
    oc_buffer_char(b, '"');
}

const char *oc_buffer_string(oc_buffer *b) {
    oc_buffer_reserve(b, 1);
    b->data[b->len] = '\0';
    return b->data;
}

void oc_buffer_wipe(oc_buffer *b) {
    if (b->cap)
        explicit_bzero(b->data, b->cap);
    b->len = 0;
}

void oc_buffer_done(oc_buffer *b) {
    free(b->data);
    *b = (oc_buffer){0};
}
