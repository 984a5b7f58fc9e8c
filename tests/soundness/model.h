#ifndef SOUNDNESS_MODEL_H
#define SOUNDNESS_MODEL_H

/* What a random schema encrypts, as the generator made it. The judge asks this, never the compiled schema. */

#include "rng.h"
#include "value.h"

enum { DETERMINISTIC = 1, RANDOM = 2 };

/* The index of a field of Queryable Encryption, as its placeholders name it; 0: a field of CSFLE. */
enum { UNINDEXED = 1, EQUALITY_INDEX = 2, RANGE_INDEX = 3, TEXT_INDEX = 4 };

/* Lengths of strings that a text index answers for; ub 0: it does not. */
typedef struct text_lengths {
    int32_t lb, ub, mlen;
} text_lengths;

typedef struct queryable {
    int index;
    const char *path; /* in its collection */
    int64_t contention, sparsity;
    int32_t precision, trim; /* -1: none */
    int32_t find_trim;       /* -1: none */
    const value *min, *max;
    bool fold_case, fold_diacritics;
    text_lengths prefix, suffix, substring;
    const value *field; /* of encryptedFields */
} queryable;

typedef struct metadata {
    int algorithm;
    int key;               /* last byte of the UUID; -1: a key alternative name in the field `key_field` */
    const char *key_field; /* a top-level field of the document */
    uint32_t types;        /* bit n: the n-th row of the type table; 0: none declared */
    const queryable *qe;   /* NULL: CSFLE; such a field's algorithm is RANDOM */
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

typedef struct collection collection;

struct collection {
    const char *name;
    const model *root;
    const value *schema; /* jsonSchema, or encryptedFields */
    bool remote;
    bool tricky_names; /* some name may match several subschemas */
    place places[MAX_PLACES];
    unsigned place_count;
};

typedef struct world {
    collection collections[MAX_COLLECTIONS];
    unsigned count;
    bool several; /* csfleEncryptionSchemas instead of jsonSchema */
    bool qe;      /* encryptionInformation instead of either */
} world;

typedef struct type_row {
    const char *alias;
    uint8_t type;
    bool deterministic;
} type_row;

extern const type_row type_table[];
extern const unsigned type_count;

/* Everything in `w` lives as long as the pool. */
void world_make(world *w, rng *r, pool *p, bool qe);
/* For shrinking: without the n-th member of its schemas, which are written in the simplest way. False: there is none.
 */
bool world_without(world *to, const world *from, unsigned n, pool *p);
/* The schema fields, as libmongocrypt adds them for a command on `c`. */
value *world_put_schema(const world *w, const collection *c, pool *p, value *command);
/* The same for a command that makes a view, which has a schema of its own that encrypts nothing. */
value *world_put_view_schema(const world *w, pool *p, value *command, const char *view);
const collection *world_find(const world *w, const char *name);
bool world_encrypts(const world *w);
/* Some schema that is sent with the command encrypts: bulkWrite sends that of its own namespace. */
bool world_request_encrypts(const world *w, const value *command);

/* Of Queryable Encryption: a random field at the path, and the encryptedFields that hold those below the root. */
model *queryable_leaf(rng *r, pool *p, const char *path, int key);
value *queryable_fields(pool *p, const model *root);
/* What may be compared in a filter. */
bool metadata_filterable(const metadata *m);
/* The metadata of a field; NULL: none. */
const metadata *collection_metadata(const collection *c, const char *path);

position position_root(const model *root);
position position_child(const position *at, const char *name);
/* *meta is set for ENCRYPTED. */
answer position_answer(const position *at, const metadata **meta);
bool metadata_equal(const metadata *a, const metadata *b);
bool metadata_allows(const metadata *m, uint8_t type);
/* Deterministic and with a UUID: what may be compared. */
bool metadata_comparable(const metadata *m);

#endif
