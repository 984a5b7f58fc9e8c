#include "update.h"

#include "payload.h"
#include "value.h"

#include <string.h>

typedef struct change {
    const char *path;          /* what is left of it on the way down */
    const bson_value_t *value; /* NULL: remove */
    oc_fault *fault;
} change;

static bool put(bson_iter_t *from, const change *c, bson_t *to);

/* Appends under `name` the document that `path` needs: {"b": {"c": value}} for "b.c". */
static void put_new(bson_t *to, const char *name, size_t length, const char *rest, const bson_value_t *value) {
    if (!rest) {
        bson_append_value(to, name, (int)length, value);
        return;
    }
    bson_t below;
    size_t head = strcspn(rest, ".");
    bson_append_document_begin(to, name, (int)length, &below);
    put_new(&below, rest, head, rest[head] == '.' ? rest + head + 1 : NULL, value);
    bson_append_document_end(to, &below);
}

/* Copies the document or array at `at` with the change made inside it. */
static bool put_below(const bson_iter_t *at, const change *c, bson_t *to) {
    bson_t below;
    bson_iter_t from;
    const char *name = bson_iter_key(at);
    if (!bson_iter_recurse(at, &from)) {
        if (!c->value) {
            return bson_append_iter(to, name, -1, at);
        }
        return oc_fault_set(c->fault, OC_FAULT_PATH_NOT_VIABLE, "cannot create field '%s' in element '%s'", c->path,
                            name);
    }
    bool array = BSON_ITER_HOLDS_ARRAY(at);
    array ? bson_append_array_begin(to, name, -1, &below) : bson_append_document_begin(to, name, -1, &below);
    bool done = put(&from, c, &below);
    array ? bson_append_array_end(to, &below) : bson_append_document_end(to, &below);
    return done;
}

/* Copies the fields that `from` is about to read with one value set or removed. */
static bool put(bson_iter_t *from, const change *c, bson_t *to) {
    size_t head = strcspn(c->path, ".");
    const char *rest = c->path[head] == '.' ? c->path + head + 1 : NULL;
    bool found = false;
    while (bson_iter_next(from)) {
        const char *key = bson_iter_key(from);
        if (strncmp(key, c->path, head) != 0 || key[head] != '\0') {
            bson_append_iter(to, NULL, 0, from);
            continue;
        }
        found = true;
        if (rest) {
            if (!put_below(from, &(change){rest, c->value, c->fault}, to)) {
                return false;
            }
        } else if (c->value) {
            bson_append_value(to, key, -1, c->value);
        }
    }
    if (!found && c->value) {
        put_new(to, c->path, head, rest, c->value);
    }
    return true;
}

/* Makes one change to `*document`, which is replaced. */
static bool change_document(bson_t *document, const change *c) {
    bson_t changed = BSON_INITIALIZER;
    bson_iter_t from;
    bson_iter_init(&from, document);
    bool done = put(&from, c, &changed);
    bson_destroy(document);
    bson_steal(document, &changed);
    return done;
}

typedef bool (*operator)(bson_t *document, bson_iter_t *field, bool inserting, oc_fault *fault);

static bool set(bson_t *document, bson_iter_t *field, bool inserting, oc_fault *fault) {
    (void)inserting;
    return change_document(document, &(change){bson_iter_key(field), bson_iter_value(field), fault});
}

static bool set_on_insert(bson_t *document, bson_iter_t *field, bool inserting, oc_fault *fault) {
    return !inserting || set(document, field, inserting, fault);
}

static bool unset(bson_t *document, bson_iter_t *field, bool inserting, oc_fault *fault) {
    (void)inserting;
    return change_document(document, &(change){bson_iter_key(field), NULL, fault});
}

/* One value, to an array of the document or a new one. */
static bool add_to_set(bson_t *document, bson_iter_t *field, bool inserting, oc_fault *fault) {
    bson_t array = BSON_INITIALIZER, holder = BSON_INITIALIZER;
    bson_iter_t at, found, element;
    bool there = bson_iter_init(&at, document) && bson_iter_find_descendant(&at, bson_iter_key(field), &found);
    bool known = false;
    uint32_t count = 0;
    if (there && !(BSON_ITER_HOLDS_ARRAY(&found) && bson_iter_recurse(&found, &element))) {
        return oc_fault_set(fault, OC_FAULT_BAD_VALUE, "cannot apply $addToSet to '%s', which is no array",
                            bson_iter_key(field));
    }
    for (; there && bson_iter_next(&element); count++) {
        known |= oc_value_equal(&element, field);
        bson_append_iter(&array, NULL, 0, &element);
    }
    if (!known) {
        char buffer[16];
        const char *key;
        bson_uint32_to_string(count, &key, buffer, sizeof buffer);
        bson_append_iter(&array, key, -1, field);
    }
    bson_append_array(&holder, bson_iter_key(field), -1, &array);
    bson_iter_init(&at, &holder);
    bool done = bson_iter_next(&at) && set(document, &at, inserting, fault);
    bson_destroy(&array);
    bson_destroy(&holder);
    return done;
}

static operator find_operator(const char *name) {
    static const struct {
        const char *name;
        operator apply;
    } operators[] = {{"$addToSet", add_to_set}, {"$set", set}, {"$setOnInsert", set_on_insert}, {"$unset", unset}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, name) == 0) {
            return operators[i].apply;
        }
    }
    return NULL;
}

bool oc_update_parse(const bson_iter_t *value, oc_update *out, oc_fault *fault) {
    bson_iter_t at;
    if (!BSON_ITER_HOLDS_DOCUMENT(value) || !oc_value_view(value, &out->spec)) {
        return oc_fault_set(fault, OC_FAULT_FAILED_TO_PARSE, "the store takes no update but a document");
    }
    bson_iter_init(&at, &out->spec);
    out->replacement = !bson_iter_next(&at) || bson_iter_key(&at)[0] != '$';
    if (out->replacement) {
        return true;
    }
    do {
        if (!find_operator(bson_iter_key(&at)) || !BSON_ITER_HOLDS_DOCUMENT(&at)) {
            return oc_fault_set(fault, OC_FAULT_FAILED_TO_PARSE, "Unknown modifier: %s", bson_iter_key(&at));
        }
    } while (bson_iter_next(&at));
    return true;
}

static bool operate(const bson_t *spec, bson_t *document, bool inserting, oc_fault *fault) {
    bson_iter_t at, field;
    bson_iter_init(&at, spec);
    while (bson_iter_next(&at)) {
        operator apply = find_operator(bson_iter_key(&at));
        bson_iter_recurse(&at, &field);
        while (bson_iter_next(&field)) {
            if (!apply(document, &field, inserting, fault)) {
                return false;
            }
        }
    }
    return true;
}

static void replace(const bson_t *replacement, bson_t *document) {
    bson_t replaced = BSON_INITIALIZER;
    bson_iter_t id;
    if (!bson_has_field(replacement, "_id") && bson_iter_init_find(&id, document, "_id")) {
        bson_append_iter(&replaced, NULL, 0, &id);
    }
    bson_concat(&replaced, replacement);
    bson_destroy(document);
    bson_steal(document, &replaced);
}

static bool same_id(const bson_t *before, const bson_t *after) {
    bson_iter_t old, new;
    bool had = bson_iter_init_find(&old, before, "_id");
    return !had || (bson_iter_init_find(&new, after, "_id") && oc_value_equal(&old, &new));
}

bool oc_update_apply(const oc_update *update, const bson_t *document, bool inserting, bson_t *out, oc_fault *fault) {
    bson_copy_to(document, out);
    if (update->replacement) {
        replace(&update->spec, out);
    } else {
        operate(&update->spec, out, inserting, fault);
    }
    if (!same_id(document, out)) {
        oc_fault_set(fault, OC_FAULT_IMMUTABLE_FIELD, "the field '_id' cannot be changed");
    }
    if (fault->code != 0) {
        bson_destroy(out);
    }
    return fault->code == 0;
}

/* The value that a field of a filter must be equal to, if it says so: {a: 1} or {a: {$eq: 1}}. */
static bool equality(bson_iter_t *at) {
    bson_iter_t first;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &first) || !bson_iter_next(&first) ||
        bson_iter_key(&first)[0] != '$') {
        return true;
    }
    *at = first;
    return strcmp(bson_iter_key(&first), "$eq") == 0;
}

static bool seed(const bson_t *filter, bson_t *out, oc_fault *fault) {
    bson_iter_t at, element, value;
    bson_t below;
    bson_iter_init(&at, filter);
    while (bson_iter_next(&at)) {
        value = at;
        const char *path = bson_iter_key(&at);
        if (strcmp(path, "$and") == 0 && bson_iter_recurse(&at, &element)) {
            while (bson_iter_next(&element)) {
                if (oc_value_view(&element, &below) && !seed(&below, out, fault)) {
                    return false;
                }
            }
        } else if (path[0] != '$' && equality(&value) && !oc_payload_is_find(&value)) {
            if (!change_document(out, &(change){path, bson_iter_value(&value), fault})) {
                return false;
            }
        }
    }
    return true;
}

bool oc_update_seed(const bson_t *filter, bson_t *out, oc_fault *fault) {
    bson_init(out);
    if (!seed(filter, out, fault)) {
        bson_destroy(out);
        return false;
    }
    return true;
}
