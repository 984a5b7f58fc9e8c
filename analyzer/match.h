#ifndef OC_MATCH_H
#define OC_MATCH_H

/* Filters (match expressions). An operator is one row: what it does to a field that is encrypted, that has encrypted
 * fields below it, or that is plain. Below an encrypted field every operator is an error. */

#include "expression.h"

/* What a row says of a field. */
typedef enum oc_match_action {
    OC_MATCH_REFUSE,
    OC_MATCH_PASS,     /* the operand needs no look */
    OC_MATCH_COUNT,    /* of elements: the same, but for what may be an array that is encrypted */
    OC_MATCH_VALUE,    /* the operand is a value to compare with */
    OC_MATCH_VALUES,   /* an array of them */
    OC_MATCH_BOUND,    /* compares by order: scalars only */
    OC_MATCH_NOT,      /* operators, or a regular expression */
    OC_MATCH_ELEMENTS, /* a filter on array elements ($elemMatch) */
    OC_MATCH_ALL,      /* values, $elemMatch among them */
} oc_match_action;

typedef struct oc_match_operator {
    const char *name;
    oc_match_action encrypted, above, plain;
    /* In pipelines: an array with something encrypted in it; an encrypted field inside one that $lookup made. */
    oc_match_action array, joined;
    oc_match_action unknown; /* in pipelines: encrypted or not, by the document */
} oc_match_operator;

/* Operators that stand where a field's name would. */
typedef enum oc_match_tree_action {
    OC_MATCH_TREE_LOGICAL, /* an array of filters */
    OC_MATCH_TREE_PASS,
    OC_MATCH_TREE_UNSUPPORTED, /* reads fields that we cannot see into */
    OC_MATCH_TREE_EXPRESSION,
} oc_match_tree_action;

typedef struct oc_match_tree_operator {
    const char *name;
    oc_match_tree_action action;
} oc_match_tree_operator;

const oc_match_operator *oc_match_operators(size_t *count);           /* sorted by name */
const oc_match_tree_operator *oc_match_tree_operators(size_t *count); /* sorted by name */

/* Analyses a whole filter against a->root, marks it, and brings it into normal form if anything was marked. `filter` is
 * an element of the document of `frame`; absent, null: nothing to do. `label` names it for messages ("filter", "q").
 * `upsert`: equality values of the filter may be stored. */
bool oc_filter(oc_analysis *a, oc_frame *frame, const oc_elem *filter, bool upsert);
/* The same against the tree of a stage. */
bool oc_filter_in(const oc_scope *s, oc_frame *frame, const oc_elem *filter);
/* The same, and leaves the normal form to the caller. */
bool oc_filter_mark(const oc_scope *s, oc_frame *frame, const oc_elem *filter);
/* Analyses a filter that the server keeps with the collection: nothing in it is marked, so it must not compare
 * encrypted fields. `clause` names it for messages: "collection validator". `schema`: the bytes of the one document
 * that may stand as its $jsonSchema; NULL: none may. */
bool oc_stored_filter(oc_analysis *a, const oc_elem *filter, const char *clause, const uint8_t *schema);
/* Checks a filter that may not even ask whether encrypted fields exist. */
bool oc_plain_filter(oc_analysis *a, const oc_elem *filter, const char *clause);
/* Checks the operand of an $elemMatch on a plain array, in whose elements nothing is encrypted. */
bool oc_filter_elements(oc_analysis *a, const oc_elem *operand, const oc_path *path);

/* An object whose first field is an operator: {$gt: 1}. A DBRef, {$ref, $id, $db} in any order, is a value. */
bool oc_is_operator_object(const oc_elem *e);
/* Whether an operand says yes or no and nothing else. */
bool oc_is_flag(const oc_elem *e);
/* Whether a filter fixes `field` to one value, which an upsert stores. */
bool oc_filter_fixes(const uint8_t *filter, const char *field);

#endif
