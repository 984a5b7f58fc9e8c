#ifndef EXHAUSTIVE_SCHEMAS_H
#define EXHAUSTIVE_SCHEMAS_H

/* Every schema of up to three fields on up to two levels, numbered.
 *
 * A schema has three roles. A role's place is the top ("a", "b", "e" for role 0, 1, 2) or one of up to three objects
 * ("o.a", "p.b"); its kind is how the field is encrypted, or plain. Objects are interchangeable, so the first that is
 * used is `o`, the next `p`; a plain field needs no object of its own and stands at the top. What is left is in
 * the set once. */

#include "grammar.h"
#include "model.h"

/* How the same fields are written down. */
enum {
    F_LOCAL,
    F_REMOTE,
    F_METADATA, /* encryptMetadata at the root says the key and the algorithm */
    F_PATTERN,  /* role 0 by patternProperties */
    F_BOTH,     /* by properties and by a pattern with other metadata: a conflict */
    F_REST,     /* role 0 by additionalProperties */
    F_SEVERAL,  /* in csfleEncryptionSchemas or encryptionInformation, beside `d`, which encrypts nothing */
    F_FOREIGN,  /* or its own `a` */
    FORMS
};

enum { ROLES = 3, PLAIN_KIND = 0, KINDS = 6, TOP = 0, PLACES = 4 };

typedef struct recipe {
    uint8_t place[ROLES], kind[ROLES];
    uint8_t form;
} recipe;

typedef struct schema_set {
    bool qe;
    unsigned roles;      /* that may be other than plain */
    unsigned first_form; /* of those in the set */
    unsigned last_form;
    recipe *recipes;
    unsigned count;
} schema_set;

typedef struct schema {
    world world;
    role_names names;
    unsigned encrypted_count;
    const char *encrypted[ROLES]; /* paths */
    const char *pattern;          /* the path whose beginning is enough; NULL: none */
    const char *rest;             /* the object ("" or a name) in which undeclared names are encrypted; NULL: none */
} schema;

void schema_set_make(schema_set *s);
void schema_set_free(schema_set *s);
/* Everything in it lives as long as the pool. */
void schema_make(const schema_set *s, unsigned n, schema *made, pool *p);
/* Whether the schema of the collection `in` says that the path, or one above it, is encrypted. */
bool schema_encrypts(const schema *s, const char *in, const char *path);

#endif
