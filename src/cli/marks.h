#ifndef OC_MARKS_H
#define OC_MARKS_H

/* What a reply would have encrypted, in words: field, algorithm, key. */

#include "attach.h"
#include "buffer.h"
#include "opencrypt.h"

typedef struct oc_mark {
    const char *path; /* of the field, "user.ssn" */
    const char *algorithm;
    const char *use; /* "stored", "compared"; "": it does not say */
    const char *key; /* the data key's UUID or its alternative name */
} oc_mark;

/* A list of marks in one piece of memory. */
typedef struct oc_marks {
    oc_mark *list;
    size_t count;
} oc_marks;

/* The field of a placeholder, as the schemas of `n` name it where that can be told from its place in the command or
 * from its key; else its place in the command. */
void oc_mark_path(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_placeholder *p);
void oc_mark_key(oc_buffer *out, const opencrypt_placeholder *p);
const char *oc_mark_use(const opencrypt_placeholder *p);

/* Appends "path\0algorithm\0use\0key\0" of each, once. False: memory, or a placeholder that is none. */
bool oc_marks_collect(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_reply *reply);
/* From what oc_marks_collect has made. */
oc_marks oc_marks_read(const oc_buffer *collected);
void oc_marks_done(oc_marks *marks);

#endif
