#ifndef OC_SERVER_H
#define OC_SERVER_H

/* A server, by libmongoc. A build without it (OPENCRYPT_CLI_MONGOC=OFF) has server_none.c instead of server.c. */

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>

#include "schemas.h"

typedef struct oc_server oc_server;

/* NULL: `error` (of `size`) says why. */
oc_server *oc_server_open(const char *uri, char *error, size_t size);
/* Its hosts: the URI without name, password and options. */
const char *oc_server_name(const oc_server *server);
/* Adds the schemas of all collections: of the URI's database, or of all but the server's own. */
bool oc_server_schemas(oc_server *server, oc_schemas *schemas, char *error, size_t size);
/* Calls `each` with each document of system.profile of these databases. */
bool oc_server_profile(oc_server *server, void (*each)(const bson_t *doc, void *data), void *data, char *error,
                       size_t size);
void oc_server_close(oc_server *server);

#endif
