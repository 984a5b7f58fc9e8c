/* app SCHEMA COMMAND: the encrypted fields of a schema, and what a command that holds it would have encrypted. Both are
 * files of BSON. A program as a user of the installed library would write it. */

#include <opencrypt.h>

#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(65536);
    if (!file || !bytes) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    *len = fread(bytes, 1, 65536, file);
    fclose(file);
    return bytes;
}

static int refuse(const opencrypt_refusal *refusal) {
    printf("refused: %s at '%s': %s\n", refusal->rule, refusal->path, refusal->message);
    return 1;
}

static int print_fields(opencrypt_engine *engine, const char *path) {
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    opencrypt_schema *schema = opencrypt_schema_compile(engine, OPENCRYPT_SCHEMA_LOCAL, bytes, len);
    const opencrypt_refusal *refusal = opencrypt_schema_refusal(schema);
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    const opencrypt_field *field;
    int status = refusal ? refuse(refusal) : 0;
    while ((field = opencrypt_fields_next(fields)))
        printf("field %s: %s\n", field->path, opencrypt_algorithm_name(field->encryption->algorithm));
    opencrypt_fields_free(fields);
    opencrypt_schema_free(schema);
    free(bytes);
    return status;
}

static int print_placeholders(opencrypt_engine *engine, const char *path) {
    size_t len;
    uint8_t *bytes = read_file(path, &len);
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    opencrypt_reply reply;
    int status = 0;
    if (opencrypt_analyze(request, bytes, len, NULL, 0, &reply)) {
        opencrypt_placeholders *placeholders = opencrypt_placeholders_new(reply.data, reply.len);
        const opencrypt_placeholder *p;
        while ((p = opencrypt_placeholders_next(placeholders)))
            printf("%s %s: %s %s\n", reply.command, p->path, opencrypt_algorithm_name(p->algorithm),
                   opencrypt_type_name(p->value.type));
        opencrypt_placeholders_free(placeholders);
    } else {
        status = refuse(&reply.refusal);
    }
    opencrypt_request_free(request);
    free(bytes);
    return status;
}

int main(int argc, char **argv) {
    opencrypt_engine *engine = opencrypt_engine_new();
    if (argc != 3)
        return 2;
    printf("libopencrypt %s\n", opencrypt_version());
    int status = print_fields(engine, argv[1]);
    if (status == 0)
        status = print_placeholders(engine, argv[2]);
    opencrypt_engine_free(engine);
    return status;
}
