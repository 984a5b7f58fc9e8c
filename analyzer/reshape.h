#ifndef OC_RESHAPE_H
#define OC_RESHAPE_H

/* Stages that reshape documents (reshape.c), and what a pipeline update may store (store.c). */

#include "pipeline.h"

bool oc_stage_project(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_add_fields(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_unset(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_replace_root(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_replace_with(oc_pipeline *p, oc_frame *frame, const oc_elem *e);

/* The node that a field gets in a pipeline update whose collection has `target` there. Constants are marked. What is
 * not safe to store gets a node that oc_check_stored will refuse, unless a later stage removes it. */
const oc_node *oc_store(oc_pipeline *p, const oc_results *results, const oc_node *target, const oc_path *path);
/* That the documents which leave the pipeline agree with the collection's tree on every path: absent, unchanged, or
 * marked where it is encrypted, and no ciphertext elsewhere. */
bool oc_check_stored(const oc_pipeline *p);

#endif
