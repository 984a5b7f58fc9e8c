#ifndef OC_EXPECT_H
#define OC_EXPECT_H

#include "cases.h"

/* Whether the reply is what the case expects. */
bool oc_case_holds(const oc_case *c, const bson_t *reply);

#endif
