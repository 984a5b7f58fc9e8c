#ifndef OC_DOCUMENT_H
#define OC_DOCUMENT_H

/* Documents along the tree: what is inserted, replaces another, is set as an object, or is compared with an object. */

#include "mark.h"

/* Marks every encrypted field of the document of `frame`, whose tree is `node` (not encrypted itself). */
bool oc_document(oc_analysis *a, oc_frame *frame, const oc_node *node, const oc_marking *how);

/* Whether a top-level field of the collection a->root is the one in which Queryable Encryption keeps its index: nothing
 * that a client writes may touch it. */
bool oc_is_safe_content(const oc_analysis *a, oc_str name);
/* The error for that. Always false. */
bool oc_fail_safe_content(oc_analysis *a, const oc_path *path, const char *op);

/* Whether a document at `node` has a field that the tree does not call plain. */
bool oc_holds_encrypted(oc_analysis *a, const uint8_t *doc, const oc_node *node, bool *holds);

/* An array where the tree has encrypted fields below, compared with what is stored. An element that holds one of these
 * fields could match ciphertext only by chance: an error. */
bool oc_compared_array(oc_analysis *a, const oc_elem *array, const oc_node *node, const oc_path *path, const char *op);

#endif
