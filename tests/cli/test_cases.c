/* test_cases FOLDER: the cases of tests/cases through the checker's hands. It takes each command's schemas off and puts
 * them on again, as it does with commands of a log and schemas of files. That must change neither the verdict nor a
 * placeholder.
 *
 * A case that is about the schema fields themselves (missing, twice, of a namespace that the command does not name, …)
 * has nothing that could be put on again: it is counted, not compared. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "cases.h"
#include "command.h"
#include "opencrypt.h"
#include "shape.h"

typedef struct run {
    opencrypt_engine *engine;
    opencrypt_request *direct, *attached;
    size_t same, different, about_schemas, not_of_drivers;
} run;

/* ---- taking schemas off ---- */

static bool member(const bson_t *doc, const char *name, bson_t *out) {
    bson_iter_t it;
    const uint8_t *data;
    uint32_t len;
    if (!bson_iter_init_find(&it, doc, name) || !(BSON_ITER_HOLDS_DOCUMENT(&it) || BSON_ITER_HOLDS_ARRAY(&it)))
        return false;
    data = it.raw + it.d1;
    memcpy(&len, data, sizeof len);
    return bson_init_static(out, data, BSON_UINT32_FROM_LE(len));
}

static oc_origin origin_of(const bson_t *holder) {
    bson_iter_t it;
    bool remote = bson_iter_init_find(&it, holder, "isRemoteSchema") && bson_iter_as_bool(&it);
    return remote ? OC_SERVER : OC_CLIENT;
}

/* False: a namespace has more than one schema. */
static bool take_csfle(oc_schemas *s, const char *ns, const bson_t *holder) {
    bson_t schema;
    return !member(holder, "jsonSchema", &schema) ||
           oc_schemas_add(s, ns, OC_CSFLE, &schema, origin_of(holder), "case");
}

static bool take_map(oc_schemas *s, const bson_t *command, const char *name, const char *inner) {
    bson_t map, holder;
    bson_iter_t it;
    if (!member(command, name, &map) || (inner && !member(&map, inner, &map)))
        return true;
    bson_iter_init(&it, &map);
    while (bson_iter_next(&it)) {
        const uint8_t *data;
        uint32_t len;
        if (!BSON_ITER_HOLDS_DOCUMENT(&it))
            return false;
        bson_iter_document(&it, &len, &data);
        bson_init_static(&holder, data, len);
        if (inner ? !oc_schemas_add(s, bson_iter_key(&it), OC_QE, &holder, OC_CLIENT, "case")
                  : !take_csfle(s, bson_iter_key(&it), &holder))
            return false;
    }
    return true;
}

static bool take_from(oc_schemas *s, const bson_t *doc, const char *ns) {
    return take_csfle(s, ns, doc) && take_map(s, doc, "csfleEncryptionSchemas", NULL) &&
           take_map(s, doc, "encryptionInformation", "schema");
}

static bool take_all(oc_schemas *s, const bson_t *command, const char *ns) {
    bson_t explained, list, entry;
    bson_iter_t it;
    if (!take_from(s, command, ns) || (member(command, "explain", &explained) && !take_from(s, &explained, ns)))
        return false;
    if (!member(command, "nsInfo", &list))
        return true;
    bson_iter_init(&it, &list);
    while (bson_iter_next(&it)) {
        const uint8_t *data;
        uint32_t len;
        if (!BSON_ITER_HOLDS_DOCUMENT(&it))
            return false;
        bson_iter_document(&it, &len, &data);
        bson_init_static(&entry, data, len);
        if (!take_map(s, &entry, "encryptionInformation", "schema"))
            return false;
    }
    return true;
}

/* ---- comparing ---- */

static bool same_placeholders(const opencrypt_reply *a, const opencrypt_reply *b) {
    opencrypt_placeholders *left = opencrypt_placeholders_new(a->data, a->len);
    opencrypt_placeholders *right = opencrypt_placeholders_new(b->data, b->len);
    const opencrypt_placeholder *l, *r;
    bool same = true;
    do {
        l = opencrypt_placeholders_next(left);
        r = opencrypt_placeholders_next(right);
        same = !l == !r && (!l || (l->len == r->len && memcmp(l->bytes, r->bytes, l->len) == 0));
    } while (same && l);
    opencrypt_placeholders_free(left);
    opencrypt_placeholders_free(right);
    return same;
}

static bool same_reply(const opencrypt_reply *a, const opencrypt_reply *b) {
    if (a->ok != b->ok)
        return false;
    if (a->ok)
        return same_placeholders(a, b);
    return strcmp(a->refusal.rule, b->refusal.rule) == 0 && strcmp(a->refusal.path, b->refusal.path) == 0;
}

/* Whether a refusal is of the schema fields or of the namespaces that they go by. */
static bool is_about_schemas(const opencrypt_reply *reply) {
    static const char *const rules[] = {"schema-missing",  "schema-source", "namespace-mismatch",
                                        "bad-namespace",   "field-missing", "field-unknown",
                                        "field-duplicate", "wrong-type",    "forged-placeholder"};
    static const char *const fields[] = {"jsonSchema",
                                         "isRemoteSchema",
                                         "encryptionInformation",
                                         "csfleEncryptionSchemas",
                                         "$db",
                                         "nsInfo",
                                         "bulkWrite.ns",
                                         "placeholder",
                                         "namespace",
                                         "collection",
                                         "keyAltName",
                                         "kind of schema",
                                         "find.schema'", /* of encryptionInformation */
                                         "EncryptedFieldConfig.fields'"};
    bool rule = false, field = false;
    for (size_t i = 0; !reply->ok && i < sizeof rules / sizeof *rules; i++)
        rule |= strcmp(reply->refusal.rule, rules[i]) == 0;
    for (size_t i = 0; rule && i < sizeof fields / sizeof *fields; i++)
        field |= strstr(reply->refusal.message, fields[i]) || strstr(reply->refusal.op, fields[i]);
    return rule && field;
}

/* Whether the case has a schema that no driver sends: of a collection that libmongocrypt does not look for ($out,
 * $merge, $graphLookup, or none of the command's), or one for create and collMod besides their own; or none where it
 * looks for one. */
static bool is_not_of_drivers(const oc_schemas *schemas, const oc_namespaces *n, const opencrypt_reply *direct) {
    /* A driver's map is attached whole: every collection has a schema then, if one of nothing. */
    if (!direct->ok && strcmp(direct->refusal.rule, "view-constant") == 0)
        return true;
    if (!direct->ok && strcmp(direct->refusal.rule, "validator-schema") == 0)
        return true;
    for (size_t i = 0; i < schemas->count; i++) {
        size_t at = 0;
        while (at < n->count && strcmp(n->list[at], schemas->list[i].ns) != 0)
            at++;
        if (at == n->count)
            return true;
    }
    return false;
}

static void compare(const oc_case *c, run *r, const oc_schemas *schemas, const oc_namespaces *n, const char *db,
                    const opencrypt_reply *direct) {
    opencrypt_reply attached;
    bson_t *sent = oc_attach(schemas, c->command, db);
    opencrypt_analyze(r->attached, bson_get_data(sent), sent->len, NULL, 0, &attached);
    bool same = same_reply(direct, &attached);
    if (same)
        r->same++;
    else if (is_about_schemas(direct))
        r->about_schemas++;
    else if (is_not_of_drivers(schemas, n, direct))
        r->not_of_drivers++;
    else {
        r->different++;
        fprintf(stderr, "%s: %s\n    direct: %s %s %s\n    attached: %s %s %s\n", c->file, c->name,
                direct->ok ? "ok" : "refused", direct->ok ? "" : direct->refusal.rule,
                direct->ok ? "" : direct->refusal.message, attached.ok ? "ok" : "refused",
                attached.ok ? "" : attached.refusal.rule, attached.ok ? "" : attached.refusal.message);
    }
    bson_destroy(sent);
}

static void check_shape(const bson_t *command) {
    oc_buffer shape = {0};
    bson_t *plain = oc_command_stripped(command);
    oc_shape_append(&shape, plain);
    if (!oc_utf8_valid(shape.data, shape.len))
        abort();
    oc_buffer_done(&shape);
    bson_destroy(plain);
}

static void check(const oc_case *c, void *data) {
    run *r = data;
    oc_schemas schemas = {0};
    oc_namespaces n = {0};
    opencrypt_reply direct;
    bson_iter_t it;
    bool has_db = bson_iter_init_find(&it, c->command, "$db") && BSON_ITER_HOLDS_UTF8(&it);
    const char *db = has_db ? bson_iter_utf8(&it, NULL) : "";
    opencrypt_analyze(r->direct, bson_get_data(c->command), c->command->len, NULL, 0, &direct);
    check_shape(c->command);
    oc_namespaces_find(&n, c->command, db);
    bool taken = take_all(&schemas, c->command, n.count ? n.list[0] : "");
    if (!taken && !direct.ok)
        r->about_schemas++;
    else
        compare(c, r, &schemas, &n, db, &direct);
    oc_namespaces_done(&n);
    oc_schemas_done(&schemas);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_cases FOLDER\n");
        return 2;
    }
    run r = {.engine = opencrypt_engine_new()};
    r.direct = opencrypt_request_new(r.engine, 0);
    r.attached = opencrypt_request_new(r.engine, 0);
    size_t cases = oc_cases_each(argv[1], check, &r);
    opencrypt_request_free(r.direct);
    opencrypt_request_free(r.attached);
    opencrypt_engine_free(r.engine);
    printf("%zu cases: %zu the same, %zu different, %zu about schema fields, %zu with schemas that no driver sends\n",
           cases, r.same, r.different, r.about_schemas, r.not_of_drivers);
    return r.different || !r.same;
}
