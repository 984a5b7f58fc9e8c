#ifndef OC_SEARCH_H
#define OC_SEARCH_H

/* $search, $searchMeta, $vectorSearch (search.c). */

#include "pipeline.h"

bool oc_stage_search(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_search_meta(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_rerank(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_score(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_vector_search(oc_pipeline *p, oc_frame *frame, const oc_elem *e);

#endif
