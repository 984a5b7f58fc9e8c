#ifndef OC_EXPECT_H
#define OC_EXPECT_H

#include "cases.h"

/* Whether the reply is what the case expects. `rule`: why it refuses, by the names of error.h; NULL: nobody says. */
bool oc_case_holds(const oc_case *c, const bson_t *reply, const char *rule);

#endif
