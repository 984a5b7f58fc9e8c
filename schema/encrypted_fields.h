#ifndef OC_ENCRYPTED_FIELDS_H
#define OC_ENCRYPTED_FIELDS_H

/* The compiler for `encryptedFields` of Queryable Encryption. */

#include "tree.h"

/* Compiles the checked document `schema`, which must live in tree->arena, into tree->root: children along the paths,
 * each field an OC_ENCRYPTED node with meta->qe. The path of an error is a JSON Pointer into the document. */
bool oc_encrypted_fields_compile(oc_tree *tree, const uint8_t *schema, oc_error *error);

#endif
