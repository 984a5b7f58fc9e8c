/* bench_instructions [NAME]: analyses one fixed command a few times, for callgrind to count the instructions of
 * `counted` (instructions.py does that). What a first request does once, filling the schema cache and the arena, is
 * done before. Without NAME: how often a command is counted, and the names.
 *
 * The engine hashes names with a secret of each process, and some secrets have a collision more than others: so it is
 * always the same few secrets. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "opencrypt.h"

typedef struct request {
    const char *name;
    command_maker *make;
    int n;
} request;

static const request requests[] = {
    {"insert-10-fields", insert_of_fields, 10},
    {"insert-100-fields", insert_of_fields, 100},
    {"insert-1000-fields", insert_of_fields, 1000},
    {"insert-100-fields-plain", insert_plain, 100},
    {"insert-100-fields-equality", insert_equality, 100},
    {"find", find_encrypted, 50},
    {"update", update_encrypted, 50},
    {"count-documents", count_documents, 50},
    {"dashboard", dashboard, 50},
    {"lookup-with-let", lookup_with_let, 50},
    {"in-1000-values", find_in, 1000},
    {"insert-1000-documents", insert_of_documents, 1000},
};

enum { REQUESTS = sizeof requests / sizeof requests[0], SECRETS = 8, WARM_UP = 3 };

/* Weak, for ./dev bench compare builds this with older engines, too. */
__attribute__((weak)) void oc_hash_set_seed(uint64_t seed);

static void analyze(opencrypt_request *r, const bson_t *command) {
    opencrypt_reply reply;
    if (!opencrypt_analyze(r, bson_get_data(command), command->len, NULL, 0, &reply)) {
        fprintf(stderr, "refused: %s\n", reply.refusal.message);
        exit(1);
    }
}

/* Callgrind counts while a function of this name runs. Called by a pointer, it is not inlined into another. */
static void counted(opencrypt_request *r, const bson_t *command) {
    analyze(r, command);
}

static void (*volatile const count)(opencrypt_request *r, const bson_t *command) = counted;

static void count_with_secret(const bson_t *command, uint64_t secret) {
    if (oc_hash_set_seed)
        oc_hash_set_seed(secret);
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *r = opencrypt_request_new(engine, 0);
    for (int i = 0; i < WARM_UP; i++)
        analyze(r, command);
    count(r, command);
    opencrypt_request_free(r);
    opencrypt_engine_free(engine);
}

static int count_request(const request *q) {
    bson_t *command = q->make(q->n);
    for (uint64_t secret = 1; secret <= SECRETS; secret++)
        count_with_secret(command, secret);
    bson_destroy(command);
    return 0;
}

static int count_named(const char *name) {
    for (int i = 0; i < REQUESTS; i++)
        if (strcmp(requests[i].name, name) == 0)
            return count_request(&requests[i]);
    fprintf(stderr, "no request is called %s\n", name);
    return 2;
}

int main(int argc, char **argv) {
    if (argc > 1)
        return count_named(argv[1]);
    printf("%d\n", SECRETS);
    for (int i = 0; i < REQUESTS; i++)
        puts(requests[i].name);
    return 0;
}
