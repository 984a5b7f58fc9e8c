#ifndef SOUNDNESS_TOKENS_H
#define SOUNDNESS_TOKENS_H

/* Stand-ins for ciphertext, so that commands can be evaluated as a server would that sees no plaintext. A token is a
 * BinData 6 with the algorithm as its first byte and a number. Deterministic: equal values under one key have one
 * token. Random, and fields of
 * Queryable Encryption: every value has a token of its own. */

#include "model.h"

/* Algorithms of tokens of Queryable Encryption: by index. */
enum { QE_TOKEN = 10, EQUALITY_TOKEN = 12, RANGE_TOKEN = 13, TEXT_TOKEN = 14 };

typedef struct secret {
    int algorithm, key;
    bool find;         /* what stored ones are compared with */
    const value *spec; /* the whole `v` of its placeholder */
    const value *key_name;
    const value *plain;
} secret;

enum { MAX_SECRETS = 4096 };

typedef struct vault {
    pool *p;
    const secret *secrets[MAX_SECRETS];
    unsigned count;
} vault;

/* A stored document with its encrypted fields as tokens. */
const value *tokens_in_document(vault *v, const value *doc, const collection *c);
/* A marked command with its placeholders as tokens. */
const value *tokens_for_placeholders(vault *v, const value *marked);
/* NULL: no token. */
const secret *tokens_opened(const vault *v, const value *token);
const value *tokens_undone(const vault *v, const value *tokens);
/* Where the document does not hold what the schema wants: plaintext, the wrong key, or a token at a plain path. NULL:
 * it does. */
const char *tokens_misplaced(const vault *v, const value *doc, const collection *c);

#endif
