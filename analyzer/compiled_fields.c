/* The encrypted fields of a compiled schema, one after the other. A name in the tree leads into the bytes of its
 * schema, which is where the order of properties is known from. */

#include <stdlib.h>

#include "compiled.h"

/* An object on the way, and which of its members comes next: names, then patterns, then the rest. */
typedef struct level {
    const oc_node *node;
    const oc_name_entry **names; /* those that lead to something encrypted, as written */
    size_t name_count;
    size_t next;
    size_t path_len; /* of the path to it */
} level;

struct opencrypt_fields {
    level levels[OC_MAX_LEVELS];
    opencrypt_step steps[OC_MAX_LEVELS];
    size_t depth; /* 0: at the end */
    char *path;
    size_t path_len, path_cap;
    oc_arena arena; /* of `names` */
    opencrypt_field current;
    oc_encryption encryption;
    bool failed;
};

static int compare_places(const void *one, const void *other) {
    const oc_name_entry *const *a = one, *const *b = other;
    uintptr_t x = (uintptr_t)(*a)->name.s, y = (uintptr_t)(*b)->name.s;
    return (x > y) - (x < y);
}

static bool leads_somewhere(const oc_name_entry *entry) {
    return ((const oc_node *)entry->value)->kind != OC_PLAIN;
}

static bool list_names(opencrypt_fields *it, level *in) {
    const oc_name_table *table = &in->node->children;
    if (in->node->encrypting == 0)
        return true;
    in->names = oc_arena_alloc(&it->arena, in->node->encrypting * sizeof *in->names);
    if (!in->names)
        return false;
    for (size_t i = 0; i < table->count; i++)
        if (leads_somewhere(&table->entries[i]))
            in->names[in->name_count++] = &table->entries[i];
    qsort(in->names, in->name_count, sizeof *in->names, compare_places);
    return true;
}

static bool enter(opencrypt_fields *it, const oc_node *node) {
    level *in = &it->levels[it->depth];
    *in = (level){.node = node, .path_len = it->path_len};
    it->depth++;
    return list_names(it, in);
}

/* The next member of `in` that leads to something encrypted, NULL at its end. */
static const oc_node *next_member(level *in, opencrypt_step *step) {
    const oc_node *node = in->node;
    while (in->next < in->name_count + node->pattern_count) {
        size_t i = in->next++;
        if (i < in->name_count) {
            *step = (opencrypt_step){OPENCRYPT_STEP_NAME, in->names[i]->name.s, in->names[i]->name.n};
            return in->names[i]->value;
        }
        const oc_pattern *pattern = &node->patterns[i - in->name_count];
        if (pattern->node->kind == OC_PLAIN)
            continue;
        *step = (opencrypt_step){OPENCRYPT_STEP_PATTERN, pattern->source.s, pattern->source.n};
        return pattern->node;
    }
    if (in->next++ > in->name_count + node->pattern_count || !node->rest || node->rest->kind == OC_PLAIN)
        return NULL;
    *step = (opencrypt_step){OPENCRYPT_STEP_REST, "", 0};
    return node->rest;
}

/* ---- the path ---- */

static bool append(opencrypt_fields *it, const char *bytes, size_t len) {
    if (it->path_len + len + 1 > it->path_cap) {
        size_t cap = (it->path_len + len + 1) * 2;
        char *path = realloc(it->path, cap);
        if (!path)
            return false;
        it->path = path;
        it->path_cap = cap;
    }
    memcpy(it->path + it->path_len, bytes, len);
    it->path_len += len;
    it->path[it->path_len] = '\0';
    return true;
}

static bool append_step(opencrypt_fields *it, const opencrypt_step *step) {
    it->path_len = it->levels[it->depth - 1].path_len;
    if (it->depth > 1 && !append(it, ".", 1))
        return false;
    switch (step->kind) {
    case OPENCRYPT_STEP_NAME: break;
    case OPENCRYPT_STEP_PATTERN: return append(it, "/", 1) && append(it, step->text, step->len) && append(it, "/", 1);
    case OPENCRYPT_STEP_REST: return append(it, "*", 1);
    }
    return append(it, step->text, step->len);
}

/* ---- the walk ---- */

static const opencrypt_field *describe(opencrypt_fields *it, const oc_meta *meta) {
    bool named = true;
    for (size_t i = 0; i < it->depth; i++)
        named = named && it->steps[i].kind == OPENCRYPT_STEP_NAME;
    oc_encryption_of(meta, &it->encryption);
    it->current = (opencrypt_field){.path = it->path,
                                    .path_len = it->path_len,
                                    .named = named,
                                    .steps = it->steps,
                                    .step_count = it->depth,
                                    .encryption = &it->encryption.public};
    return &it->current;
}

static const opencrypt_field *fail(opencrypt_fields *it) {
    it->failed = true;
    it->depth = 0;
    return NULL;
}

const opencrypt_field *opencrypt_fields_next(opencrypt_fields *it) {
    while (it->depth) {
        opencrypt_step *step = &it->steps[it->depth - 1];
        const oc_node *node = next_member(&it->levels[it->depth - 1], step);
        if (!node) {
            it->depth--;
            continue;
        }
        if (!append_step(it, step))
            return fail(it);
        if (node->kind == OC_ENCRYPTED)
            return describe(it, node->meta);
        if (!enter(it, node))
            return fail(it);
    }
    return NULL;
}

opencrypt_fields *opencrypt_fields_new(const opencrypt_schema *schema) {
    opencrypt_fields *it = calloc(1, sizeof *it);
    if (!it)
        return NULL;
    if (schema->tree && !enter(it, schema->tree->root))
        fail(it);
    return it;
}

bool opencrypt_fields_failed(const opencrypt_fields *it) {
    return it->failed;
}

void opencrypt_fields_free(opencrypt_fields *it) {
    if (!it)
        return;
    oc_arena_done(&it->arena);
    free(it->path);
    free(it);
}
