#include "marks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- the field's path ---- */

typedef struct part {
    const char *text;
    size_t len;
} part;

enum { MOST_PARTS = 128 };

static size_t split(const char *path, size_t len, part parts[MOST_PARTS]) {
    size_t count = 0;
    for (size_t at = 0; at <= len && count < MOST_PARTS;) {
        const char *dot = memchr(path + at, '.', len - at);
        size_t n = dot ? (size_t)(dot - path) - at : len - at;
        parts[count++] = (part){path + at, n};
        at += n + 1;
    }
    return count;
}

static bool is_position(part p) {
    for (size_t i = 0; i < p.len; i++)
        if (!isdigit((unsigned char)p.text[i]))
            return false;
    return p.len > 0;
}

static bool is_operator(part p) {
    return p.len > 1 && p.text[0] == '$';
}

static bool is(part p, const char *word) {
    return p.len == strlen(word) && memcmp(p.text, word, p.len) == 0;
}

/* How many parts at the start name the place in the command: "documents.0", "filter", "updates.0.q". */
static size_t count_of_command(const part *parts, size_t count) {
    static const char *const words[] = {"explain", "documents", "updates", "deletes", "ops", "pipeline"};
    static const char *const last[] = {"filter", "query", "q", "u", "update", "updateMods", "document", "validator"};
    size_t at = 0;
    for (size_t i = 0; at < count && i < sizeof words / sizeof *words; i++)
        if (is(parts[at], words[i]))
            at += at + 1 < count && is_position(parts[at + 1]) ? 2 : 1;
    for (size_t i = 0; at < count && i < sizeof last / sizeof *last; i++)
        if (is(parts[at], last[i]))
            return at + 1;
    return at;
}

/* "updates.0.u.$set.user.ssn" and "filter.$and.1.user.ssn.$in.0": "user.ssn". */
static void append_field(oc_buffer *out, const opencrypt_placeholder *p) {
    part parts[MOST_PARTS];
    size_t count = split(p->path, p->path_len, parts), start = count_of_command(parts, count);
    while (count > start && (is_operator(parts[count - 1]) || is_position(parts[count - 1])))
        count--;
    for (size_t i = start; i < count; i++)
        if (is_operator(parts[i]))
            start = i + 1;
    for (size_t i = start; i < count; i++) {
        if (is_position(parts[i]))
            continue;
        if (out->len)
            oc_buffer_char(out, '.');
        oc_buffer_add(out, parts[i].text, parts[i].len);
    }
}

static opencrypt_schema *compiled(const oc_schemas *s, const char *ns) {
    const oc_collection *c = oc_schemas_find(s, ns, strlen(ns));
    return c ? c->of[oc_collection_family(c)].compiled : NULL;
}

static bool is_encrypted(const oc_schemas *s, const oc_namespaces *n, const oc_buffer *path) {
    for (size_t i = 0; path->len && i < n->count; i++) {
        opencrypt_schema *schema = compiled(s, n->list[i]);
        const opencrypt_place *place = schema ? opencrypt_schema_look_up(schema, path->data, path->len) : NULL;
        if (place && place->position == OPENCRYPT_AT_ENCRYPTED)
            return true;
    }
    return false;
}

static bool same_key(const opencrypt_encryption *e, const opencrypt_placeholder *p) {
    if (e->algorithm != p->algorithm || !e->key_id != !p->key_id)
        return false;
    return !e->key_id || memcmp(e->key_id, p->key_id, 16) == 0;
}

/* The one field that is encrypted like this; false if there are several. */
static bool find_by_key(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_placeholder *p) {
    size_t found = 0;
    for (size_t i = 0; i < n->count; i++) {
        const opencrypt_schema *schema = compiled(s, n->list[i]);
        opencrypt_fields *fields = schema ? opencrypt_fields_new(schema) : NULL;
        const opencrypt_field *field;
        while (fields && (field = opencrypt_fields_next(fields)))
            if (same_key(field->encryption, p) && ++found == 1)
                oc_buffer_add(out, field->path, field->path_len);
        opencrypt_fields_free(fields);
    }
    return found == 1;
}

void oc_mark_path(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_placeholder *p) {
    oc_buffer field = {0}, by_key = {0};
    append_field(&field, p);
    if (is_encrypted(s, n, &field))
        oc_buffer_add(out, field.data, field.len);
    else if (find_by_key(&by_key, s, n, p))
        oc_buffer_add(out, by_key.data, by_key.len);
    else
        oc_buffer_add(out, p->path, p->path_len);
    oc_buffer_done(&field);
    oc_buffer_done(&by_key);
}

/* ---- the others ---- */

void oc_mark_key(oc_buffer *out, const opencrypt_placeholder *p) {
    if (!p->key_id) {
        oc_buffer_add(out, p->key_name, p->key_name_len);
        return;
    }
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            oc_buffer_char(out, '-');
        oc_buffer_char(out, "0123456789abcdef"[p->key_id[i] >> 4]);
        oc_buffer_char(out, "0123456789abcdef"[p->key_id[i] & 15]);
    }
}

const char *oc_mark_use(const opencrypt_placeholder *p) {
    return p->use == OPENCRYPT_USE_STORED ? "stored" : p->use == OPENCRYPT_USE_COMPARED ? "compared" : "";
}

/* ---- lists ---- */

/* Whether the entry at out.data[from ..] is among those before it. */
static bool is_repeated(const oc_buffer *out, size_t start, size_t from) {
    size_t len = out->len - from;
    for (size_t at = start; at < from;) {
        size_t end = at;
        for (int texts = 0; texts < 4; texts++)
            end += strlen(out->data + end) + 1;
        if (end - at == len && memcmp(out->data + at, out->data + from, len) == 0)
            return true;
        at = end;
    }
    return false;
}

static void add(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_placeholder *p) {
    oc_mark_path(out, s, n, p);
    oc_buffer_char(out, '\0');
    oc_buffer_text(out, opencrypt_algorithm_name(p->algorithm));
    oc_buffer_char(out, '\0');
    oc_buffer_text(out, oc_mark_use(p));
    oc_buffer_char(out, '\0');
    /* A key's name that stands in the documents is a value of the application. */
    if (p->key_id)
        oc_mark_key(out, p);
    oc_buffer_char(out, '\0');
}

bool oc_marks_collect(oc_buffer *out, const oc_schemas *s, const oc_namespaces *n, const opencrypt_reply *reply) {
    opencrypt_placeholders *placeholders = opencrypt_placeholders_new(reply->data, reply->len);
    const opencrypt_placeholder *p;
    size_t start = out->len;
    while (placeholders && (p = opencrypt_placeholders_next(placeholders))) {
        size_t from = out->len;
        add(out, s, n, p);
        if (is_repeated(out, start, from))
            out->len = from;
    }
    bool ok = placeholders && !opencrypt_placeholders_refusal(placeholders);
    opencrypt_placeholders_free(placeholders);
    return ok;
}

oc_marks oc_marks_read(const oc_buffer *collected) {
    oc_marks marks = {0};
    size_t texts = 0;
    for (size_t i = 0; i < collected->len; i++)
        texts += collected->data[i] == '\0';
    if (!texts)
        return marks;
    marks.count = texts / 4;
    /* The texts lie behind the list. */
    marks.list = oc_allocate(marks.count * sizeof *marks.list + collected->len);
    char *text = (char *)(marks.list + marks.count);
    memcpy(text, collected->data, collected->len);
    for (size_t i = 0; i < marks.count; i++) {
        const char *parts[4];
        for (int k = 0; k < 4; k++) {
            parts[k] = text;
            text += strlen(text) + 1;
        }
        marks.list[i] = (oc_mark){parts[0], parts[1], parts[2], parts[3]};
    }
    return marks;
}

void oc_marks_done(oc_marks *marks) {
    free(marks->list);
    *marks = (oc_marks){0};
}
