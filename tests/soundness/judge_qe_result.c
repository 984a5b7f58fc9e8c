/* The find placeholders of range indexes in a result, wherever they stand: halves of a pair belong to one conjunction
 * and agree, and the edges say what the operators say. */

#include <math.h>
#include <string.h>

#include "judge.h"

enum { MAX_BOUNDS = 256 };

typedef struct bound {
    const value *spec;
    const metadata *meta;
    const char *path; /* where it stands */
    int op;           /* as specs number operators */
    unsigned conjunction;
} bound;

typedef struct bounds {
    judge *j;
    bound list[MAX_BOUNDS];
    unsigned n, conjunctions;
} bounds;

typedef struct where {
    const char *path, *op;
    unsigned conjunction;
} where;

static int number_of(const char *op) {
    static const char *const ops[] = {"", "$gt", "$gte", "$lt", "$lte"};
    for (int i = 1; op && i < 5; i++)
        if (strcmp(ops[i], op) == 0)
            return i;
    return 0;
}

static const metadata *meta_of_key(const world *w, int key) {
    for (unsigned i = 0; i < w->count; i++)
        for (unsigned k = 0; k < w->collections[i].place_count; k++) {
            const metadata *meta = w->collections[i].places[k].meta;
            if (meta && meta->qe && meta->key == key)
                return meta;
        }
    return NULL;
}

static void add(bounds *b, const value *v, const where *at) {
    const value *placeholder = judge_qe_open(b->j, v);
    const value *t = placeholder ? value_get(placeholder, "t") : NULL;
    const value *a = placeholder ? value_get(placeholder, "a") : NULL,
                *ki = placeholder ? value_get(placeholder, "ki") : NULL;
    if (!t || !a || !ki || ki->len != 21) {
        judge_wrong(b->j, "a placeholder lacks something");
        return;
    }
    if (value_number(t) != 2 || value_number(a) != RANGE_INDEX || b->n == MAX_BOUNDS)
        return;
    bound made = {value_get(placeholder, "v"), meta_of_key(b->j->w, ki->bytes[20]), at->path, number_of(at->op),
                  at->conjunction};
    if (!made.meta || !made.path || !made.op || !made.spec)
        judge_wrong(b->j, "a bound stands where no bound is compared");
    else if (strcmp(made.path, made.meta->qe->path) != 0)
        judge_wrong(b->j, "a bound of '%s' stands at another path", made.meta->qe->path);
    else
        b->list[b->n++] = made;
}

static bool splits(const char *name) {
    return strcmp(name, "$or") == 0 || strcmp(name, "$nor") == 0;
}

/* "$a.b" or "$$CURRENT.a.b" */
static const char *field_path(const char *text) {
    return strncmp(text, "$$", 2) == 0 && strchr(text, '.') ? strchr(text, '.') + 1 : text + 1;
}

static void walk(bounds *b, const value *v, where at) {
    if (value_is_placeholder(v))
        add(b, v, &at);
    if (!value_is_container(v))
        return;
    bool order = v->name && number_of(v->name);
    bool list = v->type == T_ARRAY && !(v->name && strcmp(v->name, "$and") == 0) && !order;
    for (const value *m = v->first; m; m = m->next) {
        where inner = at;
        if (v->type == T_DOC && m->name[0] != '$')
            inner.path = m->name;
        if (v->type == T_DOC && m->name[0] == '$')
            inner.op = m->name;
        if (order && v->type == T_ARRAY && v->first->type == T_STRING)
            inner.path = field_path(value_chars(v->first));
        bool opens = v->type == T_DOC && (splits(m->name) || strcmp(m->name, "$not") == 0 ||
                                          strcmp(m->name, "$expr") == 0 || strcmp(m->name, "$match") == 0);
        if (list || opens)
            inner.conjunction = ++b->conjunctions;
        walk(b, m, inner);
    }
}

static int number(const value *spec, const char *name) {
    const value *v = value_get(spec, name);
    return v && v->type == T_INT ? (int)value_number(v) : -1;
}

static value *open_side(judge *j, bool upper) {
    return value_double(j->p, upper ? INFINITY : -INFINITY);
}

/* Both sides with their flags as the operators want them; the values of sides that are not open are the evaluator's. */
static const value *expected_edges(judge *j, const bound *b, int lower, int upper) {
    const queryable *q = b->meta->qe;
    const value *got = value_get(b->spec, "edgesInfo"), *low = value_get(got, "lowerBound"),
                *high = value_get(got, "upperBound");
    value *made = value_doc(j->p);
    if ((!low || !high) || (lower && !metadata_allows(b->meta, low->type)) ||
        (upper && !metadata_allows(b->meta, high->type)))
        return made;
    value_put(j->p, made, "lowerBound", lower ? low : open_side(j, false));
    value_put(j->p, made, "lbIncluded", value_bool(j->p, lower != 1));
    value_put(j->p, made, "upperBound", upper ? high : open_side(j, true));
    value_put(j->p, made, "ubIncluded", value_bool(j->p, upper != 3));
    if (q->precision >= 0)
        value_put(j->p, made, "precision", value_int(j->p, q->precision));
    if (q->find_trim >= 0)
        value_put(j->p, made, "trimFactor", value_int(j->p, q->find_trim));
    value_put(j->p, made, "indexMin", q->min);
    value_put(j->p, made, "indexMax", q->max);
    return made;
}

static void check_spec(judge *j, const bound *b, int first, int second, bool edges) {
    int lower = first <= 2 ? first : 0, upper = second ? second : first > 2 ? first : 0;
    value *made = value_doc(j->p);
    if (edges)
        value_put(j->p, made, "edgesInfo", expected_edges(j, b, lower, upper));
    value_put(j->p, made, "payloadId", value_int(j->p, number(b->spec, "payloadId")));
    value_put(j->p, made, "firstOperator", value_int(j->p, first));
    if (second)
        value_put(j->p, made, "secondOperator", value_int(j->p, second));
    if (!value_equal(made, b->spec))
        judge_wrong(j, "the bounds of '%s' do not say what their operators say", b->path);
}

static void check_pair(judge *j, const bound *a, const bound *b) {
    const bound *lower = a->op <= 2 ? a : b, *upper = a->op <= 2 ? b : a;
    if (a->meta != b->meta || a->conjunction != b->conjunction || lower->op > 2 || upper->op <= 2) {
        judge_wrong(j, "the halves of a range on '%s' do not belong together", a->path);
        return;
    }
    check_spec(j, lower, lower->op, upper->op, true);
    check_spec(j, upper, lower->op, upper->op, false);
}

static void check_id(judge *j, const bounds *b, int id) {
    const bound *halves[3] = {NULL};
    unsigned n = 0;
    for (unsigned i = 0; i < b->n; i++)
        if (number(b->list[i].spec, "payloadId") == id && n < 3)
            halves[n++] = &b->list[i];
    if (n == 1)
        check_spec(j, halves[0], halves[0]->op, 0, true);
    else if (n == 2)
        check_pair(j, halves[0], halves[1]);
    else
        judge_wrong(j, "%u bounds have the payload id %d", n, id);
}

static bool has_pair(const bounds *b, const bound *like) {
    for (unsigned i = 0; i < b->n; i++)
        if (value_get(b->list[i].spec, "secondOperator") && b->list[i].meta == like->meta &&
            b->list[i].conjunction == like->conjunction)
            return true;
    return false;
}

/* One lower and one upper bound on a field in one conjunction, of which there is no pair yet. */
static void check_unpaired(judge *j, const bounds *b) {
    for (unsigned i = 0; i < b->n; i++)
        for (unsigned k = 0; k < b->n; k++) {
            const bound *x = &b->list[i], *y = &b->list[k];
            bool single = !value_get(x->spec, "secondOperator") && !value_get(y->spec, "secondOperator");
            if (single && x->op <= 2 && y->op > 2 && x->meta == y->meta && x->conjunction == y->conjunction &&
                !has_pair(b, x))
                judge_wrong(j, "two bounds of '%s' in one conjunction are no range", x->path);
        }
}

void judge_qe_result(judge *j, const value *result) {
    bounds *b = pool_take(j->p, sizeof *b);
    int highest = -1;
    b->j = j;
    walk(b, result, (where){NULL, NULL, 0});
    for (unsigned i = 0; i < b->n; i++)
        if (number(b->list[i].spec, "payloadId") > highest)
            highest = number(b->list[i].spec, "payloadId");
    if (b->n == MAX_BOUNDS)
        return;
    for (int id = 0; id <= highest && id < MAX_BOUNDS && j->verdict == V_FINE; id++)
        check_id(j, b, id);
    if (b->n > 0 && (highest < 0 || highest >= MAX_BOUNDS))
        judge_wrong(j, "payload ids do not count from 0");
    if (j->verdict == V_FINE)
        check_unpaired(j, b);
}
