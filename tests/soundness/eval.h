#ifndef SOUNDNESS_EVAL_H
#define SOUNDNESS_EVAL_H

/* A small reference evaluator: what a server would answer. Not fast, and only for what the generators make; for
 * anything else it says that it does not know. Where a server's order is unspecified, ours is that of the input, so
 * that two evaluations of commands that mean the same give the same documents in the same order. */

#include "model.h"

typedef struct eval {
    pool *p;
    const value *documents;   /* of the collection */
    const collection *origin; /* what the schema says of them */
    struct {
        const value *documents;
        const collection *origin;
    } collections[MAX_COLLECTIONS]; /* that pipelines can read */
    unsigned collection_count;
    const struct vault *vault; /* of the tokens; NULL: plaintext */
    bool inserting;            /* the update makes a new document */
    bool failed;               /* the server would give an error */
    bool unknown;              /* this evaluator cannot tell */
} eval;

/* BSON order, with numbers of all types as one; missing (NULL) comes first. */
int eval_compare(const value *a, const value *b);
bool eval_equal(const value *a, const value *b);
/* A copy of the document with `child` at the path, or without it when NULL. */
const value *eval_with(eval *e, const value *doc, const char *path, const value *child);
/* As an expression reads "$path": NULL when it is missing. */
const value *eval_path(eval *e, const value *v, const char *path);
const char *eval_head(eval *e, const char *path, const char **rest);

/* {$gt: …}, and not a value such as {$ref: …}. */
bool eval_is_operators(const value *v);
bool eval_matches(eval *e, const value *filter, const value *doc);
/* Whether `operand` stands for a find placeholder; then *result is whether it finds the stored value. */
bool eval_finds(eval *e, const value *stored, const value *operand, const char *op, bool *result);
const value *eval_text_operator(eval *e, const value *operands, const value *doc);
bool eval_truth(const value *v);
/* NULL: missing. */
const value *eval_expression(eval *e, const value *expression, const value *doc);
/* Lists are arrays of documents. */
const value *eval_pipeline(eval *e, const value *pipeline, const value *docs);
const value *eval_group(eval *e, const value *fields, const value *docs);
const value *eval_sort_by_count(eval *e, const value *key, const value *docs);
const value *eval_bucket(eval *e, const value *operand, const value *docs);
const value *eval_window_fields(eval *e, const value *operand, const value *docs);
const value *eval_lookup(eval *e, const value *operand, const value *docs);
const value *eval_graph_lookup(eval *e, const value *operand, const value *docs);
const value *eval_facet(eval *e, const value *outputs, const value *docs);
const value *eval_union_with(eval *e, const value *operand, const value *docs);
const value *eval_project(eval *e, const value *fields, const value *doc);
const value *eval_sort(eval *e, const value *keys, const value *docs);
const value *eval_update(eval *e, const value *update, const value *doc);
/* Results, or the collection afterwards. */
const value *eval_command(eval *e, const value *command);

#endif
