/* A byte that says which kind of schema, then the schema: a local or remote jsonSchema, or encryptedFields. */

#include <stdlib.h>
#include <string.h>

#include "opencrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static void look_up(opencrypt_schema *schema) {
    static const char *const paths[] = {"ssn", "user.ssn", "a.b.c.d", "_id", "", "x.", "properties"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const opencrypt_place *place = opencrypt_schema_look_up(schema, paths[i], strlen(paths[i]));
        require(!place == !!opencrypt_schema_refusal(schema));
    }
}

/* What is listed under a name is there, unless something else claims the name. */
static void find_again(opencrypt_schema *schema, const opencrypt_field *field) {
    const opencrypt_place *place = opencrypt_schema_look_up(schema, field->path, field->path_len);
    if (!place || place->position == OPENCRYPT_AT_CONFLICT)
        return;
    require(place->position == OPENCRYPT_AT_ENCRYPTED && place->field_len == field->path_len);
    require(place->encryption->algorithm == field->encryption->algorithm);
}

static void list(opencrypt_schema *schema) {
    enum { FOUND_AGAIN = 50 };
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    const opencrypt_field *field;
    size_t n = 0;
    for (; (field = opencrypt_fields_next(fields)); n++) {
        require(field->step_count > 0 && field->encryption);
        if (field->named && n < FOUND_AGAIN)
            find_again(schema, field);
    }
    require(!opencrypt_fields_failed(fields));
    require(opencrypt_schema_encrypts(schema) == (n > 0));
    opencrypt_fields_free(fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static opencrypt_engine *engine;
    if (!engine)
        engine = opencrypt_engine_new();
    if (size < 1)
        return 0;
    opencrypt_schema_kind kind = (opencrypt_schema_kind)(1 + data[0] % 3);
    opencrypt_schema *schema = opencrypt_schema_compile(engine, kind, data + 1, size - 1);
    list(schema);
    look_up(schema);
    opencrypt_schema_free(schema);
    return 0;
}
