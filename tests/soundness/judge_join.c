/* Stages that read other collections, or run pipelines of their own. */

#include <string.h>

#include "judge.h"

/* NULL and a verdict when the request has no schema for it. */
static const node *foreign(judge *j, const value *name) {
    if (!name || name->type != T_STRING) {
        judge_moot(j);
        return NULL;
    }
    const collection *c = world_find(j->w, value_chars(name));
    judge_note(j, SITE_PLAIN);
    if (!c && j->view)
        judge_moot(j); /* fine as long as no literal meets it */
    if (!c || (!j->w->several && c != j->c)) {
        judge_refuse(j, "another collection without a schema");
        return NULL;
    }
    return node_of_collection(j->p, c);
}

/* A pipeline that reads from another collection. */
static const node *foreign_pipeline(judge *j, const value *name, const value *o, const value *r, const value *let) {
    const touched *bound = j->bound;
    for (const value *m = let ? let->first : NULL; m; m = m->next)
        judge_bind(j, m->name);
    const collection *here = j->c;
    const touched *before = j->touched;
    bool nested = j->nested;
    j->nested = true;
    j->touched = NULL;
    j->c = world_find(j->w, value_chars(name));
    const node *out = judge_pipeline(j, o, r, node_of_collection(j->p, j->c));
    j->c = here;
    j->touched = before;
    j->nested = nested;
    j->bound = bound;
    return out;
}

static const node *joined_spot(judge *j, const node *at, const value *path, const char *stage, const char *operand) {
    spot s = node_find(j->p, at, value_chars(path));
    int before = judge_enter(j, F_STAGE, stage, operand);
    judge_note(j, judge_is_dropped(j, &s, value_chars(path)) ? SITE_DROPPED : judge_site(&s));
    judge_leave(j, before);
    if (s.below || (s.in_array && !node_usable(s.node)) || (s.node->kind != N_ENCRYPTED && !node_usable(s.node)))
        judge_refuse(j, "join by '%s'", value_chars(path));
    return s.node;
}

static void check_pair(judge *j, const node *a, const node *b) {
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

/* The field that is to blame is the one that is not plain. */
typedef struct join {
    const char *stage, *operands[2];
} join;

static void check_join(judge *j, join of, const node *a, const node *b) {
    int before = judge_enter(j, F_STAGE, of.stage, of.operands[node_usable(a)]);
    verdict fine = j->verdict;
    check_pair(j, a, b);
    judge_blame(j, fine);
    if (fine == V_FINE && j->verdict == V_REFUSE)
        j->blamed.site = (unsigned char)judge_node_site(node_usable(a) ? b : a);
    judge_leave(j, before);
}

/* Variables bind plain values only. */
static void bind(judge *j, const value *o, const value *r, const node *at) {
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        int before = judge_enter(j, F_STAGE, "$lookup", "let");
        const node *n = judge_settle(j, judge_expression(j, it.o, it.r, at));
        if (node_holds(j->p, n)) {
            judge_note(j, judge_node_site(n));
            judge_refuse(j, "a variable is bound to something encrypted");
        }
        judge_leave(j, before);
    }
}

/* `as`: over whatever is there. */
static const node *put_array(judge *j, const node *at, const char *stage, const value *as, const node *array) {
    spot s = node_find(j->p, at, value_chars(as));
    int before = judge_enter(j, F_STAGE, stage, "as");
    judge_note(j, judge_site(&s));
    at = judge_write(j, at, value_chars(as), array);
    judge_leave(j, before);
    return at;
}

static const node *other_of(judge *j, const char *stage, const value *name) {
    int before = judge_enter(j, F_STAGE, stage, "from");
    const node *other = foreign(j, name);
    judge_leave(j, before);
    return other;
}

const node *judge_lookup(judge *j, const value *o, const value *r, const node *at) {
    const value *local = value_get(o, "localField"), *there = value_get(o, "foreignField"), *as = value_get(o, "as");
    if (!judge_options(j, o, "$lookup"))
        return at;
    const node *other = other_of(j, "$lookup", value_get(o, "from"));
    if (as->type != T_STRING || !local != !there)
        judge_malformed(j, "is not what servers take");
    if (!other)
        judge_moot(j);
    if (j->verdict != V_FINE)
        return at;
    const node *matched = other;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "pipeline") == 0) {
            judge_note_once(j, F_STAGE, "$lookup", "pipeline");
            j->joined = true;
            matched = foreign_pipeline(j, value_get(o, "from"), it.o, it.r, value_get(o, "let"));
        } else if (strcmp(it.o->name, "let") == 0) {
            bind(j, it.o, it.r, at);
        } else {
            judge_same(j, it.o, it.r);
        }
    if (local && there)
        check_join(j, (join){"$lookup", {"localField", "foreignField"}},
                   joined_spot(j, at, local, "$lookup", "localField"),
                   joined_spot(j, other, there, "$lookup", "foreignField"));
    return put_array(j, at, "$lookup", as, node_array(j->p, matched, true));
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
    const char *previous = j->previous;
    j->previous = NULL;
    j->touched = NULL;
    judge_filter(j, o, r, at, false);
    j->touched = before;
    j->previous = previous;
}

static const node *graph_parts(judge *j, const value *o, const value *r, const node *at, const node *other,
                               const node *target) {
    const node *start = &plain_node;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "startWith") == 0) {
            int before = judge_enter(j, F_STAGE, "$graphLookup", "startWith");
            start = start_node(j, judge_expression(j, it.o, it.r, at), target);
            if (node_holds(j->p, start))
                judge_note(j, judge_node_site(start));
            if (start->kind != N_ENCRYPTED && node_holds(j->p, start))
                judge_refuse(j, "$graphLookup starts with something that is not one value");
            check_join(j, (join){"$graphLookup", {"startWith", "connectToField"}}, start, target);
            judge_leave(j, before);
        } else if (strcmp(it.o->name, "restrictSearchWithMatch") == 0) {
            judge_note_once(j, F_STAGE, "$graphLookup", "restrictSearchWithMatch");
            restricted(j, it.o, it.r, other);
        } else {
            judge_same(j, it.o, it.r);
        }
    return start;
}

const node *judge_graph_lookup(judge *j, const value *o, const value *r, const node *at) {
    const value *name = value_get(o, "from");
    if (!judge_options(j, o, "$graphLookup"))
        return at;
    const node *other = other_of(j, "$graphLookup", name);
    if (!other)
        return at;
    if (world_find(j->w, value_chars(name)) != j->c)
        judge_moot(j); /* accepted as $lookup is, if nothing encrypted is connected */
    const node *target = joined_spot(j, other, value_get(o, "connectToField"), "$graphLookup", "connectToField");
    check_join(j, (join){"$graphLookup", {"connectFromField", "connectToField"}},
               joined_spot(j, other, value_get(o, "connectFromField"), "$graphLookup", "connectFromField"), target);
    graph_parts(j, o, r, at, other, target);
    if (value_get(o, "depthField"))
        judge_note_once(j, F_STAGE, "$graphLookup", "depthField");
    return put_array(j, at, "$graphLookup", value_get(o, "as"), node_array(j->p, other, false));
}

static bool is_name(const char *name) {
    return *name && name[0] != '$' && !strchr(name, '.');
}

const node *judge_facet(judge *j, const value *o, const value *r, const node *at) {
    const node *out = judge_empty(j);
    const char *before = j->fixed_in;
    bool nested = j->nested;
    if (o->type != T_DOC || !o->first)
        judge_malformed(j, "is not what servers take");
    j->nested = true;
    judge_touch_all(j);
    j->fixed_in = "(QE in a facet)";
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        j->stage = "$facet";
        if (!is_name(it.o->name))
            judge_malformed(j, "has no good name");
        out = judge_write(j, out, it.o->name, node_array(j->p, judge_pipeline(j, it.o, it.r, at), false));
    }
    j->fixed_in = before;
    j->nested = nested;
    return out;
}

const node *judge_union_with(judge *j, const value *o, const value *r, const node *at) {
    if (o->type == T_DOC && !judge_options(j, o, "$unionWith"))
        return at;
    const char *before = j->fixed_in;
    int context = judge_enter(j, F_STAGE, "$unionWith", "");
    const node *other = foreign(j, o->type == T_STRING ? o : value_get(o, "coll"));
    judge_leave(j, context);
    if (!other)
        return at;
    if (o->type == T_STRING) {
        judge_same(j, o, r);
        return node_merge(j->p, at, other);
    }
    j->fixed_in = "(QE in a union)";
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "pipeline") == 0)
            other = foreign_pipeline(j, value_get(o, "coll"), it.o, it.r, NULL);
        else
            judge_same(j, it.o, it.r);
    j->fixed_in = before;
    return node_merge(j->p, at, other);
}

/* ---- $rankFusion, $scoreFusion ---- */

static bool selects(const value *stage) {
    static const char *const names[] = {"$match", "$sort", "$limit", "$skip", "$geoNear", "$search", "$vectorSearch"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (stage->type == T_DOC && stage->first && strcmp(names[i], stage->first->name) == 0)
            return true;
    return false;
}

static void fused(judge *j, const value *pipelines, const value *r, const node *at) {
    for (pairs it = judge_pairs(j, pipelines, r); judge_next(j, &it);) {
        for (const value *stage = it.o->first; stage; stage = stage->next)
            if (!selects(stage) && j->encrypts)
                judge_refuse(j, "a pipeline to fuse that does more than to select documents");
        judge_pipeline(j, it.o, it.r, at);
    }
}

static const value *pipelines_of(const value *o) {
    const value *input = o ? value_get(o, "input") : NULL;
    return input ? value_get(input, "pipelines") : NULL;
}

const node *judge_fusion(judge *j, const value *o, const value *r, const node *at) {
    if (!judge_options(j, o, o->name))
        return at;
    if (!pipelines_of(o) || (r && !pipelines_of(r)))
        judge_malformed(j, "is not what servers take");
    else
        fused(j, pipelines_of(o), r ? pipelines_of(r) : NULL, at);
    if (r && value_placeholders(r) == 0)
        judge_same(j, o, r);
    return at;
}
