/* encryptedFields: a field is made together with its description. */

#include <string.h>

#include "model.h"

static const char *alias_of(const metadata *meta) {
    for (unsigned i = 0; i < type_count; i++)
        if (meta->types & 1u << i)
            return type_table[i].alias;
    return "";
}

static uint32_t bit_of(uint8_t type) {
    for (unsigned i = 0; i < type_count; i++)
        if (type_table[i].type == type)
            return 1u << i;
    return 0;
}

static value *decimal(pool *p, uint64_t low, uint64_t high) {
    return value_scalar(p, T_DECIMAL, (uint64_t[2]){low, high}, 16);
}

static value *number(pool *p, uint8_t type, int n) {
    int64_t wide = n;
    switch (type) {
    case T_INT: return value_int(p, n);
    case T_DOUBLE: return value_double(p, n);
    case T_DECIMAL: return decimal(p, (uint64_t)n, 0x3040000000000000u);
    default: return value_scalar(p, type, &wide, sizeof wide);
    }
}

/* The ends of a type: of double and decimal the greatest finite numbers. */
static value *extreme(pool *p, uint8_t type, bool greatest) {
    int64_t wide = greatest ? INT64_MAX : INT64_MIN;
    switch (type) {
    case T_INT: return value_int(p, greatest ? INT32_MAX : INT32_MIN);
    case T_DOUBLE: return value_double(p, greatest ? 1.7976931348623157e308 : -1.7976931348623157e308);
    case T_DECIMAL: return decimal(p, 0x378d8e63ffffffffu, greatest ? 0x5fffed09bead87c0u : 0xdfffed09bead87c0u);
    default: return value_scalar(p, type, &wide, sizeof wide);
    }
}

static value *query(pool *p, const char *type) {
    return value_one(p, "queryType", value_string(p, type));
}

static void put_contention(rng *r, pool *p, queryable *q, value *to) {
    q->contention = 8;
    if (rng_percent(r, 50))
        return;
    q->contention = rng_below(r, 9);
    value_put(p, to, "contention",
              rng_percent(r, 50) ? value_int(p, (int32_t)q->contention) : value_long(p, q->contention));
}

static bool has_fraction(uint8_t type) {
    return type == T_DOUBLE || type == T_DECIMAL;
}

static void put_bounds(rng *r, pool *p, queryable *q, uint8_t type, value *to) {
    static const int powers[] = {1, 10, 100};
    int greatest = rng_percent(r, 40) ? 10 : rng_percent(r, 50) ? 127 : 1000, scale = 1;
    q->min = number(p, type, 0);
    q->max = number(p, type, greatest);
    value_put(p, to, "min", q->min);
    value_put(p, to, "max", q->max);
    if (has_fraction(type) && rng_percent(r, 60)) {
        q->precision = (int32_t)rng_below(r, 3);
        scale = powers[q->precision];
        value_put(p, to, "precision", value_int(p, q->precision));
    }
    if (greatest * scale < 128 && (q->precision >= 0 || !has_fraction(type)))
        q->find_trim = -1;
}

static value *range(rng *r, pool *p, queryable *q, uint8_t type) {
    value *made = query(p, "range");
    q->min = extreme(p, type, false);
    q->max = extreme(p, type, true);
    q->find_trim = 6;
    q->sparsity = 2;
    if (rng_percent(r, 60))
        put_bounds(r, p, q, type, made);
    if (rng_percent(r, 40)) {
        q->sparsity = 1 + rng_below(r, 4);
        value_put(p, made, "sparsity", value_long(p, q->sparsity));
    }
    if (rng_percent(r, 40)) {
        q->trim = q->find_trim = (int32_t)rng_below(r, 3);
        value_put(p, made, "trimFactor", value_int(p, q->trim));
    }
    put_contention(r, p, q, made);
    return made;
}

static value *text_query(pool *p, const queryable *q, const char *type, const text_lengths *of) {
    value *made = query(p, type);
    if (of->mlen)
        value_put(p, made, "strMaxLength", value_int(p, of->mlen));
    value_put(p, made, "strMinQueryLength", value_int(p, of->lb));
    value_put(p, made, "strMaxQueryLength", value_int(p, of->ub));
    value_put(p, made, "caseSensitive", value_bool(p, !q->fold_case));
    if (q->fold_diacritics)
        value_put(p, made, "diacriticSensitive", value_bool(p, false));
    value_put(p, made, "contention", value_int(p, (int32_t)q->contention));
    return made;
}

static value *text(rng *r, pool *p, queryable *q) {
    unsigned kind = rng_below(r, 4);
    q->fold_case = rng_percent(r, 50);
    q->fold_diacritics = rng_percent(r, 30);
    q->contention = rng_below(r, 9);
    if (kind == 0) {
        q->substring = (text_lengths){2, 5, 60};
        return text_query(p, q, rng_percent(r, 70) ? "substring" : "substringPreview", &q->substring);
    }
    if (kind != 1)
        q->prefix = (text_lengths){1 + (int32_t)rng_below(r, 2), 9, 0};
    if (kind != 2)
        q->suffix = (text_lengths){1, 8, 0};
    value *prefix = q->prefix.ub ? text_query(p, q, "prefix", &q->prefix) : NULL;
    value *suffix = q->suffix.ub ? text_query(p, q, "suffix", &q->suffix) : NULL;
    if (!prefix || !suffix)
        return prefix ? prefix : suffix;
    value *both = value_array(p);
    value_push(p, both, prefix);
    value_push(p, both, suffix);
    return both;
}

/* Any type but null and its like; equality and range have few. */
static uint8_t random_type(rng *r, int index) {
    static const uint8_t ranged[] = {T_INT, T_INT, T_LONG, T_DATE, T_DOUBLE, T_DECIMAL};
    static const uint8_t equal[] = {T_STRING, T_STRING, T_INT, T_LONG, T_DATE, T_OID, T_BINARY, T_TIMESTAMP, T_BOOL};
    switch (index) {
    case EQUALITY_INDEX: return equal[rng_below(r, sizeof equal)];
    case RANGE_INDEX: return ranged[rng_below(r, sizeof ranged)];
    case TEXT_INDEX: return T_STRING;
    default: return type_table[rng_below(r, type_count)].type;
    }
}

static value *random_query(rng *r, pool *p, queryable *q, uint8_t type) {
    value *made;
    switch (q->index) {
    case EQUALITY_INDEX:
        made = query(p, "equality");
        put_contention(r, p, q, made);
        return made;
    case RANGE_INDEX: return range(r, p, q, type);
    case TEXT_INDEX: return text(r, p, q);
    default: return rng_percent(r, 20) ? query(p, "none") : NULL;
    }
}

static value *in_list(pool *p, value *query) {
    value *list = value_array(p);
    value_push(p, list, query);
    return list;
}

model *queryable_leaf(rng *r, pool *p, const char *path, int key) {
    static const int indexes[] = {UNINDEXED,   UNINDEXED,   EQUALITY_INDEX, EQUALITY_INDEX, EQUALITY_INDEX,
                                  RANGE_INDEX, RANGE_INDEX, RANGE_INDEX,    TEXT_INDEX,     TEXT_INDEX};
    model *leaf = pool_take(p, sizeof *leaf);
    queryable *q = pool_take(p, sizeof *q);
    uint8_t id[16] = {0}, type;
    id[15] = (uint8_t)key;
    *q = (queryable){
        .index = indexes[rng_below(r, sizeof indexes / sizeof *indexes)], .path = path, .precision = -1, .trim = -1};
    type = random_type(r, q->index);
    leaf->encrypted = leaf->encrypts = true;
    leaf->meta = (metadata){.algorithm = RANDOM, .key = key, .types = bit_of(type), .qe = q};
    value *field = value_one(p, "path", value_string(p, path)), *queries = random_query(r, p, q, type);
    value_put(p, field, "keyId", value_binary(p, 4, id, sizeof id));
    value_put(p, field, "bsonType", value_string(p, alias_of(&leaf->meta)));
    if (queries)
        value_put(p, field, "queries", queries->type == T_DOC && rng_percent(r, 30) ? in_list(p, queries) : queries);
    q->field = field;
    return leaf;
}

static void put_fields(pool *p, value *list, const model *at) {
    if (at->encrypted)
        value_push(p, list, at->meta.qe->field);
    for (const member *e = at->members; e; e = e->next)
        put_fields(p, list, e->model);
}

value *queryable_fields(pool *p, const model *root) {
    value *list = value_array(p);
    put_fields(p, list, root);
    return value_one(p, "fields", list);
}

bool metadata_filterable(const metadata *m) {
    return metadata_comparable(m) || (m->qe && (m->qe->index == EQUALITY_INDEX || m->qe->index == RANGE_INDEX));
}

const metadata *collection_metadata(const collection *c, const char *path) {
    for (unsigned i = 0; i < c->place_count; i++)
        if (strcmp(c->places[i].path, path) == 0)
            return c->places[i].meta;
    return NULL;
}
