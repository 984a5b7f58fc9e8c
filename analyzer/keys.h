#ifndef OC_KEYS_H
#define OC_KEYS_H

/* Documents whose names are paths: sort, projection, index bounds, and the collation beside them. Each takes an element
 * of a command; an absent one passes. */

#include "analysis.h"

/* {path: 1 | -1 | {$meta: …}}: the server would order ciphertext, so encrypted, above and below are errors. */
bool oc_sort(oc_analysis *a, const oc_elem *sort);
/* The same against another tree; not absent. */
bool oc_sort_on(oc_analysis *a, const oc_node *tree, const oc_elem *sort);
/* find's projection, findAndModify's fields, an element of the document of `frame`. Inclusion and exclusion pass on
 * every path; expressions may compare encrypted fields. */
bool oc_projection(oc_analysis *a, oc_frame *frame, const oc_elem *projection);
/* find's min and max: values to compare with index keys. */
bool oc_index_bound(oc_analysis *a, const oc_elem *bound);
/* Whether strings are compared by other rules than byte by byte. */
bool oc_collation(oc_analysis *a, const oc_elem *collation, bool *not_simple);

#endif
