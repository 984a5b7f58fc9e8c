/* oc_seeds CASES TARGET FOLDER: writes the commands of the cases as seeds for a fuzzer. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

typedef struct seeds {
    const char *target, *folder;
    size_t count;
} seeds;

static void write_seed(seeds *s, const void *head, size_t head_len, const uint8_t *bytes, size_t len) {
    char path[4096];
    snprintf(path, sizeof path, "%s/case-%zu", s->folder, s->count++);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fwrite(head, 1, head_len, file);
    fwrite(bytes, 1, len, file);
    fclose(file);
}

static void seed_document(seeds *s, const char *head, const bson_iter_t *it) {
    uint32_t len;
    const uint8_t *bytes;
    if (!BSON_ITER_HOLDS_DOCUMENT(it))
        return;
    bson_iter_document(it, &len, &bytes);
    write_seed(s, head, 1, bytes, len);
}

static void seed_schema(seeds *s, const bson_t *command) {
    bson_iter_t it, schemas;
    if (bson_iter_init_find(&it, command, "jsonSchema"))
        seed_document(s, "\1", &it);
    if (bson_iter_init(&it, command) && bson_iter_find_descendant(&it, "encryptionInformation.schema", &schemas) &&
        BSON_ITER_HOLDS_DOCUMENT(&schemas) && bson_iter_recurse(&schemas, &it))
        while (bson_iter_next(&it))
            seed_document(s, "\2", &it);
}

/* An OP_MSG with one section of kind 0. */
static void seed_wire(seeds *s, const bson_t *command) {
    uint32_t header[5] = {21 + command->len, 1, 0, 2013, 0};
    uint8_t head[21] = {0};
    memcpy(head, header, sizeof header);
    write_seed(s, head, sizeof head, bson_get_data(command), command->len);
}

/* As a line of JSON by itself, and as one of a server's log. */
static void seed_cli(seeds *s, const bson_t *command) {
    static const char log[] = "{\"t\":0,\"c\":\"\",\"msg\":\"Slow query\",\"attr\":{\"ns\":\"db.people\",\"command\":";
    size_t len;
    char *json = bson_as_relaxed_extended_json(command, &len);
    if (!json)
        return;
    write_seed(s, "", 0, (const uint8_t *)json, len);
    char *line = bson_strdup_printf("%s}}", json);
    write_seed(s, log, sizeof log - 1, (const uint8_t *)line, len + 2);
    bson_free(line);
    bson_free(json);
}

static void seed(const oc_case *c, void *data) {
    seeds *s = data;
    if (strcmp(s->target, "schema") == 0)
        seed_schema(s, c->command);
    else if (strcmp(s->target, "wire") == 0)
        seed_wire(s, c->command);
    else if (strcmp(s->target, "cli") == 0)
        seed_cli(s, c->command);
    else
        write_seed(s, "", 0, bson_get_data(c->command), c->command->len);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: oc_seeds CASES analyze|schema|wire|cli FOLDER\n");
        return 2;
    }
    seeds s = {argv[2], argv[3], 0};
    oc_cases_each(argv[1], seed, &s);
    return 0;
}
