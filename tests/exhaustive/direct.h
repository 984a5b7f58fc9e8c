#ifndef EXHAUSTIVE_DIRECT_H
#define EXHAUSTIVE_DIRECT_H

/* Two short checks of an accepted result that know nothing of the judge, so that a mistake which judge and engine share
 * would still be seen. They are narrower than the judge: what they cannot tell they let pass. */

#include "schemas.h"

/* A value that the command compares with or stores at an encrypted path, and which stands in clear in the result.
 * Returns NULL, or what is wrong. */
const char *direct_leak(pool *p, const schema *s, const value *command, const value *result);
/* Something else than markings and the normal form differs. */
const char *direct_change(pool *p, const value *command, const value *result);

#endif
