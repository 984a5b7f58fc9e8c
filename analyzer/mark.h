#ifndef OC_MARK_H
#define OC_MARK_H

/* Marking: one value becomes a placeholder, which the driver's libmongocrypt will encrypt.
 *
 * A CSFLE placeholder is a BinData of subtype 6: a zero byte, then {a: <algorithm>, ki: <UUID> or ka: <name>, v:
 * <value>} (specifications/source/bson-binary-encrypted, and facts.md 3.2). */

#include "analysis.h"

typedef struct oc_marking {
    oc_use use;
    const oc_path *path;
    const char *op;          /* the operator that holds the value, for messages; NULL: none */
    const uint8_t *document; /* the document that JSON Pointers are resolved in; NULL: there is none */
    const oc_elem *wrapper;  /* an element around the value that the placeholder replaces, {$literal: v}; NULL: none */
    bool as_equality;        /* write {f: v} as {f: {$eq: v}} */
    bool stored;             /* a comparison whose value an upsert stores */
    bool in_list;            /* an element of $in or $nin */
} oc_marking;

/* Judges the value of `e`, and records the edit of the element that it is, or of how->wrapper, in the document of
 * `frame`. False: it cannot be encrypted. */
bool oc_mark(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how);

/* Parts of its judgement that qe_mark.h shares. Each returns false with the error set.
 * Whether the value may be encrypted, and is of a type that the field declares. */
bool oc_check_type(oc_analysis *a, const oc_elem *e, const oc_meta *meta, const oc_marking *how);
/* What no encrypted field can be compared with: null, regular expressions, strings under a collation. */
bool oc_check_operand(oc_analysis *a, const oc_elem *e, const oc_marking *how);
/* Not the Timestamp(0, 0) that the server would replace. */
bool oc_check_timestamp(oc_analysis *a, const oc_elem *e, const oc_marking *how);

/* The bytes of a mark are made when the reply is written: what its edit's `flags` say. */
enum {
    OC_MADE_EQUALITY = 1, /* {f: v} as {f: {$eq: v}} */
    OC_MADE_COMPARED = 2, /* for Queryable Encryption */
    OC_MADE_SECOND = 4,   /* it is called "1", whatever it was called: it stands behind its field now */
};

/* Writes any of them: the maker of the request's splice. */
uint8_t *oc_make_mark(const oc_edit *edit, const uint8_t *base, uint8_t *p);
/* For qe_mark.h. What an element is called. */
oc_str oc_made_name(const oc_edit *edit, const uint8_t *base);
/* Records a value's edit; `edit` says what the placeholder is made of, and its size from the BinData's length on. */
bool oc_record_value(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_marking *how, oc_edit edit);

/* A key of a stored field that the server compares with other stored ones, as `distinct` does: only deterministic
 * fields, and no strings under a collation. `what` names the place in the message. */
bool oc_check_comparable(oc_analysis *a, const oc_meta *meta, const oc_path *path, const char *what);

#endif
