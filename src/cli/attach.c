/* Which schema fields a driver adds, by the number of collections and the kinds of their schemas:
 *
 *     one collection    a JSON schema, or none     jsonSchema, isRemoteSchema
 *     several           JSON schemas and none      csfleEncryptionSchemas
 *     any               encryptedFields and none   encryptionInformation
 *     several           both                       both: the JSON schemas in the one, the others in the other
 *
 * bulkWrite has its encryptionInformation in nsInfo. */

#include "attach.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "command.h"

/* ---- the collections ---- */

static void add_namespace(oc_namespaces *n, const char *db, const char *collection) {
    oc_buffer ns = {0};
    oc_buffer_text(&ns, db);
    oc_buffer_text(&ns, *db ? "." : "");
    oc_buffer_text(&ns, collection);
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->list[i], oc_buffer_string(&ns)) == 0) {
            oc_buffer_done(&ns);
            return;
        }
    if (n->count == n->cap) {
        char **bigger = oc_allocate((n->cap = n->cap ? 2 * n->cap : 4) * sizeof *bigger);
        if (n->count)
            memcpy(bigger, n->list, n->count * sizeof *bigger);
        free(n->list);
        n->list = bigger;
    }
    n->list[n->count++] = oc_copy(ns.data, ns.len);
    oc_buffer_done(&ns);
}

enum { DEEPEST = 100 };

static void scan_pipeline(oc_namespaces *n, const bson_iter_t *pipeline, const char *db, int depth);

/* {from: "b", pipeline: […]} of $lookup, or {coll: …} of $unionWith. */
static void scan_join(oc_namespaces *n, const bson_iter_t *stage, const char *db, int depth) {
    bson_iter_t it;
    if (BSON_ITER_HOLDS_UTF8(stage))
        add_namespace(n, db, bson_iter_utf8(stage, NULL));
    if (!BSON_ITER_HOLDS_DOCUMENT(stage) || !bson_iter_recurse(stage, &it))
        return;
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        if ((!strcmp(name, "from") || !strcmp(name, "coll")) && BSON_ITER_HOLDS_UTF8(&it))
            add_namespace(n, db, bson_iter_utf8(&it, NULL));
        else if (!strcmp(name, "pipeline"))
            scan_pipeline(n, &it, db, depth);
    }
}

static void scan_stage(oc_namespaces *n, const bson_iter_t *stage, const char *db, int depth) {
    bson_iter_t it, facet;
    if (!BSON_ITER_HOLDS_DOCUMENT(stage) || !bson_iter_recurse(stage, &it))
        return;
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        if (!strcmp(name, "$lookup") || !strcmp(name, "$unionWith"))
            scan_join(n, &it, db, depth);
        if (!strcmp(name, "$facet") && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &facet))
            while (bson_iter_next(&facet))
                scan_pipeline(n, &facet, db, depth);
    }
}

static void scan_pipeline(oc_namespaces *n, const bson_iter_t *pipeline, const char *db, int depth) {
    bson_iter_t it;
    if (depth > DEEPEST || !BSON_ITER_HOLDS_ARRAY(pipeline) || !bson_iter_recurse(pipeline, &it))
        return;
    while (bson_iter_next(&it))
        scan_stage(n, &it, db, depth + 1);
}

static void scan_bulk(oc_namespaces *n, const bson_t *command) {
    bson_iter_t list, it, member;
    if (!bson_iter_init_find(&list, command, "nsInfo") || !BSON_ITER_HOLDS_ARRAY(&list) ||
        !bson_iter_recurse(&list, &it))
        return;
    while (bson_iter_next(&it))
        if (BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &member) && bson_iter_find(&member, "ns") &&
            BSON_ITER_HOLDS_UTF8(&member))
            add_namespace(n, "", bson_iter_utf8(&member, NULL));
}

/* The command, or the one inside an explain. */
static void explained(const bson_t *command, bson_t *inner) {
    bson_iter_t it;
    uint32_t len;
    const uint8_t *data;
    bson_init_static(inner, bson_get_data(command), command->len);
    if (!bson_iter_init(&it, command) || !bson_iter_next(&it) || strcmp(bson_iter_key(&it), "explain") != 0 ||
        !BSON_ITER_HOLDS_DOCUMENT(&it))
        return;
    bson_iter_document(&it, &len, &data);
    bson_init_static(inner, data, len);
}

void oc_namespaces_find(oc_namespaces *n, const bson_t *command, const char *db) {
    bson_t inner;
    bson_iter_t it;
    const char *name = oc_command_name(command);
    explained(command, &inner);
    if (name && strcmp(name, "bulkWrite") == 0)
        scan_bulk(n, &inner);
    else
        add_namespace(n, db, oc_command_collection(command));
    if (bson_iter_init_find(&it, &inner, "pipeline"))
        scan_pipeline(n, &it, db, 0);
}

void oc_namespaces_done(oc_namespaces *n) {
    for (size_t i = 0; i < n->count; i++)
        free(n->list[i]);
    free(n->list);
    *n = (oc_namespaces){0};
}

/* ---- their schemas ---- */

/* What goes for one collection. */
typedef struct chosen {
    const char *ns;
    oc_family family;
    const bson_t *doc; /* of OC_PLAIN NULL */
    bson_t *own;       /* the same, if it came with the command */
    bool remote;
} chosen;

/* From a document to a member of it, in place. */
static bool descend(bson_t *doc, const char *name) {
    bson_iter_t it;
    uint32_t len;
    const uint8_t *data;
    if (!bson_iter_init_find(&it, doc, name) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return false;
    bson_iter_document(&it, &len, &data);
    return bson_init_static(doc, data, len);
}

/* create and collMod bring the schema that the collection is to have; only the client's encryptedFields go before. */
static bool choose_own(chosen *c, const oc_schemas *s, const bson_t *command) {
    const char *name = oc_command_name(command);
    const oc_collection *known = oc_schemas_find(s, c->ns, strlen(c->ns));
    if (!name || (strcmp(name, "create") != 0 && strcmp(name, "collMod") != 0))
        return false;
    if (known && known->of[OC_QE].doc && known->of[OC_QE].origin == OC_CLIENT)
        return false;
    bson_t doc;
    explained(command, &doc);
    c->remote = true;
    if (descend(&doc, "encryptedFields")) {
        c->family = OC_QE;
        c->doc = c->own = oc_fields_completed(c->ns, &doc);
    } else if (descend(&doc, "validator") && descend(&doc, "$jsonSchema")) {
        c->family = OC_CSFLE;
        c->doc = c->own = bson_copy(&doc);
    }
    return c->own != NULL;
}

static chosen choose(const oc_schemas *s, const char *ns, const bson_t *command, bool own) {
    chosen c = {.ns = ns};
    if (own && choose_own(&c, s, command))
        return c;
    const oc_collection *known = oc_schemas_find(s, ns, strlen(ns));
    c.family = oc_collection_family(known);
    if (c.family == OC_PLAIN)
        return c;
    c.doc = known->of[c.family].doc;
    c.remote = known->of[c.family].origin != OC_CLIENT;
    return c;
}

/* ---- the fields ---- */

static void append_json_schema(bson_t *to, const chosen *c, bool remote_if_plain) {
    bson_t empty = BSON_INITIALIZER;
    bool plain = c->family == OC_PLAIN;
    bson_append_document(to, "jsonSchema", -1, plain ? &empty : c->doc);
    bson_append_bool(to, "isRemoteSchema", -1, plain ? remote_if_plain : c->remote);
    bson_destroy(&empty);
}

static void append_csfle_map(bson_t *to, const chosen *list, size_t count, bool with_plain) {
    bson_t map, entry;
    bson_append_document_begin(to, "csfleEncryptionSchemas", -1, &map);
    for (size_t i = 0; i < count; i++) {
        if (list[i].family == OC_QE || (list[i].family == OC_PLAIN && !with_plain))
            continue;
        bson_append_document_begin(&map, list[i].ns, -1, &entry);
        append_json_schema(&entry, &list[i], false);
        bson_append_document_end(&map, &entry);
    }
    bson_append_document_end(to, &map);
}

static void append_no_fields(bson_t *to, const char *ns) {
    bson_t entry, fields;
    bson_append_document_begin(to, ns, -1, &entry);
    bson_append_array_begin(&entry, "fields", -1, &fields);
    bson_append_array_end(&entry, &fields);
    bson_append_document_end(to, &entry);
}

static void append_information(bson_t *to, const chosen *list, size_t count) {
    bson_t information, schemas;
    bson_append_document_begin(to, "encryptionInformation", -1, &information);
    bson_append_int32(&information, "type", -1, 1);
    bson_append_document_begin(&information, "schema", -1, &schemas);
    for (size_t i = 0; i < count; i++) {
        if (list[i].family == OC_QE)
            bson_append_document(&schemas, list[i].ns, -1, list[i].doc);
        else if (list[i].family == OC_PLAIN)
            append_no_fields(&schemas, list[i].ns);
    }
    bson_append_document_end(&information, &schemas);
    bson_append_document_end(to, &information);
}

static size_t count_of(const chosen *list, size_t count, oc_family family) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += list[i].family == family;
    return n;
}

static void append_schemas(bson_t *to, const chosen *list, size_t count) {
    size_t qe = count_of(list, count, OC_QE), csfle = count_of(list, count, OC_CSFLE);
    if (qe == 0 && count == 1)
        append_json_schema(to, list, true);
    else if (qe == 0)
        append_csfle_map(to, list, count, true);
    else if (csfle)
        append_csfle_map(to, list, count, false);
    if (qe)
        append_information(to, list, count);
}

/* nsInfo, with encryptionInformation in each entry whose collection has no JSON schema. */
static void append_namespaces(bson_t *to, const bson_iter_t *info, const chosen *list, size_t count) {
    bson_t array, out;
    bson_iter_t it, member;
    bson_append_array_begin(to, "nsInfo", -1, &array);
    bson_iter_recurse(info, &it);
    while (bson_iter_next(&it)) {
        const char *ns = NULL;
        if (!BSON_ITER_HOLDS_DOCUMENT(&it)) {
            bson_append_iter(&array, NULL, 0, &it);
            continue;
        }
        bson_append_document_begin(&array, bson_iter_key(&it), -1, &out);
        bson_iter_recurse(&it, &member);
        while (bson_iter_next(&member)) {
            if (!strcmp(bson_iter_key(&member), "ns") && BSON_ITER_HOLDS_UTF8(&member))
                ns = bson_iter_utf8(&member, NULL);
            bson_append_iter(&out, NULL, 0, &member);
        }
        for (size_t i = 0; ns && i < count; i++)
            if (strcmp(list[i].ns, ns) == 0 && list[i].family != OC_CSFLE)
                append_information(&out, &list[i], 1);
        bson_append_document_end(&array, &out);
    }
    bson_append_array_end(to, &array);
}

static void append_bulk(bson_t *to, const bson_t *command, const chosen *list, size_t count) {
    bson_iter_t it;
    size_t csfle = count_of(list, count, OC_CSFLE);
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        if (!strcmp(bson_iter_key(&it), "nsInfo") && BSON_ITER_HOLDS_ARRAY(&it))
            append_namespaces(to, &it, list, count);
        else
            bson_append_iter(to, NULL, 0, &it);
    }
    if (csfle && count == 1)
        append_json_schema(to, list, true);
    else if (csfle)
        append_csfle_map(to, list, count, false);
}

bson_t *oc_attach(const oc_schemas *s, const bson_t *command, const char *db) {
    bson_t *plain = oc_command_stripped(command), *out = bson_new();
    const char *name = oc_command_name(plain);
    oc_namespaces n = {0};
    oc_namespaces_find(&n, plain, db);
    chosen *list = oc_allocate(n.count * sizeof *list);
    for (size_t i = 0; i < n.count; i++)
        list[i] = choose(s, n.list[i], plain, i == 0);
    if (name && strcmp(name, "bulkWrite") == 0) {
        append_bulk(out, plain, list, n.count);
    } else {
        bson_concat(out, plain);
        append_schemas(out, list, n.count);
    }
    BSON_APPEND_UTF8(out, "$db", db);
    for (size_t i = 0; i < n.count; i++)
        bson_destroy(list[i].own);
    free(list);
    oc_namespaces_done(&n);
    bson_destroy(plain);
    return out;
}
