/* Queryable Encryption: what a placeholder must be, and which comparisons the server can answer. */

#include <string.h>

#include "judge.h"

/* ---- which fields may be compared ---- */

static void touch(judge *j, const char *path) {
    touched *t = pool_take(j->p, sizeof *t);
    *t = (touched){path, j->touched};
    j->touched = t;
}

void judge_touch_all(judge *j) {
    touch(j, "");
}

void judge_touch(judge *j, const char *path) {
    if (*path) /* else a field without a name, which no other lies below */
        touch(j, path);
}

static bool lies_at_or_below(const char *path, const char *of) {
    size_t n = strlen(of);
    return strncmp(path, of, n) == 0 && (path[n] == 0 || path[n] == '.');
}

bool judge_is_touched(const judge *j, const char *path) {
    for (const touched *t = j->touched; t; t = t->next)
        if (!*t->path || lies_at_or_below(path, t->path) || lies_at_or_below(t->path, "__safeContent__"))
            return true;
    return false;
}

/* The server rewrites no comparisons there, nor in what is nested below. */
static void check_fixed(judge *j, const metadata *meta, const char *path) {
    if (!j->fixed_in)
        return;
    int before = judge_enter(j, F_STAGE, j->fixed_in, "");
    judge_note(j, judge_node_site(&(node){.kind = N_ENCRYPTED, .meta = meta}));
    judge_refuse(j, "'%s' is compared: %s", path, j->fixed_in);
    judge_leave(j, before);
}

static void check_path(judge *j, const metadata *meta, const char *path) {
    check_fixed(j, meta, path);
    judge_note_after(j, meta);
    if (strcmp(path, meta->qe->path) != 0 || collection_metadata(j->c, path) != meta || judge_is_touched(j, path))
        judge_refuse(j, "'%s' is compared under another path, or after a stage that touched it", path);
    if (j->only_exists)
        judge_refuse(j, "comparison where only $exists may stand");
}

/* ---- placeholders ---- */

static void put_index(judge *j, value *v, const char *name, const text_lengths *of) {
    value *spec = value_doc(j->p);
    if (!of->ub)
        return;
    if (of->mlen)
        value_put(j->p, spec, "mlen", value_int(j->p, of->mlen));
    value_put(j->p, spec, "ub", value_int(j->p, of->ub));
    value_put(j->p, spec, "lb", value_int(j->p, of->lb));
    value_put(j->p, v, name, spec);
}

static value *text_of(judge *j, const value *o, const queryable *q) {
    value *v = value_one(j->p, "v", o);
    value_put(j->p, v, "casef", value_bool(j->p, q->fold_case));
    value_put(j->p, v, "diacf", value_bool(j->p, q->fold_diacritics));
    return v;
}

static const value *stored_value(judge *j, const value *o, const queryable *q) {
    value *v = value_one(j->p, "v", o);
    switch (q->index) {
    case RANGE_INDEX:
        value_put(j->p, v, "min", q->min);
        value_put(j->p, v, "max", q->max);
        if (q->precision >= 0)
            value_put(j->p, v, "precision", value_int(j->p, q->precision));
        if (q->trim >= 0)
            value_put(j->p, v, "trimFactor", value_int(j->p, q->trim));
        return v;
    case TEXT_INDEX:
        v = text_of(j, o, q);
        put_index(j, v, "prefix", &q->prefix);
        put_index(j, v, "suffix", &q->suffix);
        put_index(j, v, "substr", &q->substring);
        return v;
    default: return o;
    }
}

const value *judge_qe_placeholder(judge *j, const metadata *meta, int t, const value *v) {
    uint8_t id[16] = {0};
    id[15] = (uint8_t)meta->key;
    const value *key = value_binary(j->p, 4, id, sizeof id);
    value *made = value_one(j->p, "t", value_int(j->p, t));
    value_put(j->p, made, "a", value_int(j->p, meta->qe->index));
    value_put(j->p, made, "ki", key);
    value_put(j->p, made, "ku", key);
    value_put(j->p, made, "v", v);
    value_put(j->p, made, "cm", value_long(j->p, meta->qe->contention));
    if (meta->qe->index == RANGE_INDEX)
        value_put(j->p, made, "s", value_long(j->p, meta->qe->sparsity));
    return made;
}

const value *judge_qe_open(judge *j, const value *r) {
    const uint8_t *payload;
    if (!value_is_placeholder(r))
        return NULL;
    uint32_t len = value_payload(r, &payload);
    return payload[0] == 3 ? value_read(j->p, payload + 1, len - 1) : NULL;
}

static void check_placeholder(judge *j, const value *r, const metadata *meta, int t, const value *v) {
    const value *got = judge_qe_open(j, r);
    if (!got)
        judge_wrong(j, "plaintext or another kind of placeholder for '%s'", meta->qe->path);
    else if (!value_equal(got, judge_qe_placeholder(j, meta, t, v)))
        judge_wrong(j, "another placeholder than '%s' should have", meta->qe->path);
}

/* ---- explicit payloads ---- */

static bool is_payload(const value *o) {
    return o->type == T_BINARY && value_subtype(o) == 6;
}

static bool payload_is(const value *o, int now, int old) {
    const uint8_t *payload;
    return value_payload(o, &payload) > 0 && (payload[0] == now || payload[0] == old);
}

/* It stays as it is, and what it means the evaluator cannot know. */
static void note_payload(judge *j, const metadata *meta) {
    int before = judge_enter(j, F_COMMAND, "(payload)", "");
    judge_note(j, judge_node_site(&(node){.kind = N_ENCRYPTED, .meta = meta}));
    judge_leave(j, before);
}

static void pass_payload(judge *j, const value *o, const value *r, int now, int old) {
    j->exception = true;
    if (!payload_is(o, now, old))
        judge_refuse(j, "an explicit payload of another kind");
    judge_same(j, o, r);
}

/* ---- values ---- */

static void check_type(judge *j, const value *o, const metadata *meta) {
    if (!metadata_allows(meta, o->type))
        judge_refuse(j, "type %d for '%s'", o->type, meta->qe->path);
}

void judge_qe_stored(judge *j, const value *o, const value *r, const metadata *meta) {
    bool unindexed = meta->qe->index == UNINDEXED;
    if (is_payload(o)) {
        note_payload(j, meta);
        pass_payload(j, o, r, unindexed ? 16 : 11, unindexed ? 6 : 4);
        return;
    }
    check_type(j, o, meta);
    if (r && j->verdict == V_FINE)
        check_placeholder(j, r, meta, 1, stored_value(j, o, meta->qe));
}

void judge_qe_equality(judge *j, const value *o, const value *r, const metadata *meta, const char *path) {
    check_path(j, meta, path);
    if (meta->qe->index != EQUALITY_INDEX)
        judge_refuse(j, "equality on '%s', which has no equality index", path);
    if (is_payload(o)) {
        note_payload(j, meta);
        pass_payload(j, o, r, 12, 5);
        return;
    }
    check_type(j, o, meta);
    if (o->type == T_REGEX)
        judge_refuse(j, "regular expression against an encrypted field");
    if (j->collated && (o->type == T_STRING || o->type == T_SYMBOL))
        judge_refuse(j, "collation over an encrypted string");
    if (r && j->verdict == V_FINE)
        check_placeholder(j, r, meta, 2, o);
}

/* ---- ranges ---- */

static bool is_order(const char *op) {
    return strcmp(op, "$gt") == 0 || strcmp(op, "$gte") == 0 || strcmp(op, "$lt") == 0 || strcmp(op, "$lte") == 0;
}

typedef struct ranged {
    const metadata *meta;
    const char *path;
    const value *field; /* "$path" in an expression */
    unsigned bounds;    /* that the result must hold */
} ranged;

static void range_value(judge *j, ranged *to, const value *o, bool bound) {
    check_path(j, to->meta, to->path);
    if (is_payload(o)) {
        note_payload(j, to->meta);
        j->exception = true;
        if (!bound || !payload_is(o, 13, 10))
            judge_refuse(j, "an explicit payload of another kind");
        return;
    }
    to->bounds += bound ? 1 : 2;
    if (!metadata_allows(to->meta, o->type) && !(o->type == T_INT && metadata_allows(to->meta, T_LONG)))
        judge_refuse(j, "type %d for '%s'", o->type, to->path);
}

static void range_list(judge *j, ranged *to, const value *o) {
    if (o->type != T_ARRAY)
        judge_refuse(j, "%s without a list", o->name);
    check_path(j, to->meta, to->path);
    for (const value *m = o->type == T_ARRAY ? o->first : NULL; m; m = m->next)
        range_value(j, to, m, false);
}

static void note_range(judge *j, const char *op) {
    int before = judge_enter(j, strcmp(op, "$not") == 0 ? F_TREE : F_MATCH, op, "");
    judge_note(j, SITE_RANGE);
    judge_leave(j, before);
}

static void range_operator(judge *j, ranged *to, const value *op) {
    note_range(j, op->name);
    if (strcmp(op->name, "$exists") == 0)
        return;
    if (strcmp(op->name, "$eq") == 0 || strcmp(op->name, "$ne") == 0)
        range_value(j, to, op, false);
    else if (strcmp(op->name, "$in") == 0 || strcmp(op->name, "$nin") == 0)
        range_list(j, to, op);
    else if (is_order(op->name))
        range_value(j, to, op, true);
    else if (strcmp(op->name, "$not") == 0 && op->type == T_DOC)
        for (const value *m = op->first; m; m = m->next)
            range_operator(j, to, m);
    else
        judge_refuse(j, "%s on '%s'", op->name, to->path);
}

static bool is_list_operator(const char *op) {
    return strcmp(op, "$and") == 0 || strcmp(op, "$or") == 0 || strcmp(op, "$nor") == 0 || strcmp(op, "$not") == 0;
}

static void check_bound(judge *j, const ranged *of, const value *r) {
    const value *got = judge_qe_open(j, r);
    if (!got) {
        if (!is_payload(r))
            judge_wrong(j, "plaintext for '%s'", of->path);
        return;
    }
    const value *spec = value_get(got, "v");
    if (!spec || !value_equal(got, judge_qe_placeholder(j, of->meta, 2, spec)))
        judge_wrong(j, "another placeholder than '%s' should have", of->path);
}

static void range_operators_result(judge *j, const ranged *of, const value *r) {
    for (const value *m = r->first; m; m = m->next)
        if (is_order(m->name))
            check_bound(j, of, m);
        else if (strcmp(m->name, "$not") == 0 && m->type == T_DOC)
            range_operators_result(j, of, m);
        else if (strcmp(m->name, "$exists") != 0 && (m->type != T_ARRAY || m->first || m->name[2] == 'o'))
            judge_wrong(j, "%s on '%s' in the result", m->name, of->path);
}

/* What it became holds nothing but operators on the field, and placeholders. */
static void range_result(judge *j, const ranged *of, const value *r) {
    if (is_list_operator(r->name) && r->type == T_ARRAY) {
        for (const value *m = r->first; m; m = m->next)
            if (m->type == T_DOC && value_count(m) == 1)
                range_result(j, of, m->first);
            else
                judge_wrong(j, "not one predicate for '%s'", of->path);
    } else if (of->field) {
        bool two = is_order(r->name) && r->type == T_ARRAY && value_count(r) == 2;
        if (!two || !value_equal(r->first, of->field))
            judge_wrong(j, "%s is no comparison of '%s'", r->name, of->path);
        else
            check_bound(j, of, r->last);
    } else if (strcmp(r->name, of->path) == 0 && r->type == T_DOC) {
        range_operators_result(j, of, r);
    } else {
        judge_wrong(j, "'%s' in place of '%s'", r->name, of->path);
    }
}

static void finish_range(judge *j, const ranged *of, const value *r) {
    if (!r || j->verdict != V_FINE)
        return;
    range_result(j, of, r);
    if (value_placeholders(r) != of->bounds)
        judge_wrong(j, "another number of bounds for '%s'", of->path);
}

void judge_qe_range(judge *j, const value *o, const value *r, const metadata *meta, const char *path) {
    ranged to = {.meta = meta, .path = path};
    if (!judge_is_operators(o))
        note_range(j, o->type == T_REGEX ? "(regex)" : "(equality)");
    if (!judge_is_operators(o))
        range_value(j, &to, o, false);
    else
        for (const value *m = o->first; m; m = m->next)
            range_operator(j, &to, m);
    finish_range(j, &to, r);
}

/* ---- expressions ---- */

/* The metadata of a QE field that a string names; NULL: it does not. */
static const metadata *field_of(judge *j, const value *v, const node *at, const char **path) {
    if (v->type != T_STRING || value_chars(v)[0] != '$')
        return NULL;
    const char *text = value_chars(v) + 1;
    if (strncmp(text, "$CURRENT.", 9) == 0 || strncmp(text, "$ROOT.", 6) == 0)
        text = strchr(text, '.') + 1;
    *path = text;
    spot s = node_find(j->p, at, text);
    return !s.below && s.node->kind == N_ENCRYPTED ? s.node->meta : NULL;
}

static const value *constant(const value *v) {
    const value *literal = v->type == T_DOC && value_count(v) == 1 ? v->first : NULL;
    if (literal && (strcmp(literal->name, "$literal") == 0 || strcmp(literal->name, "$const") == 0))
        return literal;
    if (v->type == T_STRING && value_chars(v)[0] == '$')
        return NULL;
    return value_is_container(v) ? NULL : v;
}

static void compared_value(judge *j, ranged *to, const value *v, const value *r, bool bound) {
    const value *c = constant(v);
    if (!c)
        judge_refuse(j, "'%s' is compared with something else than a constant", to->path);
    else if (to->meta->qe->index == RANGE_INDEX)
        range_value(j, to, c, bound);
    else if (bound)
        judge_refuse(j, "'%s' has no order", to->path);
    else
        judge_qe_equality(j, c, r && constant(r) ? constant(r) : r, to->meta, to->path);
}

static const value *following(const value *list, const value *after) {
    return list ? (after ? after->next : list->first) : NULL;
}

static void compared_list(judge *j, ranged *to, const value *o, const value *r) {
    const value *literal = o->type == T_DOC ? value_get(o, "$literal") : NULL;
    const value *literal_r = r && r->type == T_DOC ? value_get(r, "$literal") : r;
    const value *list = literal ? literal : o, *list_r = literal ? literal_r : r, *m_r = NULL;
    bool equal = to->meta->qe->index != RANGE_INDEX;
    if (list->type != T_ARRAY) {
        judge_refuse(j, "$in without a list");
        return;
    }
    if (equal && to->meta->qe->index == UNINDEXED)
        judge_refuse(j, "$in on '%s', which has no equality index", to->path);
    if (equal && list_r && value_count(list_r) != value_count(list))
        judge_wrong(j, "a list has another length");
    for (const value *m = list->first; m; m = m->next) {
        m_r = equal && list_r ? following(list_r, m_r) : NULL;
        if (literal && value_is_container(m))
            judge_refuse(j, "a list of lists");
        compared_value(j, to, literal ? value_one(j->p, "$literal", m) : m, m_r, false);
    }
    if (!list->first && (j->fixed_in || judge_is_touched(j, to->path)))
        judge_moot(j);
    if (!list->first && list_r)
        judge_same(j, list, list_r);
}

static void comparison(judge *j, const value *o, const value *r, ranged *to, bool field_first) {
    const value *a = o->first, *b = o->last;
    bool range = to->meta->qe->index == RANGE_INDEX;
    to->field = field_first ? a : b;
    const value *other = field_first ? b : a, *other_r = NULL;
    if (r && !range && (strcmp(r->name, o->name) != 0 || r->type != T_ARRAY || value_count(r) != 2))
        judge_wrong(j, "%s is not the same comparison", r->name);
    else if (r && !range)
        other_r = value_equal(r->first, to->field) ? r->last : r->first;
    if (strcmp(o->name, "$in") == 0 && field_first)
        compared_list(j, to, other, other_r);
    else if (strcmp(o->name, "$eq") == 0 || strcmp(o->name, "$ne") == 0 || is_order(o->name))
        compared_value(j, to, other, other_r, is_order(o->name));
    else
        judge_refuse(j, "%s on '%s'", o->name, to->path);
    if (range && to->bounds)
        finish_range(j, to, r);
}

/* ---- text ---- */

typedef struct text_row {
    const char *op, *operand, *name;
} text_row;

static const text_row text_table[] = {
    {"$encStrStartsWith", "prefix", "prefix"},
    {"$encStrEndsWith", "suffix", "suffix"},
    {"$encStrContains", "substring", "substr"},
    {"$encStrNormalizedEq", "string", NULL},
};

static const text_row *text_operator(const char *op) {
    for (size_t i = 0; i < sizeof text_table / sizeof *text_table; i++)
        if (strcmp(text_table[i].op, op) == 0)
            return &text_table[i];
    return NULL;
}

static const text_lengths *index_for(const queryable *q, const text_row *row) {
    return row->name[0] == 'p' ? &q->prefix : row->name[1] == 'u' && row->name[2] == 'f' ? &q->suffix : &q->substring;
}

static void text_value(judge *j, const text_row *row, const value *o, const value *r, const metadata *meta) {
    const value *c = constant(o);
    if (c && is_payload(c)) {
        note_payload(j, meta);
        pass_payload(j, c, r, 18, 18);
        return;
    }
    if (!c || c->type != T_STRING) {
        judge_refuse(j, "%s of something else than a string", row->op);
        return;
    }
    value *v = text_of(j, c, meta->qe);
    if (row->name)
        put_index(j, v, row->name, index_for(meta->qe, row));
    if (r && j->verdict == V_FINE)
        check_placeholder(j, r, meta, 2, v);
}

static void judge_text(judge *j, const text_row *row, const value *o, const value *r, const node *at, bool in_filter) {
    const value *input = value_get(o, "input"), *operand = value_get(o, row->operand);
    const char *path = NULL;
    const metadata *meta = input ? field_of(j, input, at, &path) : NULL;
    int before = judge_enter(j, F_EXPRESSION, row->op, "input");
    judge_note(j, meta ? judge_node_site(&(node){.kind = N_ENCRYPTED, .meta = meta}) : SITE_PLAIN);
    judge_leave(j, before);
    if (!meta)
        judge_moot(j); /* of nothing encrypted */
    if (!operand || value_count(o) != 2 || !meta || !meta->qe || meta->qe->index != TEXT_INDEX ||
        (row->name && !index_for(meta->qe, row)->ub)) {
        judge_refuse(j, "%s of a field without the index for it", row->op);
        return;
    }
    if (!in_filter)
        judge_refuse(j, "%s outside a filter", row->op);
    check_path(j, meta, path);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        if (it.o == operand)
            text_value(j, row, it.o, it.r, meta);
        else
            judge_same(j, it.o, it.r);
}

bool judge_qe_operator(judge *j, const value *o, const value *r, const node *at, bool in_filter) {
    const text_row *text = text_operator(o->name);
    const char *path = NULL;
    if (text && j->encrypts) {
        if (r && strcmp(r->name, o->name) != 0)
            judge_wrong(j, "%s became %s", o->name, r->name);
        judge_text(j, text, o, r, at, in_filter);
        return true;
    }
    if (o->type != T_ARRAY || value_count(o) != 2)
        return false;
    const metadata *first = field_of(j, o->first, at, &path);
    const metadata *meta = first && first->qe ? first : field_of(j, o->last, at, &path);
    bool compares =
        is_order(o->name) || strcmp(o->name, "$eq") == 0 || strcmp(o->name, "$ne") == 0 || strcmp(o->name, "$in") == 0;
    if (!meta || !meta->qe || !compares)
        return false;
    int before = judge_enter(j, F_EXPRESSION, o->name, "");
    judge_note(j, judge_node_site(&(node){.kind = N_ENCRYPTED, .meta = meta}));
    judge_leave(j, before);
    if (!in_filter)
        judge_refuse(j, "'%s' is compared outside a filter", path);
    ranged to = {.meta = meta, .path = path};
    comparison(j, o, r, &to, meta == first);
    return true;
}
