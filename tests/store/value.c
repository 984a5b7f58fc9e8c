#include "value.h"

#include <math.h>
#include <string.h>

/* Doubles beyond this do not hold every integer, so they are not compared as one. */
#define EXACT_INTEGERS 9007199254740992.0

void oc_value_wrap(const bson_iter_t *value, bson_t *out) {
    bson_init(out);
    if (BSON_ITER_HOLDS_INT32(value)) {
        BSON_APPEND_INT64(out, "", bson_iter_int32(value));
        return;
    }
    if (BSON_ITER_HOLDS_DOUBLE(value)) {
        double number = bson_iter_double(value);
        if (fabs(number) <= EXACT_INTEGERS && trunc(number) == number) {
            BSON_APPEND_INT64(out, "", (int64_t)number);
            return;
        }
    }
    bson_append_iter(out, "", 0, value);
}

bool oc_value_equal(const bson_iter_t *a, const bson_iter_t *b) {
    bson_t left, right;
    oc_value_wrap(a, &left);
    oc_value_wrap(b, &right);
    bool equal = bson_equal(&left, &right);
    bson_destroy(&left);
    bson_destroy(&right);
    return equal;
}

typedef struct visit {
    oc_value_visitor visit;
    void *context;
} visit;

/* The end of a path. */
static bool arrive(const bson_iter_t *value, const visit *v) {
    if (v->visit(value, v->context)) {
        return true;
    }
    bson_iter_t element;
    if (!BSON_ITER_HOLDS_ARRAY(value) || !bson_iter_recurse(value, &element)) {
        return false;
    }
    while (bson_iter_next(&element)) {
        if (v->visit(&element, v->context)) {
            return true;
        }
    }
    return false;
}

/* Follows `path` from the fields (or elements) that `at` is about to read. */
static bool follow(bson_iter_t at, bool in_array, const char *path, const visit *v) {
    size_t head = strcspn(path, ".");
    const char *rest = path[head] == '.' ? path + head + 1 : NULL;
    while (bson_iter_next(&at)) {
        const char *key = bson_iter_key(&at);
        bson_iter_t below;
        bool nested = bson_iter_recurse(&at, &below);
        if (strncmp(key, path, head) == 0 && key[head] == '\0') {
            if (rest ? nested && follow(below, BSON_ITER_HOLDS_ARRAY(&at), rest, v) : arrive(&at, v)) {
                return true;
            }
        }
        /* {a: [{b: 1}]} has a 1 at "a.b": the fields of an array's elements count as those of the array. */
        if (in_array && BSON_ITER_HOLDS_DOCUMENT(&at) && nested && follow(below, false, path, v)) {
            return true;
        }
    }
    return false;
}

bool oc_value_visit(const bson_t *document, const char *path, oc_value_visitor visitor, void *context) {
    bson_iter_t at;
    visit v = {visitor, context};
    return bson_iter_init(&at, document) && follow(at, false, path, &v);
}

bool oc_value_view(const bson_iter_t *value, bson_t *out) {
    uint32_t length;
    const uint8_t *data;
    if (BSON_ITER_HOLDS_DOCUMENT(value)) {
        bson_iter_document(value, &length, &data);
    } else if (BSON_ITER_HOLDS_ARRAY(value)) {
        bson_iter_array(value, &length, &data);
    } else {
        return false;
    }
    return bson_init_static(out, data, length);
}

static bool typed(const bson_t *parent, const char *name, bson_type_t type, bson_t *out, oc_fault *fault) {
    static const uint8_t nothing[] = {5, 0, 0, 0, 0};
    bson_iter_t at;
    if (!bson_iter_init_find(&at, parent, name)) {
        return bson_init_static(out, nothing, sizeof nothing);
    }
    if (bson_iter_type(&at) != type || !oc_value_view(&at, out)) {
        return oc_fault_set(fault, OC_FAULT_TYPE_MISMATCH, "field '%s' has the wrong type", name);
    }
    return true;
}

bool oc_value_document(const bson_t *parent, const char *name, bson_t *out, oc_fault *fault) {
    return typed(parent, name, BSON_TYPE_DOCUMENT, out, fault);
}

bool oc_value_array(const bson_t *parent, const char *name, bson_t *out, oc_fault *fault) {
    return typed(parent, name, BSON_TYPE_ARRAY, out, fault);
}

int64_t oc_value_int(const bson_t *parent, const char *name, int64_t otherwise) {
    bson_iter_t at;
    bool number = bson_iter_init_find(&at, parent, name) && (BSON_ITER_HOLDS_NUMBER(&at) || BSON_ITER_HOLDS_BOOL(&at));
    return number ? bson_iter_as_int64(&at) : otherwise;
}

static bool listed(const char *names, const char *key) {
    size_t length = strlen(key);
    for (const char *at = names; *at != '\0'; at += strspn(at, " ")) {
        size_t name = strcspn(at, " ");
        if (name == length && memcmp(at, key, length) == 0) {
            return true;
        }
        at += name;
    }
    return false;
}

bool oc_value_only(const bson_t *document, const char *names, const char *where, oc_fault *fault) {
    bson_iter_t at, first;
    bson_iter_init(&at, document);
    while (bson_iter_next(&at)) {
        bson_iter_init_find(&first, document, bson_iter_key(&at));
        if (bson_iter_offset(&first) != bson_iter_offset(&at)) {
            return oc_fault_set(fault, OC_FAULT_DUPLICATE_FIELD, "BSON field '%s.%s' is a duplicate field.", where,
                                bson_iter_key(&at));
        }
        if (!listed(names, bson_iter_key(&at))) {
            return oc_fault_set(fault, OC_FAULT_UNKNOWN_FIELD, "BSON field '%s.%s' is an unknown field.", where,
                                bson_iter_key(&at));
        }
    }
    return true;
}
