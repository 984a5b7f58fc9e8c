#ifndef OC_COMMANDS_H
#define OC_COMMANDS_H

/* The commands that drivers show to query analysis, one row each. */

#include "fields.h"

typedef struct oc_command {
    const char *name;
    const oc_field *fields; /* those of operators.md */
    /* Analyses the command in `frame` where a schema of the request encrypts something. NULL: not supported yet. */
    bool (*analyze)(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
    bool collection; /* the command's value names a collection */
    /* What must hold of the command where no schema of the request encrypts anything; NULL: it passes. */
    bool (*refer)(oc_analysis *a, const oc_frame *frame);
} oc_command;

const oc_command *oc_command_find(oc_str name);
/* All rows, sorted by name. */
const oc_command *oc_commands(size_t *count);

/* Handlers (crud.c; aggregate.c). */
bool oc_analyze_find(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_insert(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_update(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_delete(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_find_and_modify(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_aggregate(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_refer_aggregate(oc_analysis *a, const oc_frame *frame);
bool oc_analyze_count(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_distinct(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
/* bulk.c */
bool oc_analyze_bulk_write(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
/* ddl.c */
bool oc_analyze_create(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_coll_mod(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
bool oc_analyze_create_indexes(oc_analysis *a, oc_frame *frame, const oc_fields *fields);

#endif
