#include "source.h"

#include "fields.h"

static const char one_source[] = "send jsonSchema, or csfleEncryptionSchemas, or encryptionInformation";

/* ---- finding ---- */

static oc_sourced *place_of(oc_sources *s, oc_str name) {
    if (oc_str_is(name, "jsonSchema"))
        return &s->json_schema;
    if (oc_str_is(name, "isRemoteSchema"))
        return &s->is_remote;
    if (oc_str_is(name, "csfleEncryptionSchemas"))
        return &s->csfle_map;
    return oc_str_is(name, "encryptionInformation") ? &s->encryption_information : NULL;
}

static bool find_in(oc_analysis *a, const uint8_t *doc, bool inner, oc_sources *s) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        oc_sourced *place = place_of(s, e.name);
        if (!place)
            continue;
        if (place->e.start)
            return oc_fail(a->error, OC_FIELD_DUPLICATE, NULL, oc_name(e.name).text,
                           inner ? "put the schema beside or inside the explained command, not both" : one_source,
                           "BSON field '%s.%s' is a duplicate field.", a->command, oc_name(e.name).text);
        *place = (oc_sourced){e, inner};
    }
    return true;
}

bool oc_sources_find(oc_analysis *a, const uint8_t *command, const uint8_t *inner, oc_sources *s) {
    *s = (oc_sources){0};
    return find_in(a, command, false, s) && (!inner || find_in(a, inner, true, s));
}

/* ---- CSFLE ---- */

/* Names an element of the request that must be an object. */
static bool expect(oc_analysis *a, const oc_elem *e, uint8_t type) {
    return e->type == type || oc_fail_type(a, e, type);
}

static const oc_tree *compile(oc_analysis *a, oc_sources *s, oc_cache *cache, const oc_elem *schema,
                              const oc_elem *is_remote) {
    oc_schema_kind kind = is_remote->value[0] ? OC_CSFLE_REMOTE : OC_CSFLE_LOCAL;
    oc_tree_use *use = oc_arena_alloc(a->arena, sizeof *use);
    if (!use) {
        oc_no_memory(a);
        return NULL;
    }
    const oc_tree *tree = oc_cache_get(cache, kind, schema->value, (size_t)(schema->end - schema->value), a->error);
    if (!tree)
        return NULL;
    *use = (oc_tree_use){s->trees, tree};
    s->trees = use;
    a->encrypts = a->encrypts || oc_tree_encrypts(tree);
    return tree;
}

static bool load_single(oc_analysis *a, oc_sources *s, oc_cache *cache) {
    if (!s->is_remote.e.start)
        return oc_fail_missing(a, a->command, "isRemoteSchema");
    if (!expect(a, &s->json_schema.e, OC_DOCUMENT) || !expect(a, &s->is_remote.e, OC_BOOL))
        return false;
    const oc_tree *tree = compile(a, s, cache, &s->json_schema.e, &s->is_remote.e);
    if (!tree)
        return false;
    a->root = tree->root;
    return true;
}

/* The members of one namespace's entry: exactly jsonSchema and isRemoteSchema. */
static bool read_entry(oc_analysis *a, const oc_elem *entry, oc_elem *schema, oc_elem *is_remote) {
    oc_iter it = oc_bson_iter(entry->value);
    oc_elem e;
    *schema = *is_remote = (oc_elem){0};
    while (oc_next(&it, &e)) {
        oc_elem *to = oc_str_is(e.name, "jsonSchema") ? schema : oc_str_is(e.name, "isRemoteSchema") ? is_remote : NULL;
        if (!to || to->start)
            return oc_fail(a->error, to ? OC_FIELD_DUPLICATE : OC_FIELD_UNKNOWN, NULL, oc_name(e.name).text, NULL,
                           "BSON field 'csfleEncryptionSchemas.%s.%s' is %s field.", oc_name(entry->name).text,
                           oc_name(e.name).text, to ? "a duplicate" : "an unknown");
        *to = e;
    }
    if (!schema->start || !is_remote->start)
        return oc_fail_missing(a, "csfleEncryptionSchemas", schema->start ? "isRemoteSchema" : "jsonSchema");
    return expect(a, schema, OC_DOCUMENT) && expect(a, is_remote, OC_BOOL);
}

static bool fail_two_schemas(oc_analysis *a, oc_str ns) {
    return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, a->command, NULL, "The namespace '%s' has more than one schema",
                   oc_name(ns).text);
}

static bool load_map(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str ns) {
    oc_nameset seen = {0};
    if (!expect(a, &s->csfle_map.e, OC_DOCUMENT))
        return false;
    oc_iter it = oc_bson_iter(s->csfle_map.e.value);
    oc_elem entry, schema, is_remote;
    while (oc_next(&it, &entry)) {
        switch (oc_nameset_add(&seen, a->arena, entry.name)) {
        case OC_NAME_ADDED: break;
        case OC_NAME_NO_MEMORY: return oc_no_memory(a);
        case OC_NAME_PRESENT: return fail_two_schemas(a, entry.name);
        }
        if (!expect(a, &entry, OC_DOCUMENT) || !read_entry(a, &entry, &schema, &is_remote))
            return false;
        const oc_tree *tree = compile(a, s, cache, &schema, &is_remote);
        if (!tree)
            return false;
        if (oc_str_eq(entry.name, ns))
            a->root = tree->root;
    }
    return true;
}

/* ---- Queryable Encryption: told apart, not analysed yet ---- */

static bool is_one(const oc_elem *e) {
    switch (e->type) {
    case OC_INT32: return oc_u32(e->value) == 1;
    case OC_INT64: return oc_u64(e->value) == 1;
    case OC_DOUBLE: return oc_u64(e->value) == 0x3FF0000000000000u;
    default: return false;
    }
}

/* A field that must be there once: of two, the server might read the one that we did not. */
static bool find_once(oc_analysis *a, const uint8_t *doc, const char *label, const char *name, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    out->start = NULL;
    while (oc_next(&it, &e)) {
        if (!oc_str_is(e.name, name))
            continue;
        if (out->start)
            return oc_fail(a->error, OC_FIELD_DUPLICATE, NULL, name, "give the field once",
                           "BSON field '%s.%s' is a duplicate field.", label, name);
        *out = e;
    }
    return out->start || oc_fail_missing(a, label, name);
}

/* One encryptedFields document: it encrypts if it has fields. */
static bool read_encrypted_fields(oc_analysis *a, const oc_elem *entry, bool *encrypts) {
    oc_elem fields, first;
    if (!expect(a, entry, OC_DOCUMENT))
        return false;
    if (!find_once(a, entry->value, "encryptionInformation.schema", "fields", &fields))
        return false;
    if (!expect(a, &fields, OC_ARRAY))
        return false;
    *encrypts = *encrypts || oc_bson_first(fields.value, &first);
    return true;
}

static bool load_encryption_information(oc_analysis *a, const oc_sources *s, const oc_elem *information, oc_str ns,
                                        bool check_ns) {
    oc_elem type, schema, entry, first = {0};
    bool encrypts = false, found = false;
    if (!expect(a, information, OC_DOCUMENT))
        return false;
    if (!find_once(a, information->value, "encryptionInformation", "type", &type))
        return false;
    if (!is_one(&type))
        return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, "encryptionInformation", NULL,
                       "encryptionInformation.type must be 1");
    if (!find_once(a, information->value, "encryptionInformation", "schema", &schema))
        return false;
    if (!expect(a, &schema, OC_DOCUMENT))
        return false;
    oc_iter it = oc_bson_iter(schema.value);
    while (oc_next(&it, &entry)) {
        oc_elem other;
        if (!read_encrypted_fields(a, &entry, &encrypts))
            return false;
        if (s->csfle_map.e.start && oc_bson_find(s->csfle_map.e.value, entry.name.s, &other))
            return fail_two_schemas(a, entry.name);
        if (!first.start)
            first = entry;
        found = found || oc_str_eq(entry.name, ns);
    }
    if (encrypts)
        return oc_fail(a->error, OC_NOT_SUPPORTED, NULL, "encryptionInformation",
                       "use client-side field level encryption, or a collection without encryptedFields",
                       "Queryable Encryption is not supported yet");
    if (check_ns && !found && !s->csfle_map.e.start)
        return oc_fail(a->error, OC_NAMESPACE_MISMATCH, NULL, "encryptionInformation", NULL,
                       "Namespace in encryptionInformation: '%s' does not match namespace given in command: '%s'",
                       first.start ? oc_name(first.name).text : "", oc_name(ns).text);
    if (found && !a->root)
        a->root = &oc_plain_node;
    return true;
}

/* bulkWrite names its collections in nsInfo, each with its own encryptionInformation. */
static bool load_bulk(oc_analysis *a, oc_sources *s, const uint8_t *command, bool *any) {
    oc_elem list, entry, information;
    if (!oc_bson_find(command, "nsInfo", &list) || list.type != OC_ARRAY)
        return true;
    oc_iter it = oc_bson_iter(list.value);
    while (oc_next(&it, &entry)) {
        if (entry.type != OC_DOCUMENT || !oc_bson_find(entry.value, "encryptionInformation", &information))
            continue;
        *any = true;
        if (!load_encryption_information(a, s, &information, (oc_str){"", 0}, false))
            return false;
    }
    return true;
}

/* ---- all of them ---- */

static bool namespace_of(oc_analysis *a, oc_str db, oc_str collection, oc_str *ns) {
    char *text = oc_arena_alloc(a->arena, db.n + 1 + collection.n);
    if (!text)
        return oc_no_memory(a);
    if (db.n)
        memcpy(text, db.s, db.n);
    text[db.n] = '.';
    memcpy(text + db.n + 1, collection.s, collection.n);
    *ns = (oc_str){text, db.n + 1 + collection.n};
    return true;
}

static bool check_combination(oc_analysis *a, const oc_sources *s) {
    bool single = s->json_schema.e.start, map = s->csfle_map.e.start, qe = s->encryption_information.e.start;
    if (single + map + qe == 0)
        return oc_fail(a->error, OC_SCHEMA_MISSING, NULL, a->command,
                       "a driver with automatic encryption adds it: is this its mongocryptdURI?",
                       "jsonSchema is a required command field");
    if (single && (map || qe))
        return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, a->command, one_source,
                       "The command has more than one kind of schema");
    if (s->is_remote.e.start && single && s->is_remote.inner != s->json_schema.inner)
        return oc_fail(a->error, OC_FIELD_DUPLICATE, NULL, "isRemoteSchema",
                       "put the schema beside or inside the explained command, not both",
                       "BSON field 'isRemoteSchema' does not stand beside 'jsonSchema'");
    if (s->is_remote.e.start && !single)
        return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, "isRemoteSchema", "it belongs to jsonSchema",
                       "isRemoteSchema without jsonSchema");
    return true;
}

static bool check_mixed(oc_analysis *a, const oc_sources *s) {
    if (!s->csfle_map.e.start || !s->encryption_information.e.start || !a->encrypts)
        return true;
    return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, a->command, NULL,
                   "Cannot specify both encryptionInformation and csfleEncryptionSchemas unless csfleEncryptionSchemas "
                   "only contains non-encryption JSON schema validators");
}

bool oc_sources_load(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str db, oc_str collection,
                     const uint8_t *bulk) {
    oc_str ns;
    bool in_bulk = false;
    if (!namespace_of(a, db, collection, &ns) || (bulk && !load_bulk(a, s, bulk, &in_bulk)))
        return false;
    if (!in_bulk && !check_combination(a, s))
        return false;
    if (s->json_schema.e.start && !load_single(a, s, cache))
        return false;
    if (s->csfle_map.e.start && (!load_map(a, s, cache, ns) || !check_mixed(a, s)))
        return false;
    if (s->encryption_information.e.start &&
        !load_encryption_information(a, s, &s->encryption_information.e, ns, !bulk))
        return false;
    if (bulk && !a->root)
        a->root = &oc_plain_node;
    if (a->root)
        return true;
    return oc_fail(a->error, OC_SCHEMA_MISSING, NULL, a->command, NULL, "Missing encryption schema for namespace: %s",
                   oc_name(ns).text);
}

void oc_sources_release(oc_sources *s, oc_cache *cache) {
    for (oc_tree_use *use = s->trees; use; use = use->next)
        oc_cache_release(cache, use->tree);
    s->trees = NULL;
}

void oc_sources_drop(oc_analysis *a, const oc_sources *s, oc_frame *command, oc_frame *inner) {
    const oc_sourced *const dropped[] = {&s->json_schema, &s->is_remote, &s->csfle_map};
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        if (dropped[i]->e.start)
            oc_splice_drop(&a->splice, dropped[i]->inner ? inner : command, &dropped[i]->e);
}
