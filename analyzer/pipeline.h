#ifndef OC_PIPELINE_H
#define OC_PIPELINE_H

/* Aggregation pipelines, interpreted abstractly: the tree of the collection goes in, each stage turns the tree of its
 * input documents into that of its output documents, and marks or refuses what it contains. Marks are recorded as edits
 * (splice.h), so nothing is written before the whole command is accepted.
 *
 * A stage is one row. What no row names is refused, even where nothing is encrypted: it could read or write anywhere.
 */

#include "expression.h"

typedef struct oc_pipeline {
    oc_scope scope;            /* scope.tree: the documents that reach the stage */
    const oc_node *collection; /* the tree of the collection that the pipeline reads */
    oc_str ns;                 /* and its namespace */
    const oc_node *stored;     /* an update: what the result must agree with; NULL: an aggregation */
    unsigned depth;            /* of pipelines in one another */
    bool first;                /* the stage is the first of its pipeline */
    bool last;
} oc_pipeline;

typedef enum oc_stage_place {
    OC_STAGE_ANYWHERE,
    OC_STAGE_FIRST,
    OC_STAGE_LAST,
    OC_STAGE_REFUSED, /* documented, and refused where the request encrypts anything */
} oc_stage_place;

typedef struct oc_stage {
    const char *name;
    oc_stage_place place;
    bool in_update; /* allowed in a pipeline update */
    /* `e`: the stage's field in its document, which is that of `frame`. */
    bool (*analyze)(oc_pipeline *p, oc_frame *frame, const oc_elem *e);
    /* For stages that name other collections: checks those names where nothing is encrypted. NULL: it names none. */
    bool (*refer)(oc_pipeline *p, const oc_elem *e);
} oc_stage;

const oc_stage *oc_stages(size_t *count); /* sorted by name */

/* The pipeline of an aggregate on a->root, `e` an element of the document of `frame`. */
bool oc_pipeline_aggregate(oc_analysis *a, oc_frame *frame, const oc_elem *e);
/* A pipeline in place of an update. */
bool oc_pipeline_update(oc_analysis *a, oc_frame *frame, const oc_elem *e);
/* Where the request encrypts nothing: that a pipeline names only collections and stages that are known. */
bool oc_pipeline_refer(oc_analysis *a, const oc_elem *e);

/* Runs a pipeline inside a stage, from `tree`; *out is the tree of its documents. */
bool oc_sub_pipeline(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, const oc_node *tree, oc_str ns,
                     const oc_variable *variables, const oc_node **out);
/* The same from the documents that reach the stage. */
bool oc_sub_pipeline_of(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, const oc_node **out);
bool oc_refer_sub_pipeline(const oc_pipeline *outer, const oc_elem *e, oc_str ns);

/* ---- for stages ---- */

bool oc_fail_stage(const oc_pipeline *p, const oc_path *path, const char *hint, const char *what);
bool oc_stage_string(const oc_pipeline *p, const oc_elem *e, oc_str *out);
/* Options of a stage that are there, by oc_options. */
bool oc_stage_options(const oc_pipeline *p, const oc_elem *e, const char *names, oc_elem *out);
/* The dotted paths that a stage sets, and those that they go through. */
typedef struct oc_paths {
    oc_nameset set, above;
} oc_paths;

/* That no path of a stage is another or leads through it: which of them the server would follow is not for us to guess.
 */
bool oc_stage_path_once(const oc_pipeline *p, oc_paths *paths, oc_str path);
/* Replaces the dotted path in the tree. */
bool oc_stage_set(oc_pipeline *p, oc_str path, const oc_node *value);
/* That the field at a dotted path is plain. */
bool oc_stage_plain_path(const oc_pipeline *p, oc_str path);

/* A key that documents are grouped by: plain, deterministic, or an object of such fields. Its node, or NULL. */
const oc_node *oc_group_key(const oc_scope *s, oc_frame *frame, const oc_elem *e);
/* A field that documents are partitioned by, named by its path: plain or deterministic. */
bool oc_partition_field(const oc_scope *s, oc_str path);

/* ---- accumulators and window functions ---- */

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
    const char *names; /* of named operands, as in oc_expression_operator; OC_ACCUMULATE_PASS: the first is passed */
} oc_accumulator;

const oc_accumulator *oc_accumulators(size_t *count); /* sorted by name */
const oc_accumulator *oc_accumulator_find(oc_str name);
/* Evaluates {$sum: …}, the operator element in the document of `frame`; NULL on failure. */
const oc_node *oc_accumulate(const oc_scope *s, oc_frame *frame, const oc_elem *e, unsigned place);

#endif
