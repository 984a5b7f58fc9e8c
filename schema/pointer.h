#ifndef OC_POINTER_H
#define OC_POINTER_H

/* JSON Pointers (RFC 6901) as a keyId: "/meta/key~1name" names a string field of the document being written, which
 * holds the alternative name of the key. They walk objects only. */

#include "arena.h"
#include "bson.h"

typedef struct oc_pointer {
    oc_str text;    /* as written, for messages; n == 0: not a pointer */
    oc_str *tokens; /* unescaped */
    size_t count;
} oc_pointer;

typedef enum oc_pointer_status { OC_POINTER_OK, OC_POINTER_INVALID, OC_POINTER_NO_MEMORY } oc_pointer_status;

/* Invalid: empty, not starting with '/', or with a '~' that is not '~0' or '~1'. Borrows `text`. */
oc_pointer_status oc_pointer_parse(oc_pointer *pointer, oc_arena *arena, oc_str text);

/* The element that the pointer leads to; false if there is none. A field that occurs twice on the way leads nowhere: it
 * would be unclear which one the server keeps. */
bool oc_pointer_resolve(const oc_pointer *pointer, const uint8_t *doc, oc_elem *out);

#endif
