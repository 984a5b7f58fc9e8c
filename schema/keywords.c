#include "keywords.h"

#include <stdlib.h>

#include "nameset.h"

static bool is_object(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_DOCUMENT;
}

static bool is_string(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_STRING;
}

static bool is_bool(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_BOOL;
}

static bool is_number(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return oc_is_number(e->type);
}

static double as_double(const oc_elem *e) {
    uint64_t bits = oc_u64(e->value);
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* Decimals are left to the server: their value is not worth an implementation here. */
static bool is_positive_number(const oc_elem *e, oc_arena *scratch) {
    switch (e->type) {
    case OC_INT32: return (int32_t)oc_u32(e->value) > 0;
    case OC_INT64: return (int64_t)oc_u64(e->value) > 0;
    case OC_DOUBLE: return as_double(e) > 0;
    default: return is_number(e, scratch);
    }
}

static bool is_count(const oc_elem *e, oc_arena *scratch) {
    switch (e->type) {
    case OC_INT32: return (int32_t)oc_u32(e->value) >= 0;
    case OC_INT64: return (int64_t)oc_u64(e->value) >= 0;
    case OC_DOUBLE: {
        double d = as_double(e);
        return d >= 0 && d < 9.2e18 && d == (double)(int64_t)d;
    }
    default: return is_number(e, scratch);
    }
}

static bool is_schema_or_bool(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_DOCUMENT || e->type == OC_BOOL;
}

/* All members have the type; at least `least` of them. */
static bool members_are(const oc_elem *e, uint8_t type, size_t least) {
    oc_iter it = oc_bson_iter(e->value);
    oc_elem member;
    size_t n = 0;
    for (; oc_next(&it, &member); n++)
        if (member.type != type)
            return false;
    return n >= least;
}

static bool is_schemas_by_name(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_DOCUMENT && members_are(e, OC_DOCUMENT, 0);
}

static bool is_schemas(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_ARRAY && members_are(e, OC_DOCUMENT, 1);
}

static bool is_items(const oc_elem *e, oc_arena *scratch) {
    (void)scratch;
    return e->type == OC_DOCUMENT || (e->type == OC_ARRAY && members_are(e, OC_DOCUMENT, 0));
}

static bool is_values(const oc_elem *e, oc_arena *scratch) {
    oc_elem first;
    (void)scratch;
    return e->type == OC_ARRAY && oc_bson_first(e->value, &first);
}

static bool is_names(const oc_elem *e, oc_arena *scratch) {
    if (e->type != OC_ARRAY || !members_are(e, OC_STRING, 1))
        return false;
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(e->value);
    oc_elem member;
    while (oc_next(&it, &member))
        if (oc_nameset_add(&seen, scratch, oc_elem_str(&member)) == OC_NAME_PRESENT)
            return false;
    return true;
}

static bool is_dependencies(const oc_elem *e, oc_arena *scratch) {
    if (e->type != OC_DOCUMENT)
        return false;
    oc_iter it = oc_bson_iter(e->value);
    oc_elem member;
    while (oc_next(&it, &member))
        if (member.type != OC_DOCUMENT && !is_names(&member, scratch))
            return false;
    return true;
}

static bool is_json_type(oc_str name) {
    static const char *const types[] = {"array", "boolean", "null", "number", "object", "string"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (oc_str_is(name, types[i]))
            return true;
    return false;
}

static bool is_bson_type(oc_str name) {
    return oc_type_by_name(name) != 0 || oc_str_is(name, "number");
}

static bool is_types(const oc_elem *e, oc_arena *scratch, bool (*known)(oc_str)) {
    if (e->type == OC_STRING)
        return known(oc_elem_str(e));
    if (!is_names(e, scratch))
        return false;
    oc_iter it = oc_bson_iter(e->value);
    oc_elem member;
    while (oc_next(&it, &member))
        if (!known(oc_elem_str(&member)))
            return false;
    return true;
}

static bool is_json_types(const oc_elem *e, oc_arena *scratch) {
    return is_types(e, scratch, is_json_type);
}

static bool is_bson_types(const oc_elem *e, oc_arena *scratch) {
    return is_types(e, scratch, is_bson_type);
}

#define COUNT   is_count, "a non-negative integer", OC_SUB_NONE
#define NUMBER  is_number, "a number", OC_SUB_NONE
#define BOOLEAN is_bool, "a boolean", OC_SUB_NONE
#define STRING  is_string, "a string", OC_SUB_NONE

static const oc_keyword keywords[] = {
    {"additionalItems", false, is_schema_or_bool, "an object or a boolean", OC_SUB_ONE},
    {"additionalProperties", true, is_schema_or_bool, "an object or a boolean", OC_SUB_REST},
    {"allOf", false, is_schemas, "a non-empty array of objects", OC_SUB_ONE},
    {"anyOf", false, is_schemas, "a non-empty array of objects", OC_SUB_ONE},
    {"bsonType", true, is_bson_types, "a BSON type alias or a non-empty array of different ones", OC_SUB_NONE},
    {"dependencies", false, is_dependencies, "an object of objects or of non-empty arrays of names",
     OC_SUB_DEPENDENCIES},
    {"description", true, STRING},
    {"encrypt", true, is_object, "an object", OC_SUB_ENCRYPT},
    {"encryptMetadata", true, is_object, "an object", OC_SUB_ENCRYPT_METADATA},
    {"enum", false, is_values, "a non-empty array", OC_SUB_NONE},
    {"exclusiveMaximum", false, BOOLEAN},
    {"exclusiveMinimum", false, BOOLEAN},
    {"items", false, is_items, "an object or an array of objects", OC_SUB_ONE},
    {"maxItems", false, COUNT},
    {"maxLength", false, COUNT},
    {"maxProperties", false, COUNT},
    {"maximum", false, NUMBER},
    {"minItems", false, COUNT},
    {"minLength", false, COUNT},
    {"minProperties", false, COUNT},
    {"minimum", false, NUMBER},
    {"multipleOf", false, is_positive_number, "a positive number", OC_SUB_NONE},
    {"not", false, is_object, "an object", OC_SUB_ONE},
    {"oneOf", false, is_schemas, "a non-empty array of objects", OC_SUB_ONE},
    {"pattern", false, STRING},
    {"patternProperties", true, is_schemas_by_name, "an object of objects", OC_SUB_PATTERNS},
    {"properties", true, is_schemas_by_name, "an object of objects", OC_SUB_PROPERTIES},
    {"required", false, is_names, "a non-empty array of different strings", OC_SUB_NONE},
    {"title", true, STRING},
    {"type", true, is_json_types,
     "a JSON type name or a non-empty array of different ones ('integer' is not supported)", OC_SUB_NONE},
    {"uniqueItems", false, BOOLEAN},
};

const oc_keyword *oc_keywords(size_t *count) {
    *count = sizeof keywords / sizeof keywords[0];
    return keywords;
}

static int compare(const void *name, const void *row) {
    const oc_str *s = name;
    const char *other = ((const oc_keyword *)row)->name;
    size_t n = strlen(other);
    int order = memcmp(s->s, other, s->n < n ? s->n : n);
    return order ? order : (s->n > n) - (s->n < n);
}

const oc_keyword *oc_keyword_find(oc_str name) {
    return bsearch(&name, keywords, sizeof keywords / sizeof keywords[0], sizeof keywords[0], compare);
}

bool oc_keyword_is_omitted(oc_str name) {
    static const char *const omitted[] = {"$ref", "$schema", "default", "definitions", "format", "id"};
    for (size_t i = 0; i < sizeof omitted / sizeof omitted[0]; i++)
        if (oc_str_is(name, omitted[i]))
            return true;
    return false;
}
