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

/* ---- namespaces ---- */

static bool add_namespace(oc_analysis *a, oc_str name, const oc_node *root) {
    oc_namespace *space = oc_arena_alloc(a->arena, sizeof *space);
    if (!space)
        return oc_no_memory(a);
    *space = (oc_namespace){a->namespaces, name, root};
    a->namespaces = space;
    return true;
}

/* A request may have as many namespaces as look-ups of them. */
static bool index_namespaces(oc_analysis *a) {
    size_t count = 0;
    for (const oc_namespace *space = a->namespaces; space; space = space->next)
        count++;
    if (count == 0)
        return true;
    oc_name_entry *entries = oc_arena_zeroed(a->arena, count, sizeof *entries);
    if (!entries)
        return oc_no_memory(a);
    oc_name_entry *entry = entries;
    for (const oc_namespace *space = a->namespaces; space; space = space->next)
        *entry++ = (oc_name_entry){.name = space->name, .value = space->root};
    return oc_name_table_build(&a->namespace_table, a->arena, entries, count) || oc_no_memory(a);
}

const oc_node *oc_analysis_namespace(const oc_analysis *a, oc_str ns) {
    if (a->namespace_table.count)
        return oc_name_table_find(&a->namespace_table, ns);
    return a->namespaces && oc_str_eq(a->namespaces->name, ns) ? a->namespaces->root : NULL;
}

bool oc_fail_no_schema(oc_analysis *a, oc_str ns) {
    return oc_fail(a->error, OC_SCHEMA_MISSING, NULL, a->command, NULL, "Missing encryption schema for namespace: %s",
                   oc_name(ns).text);
}

/* ---- CSFLE ---- */

/* Names an element of the request that must be an object. */
static bool expect(oc_analysis *a, const oc_elem *e, uint8_t type) {
    return e->type == type || oc_fail_type(a, e, type);
}

/* The tree of a schema, in use until the request is done. */
static const oc_tree *compile(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_schema_kind kind,
                              const oc_elem *schema) {
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

static oc_schema_kind csfle_kind(const oc_elem *is_remote) {
    return is_remote->value[0] ? OC_CSFLE_REMOTE : OC_CSFLE_LOCAL;
}

static bool load_single(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str ns) {
    if (!s->is_remote.e.start)
        return oc_fail_missing(a, a->command, "isRemoteSchema");
    if (!expect(a, &s->json_schema.e, OC_DOCUMENT) || !expect(a, &s->is_remote.e, OC_BOOL))
        return false;
    const oc_tree *tree = compile(a, s, cache, csfle_kind(&s->is_remote.e), &s->json_schema.e);
    a->schema = s->json_schema.e.value;
    return tree && add_namespace(a, ns, tree->root);
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
        const oc_tree *tree = compile(a, s, cache, csfle_kind(&is_remote), &schema);
        if (!tree || !add_namespace(a, entry.name, tree->root))
            return false;
        if (oc_str_eq(entry.name, ns))
            a->schema = schema.value;
    }
    return true;
}

/* ---- Queryable Encryption ---- */

static bool is_one(const oc_elem *e) {
    switch (e->type) {
    case OC_INT32: return oc_u32(e->value) == 1;
    case OC_INT64: return oc_u64(e->value) == 1;
    case OC_DOUBLE: return oc_u64(e->value) == 0x3FF0000000000000u;
    default: return false;
    }
}

/* A field of which, were it there twice, the server might read the one that we did not. */
static bool find_unique(oc_analysis *a, const uint8_t *doc, const char *label, const char *name, oc_elem *out) {
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
    return true;
}

static bool find_once(oc_analysis *a, const uint8_t *doc, const char *label, const char *name, oc_elem *out) {
    return find_unique(a, doc, label, name, out) && (out->start || oc_fail_missing(a, label, name));
}

static bool first_schema_of(oc_analysis *a, oc_sources *s, oc_str ns) {
    if (s->csfle_map.e.start && oc_analysis_namespace(a, ns))
        return fail_two_schemas(a, ns);
    switch (oc_nameset_add(&s->qe, a->arena, ns)) {
    case OC_NAME_ADDED: return true;
    case OC_NAME_NO_MEMORY: return oc_no_memory(a);
    case OC_NAME_PRESENT: return fail_two_schemas(a, ns);
    }
    return false;
}

static bool load_encrypted_fields(oc_analysis *a, oc_sources *s, oc_cache *cache, const oc_elem *entry) {
    if (!expect(a, entry, OC_DOCUMENT) || !first_schema_of(a, s, entry->name))
        return false;
    const oc_tree *tree = compile(a, s, cache, OC_ENCRYPTED_FIELDS, entry);
    if (!tree)
        return false;
    a->qe = a->qe || oc_tree_encrypts(tree);
    return add_namespace(a, entry->name, tree->root);
}

/* The schemas by namespace. */
static bool find_schemas(oc_analysis *a, const oc_elem *information, oc_elem *schemas) {
    oc_elem type;
    if (!expect(a, information, OC_DOCUMENT) ||
        !find_once(a, information->value, "encryptionInformation", "type", &type))
        return false;
    if (!is_one(&type))
        return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, "encryptionInformation", NULL,
                       "encryptionInformation.type must be 1");
    return find_once(a, information->value, "encryptionInformation", "schema", schemas) &&
           expect(a, schemas, OC_DOCUMENT);
}

static bool load_encryption_information(oc_analysis *a, oc_sources *s, oc_cache *cache, const oc_elem *information,
                                        oc_str ns, bool check_ns) {
    oc_elem schemas, entry, first = {0};
    bool found = false;
    if (!find_schemas(a, information, &schemas))
        return false;
    oc_iter it = oc_bson_iter(schemas.value);
    while (oc_next(&it, &entry)) {
        if (!load_encrypted_fields(a, s, cache, &entry))
            return false;
        if (!first.start)
            first = entry;
        found = found || oc_str_eq(entry.name, ns);
    }
    if (check_ns && !found && !s->csfle_map.e.start)
        return oc_fail(a->error, OC_NAMESPACE_MISMATCH, NULL, "encryptionInformation", NULL,
                       "Namespace in encryptionInformation: '%s' does not match namespace given in command: '%s'",
                       first.start ? oc_name(first.name).text : "", oc_name(ns).text);
    return true;
}

/* ---- bulkWrite names its collections in nsInfo, each with its own encryptionInformation ---- */

static bool read_namespace(oc_analysis *a, const oc_elem *entry, oc_str *ns) {
    oc_elem name;
    if (!expect(a, entry, OC_DOCUMENT) || !find_once(a, entry->value, "bulkWrite.nsInfo", "ns", &name) ||
        !expect(a, &name, OC_STRING))
        return false;
    *ns = oc_elem_str(&name);
    return (ns->n && !memchr(ns->s, 0, ns->n)) ||
           oc_fail(a->error, OC_BAD_NAMESPACE, NULL, a->command, NULL,
                   "Invalid namespace specified: a namespace in nsInfo is empty or holds a NUL");
}

/* The first namespace, which is that of a jsonSchema, and whether any has encryptionInformation. */
static bool read_bulk(oc_analysis *a, const oc_elem *list, oc_str *first, bool *qe) {
    oc_iter it = oc_bson_iter(list->value);
    oc_elem entry, information;
    oc_str ns;
    *first = (oc_str){"", 0};
    *qe = false;
    while (oc_next(&it, &entry)) {
        if (!read_namespace(a, &entry, &ns) ||
            !find_unique(a, entry.value, "bulkWrite.nsInfo", "encryptionInformation", &information))
            return false;
        if (!first->n)
            *first = ns;
        *qe = *qe || information.start;
    }
    return true;
}

static bool load_bulk_information(oc_analysis *a, oc_sources *s, oc_cache *cache, const oc_elem *list) {
    oc_iter it = oc_bson_iter(list->value);
    oc_elem entry, information;
    oc_str ns;
    while (oc_next(&it, &entry))
        if (oc_bson_find(entry.value, "encryptionInformation", &information) &&
            (!read_namespace(a, &entry, &ns) || !load_encryption_information(a, s, cache, &information, ns, true)))
            return false;
    return true;
}

static bool check_bulk(oc_analysis *a, const oc_elem *list) {
    oc_iter it = oc_bson_iter(list->value);
    oc_elem entry;
    oc_str ns;
    while (oc_next(&it, &entry)) {
        if (!read_namespace(a, &entry, &ns))
            return false;
        if (!oc_analysis_namespace(a, ns))
            return oc_fail_no_schema(a, ns);
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

static bool check_combination(oc_analysis *a, const oc_sources *s, bool qe) {
    bool single = s->json_schema.e.start, map = s->csfle_map.e.start;
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

static bool check_mixed(oc_analysis *a, bool qe) {
    if (!qe || !a->encrypts)
        return true;
    return oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, a->command, NULL,
                   "Cannot specify both encryptionInformation and csfleEncryptionSchemas unless csfleEncryptionSchemas "
                   "only contains non-encryption JSON schema validators");
}

/* `ns`: the command's namespace. `qe`: there is an encryptionInformation, wherever it stands. */
static bool load_csfle(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str ns, bool qe) {
    if (!check_combination(a, s, qe))
        return false;
    if (s->json_schema.e.start)
        return load_single(a, s, cache, ns);
    return !s->csfle_map.e.start || (load_map(a, s, cache, ns) && check_mixed(a, qe) && index_namespaces(a));
}

static bool load_qe(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str ns, bool check_ns) {
    const oc_elem *information = &s->encryption_information.e;
    return !information->start || load_encryption_information(a, s, cache, information, ns, check_ns);
}

static bool load_for_bulk(oc_analysis *a, oc_sources *s, oc_cache *cache, const uint8_t *bulk) {
    oc_elem list;
    oc_str ns;
    bool qe;
    if (!find_once(a, bulk, "bulkWrite", "nsInfo", &list) || !expect(a, &list, OC_ARRAY) ||
        !read_bulk(a, &list, &ns, &qe))
        return false;
    qe = qe || s->encryption_information.e.start;
    return load_csfle(a, s, cache, ns, qe) && load_qe(a, s, cache, ns, false) &&
           load_bulk_information(a, s, cache, &list) && index_namespaces(a) && check_bulk(a, &list);
}

bool oc_sources_load(oc_analysis *a, oc_sources *s, oc_cache *cache, oc_str db, oc_str collection,
                     const uint8_t *bulk) {
    oc_str ns;
    if (bulk)
        return load_for_bulk(a, s, cache, bulk);
    bool qe = s->encryption_information.e.start;
    if (!namespace_of(a, db, collection, &ns) || !load_csfle(a, s, cache, ns, qe) || !load_qe(a, s, cache, ns, true))
        return false;
    if (qe && !index_namespaces(a))
        return false;
    a->ns = ns;
    a->root = oc_analysis_namespace(a, ns);
    return a->root || oc_fail_no_schema(a, ns);
}

void oc_sources_release(oc_sources *s, oc_cache *cache) {
    for (oc_tree_use *use = s->trees; use; use = use->next)
        oc_cache_release(cache, use->tree);
    s->trees = NULL;
}

size_t oc_sources_size(const oc_sources *s) {
    const oc_elem fields[] = {s->json_schema.e, s->is_remote.e, s->csfle_map.e};
    size_t size = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        size += (size_t)(fields[i].end - fields[i].start);
    return size;
}

void oc_sources_drop(oc_analysis *a, const oc_sources *s, oc_frame *command, oc_frame *inner) {
    const oc_sourced *const dropped[] = {&s->json_schema, &s->is_remote, &s->csfle_map};
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        if (dropped[i]->e.start)
            oc_splice_drop(&a->splice, dropped[i]->inner ? inner : command, &dropped[i]->e);
}
