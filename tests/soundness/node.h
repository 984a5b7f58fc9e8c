#ifndef SOUNDNESS_NODE_H
#define SOUNDNESS_NODE_H

/* What may stand at a path of the documents that reach a filter, an update or a stage: the schema's answer at first,
 * with what earlier stages wrote over it. Nodes never change; a write makes a new one that shares the rest. */

#include "model.h"

typedef enum node_kind {
    N_PLAIN,
    N_ABSENT,
    N_ENCRYPTED,
    N_OBJECT, /* with something encrypted at or below some name */
    N_ARRAY,  /* of elements in which something is encrypted */
    N_UNKNOWN,
    N_CONFLICT
} node_kind;

typedef struct node {
    node_kind kind;
    bool open;                        /* an object of which other names may stand for something plain */
    bool looked_up;                   /* an array that $lookup made */
    const metadata *meta;             /* of N_ENCRYPTED */
    const collection *origin;         /* where the metadata was declared */
    position base;                    /* of N_OBJECT: what the schema says of other names */
    const struct field *fields;       /* written over the rest, the latest first */
    const struct node *either, * or ; /* of N_OBJECT: documents of two kinds */
    const struct node *element;       /* of N_ARRAY */
} node;

typedef struct field {
    const char *name;
    const node *node;
    const struct field *next;
} field;

typedef struct spot {
    const node *node;
    bool below;     /* the path leads through an encrypted node */
    bool in_array;  /* and through the elements of an array node */
    bool looked_up; /* all of which $lookup made */
} spot;

/* The last two are absent too: the collection encrypts them, or what is below them. */
extern const node plain_node, absent_node, unknown_node, dropped_node, dropped_parent;

const node *node_of_collection(pool *p, const collection *c);
const node *node_array(pool *p, const node *element, bool looked_up);
const node *node_child(pool *p, const node *n, const char *name);
spot node_find(pool *p, const node *n, const char *path);
/* Something in it is encrypted, or may be. */
bool node_holds(pool *p, const node *n);
bool node_usable(const node *n); /* plain or absent */
/* `child` written at the path. *below is set when that is below an encrypted or unknown node. */
/* The two leave the names that no stage has written to the same schema. */
bool node_same_base(const node *a, const node *b);
const node *node_set(pool *p, const node *n, const char *path, const node *child, bool *below);
/* What an inclusion of the path adds to `into`. */
const node *node_include(pool *p, const node *into, const node *from, const char *path);
/* Documents of either kind. */
const node *node_merge(pool *p, const node *a, const node *b);

#endif
