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
    bool apart;      /* in $facet, $unionWith or a fusion, at any depth: no QE comparison is rewritten there */
    bool faceted;    /* in $facet: it has no first stage of its own */
    bool sourceless; /* it reads no collection: $documents must come first */
    bool first;      /* the stage is the first of its pipeline */
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
    bool keeps;     /* what it does not write stays where it was, for Queryable Encryption */
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
/* The pipeline of a view on a collection of the same database. */
bool oc_pipeline_view(oc_analysis *a, oc_frame *frame, oc_str collection, const oc_elem *e);
/* Where the request encrypts nothing: that a pipeline names only collections and stages that are known. */
bool oc_pipeline_refer(oc_analysis *a, const oc_elem *e);
/* The same of a view; sets a->unseen where it reads a collection without a schema. */
bool oc_pipeline_refer_view(oc_analysis *a, oc_str collection, const oc_elem *e);
/* The tree of a collection; NULL with the error set where the request has no schema for it and it is no view's. */
const oc_node *oc_stage_collection(const oc_pipeline *p, oc_str ns);
/* "db.coll" for a collection in the database of the pipeline. */
bool oc_stage_namespace(const oc_pipeline *p, oc_str collection, oc_str *ns);
/* The node of values that a stage makes of the documents' own. */
const oc_node *oc_stage_values(const oc_pipeline *p);

/* What a pipeline inside a stage reads. */
typedef struct oc_source {
    const oc_node *tree;
    oc_str ns;       /* "db." where there is no collection, only $documents */
    bool sourceless; /* as in oc_pipeline */
    bool apart;      /* as in oc_pipeline; it is inherited */
    const oc_variable *variables;
} oc_source;

/* Runs a pipeline inside a stage; *out is the tree of its documents. */
bool oc_sub_pipeline(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, const oc_source *source,
                     const oc_node **out);
/* The same from the documents that reach the stage; no field of Queryable Encryption can be compared there. `sources`:
 * it may start with a stage that must be the first, as those of fusions may and those of $facet may not. */
bool oc_sub_pipeline_of(const oc_pipeline *outer, oc_frame *frame, const oc_elem *e, bool sources, const oc_node **out);
bool oc_refer_sub_pipeline(const oc_pipeline *outer, const oc_elem *e, oc_str ns);

/* ---- for stages ---- */

bool oc_fail_stage(const oc_pipeline *p, const oc_path *path, const char *hint, const char *what);
bool oc_stage_string(const oc_pipeline *p, const oc_elem *e, oc_str *out);
/* The name of a field that a stage makes: one component, which no server takes empty or starting with '$'. */
bool oc_stage_name(const oc_pipeline *p, oc_str name);
/* Options of a stage that are there, by oc_options. */
bool oc_stage_options(const oc_pipeline *p, const oc_elem *e, const char *names, oc_elem *out);
/* The paths that a stage sets, component by component. Zeroed: none. */
typedef struct oc_paths {
    struct oc_path_entry *slots;
    size_t mask, count;
} oc_paths;

/* Goes from the entry `parent` (0: the document) to its component `name`, the last one of its path or not. No path may
 * be another or lead through it: which of them the server would follow is not for us to guess. `where` is for the
 * message. */
bool oc_stage_path_step(const oc_pipeline *p, oc_paths *paths, uint32_t parent, oc_str name, bool last,
                        const oc_path *where, uint32_t *entry);
/* The same for a whole dotted path. */
bool oc_stage_path_once(const oc_pipeline *p, oc_paths *paths, oc_str path);
/* Replaces the dotted path in the tree. */
bool oc_stage_set(oc_pipeline *p, oc_str path, const oc_node *value);

/* Whether the pipeline, or that of the command around it, reads a collection with fields of Queryable Encryption: its
 * filters and groups are always brought into normal form. */
bool oc_stage_is_qe(const oc_pipeline *p);
/* That the field at a dotted path is plain. */
bool oc_stage_plain_path(const oc_pipeline *p, oc_str path);

#endif
