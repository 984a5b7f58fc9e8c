#include "model.h"

#include <string.h>

const type_row type_table[] = {
    {"string", T_STRING, true},       {"int", T_INT, true},        {"long", T_LONG, true},
    {"date", T_DATE, true},           {"objectId", T_OID, true},   {"binData", T_BINARY, true},
    {"timestamp", T_TIMESTAMP, true}, {"symbol", T_SYMBOL, true},  {"javascript", T_CODE, true},
    {"regex", T_REGEX, true},         {"double", T_DOUBLE, false}, {"decimal", T_DECIMAL, false},
    {"bool", T_BOOL, false},          {"object", T_DOC, false},    {"array", T_ARRAY, false},
};
const unsigned type_count = sizeof type_table / sizeof *type_table;

enum { DETERMINISTIC_TYPES = 10 };

static const char *const algorithm_names[] = {
    [DETERMINISTIC] = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic",
    [RANDOM] = "AEAD_AES_256_CBC_HMAC_SHA_512-Random",
};

typedef struct maker {
    rng *r;
    pool *p;
    collection *c;
} maker;

/* Without random numbers, as for a shrunk schema, the likelier of two things happens. */
static bool percent(maker *m, unsigned n) {
    return m->r ? rng_percent(m->r, n) : n > 50;
}

static unsigned below(maker *m, unsigned n) {
    return m->r ? rng_below(m->r, n) : 0;
}

static metadata random_metadata(maker *m, bool allow_pointer) {
    metadata meta = {.algorithm = percent(m, 65) ? DETERMINISTIC : RANDOM, .key = (int)below(m, 2)};
    if (meta.algorithm == DETERMINISTIC) {
        meta.types = 1u << (percent(m, 60) ? below(m, 2) : below(m, DETERMINISTIC_TYPES));
        return meta;
    }
    for (unsigned n = below(m, 3); n > 0; n--)
        meta.types |= 1u << below(m, type_count);
    if (allow_pointer && percent(m, 30)) {
        meta.key = -1;
        meta.key_field = percent(m, 70) ? "kn" : "k/n";
    }
    return meta;
}

static model *leaf(maker *m) {
    model *leaf = pool_take(m->p, sizeof *leaf);
    leaf->encrypted = leaf->encrypts = true;
    leaf->meta = random_metadata(m, true);
    return leaf;
}

static model *plain(maker *m) {
    return pool_take(m->p, sizeof(model));
}

static void add_member(maker *m, model *to, const char *name, const model *child) {
    member *entry = pool_take(m->p, sizeof *entry);
    *entry = (member){name, child, NULL};
    if (to->last_member)
        to->last_member->next = entry;
    else
        to->members = entry;
    to->last_member = entry;
    to->encrypts |= child->encrypts;
}

static void add_pattern(maker *m, model *to, const char *text, bool at_end, const model *child) {
    pattern *entry = pool_take(m->p, sizeof *entry);
    *entry = (pattern){text, at_end, child, to->patterns};
    to->patterns = entry;
    to->encrypts |= child->encrypts;
}

static model *object(maker *m, unsigned depth);

static const model *leaf_or_object(maker *m, unsigned depth) {
    return depth < 3 && percent(m, 25) ? object(m, depth + 1) : leaf(m);
}

static void add_patterns(maker *m, model *to, unsigned depth) {
    const model *child = leaf_or_object(m, depth);
    add_pattern(m, to, "p", false, child);
    if (percent(m, 30))
        add_pattern(m, to, "z", true, percent(m, 70) ? leaf(m) : child);
    if (!percent(m, 20) || child->object)
        return;
    add_member(m, to, "pa", percent(m, 50) ? child : percent(m, 50) ? leaf(m) : plain(m));
    m->c->tricky_names = true;
}

static bool has_member(const model *of, const char *name) {
    for (const member *e = of->members; e; e = e->next)
        if (strcmp(e->name, name) == 0)
            return true;
    return false;
}

static model *object(maker *m, unsigned depth) {
    static const char *const top[] = {"ssn", "code", "acct", "tax"};
    static const char *const inner[] = {"a", "b", "c", "d"};
    model *made = pool_take(m->p, sizeof *made);
    made->object = true;
    const char *const *names = depth == 0 ? top : inner;
    for (unsigned i = 0; i < 4; i++)
        if (percent(m, 55))
            add_member(m, made, names[i], leaf(m));
    if (depth < 3 && percent(m, depth == 0 ? 70 : 30))
        add_member(m, made, depth == 0 ? "user" : "in", object(m, depth + 1));
    if (percent(m, 25))
        add_patterns(m, made, depth);
    if (percent(m, 50))
        add_member(m, made, "x", plain(m));
    if (percent(m, 10)) {
        static const char *const always_plain[] = {"_id", "x", "y", "arr", "sub", "s"};
        for (unsigned i = 0; i < 6; i++)
            if (!has_member(made, always_plain[i]))
                add_member(m, made, always_plain[i], plain(m));
        made->rest = leaf_or_object(m, depth);
        made->encrypts |= made->rest->encrypts;
    }
    return made;
}

static bool encrypts_well(const model *of) {
    for (const member *e = of->members; e; e = e->next)
        if (e->model->encrypted && metadata_comparable(&e->model->meta))
            return true;
    return false;
}

static model *root(maker *m) {
    model *made = object(m, 0);
    while (percent(m, 95) && !encrypts_well(made))
        made = object(m, 0);
    if (percent(m, 4) && !has_member(made, "_id")) {
        model *id = leaf(m);
        id->meta.key = 0; /* a pointer is fine too, but most commands on such a schema would be refused */
        add_member(m, made, "_id", id);
    }
    /* Pointers must lead to plain fields. */
    add_member(m, made, "kn", plain(m));
    add_member(m, made, "k/n", plain(m));
    return made;
}

/* Which names stand for a pattern or the rest when paths are wanted. */
static void collect(maker *m, const model *at, const char *prefix);

static void collect_child(maker *m, const model *child, const char *prefix, const char *name) {
    const char *path = *prefix ? pool_text(m->p, "%s.%s", prefix, name) : name;
    collection *c = m->c;
    if (!child->encrypts || c->place_count == MAX_PLACES)
        return;
    c->places[c->place_count++] = (place){path, child->encrypted ? &child->meta : NULL};
    if (!child->encrypted)
        collect(m, child, path);
}

static void collect(maker *m, const model *at, const char *prefix) {
    for (const member *e = at->members; e; e = e->next)
        collect_child(m, e->model, prefix, e->name);
    for (const pattern *e = at->patterns; e; e = e->next)
        collect_child(m, e->model, prefix, e->at_end ? "bz" : "pb");
    if (at->rest)
        collect_child(m, at->rest, prefix, "q1");
}

static value *uuid(pool *p, int key) {
    uint8_t bytes[16] = {0};
    bytes[15] = (uint8_t)key;
    return value_binary(p, 4, bytes, sizeof bytes);
}

static value *key_id(maker *m, const metadata *meta) {
    if (meta->key < 0)
        return value_string(m->p, strcmp(meta->key_field, "kn") == 0 ? "/kn" : "/k~1n");
    value *list = value_array(m->p);
    value_push(m->p, list, uuid(m->p, meta->key));
    return list;
}

static void put_types(maker *m, value *encrypt, uint32_t types) {
    value *list = value_array(m->p), *one = NULL;
    for (unsigned i = 0; i < type_count; i++)
        if (types & 1u << i)
            value_push(m->p, list, one = value_string(m->p, type_table[i].alias));
    if (value_count(list) == 1 && percent(m, 80))
        value_put(m->p, encrypt, "bsonType", one);
    else if (one)
        value_put(m->p, encrypt, "bsonType", list);
}

static bool same_key(const metadata *a, const metadata *b) {
    return a->key == b->key && (a->key >= 0 || strcmp(a->key_field, b->key_field) == 0);
}

/* `from`: what encryptMetadata above says; algorithm 0 and key -2 where it says nothing. */
static value *write_model(maker *m, const model *of, metadata from);

static value *write_leaf(maker *m, const metadata *meta, metadata from) {
    value *encrypt = value_doc(m->p);
    if (from.algorithm != meta->algorithm || percent(m, 20))
        value_put(m->p, encrypt, "algorithm", value_string(m->p, algorithm_names[meta->algorithm]));
    if (from.key == -2 || !same_key(&from, meta) || percent(m, 20))
        value_put(m->p, encrypt, "keyId", key_id(m, meta));
    put_types(m, encrypt, meta->types);
    return value_one(m->p, "encrypt", encrypt);
}

static void put_metadata(maker *m, value *schema, metadata *from) {
    metadata given = random_metadata(m, true);
    value *doc = value_doc(m->p);
    if (percent(m, 60)) {
        from->algorithm = given.algorithm;
        value_put(m->p, doc, "algorithm", value_string(m->p, algorithm_names[given.algorithm]));
    }
    if (!doc->first || percent(m, 60)) {
        from->key = given.key;
        from->key_field = given.key_field;
        value_put(m->p, doc, "keyId", key_id(m, &given));
    }
    value_put(m->p, schema, "encryptMetadata", doc);
}

static void put_members(maker *m, value *schema, const model *of, metadata from) {
    value *properties = value_doc(m->p), *patterns = value_doc(m->p);
    for (const member *e = of->members; e; e = e->next)
        value_put(m->p, properties, e->name, write_model(m, e->model, from));
    if (properties->first)
        value_put(m->p, schema, "properties", properties);
    for (const pattern *e = of->patterns; e; e = e->next)
        value_put(m->p, patterns, pool_text(m->p, e->at_end ? "%s$" : "^%s", e->text), write_model(m, e->model, from));
    if (patterns->first)
        value_put(m->p, schema, "patternProperties", patterns);
    if (of->rest)
        value_put(m->p, schema, "additionalProperties", write_model(m, of->rest, from));
    else if (percent(m, 5))
        value_put(m->p, schema, "additionalProperties", value_bool(m->p, percent(m, 50)));
}

static value *write_plain(maker *m) {
    value *schema = value_doc(m->p);
    if (percent(m, 30))
        value_put(m->p, schema, "description", value_string(m->p, "plain"));
    if (m->c->remote && percent(m, 20))
        value_put(m->p, schema, "minimum", value_int(m->p, 0));
    return schema;
}

static value *write_model(maker *m, const model *of, metadata from) {
    if (of->encrypted)
        return write_leaf(m, &of->meta, from);
    if (!of->object)
        return write_plain(m);
    value *schema = value_doc(m->p);
    value_put(m->p, schema, percent(m, 80) ? "bsonType" : "type", value_string(m->p, "object"));
    if (percent(m, 15))
        put_metadata(m, schema, &from);
    if (m->c->remote && percent(m, 20)) {
        value *names = value_array(m->p);
        value_push(m->p, names, value_string(m->p, "x"));
        value_put(m->p, schema, "required", names);
    }
    put_members(m, schema, of, from);
    return schema;
}

static const model *queryable_object(maker *m, const char *prefix, int *key) {
    static const char *const top[] = {"ssn", "code", "acct", "tax", "age"}, *const inner[] = {"a", "b", "c", "d", "e"};
    model *made = plain(m);
    made->object = true;
    for (unsigned i = 0; i < 5; i++) {
        const char *name = *prefix ? inner[i] : top[i];
        if (percent(m, *prefix ? 35 : 55))
            add_member(m, made, name, queryable_leaf(m->r, m->p, pool_text(m->p, "%s%s", prefix, name), (*key)++));
    }
    if (percent(m, *prefix ? 20 : 60)) {
        const char *name = *prefix ? "in" : "user";
        if (strcmp(prefix, "user.in.") != 0)
            add_member(m, made, name, queryable_object(m, pool_text(m->p, "%s%s.", prefix, name), key));
    }
    return made;
}

static void make_queryable(collection *c, rng *r, pool *p, const char *name, bool encrypts, int key) {
    maker m = {r, p, c};
    *c = (collection){.name = name};
    do
        c->root = encrypts ? queryable_object(&m, "", &key) : plain(&m);
    while (encrypts && !c->root->encrypts);
    c->schema = queryable_fields(p, c->root);
    collect(&m, c->root, "");
}

static void make_collection(collection *c, rng *r, pool *p, const char *name, bool encrypts) {
    maker m = {r, p, c};
    *c = (collection){.name = name, .remote = rng_percent(r, 30)};
    c->root = encrypts ? root(&m) : plain(&m);
    c->schema = encrypts || rng_percent(r, 50) ? write_model(&m, c->root, (metadata){.key = -2}) : value_doc(p);
    collect(&m, c->root, "");
}

void world_make(world *w, rng *r, pool *p, bool qe) {
    static const char *const names[MAX_COLLECTIONS] = {"c0", "c1", "c2"};
    *w = (world){.several = rng_percent(r, 35), .qe = qe};
    w->count = w->several ? 1 + rng_below(r, MAX_COLLECTIONS) : 1;
    for (unsigned i = 0; qe && i < w->count; i++)
        make_queryable(&w->collections[i], r, p, names[i], rng_percent(r, i == 0 ? 98 : 50), (int)i * 32);
    for (unsigned i = 0; !qe && i < w->count; i++)
        make_collection(&w->collections[i], r, p, names[i], i == 0 ? rng_percent(r, 98) : rng_percent(r, 50));
}

/* A copy of the model without the n-th of its members, counted from the root down; n is past the end afterwards if
 * there are fewer. */
static const model *model_without(pool *p, const model *of, unsigned *n, bool *done) {
    maker m = {NULL, p, NULL};
    model *copy = pool_take(p, sizeof *copy);
    if (of->encrypted || !of->object)
        return of;
    copy->object = true;
    for (const member *e = of->members; e; e = e->next) {
        if (!*done && (*n)-- == 0)
            *done = true;
        else
            add_member(&m, copy, e->name, *done ? e->model : model_without(p, e->model, n, done));
    }
    for (const pattern *e = of->patterns; e; e = e->next) {
        if (!*done && (*n)-- == 0)
            *done = true;
        else
            add_pattern(&m, copy, e->text, e->at_end, *done ? e->model : model_without(p, e->model, n, done));
    }
    copy->rest = of->rest;
    if (of->rest && !*done && (*n)-- == 0) {
        *done = true;
        copy->rest = NULL;
    }
    copy->encrypts |= copy->rest && copy->rest->encrypts;
    return copy;
}

static void write_simply(collection *c, pool *p, const model *root, bool qe) {
    maker m = {NULL, p, c};
    c->remote = false;
    c->root = root;
    c->schema = qe ? queryable_fields(p, root) : write_model(&m, root, (metadata){.key = -2});
    c->place_count = 0;
    collect(&m, root, "");
}

bool world_without(world *to, const world *from, unsigned n, pool *p) {
    bool done = false;
    *to = *from;
    for (unsigned i = 0; i < from->count; i++)
        write_simply(&to->collections[i], p, model_without(p, from->collections[i].root, &n, &done), from->qe);
    return done;
}

static value *member_of(value *doc, const char *name) {
    for (value *m = doc->first; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* bulkWrite says it of each namespace. */
static value *put_information(const world *w, const collection *c, pool *p, value *command) {
    value *schemas = value_doc(p), *information = value_one(p, "type", value_int(p, 1));
    value *names = member_of(command, "nsInfo");
    for (unsigned i = 0; i < w->count; i++)
        if (!names || &w->collections[i] == c)
            value_put(p, schemas, pool_text(p, "db.%s", w->collections[i].name), w->collections[i].schema);
    value_put(p, information, "schema", schemas);
    if (!names) {
        value_put(p, command, "encryptionInformation", information);
        return command;
    }
    value *one = value_one(p, "ns", value_string(p, pool_text(p, "db.%s", c->name)));
    value_put(p, one, "encryptionInformation", information);
    names->first = names->last = NULL;
    value_push(p, names, one);
    return command;
}

value *world_put_schema(const world *w, const collection *c, pool *p, value *command) {
    if (w->qe)
        return put_information(w, c, p, command);
    if (!w->several) {
        value_put(p, command, "jsonSchema", c->schema);
        value_put(p, command, "isRemoteSchema", value_bool(p, c->remote));
        return command;
    }
    value *schemas = value_doc(p);
    for (unsigned i = 0; i < w->count; i++) {
        value *one = value_one(p, "jsonSchema", w->collections[i].schema);
        value_put(p, one, "isRemoteSchema", value_bool(p, w->collections[i].remote));
        value_put(p, schemas, pool_text(p, "db.%s", w->collections[i].name), one);
    }
    value_put(p, command, "csfleEncryptionSchemas", schemas);
    return command;
}

value *world_put_view_schema(const world *w, pool *p, value *command, const char *view) {
    const char *name = pool_text(p, "db.%s", view);
    value *plain = value_one(p, "jsonSchema", value_doc(p)), *none = value_one(p, "fields", value_array(p));
    value_put(p, plain, "isRemoteSchema", value_bool(p, false));
    if (!w->qe && !w->several) {
        value_put(p, command, "jsonSchema", value_doc(p));
        value_put(p, command, "isRemoteSchema", value_bool(p, false));
        return command;
    }
    world_put_schema(w, &w->collections[0], p, command);
    value *schemas = w->qe ? member_of(member_of(command, "encryptionInformation"), "schema")
                           : member_of(command, "csfleEncryptionSchemas");
    value_put(p, schemas, name, w->qe ? none : plain);
    return command;
}

const collection *world_find(const world *w, const char *name) {
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->collections[i].name, name) == 0)
            return &w->collections[i];
    return NULL;
}

bool world_encrypts(const world *w) {
    bool encrypts = false;
    for (unsigned i = 0; i < w->count; i++)
        encrypts |= w->collections[i].root->encrypts;
    return encrypts;
}

bool world_request_encrypts(const world *w, const value *command) {
    const value *names = w->qe ? value_get(command, "nsInfo") : NULL;
    if (value_get(command, "viewOn") && !w->qe && !w->several)
        return false; /* what drivers send: the schema of the view, which is empty */
    const value *ns = names && names->first ? value_get(names->first, "ns") : NULL;
    const collection *c = ns && strncmp(value_chars(ns), "db.", 3) == 0 ? world_find(w, value_chars(ns) + 3) : NULL;
    return c ? c->root->encrypts : world_encrypts(w);
}

position position_root(const model *root) {
    return (position){{root}, 1};
}

static void add(position *to, const model *m) {
    if (to->n < sizeof to->set / sizeof *to->set)
        to->set[to->n++] = m;
}

static bool matches(const pattern *e, const char *name) {
    size_t text = strlen(e->text), len = strlen(name);
    return text <= len && memcmp(e->at_end ? name + len - text : name, e->text, text) == 0;
}

static void add_children(position *to, const model *m, const char *name) {
    unsigned before = to->n;
    for (const member *e = m->members; e; e = e->next)
        if (strcmp(e->name, name) == 0)
            add(to, e->model);
    for (const pattern *e = m->patterns; e; e = e->next)
        if (matches(e, name))
            add(to, e->model);
    if (to->n == before && m->rest)
        add(to, m->rest);
}

position position_child(const position *at, const char *name) {
    position child = {{NULL}, 0};
    for (unsigned i = 0; i < at->n; i++)
        add_children(&child, at->set[i], name);
    return child;
}

answer position_answer(const position *at, const metadata **meta) {
    unsigned encrypted = 0, above = 0;
    bool differ = false;
    *meta = NULL;
    for (unsigned i = 0; i < at->n; i++) {
        const model *m = at->set[i];
        above += m->encrypts && !m->encrypted;
        if (!m->encrypted)
            continue;
        encrypted++;
        differ |= *meta && !metadata_equal(*meta, &m->meta);
        *meta = &m->meta;
    }
    if (encrypted)
        return encrypted < at->n || differ ? CONFLICT : ENCRYPTED;
    return above ? ABOVE : PLAIN;
}

bool metadata_equal(const metadata *a, const metadata *b) {
    return a->algorithm == b->algorithm && a->types == b->types && same_key(a, b);
}

bool metadata_comparable(const metadata *m) {
    return m->algorithm == DETERMINISTIC && m->key >= 0;
}

bool metadata_allows(const metadata *m, uint8_t type) {
    if (type == T_NULL || type == T_UNDEFINED || type == T_MINKEY || type == T_MAXKEY)
        return false;
    if (m->types == 0)
        return true;
    for (unsigned i = 0; i < type_count; i++)
        if (type_table[i].type == type && (m->types & 1u << i))
            return true;
    return false;
}
