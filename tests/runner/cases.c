#include "cases.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"

static bson_t *read_json(const char *path) {
    bson_error_t error;
    bson_json_reader_t *reader = bson_json_reader_new_from_file(path, &error);
    bson_t *doc = bson_new();
    oc_case_file = path;
    oc_case_name = "(file)";
    if (!reader || bson_json_reader_read(reader, doc, &error) != 1)
        oc_case_die("%s", error.message);
    bson_json_reader_destroy(reader);
    return doc;
}

/* ---- members ---- */

static const bson_value_t *find(const bson_t *doc, const char *name, bson_iter_t *it) {
    return bson_iter_init_find(it, doc, name) ? bson_iter_value(it) : NULL;
}

static void append_document(bson_t *to, const char *name, const bson_value_t *value) {
    bson_t doc, converted = BSON_INITIALIZER;
    bson_iter_t it;
    bool ignored;
    bson_init_static(&doc, value->value.v_doc.data, value->value.v_doc.data_len);
    bson_iter_init(&it, &doc);
    oc_convert(&it, &converted, &ignored);
    bson_append_document(to, name, -1, &converted);
    bson_destroy(&converted);
}

static bson_t *converted_field(const bson_t *doc, const char *name, bool *marked) {
    bson_iter_t it, child;
    bson_t *out = bson_new();
    if (!bson_iter_init_find(&it, doc, name) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        oc_case_die("needs an object '%s'", name);
    bson_iter_recurse(&it, &child);
    oc_convert(&child, out, marked);
    return out;
}

static void append_db(bson_t *to) {
    if (!bson_has_field(to, "$db"))
        bson_append_utf8(to, "$db", 3, "db", 2);
}

/* A schema by its name in schemas.json, or written out. */
static const bson_value_t *resolve_schema(const bson_value_t *schema, const bson_t *schemas, bson_iter_t *named) {
    if (schema->value_type == BSON_TYPE_UTF8)
        schema = find(schemas, schema->value.v_utf8.str, named);
    if (!schema || schema->value_type != BSON_TYPE_DOCUMENT)
        oc_case_die("no such schema");
    return schema;
}

/* "schema" names a member of schemas.json, or is a schema; without it, the command brings its own. */
static void append_schema(const bson_t *doc, const bson_t *schemas, bson_t *command) {
    bson_iter_t it, named, remote;
    const bson_value_t *schema = find(doc, "schema", &it);
    if (!schema)
        return;
    append_document(command, "jsonSchema", resolve_schema(schema, schemas, &named));
    const bson_value_t *is_remote = find(doc, "isRemoteSchema", &remote);
    bson_append_bool(command, "isRemoteSchema", -1, is_remote && is_remote->value.v_bool);
}

/* ---- Queryable Encryption ---- */

/* "db.people" of the command, or of the one that it explains; of bulkWrite's first namespace. */
static void find_namespace(const bson_t *command, char *ns, size_t cap) {
    bson_iter_t it, inner, place;
    bson_iter_init(&it, command);
    if (!bson_iter_next(&it))
        oc_case_die("the command is empty");
    if (strcmp(bson_iter_key(&it), "explain") == 0 && bson_iter_recurse(&it, &inner) && bson_iter_next(&inner))
        it = inner;
    if (strcmp(bson_iter_key(&it), "bulkWrite") == 0) {
        bson_iter_init(&it, command);
        if (!bson_iter_find_descendant(&it, "nsInfo.0.ns", &place))
            oc_case_die("encryptedFields needs nsInfo[0].ns");
        snprintf(ns, cap, "%s", bson_iter_utf8(&place, NULL));
    } else {
        snprintf(ns, cap, "db.%s", BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "");
    }
}

/* A member with a dot in its name is a namespace: then the object has a schema for each. */
static bool is_schema_map(const bson_value_t *value) {
    bson_t doc;
    bson_iter_t it;
    bson_init_static(&doc, value->value.v_doc.data, value->value.v_doc.data_len);
    return bson_iter_init(&it, &doc) && bson_iter_next(&it) && strchr(bson_iter_key(&it), '.');
}

/* {type: 1, schema: {"db.people": …}} for the case's "encryptedFields"; false: it has none. */
static bool encryption_information(const bson_t *doc, const bson_t *schemas, const bson_t *command, bson_t *info) {
    bson_iter_t it, child, named;
    bson_t schema;
    char ns[256];
    const bson_value_t *value = find(doc, "encryptedFields", &it);
    if (!value)
        return false;
    bson_append_int32(info, "type", -1, 1);
    bson_append_document_begin(info, "schema", -1, &schema);
    if (value->value_type == BSON_TYPE_DOCUMENT && is_schema_map(value)) {
        bson_iter_recurse(&it, &child);
        while (bson_iter_next(&child))
            append_document(&schema, bson_iter_key(&child), resolve_schema(bson_iter_value(&child), schemas, &named));
    } else {
        find_namespace(command, ns, sizeof ns);
        append_document(&schema, ns, resolve_schema(value, schemas, &named));
    }
    bson_append_document_end(info, &schema);
    return true;
}

/* nsInfo with the information in its first element, unless one has it already. */
static void append_namespaces(bson_t *to, const bson_iter_t *list, const bson_t *info) {
    bson_iter_t it, member;
    bson_t array, element;
    bson_append_array_begin(to, "nsInfo", -1, &array);
    bson_iter_recurse(list, &it);
    for (bool first = true; bson_iter_next(&it); first = false) {
        bool has = false;
        bson_append_document_begin(&array, bson_iter_key(&it), -1, &element);
        bson_iter_recurse(&it, &member);
        while (bson_iter_next(&member)) {
            has |= strcmp(bson_iter_key(&member), "encryptionInformation") == 0;
            bson_append_iter(&element, NULL, 0, &member);
        }
        if (first && !has)
            bson_append_document(&element, "encryptionInformation", -1, info);
        bson_append_document_end(&array, &element);
    }
    bson_append_array_end(to, &array);
}

/* The command with the information where a driver puts it. */
static bson_t *add_information(bson_t *command, const bson_t *info) {
    bson_iter_t it;
    bson_t *out = bson_new();
    bson_iter_init(&it, command);
    bool first = true, bulk = false, has = bson_has_field(command, "encryptionInformation");
    for (; bson_iter_next(&it); first = false) {
        const char *name = bson_iter_key(&it);
        bulk |= first && strcmp(name, "bulkWrite") == 0;
        if (bulk && strcmp(name, "nsInfo") == 0 && BSON_ITER_HOLDS_ARRAY(&it)) {
            append_namespaces(out, &it, info);
            continue;
        }
        if (strcmp(name, "$db") == 0 && !bulk && !has) {
            bson_append_document(out, "encryptionInformation", -1, info);
            has = true;
        }
        bson_append_iter(out, NULL, 0, &it);
    }
    if (!bulk && !has)
        bson_append_document(out, "encryptionInformation", -1, info);
    bson_destroy(command);
    return out;
}

/* ---- results ---- */

static bool is_schema_field(const char *name) {
    return strcmp(name, "jsonSchema") == 0 || strcmp(name, "isRemoteSchema") == 0 ||
           strcmp(name, "csfleEncryptionSchemas") == 0;
}

static bool has_information(const bson_t *command) {
    static const char *const paths[] = {"encryptionInformation", "explain.encryptionInformation",
                                        "nsInfo.0.encryptionInformation", "nsInfo.1.encryptionInformation"};
    bson_iter_t it, found;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (bson_iter_init(&it, command) && bson_iter_find_descendant(&it, paths[i], &found))
            return true;
    return false;
}

/* The results that have no $db: with marks, or of Queryable Encryption. */
static bool lacks_db(const bson_t *doc, const bson_t *command, bool marked) {
    bson_iter_t it;
    const bson_value_t *encrypts = find(doc, "schemaRequiresEncryption", &it);
    return marked || ((!encrypts || encrypts->value.v_bool) && has_information(command));
}

/* "result": "unchanged" stands for the command less its schema. */
static bson_t *expected_result(const bson_t *doc, const bson_t *command, const bson_t *info, bool *marked) {
    bson_iter_t it;
    const bson_value_t *result = find(doc, "result", &it);
    if (result->value_type == BSON_TYPE_DOCUMENT) {
        bson_t *out = converted_field(doc, "result", marked);
        if (!lacks_db(doc, command, *marked))
            append_db(out);
        return info ? add_information(out, info) : out;
    }
    if (result->value_type != BSON_TYPE_UTF8 || strcmp(result->value.v_utf8.str, "unchanged") != 0)
        oc_case_die("result must be an object or \"unchanged\"");
    bson_t *out = bson_new();
    bson_iter_init(&it, command);
    while (bson_iter_next(&it))
        if (!is_schema_field(bson_iter_key(&it)) &&
            (strcmp(bson_iter_key(&it), "$db") != 0 || !lacks_db(doc, command, false)))
            bson_append_iter(out, NULL, 0, &it);
    return out;
}

static bson_t *expected_reply(const bson_t *doc, const bson_t *command, const bson_t *info) {
    bson_iter_t it;
    bool marked = false;
    bson_t *result = expected_result(doc, command, info, &marked);
    bson_t *reply = bson_new();
    const bson_value_t *encrypts = find(doc, "schemaRequiresEncryption", &it);
    bson_append_bool(reply, "hasEncryptionPlaceholders", -1, marked);
    bson_append_bool(reply, "schemaRequiresEncryption", -1, !encrypts || encrypts->value.v_bool);
    bson_append_document(reply, "result", -1, result);
    bson_append_double(reply, "ok", -1, 1.0);
    bson_destroy(result);
    return reply;
}

static const char *text(const bson_iter_t *member) {
    if (!BSON_ITER_HOLDS_UTF8(member))
        oc_case_die("'%s' of error must be a string", bson_iter_key(member));
    return bson_iter_utf8(member, NULL);
}

static void read_error_member(const bson_iter_t *member, oc_case *c) {
    const char *name = bson_iter_key(member);
    if (strcmp(name, "code") == 0)
        c->code = bson_iter_int32(member);
    else if (strcmp(name, "rule") == 0)
        c->rule = text(member);
    else if (strcmp(name, "path") == 0)
        c->path = text(member);
    else if (strcmp(name, "message") == 0)
        c->message = text(member);
    else if (strcmp(name, "any") == 0)
        c->any = true;
    else
        oc_case_die("unknown member '%s' of error", name);
}

static void read_error(const bson_t *doc, oc_case *c) {
    bson_iter_t it, child;
    if (!bson_iter_init_find(&it, doc, "error") || !bson_iter_recurse(&it, &child))
        oc_case_die("needs 'result' or 'error'");
    c->path = c->message = "";
    while (bson_iter_next(&child))
        read_error_member(&child, c);
    if (!c->any && !c->rule && (!c->message[0] || !c->code))
        oc_case_die("an error needs a rule, or code and message");
}

static void check_members(const bson_t *doc) {
    static const char known[] =
        " name schema isRemoteSchema encryptedFields schemaRequiresEncryption command result error ";
    bson_iter_t it;
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it)) {
        char word[64];
        snprintf(word, sizeof word, " %s ", bson_iter_key(&it));
        if (!strstr(known, word))
            oc_case_die("unknown member '%s'", bson_iter_key(&it));
    }
}

static void run_case(const bson_t *doc, const bson_t *schemas, void (*each)(const oc_case *, void *), void *data) {
    bson_iter_t it;
    bool ignored;
    bson_t info = BSON_INITIALIZER;
    oc_case c = {.file = oc_case_file};
    const bson_value_t *name = find(doc, "name", &it);
    c.name = oc_case_name = name ? name->value.v_utf8.str : "(no name)";
    check_members(doc);
    c.command = converted_field(doc, "command", &ignored);
    append_schema(doc, schemas, c.command);
    append_db(c.command);
    bool qe = encryption_information(doc, schemas, c.command, &info);
    if (qe)
        c.command = add_information(c.command, &info);
    if (bson_has_field(doc, "result"))
        c.reply = expected_reply(doc, c.command, qe ? &info : NULL);
    else
        read_error(doc, &c);
    each(&c, data);
    bson_destroy(&info);
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
            oc_case_die("a file of cases is an array of objects");
        bson_iter_document(&it, &len, &bytes);
        bson_init_static(&member, bytes, len);
        run_case(&member, schemas, each, data);
    }
    bson_destroy(doc);
    return count;
}

/* All folders below, but of the uppermost itself none: it holds the schemas. */
static size_t run_folder(const char *folder, bool uppermost, const bson_t *schemas,
                         void (*each)(const oc_case *, void *), void *data) {
    struct dirent **entries;
    size_t count = 0;
    int n = scandir(folder, &entries, NULL, alphasort);
    if (n < 0)
        oc_case_die("%s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (name[0] != '.' && entries[i]->d_type != DT_REG)
            count += run_folder(path, false, schemas, each, data);
        else if (!uppermost && strstr(name, ".json"))
            count += run_file(path, schemas, each, data);
        free(entries[i]);
    }
    free(entries);
    return count;
}

size_t oc_cases_each(const char *folder, void (*each)(const oc_case *c, void *data), void *data) {
    char schemas_path[4096];
    snprintf(schemas_path, sizeof schemas_path, "%s/schemas.json", folder);
    bson_t *schemas = read_json(schemas_path);
    size_t count = run_folder(folder, true, schemas, each, data);
    bson_destroy(schemas);
    return count;
}
