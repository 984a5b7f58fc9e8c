#ifndef OC_STORE_VALUE_H
#define OC_STORE_VALUE_H

/* Values of BSON documents: where a dotted path leads, when two values are equal, and typed look-ups that refuse what
 * they do not expect. */

#include "fault.h"

#include <bson/bson.h>

/* Numbers are equal by value whatever their type, everything else by type and bytes. */
bool oc_value_equal(const bson_iter_t *a, const bson_iter_t *b);

/* Sets *out to a document that holds the value alone, under "". The caller destroys it. */
void oc_value_wrap(const bson_iter_t *value, bson_t *out);

typedef bool (*oc_value_visitor)(const bson_iter_t *value, void *context);

/* Shows `visit` every value that the path leads to, until it answers true; returns whether it did. As in MongoDB's
 * filters an array on the way is looked through, and an array at the end is shown both whole and element by element. */
bool oc_value_visit(const bson_t *document, const char *path, oc_value_visitor visit, void *context);

/* Finds a field that must be a document (or, for the second, an array). `*out` borrows from `parent` and is empty if
 * the field is absent. False, with a fault, if the field has another type. */
bool oc_value_document(const bson_t *parent, const char *name, bson_t *out, oc_fault *fault);
bool oc_value_array(const bson_t *parent, const char *name, bson_t *out, oc_fault *fault);

/* `*out` borrows the document or array at `value`. False if the value is neither. */
bool oc_value_view(const bson_iter_t *value, bson_t *out);

/* A number or a bool as an integer, `otherwise` if the field is absent or something else. */
int64_t oc_value_int(const bson_t *parent, const char *name, int64_t otherwise);

/* False, with a fault, if `document` has a field that is not in `names` (separated by single blanks). */
bool oc_value_only(const bson_t *document, const char *names, const char *where, oc_fault *fault);

#endif
