#ifndef OC_GROUP_H
#define OC_GROUP_H

/* Stages that group, partition and accumulate, and the accumulators and window functions in them (group.c). */

#include "pipeline.h"

bool oc_stage_group(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_sort_by_count(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_bucket(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_bucket_auto(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_set_window_fields(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_densify(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
bool oc_stage_fill(oc_pipeline *p, oc_frame *frame, const oc_elem *e);

typedef enum oc_accumulator_kind {
    OC_ACCUMULATE_PLAIN, /* over plain values, to a plain one */
    OC_ACCUMULATE_PASS,  /* one of the values */
    OC_ACCUMULATE_PUSH,  /* an array of them */
    OC_ACCUMULATE_SET,   /* an array of those that differ: they are compared */
    OC_ACCUMULATE_REFUSED,
} oc_accumulator_kind;

enum { OC_IN_GROUP = 1, OC_IN_WINDOW = 2 };

typedef struct oc_accumulator {
    const char *name;
    unsigned places; /* OC_IN_GROUP, OC_IN_WINDOW */
    oc_accumulator_kind kind;
    oc_operand operand;
    const char *names; /* of named operands, as in oc_expression_operator; '<' before one: a sort specification */
} oc_accumulator;

const oc_accumulator *oc_accumulators(size_t *count); /* sorted by name */
const oc_accumulator *oc_accumulator_find(oc_str name);

#endif
