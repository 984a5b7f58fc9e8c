#ifndef OC_BUDGET_H
#define OC_BUDGET_H

/* How much a request may take of all work that can grow faster than its bytes: matches against patterns, alternatives
 * that multiply, look-ups of keys through whole documents. Counted in steps and never in time, so that the same request
 * always gets the same answer. A step is some tens of nanoseconds. */

#include <stdbool.h>
#include <stdint.h>

enum { OC_STEPS_OF_A_REQUEST = 32 * 1000 * 1000, OC_STEPS_OF_A_BYTE = 8 };

/* Zeroed: of a request without bytes. */
typedef struct oc_budget {
    uint64_t spent;
    uint64_t bytes; /* of the request */
} oc_budget;

/* False when that is more than there is. The caller says so. */
static inline bool oc_budget_spend(oc_budget *budget, uint64_t steps) {
    budget->spent += steps;
    return budget->spent <= OC_STEPS_OF_A_REQUEST + OC_STEPS_OF_A_BYTE * budget->bytes;
}

#endif
