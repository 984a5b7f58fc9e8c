/* A filter is evaluated whole, also where its result is already known: so an operator that the store does not know is
 * noticed on any document, and oc_filter_check needs no code of its own. */
#include "filter.h"

#include "payload.h"
#include "value.h"

#include <string.h>

typedef struct subject {
    const bson_t *document;
    const char *path; /* of the field that an operator stands under */
    oc_fault *fault;
} subject;

static bool matches(const subject *s, const bson_t *filter);

static bool same(const bson_iter_t *value, void *operand) {
    return oc_payload_is_find(operand) ? oc_payload_match(operand, value) : oc_value_equal(value, operand);
}

static bool any(const bson_iter_t *value, void *unused) {
    (void)value;
    (void)unused;
    return true;
}

static bool present(const subject *s) {
    return oc_value_visit(s->document, s->path, any, NULL);
}

static bool eq(const subject *s, const bson_iter_t *operand) {
    bson_iter_t value = *operand;
    if (BSON_ITER_HOLDS_REGEX(operand)) {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "the store does not match regular expressions");
    }
    if (BSON_ITER_HOLDS_NULL(operand) && !present(s)) {
        return true; /* null means a missing field as well */
    }
    return oc_value_visit(s->document, s->path, same, &value);
}

static bool ne(const subject *s, const bson_iter_t *operand) {
    return !eq(s, operand);
}

static bool in(const subject *s, const bson_iter_t *operand) {
    bson_iter_t element;
    if (!BSON_ITER_HOLDS_ARRAY(operand) || !bson_iter_recurse(operand, &element)) {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "$in and $nin need an array");
    }
    bool found = false;
    while (bson_iter_next(&element)) {
        found |= eq(s, &element);
    }
    return found;
}

static bool nin(const subject *s, const bson_iter_t *operand) {
    return !in(s, operand);
}

static bool exists(const subject *s, const bson_iter_t *operand) {
    return present(s) == bson_iter_as_bool(operand);
}

/* Which of $gt, $gte, $lt, $lte it is stands in the payload. */
static bool in_range(const subject *s, const bson_iter_t *operand) {
    if (!oc_payload_is_find(operand)) {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "the store compares encrypted values only");
    }
    return eq(s, operand);
}

static const struct {
    const char *name;
    bool (*holds)(const subject *s, const bson_iter_t *operand);
} operators[] = {
    {"$eq", eq},       {"$exists", exists}, {"$gt", in_range}, {"$gte", in_range}, {"$in", in},
    {"$lt", in_range}, {"$lte", in_range},  {"$ne", ne},       {"$nin", nin},
};

static bool operator_holds(const subject *s, const bson_iter_t *at) {
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, bson_iter_key(at)) == 0) {
            return operators[i].holds(s, at);
        }
    }
    return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "unknown operator: %s", bson_iter_key(at));
}

/* {$gt: 1, …}: a document of operators, as opposed to a value that happens to be a document. */
static bool is_operators(const bson_iter_t *at) {
    bson_iter_t first;
    return BSON_ITER_HOLDS_DOCUMENT(at) && bson_iter_recurse(at, &first) && bson_iter_next(&first) &&
           bson_iter_key(&first)[0] == '$';
}

static bool field_holds(const subject *s, const bson_iter_t *at) {
    bson_iter_t operator;
    if (!is_operators(at)) {
        return eq(s, at);
    }
    bool all = true;
    bson_iter_recurse(at, &operator);
    while (bson_iter_next(&operator)) {
        all &= operator_holds(s, &operator);
    }
    return all;
}

/* $and, $or, $nor over an array of filters: counts how many match and how many there are. */
static bool logical_holds(const subject *s, const bson_iter_t *at) {
    const char *name = bson_iter_key(at);
    bson_iter_t element;
    bson_t filter;
    size_t count = 0, matching = 0;
    if (!BSON_ITER_HOLDS_ARRAY(at) || !bson_iter_recurse(at, &element)) {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "%s needs an array", name);
    }
    for (; bson_iter_next(&element); count++) {
        if (!oc_value_view(&element, &filter)) {
            return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "%s needs an array of documents", name);
        }
        matching += matches(s, &filter);
    }
    return strcmp(name, "$and") == 0 ? matching == count : (matching > 0) == (strcmp(name, "$or") == 0);
}

/* The operators of encrypted text, and $eq of a path and a payload. Either form is an operator with two operands. */
static bool expression_holds(const subject *s, const bson_iter_t *at) {
    static const char *const operators_of_two[] = {"$encStrContains", "$encStrEndsWith", "$encStrNormalizedEq",
                                                   "$encStrStartsWith", "$eq"};
    bson_iter_t expression, path, payload;
    bool known = bson_iter_recurse(at, &expression) && bson_iter_next(&expression);
    bool listed = false;
    for (size_t i = 0; known && i < sizeof operators_of_two / sizeof *operators_of_two; i++) {
        listed |= strcmp(bson_iter_key(&expression), operators_of_two[i]) == 0;
    }
    if (!listed || !bson_iter_recurse(&expression, &path) || !bson_iter_next(&path) || !BSON_ITER_HOLDS_UTF8(&path) ||
        bson_iter_utf8(&path, NULL)[0] != '$') {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "the store knows no such $expr");
    }
    payload = path;
    if (!bson_iter_next(&payload) || !oc_payload_is_find(&payload)) {
        return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "the store's $expr needs a path and an encrypted value");
    }
    return eq(&(subject){s->document, bson_iter_utf8(&path, NULL) + 1, s->fault}, &payload);
}

static bool is_logical(const char *name) {
    return strcmp(name, "$and") == 0 || strcmp(name, "$or") == 0 || strcmp(name, "$nor") == 0;
}

static bool matches(const subject *s, const bson_t *filter) {
    bson_iter_t at;
    bool all = true;
    bson_iter_init(&at, filter);
    while (bson_iter_next(&at)) {
        const char *key = bson_iter_key(&at);
        if (key[0] != '$') {
            all &= field_holds(&(subject){s->document, key, s->fault}, &at);
        } else if (is_logical(key)) {
            all &= logical_holds(s, &at);
        } else if (strcmp(key, "$expr") == 0) {
            all &= expression_holds(s, &at);
        } else {
            return oc_fault_set(s->fault, OC_FAULT_BAD_VALUE, "unknown top level operator: %s", key);
        }
    }
    return all;
}

bool oc_filter_match(const bson_t *filter, const bson_t *document, oc_fault *fault) {
    bool matched = matches(&(subject){document, "", fault}, filter);
    return matched && fault->code == 0;
}

bool oc_filter_check(const bson_t *filter, oc_fault *fault) {
    bson_t nothing = BSON_INITIALIZER;
    oc_filter_match(filter, &nothing, fault);
    return fault->code == 0;
}
