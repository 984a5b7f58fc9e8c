#include "abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* dlsym's void * goes into a pointer to a function by its bytes, as ISO C knows no such conversion. */
static bool look_up(oc_abi *abi, const char *name, void *function) {
    void *symbol = dlsym(abi->handle, name);
    if (!symbol) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    memcpy(function, &symbol, sizeof symbol);
    return true;
}

bool oc_abi_load(oc_abi *abi, const char *path) {
    bool ok = true;
    abi->handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!abi->handle) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
#define LOOK_UP(name) ok = look_up(abi, "mongo_crypt_v1_" #name, (void *)&abi->name) && ok;
    OC_ABI_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    if (!ok)
        oc_abi_unload(abi);
    return ok;
}

void oc_abi_unload(oc_abi *abi) {
    dlclose(abi->handle);
    abi->handle = NULL;
}
