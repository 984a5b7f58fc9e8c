/* Pipelines: each stage turns what may stand in the documents that reach it into what may stand in those it makes. */

#include <string.h>

#include "judge.h"

const node *judge_empty(judge *j) {
    node *n = pool_take(j->p, sizeof *n);
    n->kind = N_OBJECT;
    return n;
}

const node *judge_write(judge *j, const node *at, const char *path, const node *child) {
    bool below = false;
    judge_touch(j, path);
    const node *made = node_set(j->p, at, path, child, &below);
    if (below)
        judge_refuse(j, "'%s' is written below an encrypted path", path);
    return made;
}

static const node *match(judge *j, const value *o, const value *r, const node *at) {
    judge_filter(j, o, r, at, j->pipeline_marked);
    return at;
}

/* ---- what all stages share ---- */

static void malformed(judge *j, const char *operand, const char *stage, const char *why) {
    if (!j->encrypts)
        return;
    judge_note_once(j, F_STAGE, stage, operand);
    judge_refuse(j, "%s %s", stage, why);
}

static bool is_repeated(const value *of, const value *m) {
    for (const value *other = of->first; other != m; other = other->next)
        if (strcmp(other->name, m->name) == 0)
            return true;
    return false;
}

static const stage_row *options_of(const char *stage) {
    for (unsigned i = 0; i < stage_option_count; i++)
        if (strcmp(stage_options[i].name, stage) == 0)
            return &stage_options[i];
    return NULL;
}

static void check_needed(judge *j, const value *o, const stage_row *row) {
    const char *names = row->needed, *name;
    bool constant;
    while ((name = operand_next(j->p, &names, &constant)))
        if (!value_get(o, name)) {
            malformed(j, "(incomplete)", row->name, "lacks an option");
            judge_moot(j);
        }
}

bool judge_options(judge *j, const value *o, const char *stage) {
    const stage_row *row = options_of(stage);
    if (o->type != T_DOC)
        judge_malformed(j, "has no options");
    for (const value *m = o->type == T_DOC ? o->first : NULL; m; m = m->next) {
        if (!j->encrypts && (!operand_known(row->options, m->name) || is_repeated(o, m)))
            judge_moot(j);
        if (!operand_known(row->options, m->name))
            malformed(j, "(unknown)", stage, "has an unknown option");
        if (is_repeated(o, m))
            malformed(j, "(duplicate)", stage, "has an option twice");
    }
    if (o->type == T_DOC)
        check_needed(j, o, row);
    return o->type == T_DOC && j->verdict == V_FINE;
}

static void note_path(judge *j, const spot *s, const char *path) {
    judge_note(j, judge_is_dropped(j, s, path) ? SITE_DROPPED : judge_site(s));
}

void judge_plain_path(judge *j, const node *at, const char *path, const char *stage, const char *operand) {
    int before = judge_enter(j, F_STAGE, stage, operand);
    spot s = node_find(j->p, at, path);
    note_path(j, &s, path);
    if (s.below || !node_usable(s.node))
        judge_refuse(j, "%s of '%s'", stage, path);
    judge_leave(j, before);
}

/* ---- short stages ---- */

static bool is_name(const value *v) {
    return v->type == T_STRING && *value_chars(v) && value_chars(v)[0] != '$' && !strchr(value_chars(v), '.');
}

static const node *count(judge *j, const value *o, const value *r, const node *at) {
    (void)at;
    judge_same(j, o, r);
    if (!is_name(o))
        judge_malformed(j, "has no good name");
    return judge_write(j, judge_empty(j), value_chars(o), &plain_node);
}

static const node *unchanged(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    if (!value_is_number(o) && o->type != T_DECIMAL)
        judge_malformed(j, "is not what servers take");
    return at;
}

static const node *sample(judge *j, const value *o, const value *r, const node *at) {
    judge_same(j, o, r);
    judge_options(j, o, "$sample");
    return at;
}

void judge_sort(judge *j, const value *keys, const node *at) {
    for (const value *m = keys->first; m; m = m->next) {
        if (m->type == T_DOC)
            continue; /* {$meta: …} */
        spot s = node_find(j->p, at, m->name);
        note_path(j, &s, m->name);
        if (s.below || !node_usable(s.node))
            judge_refuse(j, "sort by '%s'", m->name);
    }
}

static const node *sort(judge *j, const value *o, const value *r, const node *at) {
    int before = judge_enter(j, F_STAGE, "$sort", "");
    judge_sort(j, o, at);
    judge_leave(j, before);
    judge_same(j, o, r);
    return at;
}

/* A plain value, below which a stage has set fields. */
static bool set_below_plain(const node *n) {
    return n->kind == N_OBJECT && n->open && n->base.n == 0 && !n->either;
}

/* A field that the stage makes, over whatever is there. */
static const node *write_over(judge *j, const node *at, const value *path, const char *stage, const char *operand) {
    spot s = node_find(j->p, at, value_chars(path));
    int before = judge_enter(j, F_STAGE, stage, operand);
    note_path(j, &s, value_chars(path));
    at = judge_write(j, at, value_chars(path), &plain_node);
    judge_leave(j, before);
    return at;
}

static const node *unwind(judge *j, const value *o, const value *r, const node *at) {
    const value *path = o->type == T_STRING ? o : value_get(o, "path");
    const value *index = o->type == T_DOC ? value_get(o, "includeArrayIndex") : NULL;
    judge_same(j, o, r);
    if (o->type != T_STRING && !judge_options(j, o, "$unwind"))
        return at;
    if (!path || path->type != T_STRING || value_chars(path)[0] != '$') {
        judge_malformed(j, "is not what servers take");
        return at;
    }
    const char *name = value_chars(path) + 1;
    spot s = node_find(j->p, at, name);
    bool plain_spot = node_usable(s.node);
    int before = judge_enter(j, F_STAGE, "$unwind", "path");
    note_path(j, &s, name);
    judge_leave(j, before);
    judge_touch(j, name);
    if (s.below || !(plain_spot || (s.node->kind == N_ARRAY && !s.in_array) || set_below_plain(s.node)))
        judge_refuse(j, "$unwind of '%s'", name);
    if (!plain_spot && s.node->kind == N_ARRAY)
        at = judge_write(j, at, name, s.node->element);
    return index ? write_over(j, at, index, "$unwind", "includeArrayIndex") : at;
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
        if (at->base.set[i]->patterns || at->base.set[i]->rest)
            judge_moot(j); /* any name may be encrypted there */
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

/* To blame is what the only path names further down. */
static void descend(judge *j, const value *o, const node *at) {
    const value *list = value_get(o, "$cond"), *test = list ? list->first : NULL;
    const char *path = test && test->type == T_STRING ? value_chars(test) : "";
    verdict fine = j->verdict;
    int before = judge_enter(j, F_STAGE, "$redact", "(descending)");
    check_descent(j, o, at);
    judge_note(j, SITE_PLAIN);
    judge_blame(j, fine);
    for (unsigned i = 0; path[0] == '$' && fine == V_FINE && j->verdict == V_REFUSE && i < j->c->place_count; i++) {
        const place *e = &j->c->places[i];
        const char *last = strrchr(e->path, '.');
        if (last && e->meta && strcmp(last + 1, path + 1) == 0)
            j->blamed.site = (unsigned char)judge_node_site(&(node){.kind = N_ENCRYPTED, .meta = e->meta});
    }
    judge_leave(j, before);
}

static const node *redact(judge *j, const value *o, const value *r, const node *at) {
    if (mentions(o, "$$DESCEND") && at->kind == N_OBJECT)
        descend(j, o, at);
    verdict fine = j->verdict;
    int before = judge_enter(j, F_STAGE, "$redact", "");
    judge_note(j, SITE_PLAIN);
    judge_condition(j, o, r, at);
    judge_blame(j, fine);
    judge_leave(j, before);
    return at;
}

/* ---- sources ---- */

static const node *geo_near(judge *j, const value *o, const value *r, const node *at) {
    static const char *const written[] = {"distanceField", "includeLocs"};
    const value *key = value_get(o, "key");
    if (!judge_options(j, o, "$geoNear"))
        return at;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (strcmp(it.o->name, "query") == 0) {
            judge_note_once(j, F_STAGE, "$geoNear", "query");
            judge_filter(j, it.o, it.r, at, j->pipeline_marked);
        } else {
            judge_same(j, it.o, it.r);
        }
    if (key)
        judge_plain_path(j, at, value_chars(key), "$geoNear", "key");
    for (size_t i = 0; i < 2; i++)
        if (value_get(o, written[i])) {
            const char *path = value_chars(value_get(o, written[i]));
            judge_plain_path(j, at, path, "$geoNear", written[i]);
            at = judge_write(j, at, path, &plain_node);
        }
    return at;
}

/* Facts about the collection. */
static const node *facts(judge *j, const value *o, const value *r, const node *at) {
    (void)at;
    judge_same(j, o, r);
    judge_options(j, o, o->name);
    return &plain_node;
}

static const node *change_stream(judge *j, const value *o, const value *r, const node *at) {
    bool plain_id = !node_holds(j->p, node_child(j->p, at, "_id"));
    const node *out = &plain_node;
    judge_same(j, o, r);
    if (!judge_options(j, o, "$changeStream"))
        return at;
    out = judge_write(j, out, "fullDocument", at);
    out = judge_write(j, out, "fullDocumentBeforeChange", at);
    out = judge_write(j, out, "updateDescription", &unknown_node);
    return judge_write(j, out, "documentKey", plain_id ? &plain_node : &unknown_node);
}

/* ---- targets ---- */

/* What is written is the server's own, or goes where nothing is encrypted. */
static const node *target(judge *j, const value *o, const value *r, const node *at) {
    const value *name = o->type == T_DOC ? value_get(o, "into") : o;
    const collection *to = name && name->type == T_STRING ? world_find(j->w, value_chars(name)) : NULL;
    bool declared = to && (j->w->several || to == j->c);
    judge_same(j, o, r);
    judge_note_once(j, F_STAGE, o->name, "");
    if (j->encrypts && (!declared || to->root->encrypts || node_holds(j->p, at)))
        judge_refuse(j, "%s", o->name);
    if (!j->encrypts)
        judge_moot(j);
    return at;
}

static const node *match_stage(judge *j, const value *o, const value *r, const node *at) {
    if (o->type != T_DOC)
        judge_malformed(j, "is not what servers take");
    return match(j, o, r, at);
}

/* `first`: no other stage may stand before it; `last`: none after it; `once`: it is counted as a whole. */
typedef struct stage_rule_row {
    const char *stage;
    stage_rule *rule;
    bool first, last, once;
} stage_rule_row;

static const stage_rule_row *rule_of(const char *stage) {
    static const stage_rule_row table[] = {
        {"$match", match_stage, false, false, false},
        {"$project", judge_project, false, false, false},
        {"$addFields", judge_add_fields, false, false, false},
        {"$set", judge_add_fields, false, false, false},
        {"$unset", judge_unset_stage, false, false, false},
        {"$group", judge_group, false, false, false},
        {"$sortByCount", judge_sort_by_count, false, false, false},
        {"$count", count, false, false, true},
        {"$limit", unchanged, false, false, true},
        {"$skip", unchanged, false, false, true},
        {"$sample", sample, false, false, true},
        {"$sort", sort, false, false, false},
        {"$unwind", unwind, false, false, false},
        {"$replaceWith", judge_replace_with, false, false, false},
        {"$replaceRoot", judge_replace_root, false, false, false},
        {"$redact", redact, false, false, false},
        {"$lookup", judge_lookup, false, false, false},
        {"$graphLookup", judge_graph_lookup, false, false, false},
        {"$facet", judge_facet, false, false, true},
        {"$unionWith", judge_union_with, false, false, true},
        {"$bucketAuto", judge_bucket_auto, false, false, false},
        {"$bucket", judge_bucket, false, false, false},
        {"$setWindowFields", judge_window_fields, false, false, false},
        {"$densify", judge_densify, false, false, false},
        {"$fill", judge_fill, false, false, false},
        {"$rerank", judge_rerank, false, false, false},
        {"$score", judge_score, false, false, false},
        {"$geoNear", geo_near, true, false, false},
        {"$search", judge_search, true, false, false},
        {"$searchMeta", judge_search_meta, true, false, false},
        {"$vectorSearch", judge_vector_search, true, false, false},
        {"$rankFusion", judge_fusion, true, false, true},
        {"$scoreFusion", judge_fusion, true, false, true},
        {"$collStats", facts, true, false, true},
        {"$indexStats", facts, true, false, true},
        {"$listSearchIndexes", facts, true, false, true},
        {"$changeStream", change_stream, true, false, true},
        {"$out", target, false, true, false},
        {"$merge", target, false, true, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].stage, stage) == 0)
            return &table[i];
    return NULL;
}

/* Stages whose documents have nothing of the old ones under its own path, or may lack any of it, or come from
 * elsewhere. */
static bool makes_new(const char *stage) {
    static const char *const names[] = {"$group",      "$sortByCount", "$count",       "$replaceWith",  "$replaceRoot",
                                        "$bucketAuto", "$bucket",      "$facet",       "$redact",       "$unionWith",
                                        "$collStats",  "$indexStats",  "$searchMeta",  "$changeStream", "$search",
                                        "$rankFusion", "$scoreFusion", "$vectorSearch"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], stage) == 0)
            return true;
    return false;
}

/* Sources that hold the server's own data pass where nothing encrypted can meet them: the documents leave open when. */
static void unsupported(judge *j, const char *stage) {
    static const char *const open[] = {"$planCacheStats", "$currentOp", "$listSessions", "$listLocalSessions"};
    static const char *const known[] = {"$documents",  "$listSampledQueries",      "$querySettings",
                                        "$queryStats", "$shardedDataDistribution", "$listClusterCatalog"};
    bool named = false;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strcmp(open[i], stage) == 0)
            judge_moot(j);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        named |= strcmp(known[i], stage) == 0;
    judge_note_once(j, F_STAGE, named ? stage : "$unheardOf", "");
    if (named && !j->encrypts)
        judge_moot(j);
    judge_refuse(j, "stage %s", stage);
}

static const node *judge_stage(judge *j, const value *o, const value *r, const node *at, bool first) {
    pairs it = judge_pairs(j, o, r);
    if (o->type != T_DOC || value_count(o) != 1) {
        judge_note_once(j, F_STAGE, "(two names)", "");
        judge_refuse(j, "a stage that does not have exactly one name");
    }
    if (!judge_next(j, &it))
        return at;
    const stage_rule_row *row = rule_of(it.o->name);
    j->stage = it.o->name;
    if (row && row->once)
        judge_note_once(j, F_STAGE, row->stage, "");
    if (!row) {
        unsupported(j, it.o->name);
        return at;
    }
    if (j->nested && (row->first || row->last || strcmp(row->stage, "$facet") == 0))
        judge_moot(j); /* where the server allows it, and where we do, the documents do not say */
    if ((row->first && !first) || (row->last && o->next)) {
        if (j->encrypts)
            judge_refuse(j, "%s at another place than its own", it.o->name);
        judge_moot(j);
    }
    bool root = j->stored_in && strncmp(row->stage, "$replace", 8) == 0;
    const node *made = row->rule(j, it.o, it.r, at);
    if (!root && made == at && makes_new(row->stage))
        judge_touch_all(j);
    j->previous = row->stage;
    if (makes_new(it.o->name) && made != at)
        judge_touch_all(j);
    at = made;
    return at;
}

const node *judge_pipeline(judge *j, const value *o, const value *r, const node *at) {
    const char *before = j->previous;
    bool first = true;
    j->previous = NULL;
    if (o->type != T_ARRAY)
        judge_malformed(j, "is not what servers take");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it); first = false)
        at = judge_stage(j, it.o, it.r, at, first);
    j->previous = before;
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
        if ((names->base.set[i]->patterns || names->base.set[i]->rest) && !node_same_base(end, schema) && end->base.n)
            judge_refuse(j, "an object with open names was exchanged");
        else if ((names->base.set[i]->patterns || names->base.set[i]->rest) && end->either)
            judge_moot(j); /* a union forgets which of its parts is a literal, of which the names are known */
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
    if (!fine && (schema->kind == N_CONFLICT || j->reads_dropped))
        judge_moot(j); /* the documents are silent, or what is left of an object is stored where it was */
    else if (!fine)
        judge_refuse(j, "what is stored at '%s' is not what the schema wants", name);
    if (schema->kind != N_OBJECT || end->kind != N_OBJECT)
        return;
    agree_names(j, end, schema, schema);
    agree_names(j, end, schema, end);
}

/* What the only stage, or the first of two, is about. */
static const char *update_kind(const value *o, const char **path) {
    const value *stage = o->first ? o->first->first : NULL;
    *path = NULL;
    if (!stage || (stage->type != T_STRING && !stage->first))
        return "";
    bool unset = stage->type == T_STRING;
    *path = unset ? value_chars(stage) : stage->first->name;
    if (!unset && stage->first->type == T_STRING && value_chars(stage->first)[0] == '$') {
        *path = value_chars(stage->first) + 1;
        return "value";
    }
    return !unset ? "$set" : o->first->next ? "$unset, $set" : "$unset";
}

static void note_update(judge *j, const value *o, const node *schema, verdict fine) {
    const char *path, *kind = update_kind(o, &path);
    if (!path || path[0] == '$')
        return;
    int before = judge_enter(j, F_UPDATE, "(pipeline)", kind);
    spot s = node_find(j->p, schema, path);
    judge_note(j, judge_site(&s));
    judge_blame(j, fine);
    if (fine == V_FINE && j->verdict == V_REFUSE)
        j->blamed.site = (unsigned char)judge_site(&s);
    judge_leave(j, before);
}

void judge_update_pipeline(judge *j, const value *o, const value *r, const node *schema) {
    verdict fine = j->verdict;
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
        if (it.o->first)
            judge_note_once(j, F_STAGE, it.o->first->name, "(in an update)");
        if (!known) {
            judge_refuse(j, "a stage that updates do not have");
            return;
        }
        at = judge_stage(j, it.o, it.r, at, false);
    }
    j->stored_in = NULL;
    j->previous = NULL;
    for (unsigned i = 0; i < j->c->place_count; i++)
        if (j->c->places[i].meta && j->c->places[i].meta->qe && judge_is_touched(j, j->c->places[i].path))
            judge_refuse(j, "a pipeline writes or drops '%s'", j->c->places[i].path);
    j->touched = NULL;
    agree(j, at, schema, "");
    note_update(j, o, schema, fine);
}
