#ifndef OC_ENGINE_H
#define OC_ENGINE_H

/* What all that is made from an engine shares. */

#include "cache.h"
#include "opencrypt.h"

struct opencrypt_engine {
    oc_cache *cache;
};

#endif
