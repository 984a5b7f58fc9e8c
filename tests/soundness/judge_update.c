/* Updates by operators and by replacement. */

#include <string.h>

#include "judge.h"

/* The first component that is $, $[] or $[id]; NULL: none. */
static const char *positional(const char *path) {
    for (const char *at = path; at; at = strchr(at, '.')) {
        at += *at == '.';
        if (at[0] == '$' && (at[1] == 0 || at[1] == '.' || at[1] == '['))
            return at;
    }
    return NULL;
}

static const char *before_positional(judge *j, const char *path) {
    size_t n = (size_t)(positional(path) - path);
    return pool_text(j->p, "%.*s", n ? (int)n - 1 : 0, path);
}

static void judge_positional(judge *j, const value *o, const value *r, const node *at) {
    const char *before = before_positional(j, o->name);
    spot s = *before ? node_find(j->p, at, before) : (spot){.node = at};
    int context = judge_enter(j, F_UPDATE, "(positional)", "");
    judge_note(j, judge_site(&s));
    judge_leave(j, context);
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "positional path '%s' reaches an encrypted one", o->name);
    judge_same(j, o, r);
}

static void judge_set(judge *j, const value *o, const value *r, const node *at) {
    spot s = node_find(j->p, at, o->name);
    if (s.below || s.node->kind == N_CONFLICT)
        judge_refuse(j, "'%s' lies below an encrypted path or in conflict", o->name);
    else if (s.node->kind == N_ENCRYPTED)
        judge_stored(j, o, r, s.node->meta, NULL);
    else if (s.node->kind == N_OBJECT && o->type == T_DOC)
        judge_document(j, o, r, s.node, SET, NULL);
    else if (s.node->kind == N_OBJECT && o->type == T_ARRAY)
        judge_refuse(j, "array at '%s'", o->name);
    else
        judge_same(j, o, r);
}

static void judge_unset(judge *j, const value *o, const value *r, const node *at) {
    spot s = node_find(j->p, at, o->name);
    if (s.below || s.node->kind == N_CONFLICT)
        judge_refuse(j, "$unset of '%s'", o->name);
    judge_same(j, o, r);
}

static void judge_rename(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_STRING) {
        judge_same(j, o, r); /* the server's error */
        return;
    }
    spot from = node_find(j->p, at, o->name), to = node_find(j->p, at, value_chars(o));
    bool both_plain = node_usable(from.node) && node_usable(to.node);
    bool both_encrypted = from.node->kind == N_ENCRYPTED && to.node->kind == N_ENCRYPTED && !from.node->meta->qe &&
                          metadata_equal(from.node->meta, to.node->meta);
    if (from.below || to.below || !(both_plain || both_encrypted))
        judge_refuse(j, "$rename of '%s'", o->name);
    judge_same(j, o, r);
}

static void judge_other(judge *j, const value *o, const value *r, const node *at) {
    spot s = node_find(j->p, at, o->name);
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "'%s' may not be updated so", o->name);
    judge_same(j, o, r);
}

typedef void rule(judge *j, const value *o, const value *r, const node *at);

static rule *rule_of(const char *op) {
    static const struct {
        const char *op;
        rule *rule;
    } table[] = {
        {"$set", judge_set},       {"$setOnInsert", judge_set},   {"$unset", judge_unset},   {"$rename", judge_rename},
        {"$inc", judge_other},     {"$mul", judge_other},         {"$min", judge_other},     {"$max", judge_other},
        {"$bit", judge_other},     {"$currentDate", judge_other}, {"$push", judge_other},    {"$pull", judge_other},
        {"$pushAll", judge_other}, {"$pop", judge_other},         {"$pullAll", judge_other}, {"$addToSet", judge_other},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0)
            return table[i].rule;
    return NULL;
}

static bool is_safe_content(const char *path) {
    size_t n = strlen("__safeContent__");
    return strncmp(path, "__safeContent__", n) == 0 && (path[n] == 0 || path[n] == '.');
}

static void judge_modifiers(judge *j, const value *o, const value *r, const node *at) {
    for (pairs ops = judge_pairs(j, o, r); judge_next(j, &ops);) {
        rule *judge_path = rule_of(ops.o->name);
        if (!judge_path || ops.o->type != T_DOC) {
            judge_note_once(j, F_UPDATE, "$unheardOf", "");
            if (j->encrypts)
                judge_refuse(j, "update operator %s", ops.o->name);
            judge_same(j, ops.o, ops.r);
            continue;
        }
        for (const value *m = ops.o->first; m; m = m->next)
            if (judge_is_qe(j) &&
                (is_safe_content(m->name) || (strcmp(ops.o->name, "$rename") == 0 && is_safe_content(value_chars(m)))))
                judge_refuse(j, "__safeContent__ is updated");
        int before = judge_enter(j, F_UPDATE, ops.o->name, "");
        for (pairs it = judge_pairs(j, ops.o, ops.r); judge_next(j, &it);) {
            spot s = node_find(j->p, at, it.o->name);
            judge_note(j, judge_site(&s));
            (positional(it.o->name) ? judge_positional : judge_path)(j, it.o, it.r, at);
        }
        judge_leave(j, before);
    }
}

/* Every server refuses it, and what the operator holds would travel in clear. */
static void judge_replacement(judge *j, const value *o, const value *r, const node *at) {
    for (const value *m = o->first; m; m = m->next)
        if (m->name[0] == '$' && j->encrypts) {
            judge_note_once(j, F_UPDATE, "(operator in a replacement)", "");
            judge_refuse(j, "%s in a replacement", m->name);
        }
    int before = judge_enter(j, F_UPDATE, "(replacement)", "");
    judge_document(j, o, r, at, REPLACING, o);
    judge_leave(j, before);
}

void judge_update(judge *j, const value *o, const value *r, const node *at) {
    if (o->type == T_ARRAY)
        judge_update_pipeline(j, o, r, at);
    else if (o->first && o->first->name[0] == '$')
        judge_modifiers(j, o, r, at);
    else
        judge_replacement(j, o, r, at);
}
