#include "schemas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which ---- */

/* An object is used only after those before it, and by no plain field. */
static bool is_canonical(const schema_set *s, const recipe *r) {
    unsigned used = TOP;
    bool any = false;
    for (unsigned i = 0; i < ROLES; i++) {
        if (r->place[i] > used + 1 || (r->kind[i] == PLAIN_KIND && r->place[i] != TOP))
            return false;
        if (r->place[i] > used)
            used = r->place[i];
        if (i >= s->roles && r->kind[i] != PLAIN_KIND)
            return false;
        any |= r->kind[i] != PLAIN_KIND;
    }
    return any && (r->form == F_LOCAL || r->form == F_SEVERAL || r->form == F_FOREIGN || r->kind[0] != PLAIN_KIND);
}

static recipe recipe_of(unsigned n, unsigned form) {
    recipe r = {.form = (uint8_t)form};
    for (unsigned i = 0; i < ROLES; i++, n /= KINDS * PLACES) {
        r.kind[i] = (uint8_t)(n % KINDS);
        r.place[i] = (uint8_t)(n / KINDS % PLACES);
    }
    return r;
}

void schema_set_make(schema_set *s) {
    enum { ALL = KINDS * PLACES * KINDS * PLACES * KINDS * PLACES };
    s->recipes = malloc(sizeof *s->recipes * ALL * (s->last_form - s->first_form + 1));
    if (!s->recipes)
        exit(2);
    for (unsigned form = s->first_form; form <= s->last_form; form++)
        for (unsigned n = 0; n < ALL; n++) {
            recipe r = recipe_of(n, form);
            if (is_canonical(s, &r))
                s->recipes[s->count++] = r;
        }
}

void schema_set_free(schema_set *s) {
    free(s->recipes);
}

/* ---- the judge's model of them ---- */

typedef struct maker {
    pool *p;
    schema *to;
    const recipe *recipe;
    bool qe;
} maker;

static const char *const leaves[ROLES] = {"a", "b", "e"}, *const objects[PLACES] = {"", "o", "p", "q"};

static const char *path_of(maker *m, unsigned role) {
    unsigned where = m->recipe->place[role];
    return where == TOP ? leaves[role] : pool_text(m->p, "%s.%s", objects[where], leaves[role]);
}

enum { STRING_BIT = 1, INT_BIT = 2 };

static metadata csfle_metadata(unsigned kind) {
    static const metadata table[KINDS] = {
        {0},
        {.algorithm = DETERMINISTIC, .key = 1, .types = STRING_BIT},
        {.algorithm = DETERMINISTIC, .key = 1, .types = INT_BIT},
        {.algorithm = DETERMINISTIC, .key = 2, .types = STRING_BIT},
        {.algorithm = RANDOM, .key = 1},
        {.algorithm = RANDOM, .key = -1, .key_field = "kn"},
    };
    return table[kind];
}

static value *uuid(pool *p, int key) {
    uint8_t bytes[16] = {0};
    bytes[15] = (uint8_t)key;
    return value_binary(p, 4, bytes, sizeof bytes);
}

static value *query(pool *p, const char *type) {
    return value_one(p, "queryType", value_string(p, type));
}

static value *text_query(pool *p, const char *type) {
    value *made = query(p, type);
    value_put(p, made, "strMinQueryLength", value_int(p, 1));
    value_put(p, made, "strMaxQueryLength", value_int(p, 9));
    value_put(p, made, "caseSensitive", value_bool(p, true));
    value_put(p, made, "diacriticSensitive", value_bool(p, true));
    return made;
}

static value *text_queries(pool *p) {
    value *list = value_array(p);
    value_push(p, list, text_query(p, "prefix"));
    value_push(p, list, text_query(p, "suffix"));
    return list;
}

static value *queries(pool *p, unsigned kind) {
    static const char *const types[KINDS] = {[2] = "equality", [3] = "equality", [4] = "range"};
    return kind == 5 ? text_queries(p) : query(p, types[kind]);
}

static queryable *queryable_of(pool *p, unsigned kind, const char *path) {
    static const int indexes[KINDS] = {0, UNINDEXED, EQUALITY_INDEX, EQUALITY_INDEX, RANGE_INDEX, TEXT_INDEX};
    queryable *q = pool_take(p, sizeof *q);
    *q = (queryable){.index = indexes[kind], .path = path, .precision = -1, .trim = -1, .find_trim = -1};
    if (q->index == RANGE_INDEX) {
        q->min = value_int(p, INT32_MIN);
        q->max = value_int(p, INT32_MAX);
        q->find_trim = 6;
        q->sparsity = 2;
    }
    if (q->index == TEXT_INDEX)
        q->prefix = q->suffix = (text_lengths){1, 9, 0};
    if (q->index != UNINDEXED)
        q->contention = 8;
    return q;
}

static metadata qe_metadata(pool *p, unsigned kind, const char *path, int key) {
    bool is_int = kind == 3 || kind == 4;
    queryable *q = queryable_of(p, kind, path);
    value *field = value_one(p, "path", value_string(p, path));
    value_put(p, field, "keyId", uuid(p, key));
    value_put(p, field, "bsonType", value_string(p, is_int ? "int" : "string"));
    if (q->index != UNINDEXED)
        value_put(p, field, "queries", queries(p, kind));
    q->field = field;
    return (metadata){.algorithm = RANDOM, .key = key, .types = is_int ? INT_BIT : STRING_BIT, .qe = q};
}

static model *leaf(maker *m, metadata meta) {
    model *made = pool_take(m->p, sizeof *made);
    *made = (model){.encrypted = true, .encrypts = true, .meta = meta};
    return made;
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

static void add_pattern(maker *m, model *to, const char *start, const model *child) {
    to->patterns = pool_take(m->p, sizeof *to->patterns);
    *to->patterns = (pattern){.text = start, .model = child};
    to->encrypts = true;
}

static void add_rest(maker *m, model *to, const model *child) {
    static const char *const known[] = {"_id", "z", "kn", "o", "p", "q", "b", "e"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        add_member(m, to, known[i], plain(m));
    to->rest = child;
    to->encrypts = true;
}

static void replace_member(model *in, const char *name, const model *with) {
    for (member *e = in->members; e; e = e->next)
        if (strcmp(e->name, name) == 0)
            e->model = with;
    in->encrypts |= with->encrypts;
}

static bool has_member(const model *in, const char *name) {
    for (const member *e = in->members; e; e = e->next)
        if (strcmp(e->name, name) == 0)
            return true;
    return false;
}

static void put_member(maker *m, model *to, const char *name, const model *child) {
    if (has_member(to, name))
        replace_member(to, name, child);
    else
        add_member(m, to, name, child);
}

/* Role 0 in the form that is wanted; the others by name. */
static void put_field(maker *m, model *to, unsigned role, metadata meta) {
    unsigned form = role == 0 ? m->recipe->form : F_LOCAL;
    const char *name = leaves[role];
    if (form == F_PATTERN || form == F_BOTH)
        add_pattern(m, to, name, leaf(m, form == F_BOTH ? csfle_metadata(meta.key == 2 ? 1 : 3) : meta));
    if (form == F_REST)
        add_rest(m, to, leaf(m, meta));
    else if (form != F_PATTERN)
        put_member(m, to, name, leaf(m, meta));
}

static void note_path(maker *m, unsigned role, const char *path) {
    schema *s = m->to;
    unsigned where = m->recipe->place[role];
    s->encrypted[s->encrypted_count++] = path;
    if (role == 0 && (m->recipe->form == F_PATTERN || m->recipe->form == F_BOTH))
        s->pattern = path;
    if (role == 0 && m->recipe->form == F_REST)
        s->rest = objects[where];
}

static void put_roles(maker *m, model *to, unsigned where) {
    for (unsigned i = 0; i < ROLES; i++) {
        unsigned kind = m->recipe->kind[i];
        if (m->recipe->place[i] != where || kind == PLAIN_KIND)
            continue;
        const char *path = path_of(m, i);
        put_field(m, to, i, m->qe ? qe_metadata(m->p, kind, path, (int)i + 1) : csfle_metadata(kind));
        note_path(m, i, path);
    }
}

static model *root(maker *m) {
    model *made = plain(m);
    made->object = true;
    if (m->recipe->form == F_REST && m->recipe->place[0] == TOP)
        add_rest(m, made, leaf(m, csfle_metadata(m->recipe->kind[0])));
    for (unsigned where = 1; where < PLACES; where++) {
        model *object = plain(m);
        object->object = true;
        put_roles(m, object, where);
        if (object->encrypts)
            put_member(m, made, objects[where], object);
    }
    model top = {.object = true};
    put_roles(m, &top, TOP);
    for (const member *e = top.members; e; e = e->next)
        if (e->model->encrypted)
            put_member(m, made, e->name, e->model);
    made->patterns = top.patterns;
    made->encrypts |= top.encrypts;
    return made;
}

/* ---- written down ---- */

static value *key_id(pool *p, const metadata *meta) {
    if (meta->key < 0)
        return value_string(p, "/kn");
    value *list = value_array(p);
    value_push(p, list, uuid(p, meta->key));
    return list;
}

static const char *algorithm(const metadata *meta) {
    return meta->algorithm == DETERMINISTIC ? "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
                                            : "AEAD_AES_256_CBC_HMAC_SHA_512-Random";
}

static value *encryption(pool *p, const metadata *meta) {
    value *made = value_one(p, "algorithm", value_string(p, algorithm(meta)));
    value_put(p, made, "keyId", key_id(p, meta));
    return made;
}

/* `from`: what encryptMetadata above says, or NULL. */
static value *written(maker *m, const model *of, const metadata *from);

static value *written_leaf(pool *p, const metadata *meta, const metadata *from) {
    bool inherits = from && from->algorithm == meta->algorithm && from->key == meta->key;
    value *encrypt = inherits ? value_doc(p) : encryption(p, meta);
    if (meta->types)
        value_put(p, encrypt, "bsonType", value_string(p, meta->types == INT_BIT ? "int" : "string"));
    return value_one(p, "encrypt", encrypt);
}

static value *written_object(maker *m, const model *of, const metadata *from) {
    value *made = value_one(m->p, "bsonType", value_string(m->p, "object")), *properties = value_doc(m->p);
    for (const member *e = of->members; e; e = e->next)
        value_put(m->p, properties, e->name, written(m, e->model, from));
    if (properties->first)
        value_put(m->p, made, "properties", properties);
    if (of->patterns)
        value_put(m->p, made, "patternProperties",
                  value_one(m->p, pool_text(m->p, "^%s", of->patterns->text), written(m, of->patterns->model, from)));
    if (of->rest)
        value_put(m->p, made, "additionalProperties", written(m, of->rest, from));
    return made;
}

static value *written(maker *m, const model *of, const metadata *from) {
    if (of->encrypted)
        return written_leaf(m->p, &of->meta, from);
    return of->object ? written_object(m, of, from) : value_doc(m->p);
}

static value *written_root(maker *m, const model *of) {
    if (m->recipe->form != F_METADATA)
        return written(m, of, NULL);
    metadata from = csfle_metadata(m->recipe->kind[0]);
    value *made = written(m, of, &from);
    value_put(m->p, made, "encryptMetadata", encryption(m->p, &from));
    return made;
}

/* ---- put together ---- */

static void add_place(collection *c, const char *path, const metadata *meta) {
    c->places[c->place_count++] = (place){path, meta};
}

static void collect(maker *m, collection *c, const model *at, const char *prefix) {
    for (const member *e = at->members; e; e = e->next) {
        const char *path = *prefix ? pool_text(m->p, "%s.%s", prefix, e->name) : e->name;
        if (!e->model->encrypts)
            continue;
        add_place(c, path, e->model->encrypted ? &e->model->meta : NULL);
        if (!e->model->encrypted)
            collect(m, c, e->model, path);
    }
}

static void finish(maker *m, collection *c, const char *name, const model *made) {
    *c = (collection){.name = name, .root = made, .remote = m->recipe->form == F_REMOTE};
    c->schema = m->qe ? queryable_fields(m->p, made) : written_root(m, made);
    collect(m, c, made, "");
}

/* The other collection: nothing, or the field `a`. */
static const model *foreign(maker *m) {
    model *made = plain(m);
    made->object = true;
    if (m->recipe->form == F_FOREIGN)
        add_member(m, made, "a", leaf(m, m->qe ? qe_metadata(m->p, 2, "a", 9) : csfle_metadata(1)));
    return made;
}

static void name_roles(maker *m) {
    role_names *n = &m->to->names;
    unsigned nested = 0;
    for (unsigned i = ROLES; i-- > 0;) {
        n->at[i] = path_of(m, i);
        if (m->recipe->place[i] != TOP)
            nested = i;
    }
    n->at[3] = m->recipe->place[nested] ? objects[m->recipe->place[nested]] : "o";
    n->at[4] = leaves[nested];
}

void schema_make(const schema_set *s, unsigned n, schema *made, pool *p) {
    maker m = {p, made, &s->recipes[n], s->qe};
    *made = (schema){.world = {.qe = s->qe, .several = m.recipe->form >= F_SEVERAL}};
    name_roles(&m);
    finish(&m, &made->world.collections[0], "c", root(&m));
    made->world.count = 1;
    if (made->world.several)
        finish(&m, &made->world.collections[made->world.count++], "d", foreign(&m));
}

/* ---- asked by the direct oracle, which knows no model ---- */

static bool lies_at_or_below(const char *path, const char *of) {
    size_t n = strlen(of);
    return strncmp(path, of, n) == 0 && (path[n] == 0 || path[n] == '.');
}

static bool in_rest(const schema *s, const char *path) {
    static const char *const known[] = {"_id", "z", "kn", "o", "p", "q", "b", "e"};
    size_t n = s->rest ? strlen(s->rest) : 0;
    if (!s->rest || (n && (strncmp(path, s->rest, n) != 0 || path[n] != '.')))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (lies_at_or_below(path + n + (n > 0), known[i]))
            return false;
    return true;
}

bool schema_encrypts(const schema *s, const char *in, const char *path) {
    if (strcmp(in, "d") == 0)
        return s->world.count > 1 && s->world.collections[1].root->encrypts && lies_at_or_below(path, "a");
    if (strcmp(in, "c") != 0)
        return false;
    for (unsigned i = 0; i < s->encrypted_count; i++)
        if (lies_at_or_below(path, s->encrypted[i]))
            return true;
    return (s->pattern && strncmp(path, s->pattern, strlen(s->pattern)) == 0) || in_rest(s, path);
}
