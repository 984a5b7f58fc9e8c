#ifndef OC_PLACEHOLDER_H
#define OC_PLACEHOLDER_H

/* Reading a placeholder back: the forms that mark.h, qe_mark.h and qe_range.h write, and those of other analysers as
 * far as libmongocrypt accepts them (facts.md 3). */

#include "error.h"
#include "opencrypt.h"

/* What is read, in one piece: public.index and public.bounds lead into it where they are set. */
typedef struct oc_placeholder {
    opencrypt_placeholder public;
    opencrypt_index index;
    opencrypt_bounds bounds;
} oc_placeholder;

/* Whether a BinData with this content is a placeholder for libmongocrypt. */
static inline bool oc_is_placeholder(const uint8_t *bytes, size_t len) {
    return len > 0 && (bytes[0] == 0 || bytes[0] == 3);
}

/* Fills all of *out but the path from the content of a BinData, which is of that form but need not be well-formed.
 * `path` says where it stands, for the error. */
bool oc_placeholder_read(const uint8_t *bytes, size_t len, const oc_path *path, oc_error *error, oc_placeholder *out);

#endif
