#ifndef OC_GROUP_H
#define OC_GROUP_H

/* Stages that group, partition and accumulate (group.c). */

#include "pipeline.h"

bool oc_stage_group(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_sort_by_count(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_bucket(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_bucket_auto(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_set_window_fields(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_densify(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_fill(oc_pipeline *p, oc_frame *frame, const oc_elem *e);

#endif
