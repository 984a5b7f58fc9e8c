#ifndef SOUNDNESS_JUDGE_H
#define SOUNDNESS_JUDGE_H

/* The independent checker, written from analysis.md and aggregation.md. It walks the command that went in and the
 * `result` that came out side by side and accounts for every value: either it is the same in both, or it stands where
 * the documents want a placeholder and is one, with the right algorithm, key and value. What the documents call an
 * error must not have been accepted. Without a result it tells whether the documents accept the command. */

#include "cells.h"
#include "node.h"

typedef enum verdict {
    V_FINE,
    V_MOOT,   /* the server refuses the command whatever we do */
    V_REFUSE, /* the documents make this an error */
    V_WRONG   /* the result is not what the documents say */
} verdict;

enum { MAX_REACHED = 192 };

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
    bool joined;            /* a $lookup with a pipeline came before */
    bool reads_dropped;     /* an expression names an object of which a stage has dropped an encrypted field */
    bool collated;          /* a non-simple collation is in force */
    bool pipeline_marked;   /* something in the command's pipeline was marked */
    bool in_group;          /* constants are written {$const: v} then */
    bool only_exists;       /* a validator or partial filter: nothing may be compared */
    bool exception;         /* it may mean something else on ciphertext, and the documents say so */
    bool distinct;          /* the command */
    bool in_filter;         /* the expression is one of a filter, under $and, $or, $not */
    const touched *touched; /* by the stages before */
    const char *stage;      /* that is judged */
    const char *previous;   /* the one just before; NULL: none */
    const char *path;       /* of the predicate */
    const node *stored_in;  /* in the pipeline of an update: what the schema says of the documents */
    const cells *cells;     /* what is counted; NULL: nothing is */
    int context;            /* the row of the operand that is judged; -1: none */
    cell reached[MAX_REACHED];
    unsigned reached_count;
    cell blamed;          /* for the refusal */
    const char *fixed_in; /* the server rewrites no comparisons in this part of a pipeline: the row of that rule */
    bool nested;          /* the pipeline is one of a stage, or a view's */
    bool view;            /* it is stored */
    const char *command;  /* its name in the tables */
    bool completes;       /* statements of an update whose reply is marked */
    const touched *bound; /* names of variables */
    verdict verdict;
    const char *why;
} judge;

/* One request. `result` may be NULL. */
verdict judge_command(judge *j, const value *command, const value *result);

/* The parts, which use each other. Every `r` may be NULL. */

void judge_refuse(judge *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
void judge_moot(judge *j);
/* Every server refuses it, and so do we where the request encrypts. */
void judge_malformed(judge *j, const char *why);
void judge_wrong(judge *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct pairs {
    const value *o, *r, *next_o, *next_r;
    bool result;
} pairs;

/* The operand that is judged from here on. The one before, for judge_leave. */
int judge_enter(judge *j, family f, const char *name, const char *operand);
void judge_leave(judge *j, int before);
/* Something of this kind stands in the operand. */
void judge_note(judge *j, site s);
/* The refusal, if there was one since the verdict was fine, is due to the context. */
void judge_blame(judge *j, verdict before);
/* A construct that has no operand which reads fields. */
void judge_note_once(judge *j, family f, const char *name, const char *operand);
site judge_site(const spot *s);
site judge_node_site(const node *n);
/* What the collection encrypts at or below the path, if a stage has left nothing there; else plain. */
const node *judge_dropped_from(judge *j, const spot *s, const char *path);
/* The path itself, or one above it, is encrypted. */
bool judge_is_dropped(judge *j, const spot *s, const char *path);
/* The members of two containers that must have the same names. */
pairs judge_pairs(judge *j, const value *o, const value *r);
bool judge_next(judge *j, pairs *it);
void judge_same(judge *j, const value *o, const value *r);
/* `document`: what a pointer is resolved in; NULL: it cannot be. */
void judge_stored(judge *j, const value *o, const value *r, const metadata *meta, const value *document);
/* It is compared after the stage before. */
void judge_note_after(judge *j, const metadata *meta);
void judge_compared(judge *j, const value *o, const value *r, const metadata *meta);

typedef enum purpose { INSERTED, REPLACING, SET, COMPARED } purpose;
/* `whole`: the document that pointers are resolved in. */
void judge_document(judge *j, const value *o, const value *r, const node *at, purpose why, const value *whole);
/* Whether a value that is compared has something at an encrypted path. */
bool judge_reaches(judge *j, const value *v, const node *at);
/* A pipeline that is stored, over a collection of which the request has no schema. */
void judge_alien_pipeline(judge *j, const value *o, const value *r);
/* $$name, or what is below it. */
bool judge_is_bound(const judge *j, const char *name);
void judge_bind(judge *j, const char *name);
void judge_filter(judge *j, const value *o, const value *r, const node *at, bool normal);
void judge_update(judge *j, const value *o, const value *r, const node *at);
void judge_sort(judge *j, const value *keys, const node *at);
bool judge_is_operators(const value *v);
bool judge_is_constant(const value *v);

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
/* The stages: of a whole pipeline, of its documents' shape, of groups, of other collections, of search. */
typedef const node *stage_rule(judge *j, const value *o, const value *r, const node *at);
stage_rule judge_project, judge_add_fields, judge_unset_stage, judge_replace_with, judge_replace_root;
stage_rule judge_group, judge_sort_by_count, judge_bucket, judge_bucket_auto, judge_window_fields, judge_densify,
    judge_fill;
stage_rule judge_lookup, judge_graph_lookup, judge_facet, judge_union_with, judge_fusion;
stage_rule judge_search, judge_search_meta, judge_vector_search, judge_rerank, judge_score;
const node *judge_empty(judge *j);
/* `child` written at the path, which may not lie below an encrypted one. `operand`: of the stage. */
const node *judge_write(judge *j, const node *at, const char *path, const node *child);
/* The server gives each option once, and the documents know them all. False: the stage is refused. */
bool judge_options(judge *j, const value *o, const char *stage);
/* A path that the stage looks at: plain. */
void judge_plain_path(judge *j, const node *at, const char *path, const char *stage, const char *operand);
void judge_update_pipeline(judge *j, const value *o, const value *r, const node *at);

#endif
