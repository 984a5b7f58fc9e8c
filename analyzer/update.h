#ifndef OC_UPDATE_H
#define OC_UPDATE_H

/* Updates: a replacement document, a document of update operators, or a pipeline. An operator is one row. */

#include "analysis.h"

typedef struct oc_update_operator {
    const char *name;
    /* Analyses one {path: operand} of the operator. NULL: allowed on plain paths only. */
    bool (*field)(oc_analysis *a, oc_frame *frame, const oc_elem *e, const char *op);
    const char *refusal; /* "X not allowed on encrypted values", for paths that are not plain; NULL: by the handler */
} oc_update_operator;

const oc_update_operator *oc_update_operators(size_t *count); /* sorted by name */

/* Analyses `update`, an element of the document of `frame`. */
bool oc_update(oc_analysis *a, oc_frame *frame, const oc_elem *update);

/* Whether the update says what `field` becomes in a document that an upsert inserts. */
bool oc_update_sets(const oc_elem *update, const char *field);

#endif
