#include "convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *oc_case_file = "", *oc_case_name = "";

void oc_case_die(const char *format, ...) {
    va_list args;
    fprintf(stderr, "%s: %s: ", oc_case_file, oc_case_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

/* ---- keys and payloads ---- */

enum { KEY_SIZE = 16, PAYLOAD_SIZE = 17, ENCRYPTED = 6 };

static const uint8_t test_key[KEY_SIZE] = {0}; /* the keyId of all CSFLE schemas in schemas.json */

/* Each field of Queryable Encryption has a key of its own: its bytes are a short text, filled up with NULs. */
static void append_key(bson_t *to, const char *name, const char *text) {
    uint8_t key[KEY_SIZE] = {0};
    if (strlen(text) > sizeof key)
        oc_case_die("the key '%s' is longer than %d bytes", text, KEY_SIZE);
    memcpy(key, text, strlen(text));
    bson_append_binary(to, name, -1, BSON_SUBTYPE_UUID, key, sizeof key);
}

/* What a client that encrypts explicitly has made: only the first byte matters to us. */
static void append_payload(bson_t *to, const char *name, const bson_iter_t *kind) {
    uint8_t bytes[PAYLOAD_SIZE] = {0};
    if (!BSON_ITER_HOLDS_INT32(kind) || bson_iter_int32(kind) < 0 || bson_iter_int32(kind) > 255)
        oc_case_die("a $payload is a first byte");
    bytes[0] = (uint8_t)bson_iter_int32(kind);
    bson_append_binary(to, name, -1, (bson_subtype_t)ENCRYPTED, bytes, sizeof bytes);
}

/* ---- placeholders ---- */

static void append_placeholder(bson_t *to, const char *name, uint8_t kind, const bson_t *doc) {
    uint8_t *bytes = malloc(doc->len + 1);
    bytes[0] = kind;
    memcpy(bytes + 1, bson_get_data(doc), doc->len);
    bson_append_binary(to, name, -1, (bson_subtype_t)ENCRYPTED, bytes, doc->len + 1);
    free(bytes);
}

static bool append_member(bson_t *to, const bson_t *mark, const char *name) {
    bson_iter_t it;
    return bson_iter_init_find(&it, mark, name) && bson_append_iter(to, NULL, 0, &it);
}

static bool append_long(bson_t *to, const bson_t *mark, const char *name) {
    bson_iter_t it;
    return bson_iter_init_find(&it, mark, name) && bson_append_int64(to, name, -1, bson_iter_as_int64(&it));
}

/* {a, v} or {a, ka, v} or {a, ki, v}: the bytes of a CSFLE placeholder. */
static void append_csfle(bson_t *to, const char *name, const bson_t *mark) {
    bson_t doc = BSON_INITIALIZER;
    if (!append_member(&doc, mark, "a"))
        oc_case_die("a $mark needs a and v");
    if (!append_member(&doc, mark, "ki") && !append_member(&doc, mark, "ka"))
        bson_append_binary(&doc, "ki", 2, BSON_SUBTYPE_UUID, test_key, sizeof test_key);
    if (!append_member(&doc, mark, "v"))
        oc_case_die("a $mark needs a and v");
    append_placeholder(to, name, 0, &doc);
    bson_destroy(&doc);
}

/* {t, a, k, v, cm} or {t, a, k, v, cm, s}: the bytes of a placeholder of Queryable Encryption. */
static void append_qe(bson_t *to, const char *name, const bson_t *mark) {
    bson_t doc = BSON_INITIALIZER;
    bson_iter_t key;
    bool ok = append_member(&doc, mark, "t") && append_member(&doc, mark, "a");
    if (!ok || !bson_iter_init_find(&key, mark, "k") || !BSON_ITER_HOLDS_UTF8(&key))
        oc_case_die("a $mark2 needs t, a, k, v and cm");
    append_key(&doc, "ki", bson_iter_utf8(&key, NULL));
    append_key(&doc, "ku", bson_iter_utf8(&key, NULL));
    if (!append_member(&doc, mark, "v") || !append_long(&doc, mark, "cm"))
        oc_case_die("a $mark2 needs t, a, k, v and cm");
    append_long(&doc, mark, "s");
    append_placeholder(to, name, 3, &doc);
    bson_destroy(&doc);
}

static void append_mark(bson_t *to, const char *name, bson_iter_t *form, bool *marked,
                        void (*append)(bson_t *, const char *, const bson_t *)) {
    bson_t mark = BSON_INITIALIZER;
    bson_iter_t members;
    bool ignored;
    if (!bson_iter_recurse(form, &members))
        oc_case_die("%s needs an object", bson_iter_key(form));
    oc_convert(&members, &mark, &ignored);
    append(to, name, &mark);
    *marked = true;
    bson_destroy(&mark);
}

/* ---- conversion ---- */

/* The one member of an object; false for anything else. */
static bool only_member(const bson_iter_t *it, bson_iter_t *member) {
    bson_iter_t after;
    if (!BSON_ITER_HOLDS_DOCUMENT(it) || !bson_iter_recurse(it, member) || !bson_iter_next(member))
        return false;
    after = *member;
    return !bson_iter_next(&after);
}

static bool convert_form(bson_iter_t *form, const char *name, bson_t *to, bool *marked) {
    const char *kind = bson_iter_key(form);
    if (strcmp(kind, "$mark") == 0)
        append_mark(to, name, form, marked, append_csfle);
    else if (strcmp(kind, "$mark2") == 0)
        append_mark(to, name, form, marked, append_qe);
    else if (strcmp(kind, "$key") == 0 && BSON_ITER_HOLDS_UTF8(form))
        append_key(to, name, bson_iter_utf8(form, NULL));
    else if (strcmp(kind, "$payload") == 0)
        append_payload(to, name, form);
    else
        return false;
    return true;
}

static void convert_container(bson_iter_t *it, const char *name, bson_t *to, bool *marked) {
    bson_iter_t child;
    bson_t inner;
    bool array = BSON_ITER_HOLDS_ARRAY(it);
    bson_iter_recurse(it, &child);
    array ? bson_append_array_begin(to, name, -1, &inner) : bson_append_document_begin(to, name, -1, &inner);
    oc_convert(&child, &inner, marked);
    array ? bson_append_array_end(to, &inner) : bson_append_document_end(to, &inner);
}

/* "$x" for a name "$$x": the JSON parser reads $regex and $type its own way. */
void oc_convert(bson_iter_t *from, bson_t *to, bool *marked) {
    while (bson_iter_next(from)) {
        const char *name = bson_iter_key(from);
        bson_iter_t form;
        if (strncmp(name, "$$", 2) == 0)
            name++;
        if (only_member(from, &form) && convert_form(&form, name, to, marked))
            continue;
        if (BSON_ITER_HOLDS_DOCUMENT(from) || BSON_ITER_HOLDS_ARRAY(from))
            convert_container(from, name, to, marked);
        else
            bson_append_iter(to, name, -1, from);
    }
}
