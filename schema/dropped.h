#ifndef OC_DROPPED_H
#define OC_DROPPED_H

/* What stages of a pipeline have dropped. A document that has lost fields refers to what it was (oc_node.past), so that
 * a path which leads to nothing can be told from one that led to an encrypted field once: a constant compared with that
 * would match nothing, and travel as it is.
 *
 *     people       {name, ssn: encrypted}
 *     $group       {_id: "$name"}              →  {_id}, past: people
 *     $match       {ssn: "x"}                     dropped by $group: refused
 *     $match       {total: "x"}                   nothing either, but it never led to anything encrypted */

#include "tree.h"

/* `after`, the documents of `stage`, with what they were before; as it is where no name of it can have been dropped.
 * All functions return NULL on failure, with the error set. */
const oc_node *oc_dropped_remember(const oc_node *before, const oc_node *after, const char *stage, oc_lookup *lookup);

/* The same for documents that others have been replaced with, which have no name of those. */
const oc_node *oc_dropped_replaced(const oc_node *before, const oc_node *after, const char *stage, oc_lookup *lookup);

/* Where a dotted path leads in documents of `tree`. If that is nothing, what it led to before `*stage` dropped it; else
 * *stage is NULL. */
const oc_node *oc_dropped_find(const oc_node *tree, oc_str path, oc_lookup *lookup, const char **stage);

/* A field that leads to nothing, and led to `before` until `stage`. */
const oc_node *oc_dropped_field(const oc_node *before, const char *stage, oc_lookup *lookup);

/* An array with nothing encrypted in its elements, and a union of such documents. */
const oc_node *oc_dropped_array(const oc_node *element, oc_lookup *lookup);
const oc_node *oc_dropped_union(const oc_node *one, const oc_node *other, oc_lookup *lookup);

/* What an array of plain values has in it: its elements where they are remembered, else the node itself. */
const oc_node *oc_dropped_elements(const oc_node *node);

/* Whether a path may lead to nothing, or to what is remembered, in documents of the tree: only of stages' own. */
bool oc_dropped_any(const oc_node *tree);
/* Whether a plain node is, or is made of, an array or union of what remembers. */
bool oc_dropped_holds(const oc_node *node);

#endif
