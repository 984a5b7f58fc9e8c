#include "mark.h"

#include <stdio.h>

#include "put.h"
#include "qe_mark.h"
#include "qe_range.h"
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
    enum { LONGEST_KEY_NAME = 1024 }; /* it is in every placeholder */
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

/* A look-up reads the document. */
static bool pay_for_reading(oc_analysis *a, const oc_meta *meta, const oc_marking *how) {
    enum { BYTES_IN_A_STEP = 16 };
    return oc_budget_spend(&a->lookup.budget,
                           meta->pointer.count * (uint64_t)oc_u32(how->document) / BYTES_IN_A_STEP) ||
           oc_fail(a->error, OC_TOO_COMPLEX, how->path, how->op, "let the fields share the field that keyId points to",
                   "The command has too many different keyId JSON Pointers to be analysed");
}

/* The key's name is in the document: a string at the pointer's target. */
static bool resolve_key_name(oc_analysis *a, const oc_meta *meta, const oc_marking *how, oc_elem *name) {
    const oc_resolved *known = find_resolved(a, meta, how->document);
    if (known) {
        *name = known->name;
        return true;
    }
    if (!pay_for_reading(a, meta, how))
        return false;
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

enum {
    EQUALITY_SIZE = 4 + 1 + sizeof "$eq",     /* {$eq: before the value */
    ALGORITHM_SIZE = 1 + sizeof "a" + 4,      /* and so on: type, name, value */
    UUID_SIZE = 1 + sizeof "ki" + 4 + 1 + 16, /* with length and subtype */
    NAME_SIZE = 1 + sizeof "ka",
    VALUE_SIZE = 1 + sizeof "v",
    CONTENT_SIZE = 4 + 1 + 1, /* length, subtype and first byte of the BinData */
};

/* The document in the placeholder of a value of `value` bytes. */
static size_t document_size(size_t key_name, size_t value) {
    return 4 + ALGORITHM_SIZE + (key_name ? NAME_SIZE + key_name : UUID_SIZE) + VALUE_SIZE + value + 1;
}

static size_t key_name_size(const uint8_t *name) {
    return 4 + (size_t)oc_u32(name);
}

static uint8_t *put_key(uint8_t *p, const oc_meta *meta, const uint8_t *key_name) {
    if (key_name)
        return oc_put(oc_put(p, "\x02ka", NAME_SIZE), key_name, key_name_size(key_name));
    p = oc_put(p, "\x05ki\0\x10\0\0\0\x04", UUID_SIZE - 16);
    return oc_put(p, meta->key_id, sizeof meta->key_id);
}

static uint8_t *put_placeholder(uint8_t *p, const oc_edit *edit, const uint8_t *base, size_t document) {
    const oc_meta *meta = edit->made;
    const uint8_t *value = base + edit->at + edit->skip;
    p = oc_put_length(p, 1 + document);
    p = oc_put(p, "\x06\0", 2);
    p = oc_put_length(p, document);
    p = oc_put(p,
               "\x10"
               "a",
               3);
    p = oc_put_length(p, (size_t)meta->algorithm);
    p = put_key(p, meta, edit->extra ? base + edit->extra : NULL);
    *p++ = edit->type;
    p = oc_put(p, "v", 2);
    p = oc_put(p, value, edit->end - edit->at - edit->skip);
    *p++ = 0;
    return p;
}

static uint8_t *make_value(const oc_edit *edit, const uint8_t *base, uint8_t *p) {
    oc_str name = oc_made_name(edit, base);
    size_t key_name = edit->extra ? key_name_size(base + edit->extra) : 0;
    size_t document = document_size(key_name, edit->end - edit->at - edit->skip);
    if (!(edit->flags & OC_MADE_EQUALITY))
        return put_placeholder(oc_put_name(p, OC_BINARY, name), edit, base, document);
    p = oc_put_name(p, OC_DOCUMENT, name);
    p = oc_put_length(p, EQUALITY_SIZE + CONTENT_SIZE + document + 1);
    p = put_placeholder(oc_put(p, "\x05$eq", 5), edit, base, document);
    *p++ = 0;
    return p;
}

uint8_t *oc_make_mark(const oc_edit *edit, const uint8_t *base, uint8_t *p) {
    switch ((oc_made)edit->kind) {
    case OC_MADE_VALUE:
        return ((const oc_meta *)edit->made)->qe ? oc_qe_make(edit, base, p) : make_value(edit, base, p);
    case OC_MADE_BOUND: return oc_qe_make_bound(edit->made, edit->head_len, p);
    case OC_MADE_RANGES: return oc_qe_make_ranges(edit->made, edit->head_len, p);
    }
    return p;
}

oc_str oc_made_name(const oc_edit *edit, const uint8_t *base) {
    const char *name = edit->flags & OC_MADE_SECOND ? "1" : (const char *)base + edit->at + 1;
    return (oc_str){name, strlen(name)};
}

bool oc_record_value(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_marking *how, oc_edit edit) {
    const oc_elem *place = how->wrapper ? how->wrapper : e;
    bool second = (const uint8_t *)place->name.s != place->start + 1;
    edit.kind = OC_MADE_VALUE;
    edit.at = oc_splice_offset(&a->splice, place->start);
    edit.skip = (uint32_t)(e->value - place->start);
    edit.end = oc_splice_offset(&a->splice, e->end);
    edit.type = e->type;
    edit.flags |= (second ? OC_MADE_SECOND : 0) | (how->as_equality ? OC_MADE_EQUALITY : 0);
    edit.head_len += (uint32_t)(1 + (second ? 1 : place->name.n) + 1 + (how->as_equality ? EQUALITY_SIZE + 1 : 0));
    oc_count_marks(a, 1);
    oc_splice_edit(&a->splice, frame, edit);
    if (how->wrapper)
        oc_splice_cut(&a->splice, frame, e->end, place->end);
    return !a->splice.failed || oc_no_memory(a);
}

static bool record(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how,
                   const oc_elem *key_name) {
    size_t key = key_name ? (size_t)(key_name->end - key_name->value) : 0;
    size_t content = CONTENT_SIZE + document_size(key, (size_t)(e->end - e->value));
    return oc_record_value(a, frame, e, how,
                           (oc_edit){.made = meta,
                                     .extra = key_name ? oc_splice_offset(&a->splice, key_name->value) : 0,
                                     .head_len = (uint32_t)content});
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
