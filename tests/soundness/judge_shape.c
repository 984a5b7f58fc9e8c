/* Stages that make other documents of those that reach them: $project, $addFields, $unset, $replaceRoot. */

#include <string.h>

#include "judge.h"

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
    if (fields->first && is_nested(fields->first))
        return excludes(fields->first);
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
        if (top && strcmp(m->name, "_id") == 0)
            continue; /* it may be left out of an inclusion, and so may what is below it, as far as we ask */
        bool flag = is_flag(m);
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

/* The same, between fields of which neither is an object of more. */
static bool has_plain_collision(const value *fields) {
    for (const value *a = fields->first; a; a = a->next)
        for (const value *b = a->next; b; b = b->next)
            if (collide(a->name, b->name) && !is_nested(a) && !is_nested(b))
                return true;
    return false;
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
    int before = judge_enter(j, F_COMMAND, "find", "$slice");
    judge_note(j, judge_site(&s));
    judge_leave(j, before);
    if (strcmp(o->first->name, "$slice") == 0 && !value_is_number(o->first) &&
        !(o->first->type == T_ARRAY && value_count(o->first) > 1))
        judge_moot(j); /* neither find's $slice nor the expression */
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "%s of '%s'", o->first->name, path);
    judge_same(j, o, r);
}

typedef struct projection {
    const node *from, *out;
    const char *stage; /* NULL: of find */
    bool exclusion;
} projection;

/* What the field is before the stage, and for a computed one what it becomes. */
static void note_field(judge *j, const projection *to, const char *operand, const char *path) {
    spot s = node_find(j->p, to->from, path);
    bool modifies = strcmp(j->command, "findAndModify") == 0;
    if (!to->stage && operand[0] != '(')
        operand = modifies ? "fields" : "projection";
    int before = judge_enter(j, to->stage ? F_STAGE : F_COMMAND, to->stage ? to->stage : j->command, operand);
    judge_note(j, judge_is_dropped(j, &s, path) ? SITE_DROPPED : judge_site(&s));
    judge_leave(j, before);
}

static const node *computed(judge *j, const projection *to, const value *o, const value *r, const char *path) {
    int before = judge_enter(j, F_STAGE, to->stage ? to->stage : "$project", "value");
    const node *made = settle_at(j, judge_expression(j, o, r, to->from), path);
    judge_leave(j, before);
    note_field(j, to, to->stage ? "path" : "(computed)", path);
    if (node_find(j->p, to->from, path).node->kind == N_CONFLICT)
        judge_moot(j); /* whether writing over it is a use of it, the documents leave open */
    return made;
}

static void project_fields(judge *j, projection *to, const value *o, const value *r, const char *prefix) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const char *path = join_path(j, prefix, it.o->name);
        if (!to->stage && is_find_operator(it.o)) {
            judge_find_operator(j, it.o, it.r, to->from, path);
        } else if (is_nested(it.o)) {
            project_fields(j, to, it.o, it.r, path);
        } else if (!is_flag(it.o)) {
            const node *made = computed(j, to, it.o, it.r, path);
            if (node_find(j->p, to->from, path).below)
                judge_refuse(j, "'%s' is written below an encrypted path", path);
            to->out = judge_write(j, to->out, path, made);
        } else {
            judge_same(j, it.o, it.r);
            bool below = false;
            note_field(j, to, is_true(it.o) ? "include" : "exclude", path);
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

/* A stage that names nothing, at some level. */
static bool names_nothing(const value *fields) {
    if (fields->type != T_DOC || !fields->first)
        return true;
    for (const value *m = fields->first; m; m = m->next)
        if (m->type == T_DOC && (!m->first || (is_nested(m) && names_nothing(m))))
            return true;
    return false;
}

static void check_shape(judge *j, const value *o) {
    if (!names_nothing(o) || !j->encrypts)
        return;
    judge_malformed(j, "of nothing");
}

const node *judge_projection(judge *j, const value *o, const value *r, const node *at, bool find) {
    projection to = {.from = at, .stage = find ? NULL : "$project", .exclusion = excludes(o)};
    if (!find)
        check_shape(j, o);
    if (!find && (is_mixed(o, to.exclusion, true) || has_plain_collision(o)))
        judge_malformed(j, "mixes, or names a field twice");
    else if (is_mixed(o, to.exclusion, true) || has_collision(o))
        judge_moot(j);
    to.out = to.exclusion ? at : judge_empty(j);
    if (!to.exclusion)
        judge_touch_all(j);
    if (!to.exclusion && !value_get(o, "_id"))
        to.out = node_include(j->p, to.out, at, "_id");
    project_fields(j, &to, o, r, "");
    return to.out;
}

const node *judge_project(judge *j, const value *o, const value *r, const node *at) {
    return judge_projection(j, o, r, at, false);
}

static const node *add_fields_to(judge *j, const value *o, const value *r, const projection *to, const node *out,
                                 const char *prefix) {
    if (o->type != T_DOC || !o->first || has_plain_collision(o))
        judge_malformed(j, "names nothing, or a field twice");
    else if (has_collision(o))
        judge_moot(j);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const char *path = join_path(j, prefix, it.o->name);
        if (is_nested(it.o))
            out = add_fields_to(j, it.o, it.r, to, out, path);
        else
            out = judge_write(j, out, path, computed(j, to, it.o, it.r, path));
    }
    return out;
}

const node *judge_add_fields(judge *j, const value *o, const value *r, const node *at) {
    projection to = {.from = at, .stage = strcmp(o->name, "$set") == 0 ? "$set" : "$addFields"};
    return add_fields_to(j, o, r, &to, at, "");
}

static const node *unset_path(judge *j, const node *at, const value *path) {
    bool below = false;
    if (path->type == T_STRING)
        note_field(j, &(projection){.from = at, .stage = "$unset"}, "", value_chars(path));
    judge_touch(j, value_chars(path));
    return path->type == T_STRING ? node_set(j->p, at, value_chars(path), &absent_node, &below) : at;
}

const node *judge_unset_stage(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (o->type != T_ARRAY)
        return unset_path(j, at, o);
    for (const value *m = o->first; m; m = m->next)
        at = unset_path(j, at, m);
    return at;
}

/* A scalar, an array, or {$literal: …} of one. */
static bool is_no_document(const value *v) {
    const value *literal = v->type == T_DOC && value_count(v) == 1 ? v->first : NULL;
    if (literal && (strcmp(literal->name, "$literal") == 0 || strcmp(literal->name, "$const") == 0))
        return literal->type != T_DOC;
    return v->type != T_DOC && !(v->type == T_STRING && value_chars(v)[0] == '$') &&
           (v->type != T_ARRAY || judge_is_constant(v));
}

static const node *new_root(judge *j, const char *stage, const value *o, const value *r, const node *at) {
    if (is_no_document(o))
        judge_malformed(j, "with a constant that is no document");
    int before = judge_enter(j, F_STAGE, stage, "");
    const node *root = judge_settle(j, judge_expression(j, o, r, at));
    if (root->kind != N_OBJECT && !node_usable(root)) {
        judge_note(j, judge_node_site(root));
        judge_refuse(j, "the new root is encrypted, unknown or an array");
    }
    judge_leave(j, before);
    return root;
}

const node *judge_replace_with(judge *j, const value *o, const value *r, const node *at) {
    return new_root(j, "$replaceWith", o, r, at);
}

const node *judge_replace_root(judge *j, const value *o, const value *r, const node *at) {
    if (!judge_options(j, o, "$replaceRoot"))
        return at;
    pairs it = judge_pairs(j, o, r);
    return judge_next(j, &it) ? new_root(j, "$replaceRoot", it.o, it.r, at) : at;
}
