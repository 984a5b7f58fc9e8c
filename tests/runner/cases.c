#include "cases.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *current_file = "", *current_case = "";

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...) {
    va_list args;
    fprintf(stderr, "%s: %s: ", current_file, current_case);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static bson_t *read_json(const char *path) {
    bson_error_t error;
    bson_json_reader_t *reader = bson_json_reader_new_from_file(path, &error);
    bson_t *doc = bson_new();
    current_file = path;
    current_case = "(file)";
    if (!reader || bson_json_reader_read(reader, doc, &error) != 1)
        die("%s", error.message);
    bson_json_reader_destroy(reader);
    return doc;
}

/* ---- conversion ---- */

static const uint8_t test_key[16] = {0}; /* the keyId of all schemas in schemas.json */

static void convert(bson_iter_t *from, bson_t *to, bool *marked);

/* {a, v} or {a, ka, v} or {a, ki, v}: the bytes of a CSFLE placeholder. */
static void append_mark(bson_t *to, const char *name, const bson_t *mark) {
    bson_t doc = BSON_INITIALIZER, converted = BSON_INITIALIZER;
    bson_iter_t it, a, key, v;
    bool ignored;
    bson_iter_init(&it, mark);
    convert(&it, &converted, &ignored);
    if (!bson_iter_init_find(&a, &converted, "a") || !bson_iter_init_find(&v, &converted, "v"))
        die("a $mark needs a and v");
    bson_append_iter(&doc, NULL, 0, &a);
    if (bson_iter_init_find(&key, &converted, "ki") || bson_iter_init_find(&key, &converted, "ka"))
        bson_append_iter(&doc, NULL, 0, &key);
    else
        bson_append_binary(&doc, "ki", 2, BSON_SUBTYPE_UUID, test_key, sizeof test_key);
    bson_append_iter(&doc, NULL, 0, &v);
    uint8_t *bytes = calloc(1, doc.len + 1);
    memcpy(bytes + 1, bson_get_data(&doc), doc.len);
    bson_append_binary(to, name, -1, (bson_subtype_t)6, bytes, doc.len + 1);
    free(bytes);
    bson_destroy(&doc);
    bson_destroy(&converted);
}

/* An object with `name` as its only field. */
static bool is_only(const bson_iter_t *it, const char *name, bson_t *value) {
    bson_iter_t child;
    uint32_t len;
    const uint8_t *data;
    if (!BSON_ITER_HOLDS_DOCUMENT(it) || !bson_iter_recurse(it, &child) || !bson_iter_next(&child) ||
        strcmp(bson_iter_key(&child), name) != 0 || !BSON_ITER_HOLDS_DOCUMENT(&child))
        return false;
    bson_iter_document(&child, &len, &data);
    return bson_init_static(value, data, len);
}

static void convert_container(bson_iter_t *it, const char *name, bson_t *to, bool *marked) {
    bson_iter_t child;
    bson_t inner;
    bool array = BSON_ITER_HOLDS_ARRAY(it);
    bson_iter_recurse(it, &child);
    array ? bson_append_array_begin(to, name, -1, &inner) : bson_append_document_begin(to, name, -1, &inner);
    convert(&child, &inner, marked);
    array ? bson_append_array_end(to, &inner) : bson_append_document_end(to, &inner);
}

/* Copies, with marks for {"$mark": …} and "$x" for a name "$$x": the JSON parser reads $regex and $type its own way. */
static void convert(bson_iter_t *it, bson_t *to, bool *marked) {
    while (bson_iter_next(it)) {
        const char *name = bson_iter_key(it);
        bson_t mark;
        if (strncmp(name, "$$", 2) == 0)
            name++;
        if (is_only(it, "$mark", &mark)) {
            append_mark(to, name, &mark);
            *marked = true;
        } else if (BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) {
            convert_container(it, name, to, marked);
        } else {
            bson_append_iter(to, name, -1, it);
        }
    }
}

/* ---- cases ---- */

static const bson_value_t *find(const bson_t *doc, const char *name, bson_iter_t *it) {
    return bson_iter_init_find(it, doc, name) ? bson_iter_value(it) : NULL;
}

static void append_document(bson_t *to, const char *name, const bson_value_t *value) {
    bson_t doc, converted = BSON_INITIALIZER;
    bson_iter_t it;
    bool ignored;
    bson_init_static(&doc, value->value.v_doc.data, value->value.v_doc.data_len);
    bson_iter_init(&it, &doc);
    convert(&it, &converted, &ignored);
    bson_append_document(to, name, -1, &converted);
    bson_destroy(&converted);
}

static bson_t *converted_field(const bson_t *doc, const char *name, bool *marked) {
    bson_iter_t it, child;
    bson_t *out = bson_new();
    if (!bson_iter_init_find(&it, doc, name) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        die("needs an object '%s'", name);
    bson_iter_recurse(&it, &child);
    convert(&child, out, marked);
    return out;
}

static void append_db(bson_t *to) {
    if (!bson_has_field(to, "$db"))
        bson_append_utf8(to, "$db", 3, "db", 2);
}

/* "schema" names a member of schemas.json, or is a schema; without it, the command brings its own. */
static void append_schema(const bson_t *doc, const bson_t *schemas, bson_t *command) {
    bson_iter_t it, named, remote;
    const bson_value_t *schema = find(doc, "schema", &it);
    if (!schema)
        return;
    if (schema->value_type == BSON_TYPE_UTF8)
        schema = find(schemas, schema->value.v_utf8.str, &named);
    if (!schema || schema->value_type != BSON_TYPE_DOCUMENT)
        die("no such schema");
    append_document(command, "jsonSchema", schema);
    const bson_value_t *is_remote = find(doc, "isRemoteSchema", &remote);
    bson_append_bool(command, "isRemoteSchema", -1, is_remote && is_remote->value.v_bool);
}

static bool is_schema_field(const char *name) {
    return strcmp(name, "jsonSchema") == 0 || strcmp(name, "isRemoteSchema") == 0 ||
           strcmp(name, "csfleEncryptionSchemas") == 0;
}

/* "result": "unchanged" stands for the command less its schema. */
static bson_t *expected_result(const bson_t *doc, const bson_t *command, bool *marked) {
    bson_iter_t it;
    const bson_value_t *result = find(doc, "result", &it);
    if (result->value_type == BSON_TYPE_DOCUMENT) {
        bson_t *out = converted_field(doc, "result", marked);
        append_db(out);
        return out;
    }
    if (result->value_type != BSON_TYPE_UTF8 || strcmp(result->value.v_utf8.str, "unchanged") != 0)
        die("result must be an object or \"unchanged\"");
    bson_t *out = bson_new();
    bson_iter_init(&it, command);
    while (bson_iter_next(&it))
        if (!is_schema_field(bson_iter_key(&it)))
            bson_append_iter(out, NULL, 0, &it);
    return out;
}

static bson_t *expected_reply(const bson_t *doc, const bson_t *command) {
    bson_iter_t it;
    bool marked = false;
    bson_t *result = expected_result(doc, command, &marked);
    bson_t *reply = bson_new();
    const bson_value_t *encrypts = find(doc, "schemaRequiresEncryption", &it);
    bson_append_bool(reply, "hasEncryptionPlaceholders", -1, marked);
    bson_append_bool(reply, "schemaRequiresEncryption", -1, !encrypts || encrypts->value.v_bool);
    bson_append_document(reply, "result", -1, result);
    bson_append_double(reply, "ok", -1, 1.0);
    bson_destroy(result);
    return reply;
}

static void read_error(const bson_t *doc, oc_case *c) {
    bson_iter_t it, child;
    bool any = false;
    if (!bson_iter_init_find(&it, doc, "error") || !bson_iter_recurse(&it, &child))
        die("needs 'result' or 'error'");
    while (bson_iter_next(&child)) {
        if (strcmp(bson_iter_key(&child), "code") == 0)
            c->code = bson_iter_int32(&child);
        else if (strcmp(bson_iter_key(&child), "path") == 0)
            c->path = bson_iter_utf8(&child, NULL);
        else if (strcmp(bson_iter_key(&child), "message") == 0)
            c->message = bson_iter_utf8(&child, NULL);
        else if (strcmp(bson_iter_key(&child), "any") == 0)
            any = bson_iter_bool(&child);
        else
            die("unknown member '%s' of error", bson_iter_key(&child));
    }
    if (any)
        return;
    if (!c->message || !c->code)
        die("an error needs code and message");
    if (!c->path)
        c->path = "";
}

static void check_members(const bson_t *doc) {
    static const char known[] = " name schema isRemoteSchema schemaRequiresEncryption command result error ";
    bson_iter_t it;
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it)) {
        char word[64];
        snprintf(word, sizeof word, " %s ", bson_iter_key(&it));
        if (!strstr(known, word))
            die("unknown member '%s'", bson_iter_key(&it));
    }
}

static void run_case(const bson_t *doc, const bson_t *schemas, void (*each)(const oc_case *, void *), void *data) {
    bson_iter_t it;
    bool ignored;
    oc_case c = {.file = current_file};
    const bson_value_t *name = find(doc, "name", &it);
    c.name = current_case = name ? name->value.v_utf8.str : "(no name)";
    check_members(doc);
    c.command = converted_field(doc, "command", &ignored);
    append_schema(doc, schemas, c.command);
    append_db(c.command);
    if (bson_has_field(doc, "result"))
        c.reply = expected_reply(doc, c.command);
    else
        read_error(doc, &c);
    each(&c, data);
    bson_destroy(c.command);
    if (c.reply)
        bson_destroy(c.reply);
}

static size_t run_file(const char *path, const bson_t *schemas, void (*each)(const oc_case *, void *), void *data) {
    bson_t *doc = read_json(path);
    bson_iter_t it;
    size_t count = 0;
    bson_iter_init(&it, doc);
    for (; bson_iter_next(&it); count++) {
        bson_t member;
        uint32_t len;
        const uint8_t *bytes;
        if (!BSON_ITER_HOLDS_DOCUMENT(&it))
            die("a file of cases is an array of objects");
        bson_iter_document(&it, &len, &bytes);
        bson_init_static(&member, bytes, len);
        run_case(&member, schemas, each, data);
    }
    bson_destroy(doc);
    return count;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

size_t oc_cases_each(const char *folder, void (*each)(const oc_case *c, void *data), void *data) {
    char *paths[] = {(char *)(uintptr_t)folder, NULL};
    char schemas_path[4096];
    size_t count = 0;
    snprintf(schemas_path, sizeof schemas_path, "%s/schemas.json", folder);
    bson_t *schemas = read_json(schemas_path);
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    while (tree && (entry = fts_read(tree)))
        if (entry->fts_info == FTS_F && entry->fts_level > 1 && strstr(entry->fts_name, ".json"))
            count += run_file(entry->fts_path, schemas, each, data);
    if (tree)
        fts_close(tree);
    bson_destroy(schemas);
    return count;
}
