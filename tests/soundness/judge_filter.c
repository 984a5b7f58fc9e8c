/* Filters, and the normal form of those in which something was marked:
 *
 *     {ssn: "x", age: 3}  ->  {$and: [{ssn: {$eq: <x>}}, {age: {$eq: 3}}]} */

#include <string.h>

#include "judge.h"

typedef enum group { EQUALITY, LIST, EXISTS, ORDER, NOT, HARMLESS_ABOVE, HARMFUL_ABOVE, UNHEARD } group;

static group group_of(const char *op) {
    static const struct {
        const char *op;
        group group;
    } table[] = {
        {"(equality)", EQUALITY},
        {"(regex)", HARMLESS_ABOVE},
        {"$eq", EQUALITY},
        {"$ne", EQUALITY},
        {"$in", LIST},
        {"$nin", LIST},
        {"$exists", EXISTS},
        {"$gt", ORDER},
        {"$gte", ORDER},
        {"$lt", ORDER},
        {"$lte", ORDER},
        {"$not", NOT},
        {"$type", HARMLESS_ABOVE},
        {"$regex", HARMLESS_ABOVE},
        {"$size", HARMLESS_ABOVE},
        {"$mod", HARMLESS_ABOVE},
        {"$options", HARMLESS_ABOVE},
        {"$bitsAllSet", HARMLESS_ABOVE},
        {"$bitsAllClear", HARMLESS_ABOVE},
        {"$bitsAnySet", HARMLESS_ABOVE},
        {"$bitsAnyClear", HARMLESS_ABOVE},
        {"$elemMatch", HARMFUL_ABOVE},
        {"$all", HARMFUL_ABOVE},
        {"$geoWithin", HARMFUL_ABOVE},
        {"$geoIntersects", HARMFUL_ABOVE},
        {"$within", HARMFUL_ABOVE},
        {"$near", HARMFUL_ABOVE},
        {"$nearSphere", HARMFUL_ABOVE},
        {"$maxDistance", HARMFUL_ABOVE},
        {"$minDistance", HARMFUL_ABOVE},
        {"$uniqueDocs", HARMFUL_ABOVE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0)
            return table[i].group;
    return UNHEARD;
}

static bool is_reference_part(const char *name) {
    return strcmp(name, "$ref") == 0 || strcmp(name, "$id") == 0 || strcmp(name, "$db") == 0;
}

/* A DBRef is a value, in any order of its parts. */
bool judge_is_operators(const value *v) {
    if (v->type != T_DOC || !v->first || v->first->name[0] != '$')
        return false;
    for (const value *m = v->first; m; m = m->next)
        if (m->name[0] == '$' && !is_reference_part(m->name))
            return true;
    return false;
}

static void judge_equality(judge *j, const value *o, const value *r, const node *at) {
    if (at->kind == N_ENCRYPTED && at->meta->qe)
        judge_qe_equality(j, o, r, at->meta, j->path);
    else if (at->kind == N_ENCRYPTED)
        judge_compared(j, o, r, at->meta);
    else if (at->kind == N_OBJECT && o->type == T_DOC)
        judge_document(j, o, r, at, COMPARED, o);
    else if (at->kind == N_OBJECT && o->type == T_ARRAY && judge_reaches(j, o, at))
        judge_refuse(j, "array of documents above an encrypted path");
    else
        judge_same(j, o, r);
}

static void judge_list(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_ARRAY) {
        if (at->kind == N_ENCRYPTED)
            judge_refuse(j, "$in without a list");
        judge_same(j, o, r);
        return;
    }
    if (at->kind == N_ENCRYPTED && at->meta->qe && at->meta->qe->index == UNINDEXED)
        judge_refuse(j, "%s on '%s', which has no equality index", o->name, j->path);
    if (!o->first && at->kind == N_ENCRYPTED && at->meta->qe && (j->fixed_in || judge_is_touched(j, j->path)))
        judge_moot(j); /* nothing is compared, and nothing found */
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        judge_equality(j, it.o, it.r, at);
}

static void judge_operators(judge *j, const value *o, const value *r, const spot *s, const char *path);

static void judge_order(judge *j, const value *o, const node *at) {
    if (at->kind == N_ENCRYPTED || value_is_container(o))
        judge_refuse(j, "%s on or above an encrypted path", o->name);
}

/* Of the array itself it counts elements, and looks at none. Of a field in its elements the documents say the same; but
 * where that may be an array, it would be found in plaintext only, and a rule above all others forbids that. Whether it
 * is a comparison of Queryable Encryption they leave open. */
static void judge_size(judge *j, const value *op, const value *r, const node *at) {
    if (at->kind == N_ENCRYPTED && metadata_allows(at->meta, T_ARRAY))
        judge_refuse(j, "$size of an encrypted field that may be an array");
    else if (at->kind == N_ENCRYPTED && at->meta->qe)
        judge_moot(j);
    judge_same(j, op, r);
}

static void judge_array_spot(judge *j, const value *op, const value *r, const spot *s, group kind) {
    const node *at = s->node;
    bool matched = at->kind == N_ENCRYPTED && s->in_array && s->looked_up;
    if (matched && kind == EQUALITY && strcmp(op->name, "$ne") != 0)
        judge_equality(j, op, r, at);
    else if (matched && strcmp(op->name, "$in") == 0)
        judge_list(j, op, r, at);
    else if (at->kind != N_PLAIN && at->kind != N_UNKNOWN && strcmp(op->name, "$size") == 0)
        judge_size(j, op, r, at);
    else if (kind == NOT)
        judge_refuse(j, "$not on an array that holds something encrypted");
    else
        judge_refuse(j, "%s on an array that holds something encrypted", op->name);
}

static void judge_not(judge *j, const value *op, const value *r, const spot *s, const char *path) {
    verdict before = j->verdict;
    int context = judge_enter(j, F_TREE, "$not", "");
    if (op->type != T_DOC)
        judge_refuse(j, "$not without operators on '%s'", path);
    else
        judge_operators(j, op, r, s, path);
    judge_blame(j, before);
    judge_leave(j, context);
}

/* A literal that could match nothing, and would travel in clear. Of the other operators the documents do not speak. */
static void judge_dropped(judge *j, const value *op, const value *r, const char *path, group kind) {
    if (kind == EQUALITY || kind == LIST || kind == ORDER)
        judge_refuse(j, "%s on '%s', which a stage has dropped", op->name, path);
    else
        judge_moot(j);
    judge_same(j, op, r);
}

static void judge_operator(judge *j, const value *op, const value *r, const spot *s, const char *path) {
    group kind = group_of(op->name);
    const node *at = s->node;
    int before = judge_enter(j, kind == NOT ? F_TREE : F_MATCH, op->name, "");
    judge_note(j, judge_is_dropped(j, s, path) ? SITE_DROPPED : kind == UNHEARD ? SITE_PLAIN : judge_site(s));
    judge_leave(j, before);
    if (kind == UNHEARD && j->encrypts) {
        judge_refuse(j, "unknown operator %s", op->name);
        return;
    }
    if (kind == NOT && (op->type == T_DOC || at->kind == N_ENCRYPTED || s->below)) {
        judge_not(j, op, r, s, path);
        return;
    }
    if (s->below)
        judge_refuse(j, "%s below the encrypted path '%s'", op->name, path);
    else if (judge_is_dropped(j, s, path) && kind != EXISTS)
        judge_dropped(j, op, r, path, kind);
    else if (kind != EXISTS && judge_reaches(j, op, judge_dropped_from(j, s, path)))
        judge_refuse(j, "%s looks into '%s', which a stage has dropped", op->name, path);
    else if (at->kind == N_CONFLICT)
        judge_refuse(j, "conflicting metadata at '%s'", path);
    else if (node_usable(at) || kind == EXISTS)
        judge_same(j, op, r);
    else if (at->kind == N_UNKNOWN)
        judge_refuse(j, "%s on '%s', which is unknown", op->name, path);
    else if (at->kind == N_ARRAY || s->in_array)
        judge_array_spot(j, op, r, s, kind);
    else if (kind == EQUALITY)
        judge_equality(j, op, r, at);
    else if (kind == LIST)
        judge_list(j, op, r, at);
    else if (kind == ORDER)
        judge_order(j, op, at);
    else if (at->kind == N_ENCRYPTED || kind == HARMFUL_ABOVE)
        judge_refuse(j, "%s on '%s'", op->name, path);
    else
        judge_same(j, op, r);
}

static void judge_operators(judge *j, const value *o, const value *r, const spot *s, const char *path) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        judge_operator(j, it.o, it.r, s, path);
}

/* {f: v} and, in normal form, {f: {$eq: v}} */
static void judge_implicit(judge *j, const value *o, const value *r, const spot *s, bool normal) {
    value renamed = *o;
    renamed.name = o->type == T_REGEX ? "(regex)" : "(equality)";
    if (o->type != T_REGEX && r && normal) {
        const value *eq = r->type == T_DOC && value_count(r) == 1 ? value_get(r, "$eq") : NULL;
        if (!eq)
            judge_wrong(j, "'%s' is not in normal form", o->name);
        r = eq;
    }
    judge_operator(j, &renamed, r, s, o->name);
}

static void judge_level(judge *j, const value *o, const value *r, const node *at, bool normal);

static void judge_tree(judge *j, const value *o, const value *r, const node *at, bool normal) {
    static const char *const harmless[] = {"$comment", "$sampleRate", "$alwaysTrue", "$alwaysFalse"};
    int before = judge_enter(j, F_TREE, o->name, "");
    if (strcmp(o->name, "$expr") != 0)
        judge_note(j, SITE_PLAIN);
    if (strcmp(o->name, "$and") == 0 || strcmp(o->name, "$or") == 0 || strcmp(o->name, "$nor") == 0) {
        for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
            judge_level(j, it.o, it.r, at, normal);
        judge_leave(j, before);
        return;
    }
    if (strcmp(o->name, "$expr") == 0) {
        j->in_filter = true;
        judge_condition(j, o, r, at);
        j->in_filter = false;
        judge_leave(j, before);
        return;
    }
    judge_leave(j, before);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(o->name, harmless[i]) == 0) {
            judge_same(j, o, r);
            return;
        }
    if (j->encrypts)
        judge_refuse(j, "%s", o->name);
    judge_same(j, o, r);
}

static void judge_predicate(judge *j, const value *o, const value *r, const node *at, bool normal) {
    spot s = node_find(j->p, at, o->name);
    bool ranged = s.node->kind == N_ENCRYPTED && !s.below && s.node->meta->qe;
    if (j->distinct && judge_is_qe(j) && o->name[0] != '$' && (s.below || s.node->kind == N_ENCRYPTED))
        judge_refuse(j, "the query of distinct names '%s'", o->name);
    if (o->name[0] != '$' && ranged && s.node->meta->qe->index == RANGE_INDEX) {
        judge_qe_range(j, o, r, s.node->meta, o->name);
        return;
    }
    j->path = o->name;
    if (r && strcmp(o->name, r->name) != 0) {
        judge_wrong(j, "the predicate on '%s' became one on '%s'", o->name, r->name);
        return;
    }
    if (o->name[0] == '$') {
        judge_tree(j, o, r, at, normal);
        return;
    }
    if (judge_is_operators(o))
        judge_operators(j, o, r, &s, o->name);
    else
        judge_implicit(j, o, r, &s, normal);
}

/* The only member of the i-th element of {$and: […]}. */
static const value *nth(judge *j, const value *list, unsigned i) {
    const value *element = list->first;
    while (element && i-- > 0)
        element = element->next;
    if (element && element->type == T_DOC && value_count(element) == 1)
        return element->first;
    judge_wrong(j, "a predicate of the normal form is missing");
    return NULL;
}

static void judge_wrapped(judge *j, const value *o, const value *r, const node *at) {
    const value *list = value_count(r) == 1 ? value_get(r, "$and") : NULL;
    if (!list || list->type != T_ARRAY || value_count(list) != value_count(o)) {
        judge_wrong(j, "several predicates are not one $and");
        return;
    }
    unsigned i = 0;
    for (const value *m = o->first; m; m = m->next) {
        const value *predicate = nth(j, list, i++);
        if (!predicate)
            return;
        judge_predicate(j, m, predicate, at, true);
    }
}

static void judge_level(judge *j, const value *o, const value *r, const node *at, bool normal) {
    if (o->type != T_DOC) {
        judge_same(j, o, r); /* the server's error */
        return;
    }
    if (r && normal && value_count(o) > 1) {
        judge_wrapped(j, o, r, at);
        return;
    }
    const value *rm = r ? r->first : NULL;
    if (r && value_count(r) != value_count(o))
        judge_wrong(j, "predicates were added or lost");
    for (const value *m = o->first; m && j->verdict == V_FINE; m = m->next) {
        judge_predicate(j, m, rm, at, normal);
        rm = rm ? rm->next : NULL;
    }
}

/* A filter that is stored, and where nothing is marked, stays as it is written. */
void judge_filter(judge *j, const value *o, const value *r, const node *at, bool normal) {
    judge_level(j, o, r, at,
                normal || (judge_is_qe(j) && (!j->only_exists || j->distinct)) ||
                    (r && j->encrypts && value_placeholders(r) > 0));
}
