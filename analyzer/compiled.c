/* Schemas for callers: compiled through the cache that analyses use, and looked into. */

#include "compiled.h"

#include <stdlib.h>

#include "public.h"

static bool kind_of(opencrypt_schema_kind kind, oc_schema_kind *out) {
    switch (kind) {
    case OPENCRYPT_SCHEMA_LOCAL: *out = OC_CSFLE_LOCAL; return true;
    case OPENCRYPT_SCHEMA_REMOTE: *out = OC_CSFLE_REMOTE; return true;
    case OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS: *out = OC_ENCRYPTED_FIELDS; return true;
    }
    return false;
}

static void compile(opencrypt_schema *s, opencrypt_schema_kind kind, const uint8_t *schema, size_t len) {
    oc_schema_kind inner;
    if (kind_of(kind, &inner))
        s->tree = oc_cache_get(s->cache, inner, schema, len, &s->error);
    else
        oc_fail(&s->error, OC_SCHEMA_SOURCE, NULL, NULL, NULL, "Unknown kind of schema: %d", (int)kind);
    if (!s->tree)
        s->refusal = oc_refusal_of(&s->error, s->code_name);
}

opencrypt_schema *opencrypt_schema_compile(opencrypt_engine *engine, opencrypt_schema_kind kind, const uint8_t *schema,
                                           size_t len) {
    opencrypt_schema *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cache = engine->cache;
    compile(s, kind, schema, len);
    return s;
}

const opencrypt_refusal *opencrypt_schema_refusal(const opencrypt_schema *s) {
    return s->error.rule == OC_NONE ? NULL : &s->refusal;
}

bool opencrypt_schema_encrypts(const opencrypt_schema *s) {
    return s->tree && oc_tree_encrypts(s->tree);
}

static opencrypt_position position_of(oc_position position) {
    switch (position) {
    case OC_AT_ENCRYPTED: return OPENCRYPT_AT_ENCRYPTED;
    case OC_AT_BELOW: return OPENCRYPT_AT_BELOW;
    case OC_AT_ABOVE: return OPENCRYPT_AT_ABOVE;
    default: return OPENCRYPT_AT_PLAIN; /* the others are made by pipelines only */
    }
}

static void describe(opencrypt_schema *s, const oc_answer *answer, size_t len) {
    s->place = (opencrypt_place){.position = position_of(answer->position)};
    if (answer->position != OC_AT_ENCRYPTED && answer->position != OC_AT_BELOW)
        return;
    s->place.field_len = answer->position == OC_AT_BELOW ? answer->prefix.n : len;
    oc_encryption_of(answer->node->meta, &s->encryption);
    s->place.encryption = &s->encryption.public;
}

const opencrypt_place *opencrypt_schema_look_up(opencrypt_schema *s, const char *path, size_t len) {
    if (!s->tree)
        return NULL;
    oc_lookup lookup = {.arena = &s->arena, .error = &s->error};
    oc_answer answer;
    oc_arena_reset(&s->arena);
    s->error.rule = OC_NONE;
    if (oc_node_lookup(s->tree->root, (oc_str){path, len}, &lookup, &answer)) {
        describe(s, &answer, len);
        return &s->place;
    }
    if (s->error.rule == OC_SCHEMA_CONFLICT) {
        s->error.rule = OC_NONE;
        s->place = (opencrypt_place){.position = OPENCRYPT_AT_CONFLICT};
        return &s->place;
    }
    s->refusal = oc_refusal_of(&s->error, s->code_name);
    return NULL;
}

void opencrypt_schema_free(opencrypt_schema *s) {
    if (!s)
        return;
    if (s->tree)
        oc_cache_release(s->cache, s->tree);
    oc_arena_done(&s->arena);
    free(s);
}
