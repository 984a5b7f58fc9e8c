#include "error.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

static const struct {
    int32_t code;
    const char *name;
} rules[] = {
#define ROW(id, code, name) {code, name},
    OC_RULES(ROW)
#undef ROW
};

/* MongoDB's error_codes as documented for drivers. */
static const struct {
    int32_t code;
    const char *name;
} code_names[] = {
    {2, "BadValue"},
    {9, "FailedToParse"},
    {14, "TypeMismatch"},
    {15, "Overflow"},
    {22, "InvalidBSON"},
    {59, "CommandNotFound"},
    {72, "InvalidOptions"},
    {73, "InvalidNamespace"},
    {115, "CommandNotSupported"},
    {146, "ExceededMemoryLimit"},
    {168, "InvalidPipelineOperator"},
    {10334, "BSONObjectTooLarge"},
};

static void copy_text(char *to, size_t cap, const char *from) {
    to[0] = '\0';
    if (from)
        oc_text_append_string(to, cap, from);
}

bool oc_fail(oc_error *error, oc_rule rule, const oc_path *path, const char *op, const char *hint, const char *format,
             ...) {
    if (error->rule != OC_NONE)
        return false;
    error->rule = rule;
    error->path[0] = '\0';
    oc_path_append(error->path, sizeof error->path, path);
    copy_text(error->op, sizeof error->op, op);
    copy_text(error->hint, sizeof error->hint, hint);
    char raw[sizeof error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    /* vsnprintf may have cut a character in two. */
    copy_text(error->message, sizeof error->message, raw);
    return false;
}

int32_t oc_rule_code(oc_rule rule) {
    return rules[rule].code;
}

const char *oc_rule_name(oc_rule rule) {
    return rules[rule].name;
}

const char *oc_code_name(int32_t code, char buf[32]) {
    for (size_t i = 0; i < sizeof code_names / sizeof code_names[0]; i++)
        if (code_names[i].code == code)
            return code_names[i].name;
    snprintf(buf, 32, "Location%d", code);
    return buf;
}

oc_name_text oc_name(oc_str name) {
    oc_name_text out = {""};
    oc_text_append(out.text, sizeof out.text, name.s, name.n);
    return out;
}
