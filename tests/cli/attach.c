/* oc_cli_attach SCHEMAS DB: each command of standard input as the checker shows it to the engine, one a line. */

#include <stdio.h>

#include "attach.h"
#include "input.h"
#include "json.h"

static int fail(const char *reason) {
    fprintf(stderr, "oc_cli_attach: %s\n", reason);
    return 2;
}

int main(int argc, char **argv) {
    oc_schemas schemas = {0};
    const char *reason;
    oc_item item;
    if (argc != 3)
        return fail("usage: oc_cli_attach SCHEMAS DB");
    if (!oc_schemas_load(&schemas, argv[1], NULL))
        return fail(schemas.error);
    oc_input *input = oc_input_open(NULL);
    while ((item = oc_input_next(input)).kind == OC_ITEM_JSON) {
        bson_t command;
        if (!oc_json_parse(item.data, item.len, &command, &reason, NULL))
            return fail(reason);
        bson_t *sent = oc_attach(&schemas, &command, argv[2]);
        char *json = bson_as_canonical_extended_json(sent, NULL);
        puts(json);
        bson_free(json);
        bson_destroy(sent);
        bson_destroy(&command);
    }
    oc_input_close(input);
    oc_schemas_done(&schemas);
    return item.kind == OC_ITEM_END ? 0 : fail(item.reason);
}
