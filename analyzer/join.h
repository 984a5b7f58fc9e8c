#ifndef OC_JOIN_H
#define OC_JOIN_H

/* Stages that read or write collections by name, or run pipelines of their own (join.c). */

#include "pipeline.h"

bool oc_stage_lookup(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_graph_lookup(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_union_with(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_facet(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_out(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_merge(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_rank_fusion(oc_pipeline *p, oc_frame *frame, const oc_elem *e); /* $scoreFusion as well */

bool oc_refer_lookup(oc_pipeline *p, const oc_elem *e);
bool oc_refer_union_with(oc_pipeline *p, const oc_elem *e);
bool oc_refer_graph_lookup(oc_pipeline *p, const oc_elem *e);
bool oc_refer_facet(oc_pipeline *p, const oc_elem *e);
bool oc_refer_target(oc_pipeline *p, const oc_elem *e); /* $out, $merge */
bool oc_refer_rank_fusion(oc_pipeline *p, const oc_elem *e);

#endif
