#ifndef OC_STORE_FILTER_H
#define OC_STORE_FILTER_H

/* Filters: which documents a query means. Equality and what is made of it; comparisons of
 * encrypted values only. */

#include "fault.h"

#include <bson/bson.h>

/* True if the document matches. A filter that the store does not understand sets a fault and matches nothing. */
bool oc_filter_match(const bson_t *filter, const bson_t *document, oc_fault *fault);

/* False, with a fault, if the store does not understand the filter. */
bool oc_filter_check(const bson_t *filter, oc_fault *fault);

#endif
