#ifndef OC_PATH_H
#define OC_PATH_H

/* Where in a document we are. Each level of a walk keeps one link on its own stack, so that a path costs nothing until
 * a message needs it. A name may itself hold dots (a path written in a filter). */

#include "bson.h"

typedef struct oc_path {
    const struct oc_path *up; /* NULL at the root */
    oc_str name;
} oc_path;

/* Appends "a.b.c" to the string in buf[cap], as valid UTF-8. NULL is the empty path. */
void oc_path_append(char *buf, size_t cap, const oc_path *path);

#endif
