#ifndef OC_NORMAL_FORM_H
#define OC_NORMAL_FORM_H

/* The form in which marked commands go back, as the official driver suites assert it (analysis.md, "Normal form"). It
 * is made by a second walk, when it is known that something was marked. */

#include "analysis.h"

/* Rewrites the marked filter of `frame`, whose fields are looked up in `tree`. False where a name cannot be looked up
 * again. */
bool oc_normalise_filter(oc_analysis *a, oc_frame *frame, const oc_node *tree);

/* Notes the filter `e` of a $match, in the document of `frame`, and the document of a $group, to be normalised if the
 * command turns out to be marked anywhere, and in any case if `always`. */
bool oc_normalise_filter_later(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_node *tree, bool always);
bool oc_normalise_group_later(oc_analysis *a, oc_frame *group, bool always);
bool oc_normalise_later_ones(oc_analysis *a, bool marked);

#endif
