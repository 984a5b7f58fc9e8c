#include "schemas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "input.h"
#include "json.h"
#include "opencrypt.h"
#include "yaml.h"

__attribute__((format(printf, 2, 3))) static bool fail(oc_schemas *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->error, sizeof s->error, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- the list ---- */

static int compare(const char *a, size_t a_len, const char *b) {
    size_t b_len = strlen(b), n = a_len < b_len ? a_len : b_len;
    int order = memcmp(a, b, n);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* Index of the first entry that is not less. */
static size_t place_of(const oc_schemas *s, const char *ns, size_t len) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(ns, len, s->list[middle].ns) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const oc_collection *oc_schemas_find(const oc_schemas *s, const char *ns, size_t len) {
    size_t at = place_of(s, ns, len);
    return at < s->count && compare(ns, len, s->list[at].ns) == 0 ? &s->list[at] : NULL;
}

oc_collection *oc_schemas_make(oc_schemas *s, const char *ns) {
    size_t at = place_of(s, ns, strlen(ns));
    if (at < s->count && strcmp(s->list[at].ns, ns) == 0)
        return &s->list[at];
    if (s->count == s->cap) {
        oc_collection *bigger = oc_allocate((s->cap = s->cap ? 2 * s->cap : 16) * sizeof *bigger);
        if (s->count)
            memcpy(bigger, s->list, s->count * sizeof *bigger);
        free(s->list);
        s->list = bigger;
    }
    memmove(s->list + at + 1, s->list + at, (s->count - at) * sizeof *s->list);
    s->list[at] = (oc_collection){.ns = oc_copy(ns, strlen(ns))};
    s->count++;
    return &s->list[at];
}

oc_family oc_collection_family(const oc_collection *c) {
    if (!c)
        return OC_PLAIN;
    const oc_schema *fields = &c->of[OC_QE], *schema = &c->of[OC_CSFLE];
    if (fields->doc && (fields->origin == OC_CLIENT || !schema->doc || schema->origin != OC_CLIENT))
        return OC_QE;
    return schema->doc ? OC_CSFLE : OC_PLAIN;
}

void oc_schemas_done(oc_schemas *s) {
    for (size_t i = 0; i < s->count; i++) {
        for (int family = OC_PLAIN; family <= OC_QE; family++) {
            bson_destroy(s->list[i].of[family].doc);
            opencrypt_schema_free(s->list[i].of[family].compiled);
            free(s->list[i].of[family].source);
        }
        free(s->list[i].ns);
    }
    free(s->list);
    opencrypt_engine_free(s->engine);
    *s = (oc_schemas){0};
}

/* ---- encryptedFields as a driver sends them ---- */

/* A UUID that depends on nothing but the field's path: FNV-1a, twice. */
static void make_up_key(const char *path, uint8_t key[16]) {
    for (int half = 0; half < 2; half++) {
        uint64_t hash = 0xcbf29ce484222325u + (uint64_t)half;
        for (const char *c = path; *c; c++)
            hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
        for (int i = 0; i < 8; i++)
            key[8 * half + i] = (uint8_t)(hash >> (8 * i));
    }
    key[6] = (uint8_t)((key[6] & 0x0F) | 0x40);
    key[8] = (uint8_t)((key[8] & 0x3F) | 0x80);
}

static void append_field(bson_t *to, const char *index, const bson_iter_t *field) {
    bson_t out;
    bson_iter_t it;
    uint8_t key[16];
    const char *path = "";
    bool has_key = false;
    bson_append_document_begin(to, index, -1, &out);
    bson_iter_recurse(field, &it);
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        if (!strcmp(name, "path") && BSON_ITER_HOLDS_UTF8(&it))
            path = bson_iter_utf8(&it, NULL);
        if (!strcmp(name, "keyAltName") || (!strcmp(name, "keyId") && BSON_ITER_HOLDS_NULL(&it)))
            continue;
        has_key |= !strcmp(name, "keyId");
        bson_append_iter(&out, NULL, 0, &it);
    }
    make_up_key(path, key);
    if (!has_key)
        bson_append_binary(&out, "keyId", -1, BSON_SUBTYPE_UUID, key, sizeof key);
    bson_append_document_end(to, &out);
}

static void append_fields(bson_t *to, const bson_iter_t *list) {
    bson_t fields;
    bson_iter_t it;
    bson_append_array_begin(to, "fields", -1, &fields);
    bson_iter_recurse(list, &it);
    while (bson_iter_next(&it)) {
        if (BSON_ITER_HOLDS_DOCUMENT(&it))
            append_field(&fields, bson_iter_key(&it), &it);
        else
            bson_append_iter(&fields, NULL, 0, &it);
    }
    bson_append_array_end(to, &fields);
}

static void append_state_collection(bson_t *to, const char *member, const char *ns, const char *suffix) {
    char name[512];
    const char *dot = strchr(ns, '.');
    if (bson_has_field(to, member))
        return;
    snprintf(name, sizeof name, "enxcol_.%s.%s", dot ? dot + 1 : ns, suffix);
    bson_append_utf8(to, member, -1, name, -1);
}

void oc_fields_add_defaults(bson_t *fields, const char *ns) {
    bson_t none;
    append_state_collection(fields, "escCollection", ns, "esc");
    append_state_collection(fields, "ecocCollection", ns, "ecoc");
    if (bson_has_field(fields, "fields"))
        return;
    bson_append_array_begin(fields, "fields", -1, &none);
    bson_append_array_end(fields, &none);
}

bson_t *oc_fields_completed(const char *ns, const bson_t *doc) {
    bson_t *out = bson_new();
    bson_iter_t it;
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it)) {
        if (!strcmp(bson_iter_key(&it), "fields") && BSON_ITER_HOLDS_ARRAY(&it))
            append_fields(out, &it);
        else
            bson_append_iter(out, NULL, 0, &it);
    }
    oc_fields_add_defaults(out, ns);
    return out;
}

/* ---- adding ---- */

static const char *const family_names[] = {"no schema", "a JSON schema", "encryptedFields"};

bool oc_schemas_add(oc_schemas *s, const char *ns, oc_family family, const bson_t *doc, oc_origin origin,
                    const char *source) {
    const char *dot = strchr(ns, '.');
    if (!dot || dot == ns || !dot[1])
        return fail(s, "%s: '%s' is not a namespace: write it db.collection", source, ns);
    oc_collection *c = oc_schemas_make(s, ns);
    oc_schema *to = &c->of[family];
    const oc_schema *other = &c->of[family == OC_QE ? OC_CSFLE : OC_QE];
    if (to->doc && origin == OC_SERVER)
        return true;
    if (to->doc)
        return fail(s, "%s: '%s' has %s already, from %s", source, ns, family_names[family], to->source);
    if (other->doc && origin == OC_CLIENT && other->origin == OC_CLIENT)
        return fail(s, "%s: '%s' has encryptedFields and a JSON schema: drivers refuse a client with both", source, ns);
    to->doc = family == OC_QE ? oc_fields_completed(ns, doc) : bson_copy(doc);
    to->origin = origin;
    to->source = oc_copy(source, strlen(source));
    return true;
}

/* ---- files ---- */

static bool read_file(oc_schemas *s, const char *path, oc_buffer *text) {
    char chunk[64 * 1024];
    size_t n;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return fail(s, "%s: %m", path);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0 && text->len <= OC_LONGEST_ITEM)
        oc_buffer_add(text, chunk, n);
    bool ok = !ferror(file) || fail(s, "%s: %m", path);
    if (file != stdin)
        fclose(file);
    if (ok && text->len > OC_LONGEST_ITEM)
        return fail(s, "%s: larger than 64 MiB", path);
    return ok;
}

static bool is_json(const oc_buffer *text) {
    for (size_t i = 0; i < text->len; i++)
        if (!strchr(" \t\r\n", text->data[i]))
            return text->data[i] == '{';
    return false;
}

/* YAML that starts with a brace ends here, too: libbson's message for it, YAML's for all other. */
static bool parse_file(oc_schemas *s, const char *path, bson_t *doc) {
    oc_buffer text = {0}, json = {0};
    char detail[512];
    const char *reason;
    bool ok = read_file(s, path, &text);
    if (ok && !is_json(&text)) {
        ok = oc_yaml_to_json(text.data ? text.data : "", text.len, &json, detail, sizeof detail);
        if (!ok)
            fail(s, "%s: %s", path, detail);
        oc_buffer_done(&text);
        text = json;
    }
    if (ok && !is_json(&text))
        ok = fail(s, "%s: a schema or a map of schemas is an object; of an array, give the one element", path);
    if (ok) {
        ok = oc_json_parse(text.data, text.len, doc, &reason, detail);
        if (!ok)
            fail(s, "%s: %s%s%s", path, reason, *detail ? ": " : "", detail);
    }
    oc_buffer_done(&text);
    return ok;
}

/* ---- what a file holds ---- */

static bool child(const bson_iter_t *it, bson_t *out) {
    const uint8_t *data;
    uint32_t len;
    if (!BSON_ITER_HOLDS_DOCUMENT(it))
        return false;
    bson_iter_document(it, &len, &data);
    return bson_init_static(out, data, len);
}

static bool member(const bson_t *doc, const char *name, bson_t *out) {
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, name) && child(&it, out);
}

static bool has_array(const bson_t *doc, const char *name) {
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, name) && BSON_ITER_HOLDS_ARRAY(&it);
}

/* {name, type, options, info}, as listCollections and getCollectionInfos give it. */
static bool is_listed_collection(const bson_t *doc) {
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) && bson_has_field(doc, "options");
}

static bool is_one_schema(const bson_t *doc) {
    static const char *const keywords[] = {"bsonType", "properties", "patternProperties", "encryptMetadata",
                                           "fields",   "validator",  "$jsonSchema",       "encryptedFields"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (bson_has_field(doc, keywords[i]))
            return true;
    return is_listed_collection(doc);
}

/* A collection of a list, its options, its validator, or the schema by itself. */
static bool add_one(oc_schemas *s, const char *ns, const bson_t *doc, const char *path) {
    bson_t inner, schema;
    if (is_listed_collection(doc) && member(doc, "options", &inner))
        return add_one(s, ns, &inner, path);
    if (member(doc, "encryptedFields", &inner))
        return oc_schemas_add(s, ns, OC_QE, &inner, OC_CLIENT, path);
    if (member(doc, "validator", &inner))
        return add_one(s, ns, &inner, path);
    if (member(doc, "$jsonSchema", &schema))
        return oc_schemas_add(s, ns, OC_CSFLE, &schema, OC_VALIDATOR, path);
    return oc_schemas_add(s, ns, has_array(doc, "fields") ? OC_QE : OC_CSFLE, doc, OC_CLIENT, path);
}

static bool add_map(oc_schemas *s, const bson_t *map, oc_family family, const char *path) {
    bson_iter_t it;
    bson_t doc;
    bson_iter_init(&it, map);
    while (bson_iter_next(&it)) {
        const char *ns = bson_iter_key(&it);
        if (!strchr(ns, '.'))
            return fail(s, "%s: '%s' is not a namespace: write it db.collection", path, ns);
        if (!child(&it, &doc))
            return fail(s, "%s: '%s' must be an object", path, ns);
        if (family == OC_PLAIN ? !add_one(s, ns, &doc, path) : !oc_schemas_add(s, ns, family, &doc, OC_CLIENT, path))
            return false;
    }
    return true;
}

/* What a driver takes as AutoEncryptionOpts; members besides the two maps do not matter here. */
static bool add_options(oc_schemas *s, const bson_t *doc, const char *path, bool *found) {
    bson_t map;
    *found = false;
    if (member(doc, "schemaMap", &map)) {
        *found = true;
        if (!add_map(s, &map, OC_CSFLE, path))
            return false;
    }
    if (member(doc, "encryptedFieldsMap", &map)) {
        *found = true;
        return add_map(s, &map, OC_QE, path);
    }
    return true;
}

static bool add_file(oc_schemas *s, const bson_t *doc, const char *ns, const char *path) {
    static const char *const wrappers[] = {"autoEncryption", "autoEncryptionOpts"};
    bson_t inner;
    bool found;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (member(doc, wrappers[i], &inner))
            return add_file(s, &inner, ns, path);
    if (!add_options(s, doc, path, &found))
        return false;
    if (found)
        return true;
    if (!is_one_schema(doc))
        return bson_empty(doc) ? fail(s, "%s: no schema in it", path) : add_map(s, doc, OC_PLAIN, path);
    if (!ns)
        return fail(s, "%s: one schema by itself: say of which collection, --ns db.collection before it", path);
    return add_one(s, ns, doc, path);
}

bool oc_schemas_load(oc_schemas *s, const char *path, const char *ns) {
    bson_t doc;
    if (!parse_file(s, path, &doc))
        return false;
    bool ok = add_file(s, &doc, ns, path);
    bson_destroy(&doc);
    return ok;
}

/* ---- compiling ---- */

static bool compile(oc_schemas *s, oc_collection *c, oc_family family) {
    oc_schema *schema = &c->of[family];
    opencrypt_schema_kind kind = family == OC_QE               ? OPENCRYPT_SCHEMA_ENCRYPTED_FIELDS
                                 : schema->origin == OC_CLIENT ? OPENCRYPT_SCHEMA_LOCAL
                                                               : OPENCRYPT_SCHEMA_REMOTE;
    schema->compiled = opencrypt_schema_compile(s->engine, kind, bson_get_data(schema->doc), schema->doc->len);
    if (!schema->compiled)
        oc_die_of_memory();
    const opencrypt_refusal *r = opencrypt_schema_refusal(schema->compiled);
    if (!r || schema->origin == OC_SERVER)
        return true;
    return fail(s, "%s: schema of '%s'%s%s: %s%s%s", schema->source, c->ns, *r->path ? ", at " : "", r->path,
                r->message, *r->hint ? "; " : "", r->hint);
}

bool oc_schemas_compile(oc_schemas *s) {
    s->engine = opencrypt_engine_new();
    if (!s->engine)
        oc_die_of_memory();
    for (size_t i = 0; i < s->count; i++)
        for (oc_family family = OC_CSFLE; family <= OC_QE; family++)
            if (s->list[i].of[family].doc && !compile(s, &s->list[i], family))
                return false;
    return true;
}
