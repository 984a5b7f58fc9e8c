#ifndef OC_BUFFER_H
#define OC_BUFFER_H

/* Text or bytes that grow. When memory is exhausted the program says so and ends: it has nothing to save. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct oc_buffer {
    char *data; /* not NUL-terminated; NULL while nothing was added */
    size_t len, cap;
} oc_buffer;

void oc_buffer_reserve(oc_buffer *b, size_t more);
void oc_buffer_add(oc_buffer *b, const void *bytes, size_t len);
void oc_buffer_text(oc_buffer *b, const char *text);
void oc_buffer_char(oc_buffer *b, char c);
void oc_buffer_format(oc_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends a string of arbitrary bytes as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void oc_buffer_json(oc_buffer *b, const char *text, size_t len);
/* The text with a NUL after it, which does not count. */
const char *oc_buffer_string(oc_buffer *b);
/* Overwrites the content, which may be plaintext, and empties the buffer. */
void oc_buffer_wipe(oc_buffer *b);
void oc_buffer_done(oc_buffer *b);

/* Length of the UTF-8 character at text[0] (with `len` bytes left), 0 if there is none. */
size_t oc_utf8_length(const char *text, size_t len);
bool oc_utf8_valid(const char *text, size_t len);

void *oc_allocate(size_t size); /* zeroed */
char *oc_copy(const char *text, size_t len);

#endif
