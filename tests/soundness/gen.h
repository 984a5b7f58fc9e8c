#ifndef SOUNDNESS_GEN_H
#define SOUNDNESS_GEN_H

/* Random commands over a random schema. Half of them are tame: every choice is one that the documents allow, so that
 * most are accepted and prove something. The others are wild: now and then a choice is drawn from everything. */

#include "model.h"

typedef struct gen {
    rng *r;
    pool *p;
    const world *w;
    const collection *c;
    bool wild;
    bool in_filter; /* an expression: the $expr of a filter */
    bool lost;      /* fields of QE are not under their own paths any more */
    bool has_let;   /* the command binds $$l */
    /* What a pipeline's documents hold at this stage. */
    place places[MAX_PLACES];
    unsigned place_count;
} gen;

bool gen_percent(gen *g, unsigned percent);
unsigned gen_below(gen *g, unsigned n);
/* True in wild commands only. */
bool gen_odd(gen *g, unsigned percent);
/* One of the strings that follow, the last of which is NULL. */
const char *gen_pick(gen *g, const char *const *of);

value *gen_typed(gen *g, uint8_t type);
value *gen_plain_value(gen *g);
/* A value that may be encrypted so; in wild commands sometimes not. */
value *gen_value_for(gen *g, const metadata *meta);
/* A document as it may be stored. `whole`: with _id and what pointers need. */
value *gen_document(gen *g, const position *at, bool whole);

/* FILTERABLE: by a filter; TEXT: of the $expr of one. */
typedef enum wanted { COMPARABLE, FILTERABLE, TEXT, LEAF, PARENT, ANYTHING } wanted;
/* NULL when there is none. */
const place *gen_place(gen *g, wanted kind);
const char *gen_plain_path(gen *g);
position gen_position(const collection *c, const char *path);
void gen_enter(gen *g, const collection *c);

value *gen_filter(gen *g, unsigned depth);
value *gen_range(gen *g, const metadata *meta);
value *gen_range_operators(gen *g, const metadata *meta);
/* NULL: there is no such field. */
value *gen_qe_condition(gen *g);
value *gen_update(gen *g);
value *gen_condition(gen *g, unsigned depth);
/* *meta: what the result is encrypted with, or NULL. */
value *gen_expression(gen *g, unsigned depth, const metadata **meta);
value *gen_pipeline(gen *g, unsigned depth);
value *gen_update_pipeline(gen *g);
value *gen_projection(gen *g);

typedef enum command_kind {
    C_FIND,
    C_INSERT,
    C_UPDATE,
    C_UPDATE_PIPELINE,
    C_DELETE,
    C_FIND_AND_MODIFY,
    C_COUNT,
    C_DISTINCT,
    C_AGGREGATE,
    C_BULK_WRITE,
    C_CREATE,
    C_COLL_MOD,
    C_CREATE_INDEXES,
    COMMANDS
} command_kind;

extern const char *const command_names[COMMANDS];

extern const char *const stage_names[];
extern const unsigned stage_count;

/* With its schema fields and $db. */
value *gen_command(gen *g, command_kind kind);

#endif
