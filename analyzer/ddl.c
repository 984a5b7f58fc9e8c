/* create, collMod, createIndexes: what a collection keeps about its documents. Nothing is marked here: a filter or an
 * index that would need ciphertext is refused. */

#include "commands.h"
#include "keys.h"
#include "match.h"
#include "view.h"

#define STRINGS (OC_TYPE_BIT(OC_STRING) | OC_TYPE_BIT(OC_SYMBOL))

static bool is_given(const oc_fields *fields, oc_slot slot) {
    return !oc_is_absent(oc_field_get(fields, slot));
}

/* ---- strings below a node ---- */

/* How many nodes a search through a tree may still look at: a command may have as many keys as the schema has nodes. */
typedef struct search {
    size_t left;
} search;

enum { MAX_VISITS = 1000000 };

static bool may_hold_strings(search *s, const oc_node *node);

static bool below_hold_strings(search *s, const oc_node *node) {
    for (size_t i = 0; i < node->children.count; i++)
        if (may_hold_strings(s, node->children.entries[i].value))
            return true;
    for (size_t i = 0; i < node->pattern_count; i++)
        if (may_hold_strings(s, node->patterns[i].node))
            return true;
    for (size_t i = 0; i < node->part_count; i++)
        if (may_hold_strings(s, node->parts[i]))
            return true;
    return node->rest && may_hold_strings(s, node->rest);
}

/* Whether an encrypted string may stand at or below the node. Where the search is given up, or the schema disagrees
 * with itself, it may. */
static bool may_hold_strings(search *s, const oc_node *node) {
    if (node->kind == OC_CONFLICT || s->left == 0)
        return true;
    s->left--;
    if (node->kind == OC_PLAIN)
        return false;
    if (node->kind == OC_ENCRYPTED)
        return oc_meta_may_be(node->meta, STRINGS);
    return below_hold_strings(s, node);
}

/* ---- indexes ---- */

static const oc_field index_fields[] = {
    {"key", OC_SLOT_KEY},
    {"partialFilterExpression", OC_SLOT_FILTER},
    {"collation", OC_SLOT_COLLATION},
    {"expireAfterSeconds", OC_SLOT_EXPIRE},
    {"weights", OC_SLOT_WEIGHTS},
    {"language_override", OC_SLOT_LANGUAGE},
    {"name", OC_SLOT_NONE},
    {"unique", OC_SLOT_NONE},
    {"sparse", OC_SLOT_NONE},
    {"hidden", OC_SLOT_NONE},
    {"storageEngine", OC_SLOT_NONE},
    {"default_language", OC_SLOT_NONE},
    {"textIndexVersion", OC_SLOT_NONE},
    {"2dsphereIndexVersion", OC_SLOT_NONE},
    {"bits", OC_SLOT_NONE},
    {"min", OC_SLOT_NONE},
    {"max", OC_SLOT_NONE},
    {"bucketSize", OC_SLOT_NONE},
    {"wildcardProjection", OC_SLOT_NONE},
    {"background", OC_SLOT_NONE},
    {"v", OC_SLOT_NONE},
    {"ns", OC_SLOT_NONE},
    {"prepareUnique", OC_SLOT_NONE},
    {"clustered", OC_SLOT_NONE},
    {NULL, OC_SLOT_NONE},
};

/* How an index orders or searches a key. */
typedef enum key_order { BY_VALUE, BY_HASH, BY_OTHER } key_order;

static key_order order_of(const oc_elem *key) {
    if (oc_is_number(key->type))
        return BY_VALUE;
    return key->type == OC_STRING && oc_str_is(oc_elem_str(key), "hashed") ? BY_HASH : BY_OTHER;
}

/* The path of a key, for a wildcard key the path that it is below: "$**" is below the root. */
static bool look_up_key(oc_analysis *a, oc_str name, oc_answer *at, bool *wildcard) {
    *wildcard = oc_str_is(name, "$**") || (name.n > 4 && memcmp(name.s + name.n - 4, ".$**", 4) == 0);
    if (name.n == 3 && *wildcard) {
        *at = (oc_answer){.position = a->root->kind == OC_PLAIN ? OC_AT_PLAIN : OC_AT_ABOVE, .node = a->root};
        return true;
    }
    return oc_node_lookup(a->root, (oc_str){name.s, *wildcard ? name.n - 4 : name.n}, &a->lookup, at);
}

static bool fail_key(oc_analysis *a, const oc_path *path, const char *op, const char *hint, const char *message) {
    return oc_fail(a->error, OC_INDEX_KEY, path, op, hint, "%s", message);
}

static bool fail_expiry(oc_analysis *a, const oc_path *path) {
    return fail_key(a, path, "expireAfterSeconds", "let a plain date field say when documents expire",
                    "An encrypted field cannot say when documents expire");
}

static bool encrypted_key(oc_analysis *a, const oc_elem *key, const oc_path *path, const oc_answer *at, bool expires) {
    if (at->node->meta->qe)
        return fail_key(a, path, "key", "the server keeps an index of __safeContent__ for all of them",
                        "An index on a field of Queryable Encryption finds nothing");
    if (at->node->meta->algorithm == OC_RANDOM)
        return fail_key(a, path, "key", "declare the field with the Deterministic algorithm",
                        "An index on a field encrypted with the randomized encryption algorithm finds nothing");
    if (order_of(key) == BY_OTHER)
        return fail_key(a, path, "key", NULL, "An index on an encrypted field must be ascending, descending or hashed");
    return !expires || fail_expiry(a, path);
}

static bool index_key(oc_analysis *a, const oc_elem *key, bool expires, search *strings) {
    oc_answer at;
    bool wildcard;
    oc_path path = {NULL, key->name};
    if (!look_up_key(a, key->name, &at, &wildcard))
        return false;
    if (at.position == OC_AT_PLAIN)
        return true;
    if (at.position == OC_AT_BELOW || (at.position == OC_AT_ENCRYPTED && wildcard))
        return fail_key(a, &path, "key", "index the whole encrypted field", "An index below an encrypted field");
    if (at.position == OC_AT_ENCRYPTED && !encrypted_key(a, key, &path, &at, expires))
        return false;
    if (at.position == OC_AT_ABOVE && order_of(key) != BY_VALUE)
        return fail_key(a, &path, "key", "index plain fields one by one",
                        "An index on a field that has encrypted fields below it must be ascending or descending");
    if (a->collation && may_hold_strings(strings, at.node))
        return oc_fail(a->error, OC_COLLATION, &path, "collation",
                       "leave the collation out, or use {locale: \"simple\"}",
                       "Cannot index an encrypted string under a collation other than simple");
    return true;
}

/* The fields of a text index that are named elsewhere. */
static bool plain_path(oc_analysis *a, oc_str name, const char *op) {
    oc_answer at;
    bool wildcard;
    if (!look_up_key(a, name, &at, &wildcard))
        return false;
    return at.position == OC_AT_PLAIN ||
           fail_key(a, &(oc_path){NULL, name}, op, "name plain fields",
                    "A text index cannot read an encrypted field, nor one above or below it");
}

static bool text_options(oc_analysis *a, const oc_fields *fields) {
    const oc_elem *weights = oc_field_get(fields, OC_SLOT_WEIGHTS);
    const oc_elem *language = oc_field_get(fields, OC_SLOT_LANGUAGE);
    oc_elem e;
    if (!oc_is_absent(language) && language->type != OC_STRING)
        return oc_fail_type(a, language, OC_STRING);
    if (!oc_is_absent(language) && !plain_path(a, oc_elem_str(language), "language_override"))
        return false;
    if (oc_is_absent(weights))
        return true;
    if (weights->type != OC_DOCUMENT)
        return oc_fail_type(a, weights, OC_DOCUMENT);
    oc_iter it = oc_bson_iter(weights->value);
    while (oc_next(&it, &e))
        if (!plain_path(a, e.name, "weights"))
            return false;
    return true;
}

static bool index_document(oc_analysis *a, const uint8_t *doc, const char *label, search *strings) {
    oc_fields fields;
    oc_elem e;
    if (!oc_fields_collect(a, doc, index_fields, false, label, &fields))
        return false;
    const oc_elem *key = oc_field_get(&fields, OC_SLOT_KEY);
    if (!key)
        return oc_fail_missing(a, label, "key");
    if (key->type != OC_DOCUMENT)
        return oc_fail_type(a, key, OC_DOCUMENT);
    if (!oc_collation(a, oc_field_get(&fields, OC_SLOT_COLLATION), &a->collation))
        return false;
    bool expires = is_given(&fields, OC_SLOT_EXPIRE);
    oc_iter it = oc_bson_iter(key->value);
    while (oc_next(&it, &e))
        if (!index_key(a, &e, expires, strings))
            return false;
    return text_options(a, &fields) &&
           oc_stored_filter(a, oc_field_get(&fields, OC_SLOT_FILTER), "partial filter expression", NULL);
}

bool oc_analyze_create_indexes(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    const oc_elem *list = oc_field_get(fields, OC_SLOT_STATEMENTS);
    search strings = {.left = MAX_VISITS};
    oc_elem e;
    (void)frame;
    if (!list)
        return oc_fail_missing(a, "createIndexes", "indexes");
    if (list->type != OC_ARRAY)
        return oc_fail_type(a, list, OC_ARRAY);
    oc_iter it = oc_bson_iter(list->value);
    while (oc_next(&it, &e)) {
        if (e.type != OC_DOCUMENT)
            return oc_fail(a->error, OC_WRONG_TYPE, NULL, "indexes", NULL,
                           "BSON field 'createIndexes.indexes' must hold objects only, found %s", oc_type_name(e.type));
        if (!index_document(a, e.value, "createIndexes.indexes", &strings))
            return false;
    }
    return true;
}

/* ---- collections ---- */

static bool time_series_path(oc_analysis *a, const oc_elem *e) {
    oc_answer at;
    if (oc_is_absent(e))
        return true;
    if (e->type != OC_STRING)
        return oc_fail_type(a, e, OC_STRING);
    oc_path path = {NULL, oc_elem_str(e)};
    if (!oc_node_lookup(a->root, path.name, &a->lookup, &at))
        return false;
    return at.position == OC_AT_PLAIN ||
           oc_fail(a->error, OC_COLLECTION_OPTION, &path, "timeseries", "name a plain field",
                   "A time series cannot be arranged by an encrypted field, nor by one above or below it");
}

/* The server sorts and groups by the fields that are named here. */
static bool time_series(oc_analysis *a, const oc_elem *e) {
    static const oc_field rows[] = {
        {"timeField", OC_SLOT_SORT},
        {"metaField", OC_SLOT_KEY},
        {"granularity", OC_SLOT_NONE},
        {"bucketMaxSpanSeconds", OC_SLOT_NONE},
        {"bucketRoundingSeconds", OC_SLOT_NONE},
        {NULL, OC_SLOT_NONE},
    };
    oc_fields fields;
    if (oc_is_absent(e))
        return true;
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(a, e, OC_DOCUMENT);
    return oc_fields_collect(a, e->value, rows, false, "timeseries", &fields) &&
           time_series_path(a, oc_field_get(&fields, OC_SLOT_SORT)) &&
           time_series_path(a, oc_field_get(&fields, OC_SLOT_KEY));
}

/* idIndex and clusteredIndex: an index on _id. */
static bool id_index(oc_analysis *a, const oc_elem *e, const char *label) {
    search strings = {.left = MAX_VISITS};
    if (oc_is_absent(e) || e->type == OC_BOOL)
        return true;
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(a, e, OC_DOCUMENT);
    return index_document(a, e->value, label, &strings);
}

/* Whatever it is: no collation ever applies to ciphertext. */
static bool default_collation(oc_analysis *a, const oc_elem *e) {
    bool not_simple;
    return oc_collation(a, e, &not_simple);
}

static bool no_encrypted_fields(oc_analysis *a, const oc_elem *e) {
    return oc_is_absent(e) || a->qe ||
           oc_fail(a->error, OC_SCHEMA_SOURCE, NULL, "encryptedFields",
                   "encrypt a collection either with jsonSchema or with encryptedFields",
                   "encryptedFields cannot be given where the jsonSchema of the request encrypts something");
}

static bool validator(oc_analysis *a, const oc_fields *fields) {
    return oc_stored_filter(a, oc_field_get(fields, OC_SLOT_FILTER), "collection validator", a->schema);
}

/* A clustered collection lets documents expire by their _id. */
static bool check_id_expiry(oc_analysis *a) {
    static const oc_str id = {"_id", 3};
    oc_answer at;
    return oc_node_lookup(a->root, id, &a->lookup, &at) &&
           (at.position != OC_AT_ENCRYPTED || fail_expiry(a, &(oc_path){NULL, id}));
}

bool oc_analyze_create(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    bool expires = is_given(fields, OC_SLOT_EXPIRE) && is_given(fields, OC_SLOT_CLUSTERED);
    return oc_view(a, frame, fields) && no_encrypted_fields(a, oc_field_get(fields, OC_SLOT_ENCRYPTED_FIELDS)) &&
           validator(a, fields) && time_series(a, oc_field_get(fields, OC_SLOT_TIME_SERIES)) &&
           default_collation(a, oc_field_get(fields, OC_SLOT_COLLATION)) &&
           id_index(a, oc_field_get(fields, OC_SLOT_ID_INDEX), "create.idIndex") &&
           id_index(a, oc_field_get(fields, OC_SLOT_CLUSTERED), "create.clusteredIndex") &&
           (!expires || check_id_expiry(a));
}

static bool expiring_key(oc_analysis *a, const oc_elem *key) {
    oc_elem e;
    if (oc_is_absent(key))
        return oc_fail(a->error, OC_INDEX_KEY, NULL, "expireAfterSeconds", "say which index by its keyPattern",
                       "An index whose keys are not given might let documents expire by an encrypted field");
    if (key->type != OC_DOCUMENT)
        return oc_fail_type(a, key, OC_DOCUMENT);
    oc_iter it = oc_bson_iter(key->value);
    while (oc_next(&it, &e)) {
        oc_answer at;
        if (!oc_node_lookup(a->root, e.name, &a->lookup, &at))
            return false;
        if (at.position == OC_AT_ENCRYPTED || at.position == OC_AT_BELOW)
            return fail_expiry(a, &(oc_path){NULL, e.name});
    }
    return true;
}

static bool changed_index(oc_analysis *a, const oc_elem *e) {
    static const oc_field rows[] = {
        {"keyPattern", OC_SLOT_KEY},      {"expireAfterSeconds", OC_SLOT_EXPIRE},
        {"name", OC_SLOT_NONE},           {"hidden", OC_SLOT_NONE},
        {"unique", OC_SLOT_NONE},         {"prepareUnique", OC_SLOT_NONE},
        {"forceNonUnique", OC_SLOT_NONE}, {NULL, OC_SLOT_NONE},
    };
    oc_fields fields;
    if (oc_is_absent(e))
        return true;
    if (e->type != OC_DOCUMENT)
        return oc_fail_type(a, e, OC_DOCUMENT);
    return oc_fields_collect(a, e->value, rows, false, "collMod.index", &fields) &&
           (!is_given(&fields, OC_SLOT_EXPIRE) || expiring_key(a, oc_field_get(&fields, OC_SLOT_KEY)));
}

/* "off" ends the expiry. */
static bool changed_expiry(oc_analysis *a, const oc_elem *e) {
    return oc_is_absent(e) || (e->type == OC_STRING && oc_str_is(oc_elem_str(e), "off")) || check_id_expiry(a);
}

bool oc_analyze_coll_mod(oc_analysis *a, oc_frame *frame, const oc_fields *fields) {
    return oc_view(a, frame, fields) && validator(a, fields) &&
           time_series(a, oc_field_get(fields, OC_SLOT_TIME_SERIES)) &&
           changed_index(a, oc_field_get(fields, OC_SLOT_KEY)) &&
           changed_expiry(a, oc_field_get(fields, OC_SLOT_EXPIRE));
}
