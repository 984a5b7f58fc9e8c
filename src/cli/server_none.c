#include <stdio.h>

#include "server.h"

oc_server *oc_server_open(const char *uri, char *error, size_t size) {
    (void)uri;
    snprintf(error, size, "--uri: this opencrypt was built without access to servers (OPENCRYPT_CLI_MONGOC)");
    return NULL;
}

const char *oc_server_name(const oc_server *server) {
    (void)server;
    return "";
}

bool oc_server_schemas(oc_server *server, oc_schemas *schemas, char *error, size_t size) {
    (void)server, (void)schemas, (void)error, (void)size;
    return false;
}

bool oc_server_profile(oc_server *server, void (*each)(const bson_t *doc, void *data), void *data, char *error,
                       size_t size) {
    (void)server, (void)each, (void)data, (void)error, (void)size;
    return false;
}

void oc_server_close(oc_server *server) {
    (void)server;
}
