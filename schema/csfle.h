#ifndef OC_CSFLE_H
#define OC_CSFLE_H

/* The compiler for CSFLE schemas: $jsonSchema with `encrypt` and `encryptMetadata`. */

#include "tree.h"

/* Compiles the checked document `schema`, which must live in tree->arena, into tree->root.
 * `remote`: the schema is the collection's own validator, so that its other keywords are enforced by the server.
 * Where several things are wrong, the error reported is, in this order: a sibling of `encrypt`, the structure above an
 * `encrypt`, a keyword (unknown, of the wrong shape, remote only), what `encrypt` says. The path of the error is a JSON
 * Pointer into the schema. */
bool oc_csfle_compile(oc_tree *tree, const uint8_t *schema, bool remote, oc_error *error);

#endif
