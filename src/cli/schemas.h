#ifndef OC_SCHEMAS_H
#define OC_SCHEMAS_H

/* What is encrypted, by namespace: JSON schemas (client-side field level encryption, CSFLE) and encryptedFields
 * (Queryable Encryption, QE), given as files or read from a server. */

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>

#include "opencrypt.h"

typedef enum oc_family { OC_PLAIN, OC_CSFLE, OC_QE } oc_family;

typedef enum oc_origin {
    OC_CLIENT,    /* as a client is configured */
    OC_VALIDATOR, /* a validator in a file: what is on the server */
    OC_SERVER,    /* read from a server */
} oc_origin;

typedef struct oc_schema {
    bson_t *doc; /* NULL: none */
    oc_origin origin;
    char *source;               /* the file, or the server's address */
    opencrypt_schema *compiled; /* by oc_schemas_compile; may be one that is refused */
} oc_schema;

typedef struct oc_collection {
    char *ns;
    oc_schema of[3]; /* by family; of[OC_PLAIN] stays empty */
    bool view;
} oc_collection;

typedef struct oc_schemas {
    oc_collection *list;      /* sorted by ns */
    opencrypt_engine *engine; /* that has compiled them */
    size_t count, cap;
    char error[1024]; /* why the last call returned false */
} oc_schemas;

/* A file with one schema or a map of them (README.md). `ns`: the namespace of a schema that stands alone, or NULL. */
bool oc_schemas_load(oc_schemas *s, const char *path, const char *ns);
/* One schema; where a file has given one of the family already, that of a server is left out. The document is copied,
 * encryptedFields are completed. */
bool oc_schemas_add(oc_schemas *s, const char *ns, oc_family family, const bson_t *doc, oc_origin origin,
                    const char *source);
/* encryptedFields as a driver sends them: with the names of the state collections, and for a field without a key (made
 * with the collection, or known by another name) a key that is made up from its path. The caller destroys it. */
bson_t *oc_fields_completed(const char *ns, const bson_t *doc);
/* Never NULL; a new one is plain. Valid until the next is made. */
oc_collection *oc_schemas_make(oc_schemas *s, const char *ns);
const oc_collection *oc_schemas_find(const oc_schemas *s, const char *ns, size_t len);
/* The schema that a driver goes by: the client's before the server's, encryptedFields before a JSON schema. */
oc_family oc_collection_family(const oc_collection *c);
/* Compiles them all. False: one of a file is refused. What is wrong with a schema on the server is a finding of each
 * command instead, as it is with a driver. */
bool oc_schemas_compile(oc_schemas *s);
void oc_schemas_done(oc_schemas *s);

#endif
