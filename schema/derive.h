#ifndef OC_DERIVE_H
#define OC_DERIVE_H

/* Trees made from trees: what the stages of a pipeline do to the tree of their input documents. Nothing is ever changed
 * in place; a derived node refers to the nodes that it has not replaced.
 *
 *     {$addFields: {a: "$ssn"}}    { children: {a: <ssn's node>}, base: <input> }
 *     {$project: {ssn: 1}}         { children: {ssn: <ssn's node>}, rest: absent }
 *
 * All nodes live in the request's arena (lookup->arena). Functions that return a node return NULL on failure, with the
 * error set: exhausted memory, a request that is too complex, or what oc_node_child reports. */

#include "tree.h"

/* A document with these fields and no other. */
const oc_node *oc_derive_object(const oc_name_entry *fields, size_t count, oc_lookup *lookup);
/* A document with these fields, and `rest` for every other name. */
const oc_node *oc_derive_document(const oc_name_entry *fields, size_t count, const oc_node *rest, oc_lookup *lookup);
/* The document `base` with these fields added or replaced. `base` is OC_PLAIN or OC_ABOVE. */
const oc_node *oc_derive_over(const oc_node *base, const oc_name_entry *fields, size_t count, oc_lookup *lookup);
/* The same where the value may be an array at run time, in whose elements the fields are set then. */
const oc_node *oc_derive_over_values(const oc_node *base, const oc_name_entry *fields, size_t count, oc_lookup *lookup);
/* The same node, as a value that may be an array of such at run time. */
const oc_node *oc_derive_maybe_array(const oc_node *node, oc_lookup *lookup);
/* Whether the value of a field, OC_PLAIN or OC_ABOVE, may be an array at run time: plain ones may, unless a stage has
 * built them as objects. */
bool oc_may_be_array(const oc_node *node);
/* An array of such elements; plain if they are. */
const oc_node *oc_derive_array(const oc_node *element, bool looked_up, oc_lookup *lookup);
/* One or the other. Where they differ below, the difference shows only when a path leads there: it is OC_UNKNOWN then,
 * by `origin`. What is absent in one of them contributes nothing. Either may be NULL, as after a failure. */
const oc_node *oc_derive_either(const oc_node *one, const oc_node *other, const char *origin, oc_lookup *lookup);
const oc_node *oc_derive_unknown(const char *origin, oc_lookup *lookup);
/* One of these constants. */
const oc_node *oc_derive_literal(const oc_literal *literal, oc_lookup *lookup);

/* The dotted path replaced by `value`, inside arrays in every element. */
typedef enum oc_derived {
    OC_DERIVED,
    OC_DERIVE_FAILED,
    OC_DERIVE_BELOW,   /* the path lies below something encrypted */
    OC_DERIVE_UNKNOWN, /* or below something that is unknown */
} oc_derived;
oc_derived oc_derive_set(const oc_node *root, oc_str path, const oc_node *value, oc_lookup *lookup,
                         const oc_node **out);

/* Whether a dotted path means in `tree`, which stages have made of `original`, what it meant there: nothing on it has
 * been written or dropped, and neither has __safeContent__, by which the server compares fields of Queryable
 * Encryption. */
bool oc_derive_untouched(const oc_node *original, const oc_node *tree, oc_str path, oc_lookup *lookup);

/* Counts a step that can be taken very often, because alternatives multiply. False with the error set when there were
 * too many of them in the request (budget.h). */
bool oc_derive_work(oc_lookup *lookup);

/* For oc_node_child: the node of a name in one or the other. */
const oc_node *oc_either_child(const oc_either *either, oc_str name, oc_lookup *lookup);

#endif
