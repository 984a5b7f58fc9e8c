#include "pointer.h"

static size_t count_tokens(oc_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.s[i] == '/';
    return n;
}

/* Unescapes text[from, to) into a new token. */
static oc_pointer_status add_token(oc_pointer *p, oc_arena *arena, const char *from, const char *to) {
    char *token = oc_arena_alloc(arena, (size_t)(to - from) + 1);
    size_t n = 0;
    if (!token)
        return OC_POINTER_NO_MEMORY;
    for (; from < to; from++) {
        if (*from != '~') {
            token[n++] = *from;
            continue;
        }
        if (++from == to || (*from != '0' && *from != '1'))
            return OC_POINTER_INVALID;
        token[n++] = *from == '0' ? '~' : '/';
    }
    p->tokens[p->count++] = (oc_str){token, n};
    return OC_POINTER_OK;
}

oc_pointer_status oc_pointer_parse(oc_pointer *p, oc_arena *arena, oc_str text) {
    if (text.n == 0 || text.s[0] != '/')
        return OC_POINTER_INVALID;
    *p = (oc_pointer){.text = text, .tokens = oc_arena_zeroed(arena, count_tokens(text), sizeof(oc_str))};
    if (!p->tokens)
        return OC_POINTER_NO_MEMORY;
    const char *end = text.s + text.n;
    for (const char *at = text.s; at < end;) {
        const char *from = at + 1;
        for (at = from; at < end && *at != '/'; at++)
            ;
        oc_pointer_status status = add_token(p, arena, from, at);
        if (status != OC_POINTER_OK)
            return status;
    }
    return OC_POINTER_OK;
}

static bool find_once(const uint8_t *doc, oc_str name, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    size_t found = 0;
    while (oc_next(&it, &e)) {
        if (!oc_str_eq(e.name, name))
            continue;
        *out = e;
        found++;
    }
    return found == 1;
}

bool oc_pointer_resolve(const oc_pointer *p, const uint8_t *doc, oc_elem *out) {
    for (size_t i = 0; i < p->count; i++) {
        if (i > 0) {
            if (out->type != OC_DOCUMENT)
                return false;
            doc = out->value;
        }
        if (!find_once(doc, p->tokens[i], out))
            return false;
    }
    return true;
}
