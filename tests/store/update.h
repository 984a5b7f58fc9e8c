#ifndef OC_STORE_UPDATE_H
#define OC_STORE_UPDATE_H

/* Updates: $addToSet, $set, $setOnInsert, $unset and replacement. */

#include "fault.h"

#include <bson/bson.h>

typedef struct oc_update {
    bson_t spec;      /* borrowed: operators or a replacement */
    bool replacement; /* a whole new document, `_id` excepted */
} oc_update;

/* Reads the update at `value`. False, with a fault, for a pipeline and for operators that the store does not know. */
bool oc_update_parse(const bson_iter_t *value, oc_update *out, oc_fault *fault);

/* Makes `*out`, which the caller destroys, from `document`. On failure there is nothing to destroy. */
bool oc_update_apply(const oc_update *update, const bson_t *document, bool inserting, bson_t *out, oc_fault *fault);

/* Makes `*out`, which the caller destroys, the document that an upsert starts from: the equalities of the filter, but
 * for those of Queryable Encryption. */
bool oc_update_seed(const bson_t *filter, bson_t *out, oc_fault *fault);

#endif
