#include "opencrypt.h"

/* Included twice on purpose. */
#include "opencrypt.h"

extern int oc_public_header_compiles;
int oc_public_header_compiles;
