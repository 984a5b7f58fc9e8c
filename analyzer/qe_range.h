#ifndef OC_QE_RANGE_H
#define OC_QE_RANGE_H

/* Comparisons with a range index of Queryable Encryption, in filters and in expressions.
 *
 * Two bounds of one field in one conjunction are one range: the first lower bound and the first upper one, in the order
 * written, share a payload id, and the lower one carries what the edges of the range are computed from. So a bound can
 * be written only when its conjunction has been read to the end:
 *
 *     {$and: [{age: {$gt: 18}}, {city: "x"}, {age: {$lt: 30}}]}
 *     {$and: [{age: {$gt: <0: 18 to 30>}}, {city: {$eq: "x"}}, {age: {$lt: <0>}}]}
 *
 * Each bound stays where it was written; several in one predicate, {age: {$gt: 18, $lt: 30}}, become one each. Equality
 * is a range that the server must be told of as one:
 *
 *     {age: 5}                  {$and: [{age: {$gte: <1: 5 to 5>}}, {age: {$lte: <1>}}]}
 *     {age: {$nin: [5, 6]}}     {$nor: [{$and: […]}, {$and: […]}]}
 *     {$ne: ["$age", 5]}        {$not: [{$and: [{$gte: ["$age", …]}, {$lte: ["$age", …]}]}]}
 */

#include "expression.h"

typedef struct oc_qe_bound oc_qe_bound;
typedef struct oc_qe_rewrite oc_qe_rewrite;

/* The bounds of a conjunction, and the elements to be rewritten when it ends. Zeroed but for `a`: none. */
struct oc_conjunction {
    oc_analysis *a;
    oc_qe_bound *first, *last;
    oc_qe_rewrite *rewrites;
};

/* The bytes of such edits, `size` of them (oc_make_mark). */
uint8_t *oc_qe_make_bound(const oc_qe_bound *bound, size_t size, uint8_t *p);
uint8_t *oc_qe_make_ranges(const oc_qe_rewrite *rewrite, size_t size, uint8_t *p);

/* Pairs and numbers the bounds, and records the edits. */
bool oc_conjunction_finish(oc_conjunction *c);

/* The field of a filter that has a range index, with what it is compared with: `e` is an element of the document of
 * `frame`, which lives in the arena, {age: 5} or {age: {$gt: 5}}. */
bool oc_qe_filter_range(const oc_scope *s, oc_conjunction *c, oc_frame *frame, const oc_elem *e, const oc_meta *meta);

/* What a field is compared with in an expression. */
typedef struct oc_qe_constants {
    oc_elem *values;
    size_t count; /* 1, but for $in */
    bool first;   /* written before the field: {$lt: [5, "$age"]} */
} oc_qe_constants;

/* An expression that compares such a field: `op` is its element, {$lt: […]}, in the document of `frame`; `field` its
 * operand "$age", `compared` what that yields. */
bool oc_qe_expression_range(const oc_scope *s, oc_frame *frame, const oc_elem *op, const oc_elem *field,
                            const oc_qe_constants *constants, const oc_result *compared);

#endif
