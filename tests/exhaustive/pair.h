#ifndef EXHAUSTIVE_PAIR_H
#define EXHAUSTIVE_PAIR_H

/* One pair: put to the engine, and its answer judged. */

#include "opencrypt.h"
#include "schemas.h"

typedef enum sabotage_kind {
    S_NONE,
    S_UNMARKED, /* the answer is the command as it came, without its schema */
    S_BROKEN,   /* one placeholder is another, or plaintext */
    S_CHANGED,  /* some plain value is another */
} sabotage_kind;

typedef struct examiner {
    opencrypt_engine *engine;
    opencrypt_request *request;
    buffer bytes;
    pool pool; /* of one pair; reset by the caller */
    bool no_judge, no_direct;
    sabotage_kind sabotage;
} examiner;

typedef struct finding {
    bool accepted, refused_schema;
    uint64_t placeholders;
    int32_t code;
    const value *result;    /* NULL: refused */
    const char *failure;    /* NULL: sound */
    const char *too_strict; /* refused, although the judge knows no reason */
    const char *message;    /* of the refusal */
    bool sabotaged;         /* there was something to sabotage */
} finding;

void examiner_open(examiner *e);
void examiner_close(examiner *e);
/* `command` is what the grammar made; the schema is added to it. */
finding examine(examiner *e, const schema *s, value *command);

#endif
