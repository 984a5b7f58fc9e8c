/* Pipelines: each stage turns what may stand in the documents that reach it into what may stand in those it makes. */

#include <string.h>

#include "judge.h"

static const node *empty(judge *j) {
    node *n = pool_take(j->p, sizeof *n);
    n->kind = N_OBJECT;
    return n;
}

static const node *set(judge *j, const node *at, const char *path, const node *child) {
    bool below = false;
    judge_touch(j, path);
    const node *made = node_set(j->p, at, path, child, &below);
    if (below)
        judge_refuse(j, "'%s' is written below an encrypted path", path);
    return made;
}

static const char *join_path(judge *j, const char *prefix, const char *name) {
    return *prefix ? pool_text(j->p, "%s.%s", prefix, name) : name;
}

/* A literal for the encrypted path: marked, unless a later stage overwrites it. */
static const node *stored_literal(judge *j, const outcome *e, const node *there) {
    if (e->r && !value_is_placeholder(e->r)) {
        judge_same(j, e->o, e->r);
        return &plain_node;
    }
    judge_stored(j, e->o, e->r, there->meta, NULL);
    return there;
}

static const node *stored_outcome(judge *j, const outcome *e, const node *there) {
    if (e->kind == FIELD)
        return e->node;
    if (e->kind == REMOVED)
        return &absent_node;
    if (e->kind == COMPUTED)
        return &plain_node;
    if (there->kind == N_ENCRYPTED)
        return stored_literal(j, e, there);
    if (there->kind == N_OBJECT && e->o->type == T_DOC) {
        judge_document(j, e->o, e->r, there, SET, NULL);
        return there;
    }
    judge_same(j, e->o, e->r);
    return there->kind == N_OBJECT && e->o->type != T_ARRAY ? there : &plain_node;
}

static const node *stored(judge *j, const outcome *list, const node *there) {
    const node *common = NULL;
    for (const outcome *e = list; e; e = e->next) {
        const node *n = stored_outcome(j, e, there);
        common = common ? node_merge(j->p, common, n) : n;
    }
    return common ? common : &absent_node;
}

/* What a computed field holds; in an update, literals for encrypted paths are marked. */
static const node *settle_at(judge *j, const outcome *list, const char *path) {
    if (!j->stored_in)
        return judge_settle(j, list);
    spot there = node_find(j->p, j->stored_in, path);
    if (there.below)
        judge_refuse(j, "'%s' is written below an encrypted path", path);
    return stored(j, list, there.node);
}

static bool is_flag(const value *v) {
    return value_is_number(v) || v->type == T_DECIMAL || v->type == T_BOOL;
}

static bool is_true(const value *v) {
    return v->type == T_BOOL || v->type == T_DECIMAL ? v->bytes[0] : value_number(v) != 0;
}

static bool is_nested(const value *v) {
    return v->type == T_DOC && v->first && v->first->name[0] != '$';
}

static bool excludes(const value *fields) {
    for (const value *m = fields->first; m; m = m->next)
        if (strcmp(m->name, "_id") != 0)
            return is_nested(m) ? excludes(m) : is_flag(m) && !is_true(m);
    return !fields->first || (is_flag(fields->first) && !is_true(fields->first));
}

static bool is_numbers(const value *list) {
    for (const value *m = list->first; m; m = m->next)
        if (!value_is_number(m))
            return false;
    return true;
}

/* $slice with a list of other things than numbers is the expression. */
static bool is_find_operator(const value *v) {
    if (v->type != T_DOC || !v->first)
        return false;
    return strcmp(v->first->name, "$elemMatch") == 0 ||
           (strcmp(v->first->name, "$slice") == 0 && (v->first->type != T_ARRAY || is_numbers(v->first)));
}

/* Inclusion or computing together with exclusion, which the server refuses. */
static bool is_mixed(const value *fields, bool exclusion, bool top) {
    for (const value *m = fields->first; m; m = m->next) {
        bool flag = is_flag(m) && !(top && strcmp(m->name, "_id") == 0);
        bool computes = !is_flag(m) && !is_nested(m) && !is_find_operator(m);
        if ((flag && is_true(m) == exclusion) || (computes && exclusion) ||
            (is_nested(m) && is_mixed(m, exclusion, false)))
            return true;
    }
    return false;
}

static bool collide(const char *a, const char *b) {
    size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return strncmp(a, b, n) == 0 && (a[n] == 0 || a[n] == '.') && (b[n] == 0 || b[n] == '.');
}

/* One path twice, or below another. */
static bool has_collision(const value *fields) {
    for (const value *a = fields->first; a; a = a->next) {
        for (const value *b = a->next; b; b = b->next)
            if (collide(a->name, b->name))
                return true;
        if (is_nested(a) && has_collision(a))
            return true;
    }
    return false;
}

/* $slice, $elemMatch and the like of find. */
static void judge_find_operator(judge *j, const value *o, const value *r, const node *at, const char *path) {
    spot s = node_find(j->p, at, path);
    if (strcmp(o->first->name, "$slice") == 0 && !value_is_number(o->first) &&
        !(o->first->type == T_ARRAY && value_count(o->first) > 1))
        judge_moot(j); /* neither find's $slice nor the expression */
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "%s of '%s'", o->first->name, path);
    judge_same(j, o, r);
}

typedef struct projection {
    const node *from, *out;
    bool find, exclusion;
} projection;

static void project_fields(judge *j, projection *to, const value *o, const value *r, const char *prefix) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const char *path = join_path(j, prefix, it.o->name);
        if (to->find && is_find_operator(it.o)) {
            judge_find_operator(j, it.o, it.r, to->from, path);
        } else if (is_nested(it.o)) {
            project_fields(j, to, it.o, it.r, path);
        } else if (!is_flag(it.o)) {
            if (node_find(j->p, to->from, path).below)
                judge_refuse(j, "'%s' is written below an encrypted path", path);
            to->out = set(j, to->out, path, settle_at(j, judge_expression(j, it.o, it.r, to->from), path));
        } else {
            judge_same(j, it.o, it.r);
            bool below = false;
            j->exception |= node_find(j->p, to->from, path).below;
            if (is_true(it.o) && !to->exclusion)
                to->out = node_include(j->p, to->out, to->from, path);
            else if (!is_true(it.o))
                judge_touch(j, path);
            if (!is_true(it.o))
                to->out = node_set(j->p, to->out, path, &absent_node, &below);
        }
    }
}

const node *judge_projection(judge *j, const value *o, const value *r, const node *at, bool find) {
    projection to = {.from = at, .find = find, .exclusion = excludes(o)};
    if (is_mixed(o, to.exclusion, true) || has_collision(o))
        judge_moot(j);
    to.out = to.exclusion ? at : empty(j);
    if (!to.exclusion)
        judge_touch_all(j);
    if (!to.exclusion && !value_get(o, "_id"))
        to.out = node_include(j->p, to.out, at, "_id");
    project_fields(j, &to, o, r, "");
    return to.out;
}

static const node *project(judge *j, const value *o, const value *r, const node *at) {
    return judge_projection(j, o, r, at, false);
}

static const node *add_fields_to(judge *j, const value *o, const value *r, const node *at, const node *out,
                                 const char *prefix) {
    if (has_collision(o))
        judge_moot(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const char *path = join_path(j, prefix, it.o->name);
        if (is_nested(it.o))
            out = add_fields_to(j, it.o, it.r, at, out, path);
        else
            out = set(j, out, path, settle_at(j, judge_expression(j, it.o, it.r, at), path));
    }
    return out;
}

static const node *add_fields(judge *j, const value *o, const value *r, const node *at) {
    return add_fields_to(j, o, r, at, at, "");
}

static const node *match(judge *j, const value *o, const value *r, const node *at) {
    judge_filter(j, o, r, at, j->pipeline_marked);
    return at;
}

static const node *unset_path(judge *j, const node *at, const value *path) {
    bool below = false;
    judge_touch(j, value_chars(path));
    return path->type == T_STRING ? node_set(j->p, at, value_chars(path), &absent_node, &below) : at;
}

static const node *unset(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (o->type != T_ARRAY)
        return unset_path(j, at, o);
    for (const value *m = o->first; m; m = m->next)
        at = unset_path(j, at, m);
    return at;
}

static void check_key(judge *j, const node *key) {
    if (key->kind == N_ENCRYPTED) {
        if (!metadata_comparable(key->meta))
            judge_refuse(j, "grouping by a field that cannot be compared");
        if (j->collated && (metadata_allows(key->meta, T_STRING) || metadata_allows(key->meta, T_SYMBOL)))
            judge_refuse(j, "grouping by an encrypted string under a collation");
    } else if (node_holds(j->p, key)) {
        judge_refuse(j, "grouping by an object, array or unknown");
    }
}

static const node *group_key(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_DOC || judge_is_operators(o)) {
        const node *key = judge_settle(j, judge_expression(j, o, r, at));
        check_key(j, key);
        return key;
    }
    const node *made = empty(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        made = set(j, made, it.o->name, group_key(j, it.o, it.r, at));
    return node_holds(j->p, made) ? made : &plain_node;
}

static const node *accumulated(judge *j, const char *op, const node *of) {
    if (strcmp(op, "$first") == 0 || strcmp(op, "$last") == 0)
        return of;
    if (strcmp(op, "$push") == 0)
        return node_array(j->p, of, false);
    if (node_holds(j->p, of))
        judge_refuse(j, "%s over something encrypted", op);
    return &plain_node;
}

static const node *accumulator(judge *j, const value *o, const value *r, const node *at) {
    pairs it = judge_pairs(j, o, r);
    if (o->type != T_DOC || !judge_next(j, &it))
        return &plain_node;
    if (strcmp(it.o->name, "$addToSet") == 0)
        return node_array(j->p, group_key(j, it.o, it.r, at), false);
    return accumulated(j, it.o->name, judge_settle(j, judge_expression(j, it.o, it.r, at)));
}

static const node *group(judge *j, const value *o, const value *r, const node *at) {
    const node *out = empty(j);
    j->in_group = true;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool key = strcmp(it.o->name, "_id") == 0;
        if (strchr(it.o->name, '.') || it.o->name[0] == '$')
            judge_moot(j);
        out = set(j, out, it.o->name, key ? group_key(j, it.o, it.r, at) : accumulator(j, it.o, it.r, at));
    }
    j->in_group = false;
    return out;
}

static const node *sort_by_count(judge *j, const value *o, const value *r, const node *at) {
    return set(j, empty(j), "_id", group_key(j, o, r, at));
}

static const node *count(judge *j, const value *o, const value *r, const node *at) {
    (void)at;
    judge_same(j, o, r);
    return empty(j);
}

static const node *unchanged(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    return at;
}

void judge_sort(judge *j, const value *keys, const node *at) {
    for (const value *m = keys->first; m; m = m->next) {
        spot s = node_find(j->p, at, m->name);
        if (s.below || !node_usable(s.node))
            judge_refuse(j, "sort by '%s'", m->name);
    }
}

static const node *sort(judge *j, const value *o, const value *r, const node *at) {
    judge_sort(j, o, at);
    return unchanged(j, o, r, at);
}

/* A plain value, below which a stage has set fields. */
static bool set_below_plain(const node *n) {
    return n->kind == N_OBJECT && n->open && n->base.n == 0 && !n->either;
}

static const node *unwind(judge *j, const value *o, const value *r, const node *at) {
    const value *path = o->type == T_STRING ? o : value_get(o, "path");
    const value *index = o->type == T_DOC ? value_get(o, "includeArrayIndex") : NULL;
    judge_same(j, o, r);
    if (!path || path->type != T_STRING || value_chars(path)[0] != '$')
        return at;
    const char *name = value_chars(path) + 1;
    spot s = node_find(j->p, at, name);
    bool plain_spot = node_usable(s.node);
    judge_touch(j, name);
    if (s.below || !(plain_spot || (s.node->kind == N_ARRAY && !s.in_array) || set_below_plain(s.node)))
        judge_refuse(j, "$unwind of '%s'", name);
    if (!plain_spot && s.node->kind == N_ARRAY)
        at = set(j, at, name, s.node->element);
    return index ? set(j, at, value_chars(index), &plain_node) : at;
}

static const node *replace_with(judge *j, const value *o, const value *r, const node *at) {
    const node *root = judge_settle(j, judge_expression(j, o, r, at));
    if (root->kind != N_OBJECT && !node_usable(root))
        judge_refuse(j, "the new root is encrypted, unknown or an array");
    return root;
}

static const node *replace_root(judge *j, const value *o, const value *r, const node *at) {
    pairs it = judge_pairs(j, o, r);
    return judge_next(j, &it) ? replace_with(j, it.o, it.r, at) : at;
}

static bool mentions(const value *v, const char *text) {
    if (v->type == T_STRING)
        return strcmp(value_chars(v), text) == 0;
    if (value_is_container(v))
        for (const value *m = v->first; m; m = m->next)
            if (mentions(m, text))
                return true;
    return false;
}

/* Each field path must be plain at every object below too, where it names another field. */
static void check_descent(judge *j, const value *expression, const node *at);

static void check_level(judge *j, const value *v, const node *at) {
    if (v->type == T_STRING && value_chars(v)[0] == '$' && value_chars(v)[1] != '$') {
        spot s = node_find(j->p, at, value_chars(v) + 1);
        if (s.below || !node_usable(s.node))
            judge_refuse(j, "$redact descends to an encrypted field");
    }
    if (value_is_container(v))
        for (const value *m = v->first; m; m = m->next)
            if (v->type == T_ARRAY || strcmp(m->name, "$literal") != 0)
                check_level(j, m, at);
}

static void check_descent(judge *j, const value *expression, const node *at) {
    check_level(j, expression, at);
    for (unsigned i = 0; i < at->base.n; i++)
        for (const member *e = at->base.set[i]->members; e; e = e->next) {
            const node *child = node_child(j->p, at, e->name);
            if (child->kind == N_OBJECT)
                check_descent(j, expression, child);
        }
    for (const field *f = at->fields; f; f = f->next)
        if (f->node->kind == N_OBJECT && node_child(j->p, at, f->name) == f->node)
            check_descent(j, expression, f->node);
}

static const node *redact(judge *j, const value *o, const value *r, const node *at) {
    if (mentions(o, "$$DESCEND") && at->kind == N_OBJECT)
        check_descent(j, o, at);
    judge_condition(j, o, r, at);
    return at;
}

/* NULL and a verdict when the request has no schema for it. */
static const node *foreign(judge *j, const value *name) {
    if (!name || name->type != T_STRING) {
        judge_moot(j);
        return NULL;
    }
    const collection *c = world_find(j->w, value_chars(name));
    if (!c || (!j->w->several && c != j->c)) {
        judge_refuse(j, "another collection without a schema");
        return NULL;
    }
    return node_of_collection(j->p, c);
}

/* A pipeline that reads from another collection. `fixed`: the server rewrites no comparisons of QE fields in it. */
static const node *foreign_pipeline(judge *j, const value *name, const value *o, const value *r, bool fixed) {
    const collection *here = j->c;
    const touched *before = j->touched;
    j->touched = NULL;
    if (fixed)
        judge_touch_all(j);
    j->c = world_find(j->w, value_chars(name));
    const node *out = judge_pipeline(j, o, r, node_of_collection(j->p, j->c));
    j->c = here;
    j->touched = before;
    return out;
}

static const node *joined_spot(judge *j, const node *at, const value *path) {
    spot s = node_find(j->p, at, value_chars(path));
    if (s.below || (s.in_array && !node_usable(s.node)) || (s.node->kind != N_ENCRYPTED && !node_usable(s.node)))
        judge_refuse(j, "join by '%s'", value_chars(path));
    return s.node;
}

static void check_join(judge *j, const node *a, const node *b) {
    if ((a->kind == N_ENCRYPTED && a->meta->qe) || (b->kind == N_ENCRYPTED && b->meta->qe))
        judge_refuse(j, "join by a field of Queryable Encryption");
    if ((a->kind != N_ENCRYPTED && b->kind != N_ENCRYPTED) || a->kind == N_ABSENT || b->kind == N_ABSENT)
        return;
    if (a->kind != N_ENCRYPTED || b->kind != N_ENCRYPTED) {
        judge_refuse(j, "join of an encrypted and a plain field");
        return;
    }
    if (!metadata_equal(a->meta, b->meta) || !metadata_comparable(a->meta) || a->origin != b->origin)
        judge_refuse(j, "join of fields with different metadata");
    if (j->collated && (metadata_allows(a->meta, T_STRING) || metadata_allows(a->meta, T_SYMBOL)))
        judge_refuse(j, "join of encrypted strings under a collation");
}

static const node *lookup(judge *j, const value *o, const value *r, const node *at) {
    const value *local = value_get(o, "localField"), *there = value_get(o, "foreignField");
    const value *as = value_get(o, "as");
    const node *other = foreign(j, value_get(o, "from"));
    if (!other || !as)
        return at;
    const node *matched = other;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "pipeline") == 0)
            matched = foreign_pipeline(j, value_get(o, "from"), it.o, it.r, false);
        else
            judge_same(j, it.o, it.r);
    if (local && there)
        check_join(j, joined_spot(j, at, local), joined_spot(j, other, there));
    return set(j, at, value_chars(as), node_array(j->p, matched, true));
}

/* A literal to start with is compared with the target field. */
static const node *start_node(judge *j, const outcome *list, const node *target) {
    if (target->kind != N_ENCRYPTED || !list || list->kind != LITERAL || list->next)
        return judge_settle(j, list);
    judge_compared(j, list->o, list->r, target->meta);
    return target;
}

/* A filter on the documents as they are stored. */
static void restricted(judge *j, const value *o, const value *r, const node *at) {
    const touched *before = j->touched;
    j->touched = NULL;
    judge_filter(j, o, r, at, false);
    j->touched = before;
}

static const node *graph_lookup(judge *j, const value *o, const value *r, const node *at) {
    const value *as = value_get(o, "as"), *from = value_get(o, "connectFromField"),
                *to = value_get(o, "connectToField");
    const value *name = value_get(o, "from");
    const node *other = foreign(j, name);
    if (!other || !as || !from || !to)
        return at;
    if (world_find(j->w, value_chars(name)) != j->c)
        judge_refuse(j, "$graphLookup into another collection");
    const node *start = &plain_node, *target = joined_spot(j, other, to);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "startWith") == 0)
            start = start_node(j, judge_expression(j, it.o, it.r, at), target);
        else if (strcmp(it.o->name, "restrictSearchWithMatch") == 0)
            restricted(j, it.o, it.r, other);
        else
            judge_same(j, it.o, it.r);
    if (start->kind != N_ENCRYPTED && !node_usable(start) && node_holds(j->p, start))
        judge_refuse(j, "$graphLookup starts with something that is not one value");
    check_join(j, joined_spot(j, other, from), target);
    check_join(j, start, target);
    return set(j, at, value_chars(as), node_array(j->p, other, false));
}

static const node *facet(judge *j, const value *o, const value *r, const node *at) {
    const node *out = empty(j);
    judge_touch_all(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        out = set(j, out, it.o->name, node_array(j->p, judge_pipeline(j, it.o, it.r, at), false));
    return out;
}

static const node *union_with(judge *j, const value *o, const value *r, const node *at) {
    const node *other = foreign(j, o->type == T_STRING ? o : value_get(o, "coll"));
    if (!other)
        return at;
    if (o->type == T_STRING) {
        judge_same(j, o, r);
        return node_merge(j->p, at, other);
    }
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "pipeline") == 0)
            other = foreign_pipeline(j, value_get(o, "coll"), it.o, it.r, true);
        else
            judge_same(j, it.o, it.r);
    return node_merge(j->p, at, other);
}

static const node *bucket_auto(judge *j, const value *o, const value *r, const node *at) {
    const value *by = value_get(o, "groupBy");
    if (by && node_holds(j->p, judge_settle(j, judge_expression(j, by, NULL, at))))
        judge_refuse(j, "$bucketAuto by something encrypted");
    judge_same(j, o, r);
    return empty(j);
}

static void check_plain(judge *j, const node *n, const char *what) {
    if (node_holds(j->p, n))
        judge_refuse(j, "%s over something encrypted", what);
}

static const node *bucket(judge *j, const value *o, const value *r, const node *at) {
    const node *out = empty(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "groupBy") == 0)
            check_plain(j, judge_settle(j, judge_expression(j, it.o, it.r, at)), "$bucket");
        else if (strcmp(it.o->name, "output") == 0)
            for (pairs fields = judge_pairs(j, it.o, it.r); judge_next(j, &fields);)
                out = set(j, out, fields.o->name, accumulator(j, fields.o, fields.r, at));
        else
            judge_same(j, it.o, it.r);
    return out;
}

/* {$sum: "$x", window: {…}} */
static const node *window_function(judge *j, const value *o, const value *r, const node *at) {
    const node *out = &plain_node;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "window") == 0)
            judge_same(j, it.o, it.r);
        else if (strcmp(it.o->name, "$addToSet") == 0)
            out = node_array(j->p, group_key(j, it.o, it.r, at), false);
        else
            out = accumulated(j, it.o->name, judge_settle(j, judge_expression(j, it.o, it.r, at)));
    return out;
}

static const node *window_fields(judge *j, const value *o, const value *r, const node *at) {
    const node *out = at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "partitionBy") == 0)
            group_key(j, it.o, it.r, at);
        else if (strcmp(it.o->name, "sortBy") == 0)
            sort(j, it.o, it.r, at);
        else
            for (pairs fields = judge_pairs(j, it.o, it.r); judge_next(j, &fields);)
                out = set(j, out, fields.o->name, window_function(j, fields.o, fields.r, at));
    return out;
}

static void check_path(judge *j, const node *at, const value *path, const char *stage) {
    spot s = node_find(j->p, at, value_chars(path));
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "%s of '%s'", stage, value_chars(path));
}

static const node *densify(judge *j, const value *o, const value *r, const node *at) {
    const value *path = value_get(o, "field"), *partitions = value_get(o, "partitionByFields");
    if (path)
        check_path(j, at, path, "$densify");
    for (const value *m = partitions ? partitions->first : NULL; m; m = m->next) {
        spot s = node_find(j->p, at, value_chars(m));
        if (s.below)
            judge_refuse(j, "$densify by parts below an encrypted path");
        check_key(j, s.node);
    }
    return unchanged(j, o, r, at);
}

static const node *fill(judge *j, const value *o, const value *r, const node *at) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "partitionBy") == 0) {
            group_key(j, it.o, it.r, at);
        } else if (strcmp(it.o->name, "sortBy") == 0) {
            sort(j, it.o, it.r, at);
        } else {
            for (const value *m = it.o->first; m; m = m->next)
                check_path(j, at, value_string(j->p, m->name), "$fill");
            judge_same(j, it.o, it.r);
        }
    return at;
}

typedef const node *rule(judge *j, const value *o, const value *r, const node *at);

static rule *rule_of(const char *stage) {
    static const struct {
        const char *stage;
        rule *rule;
    } table[] = {
        {"$match", match},
        {"$project", project},
        {"$addFields", add_fields},
        {"$set", add_fields},
        {"$unset", unset},
        {"$group", group},
        {"$sortByCount", sort_by_count},
        {"$count", count},
        {"$limit", unchanged},
        {"$skip", unchanged},
        {"$sample", unchanged},
        {"$sort", sort},
        {"$unwind", unwind},
        {"$replaceWith", replace_with},
        {"$replaceRoot", replace_root},
        {"$redact", redact},
        {"$lookup", lookup},
        {"$graphLookup", graph_lookup},
        {"$facet", facet},
        {"$unionWith", union_with},
        {"$bucketAuto", bucket_auto},
        {"$bucket", bucket},
        {"$setWindowFields", window_fields},
        {"$densify", densify},
        {"$fill", fill},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].stage, stage) == 0)
            return table[i].rule;
    return NULL;
}

/* Stages whose documents have nothing of the old ones under its own path, or may lack any of it, or come from
 * elsewhere. */
static bool makes_new(const char *stage) {
    static const char *const names[] = {"$group",      "$sortByCount", "$count", "$replaceWith", "$replaceRoot",
                                        "$bucketAuto", "$bucket",      "$facet", "$redact",      "$unionWith"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], stage) == 0)
            return true;
    return false;
}

static const node *judge_stage(judge *j, const value *o, const value *r, const node *at, bool first) {
    pairs it = judge_pairs(j, o, r);
    if (!judge_next(j, &it))
        return at;
    if (strcmp(it.o->name, "$indexStats") == 0 && (first || !j->encrypts)) {
        judge_same(j, it.o, it.r);
        return empty(j);
    }
    rule *judge_operand = rule_of(it.o->name);
    if (!judge_operand) {
        judge_refuse(j, "stage %s", it.o->name);
        return at;
    }
    at = judge_operand(j, it.o, it.r, at);
    if (makes_new(it.o->name))
        judge_touch_all(j);
    return at;
}

const node *judge_pipeline(judge *j, const value *o, const value *r, const node *at) {
    bool first = true;
    if (o->type != T_ARRAY)
        judge_moot(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it); first = false)
        at = judge_stage(j, it.o, it.r, at, first);
    return at;
}

/* The end of an update: what arrives there is stored. */

static void agree(judge *j, const node *end, const node *schema, const char *name);

static void agree_names(judge *j, const node *end, const node *schema, const node *names) {
    for (const field *f = names->fields; f; f = f->next)
        agree(j, node_child(j->p, end, f->name), node_child(j->p, schema, f->name), f->name);
    for (unsigned i = 0; i < names->base.n; i++) {
        for (const member *e = names->base.set[i]->members; e; e = e->next)
            agree(j, node_child(j->p, end, e->name), node_child(j->p, schema, e->name), e->name);
        if ((names->base.set[i]->patterns || names->base.set[i]->rest) && !node_same_base(end, schema) &&
            (end->base.n || end->either))
            judge_refuse(j, "an object with open names was exchanged");
    }
}

/* What is stored must be what the schema wants. */
static void agree(judge *j, const node *end, const node *schema, const char *name) {
    bool fine;
    if (schema->kind == N_ENCRYPTED)
        fine = end->kind == N_ABSENT || (end->kind == N_ENCRYPTED && metadata_equal(end->meta, schema->meta));
    else if (schema->kind == N_OBJECT && end->kind == N_OBJECT)
        fine = true;
    else if (schema->kind == N_OBJECT)
        fine = end->kind == N_ABSENT;
    else
        fine = end == schema || schema->kind == N_CONFLICT ? end->kind == schema->kind || end->kind == N_ABSENT
                                                           : !node_holds(j->p, end);
    if (!fine)
        judge_refuse(j, "what is stored at '%s' is not what the schema wants", name);
    if (schema->kind != N_OBJECT || end->kind != N_OBJECT)
        return;
    agree_names(j, end, schema, schema);
    agree_names(j, end, schema, end);
}

void judge_update_pipeline(judge *j, const value *o, const value *r, const node *schema) {
    static const char *const allowed[] = {"$set", "$addFields", "$unset", "$project", "$replaceRoot", "$replaceWith"};
    const node *at = schema;
    if (!j->encrypts) {
        judge_same(j, o, r);
        return;
    }
    j->stored_in = schema;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool known = false;
        for (size_t i = 0; it.o->first && i < sizeof allowed / sizeof *allowed; i++)
            known |= strcmp(it.o->first->name, allowed[i]) == 0;
        if (!known)
            judge_refuse(j, "a stage that updates do not have");
        at = judge_stage(j, it.o, it.r, at, false);
    }
    j->stored_in = NULL;
    for (unsigned i = 0; i < j->c->place_count; i++)
        if (j->c->places[i].meta && j->c->places[i].meta->qe && judge_is_touched(j, j->c->places[i].path))
            judge_refuse(j, "a pipeline writes or drops '%s'", j->c->places[i].path);
    j->touched = NULL;
    agree(j, at, schema, "");
}
