#ifndef OC_TEXT_H
#define OC_TEXT_H

/* Bounded text for messages. Names come from clients as arbitrary bytes; what is appended here is always valid UTF-8
 * without control characters, NUL-terminated, and shortened at a character with "…" rather than cut inside one. */

#include <stddef.h>

/* Appends `len` bytes to the string in buf[cap]. Bytes that are not UTF-8 become '?'. */
void oc_text_append(char *buf, size_t cap, const char *bytes, size_t len);
void oc_text_append_string(char *buf, size_t cap, const char *string);

#endif
