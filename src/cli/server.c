#include "server.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

struct oc_server {
    mongoc_client_t *client;
    oc_buffer name;
    char **dbs;
};

/* ---- opening ---- */

/* libmongoc's warnings about options of the URI would come out on standard output. */
static void ignore_log(mongoc_log_level_t level, const char *domain, const char *message, void *data) {
    (void)level, (void)domain, (void)message, (void)data;
}

/* libmongoc can be started and ended once only. */
static void start_once(void) {
    static bool started;
    if (started)
        return;
    started = true;
    mongoc_init();
    mongoc_log_set_handler(ignore_log, NULL);
    atexit(mongoc_cleanup);
}

static void name_hosts(oc_buffer *name, const mongoc_uri_t *uri) {
    oc_buffer_text(name, "mongodb://");
    const char *comma = "";
    for (const mongoc_host_list_t *h = mongoc_uri_get_hosts(uri); h; h = h->next) {
        oc_buffer_format(name, "%s%s", comma, h->host_and_port);
        comma = ",";
    }
}

static bool is_of_server(const char *db) {
    return strcmp(db, "admin") == 0 || strcmp(db, "local") == 0 || strcmp(db, "config") == 0;
}

static bool list_dbs(oc_server *s, const mongoc_uri_t *uri, bson_error_t *error) {
    const char *db = mongoc_uri_get_database(uri);
    if (!db) {
        s->dbs = mongoc_client_get_database_names_with_opts(s->client, NULL, error);
        return s->dbs != NULL;
    }
    s->dbs = bson_malloc0(2 * sizeof *s->dbs);
    s->dbs[0] = bson_strdup(db);
    return true;
}

oc_server *oc_server_open(const char *text, char *error, size_t size) {
    bson_error_t cause;
    start_once();
    mongoc_uri_t *uri = mongoc_uri_new_with_error(text, &cause);
    if (!uri) {
        /* The message may quote the URI, with its password. */
        snprintf(error, size, "--uri: not a URI of a MongoDB server");
        return NULL;
    }
    if (!mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 0))
        mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 10000);
    oc_server *s = oc_allocate(sizeof *s);
    name_hosts(&s->name, uri);
    s->client = mongoc_client_new_from_uri_with_error(uri, &cause);
    if (s->client && mongoc_client_set_appname(s->client, "opencrypt") && list_dbs(s, uri, &cause)) {
        mongoc_uri_destroy(uri);
        return s;
    }
    snprintf(error, size, "%s: %s", oc_server_name(s), cause.message);
    mongoc_uri_destroy(uri);
    oc_server_close(s);
    return NULL;
}

const char *oc_server_name(const oc_server *s) {
    return oc_buffer_string((oc_buffer *)(uintptr_t)&s->name);
}

void oc_server_close(oc_server *s) {
    if (!s)
        return;
    bson_strfreev(s->dbs);
    if (s->client)
        mongoc_client_destroy(s->client);
    oc_buffer_done(&s->name);
    free(s);
}

/* ---- schemas ---- */

static bool find_document(const bson_t *doc, const char *path, bson_t *out) {
    bson_iter_t it, found;
    const uint8_t *data;
    uint32_t len;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &found) || !BSON_ITER_HOLDS_DOCUMENT(&found))
        return false;
    bson_iter_document(&found, &len, &data);
    return bson_init_static(out, data, len);
}

static bool add_collection(oc_server *s, oc_schemas *schemas, const char *db, const bson_t *info) {
    bson_iter_t it;
    bson_t schema;
    oc_buffer ns = {0};
    if (!bson_iter_init_find(&it, info, "name") || !BSON_ITER_HOLDS_UTF8(&it))
        return true;
    oc_buffer_format(&ns, "%s.%s", db, bson_iter_utf8(&it, NULL));
    const char *name = oc_buffer_string(&ns);
    bool ok = true;
    if (bson_iter_init_find(&it, info, "type") && BSON_ITER_HOLDS_UTF8(&it) &&
        !strcmp(bson_iter_utf8(&it, NULL), "view"))
        oc_schemas_make(schemas, name)->view = true;
    if (find_document(info, "options.validator.$jsonSchema", &schema))
        ok = oc_schemas_add(schemas, name, OC_CSFLE, &schema, OC_SERVER, oc_server_name(s));
    if (ok && find_document(info, "options.encryptedFields", &schema))
        ok = oc_schemas_add(schemas, name, OC_QE, &schema, OC_SERVER, oc_server_name(s));
    oc_buffer_done(&ns);
    return ok;
}

static bool add_database(oc_server *s, oc_schemas *schemas, const char *name, char *error, size_t size) {
    mongoc_database_t *db = mongoc_client_get_database(s->client, name);
    mongoc_cursor_t *cursor = mongoc_database_find_collections_with_opts(db, NULL);
    bson_error_t cause;
    const bson_t *info;
    bool ok = true;
    while (ok && mongoc_cursor_next(cursor, &info))
        ok = add_collection(s, schemas, name, info);
    if (!ok)
        snprintf(error, size, "%s", schemas->error);
    else if (mongoc_cursor_error(cursor, &cause))
        snprintf(error, size, "%s: %s: %s", oc_server_name(s), name, cause.message), ok = false;
    mongoc_cursor_destroy(cursor);
    mongoc_database_destroy(db);
    return ok;
}

bool oc_server_schemas(oc_server *s, oc_schemas *schemas, char *error, size_t size) {
    for (char **db = s->dbs; *db; db++)
        if (!is_of_server(*db) && !add_database(s, schemas, *db, error, size))
            return false;
    return true;
}

/* ---- commands ---- */

bool oc_server_profile(oc_server *s, void (*each)(const bson_t *doc, void *data), void *data, char *error,
                       size_t size) {
    bson_t all = BSON_INITIALIZER;
    bson_error_t cause;
    bool ok = true;
    for (char **db = s->dbs; ok && *db; db++) {
        const bson_t *doc;
        if (is_of_server(*db))
            continue;
        mongoc_collection_t *profile = mongoc_client_get_collection(s->client, *db, "system.profile");
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(profile, &all, NULL, NULL);
        while (mongoc_cursor_next(cursor, &doc))
            each(doc, data);
        if (mongoc_cursor_error(cursor, &cause)) {
            snprintf(error, size, "%s: %s.system.profile: %s", oc_server_name(s), *db, cause.message);
            ok = false;
        }
        mongoc_cursor_destroy(cursor);
        mongoc_collection_destroy(profile);
    }
    bson_destroy(&all);
    return ok;
}
