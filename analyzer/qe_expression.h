#ifndef OC_QE_EXPRESSION_H
#define OC_QE_EXPRESSION_H

/* Where the server compares fields of Queryable Encryption, and how expressions say so.
 *
 * It rewrites such comparisons by path, in filters only: so a field is compared under its own path, which no stage may
 * have touched, and in an expression only in the $expr of a filter, under $and, $or and $not. scope->conjunction says
 * that an expression stands there. */

#include "expression.h"

/* That the path still leads to what the collection has there. */
bool oc_qe_check_path(const oc_scope *s, oc_str path, const char *op);

/* If a field of Queryable Encryption is among the operands of `op`, {$eq: ["$ssn", "x"]}, an element of the document of
 * `frame`: *handled, and it is marked or refused. */
bool oc_qe_compare(const oc_scope *s, oc_frame *frame, const oc_elem *op, bool *handled);

/* $gt, $gte, $lt, $lte. */
bool oc_evaluate_order(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
/* $and, $or, $not. */
bool oc_evaluate_logical(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
/* $encStrContains, $encStrEndsWith, $encStrNormalizedEq, $encStrStartsWith. */
bool oc_evaluate_encrypted_string(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);

#endif
