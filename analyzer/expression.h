#ifndef OC_EXPRESSION_H
#define OC_EXPRESSION_H

/* Aggregation expressions. One is evaluated to the node of what it yields (tree.h): a field path to the node at that
 * path, most operators to a plain node, and only of plain operands.
 *
 * $cond, $switch and $ifNull have several possible results. Most users join them (oc_evaluate): encrypted in one branch
 * and plain in another is unknown. A comparison looks at each (oc_evaluate_each), and so does a pipeline update: there
 * constants are results of their own, since they may have to be marked.
 *
 *     {$eq: ["$ssn", {$cond: ["$old", "x", "y"]}]}      results: ssn's node, "x", "y"; both constants are marked
 *
 * An operator is one row: the shape of its operand, and, where it does more than take plain operands, a handler. */

#include "analysis.h"
#include "derive.h"

/* A variable in scope. Variables are bound to plain values only. */
typedef struct oc_variable {
    const struct oc_variable *up;
    oc_str name;
    const oc_node *node; /* plain, but remembering what stages have dropped of it, perhaps */
    unsigned count;      /* of variables up to this one */
} oc_variable;

/* What has been compared with range indexes so far (qe_range.h). */
typedef struct oc_conjunction oc_conjunction;

/* Every object of a tree that $$DESCEND evaluates an expression at. */
typedef struct oc_levels {
    const oc_node **nodes;
    size_t count;
} oc_levels;

/* Where an expression stands. */
typedef struct oc_scope {
    oc_analysis *a;
    const oc_node *tree; /* of the document that field paths lead into */
    const oc_variable *variables;
    const char *place;       /* the stage, for messages: "$project" */
    bool known;              /* constants stand beside fields that are known, though others are unseen (view.h) */
    const oc_levels *levels; /* field paths must be plain at each of these; NULL: none */
    const char *kept;        /* the clause of a filter that the server keeps, where nothing is marked; NULL: a query */
    /* Queryable Encryption: the tree of the collection, as long as the pipeline has kept its paths (NULL: it has not);
     * and where a comparison may stand, the conjunction that it is part of (NULL: it may not). */
    const oc_node *original;
    oc_conjunction *conjunction;
} oc_scope;

struct oc_literal {
    const oc_literal *next; /* another possible constant */
    oc_frame *frame;        /* of the document that holds the element to be replaced */
    oc_elem place;          /* that element: the constant itself, or the {$literal: …} around it */
    oc_elem value;
};

/* One possible result. */
typedef struct oc_result {
    const oc_node *node;
    oc_str path; /* the field path that led to it, "" for none; for messages */
} oc_result;

typedef struct oc_results {
    bool literals; /* by the caller: constants are wanted as such; else they are just plain */
    bool plain;    /* by the caller: only what is not plain is of interest */
    size_t count, cap;
    oc_result *items;
    oc_result few[4];
} oc_results;

/* Evaluates `e`, an element of the document of `frame`, and adds its possible results. A frame that may end up in a
 * literal lives in the arena (oc_inner_frame). */
bool oc_evaluate_each(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out);
/* The one node that stands for all its results; NULL on failure. */
const oc_node *oc_evaluate(const oc_scope *s, oc_frame *frame, const oc_elem *e);
/* The same of results that have been collected. */
const oc_node *oc_join_results(const oc_scope *s, const oc_results *results);
/* The scope where no comparison with a field of Queryable Encryption may stand: `s` itself, or `copy`. */
const oc_scope *oc_without_comparisons(const oc_scope *s, oc_scope *copy);
/* Evaluates an operand that must be plain; `op` takes it. */
bool oc_expect_plain(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op);
/* The same of the operands of `op`, one or an array of them. */
bool oc_expect_plain_operands(const oc_scope *s, oc_frame *frame, const oc_elem *operand, const char *op);
/* The same, and what it yields; NULL on failure. */
const oc_node *oc_evaluate_plain(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op);
/* Evaluates a condition: plain as well. `$eq` of an encrypted field and a constant is such. */
bool oc_condition(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op);
/* Follows a dotted path from `node`, as field paths of expressions do. NULL on failure. */
const oc_node *oc_follow(const oc_scope *s, const oc_node *node, oc_str path);

bool oc_add_result(const oc_scope *s, oc_results *out, const oc_node *node, oc_str path);
/* Adds the constant `value`; `place` is the element that holds it. */
bool oc_add_literal(const oc_scope *s, oc_frame *frame, const oc_elem *place, const oc_elem *value, oc_results *out);
oc_frame *oc_inner_frame(oc_analysis *a, oc_frame *up, const oc_elem *e);

/* Puts a variable in scope whose name is the user's. System variables cannot be rebound: the server allows it for
 * CURRENT, which changes what every field path means. */
bool oc_bind_user(oc_analysis *a, const oc_variable **variables, oc_str name, const oc_node *node, const char *place);
bool oc_bind(oc_analysis *a, const oc_variable **variables, oc_str name, const oc_node *node);
/* The same with the value of the expression `e`, under its name. */
bool oc_bind_value(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *place,
                   const oc_variable **variables);
/* Puts the variables of a command's `let`, or of an update statement's `c`, in scope: constants, out of reach of a
 * comparison with an encrypted field. `let` is an element of the document of `frame`, or absent. */
bool oc_bind_let(oc_analysis *a, oc_frame *frame, const oc_elem *let);

/* Compares what `results` may be with one another (equality.c): marks the constants, or refuses. */
bool oc_compare_results(const oc_scope *s, const oc_results *results, const char *op);
/* What a failure says of a node that is not plain. Always false. */
bool oc_fail_operand(const oc_scope *s, const oc_result *result, const char *op);
/* A field that a stage has dropped, and that was encrypted. */
bool oc_is_dropped(const oc_node *node);
bool oc_fail_dropped(oc_analysis *a, oc_str path, const char *stage, const char *op);
/* That an operand is no such field, and no object of an expression with one in it. */
bool oc_check_dropped(const oc_scope *s, const oc_result *r, const char *op);
/* That no object which is compared with the path (or stands in an array or operator that is) has a field for what
 * stages have dropped of `tree`. An empty path: the document itself. */
bool oc_check_dropped_below(oc_analysis *a, const oc_node *tree, oc_str path, const oc_elem *e, const char *op);
/* A path that leads below the encrypted field `prefix`. */
bool oc_fail_below(oc_analysis *a, const oc_path *path, oc_str prefix, const char *op, const char *hint);
bool oc_fail_kept(const oc_scope *s, oc_str path, const char *op);
bool oc_fail_unknown_node(const oc_scope *s, const oc_node *node, oc_str path);

typedef enum oc_operand {
    OC_OPERANDS,       /* an expression, or an array of them */
    OC_OPERAND_NAMED,  /* an object of named operands */
    OC_OPERAND_BOTH,   /* either of these */
    OC_OPERAND_OPAQUE, /* a constant, or {} */
    OC_OPERAND_REFUSED,
} oc_operand;

typedef struct oc_expression_operator {
    const char *name;
    oc_operand operand;
    const char *names; /* of named operands, with spaces between; one with '=' before it is no expression */
    bool (*evaluate)(const oc_scope *s, oc_frame *frame, const oc_elem *operand,
                     oc_results *out); /* NULL: plain only */
    bool compares;                     /* a comparison with a field of Queryable Encryption may stand here or below */
} oc_expression_operator;

/* Whether an operand reads no field. */
bool oc_is_opaque(const oc_elem *operand);
/* Whether an operand is an object of named ones. */
bool oc_takes_names(oc_operand shape, const oc_elem *operand);
/* Whether `names`, as in a row, has the name; *mark is what stands before it, a space for nothing. */
bool oc_find_operand(const char *names, oc_str name, char *mark);

/* Sorted by name. */
const oc_expression_operator *oc_expression_operators(size_t *count);
const oc_expression_operator *oc_expression_find(oc_str name);

/* Whether an object is {$literal: …}; *value is what it holds. */
bool oc_is_literal(const oc_elem *e, oc_elem *value);

/* What says which fields or elements it yields (objects.c). */
bool oc_evaluate_get_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_set_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_unset_field(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_merge(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_element(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_element_at(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_of_array(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);

/* $eq, $ne, $in (equality.c). */
bool oc_evaluate_equality(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);
bool oc_evaluate_in(const oc_scope *s, oc_frame *frame, const oc_elem *operand, oc_results *out);

#endif
