#ifndef OC_COMPILED_H
#define OC_COMPILED_H

/* A compiled schema in the hands of a caller. */

#include "encryption.h"
#include "engine.h"

struct opencrypt_schema {
    oc_cache *cache;
    const oc_tree *tree; /* NULL: it did not compile */
    oc_arena arena;      /* of the latest look-up */
    oc_error error;      /* of compiling, or of the latest look-up */
    char code_name[32];
    opencrypt_refusal refusal; /* once there is an error */
    opencrypt_place place;
    oc_encryption encryption;
};

#endif
