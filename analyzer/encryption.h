#ifndef OC_ENCRYPTION_H
#define OC_ENCRYPTION_H

/* The public form of how a field is encrypted. */

#include "opencrypt.h"
#include "tree.h"

/* public.index leads into it where it is set. */
typedef struct oc_encryption {
    opencrypt_encryption public;
    opencrypt_index index;
} oc_encryption;

/* Borrows from `meta`. */
void oc_encryption_of(const oc_meta *meta, oc_encryption *out);

#endif
