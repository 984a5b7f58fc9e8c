#ifndef OC_INPUT_H
#define OC_INPUT_H

/* A file or standard input, split into JSON objects or BSON documents. It reads as it goes: what is held is one object.
 *
 * JSON is one object a line, or objects over several lines (then all lines but the first are indented, or start with a
 * bracket that closes), or an array of objects. A line that breaks off does not spoil the next: a line that starts with
 * `{` starts an object. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OC_LONGEST_ITEM = 64 * 1024 * 1024 };

typedef enum oc_item_kind {
    OC_ITEM_JSON,
    OC_ITEM_BSON,
    OC_ITEM_TEXT,   /* a line, or the rest of one, that does not start with an object */
    OC_ITEM_BAD,    /* something that is neither; `reason` says why */
    OC_ITEM_FAILED, /* the file cannot be read (any further); `reason` says why */
    OC_ITEM_END,
} oc_item_kind;

typedef struct oc_item {
    oc_item_kind kind;
    char *data; /* may be changed; valid until the next call */
    size_t len;
    uint64_t line;      /* of JSON, from 1; of BSON, the number of the document */
    const char *reason; /* a static string, or one of strerror */
} oc_item;

typedef struct oc_input oc_input;

/* `path`: NULL or "-" is standard input. A file that cannot be opened yields one OC_ITEM_FAILED. */
oc_input *oc_input_open(const char *path);
/* The same over bytes in memory, which must outlive the input. */
oc_input *oc_input_over(const void *bytes, size_t len);
oc_item oc_input_next(oc_input *input);
/* The end of the object that starts at text[at], past its bracket; 0 if it does not end. */
size_t oc_object_end(const char *text, size_t len, size_t at);
/* How far it is, in per cent of the file, or -1 if its size is not known. */
int oc_input_progress(const oc_input *input);
void oc_input_close(oc_input *input);

#endif
