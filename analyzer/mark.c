#include "mark.h"

#include <stdio.h>

#include "put.h"
#include "qe_mark.h"
#include "text.h"

#define STRINGS (OC_TYPE_BIT(OC_STRING) | OC_TYPE_BIT(OC_SYMBOL))

static const char make_deterministic[] =
    "declare the field with the Deterministic algorithm to make it queryable by equality";
static const char no_collation[] = "leave the collation out, or use {locale: \"simple\"}";

static const char null_hint[] = "use {$exists: false} to find documents without the field";

static bool never_encrypted(uint8_t type) {
    return type == OC_NULL || type == OC_UNDEFINED || type == OC_MIN_KEY || type == OC_MAX_KEY;
}

static bool never_deterministic(uint8_t type) {
    return type == OC_DOCUMENT || type == OC_ARRAY || type == OC_DOUBLE || type == OC_DECIMAL128 || type == OC_BOOL ||
           type == OC_CODE_W_SCOPE;
}

/* "string, int" for a set of declared types. */
static void list_types(char *buf, size_t cap, uint32_t types) {
    for (uint8_t type = 1; type < 0x14; type++) {
        if (!(types & OC_TYPE_BIT(type)))
            continue;
        if (buf[0])
            oc_text_append_string(buf, cap, ", ");
        oc_text_append_string(buf, cap, oc_type_name(type));
    }
}

bool oc_check_type(oc_analysis *a, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    const char *type = oc_type_name(e->type);
    if (never_encrypted(e->type))
        return oc_fail(a->error, OC_VALUE_TYPE, how->path, how->op, "leave the field out instead",
                       "Cannot encrypt element of type: %s", type);
    if (e->type == OC_BINARY && e->value[4] == 6)
        return oc_fail(a->error, OC_VALUE_CIPHERTEXT, how->path, how->op,
                       "give the plaintext, or use a client that does not encrypt automatically",
                       "Cannot encrypt element of type: binData, because it is already encrypted (subtype 6)");
    if (meta->types && !(meta->types & OC_TYPE_BIT(e->type))) {
        char types[256] = "";
        list_types(types, sizeof types, meta->types);
        return oc_fail(a->error, OC_VALUE_TYPE, how->path, how->op, "give a value of the type that the schema declares",
                       "Cannot encrypt element of type: %s, because schema requires that type is one of: [ %s ]", type,
                       types);
    }
    if (meta->algorithm == OC_DETERMINISTIC && never_deterministic(e->type))
        return oc_fail(a->error, OC_VALUE_TYPE, how->path, how->op, "declare the field with the Random algorithm",
                       "Cannot encrypt element of type: %s", type);
    return true;
}

bool oc_check_operand(oc_analysis *a, const oc_elem *e, const oc_marking *how) {
    char path[256] = "";
    oc_path_append(path, sizeof path, how->path);
    if (e->type == OC_NULL)
        return oc_fail(a->error, OC_NULL_COMPARED, how->path, how->op, null_hint,
                       how->in_list ? "Illegal equality to null inside $in against an encrypted field: '%s'"
                                    : "Illegal equality to null predicate for encrypted field: '%s'",
                       path);
    if (e->type == OC_REGEX)
        return oc_fail(a->error, OC_REGEX_COMPARED, how->path, how->op, "compare with whole values",
                       "Cannot match a regular expression against the encrypted field '%s'", path);
    if (a->collation && (e->type == OC_STRING || e->type == OC_SYMBOL))
        return oc_fail(a->error, OC_COLLATION, how->path, "collation", no_collation,
                       "Cannot compare an encrypted string under a collation other than simple");
    return true;
}

static bool check_compared(oc_analysis *a, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    if (meta->algorithm == OC_RANDOM)
        return oc_fail(a->error, OC_RANDOM_COMPARED, how->path, how->op, make_deterministic,
                       "Cannot query on fields encrypted with the randomized encryption algorithm");
    if (oc_meta_is_pointer(meta))
        return oc_fail(a->error, OC_POINTER_KEY, how->path, how->op, "give the key's UUID in the schema",
                       "A non-static (JSONPointer) keyId is not supported.");
    return oc_check_operand(a, e, how);
}

bool oc_check_timestamp(oc_analysis *a, const oc_elem *e, const oc_marking *how) {
    bool top_level = how->path && !how->path->up;
    return !(how->use == OC_USE_INSERTED && top_level && e->type == OC_TIMESTAMP && oc_u64(e->value) == 0) ||
           oc_fail(a->error, OC_VALUE_TIMESTAMP, how->path, how->op, "give the time yourself",
                   "A command that inserts cannot supply Timestamp(0, 0) for an encrypted field");
}

static bool check_stored(oc_analysis *a, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    if (!oc_check_timestamp(a, e, how))
        return false;
    if (oc_meta_is_pointer(meta) && !how->document)
        return oc_fail(a->error, OC_POINTER_KEY, how->path, how->op,
                       "replace the whole document, or give the key's UUID in the schema",
                       "A non-static (JSONPointer) keyId is not supported.");
    return true;
}

static bool check_key_name(oc_analysis *a, const oc_meta *meta, const oc_marking *how, const oc_elem *name) {
    enum { LONGEST_KEY_NAME = 1024 }; /* it is copied into every placeholder */
    oc_str text = {"", 0};
    if (name->type != OC_STRING)
        return oc_fail(a->error, OC_POINTER_TARGET, how->path, how->op, "it holds the keyAltName of a data key",
                       "The keyId JSON Pointer '%s' must lead to a string, found %s", oc_name(meta->pointer.text).text,
                       oc_type_name(name->type));
    text = oc_elem_str(name);
    if (text.n > LONGEST_KEY_NAME || memchr(text.s, 0, text.n))
        return oc_fail(a->error, OC_POINTER_TARGET, how->path, how->op, "it holds the keyAltName of a data key",
                       "The keyId JSON Pointer '%s' must lead to a string of at most %d bytes without NUL",
                       oc_name(meta->pointer.text).text, LONGEST_KEY_NAME);
    return true;
}

/* Schemas give each field a pointer of its own, so equal texts count as one. */
static const oc_resolved *find_resolved(const oc_analysis *a, const oc_meta *meta, const uint8_t *document) {
    for (size_t i = 0; i < sizeof a->resolved / sizeof a->resolved[0]; i++) {
        const oc_resolved *r = &a->resolved[i];
        if (r->document == document &&
            (r->pointer == &meta->pointer || oc_str_eq(r->pointer->text, meta->pointer.text)))
            return r;
    }
    return NULL;
}

/* The key's name is in the document: a string at the pointer's target. */
static bool resolve_key_name(oc_analysis *a, const oc_meta *meta, const oc_marking *how, oc_elem *name) {
    const oc_resolved *known = find_resolved(a, meta, how->document);
    if (known) {
        *name = known->name;
        return true;
    }
    if (!oc_pointer_resolve(&meta->pointer, how->document, name))
        return oc_fail(a->error, OC_POINTER_TARGET, how->path, how->op,
                       "every document needs, once, the field that keyId points to",
                       "The keyId JSON Pointer '%s' leads to no field of the document",
                       oc_name(meta->pointer.text).text);
    if (!check_key_name(a, meta, how, name))
        return false;
    a->resolved[a->resolved_next++ % 4] = (oc_resolved){how->document, &meta->pointer, *name};
    return true;
}

/* ---- bytes ---- */

/* The placeholder's document up to its length prefix and from it up to the value. */
enum { ALGORITHM_SIZE = 1 + 2 + 4, UUID_SIZE = 1 + 3 + 4 + 1 + 16, NAME_SIZE = 1 + 3 + 4, VALUE_SIZE = 1 + 2 };

static uint8_t *put_key(uint8_t *p, const oc_meta *meta, const oc_elem *key_name) {
    if (key_name) {
        p = oc_put(p, "\x02ka", 4);
        return oc_put(p, key_name->value, (size_t)(key_name->end - key_name->value));
    }
    p = oc_put(p, "\x05ki\0\x10\0\0\0\x04", 9);
    return oc_put(p, meta->key_id, sizeof meta->key_id);
}

/* Everything before the value; what follows it are the NULs of the documents around it. */
static bool record(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how,
                   const oc_elem *key_name) {
    const oc_elem *place = how->wrapper ? how->wrapper : e;
    size_t key = key_name ? 4 + (size_t)(key_name->end - key_name->value) : UUID_SIZE;
    size_t value = (size_t)(e->end - e->value);
    size_t document = 4 + ALGORITHM_SIZE + key + VALUE_SIZE + value + 1;
    size_t equality = how->as_equality ? 4 + 5 : 0;
    size_t head = 1 + place->name.n + 1 + equality + 4 + 1 + 1 + 4 + ALGORITHM_SIZE + key + VALUE_SIZE;
    uint8_t *start = oc_arena_alloc(a->arena, head);
    if (!start)
        return oc_no_memory(a);
    uint8_t *p = start;
    if (how->as_equality) {
        p = oc_put_name(p, OC_DOCUMENT, place->name);
        p = oc_put_length(p, equality + 4 + 1 + 1 + document + 1);
        p = oc_put(p, "\x05$eq", 5);
    } else {
        p = oc_put_name(p, OC_BINARY, place->name);
    }
    p = oc_put_length(p, 1 + document);
    p = oc_put(p, "\x06\0", 2);
    p = oc_put_length(p, document);
    p = oc_put(p,
               "\x10"
               "a",
               3);
    p = oc_put_length(p, (size_t)meta->algorithm);
    p = put_key(p, meta, key_name);
    *p++ = e->type;
    oc_put(p, "v", 2);
    oc_edit edit = {.at = oc_splice_offset(&a->splice, place->start),
                    .skip = (uint32_t)(e->value - place->start),
                    .end = oc_splice_offset(&a->splice, e->end),
                    .head = start,
                    .head_len = (uint32_t)head,
                    .length_at = -1,
                    .nuls = how->as_equality ? 2 : 1,
                    .sealed = true};
    oc_splice_edit(&a->splice, frame, edit);
    if (how->wrapper)
        oc_splice_cut(&a->splice, frame, e->end, place->end);
    a->marks++;
    return true;
}

bool oc_mark(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    oc_elem key_name;
    if (meta->qe)
        return oc_qe_mark(a, frame, e, meta, how);
    bool compared = how->use == OC_USE_COMPARED;
    if (!(compared ? check_compared(a, e, meta, how) : check_stored(a, e, meta, how)) ||
        !oc_check_type(a, e, meta, how))
        return false;
    if (!oc_meta_is_pointer(meta))
        return record(a, frame, e, meta, how, NULL);
    return resolve_key_name(a, meta, how, &key_name) && record(a, frame, e, meta, how, &key_name);
}

bool oc_check_comparable(oc_analysis *a, const oc_meta *meta, const oc_path *path, const char *what) {
    if (meta->qe)
        return oc_fail(a->error, OC_RANDOM_COMPARED, path, what, "use a plain field, or compare with a constant",
                       "Fields of Queryable Encryption cannot be compared with one another: equal values are encrypted "
                       "differently");
    if (meta->algorithm == OC_RANDOM)
        return oc_fail(a->error, OC_RANDOM_COMPARED, path, what, make_deterministic,
                       "Cannot query on fields encrypted with the randomized encryption algorithm");
    if (a->collation && oc_meta_may_be(meta, STRINGS))
        return oc_fail(a->error, OC_COLLATION, path, "collation", no_collation,
                       "Cannot compare an encrypted string under a collation other than simple");
    return true;
}
