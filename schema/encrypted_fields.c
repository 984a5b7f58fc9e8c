/* A field of the document becomes a node along its path:
 *
 *     {fields: [{path: "a.b", keyId, bsonType: "int", queries: {queryType: "range", min, max}}]}
 *     root OC_ABOVE { a: OC_ABOVE { b: OC_ENCRYPTED, meta->qe: range } }
 *
 * The first thing that is wrong is reported. Where libmongocrypt judges a value as well and says so better (the digits
 * of bounds with a precision), it is left to it. */

#include "encrypted_fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "text.h"

/* ---- the query types, and their parameters ---- */

enum { NONE = 1, EQUALITY = 2, RANGE = 4, PREFIX = 8, SUFFIX = 16, SUBSTRING = 32 };
enum { TEXT = PREFIX | SUFFIX | SUBSTRING, ANY = NONE | EQUALITY | RANGE | TEXT };

#define ALL_TYPES UINT32_MAX
#define RANGE_TYPES                                                                                                    \
    (OC_TYPE_BIT(OC_INT32) | OC_TYPE_BIT(OC_INT64) | OC_TYPE_BIT(OC_DOUBLE) | OC_TYPE_BIT(OC_DECIMAL128) |             \
     OC_TYPE_BIT(OC_DATE))
#define EQUALITY_TYPES                                                                                                 \
    (ALL_TYPES &                                                                                                       \
     ~(OC_TYPE_BIT(OC_DOUBLE) | OC_TYPE_BIT(OC_DECIMAL128) | OC_TYPE_BIT(OC_DOCUMENT) | OC_TYPE_BIT(OC_ARRAY)))

typedef struct query_type {
    const char *name;
    unsigned bit;
    oc_qe_index index;
    uint32_t types; /* that may be indexed so */
} query_type;

static const query_type query_types[] = {
    {"none", NONE, OC_QE_UNINDEXED, ALL_TYPES},
    {"equality", EQUALITY, OC_QE_EQUALITY, EQUALITY_TYPES},
    {"range", RANGE, OC_QE_RANGE, RANGE_TYPES},
    {"prefix", PREFIX, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
    {"suffix", SUFFIX, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
    {"substring", SUBSTRING, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
    {"prefixPreview", PREFIX, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
    {"suffixPreview", SUFFIX, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
    {"substringPreview", SUBSTRING, OC_QE_TEXT, OC_TYPE_BIT(OC_STRING)},
};

typedef enum shape {
    SHAPE_ANY, /* looked at by hand */
    SHAPE_STRING,
    SHAPE_INTEGER, /* int or long */
    SHAPE_BOOL,
    SHAPE_BOUND, /* of the field's type */
} shape;

typedef struct row {
    const char *name;
    shape shape;
    unsigned allowed, required; /* query types */
    int64_t least, most;        /* integers */
    int64_t otherwise;          /* integers and bools that are not given */
} row;

enum { PATH, KEY_ID, BSON_TYPE, QUERIES, FIELD_MEMBERS };
static const row field_members[FIELD_MEMBERS] = {
    [PATH] = {.name = "path", SHAPE_STRING},
    [KEY_ID] = {.name = "keyId"},
    [BSON_TYPE] = {.name = "bsonType", SHAPE_STRING},
    [QUERIES] = {.name = "queries"},
};

enum {
    QUERY_TYPE,
    CONTENTION,
    MIN,
    MAX,
    PRECISION,
    SPARSITY,
    TRIM_FACTOR,
    MAX_LENGTH,
    MIN_QUERY,
    MAX_QUERY,
    CASE_SENSITIVE,
    DIACRITIC_SENSITIVE,
    QUERY_MEMBERS
};
static const row query_members[QUERY_MEMBERS] = {
    [QUERY_TYPE] = {"queryType", SHAPE_STRING, ANY, ANY, 0, 0, 0},
    [CONTENTION] = {"contention", SHAPE_INTEGER, ANY, 0, 0, INT64_MAX - 1, 8},
    [MIN] = {"min", SHAPE_BOUND, RANGE, 0, 0, 0, 0},
    [MAX] = {"max", SHAPE_BOUND, RANGE, 0, 0, 0, 0},
    [PRECISION] = {"precision", SHAPE_INTEGER, RANGE, 0, 0, INT32_MAX, -1},
    [SPARSITY] = {"sparsity", SHAPE_INTEGER, RANGE, 0, 1, 8, 2},
    [TRIM_FACTOR] = {"trimFactor", SHAPE_INTEGER, RANGE, 0, 0, INT32_MAX, -1},
    [MAX_LENGTH] = {"strMaxLength", SHAPE_INTEGER, SUBSTRING, SUBSTRING, 1, INT32_MAX, 0},
    [MIN_QUERY] = {"strMinQueryLength", SHAPE_INTEGER, TEXT, TEXT, 1, INT32_MAX, 0},
    [MAX_QUERY] = {"strMaxQueryLength", SHAPE_INTEGER, TEXT, TEXT, 1, INT32_MAX, 0},
    [CASE_SENSITIVE] = {"caseSensitive", SHAPE_BOOL, TEXT, 0, 0, 0, 1},
    [DIACRITIC_SENSITIVE] = {"diacriticSensitive", SHAPE_BOOL, TEXT, 0, 0, 0, 1},
};

/* ---- where we are, and errors ---- */

typedef enum level { IN_CONFIG, IN_FIELD, IN_QUERIES, IN_QUERY_OF_ARRAY } level;

typedef struct field {
    oc_str path;
    const oc_node *node;
    size_t index;
} field;

typedef struct compiler {
    oc_arena *arena;
    oc_error *error;
    level level;
    size_t field, query; /* positions in their arrays */
    oc_nameset keys;     /* seen so far */
} compiler;

/* One query of a field, as its document says it. */
typedef struct query {
    const query_type *type;
    oc_elem e[QUERY_MEMBERS];
    int64_t n[QUERY_MEMBERS];
} query;

static const char *label(const compiler *c) {
    static const char *const labels[] = {
        [IN_CONFIG] = "EncryptedFieldConfig",
        [IN_FIELD] = "EncryptedFieldConfig.fields",
        [IN_QUERIES] = "EncryptedFieldConfig.fields.queries",
        [IN_QUERY_OF_ARRAY] = "EncryptedFieldConfig.fields.queries",
    };
    return labels[c->level];
}

/* As a JSON Pointer. `member`: NULL, or a name that needs no escapes. */
static void write_place(const compiler *c, const char *member, char *buf, size_t cap) {
    char position[32] = "";
    if (c->level == IN_QUERY_OF_ARRAY)
        snprintf(position, sizeof position, "/%zu", c->query);
    buf[0] = '\0';
    if (c->level != IN_CONFIG)
        snprintf(buf, cap, "/fields/%zu%s%s", c->field, c->level >= IN_QUERIES ? "/queries" : "", position);
    if (member) {
        oc_text_append_string(buf, cap, "/");
        oc_text_append_string(buf, cap, member);
    }
}

static bool refuse(const compiler *c, oc_rule rule, const char *member, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static bool refuse(const compiler *c, oc_rule rule, const char *member, const char *hint, const char *format, ...) {
    char message[sizeof c->error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    oc_fail(c->error, rule, NULL, member, hint, "%s", message);
    write_place(c, member, c->error->path, sizeof c->error->path);
    return false;
}

static bool no_memory(const compiler *c) {
    return oc_fail(c->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
}

static bool refuse_type(const compiler *c, const char *member, uint8_t found, const char *expected) {
    return refuse(c, OC_WRONG_TYPE, member, NULL, "BSON field '%s.%s' is the wrong type '%s', expected type '%s'",
                  label(c), member, oc_type_name(found), expected);
}

static bool refuse_missing(const compiler *c, const char *member) {
    return refuse(c, OC_FIELD_MISSING, member, NULL, "BSON field '%s.%s' is missing but a required field", label(c),
                  member);
}

static bool refuse_duplicate(const compiler *c, const char *member) {
    return refuse(c, OC_FIELD_DUPLICATE, member, "write it once", "BSON field '%s.%s' is a duplicate field.", label(c),
                  member);
}

/* The members of a document, out[i] for the row i; no other may be there, and none twice. */
static bool collect(const compiler *c, const uint8_t *doc, const row *rows, size_t count, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        size_t i = 0;
        while (i < count && !oc_str_is(e.name, rows[i].name))
            i++;
        if (i == count)
            return refuse(c, OC_FIELD_UNKNOWN, NULL, NULL, "BSON field '%s.%s' is an unknown field.", label(c),
                          oc_name(e.name).text);
        if (out[i].start)
            return refuse_duplicate(c, rows[i].name);
        out[i] = e;
    }
    return true;
}

/* ---- values of members ---- */

static int64_t integer(const oc_elem *e) {
    return e->type == OC_INT32 ? (int32_t)oc_u32(e->value) : (int64_t)oc_u64(e->value);
}

static double as_double(const oc_elem *e) {
    uint64_t bits = oc_u64(e->value);
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool read_integer(const compiler *c, const oc_elem *e, const row *spec, int64_t *out) {
    if (e->type != OC_INT32 && e->type != OC_INT64)
        return refuse_type(c, spec->name, e->type, "int' or 'long");
    *out = integer(e);
    return (*out >= spec->least && *out <= spec->most) ||
           refuse(c, OC_SCHEMA_FIELDS, spec->name, NULL, "'%s' must be from %lld to %lld", spec->name,
                  (long long)spec->least, (long long)spec->most);
}

static bool read_value(const compiler *c, const oc_elem *e, const row *spec, uint8_t bound, int64_t *out) {
    *out = spec->otherwise;
    if (!e->start)
        return true;
    switch (spec->shape) {
    case SHAPE_ANY: return true;
    case SHAPE_STRING: return e->type == OC_STRING || refuse_type(c, spec->name, e->type, "string");
    case SHAPE_BOUND: return e->type == bound || refuse_type(c, spec->name, e->type, oc_type_name(bound));
    case SHAPE_BOOL: *out = e->value[0]; return e->type == OC_BOOL || refuse_type(c, spec->name, e->type, "bool");
    case SHAPE_INTEGER: return read_integer(c, e, spec, out);
    }
    return true;
}

static bool find_query_type(const compiler *c, const oc_elem *e, const query_type **out) {
    oc_str name = oc_elem_str(e);
    if (oc_str_is(name, "rangePreview"))
        return refuse(c, OC_SCHEMA_FIELDS, "queryType", "the query type is called 'range' since MongoDB 8.0",
                      "Collection contains the 'rangePreview' query type which is deprecated. Please recreate the "
                      "collection with the 'range' query type.");
    for (size_t i = 0; i < sizeof query_types / sizeof query_types[0]; i++)
        if (oc_str_is(name, query_types[i].name)) {
            *out = &query_types[i];
            return true;
        }
    return refuse(c, OC_SCHEMA_FIELDS, "queryType", "use none, equality, range, prefix, suffix, or substring",
                  "'queryType' names no known query type");
}

static bool check_member(const compiler *c, query *q, size_t i, uint8_t type) {
    const row *spec = &query_members[i];
    if (!q->e[i].start && (spec->required & q->type->bit))
        return refuse_missing(c, spec->name);
    if (q->e[i].start && !(spec->allowed & q->type->bit))
        return refuse(c, OC_SCHEMA_FIELDS, spec->name, "leave it out", "'%s' does not apply to the query type '%s'",
                      spec->name, q->type->name);
    return read_value(c, &q->e[i], spec, type, &q->n[i]);
}

static bool read_query(const compiler *c, const uint8_t *doc, uint8_t type, query *q) {
    *q = (query){0};
    if (!collect(c, doc, query_members, QUERY_MEMBERS, q->e))
        return false;
    const oc_elem *name = &q->e[QUERY_TYPE];
    if (!name->start)
        return refuse_missing(c, "queryType");
    if (name->type != OC_STRING)
        return refuse_type(c, "queryType", name->type, "string");
    if (!find_query_type(c, name, &q->type))
        return false;
    if (!(q->type->types & OC_TYPE_BIT(type)))
        return refuse(c, OC_SCHEMA_TYPE, "queryType", NULL, "Type '%s' is not a supported %s indexed type",
                      oc_type_name(type), q->type->name);
    for (size_t i = 0; i < QUERY_MEMBERS; i++)
        if (!check_member(c, q, i, type))
            return false;
    return true;
}

/* ---- range ---- */

/* {min, max} of a type without bounds. libmongocrypt wants them even where it does not use them. */
static const uint8_t *full_range(uint8_t type) {
    static const uint8_t int_range[] = "\x17\0\0\0"
                                       "\x10min\0\0\0\0\x80"
                                       "\x10max\0\xFF\xFF\xFF\x7F";
    static const uint8_t long_range[] = "\x1F\0\0\0"
                                        "\x12min\0\0\0\0\0\0\0\0\x80"
                                        "\x12max\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
    static const uint8_t date_range[] = "\x1F\0\0\0"
                                        "\x09min\0\0\0\0\0\0\0\0\x80"
                                        "\x09max\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
    static const uint8_t double_range[] = "\x1F\0\0\0"
                                          "\x01min\0\xFF\xFF\xFF\xFF\xFF\xFF\xEF\xFF"
                                          "\x01max\0\xFF\xFF\xFF\xFF\xFF\xFF\xEF\x7F";
    static const uint8_t decimal_range[] = "\x2F\0\0\0"
                                           "\x13min\0\xFF\xFF\xFF\xFF\x63\x8E\x8D\x37\xC0\x87\xAD\xBE\x09\xED\xFF\xDF"
                                           "\x13max\0\xFF\xFF\xFF\xFF\x63\x8E\x8D\x37\xC0\x87\xAD\xBE\x09\xED\xFF\x5F";
    switch (type) {
    case OC_INT32: return int_range;
    case OC_INT64: return long_range;
    case OC_DATE: return date_range;
    case OC_DOUBLE: return double_range;
    default: return decimal_range;
    }
}

static bool is_real(uint8_t type) {
    return type == OC_DOUBLE || type == OC_DECIMAL128;
}

static bool is_less(const oc_elem *a, const oc_elem *b) {
    switch (a->type) {
    case OC_DOUBLE: return as_double(a) < as_double(b);
    case OC_DECIMAL128: return !oc_decimal_is_nan(a->value) && oc_decimal_compare(a->value, b->value) < 0;
    default: return integer(a) < integer(b);
    }
}

static uint64_t span(const oc_qe *qe) {
    return (uint64_t)integer(&qe->max) - (uint64_t)integer(&qe->min);
}

/* Bits of the domain, which trimFactor must stay below; INT32_MAX where they depend on the precision. */
static int32_t domain_bits(const oc_qe *qe) {
    if (is_real(qe->min.type))
        return qe->precision >= 0 ? INT32_MAX : qe->min.type == OC_DOUBLE ? 64 : 128;
    return 64 - __builtin_clzll(span(qe));
}

/* A domain of so few values that the trimFactor of a comparison is best left to libmongocrypt. */
static bool domain_is_small(const oc_qe *qe) {
    enum { SMALL = 128 };
    if (!is_real(qe->min.type))
        return span(qe) < SMALL;
    if (qe->precision < 0)
        return false;
    if (qe->min.type == OC_DECIMAL128)
        return oc_decimal_spans_less(qe->min.value, qe->max.value, qe->precision, SMALL);
    double values = as_double(&qe->max) - as_double(&qe->min);
    for (int32_t i = 0; i < qe->precision && values < SMALL; i++)
        values *= 10;
    return values < SMALL;
}

static bool check_precision(const compiler *c, const query *q, uint8_t type) {
    bool min = q->e[MIN].start, max = q->e[MAX].start, precision = q->e[PRECISION].start;
    if (!is_real(type))
        return !precision || refuse(c, OC_SCHEMA_FIELDS, "precision", "leave it out",
                                    "'precision' is for fields of type double and decimal only");
    if (min != max)
        return refuse(c, OC_SCHEMA_FIELDS, min ? "min" : "max", "give both or neither",
                      "A range index of type %s needs both 'min' and 'max', or neither", oc_type_name(type));
    return !precision || min ||
           refuse(c, OC_SCHEMA_FIELDS, "precision", "add them, or leave 'precision' out",
                  "'precision' needs 'min' and 'max'");
}

static bool fill_range(const compiler *c, const query *q, uint8_t type, oc_qe *qe) {
    oc_bson_find(full_range(type), "min", &qe->min);
    oc_bson_find(full_range(type), "max", &qe->max);
    if (q->e[MIN].start)
        qe->min = q->e[MIN];
    if (q->e[MAX].start)
        qe->max = q->e[MAX];
    qe->sparsity = q->n[SPARSITY];
    qe->precision = (int32_t)q->n[PRECISION];
    qe->trim = (int32_t)q->n[TRIM_FACTOR];
    if (!check_precision(c, q, type))
        return false;
    if (!is_less(&qe->min, &qe->max))
        return refuse(c, OC_SCHEMA_FIELDS, "min", "leave both out for the whole range of the type",
                      "'min' must be lower than 'max'");
    if (qe->trim >= domain_bits(qe))
        return refuse(c, OC_SCHEMA_FIELDS, "trimFactor", "lower it, or leave it out",
                      "'trimFactor' must be lower than the number of bits of the values from 'min' to 'max'");
    qe->find_trim = qe->trim >= 0 ? qe->trim : domain_is_small(qe) ? -1 : 6;
    return true;
}

/* ---- text ---- */

static bool check_lengths(const compiler *c, const query *q) {
    if (q->n[MIN_QUERY] > q->n[MAX_QUERY])
        return refuse(c, OC_SCHEMA_FIELDS, "strMinQueryLength", NULL,
                      "'strMinQueryLength' must not be greater than 'strMaxQueryLength'");
    return q->type->bit != SUBSTRING || q->n[MAX_LENGTH] >= q->n[MAX_QUERY] ||
           refuse(c, OC_SCHEMA_FIELDS, "strMaxLength", NULL,
                  "'strMaxLength' must not be lower than 'strMaxQueryLength'");
}

static bool fill_text(const compiler *c, const query *q, oc_qe *qe) {
    oc_qe_text *to = q->type->bit == PREFIX ? &qe->prefix : q->type->bit == SUFFIX ? &qe->suffix : &qe->substring;
    bool fold_case = !q->n[CASE_SENSITIVE], fold_diacritics = !q->n[DIACRITIC_SENSITIVE];
    if (!check_lengths(c, q))
        return false;
    /* A value has one placeholder for both of its indexes. */
    if (qe->index == OC_QE_TEXT &&
        (qe->contention != q->n[CONTENTION] || qe->fold_case != fold_case || qe->fold_diacritics != fold_diacritics))
        return refuse(c, OC_SCHEMA_FIELDS, NULL, "make them equal",
                      "The queries of a field differ in contention, caseSensitive or diacriticSensitive");
    qe->fold_case = fold_case;
    qe->fold_diacritics = fold_diacritics;
    *to = (oc_qe_text){(int32_t)q->n[MAX_LENGTH], (int32_t)q->n[MAX_QUERY], (int32_t)q->n[MIN_QUERY]};
    return true;
}

/* ---- fields ---- */

static bool add_query(const compiler *c, const uint8_t *doc, uint8_t type, unsigned *bits, oc_qe *qe) {
    query q;
    if (!read_query(c, doc, type, &q))
        return false;
    if (*bits && ((*bits | q.type->bit) != (PREFIX | SUFFIX) || (*bits & q.type->bit)))
        return refuse(c, OC_SCHEMA_FIELDS, "queryType", "keep one query type, or one 'prefix' and one 'suffix'",
                      "A field has one query type; only 'prefix' and 'suffix' may stand together");
    *bits |= q.type->bit;
    if (q.type->index == OC_QE_RANGE && !fill_range(c, &q, type, qe))
        return false;
    if (q.type->index == OC_QE_TEXT && !fill_text(c, &q, qe))
        return false;
    qe->index = q.type->index;
    qe->contention = qe->index == OC_QE_UNINDEXED ? 0 : q.n[CONTENTION];
    return true;
}

static bool read_queries(compiler *c, const oc_elem *queries, uint8_t type, oc_qe *qe) {
    unsigned bits = 0;
    if (queries->type != OC_DOCUMENT && queries->type != OC_ARRAY)
        return refuse_type(c, "queries", queries->type, "object' or 'array");
    if (type == 0)
        return refuse(c, OC_FIELD_MISSING, "bsonType", "declare the one type that the field has",
                      "BSON field '%s.bsonType' is missing but a required field where there are queries", label(c));
    c->level = IN_QUERIES;
    if (queries->type == OC_DOCUMENT)
        return add_query(c, queries->value, type, &bits, qe);
    oc_iter it = oc_bson_iter(queries->value);
    oc_elem e;
    c->level = IN_QUERY_OF_ARRAY;
    for (c->query = 0; oc_next(&it, &e); c->query++) {
        if (e.type != OC_DOCUMENT)
            return refuse(c, OC_WRONG_TYPE, NULL, NULL, "BSON field '%s' holds the wrong type '%s', expected 'object'",
                          label(c), oc_type_name(e.type));
        if (!add_query(c, e.value, type, &bits, qe))
            return false;
    }
    return true;
}

static bool read_type(const compiler *c, const oc_elem *e, uint8_t *type) {
    *type = 0;
    if (!e->start)
        return true;
    *type = oc_type_by_name(oc_elem_str(e));
    if (*type == 0)
        return refuse(c, OC_SCHEMA_TYPE, "bsonType", NULL, "Unknown type name alias: %s", oc_name(oc_elem_str(e)).text);
    if (*type == OC_NULL || *type == OC_UNDEFINED || *type == OC_MIN_KEY || *type == OC_MAX_KEY)
        return refuse(c, OC_SCHEMA_TYPE, "bsonType", "no value of this type can be encrypted",
                      "Cannot encrypt element of type: %s", oc_type_name(*type));
    return true;
}

static bool read_key(compiler *c, const oc_elem *e, uint8_t key[16]) {
    if (!e->start || e->type == OC_NULL)
        return refuse(c, OC_FIELD_MISSING, "keyId", "create it with a driver's createEncryptedCollection",
                      "The encrypted field has no 'keyId': the collection was created without data keys");
    if (e->type != OC_BINARY)
        return refuse_type(c, "keyId", e->type, "binData");
    if (e->value[4] != 4 || oc_u32(e->value) != 16)
        return refuse(c, OC_SCHEMA_FIELDS, "keyId", "give the _id of the data key, 16 bytes of subtype 4",
                      "'keyId' must be a UUID");
    memcpy(key, e->value + 5, 16);
    switch (oc_nameset_add(&c->keys, c->arena, (oc_str){(const char *)e->value + 5, 16})) {
    case OC_NAME_ADDED: break;
    case OC_NAME_NO_MEMORY: return no_memory(c);
    case OC_NAME_PRESENT:
        return refuse(c, OC_SCHEMA_FIELDS, "keyId", "give each field a data key of its own",
                      "Two encrypted fields have the same 'keyId'");
    }
    return true;
}

static bool is_at_or_below(oc_str path, const char *top) {
    size_t n = strlen(top);
    return oc_str_starts(path, top) && (path.n == n || path.s[n] == '.');
}

static bool check_path(const compiler *c, oc_str path) {
    size_t levels = 1, length = 0;
    bool empty = false;
    for (size_t i = 0; i < path.n; i++) {
        length = path.s[i] == '.' ? 0 : length + 1;
        empty = empty || (path.s[i] == '.' && (i == 0 || path.s[i - 1] == '.'));
        levels += path.s[i] == '.';
    }
    if (length == 0 || empty)
        return refuse(c, OC_SCHEMA_FIELDS, "path", "name a field, as in \"a.b\"",
                      "The path of an encrypted field must not be empty or have an empty component");
    if (memchr(path.s, 0, path.n))
        return refuse(c, OC_SCHEMA_FIELDS, "path", NULL, "The path of an encrypted field holds a NUL");
    if (levels > OC_MAX_LEVELS)
        return refuse(c, OC_TOO_DEEP, "path", NULL, "The path of an encrypted field has more than %d levels",
                      OC_MAX_LEVELS);
    if (is_at_or_below(path, "_id") || is_at_or_below(path, "__safeContent__"))
        return refuse(c, OC_SCHEMA_FIELDS, "path", "encrypt another field",
                      "'_id' and '__safeContent__' cannot be encrypted, nor what is below them");
    return true;
}

static bool where(const compiler *c, oc_str *out) {
    char buf[64];
    write_place(c, NULL, buf, sizeof buf);
    size_t n = strlen(buf);
    char *copy = oc_arena_alloc(c->arena, n + 1);
    if (!copy)
        return no_memory(c);
    memcpy(copy, buf, n + 1);
    *out = (oc_str){copy, n};
    return true;
}

/* All of one field, in one allocation. */
typedef struct encrypted {
    oc_node node;
    oc_meta meta;
    oc_qe qe;
} encrypted;

static bool read_field(compiler *c, const oc_elem *entry, field *out) {
    oc_elem e[FIELD_MEMBERS] = {0};
    int64_t unused;
    uint8_t type;
    encrypted *made = oc_arena_zeroed(c->arena, 1, sizeof *made);
    if (!made)
        return no_memory(c);
    if (!collect(c, entry->value, field_members, FIELD_MEMBERS, e))
        return false;
    if (!e[PATH].start)
        return refuse_missing(c, "path");
    for (size_t i = 0; i < FIELD_MEMBERS; i++)
        if (!read_value(c, &e[i], &field_members[i], 0, &unused))
            return false;
    made->qe = (oc_qe){.index = OC_QE_UNINDEXED, .precision = -1, .trim = -1, .find_trim = -1};
    made->qe.path = oc_elem_str(&e[PATH]);
    if (!check_path(c, made->qe.path) || !read_key(c, &e[KEY_ID], made->meta.key_id) ||
        !read_type(c, &e[BSON_TYPE], &type) || !where(c, &made->meta.where))
        return false;
    if (e[QUERIES].start && !read_queries(c, &e[QUERIES], type, &made->qe))
        return false;
    made->meta.algorithm = OC_RANDOM;
    made->meta.qe = &made->qe;
    made->meta.types = type ? OC_TYPE_BIT(type) : 0;
    made->node = (oc_node){.kind = OC_ENCRYPTED, .meta = &made->meta};
    *out = (field){made->qe.path, &made->node, c->field};
    return true;
}

/* ---- the tree ---- */

static int rank(char c) {
    return c == '.' ? 0 : (uint8_t)c;
}

/* By components: a path, then all that is below it, then what only starts with the same letters. No path holds a NUL.
 */
static int compare_paths(const void *one, const void *other) {
    oc_str a = ((const field *)one)->path, b = ((const field *)other)->path;
    for (size_t i = 0; i < a.n && i < b.n; i++)
        if (a.s[i] != b.s[i])
            return rank(a.s[i]) - rank(b.s[i]);
    return (a.n > b.n) - (a.n < b.n);
}

/* In order, what lies at or below a path stands right after it. */
static bool check_overlaps(compiler *c, const field *fields, size_t count) {
    for (size_t i = 1; i < count; i++) {
        oc_str above = fields[i - 1].path, path = fields[i].path;
        if (path.n < above.n || memcmp(path.s, above.s, above.n) != 0 || (path.n > above.n && path.s[above.n] != '.'))
            continue;
        c->level = IN_FIELD;
        c->field = fields[i].index;
        return refuse(c, OC_SCHEMA_FIELDS, "path", "encrypt the one or the other",
                      "The path of an encrypted field is that of another one, or below it");
    }
    return true;
}

static oc_str component(const field *f, size_t from) {
    const char *start = f->path.s + from;
    const char *dot = memchr(start, '.', f->path.n - from);
    return (oc_str){start, dot ? (size_t)(dot - start) : f->path.n - from};
}

static const field *end_of_group(const field *f, const field *end, size_t from) {
    oc_str name = component(f, from);
    const field *next = f + 1;
    while (next < end && oc_str_eq(component(next, from), name))
        next++;
    return next;
}

/* The node of the fields [f, end), which are in order and share their first `from` bytes. NULL: out of memory. */
static const oc_node *build(const compiler *c, const field *f, const field *end, size_t from) {
    size_t count = 0;
    if (end - f == 1 && f->path.n < from) /* the path ended one level above */
        return f->node;
    for (const field *at = f; at < end; at = end_of_group(at, end, from))
        count++;
    oc_node *node = oc_arena_zeroed(c->arena, 1, sizeof *node);
    oc_name_entry *entries = oc_arena_zeroed(c->arena, count, sizeof *entries);
    if (!node || !entries)
        return NULL;
    for (oc_name_entry *entry = entries; f < end; entry++) {
        const field *next = end_of_group(f, end, from);
        entry->name = component(f, from);
        entry->value = build(c, f, next, from + entry->name.n + 1);
        if (!entry->value)
            return NULL;
        f = next;
    }
    if (!oc_name_table_build(&node->children, c->arena, entries, count))
        return NULL;
    node->encrypting = count;
    node->kind = OC_ABOVE;
    return node;
}

static bool compile_fields(compiler *c, const oc_elem *list, const oc_node **root) {
    size_t count = oc_count_members(list);
    field *fields = oc_arena_zeroed(c->arena, count + 1, sizeof *fields);
    oc_iter it = oc_bson_iter(list->value);
    oc_elem e;
    if (!fields)
        return no_memory(c);
    for (c->field = 0; oc_next(&it, &e); c->field++) {
        c->level = IN_FIELD;
        if (e.type != OC_DOCUMENT)
            return refuse(c, OC_WRONG_TYPE, NULL, NULL, "BSON field '%s' holds the wrong type '%s', expected 'object'",
                          label(c), oc_type_name(e.type));
        if (!read_field(c, &e, &fields[c->field]))
            return false;
    }
    qsort(fields, count, sizeof *fields, compare_paths);
    if (!check_overlaps(c, fields, count))
        return false;
    *root = count ? build(c, fields, fields + count, 0) : &oc_plain_node;
    return *root || no_memory(c);
}

/* ---- the document ---- */

/* Versions of the encoding of text that do not exist yet may want other placeholders. */
static bool check_version(const compiler *c, const oc_elem *e) {
    if (e->start && ((e->type != OC_INT32 && e->type != OC_INT64) || integer(e) != 1))
        return refuse(c, OC_SCHEMA_FIELDS, "strEncodeVersion", NULL, "'strEncodeVersion' must be 1");
    return true;
}

bool oc_encrypted_fields_compile(oc_tree *tree, const uint8_t *schema, oc_error *error) {
    compiler c = {.arena = &tree->arena, .error = error};
    oc_elem fields = {0}, version = {0}, e;
    oc_iter it = oc_bson_iter(schema);
    while (oc_next(&it, &e)) {
        oc_elem *to = oc_str_is(e.name, "fields") ? &fields : oc_str_is(e.name, "strEncodeVersion") ? &version : NULL;
        if (!to)
            continue; /* servers and libmongocrypt add to it */
        if (to->start)
            return refuse_duplicate(&c, to == &fields ? "fields" : "strEncodeVersion");
        *to = e;
    }
    if (!fields.start)
        return refuse_missing(&c, "fields");
    if (fields.type != OC_ARRAY)
        return refuse_type(&c, "fields", fields.type, "array");
    return check_version(&c, &version) && compile_fields(&c, &fields, &tree->root);
}
