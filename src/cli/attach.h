#ifndef OC_ATTACH_H
#define OC_ATTACH_H

/* A command as a driver shows it to mongocryptd: with the schemas of the collections that it names. */

#include <bson/bson.h>

#include "schemas.h"

/* The collections of a command, each once, the command's own first. */
typedef struct oc_namespaces {
    char **list; /* "db.collection" */
    size_t count, cap;
} oc_namespaces;

/* As libmongocrypt finds them: of $lookup, $unionWith and $facet, and bulkWrite's nsInfo. */
void oc_namespaces_find(oc_namespaces *n, const bson_t *command, const char *db);
void oc_namespaces_done(oc_namespaces *n);

/* Without generic fields, with the schemas and `$db`. The caller destroys it. */
bson_t *oc_attach(const oc_schemas *s, const bson_t *command, const char *db);

#endif
