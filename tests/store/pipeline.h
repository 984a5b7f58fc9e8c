#ifndef OC_STORE_PIPELINE_H
#define OC_STORE_PIPELINE_H

/* What happens to documents on their way out: projections and aggregation stages. */

#include "documents.h"
#include "fault.h"

/* Runs the stages of `pipeline` (an array of documents) over `*documents`, in place. */
bool oc_pipeline_run(const bson_t *pipeline, oc_documents *documents, oc_fault *fault);

/* Applies a projection that lists fields to keep, or drops `_id`, to `*documents`. */
bool oc_pipeline_project(const bson_t *projection, oc_documents *documents, oc_fault *fault);

#endif
