#include "json.h"

#include <stdio.h>
#include <string.h>

enum { DEEPEST = 256, STAND_IN = 0x7F };

/* ---- what libbson would not take as it is meant ---- */

static bool is_key(const char *name, size_t len, const char *key) {
    return len == strlen(key) && memcmp(name, key, len) == 0;
}

/* The end of the string that starts (behind its quote) at `at`: the index of the closing quote. */
static size_t string_end(const char *text, size_t len, size_t at) {
    while (at < len && text[at] != '"')
        at += text[at] == '\\' ? 2 : 1;
    return at < len ? at : len;
}

static bool is_followed_by_colon(const char *text, size_t len, size_t at) {
    while (at < len && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
        at++;
    return at < len && text[at] == ':';
}

/* "2026-11-24T10:00:00.000+01:00", as servers log it: libbson wants the offset without its colon. The space that is
 * left goes behind the string. `quote` is the index of the closing quote. */
static void fix_offset(char *text, size_t start, size_t quote) {
    enum { OFFSET = 6, SHORTEST = 22 };
    if (quote - start < SHORTEST || text[quote - 3] != ':' || !strchr("+-", text[quote - OFFSET]))
        return;
    text[quote - 3] = text[quote - 2];
    text[quote - 2] = text[quote - 1];
    text[quote - 1] = '"';
    text[quote] = ' ';
}

/* True if something was protected. {"$binary": "…", "$type": "00"} is the one old form that stays. */
static bool protect(char *text, size_t len) {
    bool binary[DEEPEST] = {false}, done = false, date = false;
    size_t depth = 0;
    for (size_t at = 0; at < len; at++) {
        char c = text[at];
        if (c == '{' || c == '[')
            binary[++depth % DEEPEST] = false;
        else if ((c == '}' || c == ']') && depth)
            depth--;
        if (c != '"')
            continue;
        size_t end = string_end(text, len, at + 1);
        const char *name = text + at + 1;
        size_t n = end - at - 1;
        if (date && end < len)
            fix_offset(text, at + 1, end);
        date = false;
        if (n && *name == '$' && is_followed_by_colon(text, len, end + 1)) {
            if (is_key(name, n, "$binary"))
                binary[depth % DEEPEST] = true;
            else if (is_key(name, n, "$date"))
                date = true;
            else if (is_key(name, n, "$regex") || is_key(name, n, "$options") ||
                     (is_key(name, n, "$type") && !binary[depth % DEEPEST]))
                text[at + 1] = STAND_IN, done = true;
        }
        at = end;
    }
    return done;
}

static void restore(bson_iter_t *it) {
    bson_iter_t child;
    while (bson_iter_next(it)) {
        const char *key = bson_iter_key(it);
        if (*key == STAND_IN && (!strcmp(key + 1, "regex") || !strcmp(key + 1, "options") || !strcmp(key + 1, "type")))
            *(char *)(uintptr_t)key = '$';
        if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && bson_iter_recurse(it, &child))
            restore(&child);
    }
}

static bool needs_help(const char *text, size_t len) {
    return memmem(text, len, "\"$date\"", 7) || memmem(text, len, "\"$regex\"", 8) ||
           memmem(text, len, "\"$options\"", 10) || memmem(text, len, "\"$type\"", 7);
}

/* ---- reading ---- */

/* libbson names states of its scanner: 'Got parse error at "f", position 1: "HKEY_EXPECTED"'. */
static void explain(char *detail, size_t size, const char *message) {
    char at;
    unsigned position;
    char state[32];
    if (sscanf(message, "Got parse error at \"%c\", position %u: \"%31[A-Z_]", &at, &position, state) != 3)
        snprintf(detail, size, "%s", message);
    else if (!strcmp(state, "HKEY_EXPECTED") || !strcmp(state, "SPECIAL_EXPECTED"))
        snprintf(detail, size,
                 "unexpected '%c' at position %u: names and strings are in double quotes, other types as in "
                 "{\"$oid\": \"...\"}; mongosh prints EJSON.stringify(...) so",
                 at, position);
    else
        snprintf(detail, size, "unexpected '%c' at position %u", at, position);
}

bool oc_json_parse(char *text, size_t len, bson_t *doc, const char **reason, char *detail) {
    static const char stand_in[] = {'"', STAND_IN, '\0'};
    bson_error_t error = {0};
    bson_iter_t it;
    if (detail)
        *detail = '\0';
    if (memchr(text, 0, len) || memmem(text, len, stand_in, strlen(stand_in))) {
        *reason = "it holds a NUL, or a name that starts with DEL";
        return false;
    }
    if (!oc_utf8_valid(text, len)) {
        *reason = "it is not UTF-8";
        return false;
    }
    bool changed = needs_help(text, len) && protect(text, len);
    bson_json_reader_t *reader = bson_json_data_reader_new(true, len + 1);
    bson_json_data_reader_ingest(reader, (const uint8_t *)text, len);
    bson_init(doc);
    bool ok = bson_json_reader_read(reader, doc, &error) == 1;
    bson_json_reader_destroy(reader);
    if (!ok) {
        bson_destroy(doc);
        *reason = strstr(error.message, "LEVELS_EXCEEDED")
                      ? "it is nested too deep"
                      : "it is not Extended JSON: malformed, or a bad value of a type";
        if (detail)
            explain(detail, 512, error.message);
        return false;
    }
    if (changed && bson_iter_init(&it, doc))
        restore(&it);
    return true;
}

/* ---- printing ---- */

static void new_line(oc_buffer *out, size_t depth) {
    oc_buffer_char(out, '\n');
    for (size_t i = 0; i < depth; i++)
        oc_buffer_text(out, "  ");
}

/* Lays out what libbson prints on one line: spaces around all tokens, none elsewhere but in strings. */
static void lay_out(oc_buffer *out, const char *json, size_t len) {
    const char *over = json + len;
    size_t depth = 0;
    for (; *json; json++) {
        switch (*json) {
        case '"': {
            size_t end = string_end(json, (size_t)(over - json), 1);
            oc_buffer_add(out, json, end + 1);
            json += end;
            break;
        }
        case ' ': break;
        case ':': oc_buffer_text(out, ": "); break;
        case ',':
            oc_buffer_char(out, ',');
            new_line(out, depth);
            break;
        case '{':
        case '[':
            oc_buffer_char(out, *json);
            if (json[1 + strspn(json + 1, " ")] == (*json == '{' ? '}' : ']')) {
                json += 1 + strspn(json + 1, " ");
                oc_buffer_char(out, *json);
            } else {
                new_line(out, ++depth);
            }
            break;
        case '}':
        case ']':
            new_line(out, --depth);
            oc_buffer_char(out, *json);
            break;
        default: oc_buffer_char(out, *json);
        }
    }
    oc_buffer_char(out, '\n');
}

bool oc_json_print(oc_buffer *out, const bson_t *doc, bool canonical) {
    size_t len;
    char *json = canonical ? bson_as_canonical_extended_json(doc, &len) : bson_as_relaxed_extended_json(doc, &len);
    if (!json)
        return false;
    lay_out(out, json, len);
    explicit_bzero(json, len);
    bson_free(json);
    return true;
}
