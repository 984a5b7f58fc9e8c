#ifndef OC_QE_MARK_H
#define OC_QE_MARK_H

/* Placeholders of Queryable Encryption: a BinData of subtype 6, a byte 3, then
 *
 *     {t: 1 stored or 2 compared, a: <index>, ki, ku: <the field's key>, v: …, cm: <contention>, s: <sparsity, range>}
 *
 * (facts.md 3.3 to 3.6). Users may mix automatic and explicit encryption: a value that is already a payload of the
 * right kind passes as it is. */

#include "mark.h"

/* oc_mark for a field with meta->qe: all that is stored, and equality. How a range or a text index is compared is not
 * for one value to say (qe_range.h): such comparisons, and those of fields without an index, are errors here. */
bool oc_qe_mark(oc_analysis *a, oc_frame *frame, const oc_elem *e, const oc_meta *meta, const oc_marking *how);

/* The bytes of such a mark (oc_make_mark). */
uint8_t *oc_qe_make(const oc_edit *edit, const uint8_t *base, uint8_t *p);

/* The error of a comparison with a field that has no index; always false. */
bool oc_fail_qe_unindexed(oc_analysis *a, const oc_path *path, const char *op);

/* The first byte of a BinData of subtype 6, -1 for any other value or an empty one. */
int oc_qe_payload(const oc_elem *e);

#endif
