#include "tokens.h"

#include <string.h>

enum { TOKEN = 9 };

static const char mark[] = "tok";

static bool same_key(const secret *a, const secret *b) {
    if (a->algorithm != b->algorithm || a->key != b->key)
        return false;
    return a->key >= 0 || value_equal(a->key_name, b->key_name);
}

static unsigned find(const vault *v, const secret *s) {
    for (unsigned i = 0; s->algorithm == DETERMINISTIC && i < v->count; i++)
        if (same_key(v->secrets[i], s) && value_equal(v->secrets[i]->plain, s->plain))
            return i;
    return v->count;
}

static value *token(vault *v, const secret *s) {
    unsigned i = find(v, s);
    if (i == v->count && i < MAX_SECRETS) {
        secret *copy = pool_take(v->p, sizeof *copy);
        *copy = *s;
        v->secrets[v->count++] = copy;
    }
    uint8_t payload[TOKEN] = {(uint8_t)s->algorithm};
    memcpy(payload + 1, mark, 3);
    memcpy(payload + 4, &i, 4);
    payload[8] = s->plain->type;
    return value_binary(v->p, 6, payload, sizeof payload);
}

const secret *tokens_opened(const vault *v, const value *t) {
    const uint8_t *payload;
    unsigned i;
    if (t->type != T_BINARY || value_subtype(t) != 6 || value_payload(t, &payload) != TOKEN ||
        memcmp(payload + 1, mark, 3) != 0)
        return NULL;
    memcpy(&i, payload + 4, 4);
    return i < v->count ? v->secrets[i] : NULL;
}

static value *like(vault *v, const value *of) {
    return of->type == T_DOC ? value_doc(v->p) : value_array(v->p);
}

static int algorithm_of(const metadata *meta) {
    return meta->qe ? QE_TOKEN + meta->qe->index : meta->algorithm;
}

static const value *in_position(vault *v, const value *doc, const position *at, const value *whole) {
    value *out = value_doc(v->p);
    const metadata *meta;
    for (const value *m = doc->first; m; m = m->next) {
        position child = position_child(at, m->name);
        answer what = position_answer(&child, &meta);
        if (what == ENCRYPTED) {
            const value *name = meta->key < 0 ? value_get(whole, meta->key_field) : NULL;
            value_put(
                v->p, out, m->name,
                token(v, &(secret){.algorithm = algorithm_of(meta), .key = meta->key, .key_name = name, .plain = m}));
        } else {
            value_put(v->p, out, m->name, what == ABOVE && m->type == T_DOC ? in_position(v, m, &child, whole) : m);
        }
    }
    return out;
}

const value *tokens_in_document(vault *v, const value *doc, const collection *c) {
    position root = position_root(c->root);
    return in_position(v, doc, &root, doc);
}

static value *for_queryable(vault *v, const value *marked, const value *placeholder) {
    const value *t = placeholder ? value_get(placeholder, "t") : NULL, *a = t ? value_get(placeholder, "a") : NULL;
    const value *ki = a ? value_get(placeholder, "ki") : NULL, *spec = ki ? value_get(placeholder, "v") : NULL;
    if (!spec)
        return value_copy(v->p, marked);
    secret s = {.algorithm = QE_TOKEN + (int)value_number(a), .key = ki->bytes[20], .plain = spec, .spec = spec};
    s.find = value_number(t) == 2;
    bool wrapped = s.algorithm == TEXT_TOKEN || (s.algorithm == RANGE_TOKEN && !s.find);
    if (wrapped && value_get(spec, "v"))
        s.plain = value_get(spec, "v");
    return token(v, &s);
}

static value *for_placeholder(vault *v, const value *marked) {
    const uint8_t *payload;
    uint32_t len = value_payload(marked, &payload);
    const value *placeholder = value_read(v->p, payload + 1, len - 1);
    const value *a = placeholder ? value_get(placeholder, "a") : NULL, *plain = placeholder ? placeholder->last : NULL;
    const value *ki = placeholder ? value_get(placeholder, "ki") : NULL;
    if (payload[0] == 3)
        return for_queryable(v, marked, placeholder);
    if (!a || !plain)
        return value_copy(v->p, marked);
    return token(v, &(secret){.algorithm = (int)value_number(a),
                              .key = ki ? ki->bytes[20] : -1,
                              .key_name = value_get(placeholder, "ka"),
                              .plain = plain});
}

const value *tokens_for_placeholders(vault *v, const value *marked) {
    if (value_is_placeholder(marked))
        return for_placeholder(v, marked);
    if (!value_is_container(marked))
        return marked;
    value *out = like(v, marked);
    for (const value *m = marked->first; m; m = m->next)
        value_put(v->p, out, m->name, tokens_for_placeholders(v, m));
    return out;
}

const value *tokens_undone(const vault *v, const value *tokens) {
    const secret *s = tokens_opened(v, tokens);
    if (s)
        return s->plain;
    if (!value_is_container(tokens))
        return tokens;
    value *out = pool_take(v->p, sizeof *out);
    out->type = tokens->type;
    for (const value *m = tokens->first; m; m = m->next)
        value_put(v->p, out, m->name, tokens_undone(v, m));
    return out;
}

static const char *misplaced(const vault *v, const value *doc, const position *at);

static const char *misplaced_member(const vault *v, const value *m, const position *child) {
    const metadata *meta;
    const secret *s = tokens_opened(v, m);
    answer what = position_answer(child, &meta);
    if (what == ENCRYPTED && !s)
        return pool_text(v->p, "plaintext is stored at '%s'", m->name);
    if (what == ENCRYPTED && (s->algorithm != algorithm_of(meta) || s->find || s->key != meta->key))
        return pool_text(v->p, "'%s' is stored under the wrong key", m->name);
    if (what != ENCRYPTED && s)
        return pool_text(v->p, "ciphertext is stored at the plain '%s'", m->name);
    if (what == ABOVE && m->type == T_ARRAY)
        return pool_text(v->p, "an array is stored at '%s'", m->name);
    return value_is_container(m) ? misplaced(v, m, child) : NULL;
}

static const char *misplaced(const vault *v, const value *doc, const position *at) {
    for (const value *m = doc->first; m; m = m->next) {
        position child = position_child(at, m->name);
        const char *why = misplaced_member(v, m, &child);
        if (why)
            return why;
    }
    return NULL;
}

const char *tokens_misplaced(const vault *v, const value *doc, const collection *c) {
    position root = position_root(c->root);
    return misplaced(v, doc, &root);
}
