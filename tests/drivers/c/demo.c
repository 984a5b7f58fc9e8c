/* Shows automatic encryption with opencryptd to a person, step by step: `dev demo`.
 *
 *     oc_demo PATH-OF-opencryptd PATH-OF-oc_store
 *
 * Each step checks what it shows; the exit status is 0 only if all of them hold.
 */
#include "children.h"
#include "json.h"
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DB      "hr"
#define PERSON  "{'full_name': 'Sophia Duleep Singh', 'ssn': '123-12-1234'}"
#define BY_NAME "{'full_name': 'Sophia Duleep Singh'}"
#define BY_SSN  "{'ssn': '123-12-1234'}"
#define SSN     "123-12-1234"
#define REFUSAL "Cannot query on fields encrypted with the randomized encryption algorithm"

enum { EXCERPT_BYTES = 24 };

typedef struct demo {
    oc_child store, daemon;
    oc_vault vault;
    mongoc_client_t *client; /* with encryption */
    int failed;              /* steps that did not hold */
} demo;

static void title(const char *text) {
    bool terminal = isatty(STDOUT_FILENO);
    printf("\n%s%s%s\n", terminal ? "\033[1m" : "", text, terminal ? "\033[0m" : "");
}

static void verdict(demo *d, bool holds) {
    if (!holds) {
        printf("    THIS DOES NOT HOLD\n");
        d->failed++;
    }
}

static void print_json(const char *single_quoted) {
    bson_t *document = oc_json("%s", single_quoted);
    char *text = bson_as_relaxed_extended_json(document, NULL);
    printf("    %s\n", text);
    bson_free(text);
    bson_destroy(document);
}

/* The first document that the filter finds, NULL for none or an error. The caller destroys it. */
static bson_t *find_one(mongoc_client_t *client, const char *collection_name, const char *filter_json,
                        bson_error_t *error) {
    const bson_t *document;
    bson_t *filter = oc_json("%s", filter_json), *found = NULL;
    mongoc_collection_t *collection = mongoc_client_get_collection(client, DB, collection_name);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, filter, NULL, NULL);
    memset(error, 0, sizeof *error);
    if (mongoc_cursor_next(cursor, &document)) {
        found = bson_copy(document);
    }
    mongoc_cursor_error(cursor, error);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    bson_destroy(filter);
    return found;
}

static void print_ciphertext(const bson_iter_t *value) {
    bson_subtype_t subtype;
    uint32_t length;
    const uint8_t *data;
    bson_iter_binary(value, &subtype, &length, &data);
    printf("    ssn: BinData subtype %d, %u bytes, ", (int)subtype, length);
    for (uint32_t i = 0; i < length && i < EXCERPT_BYTES; i++) {
        printf("%02x", data[i]);
    }
    printf("...\n");
}

static void write_person(demo *d, const char *collection_name) {
    bson_error_t error = {0};
    bson_t *person = oc_json(PERSON);
    mongoc_collection_t *collection = mongoc_client_get_collection(d->client, DB, collection_name);
    print_json(PERSON);
    bool done = mongoc_collection_insert_one(collection, person, NULL, NULL, &error);
    if (!done) {
        printf("    %s\n", error.message);
    }
    verdict(d, done);
    mongoc_collection_destroy(collection);
    bson_destroy(person);
}

static void look_without_keys(demo *d, const char *collection_name) {
    bson_error_t error;
    bson_iter_t name, ssn;
    bson_t *found = find_one(d->vault.plain, collection_name, BY_NAME, &error);
    bool there = found && bson_iter_init_find(&name, found, "full_name") && bson_iter_init_find(&ssn, found, "ssn");
    bool hidden = there && BSON_ITER_HOLDS_BINARY(&ssn);
    if (there) {
        printf("    full_name: \"%s\"\n", bson_iter_utf8(&name, NULL));
    }
    if (hidden) {
        print_ciphertext(&ssn);
    }
    verdict(d, hidden);
    bson_destroy(found);
}

static void read_with_keys(demo *d, const char *collection_name, const char *filter) {
    bson_error_t error;
    bson_iter_t ssn;
    bson_t *found = find_one(d->client, collection_name, filter, &error);
    bool read = found && bson_iter_init_find(&ssn, found, "ssn") && BSON_ITER_HOLDS_UTF8(&ssn);
    printf("    find(%s)\n", filter);
    printf("    ssn: \"%s\"\n", read ? bson_iter_utf8(&ssn, NULL) : error.message);
    verdict(d, read && strcmp(bson_iter_utf8(&ssn, NULL), SSN) == 0);
    bson_destroy(found);
}

static void ask_for_random(demo *d) {
    bson_error_t error;
    bson_t *found = find_one(d->client, "random", BY_SSN, &error);
    printf("    find(" BY_SSN ")\n    error: %s\n", error.message);
    verdict(d, !found && strstr(error.message, REFUSAL));
    bson_destroy(found);
}

static void show(demo *d) {
    title("1. The application writes a person; its schema encrypts ssn, randomized");
    write_person(d, "random");
    title("2. A client without keys sees");
    look_without_keys(d, "random");
    title("3. The application reads it back");
    read_with_keys(d, "random", BY_NAME);
    title("4. The application asks for an ssn; equal values look different, so this is refused");
    ask_for_random(d);
    title("5. It writes the same person where ssn is encrypted deterministically");
    write_person(d, "deterministic");
    title("6. A client without keys sees");
    look_without_keys(d, "deterministic");
    title("7. The application asks for an ssn; equal values look equal, so it is found");
    read_with_keys(d, "deterministic", BY_SSN);
}

static bool start_children(demo *d, const char *daemon_path, const char *store_path) {
    char pidfile[64];
    snprintf(pidfile, sizeof pidfile, "/tmp/oc_demo.%d.pid", (int)getpid());
    if (!oc_child_start_store(store_path, &d->store) || !oc_child_start_daemon(daemon_path, pidfile, &d->daemon)) {
        return false;
    }
    printf("opencryptd on port %u analyses, a store on port %u keeps, this program encrypts.\n", d->daemon.port,
           d->store.port);
    return true;
}

static bool open_clients(demo *d, bson_error_t *error) {
    char uri[64];
    snprintf(uri, sizeof uri, "mongodb://127.0.0.1:%u/", d->store.port);
    if (!oc_vault_open(&d->vault, uri, "encryption", error) || !oc_vault_index(&d->vault, error)) {
        return false;
    }
    bson_t *random = oc_vault_schema(&d->vault, OC_RANDOM);
    bson_t *deterministic = oc_vault_schema(&d->vault, OC_DETERMINISTIC);
    bson_t *map = BCON_NEW(DB ".random", BCON_DOCUMENT(random), DB ".deterministic", BCON_DOCUMENT(deterministic));
    bson_t *extra = oc_json("{'mongocryptdURI': 'mongodb://localhost:%u', 'mongocryptdBypassSpawn': true}",
                            (unsigned)d->daemon.port);
    d->client = oc_vault_client(&d->vault, extra, map, error);
    bson_destroy(extra);
    bson_destroy(map);
    bson_destroy(deterministic);
    bson_destroy(random);
    return d->client != NULL;
}

static void stop(demo *d) {
    mongoc_client_destroy(d->client);
    oc_vault_close(&d->vault);
    verdict(d, oc_child_stop(&d->daemon) == 0);
    verdict(d, oc_child_stop(&d->store) == 0);
}

int main(int argc, char **argv) {
    demo d = {0};
    bson_error_t error;
    if (argc != 3) {
        fprintf(stderr, "usage: oc_demo PATH-OF-opencryptd PATH-OF-oc_store\n");
        return 2;
    }
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL); /* it warns that there is no crypt_shared, which is as it should be */
    if (!start_children(&d, argv[1], argv[2])) {
        return 1;
    }
    if (!open_clients(&d, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    show(&d);
    stop(&d);
    mongoc_cleanup();
    printf("\n%s\n", d.failed ? "Not everything holds." : "Every step holds.");
    return d.failed ? 1 : 0;
}
