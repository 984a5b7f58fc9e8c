/* aggregate: the command's own fields; what its pipeline means is in pipeline.c. */

#include "commands.h"
#include "keys.h"
#include "pipeline.h"

bool oc_analyze_aggregate(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *pipeline = oc_field_get(fields, OC_SLOT_PIPELINE);
    if (!pipeline)
        return oc_fail_missing(a, "aggregate", "pipeline");
    return oc_collation(a, oc_field_get(fields, OC_SLOT_COLLATION), &a->collation) &&
           oc_pipeline_aggregate(a, frame, pipeline);
}

bool oc_refer_aggregate(oc_analysis *a, const oc_frame *frame) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e, pipeline = {0};
    while (oc_next(&it, &e)) {
        if (!oc_str_is(e.name, "pipeline"))
            continue;
        if (pipeline.start)
            return oc_fail_duplicate(a, "aggregate", e.name);
        pipeline = e;
    }
    return !pipeline.start || oc_pipeline_refer(a, &pipeline);
}
