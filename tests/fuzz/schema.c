/* A byte that says which kind of schema, then the schema: a local or remote jsonSchema, or encryptedFields. */

#include "cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const oc_tree *tree) {
    static const char *const paths[] = {"ssn", "user.ssn", "a.b.c.d", "_id", "", "x.", "properties"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        oc_arena arena = {0};
        oc_error error = {.rule = OC_NONE};
        oc_lookup lookup = {.arena = &arena, .error = &error};
        oc_answer answer;
        oc_node_lookup(tree->root, (oc_str){paths[i], strlen(paths[i])}, &lookup, &answer);
        oc_arena_done(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static oc_cache *cache;
    oc_error error = {.rule = OC_NONE};
    if (!cache)
        cache = oc_cache_new();
    if (size < 1)
        return 0;
    oc_schema_kind kind = (oc_schema_kind)(data[0] % (OC_ENCRYPTED_FIELDS + 1));
    const oc_tree *tree = oc_cache_get(cache, kind, data + 1, size - 1, &error);
    if (!tree)
        return 0;
    look_up(tree);
    oc_cache_release(cache, tree);
    return 0;
}
