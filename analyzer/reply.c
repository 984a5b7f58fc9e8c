#include "reply.h"

#include "text.h"

/* Where a document under construction starts in `out`; its length is set when it is closed. */
static size_t open_document(oc_out *out) {
    size_t start = out->len;
    out->len += 4;
    return start;
}

static void close_document(oc_out *out, size_t start) {
    out->data[out->len++] = 0;
    oc_put_u32(out->data + start, (uint32_t)(out->len - start));
}

static void put(oc_out *out, const void *bytes, size_t len) {
    memcpy(out->data + out->len, bytes, len);
    out->len += len;
}

static void put_head(oc_out *out, uint8_t type, const char *name) {
    out->data[out->len++] = type;
    put(out, name, strlen(name) + 1);
}

static void put_bool(oc_out *out, const char *name, bool value) {
    put_head(out, OC_BOOL, name);
    out->data[out->len++] = value;
}

static void put_ok(oc_out *out, bool ok) {
    static const uint8_t zero[8], one[8] = {0, 0, 0, 0, 0, 0, 0xF0, 0x3F};
    put_head(out, OC_DOUBLE, "ok");
    put(out, ok ? one : zero, 8);
}

static void put_string(oc_out *out, const char *name, const char *text) {
    uint8_t length[4];
    put_head(out, OC_STRING, name);
    oc_put_u32(length, (uint32_t)strlen(text) + 1);
    put(out, length, 4);
    put(out, text, strlen(text) + 1);
}

bool oc_reply_result(oc_analysis *a, oc_out *out) {
    a->splice.expected = 0;
    if (!oc_splice_fits(&a->splice) || !oc_out_reserve(out, OC_AROUND_RESULT + oc_splice_size(&a->splice)))
        return false;
    size_t start = open_document(out);
    put_bool(out, "hasEncryptionPlaceholders", a->marks > 0);
    put_bool(out, "schemaRequiresEncryption", a->encrypts);
    put_head(out, OC_DOCUMENT, "result");
    if (!oc_splice_write(&a->splice, out))
        return false;
    put_ok(out, true);
    close_document(out, start);
    return true;
}

/* "message: path 'ssn', collection 'db.people'; hint". The established wording stays in front. */
static void render(const oc_error *error, const char *ns, char *buf, size_t cap) {
    const char *separator = ": ";
    buf[0] = '\0';
    oc_text_append_string(buf, cap, error->message);
    if (error->path[0]) {
        oc_text_append_string(buf, cap, separator);
        oc_text_append_string(buf, cap, "path '");
        oc_text_append_string(buf, cap, error->path);
        oc_text_append_string(buf, cap, "'");
        separator = ", ";
    }
    if (ns[0]) {
        oc_text_append_string(buf, cap, separator);
        oc_text_append_string(buf, cap, "collection '");
        oc_text_append_string(buf, cap, ns);
        oc_text_append_string(buf, cap, "'");
    }
    if (error->hint[0]) {
        oc_text_append_string(buf, cap, "; ");
        oc_text_append_string(buf, cap, error->hint);
    }
}

bool oc_reply_error(const oc_error *error, const char *ns, oc_out *out) {
    enum { LONGEST_TEXT = 2048, AROUND_TEXT = 128 };
    char text[LONGEST_TEXT], name[32];
    uint8_t code[4];
    if (!oc_out_reserve(out, LONGEST_TEXT + AROUND_TEXT))
        return false;
    render(error, ns, text, sizeof text);
    oc_put_u32(code, (uint32_t)oc_rule_code(error->rule));
    size_t start = open_document(out);
    put_ok(out, false);
    put_string(out, "errmsg", text);
    put_head(out, OC_INT32, "code");
    put(out, code, 4);
    put_string(out, "codeName", oc_code_name(oc_rule_code(error->rule), name));
    close_document(out, start);
    return true;
}
