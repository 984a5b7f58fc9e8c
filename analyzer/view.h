#ifndef OC_VIEW_H
#define OC_VIEW_H

/* Pipelines that are stored: views. A client knows the schemas of the collections in its request; of others it cannot
 * know what they encrypt. A pipeline that reads such a one passes (its documents are `unseen`, tree.h), but a constant
 * that would be compared with its values, or become one of the view's, is refused: it would be stored in clear.
 *
 *     {create: "v", viewOn: "people", pipeline: [{$match: {ssn: "x"}}], jsonSchema: {}}               refused
 *     {create: "v", viewOn: "people", pipeline: [{$group: {_id: "$a", n: {$sum: 1}}}, {$match: {n: 2}}], …}   passes
 *
 * What $group and an inclusive $project compute is known, whatever it is computed of. */

#include "expression.h"
#include "fields.h"

/* viewOn and pipeline of create and collMod; absent: nothing to do. */
bool oc_view(oc_analysis *a, oc_frame *frame, const oc_fields *fields);
/* The same of the command in `frame` where no schema of the request encrypts anything. */
bool oc_refer_view(oc_analysis *a, const oc_frame *frame);

/* Whether constants must be looked at: anywhere in a view that reads a collection without a schema, since they may meet
 * its values in a later stage. */
static inline bool oc_is_unseen(const oc_scope *s) {
    return s->a->unseen && !s->known;
}

/* What an operator yields: plain, or computed of values that are unseen. */
const oc_node *oc_computed(const oc_scope *s);
/* The node that $group or an inclusive $project gives to what it computes. */
const oc_node *oc_known(const oc_node *node);

/* Whether a constant hides nothing: null and its kind, which are never encrypted. */
bool oc_is_harmless(const oc_elem *e);
/* Whether a constant operand says only how to do something: a count, a format, a unit. By its name, or by its place
 * among operands in an array. */
bool oc_is_manner(oc_str name, const oc_elem *e);
bool oc_is_count(const char *op, size_t place, const oc_elem *e);
/* Whether `op` compares only paths that are known with constants. */
bool oc_compares_known(const oc_scope *s, const char *op, const oc_elem *operand);

/* The error for a constant. Always false. */
bool oc_fail_view_constant(oc_analysis *a, oc_str path, const char *op);

#endif
