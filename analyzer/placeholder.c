#include "placeholder.h"

#include "public.h"

/* Documents of several kinds, each a list of members. A BinData is a UUID wherever one may stand. */
typedef struct member {
    const char *name;
    uint8_t type; /* 0: any */
    bool required;
} member;

typedef struct reader {
    const oc_path *path;
    oc_error *error;
    oc_placeholder *out;
} reader;

static bool refuse(const reader *r, const char *name, const char *what) {
    return oc_fail(r->error, OC_MALFORMED_PLACEHOLDER, r->path, name, NULL, "Malformed placeholder: '%s' %s", name,
                   what);
}

static bool check_type(const reader *r, const member *row, const oc_elem *e) {
    if (row->type && e->type != row->type)
        return oc_fail(r->error, OC_MALFORMED_PLACEHOLDER, r->path, row->name, NULL,
                       "Malformed placeholder: '%s' must be of type %s, found %s", row->name, oc_type_name(row->type),
                       oc_type_name(e->type));
    if (e->type == OC_BINARY && row->type && (e->value[4] != 4 || oc_u32(e->value) != 16))
        return refuse(r, row->name, "must be a UUID");
    return true;
}

/* out[i] is the member of rows[i]; one that is not there has start == NULL. `open`: other members are passed over. */
static bool collect(const reader *r, const uint8_t *doc, const member *rows, size_t count, bool open, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        size_t i = 0;
        while (i < count && !oc_str_is(e.name, rows[i].name))
            i++;
        if (i == count && open)
            continue;
        if (i == count)
            return refuse(r, oc_name(e.name).text, "is an unknown field");
        if (out[i].start)
            return refuse(r, rows[i].name, "is a duplicate field");
        if (!check_type(r, &rows[i], &e))
            return false;
        out[i] = e;
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i].required && !out[i].start)
            return refuse(r, rows[i].name, "is missing");
    return true;
}

/* ---- values ---- */

static int32_t int_of(const oc_elem *e) {
    return (int32_t)oc_u32(e->value);
}

/* An int that is not negative, or -1 if it is not there. */
static bool read_count(const reader *r, const oc_elem *e, const char *name, int32_t *out) {
    *out = e->start ? int_of(e) : -1;
    return !e->start || *out >= 0 || refuse(r, name, "must not be negative");
}

static bool read_choice(const reader *r, const oc_elem *e, const char *name, int32_t most, int32_t *out) {
    *out = int_of(e);
    return (*out >= 1 && *out <= most) || refuse(r, name, "has an unknown value");
}

static bool is_range_type(uint8_t type) {
    return type == OC_INT32 || type == OC_INT64 || type == OC_DATE || type == OC_DOUBLE || type == OC_DECIMAL128;
}

static void set_key(reader *r, const oc_elem *uuid) {
    r->out->public.key_id = uuid->value + 5;
}

/* ---- CSFLE ---- */

static bool read_csfle(reader *r, const uint8_t *doc) {
    enum { A, KI, KA, V, COUNT };
    static const member rows[COUNT] = {
        {"a", OC_INT32, true}, {"ki", OC_BINARY, false}, {"ka", OC_STRING, false}, {"v", 0, true}};
    oc_elem e[COUNT] = {0};
    opencrypt_placeholder *out = &r->out->public;
    int32_t algorithm;
    if (!collect(r, doc, rows, COUNT, false, e) || !read_choice(r, &e[A], "a", 2, &algorithm))
        return false;
    if (!e[KI].start == !e[KA].start)
        return refuse(r, "ki", e[KI].start ? "and 'ka' are both there" : "is missing, and so is 'ka'");
    out->algorithm = (opencrypt_algorithm)algorithm;
    if (e[KI].start) {
        set_key(r, &e[KI]);
    } else {
        out->key_name = oc_elem_str(&e[KA]).s;
        out->key_name_len = oc_elem_str(&e[KA]).n;
    }
    out->value = oc_value_of(&e[V]);
    return true;
}

/* ---- Queryable Encryption: a range that is stored ---- */

static bool read_stored_range(reader *r, const uint8_t *spec) {
    enum { V, MIN, MAX, PRECISION, TRIM, COUNT };
    static const member rows[COUNT] = {{"v", 0, true},
                                       {"min", 0, true},
                                       {"max", 0, true},
                                       {"precision", OC_INT32, false},
                                       {"trimFactor", OC_INT32, false}};
    oc_elem e[COUNT] = {0};
    opencrypt_index *index = &r->out->index;
    if (!collect(r, spec, rows, COUNT, true, e))
        return false;
    if (!is_range_type(e[V].type))
        return refuse(r, "v", "is not of a type that has a range index");
    if (e[MIN].type != e[V].type || e[MAX].type != e[V].type)
        return refuse(r, e[MIN].type != e[V].type ? "min" : "max", "is not of the type of the value");
    r->out->public.value = oc_value_of(&e[V]);
    index->min = oc_value_of(&e[MIN]);
    index->max = oc_value_of(&e[MAX]);
    return read_count(r, &e[PRECISION], "precision", &index->precision) &&
           read_count(r, &e[TRIM], "trimFactor", &index->trim_factor);
}

/* ---- a range that is compared ---- */

static bool is_infinite(const oc_elem *e) {
    return e->type == OC_DOUBLE && (oc_u64(e->value) << 1) == 0xFFE0000000000000u;
}

static bool read_bound(const reader *r, const oc_elem *e, const char *name, uint8_t type, opencrypt_value *out) {
    *out = oc_value_of(e);
    return e->type == type || is_infinite(e) || refuse(r, name, "is not of the type of the index");
}

static bool read_edges(reader *r, const uint8_t *doc) {
    enum { LOWER, LOWER_INCLUDED, UPPER, UPPER_INCLUDED, PRECISION, TRIM, MIN, MAX, COUNT };
    static const member rows[COUNT] = {
        {"lowerBound", 0, true},       {"lbIncluded", OC_BOOL, true},  {"upperBound", 0, true},
        {"ubIncluded", OC_BOOL, true}, {"precision", OC_INT32, false}, {"trimFactor", OC_INT32, false},
        {"indexMin", 0, true},         {"indexMax", 0, true},
    };
    oc_elem e[COUNT] = {0};
    opencrypt_index *index = &r->out->index;
    opencrypt_bounds *bounds = &r->out->bounds;
    if (!collect(r, doc, rows, COUNT, true, e))
        return false;
    if (!is_range_type(e[MIN].type))
        return refuse(r, "indexMin", "is not of a type that has a range index");
    if (e[MAX].type != e[MIN].type)
        return refuse(r, "indexMax", "is not of the type of 'indexMin'");
    index->min = oc_value_of(&e[MIN]);
    index->max = oc_value_of(&e[MAX]);
    bounds->lower_included = e[LOWER_INCLUDED].value[0];
    bounds->upper_included = e[UPPER_INCLUDED].value[0];
    return read_bound(r, &e[LOWER], "lowerBound", e[MIN].type, &bounds->lower) &&
           read_bound(r, &e[UPPER], "upperBound", e[MIN].type, &bounds->upper) &&
           read_count(r, &e[PRECISION], "precision", &index->precision) &&
           read_count(r, &e[TRIM], "trimFactor", &index->trim_factor);
}

static bool read_comparison(const reader *r, const oc_elem *e, const char *name, opencrypt_comparison *out) {
    int32_t n = e->start ? int_of(e) : OPENCRYPT_COMPARISON_NONE;
    *out = (opencrypt_comparison)n;
    return (n >= OPENCRYPT_COMPARISON_NONE && n <= OPENCRYPT_LTE) || refuse(r, name, "has an unknown value");
}

static bool read_compared_range(reader *r, const uint8_t *spec) {
    enum { EDGES, ID, FIRST, SECOND, COUNT };
    static const member rows[COUNT] = {{"edgesInfo", OC_DOCUMENT, false},
                                       {"payloadId", OC_INT32, true},
                                       {"firstOperator", OC_INT32, true},
                                       {"secondOperator", OC_INT32, false}};
    oc_elem e[COUNT] = {0};
    opencrypt_bounds *bounds = &r->out->bounds;
    if (!collect(r, spec, rows, COUNT, true, e))
        return false;
    r->out->public.bounds = bounds;
    bounds->payload_id = int_of(&e[ID]);
    bounds->refers = !e[EDGES].start;
    return read_comparison(r, &e[FIRST], "firstOperator", &bounds->first) &&
           read_comparison(r, &e[SECOND], "secondOperator", &bounds->second) &&
           (bounds->refers || read_edges(r, e[EDGES].value));
}

/* ---- text ---- */

/* {mlen, ub, lb}; not there: nothing. */
static bool read_lengths(const reader *r, const oc_elem *spec, const char *name, bool substring,
                         opencrypt_lengths *out) {
    enum { LONGEST, UPPER, LOWER, COUNT };
    const member rows[COUNT] = {{"mlen", OC_INT32, substring}, {"ub", OC_INT32, true}, {"lb", OC_INT32, true}};
    oc_elem e[COUNT] = {0};
    if (!spec->start)
        return true;
    if (!collect(r, spec->value, rows, COUNT, true, e))
        return false;
    *out = (opencrypt_lengths){.min_query = int_of(&e[LOWER]),
                               .max_query = int_of(&e[UPPER]),
                               .max_length = substring ? int_of(&e[LONGEST]) : 0};
    return (out->min_query > 0 && out->max_query >= out->min_query &&
            (!substring || out->max_length >= out->max_query)) ||
           refuse(r, name, "has lengths that contradict each other");
}

static bool read_text(reader *r, const uint8_t *spec) {
    enum { V, FOLD_CASE, FOLD_DIACRITICS, PREFIX, SUFFIX, SUBSTRING, COUNT };
    static const member rows[COUNT] = {{"v", OC_STRING, true},         {"casef", OC_BOOL, true},
                                       {"diacf", OC_BOOL, true},       {"prefix", OC_DOCUMENT, false},
                                       {"suffix", OC_DOCUMENT, false}, {"substr", OC_DOCUMENT, false}};
    oc_elem e[COUNT] = {0};
    opencrypt_index *index = &r->out->index;
    if (!collect(r, spec, rows, COUNT, true, e))
        return false;
    int kinds = !!e[PREFIX].start + !!e[SUFFIX].start + !!e[SUBSTRING].start;
    if (r->out->public.use == OPENCRYPT_USE_COMPARED ? kinds > 1 : kinds == 0)
        return refuse(r, "v",
                      kinds ? "has more than one of 'prefix', 'suffix' and 'substr'"
                            : "has none of 'prefix', 'suffix' and 'substr'");
    r->out->public.value = oc_value_of(&e[V]);
    index->case_sensitive = !e[FOLD_CASE].value[0];
    index->diacritic_sensitive = !e[FOLD_DIACRITICS].value[0];
    return read_lengths(r, &e[PREFIX], "prefix", false, &index->prefix) &&
           read_lengths(r, &e[SUFFIX], "suffix", false, &index->suffix) &&
           read_lengths(r, &e[SUBSTRING], "substr", true, &index->substring);
}

/* ---- Queryable Encryption ---- */

static bool read_numbers(reader *r, const oc_elem *contention, const oc_elem *sparsity) {
    opencrypt_index *index = &r->out->index;
    index->contention = (int64_t)oc_u64(contention->value);
    index->sparsity = sparsity->start ? (int64_t)oc_u64(sparsity->value) : 0;
    if (index->contention < 0 || index->contention == INT64_MAX)
        return refuse(r, "cm", "is out of range");
    return index->sparsity >= 0 || refuse(r, "s", "must not be negative");
}

static bool read_indexed_value(reader *r, const oc_elem *v) {
    opencrypt_placeholder *out = &r->out->public;
    if (out->algorithm != OPENCRYPT_RANGE && out->algorithm != OPENCRYPT_TEXT) {
        out->value = oc_value_of(v);
        return true;
    }
    if (v->type != OC_DOCUMENT)
        return refuse(r, "v", "must be a document, as its algorithm has it");
    if (out->algorithm == OPENCRYPT_TEXT)
        return read_text(r, v->value);
    return out->use == OPENCRYPT_USE_STORED ? read_stored_range(r, v->value) : read_compared_range(r, v->value);
}

static bool read_queryable(reader *r, const uint8_t *doc) {
    enum { T, A, KI, KU, V, CM, S, COUNT };
    static const member rows[COUNT] = {{"t", OC_INT32, true},   {"a", OC_INT32, true}, {"ki", OC_BINARY, true},
                                       {"ku", OC_BINARY, true}, {"v", 0, true},        {"cm", OC_INT64, true},
                                       {"s", OC_INT64, false}};
    static const opencrypt_algorithm algorithms[] = {
        [1] = OPENCRYPT_UNINDEXED, [2] = OPENCRYPT_EQUALITY, [3] = OPENCRYPT_RANGE, [4] = OPENCRYPT_TEXT};
    oc_elem e[COUNT] = {0};
    opencrypt_placeholder *out = &r->out->public;
    int32_t use, algorithm;
    if (!collect(r, doc, rows, COUNT, true, e) || !read_choice(r, &e[T], "t", 2, &use) ||
        !read_choice(r, &e[A], "a", 4, &algorithm))
        return false;
    out->use = (opencrypt_use)use;
    out->algorithm = algorithms[algorithm];
    set_key(r, &e[KI]);
    out->user_key_id = e[KU].value + 5;
    out->index = &r->out->index;
    return read_numbers(r, &e[CM], &e[S]) && read_indexed_value(r, &e[V]);
}

bool oc_placeholder_read(const uint8_t *bytes, size_t len, const oc_path *path, oc_error *error, oc_placeholder *out) {
    reader r = {path, error, out};
    oc_bson_report report;
    *out = (oc_placeholder){.public = {.bytes = bytes, .len = len}, .index = {.precision = -1, .trim_factor = -1}};
    if (oc_bson_check(bytes + 1, len - 1, NULL, &report) != OC_BSON_OK)
        return oc_fail(error, OC_MALFORMED_PLACEHOLDER, path, NULL, NULL,
                       "Malformed placeholder: no well-formed BSON, at byte %zu of its document", report.offset);
    return bytes[0] == 0 ? read_csfle(&r, bytes + 1) : read_queryable(&r, bytes + 1);
}
