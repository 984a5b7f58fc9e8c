#include "report.h"

#include <inttypes.h>
#include <string.h>

static void text(FILE *out, const char *chars, size_t len) {
    fputc('"', out);
    for (size_t i = 0; i < len; i++)
        if (chars[i] == '"' || chars[i] == '\\')
            fprintf(out, "\\%c", chars[i]);
        else if ((unsigned char)chars[i] < 32)
            fprintf(out, "\\u%04x", (unsigned)chars[i]);
        else
            fputc(chars[i], out);
    fputc('"', out);
}

/* Operators that Extended JSON would read as types: the runner takes one '$' off names with two. */
static bool reads_as_type(const char *name) {
    static const char *const names[] = {"$regex", "$type", "$options", "$date", "$binary", "$ref", "$id", "$db"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return name[0] == '$' && name[1] == '$';
}

static void member_name(FILE *out, const char *name) {
    if (!reads_as_type(name)) {
        text(out, name, strlen(name));
        return;
    }
    fputs("\"$", out);
    fputs(name, out);
    fputc('"', out);
}

static void base64(FILE *out, const uint8_t *bytes, size_t len) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t n = (uint32_t)bytes[i] << 16;
        n |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
        n |= i + 2 < len ? bytes[i + 2] : 0;
        fputc(digits[n >> 18], out);
        fputc(digits[n >> 12 & 63], out);
        fputc(i + 1 < len ? digits[n >> 6 & 63] : '=', out);
        fputc(i + 2 < len ? digits[n & 63] : '=', out);
    }
}

static void binary(FILE *out, const value *v) {
    const uint8_t *payload;
    uint32_t len = value_payload(v, &payload);
    fputs("{\"$binary\": {\"base64\": \"", out);
    base64(out, payload, len);
    fprintf(out, "\", \"subType\": \"%02x\"}}", value_subtype(v));
}

static void scalar(FILE *out, const value *v) {
    int64_t n = 0;
    switch (v->type) {
    case T_STRING: text(out, value_chars(v), v->len - 5); return;
    case T_INT: fprintf(out, "%" PRId32, (int32_t)value_number(v)); return;
    case T_LONG: fprintf(out, "{\"$numberLong\": \"%" PRId64 "\"}", (int64_t)value_number(v)); return;
    case T_DOUBLE: fprintf(out, "{\"$numberDouble\": \"%.17g\"}", value_number(v)); return;
    case T_DECIMAL:
        memcpy(&n, v->bytes, 8);
        fprintf(out, "{\"$numberDecimal\": \"%" PRId64 "\"}", n); /* the generator makes small whole ones only */
        return;
    case T_BOOL: fputs(v->bytes[0] ? "true" : "false", out); return;
    case T_NULL: fputs("null", out); return;
    case T_DATE:
        memcpy(&n, v->bytes, 8);
        fprintf(out, "{\"$date\": {\"$numberLong\": \"%" PRId64 "\"}}", n);
        return;
    case T_TIMESTAMP:
        memcpy(&n, v->bytes, 8);
        fprintf(out, "{\"$timestamp\": {\"t\": %" PRId64 ", \"i\": %" PRId64 "}}", n >> 32, n & 0xffffffff);
        return;
    case T_OID:
        fputs("{\"$oid\": \"", out);
        for (int i = 0; i < 12; i++)
            fprintf(out, "%02x", v->bytes[i]);
        fputs("\"}", out);
        return;
    case T_REGEX:
        fprintf(out, "{\"$regularExpression\": {\"pattern\": \"%s\", \"options\": \"%s\"}}", (const char *)v->bytes,
                (const char *)v->bytes + strlen((const char *)v->bytes) + 1);
        return;
    case T_CODE:
    case T_SYMBOL:
        fputs(v->type == T_CODE ? "{\"$code\": " : "{\"$symbol\": ", out);
        text(out, value_chars(v), v->len - 5);
        fputc('}', out);
        return;
    case T_BINARY: binary(out, v); return;
    case T_UNDEFINED: fputs("{\"$undefined\": true}", out); return;
    default: fprintf(out, "{\"%s\": 1}", v->type == T_MINKEY ? "$minKey" : "$maxKey");
    }
}

static void put_json(FILE *out, const value *v) {
    if (!value_is_container(v)) {
        scalar(out, v);
        return;
    }
    fputc(v->type == T_DOC ? '{' : '[', out);
    for (const value *m = v->first; m; m = m->next) {
        if (v->type == T_DOC) {
            member_name(out, m->name);
            fputs(": ", out);
        }
        put_json(out, m);
        if (m->next)
            fputs(", ", out);
    }
    fputc(v->type == T_DOC ? '}' : ']', out);
}

static bool is_simple_schema(const world *w, const value *m) {
    return !w->several && !w->qe && (strcmp(m->name, "jsonSchema") == 0 || strcmp(m->name, "isRemoteSchema") == 0);
}

void report_case(FILE *out, const world *w, const value *command, const char *failure) {
    const value *remote = value_get(command, "isRemoteSchema");
    value bare = {.type = T_DOC};
    pool p = {0};
    for (const value *m = command->first; m; m = m->next)
        if (!is_simple_schema(w, m) && strcmp(m->name, "$db") != 0)
            value_put(&p, &bare, m->name, m);
    fprintf(out, "  {\"name\": \"soundness: %s\"", failure);
    if (!w->several && !w->qe) {
        fputs(", \"schema\": ", out);
        put_json(out, value_get(command, "jsonSchema"));
    }
    if (remote && remote->bytes[0])
        fputs(", \"isRemoteSchema\": true", out);
    fputs(",\n   \"command\": ", out);
    put_json(out, &bare);
    fputs(",\n   \"error\": {\"code\": 2}}\n", out);
    pool_done(&p);
}
