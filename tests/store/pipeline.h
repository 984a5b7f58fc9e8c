#ifndef OC_STORE_PIPELINE_H
#define OC_STORE_PIPELINE_H

/* What happens to documents on their way out: projections and aggregation stages. */

#include "documents.h"
#include "fault.h"

/* Runs the stages of `pipeline` (an array of documents) over `*documents`, in place. `db` has the collections that it
 * names. */
bool oc_pipeline_run(const char *db, const bson_t *pipeline, oc_documents *documents, oc_fault *fault);

/* The stage $lookup, in lookup.c. */
bool oc_pipeline_lookup(const char *db, const bson_iter_t *spec, oc_documents *documents, oc_fault *fault);

/* Applies a projection that lists fields to keep, or drops `_id`, to `*documents`. */
bool oc_pipeline_project(const bson_t *projection, oc_documents *documents, oc_fault *fault);

#endif
