#ifndef SOUNDNESS_MODEL_H
#define SOUNDNESS_MODEL_H

/* What a random schema encrypts, as the generator made it. The judge asks this, never the compiled schema. */

#include "rng.h"
#include "value.h"

enum { DETERMINISTIC = 1, RANDOM = 2 };

typedef struct metadata {
    int algorithm;
    int key;               /* last byte of the UUID; -1: a key alternative name in the field `key_field` */
    const char *key_field; /* a top-level field of the document */
    uint32_t types;        /* bit n: the n-th row of the type table; 0: none declared */
} metadata;

typedef struct model model;

typedef struct member {
    const char *name;
    const model *model;
    struct member *next;
} member;

/* A pattern is either the start or the end of a name: "^p" or "z$". */
typedef struct pattern {
    const char *text;
    bool at_end;
    const model *model;
    struct pattern *next;
} pattern;

struct model {
    bool encrypted;
    bool encrypts; /* this or something below */
    bool object;
    metadata meta;
    member *members, *last_member;
    pattern *patterns;
    const model *rest;
};

/* All subschemas that apply to one path; none: plain. */
typedef struct position {
    const model *set[4];
    unsigned n;
} position;

typedef enum answer { PLAIN, ENCRYPTED, ABOVE, CONFLICT } answer;

typedef struct place {
    const char *path;
    const metadata *meta; /* NULL: above */
} place;

enum { MAX_PLACES = 48, MAX_COLLECTIONS = 3 };

typedef struct collection {
    const char *name;
    const model *root;
    const value *schema;
    bool remote;
    bool tricky_names; /* some name may match several subschemas */
    place places[MAX_PLACES];
    unsigned place_count;
} collection;

typedef struct world {
    collection collections[MAX_COLLECTIONS];
    unsigned count;
    bool several; /* csfleEncryptionSchemas instead of jsonSchema */
} world;

typedef struct type_row {
    const char *alias;
    uint8_t type;
    bool deterministic;
} type_row;

extern const type_row type_table[];
extern const unsigned type_count;

/* Everything in `w` lives as long as the pool. */
void world_make(world *w, rng *r, pool *p);
/* For shrinking: without the n-th member of its schemas, which are written in the simplest way. False: there is none.
 */
bool world_without(world *to, const world *from, unsigned n, pool *p);
/* The schema fields, as libmongocrypt adds them for a command on `c`. */
value *world_put_schema(const world *w, const collection *c, pool *p, value *command);
const collection *world_find(const world *w, const char *name);
bool world_encrypts(const world *w);

position position_root(const model *root);
position position_child(const position *at, const char *name);
/* *meta is set for ENCRYPTED. */
answer position_answer(const position *at, const metadata **meta);
bool metadata_equal(const metadata *a, const metadata *b);
bool metadata_allows(const metadata *m, uint8_t type);
/* Deterministic and with a UUID: what may be compared. */
bool metadata_comparable(const metadata *m);

#endif
