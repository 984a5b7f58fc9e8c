#ifndef SOUNDNESS_JUDGE_H
#define SOUNDNESS_JUDGE_H

/* The independent checker, written from analysis.md and aggregation.md. It walks the command that went in and the
 * `result` that came out side by side and accounts for every value: either it is the same in both, or it stands where
 * the documents want a placeholder and is one, with the right algorithm, key and value. What the documents call an
 * error must not have been accepted. Without a result it tells whether the documents accept the command. */

#include "node.h"

typedef enum verdict {
    V_FINE,
    V_MOOT,   /* the server refuses the command whatever we do */
    V_REFUSE, /* the documents make this an error */
    V_WRONG   /* the result is not what the documents say */
} verdict;

/* A path that a stage has written or dropped; "": all of them. */
typedef struct touched {
    const char *path;
    const struct touched *next;
} touched;

typedef struct judge {
    pool *p;
    const world *w;
    const collection *c;    /* of the command */
    bool encrypts;          /* some schema of the request encrypts something */
    bool collated;          /* a non-simple collation is in force */
    bool pipeline_marked;   /* something in the command's pipeline was marked */
    bool in_group;          /* constants are written {$const: v} then */
    bool only_exists;       /* a validator or partial filter: nothing may be compared */
    bool exception;         /* it may mean something else on ciphertext, and the documents say so */
    bool distinct;          /* the command */
    bool in_filter;         /* the expression is one of a filter, under $and, $or, $not */
    const touched *touched; /* by the stages before */
    const char *path;       /* of the predicate */
    const node *stored_in;  /* in the pipeline of an update: what the schema says of the documents */
    verdict verdict;
    const char *why;
} judge;

/* One request. `result` may be NULL. */
verdict judge_command(judge *j, const value *command, const value *result);

/* The parts, which use each other. Every `r` may be NULL. */

void judge_refuse(judge *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
void judge_moot(judge *j);
void judge_wrong(judge *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct pairs {
    const value *o, *r, *next_o, *next_r;
    bool result;
} pairs;

/* The members of two containers that must have the same names. */
pairs judge_pairs(judge *j, const value *o, const value *r);
bool judge_next(judge *j, pairs *it);
void judge_same(judge *j, const value *o, const value *r);
/* `document`: what a pointer is resolved in; NULL: it cannot be. */
void judge_stored(judge *j, const value *o, const value *r, const metadata *meta, const value *document);
void judge_compared(judge *j, const value *o, const value *r, const metadata *meta);

typedef enum purpose { INSERTED, REPLACING, SET, COMPARED } purpose;
/* `whole`: the document that pointers are resolved in. */
void judge_document(judge *j, const value *o, const value *r, const node *at, purpose why, const value *whole);
/* Whether a value that is compared has something at an encrypted path. */
bool judge_reaches(judge *j, const value *v, const node *at);
void judge_filter(judge *j, const value *o, const value *r, const node *at, bool normal);
void judge_update(judge *j, const value *o, const value *r, const node *at);
void judge_sort(judge *j, const value *keys, const node *at);
bool judge_is_operators(const value *v);

/* Queryable Encryption. */
void judge_touch(judge *j, const char *path);
void judge_touch_all(judge *j);
bool judge_is_touched(const judge *j, const char *path);
void judge_qe_stored(judge *j, const value *o, const value *r, const metadata *meta);
void judge_qe_equality(judge *j, const value *o, const value *r, const metadata *meta, const char *path);
/* The predicate on a range index. `r` may have another name. */
void judge_qe_range(judge *j, const value *o, const value *r, const metadata *meta, const char *path);
/* An operator of an expression with its operands; false: it compares no QE field. */
bool judge_qe_operator(judge *j, const value *o, const value *r, const node *at, bool in_filter);
/* {t, a, …} of a placeholder; NULL: it is none. */
const value *judge_qe_open(judge *j, const value *r);
const value *judge_qe_placeholder(judge *j, const metadata *meta, int t, const value *v);
/* All bounds in it. */
void judge_qe_result(judge *j, const value *result);
/* The collection has encrypted fields of Queryable Encryption. */
bool judge_is_qe(const judge *j);

/* A result that an expression may have. */
typedef struct outcome {
    enum { LITERAL, FIELD, REMOVED, COMPUTED } kind;
    const node *node;   /* of FIELD */
    const value *o, *r; /* of LITERAL: what may have to be marked; r NULL without a result */
    const struct outcome *next;
} outcome;

const outcome *judge_expression(judge *j, const value *o, const value *r, const node *at);
/* Literals stay what they are. */
const node *judge_settle(judge *j, const outcome *list);
void judge_condition(judge *j, const value *o, const value *r, const node *at);
/* A projection or $project. The tree of what it lets through. */
const node *judge_projection(judge *j, const value *o, const value *r, const node *at, bool find);
const node *judge_pipeline(judge *j, const value *o, const value *r, const node *at);
void judge_update_pipeline(judge *j, const value *o, const value *r, const node *at);

#endif
