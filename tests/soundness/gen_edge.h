#ifndef SOUNDNESS_GEN_EDGE_H
#define SOUNDNESS_GEN_EDGE_H

/* Commands that aim at one cell of the table: one construct at one kind of field, and around it nothing else that could
 * be refused, so that what happens to the command tells what happens to the cell. */

#include "cells.h"
#include "gen.h"

/* Stages after which a field of the wanted kind is at `path`. */
typedef struct ground {
    site site;
    value *stages;
    const char *path;
    const metadata *meta; /* of what is there, or in the array there; NULL: nothing encrypted, or several things */
    bool stored;          /* no stages: as the collection has it */
} ground;

typedef struct edge {
    gen *g;
    const cell_row *row;
    ground at;
} edge;

/* NULL: this world has no such field, or the row is for another kind of command. */
value *gen_edge(gen *g, const cell_row *row, site s);
bool gen_ground(gen *g, site s, ground *made);

/* The parts. NULL: none can be made. */
value *edge_match(edge *e); /* a filter */
value *edge_expression(edge *e);
value *edge_accumulator(edge *e); /* a stage */
value *edge_stage(edge *e);
value *edge_update(edge *e);  /* what `u` holds */
value *edge_command(edge *e); /* the whole */

/* For the field, mostly one that the documents allow. */
value *edge_value(edge *e);
value *edge_path(edge *e); /* "$path" */
value *edge_operator(edge *e, const operator_row *row, const char *operand);

#endif
