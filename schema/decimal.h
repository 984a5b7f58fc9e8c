#ifndef OC_DECIMAL_H
#define OC_DECIMAL_H

/* Decimal128 (IEEE 754-2008, binary integer encoding) as BSON stores it: as much as the bounds of a range index need.
 */

#include "bson.h"

/* Negative, zero or positive, like memcmp, in MongoDB's order: NaN before all else, -0 equal to 0, and numbers of one
 * value equal however they are written (1.0 and 1.00). */
int oc_decimal_compare(const uint8_t *a, const uint8_t *b);

bool oc_decimal_is_nan(const uint8_t *value);

/* Whether (max - min) * 10^precision < limit, for a `min` that is not higher than `max`. Exact, unless the two differ
 * by so many digits that the lower ones cannot matter. */
bool oc_decimal_spans_less(const uint8_t *min, const uint8_t *max, int32_t precision, uint32_t limit);

#endif
