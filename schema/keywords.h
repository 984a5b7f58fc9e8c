#ifndef OC_KEYWORDS_H
#define OC_KEYWORDS_H

/* The keywords of MongoDB's $jsonSchema as rows. A row says who may use the keyword, what its operand must look like
 * and where in it subschemas stand; what the keyword validates is the server's business. */

#include "arena.h"
#include "bson.h"

/* Where an operand holds subschemas. Only the members of OC_SUB_PROPERTIES, _PATTERNS and _REST belong to the tree:
 * what the others describe depends on the data or on a position in an array. */
typedef enum oc_sub {
    OC_SUB_NONE,
    OC_SUB_PROPERTIES,   /* {name: schema} */
    OC_SUB_PATTERNS,     /* {regex: schema} */
    OC_SUB_REST,         /* schema or bool */
    OC_SUB_ONE,          /* schema, or (items) an array of them, or a bool */
    OC_SUB_DEPENDENCIES, /* {name: schema or names} */
    OC_SUB_ENCRYPT,
    OC_SUB_ENCRYPT_METADATA,
} oc_sub;

typedef struct oc_keyword {
    const char *name;
    bool local; /* allowed in a local schema: it describes structure, and validates nothing that a user would miss */
    bool (*operand_ok)(const oc_elem *operand, oc_arena *scratch);
    const char *operand; /* what operand_ok wants, for the message */
    oc_sub sub;
} oc_keyword;

/* NULL: not a keyword that MongoDB supports. */
const oc_keyword *oc_keyword_find(oc_str name);
/* A keyword of JSON Schema that MongoDB documents as not supported. */
bool oc_keyword_is_omitted(oc_str name);
/* All rows, sorted by name. */
const oc_keyword *oc_keywords(size_t *count);

#endif
