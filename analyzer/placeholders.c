/* The placeholders of a reply. Its `result` is checked while it is walked: it may be of any origin, and those of ours
 * may be nested deeper than a command (normal_form.h). */

#include <stdlib.h>

#include "placeholder.h"
#include "public.h"

enum { DEEPEST = 1000 };

/* What is left of a document around the current element. */
typedef struct level {
    const uint8_t *at;
    const uint8_t *end; /* its final NUL */
    size_t path_len;    /* of the path to it */
} level;

struct opencrypt_placeholders {
    const uint8_t *reply;
    level levels[DEEPEST];
    size_t depth; /* 0: at the end */
    char *path;
    size_t path_len, path_cap;
    oc_placeholder current;
    oc_error error;
    char code_name[32];
    opencrypt_refusal refusal; /* once there is an error */
};

static oc_path path_of(const opencrypt_placeholders *it) {
    return (oc_path){NULL, {it->path ? it->path : "", it->path_len}};
}

static bool fail_malformed(opencrypt_placeholders *it, const uint8_t *at) {
    oc_path path = path_of(it);
    return oc_fail(&it->error, OC_MALFORMED_BSON, &path, NULL, NULL, "The reply is not well-formed BSON, at byte %zu",
                   (size_t)(at - it->reply));
}

static bool no_memory(opencrypt_placeholders *it) {
    return oc_fail(&it->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
}

/* ---- the path ---- */

static bool reserve_path(opencrypt_placeholders *it, size_t len) {
    if (len <= it->path_cap)
        return true;
    size_t cap = len * 2;
    char *path = realloc(it->path, cap);
    if (!path)
        return no_memory(it);
    it->path = path;
    it->path_cap = cap;
    return true;
}

/* Makes it the path of the member `name` of the innermost level. */
static bool set_path(opencrypt_placeholders *it, oc_str name) {
    size_t at = it->levels[it->depth - 1].path_len;
    it->path_len = at;
    if (!reserve_path(it, at + 1 + name.n + 1))
        return false;
    if (it->depth > 1)
        it->path[at++] = '.';
    memcpy(it->path + at, name.s, name.n);
    it->path[at + name.n] = '\0';
    it->path_len = at + name.n;
    return true;
}

/* ---- the walk ---- */

static bool enter(opencrypt_placeholders *it, const uint8_t *doc) {
    if (it->depth == DEEPEST) {
        oc_path path = path_of(it);
        return oc_fail(&it->error, OC_TOO_DEEP, &path, NULL, NULL, "The reply is nested deeper than %d levels",
                       DEEPEST);
    }
    it->levels[it->depth++] = (level){doc + 4, doc + oc_u32(doc) - 1, it->path_len};
    return true;
}

/* The next element at any level. False at the end, and if it is malformed. */
static bool next_element(opencrypt_placeholders *it, oc_elem *e) {
    while (it->depth && it->levels[it->depth - 1].at == it->levels[it->depth - 1].end)
        it->depth--;
    if (it->depth == 0)
        return false;
    level *in = &it->levels[it->depth - 1];
    const uint8_t *nul = oc_find_nul(in->at + 1, in->end);
    it->path_len = in->path_len;
    if (nul >= in->end)
        return fail_malformed(it, in->at);
    size_t size = oc_bson_value_size(*in->at, nul + 1, (size_t)(in->end - nul - 1));
    *e = (oc_elem){.start = in->at,
                   .value = nul + 1,
                   .name = {(const char *)in->at + 1, (size_t)(nul - in->at) - 1},
                   .type = *in->at};
    if (!set_path(it, e->name))
        return false;
    if (size == SIZE_MAX)
        return fail_malformed(it, in->at);
    in->at = e->end = e->value + size;
    return true;
}

static bool is_placeholder(const oc_elem *e) {
    enum { SUBTYPE = 4, CONTENT = 5, ENCRYPTED = 6 };
    return e->type == OC_BINARY && e->value[SUBTYPE] == ENCRYPTED &&
           oc_is_placeholder(e->value + CONTENT, oc_u32(e->value));
}

static bool find_placeholder(opencrypt_placeholders *it, oc_elem *e) {
    while (next_element(it, e)) {
        if (is_placeholder(e))
            return true;
        if ((e->type == OC_DOCUMENT || e->type == OC_ARRAY) && !enter(it, e->value))
            return false;
    }
    return false;
}

static bool read_next(opencrypt_placeholders *it) {
    oc_elem e;
    oc_path path;
    if (!find_placeholder(it, &e))
        return false;
    path = path_of(it);
    if (!oc_placeholder_read(e.value + 5, oc_u32(e.value), &path, &it->error, &it->current))
        return false;
    it->current.public.path = it->path;
    it->current.public.path_len = it->path_len;
    return true;
}

/* ---- the reply ---- */

static bool is_false(const oc_elem *e) {
    switch (e->type) {
    case OC_BOOL: return !e->value[0];
    case OC_INT32: return oc_u32(e->value) == 0;
    case OC_INT64: return oc_u64(e->value) == 0;
    case OC_DOUBLE: return oc_u64(e->value) << 1 == 0;
    default: return e->type == OC_NULL || e->type == OC_UNDEFINED;
    }
}

static bool start(opencrypt_placeholders *it, const uint8_t *reply, size_t len) {
    oc_bson_report report;
    oc_elem e;
    it->reply = reply;
    if (oc_bson_check(reply, len, "result", &report) != OC_BSON_OK)
        return fail_malformed(it, reply + report.offset);
    if (oc_bson_find(reply, "schemaRequiresEncryption", &e) && is_false(&e))
        return true;
    if (!oc_bson_find(reply, "result", &e) || e.type != OC_DOCUMENT)
        return oc_fail(&it->error, OC_FIELD_MISSING, NULL, "result", "only a command that was accepted has one",
                       "The reply has no document 'result'");
    return enter(it, e.value);
}

static void finish(opencrypt_placeholders *it) {
    it->depth = 0;
    if (it->error.rule != OC_NONE)
        it->refusal = oc_refusal_of(&it->error, it->code_name);
}

opencrypt_placeholders *opencrypt_placeholders_new(const uint8_t *reply, size_t len) {
    opencrypt_placeholders *it = malloc(sizeof *it);
    if (!it)
        return NULL;
    it->depth = it->path_len = it->path_cap = 0;
    it->path = NULL;
    it->error.rule = OC_NONE;
    if (!start(it, reply, len))
        finish(it);
    return it;
}

const opencrypt_placeholder *opencrypt_placeholders_next(opencrypt_placeholders *it) {
    if (it->depth && read_next(it))
        return &it->current.public;
    finish(it);
    return NULL;
}

const opencrypt_refusal *opencrypt_placeholders_refusal(const opencrypt_placeholders *it) {
    return it->error.rule == OC_NONE ? NULL : &it->refusal;
}

void opencrypt_placeholders_free(opencrypt_placeholders *it) {
    if (!it)
        return;
    free(it->path);
    free(it);
}
