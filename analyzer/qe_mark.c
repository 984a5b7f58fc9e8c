/* A stored value in the order of its bytes (facts.md 3.3, 3.4, 3.6). The value itself is copied from the command:
 *
 *     head    BinData 6 | 3 | {t, a, ki, ku, v:      and where an index has bounds or lengths:   {v:
 *     value   "x"                                                                                5
 *     tail    , cm, s}                                                          , min: 0, max: 9}, cm, s}
 */

#include "qe_mark.h"

#include "put.h"

/* ---- explicit payloads ---- */

enum { SUBTYPE_UUID = 4, SUBTYPE_ENCRYPTED = 6 };

int oc_qe_payload(const oc_elem *e) {
    enum { SUBTYPE = 4, CONTENT = 5 };
    bool encrypted = e->type == OC_BINARY && e->value[SUBTYPE] == SUBTYPE_ENCRYPTED && oc_u32(e->value) > 0;
    return encrypted ? e->value[CONTENT] : -1;
}

/* First bytes: the one of today, and that of servers before 7.0. */
typedef struct payload_pair {
    int now, old;
} payload_pair;

static payload_pair payloads_of(const oc_qe *qe, bool compared) {
    static const payload_pair unindexed = {16, 6}, indexed = {11, 4}, equality = {12, 5};
    if (compared)
        return equality;
    return qe->index == OC_QE_UNINDEXED ? unindexed : indexed;
}

static bool check_payload(oc_analysis *a, int kind, const oc_meta *meta, const oc_marking *how) {
    bool compared = how->use == OC_USE_COMPARED;
    payload_pair wanted = payloads_of(meta->qe, compared);
    const char *hint = compared ? "encrypt it for the Indexed algorithm with queryType equality"
                       : meta->qe->index == OC_QE_UNINDEXED
                           ? "encrypt it for the Unindexed algorithm, or give the plaintext"
                           : "encrypt it for the algorithm of the field's index, or give the plaintext";
    return kind == wanted.now || kind == wanted.old ||
           oc_fail(a->error, OC_QE_PAYLOAD, how->path, how->op, hint,
                   "An explicitly encrypted payload is not of the kind that is %s here",
                   compared ? "compared" : "stored");
}

/* ---- checks ---- */

static const char not_equality[] = "Can only execute encrypted equality queries with an encrypted equality index";

bool oc_fail_qe_unindexed(oc_analysis *a, const oc_path *path, const char *op) {
    return oc_fail(
        a->error, OC_QE_INDEX, path, op,
        "give the field `queries: {queryType: \"equality\"}` in encryptedFields when the collection is created", "%s",
        not_equality);
}

static bool check_index(oc_analysis *a, const oc_elem *e, const oc_qe *qe, const oc_marking *how) {
    switch (qe->index) {
    case OC_QE_EQUALITY: return true;
    case OC_QE_UNINDEXED: return oc_fail_qe_unindexed(a, how->path, how->op);
    case OC_QE_TEXT:
        return oc_fail(a->error, OC_QE_INDEX, how->path, how->op,
                       "use {$expr: {$encStrNormalizedEq: {input: \"$field\", string: \"text\"}}}",
                       "%s; a field with a text index is compared by $encStrNormalizedEq", not_equality);
    case OC_QE_RANGE: break;
    }
    if (oc_qe_payload(e) >= 0)
        return oc_fail(
            a->error, OC_QE_PAYLOAD, how->path, how->op,
            "give the plaintext, or payloads for $gte and $lte that were encrypted as a range",
            "A field with a range index cannot be compared with an explicitly encrypted payload by equality");
    return oc_fail(a->error, OC_QE_INDEX, how->path, how->op, "compare it in a filter by itself",
                   "%s; the field has a range index", not_equality);
}

static bool check_compared(oc_analysis *a, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    return check_index(a, e, meta->qe, how) && oc_check_operand(a, e, how);
}

/* ---- what stands after the value ---- */

enum {
    INT32_SIZE = 1 + 1 + 4, /* type, NUL of the name, value */
    INT64_SIZE = 1 + 1 + 8,
    BOOL_SIZE = 1 + 1 + 1,
    EMPTY_SIZE = 4 + 1, /* of a document */
};

static uint8_t *put_int32(uint8_t *p, const char *name, int32_t v) {
    return oc_put_length(oc_put_name(p, OC_INT32, (oc_str){name, strlen(name)}), (uint32_t)v);
}

static uint8_t *put_int64(uint8_t *p, const char *name, int64_t v) {
    return oc_put_long(oc_put_name(p, OC_INT64, (oc_str){name, strlen(name)}), v);
}

static uint8_t *put_bool(uint8_t *p, const char *name, bool v) {
    p = oc_put_name(p, OC_BOOL, (oc_str){name, strlen(name)});
    *p++ = v;
    return p;
}

static uint8_t *put_bound(uint8_t *p, const char *name, const oc_elem *bound) {
    p = oc_put_name(p, bound->type, (oc_str){name, strlen(name)});
    return oc_put(p, bound->value, (size_t)(bound->end - bound->value));
}

/* {mlen, ub, lb} */
static uint8_t *put_text_index(uint8_t *p, const char *name, const oc_qe_text *index) {
    if (!index->ub)
        return p;
    uint8_t *start = oc_put_name(p, OC_DOCUMENT, (oc_str){name, strlen(name)});
    p = start + 4;
    if (index->longest)
        p = put_int32(p, "mlen", index->longest);
    p = put_int32(p, "ub", index->ub);
    p = put_int32(p, "lb", index->lb);
    *p++ = 0;
    oc_put_length(start, (size_t)(p - start));
    return p;
}

enum {
    TEXT_INDEX_SIZE = 1 + sizeof "substr" + EMPTY_SIZE + 3 * INT32_SIZE + 4 + 2 + 2,
    BOUND_SIZE = 1 + 4 + 16,
    RANGE_SIZE = 2 * BOUND_SIZE + 2 * INT32_SIZE + 9 + 10 + 1,
    TEXT_SIZE = 2 * BOOL_SIZE + 5 + 6 + 3 * TEXT_INDEX_SIZE + 1,
    NUMBERS_SIZE = 2 * INT64_SIZE + 2 + 1,
    LONGEST_TAIL = (RANGE_SIZE > TEXT_SIZE ? RANGE_SIZE : TEXT_SIZE) + NUMBERS_SIZE,
};

static uint8_t *put_range(uint8_t *p, const oc_qe *qe) {
    p = put_bound(p, "min", &qe->min);
    p = put_bound(p, "max", &qe->max);
    if (qe->precision >= 0)
        p = put_int32(p, "precision", qe->precision);
    if (qe->trim >= 0)
        p = put_int32(p, "trimFactor", qe->trim);
    return p;
}

static uint8_t *put_text(uint8_t *p, const oc_qe *qe) {
    p = put_bool(p, "casef", qe->fold_case);
    p = put_bool(p, "diacf", qe->fold_diacritics);
    p = put_text_index(p, "prefix", &qe->prefix);
    p = put_text_index(p, "suffix", &qe->suffix);
    return put_text_index(p, "substr", &qe->substring);
}

/* Whether the value stands in a document of its own, with what its index needs. */
static bool has_spec(const oc_qe *qe) {
    return qe->index == OC_QE_RANGE || qe->index == OC_QE_TEXT;
}

/* *spec_len: how much of it belongs to the document around the value. */
static size_t put_tail(uint8_t *start, const oc_qe *qe, size_t *spec_len) {
    uint8_t *p = start;
    if (has_spec(qe)) {
        p = qe->index == OC_QE_RANGE ? put_range(p, qe) : put_text(p, qe);
        *p++ = 0;
    }
    *spec_len = (size_t)(p - start);
    p = put_int64(p, "cm", qe->contention);
    if (qe->index == OC_QE_RANGE)
        p = put_int64(p, "s", qe->sparsity);
    return (size_t)(p - start);
}

/* ---- what stands before it ---- */

enum {
    KIND = 3, /* the first byte of such a placeholder */
    KEY_SIZE = 1 + sizeof "ki" + 4 + 1 + 16,
    FIXED_SIZE = 2 * (INT32_SIZE + 1) + 2 * KEY_SIZE, /* t, a, ki, ku */
    VALUE_SIZE = 1 + sizeof "v",
    EQUALITY_SIZE = 4 + 1 + sizeof "$eq", /* {$eq: before its value */
    CONTENT_SIZE = 4 + 1 + 1,             /* length, subtype and first byte of the BinData */
};

static uint8_t *put_key(uint8_t *p, const char *name, const uint8_t key[16]) {
    p = oc_put_name(p, OC_BINARY, (oc_str){name, 2});
    p = oc_put_length(p, 16);
    *p++ = SUBTYPE_UUID;
    return oc_put(p, key, 16);
}

static uint8_t *put_fixed(uint8_t *p, const oc_meta *meta, bool compared) {
    p = put_int32(p, "t", compared ? 2 : 1);
    p = put_int32(p, "a", (int32_t)meta->qe->index);
    p = put_key(p, "ki", meta->key_id);
    return put_key(p, "ku", meta->key_id);
}

/* The name, and for an implicit equality the document around the value, which is `value` bytes long. */
static uint8_t *put_place(uint8_t *p, oc_str name, uint8_t type, size_t value, bool as_equality) {
    if (!as_equality)
        return oc_put_name(p, type, name);
    p = oc_put_name(p, OC_DOCUMENT, name);
    p = oc_put_length(p, EQUALITY_SIZE + value + 1);
    return oc_put_name(p, type, (oc_str){"$eq", 3});
}

/* ---- edits ---- */

/* A payload stays as it is; a filter still says {f: {$eq: payload}}. */
static bool pass_payload(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_marking *how) {
    if (!how->as_equality)
        return true;
    size_t len = 1 + e->name.n + 1 + EQUALITY_SIZE;
    uint8_t *head = oc_arena_alloc(a->arena, len);
    if (!head)
        return oc_no_memory(a);
    put_place(head, e->name, OC_BINARY, (size_t)(e->end - e->value), true);
    oc_splice_edit(&a->splice, frame,
                   (oc_edit){.at = oc_splice_offset(&a->splice, e->start),
                             .skip = (uint32_t)(e->value - e->start),
                             .end = oc_splice_offset(&a->splice, e->end),
                             .head = head,
                             .head_len = (uint32_t)len,
                             .length_at = -1,
                             .nuls = 1});
    return true;
}

/* How many bytes are where in a placeholder. */
typedef struct sizes {
    size_t inner;    /* the document around the value; 0: there is none */
    size_t document; /* in the BinData */
} sizes;

static sizes measure(const oc_qe *qe, size_t value) {
    enum { CONTENTION_SIZE = 1 + sizeof "cm" + 8 };
    uint8_t tail[LONGEST_TAIL];
    size_t spec, len;
    if (!has_spec(qe))
        return (sizes){0, 4 + FIXED_SIZE + VALUE_SIZE + value + CONTENTION_SIZE + 1};
    len = put_tail(tail, qe, &spec);
    size_t inner = 4 + VALUE_SIZE + value + spec;
    return (sizes){inner, 4 + FIXED_SIZE + VALUE_SIZE + inner + (len - spec) + 1};
}

uint8_t *oc_qe_make(const oc_edit *edit, const uint8_t *base, uint8_t *p) {
    const oc_meta *meta = edit->made;
    const uint8_t *value = base + edit->at + edit->skip;
    size_t len = edit->end - edit->at - edit->skip;
    bool as_equality = edit->flags & OC_MADE_EQUALITY;
    size_t spec;
    sizes s = measure(meta->qe, len);
    p = put_place(p, oc_made_name(edit, base), OC_BINARY, CONTENT_SIZE + s.document, as_equality);
    p = oc_put_length(p, 1 + s.document);
    *p++ = SUBTYPE_ENCRYPTED;
    *p++ = KIND;
    p = put_fixed(oc_put_length(p, s.document), meta, edit->flags & OC_MADE_COMPARED);
    if (s.inner)
        p = oc_put_length(oc_put_name(p, OC_DOCUMENT, (oc_str){"v", 1}), s.inner);
    p = oc_put(oc_put_name(p, edit->type, (oc_str){"v", 1}), value, len);
    p += put_tail(p, meta->qe, &spec);
    *p++ = 0;
    if (as_equality)
        *p++ = 0;
    return p;
}

static bool record(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    size_t document = measure(meta->qe, (size_t)(e->end - e->value)).document;
    return oc_record_value(a, frame, e, how,
                           (oc_edit){.made = meta,
                                     .flags = how->use == OC_USE_COMPARED ? OC_MADE_COMPARED : 0,
                                     .head_len = (uint32_t)(CONTENT_SIZE + document)});
}

bool oc_qe_mark(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how) {
    int payload = oc_qe_payload(e);
    if (how->use == OC_USE_COMPARED ? !check_compared(a, e, meta, how) : !oc_check_timestamp(a, e, how))
        return false;
    if (payload >= 0)
        return check_payload(a, payload, meta, how) && pass_payload(a, frame, e, how);
    return oc_check_type(a, e, meta, how) && record(a, frame, e, meta, how);
}
