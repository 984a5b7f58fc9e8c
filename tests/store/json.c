#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bson_t *oc_json(const char *format, ...) {
    bson_error_t error;
    va_list arguments;
    va_start(arguments, format);
    char *text = bson_strdupv_printf(format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    bson_t *made = bson_new_from_json((const uint8_t *)text, -1, &error);
    if (!made) {
        fprintf(stderr, "%s\nin %s\n", error.message, text);
        abort();
    }
    bson_free(text);
    return made;
}
