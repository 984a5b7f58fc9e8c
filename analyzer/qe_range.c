#include "qe_range.h"

#include <math.h>
#include <stdlib.h>

#include "build.h"
#include "match.h"
#include "qe_mark.h"
#include "reply.h"

/* The values stand in placeholders. */
typedef enum range_operator { GT = 1, GTE = 2, LT = 3, LTE = 4 } range_operator;

static const char *const operator_names[] = {[GT] = "$gt", [GTE] = "$gte", [LT] = "$lt", [LTE] = "$lte"};

/* The values of $in and $nin, which may be very many: they stay where they are. */
typedef struct values {
    const uint8_t *array;     /* of a filter */
    const oc_elem *constants; /* or of an expression */
    size_t count;
} values;

struct oc_qe_bound {
    oc_qe_bound *next;  /* in its conjunction, in the order written */
    oc_qe_bound *other; /* the bound that it makes a range with; NULL: none */
    const oc_meta *meta;
    range_operator op;
    oc_elem value;
    values list; /* list.count > 1: instead of a bound, the range from x to x for each of these */
    int32_t id;  /* of the payload, or of the first of them; -1: none yet */
    oc_frame *frame;
    oc_elem place; /* the element that it replaces; place.start == NULL: it is part of a rewrite */
};

static bool is_lower(const oc_qe_bound *bound) {
    return bound->op <= GTE;
}

/* A field and what names it in the output. */
typedef struct ranged {
    const oc_scope *s;
    const oc_meta *meta;
    oc_str name;         /* of the field, dotted */
    const oc_elem *path; /* in an expression: its operand, "$age"; NULL: a filter */
} ranged;

/* What a comparison becomes. */
typedef enum term_kind {
    BOUND,
    KEPT, /* an operator as it was written: $exists, an explicit payload */
    EACH, /* the ranges of a list; among the members of ANY or NONE */
    NOT,  /* operators that stay below their $not */
    ALL,
    ANY,
    NONE,
} term_kind;

typedef struct term {
    struct term *next;
    struct term *members;
    term_kind kind;
    range_operator op; /* of an explicit payload in an expression */
    oc_qe_bound *bound;
    oc_elem kept;
} term;

struct oc_qe_rewrite {
    oc_qe_rewrite *next;
    oc_frame *frame;
    oc_elem place;
    ranged field;
    const term *terms; /* all of these must hold */
};

static term *new_term(const ranged *r, term_kind kind) {
    term *t = oc_arena_zeroed(r->s->a->arena, 1, sizeof *t);
    if (t)
        t->kind = kind;
    else
        oc_no_memory(r->s->a);
    return t;
}

/* ---- values ---- */

static bool fail_value(const ranged *r, oc_rule rule, const char *op, const char *hint, const char *message) {
    return oc_fail(r->s->a->error, rule, &(oc_path){NULL, r->name}, op, hint, "%s: '%s'", message,
                   oc_name(r->name).text);
}

static bool fail_type(const ranged *r, const oc_elem *e, const char *op) {
    bool index_is_date = r->meta->types == OC_TYPE_BIT(OC_DATE);
    oc_path path = {NULL, r->name};
    if (index_is_date != (e->type == OC_DATE))
        return oc_fail(r->s->a->error, OC_VALUE_TYPE, &path, op, NULL,
                       "If the value type is a date, the type of the index must also be date (and vice versa). The "
                       "field type is not supported for a value of type %s: '%s'",
                       oc_type_name(e->type), oc_name(r->name).text);
    return oc_fail(r->s->a->error, OC_VALUE_TYPE, &path, op, "compare with values of the field's own bsonType",
                   "The field type is not supported for a comparison with a value of type %s: '%s'",
                   oc_type_name(e->type), oc_name(r->name).text);
}

/* The index has the values of one type only; an int is a long as well. */
static bool is_short(const oc_meta *meta, const oc_elem *e) {
    return meta->types & OC_TYPE_BIT(OC_INT64) && e->type == OC_INT32;
}

static bool check_value(const ranged *r, const oc_elem *e, const char *op, bool in_list) {
    if (e->type == OC_NULL && r->meta->types == OC_TYPE_BIT(OC_DATE))
        return fail_type(r, e, op);
    if (e->type == OC_NULL || e->type == OC_UNDEFINED)
        return fail_value(r, OC_NULL_COMPARED, op, "use {$exists: false} to find documents without the field",
                          in_list ? "Illegal equality to null inside $in against an encrypted field"
                                  : "Illegal equality to null predicate for encrypted field");
    if (e->type == OC_REGEX)
        return fail_value(r, OC_REGEX_COMPARED, op, "compare with whole values",
                          "Cannot match a regular expression against the encrypted field");
    if (e->type == OC_BINARY && e->value[4] == 6)
        return fail_value(r, OC_VALUE_CIPHERTEXT, op,
                          "give the plaintext, or write the comparison with the bounds of an explicit range payload",
                          "Cannot compare with a value that is already encrypted");
    if (is_short(r->meta, e))
        return true;
    if (e->type >= 0x14 || !(r->meta->types & OC_TYPE_BIT(e->type)))
        return fail_type(r, e, op);
    return true;
}

/* ---- bounds ---- */

static oc_qe_bound *add_bound(const ranged *r, oc_conjunction *c, range_operator op, const oc_elem *value) {
    oc_qe_bound *bound = oc_arena_zeroed(r->s->a->arena, 1, sizeof *bound);
    if (!bound) {
        oc_no_memory(r->s->a);
        return NULL;
    }
    *bound = (oc_qe_bound){.meta = r->meta, .op = op, .value = *value, .id = -1};
    if (c->last)
        c->last->next = bound;
    else
        c->first = bound;
    c->last = bound;
    return bound;
}

/* x as the range from x to x. */
static bool equality(const ranged *r, oc_conjunction *c, const oc_elem *e, const char *op, bool in_list, term **out) {
    if (!check_value(r, e, op, in_list))
        return false;
    if (r->s->kept)
        return oc_fail_kept(r->s, r->name, op);
    term *all = new_term(r, ALL), *low = new_term(r, BOUND), *high = new_term(r, BOUND);
    if (!all || !low || !high)
        return false;
    low->bound = add_bound(r, c, GTE, e);
    high->bound = add_bound(r, c, LTE, e);
    if (!low->bound || !high->bound)
        return false;
    low->bound->other = high->bound;
    high->bound->other = low->bound;
    low->next = high;
    all->members = low;
    *out = all;
    return true;
}

/* The values of a list one by one. */
typedef struct value_iter {
    const values *list;
    oc_iter it;
    size_t next;
} value_iter;

static value_iter iterate(const values *list) {
    value_iter it = {.list = list};
    if (list->array)
        it.it = oc_bson_iter(list->array);
    return it;
}

static bool next_value(value_iter *it, oc_elem *e) {
    if (it->list->array)
        return oc_next(&it->it, e);
    if (it->next == it->list->count)
        return false;
    *e = it->list->constants[it->next++];
    return true;
}

static bool check_values(const ranged *r, const values *list, const char *op) {
    value_iter it = iterate(list);
    oc_elem e;
    while (next_value(&it, &e)) {
        if (!check_value(r, &e, op, true))
            return false;
        if (r->s->kept)
            return oc_fail_kept(r->s, r->name, op);
    }
    return true;
}

/* *out: NULL for none, of one its range, else all of them in one. */
static bool equalities(const ranged *r, oc_conjunction *c, const values *list, const char *op, term **out) {
    value_iter it = iterate(list);
    oc_elem first;
    *out = NULL;
    if (list->count == 0)
        return true;
    if (list->count == 1)
        return next_value(&it, &first) && equality(r, c, &first, op, true, out);
    if (!check_values(r, list, op))
        return false;
    term *each = new_term(r, EACH);
    if (!each || !next_value(&it, &first) || !(each->bound = add_bound(r, c, GTE, &first)))
        return false;
    each->bound->list = *list;
    *out = each;
    return true;
}

/* ---- the operators of a filter ---- */

typedef enum operator_kind { KEEPS, BOUNDS, EQUALS, DIFFERS, IS_AMONG, IS_NOT_AMONG, NEGATES } operator_kind;

typedef struct operator_row {
    const char *name;
    operator_kind kind;
    range_operator op;
} operator_row;

static const operator_row operators[] = {
    {"$eq", EQUALS, 0},  {"$exists", KEEPS, 0}, {"$gt", BOUNDS, GT}, {"$gte", BOUNDS, GTE},     {"$in", IS_AMONG, 0},
    {"$lt", BOUNDS, LT}, {"$lte", BOUNDS, LTE}, {"$ne", DIFFERS, 0}, {"$nin", IS_NOT_AMONG, 0}, {"$not", NEGATES, 0},
};

static const operator_row *find_operator(oc_str name) {
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (oc_str_is(name, operators[i].name))
            return &operators[i];
    return NULL;
}

static bool fail_operator(const ranged *r, oc_str op) {
    return oc_fail(r->s->a->error, OC_OPERATOR_ON_ENCRYPTED, &(oc_path){NULL, r->name}, oc_name(op).text,
                   "a range index can be queried by $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte and $exists",
                   "Invalid match expression operator on encrypted field '%s': %s", oc_name(r->name).text,
                   oc_name(op).text);
}

static bool fail_shape(const ranged *r, const char *op, const char *wanted) {
    return oc_fail(r->s->a->error, OC_COMMAND_SHAPE, &(oc_path){NULL, r->name}, op, NULL, "%s must be %s", op, wanted);
}

static bool is_range_payload(const oc_elem *e) {
    int kind = oc_qe_payload(e);
    return kind == 10 || kind == 13;
}

static bool parse_bound(const ranged *r, oc_conjunction *c, oc_frame *frame, const oc_elem *e, range_operator op,
                        term *t) {
    if (!is_range_payload(e) && !check_value(r, e, operator_names[op], false))
        return false;
    if (r->s->kept)
        return oc_fail_kept(r->s, r->name, operator_names[op]);
    if (is_range_payload(e)) {
        t->kind = KEPT;
        t->kept = *e;
        return true;
    }
    t->kind = BOUND;
    t->bound = add_bound(r, c, op, e);
    if (!t->bound)
        return false;
    t->bound->frame = frame;
    t->bound->place = *e;
    return true;
}

/* One of these: of none, the list stays as it is; of one, that one. */
static void any_of(term *t, term *members, const oc_elem *list) {
    if (!members)
        *t = (term){.kind = KEPT, .kept = *list};
    else if (members->kind != EACH)
        *t = *members;
    else
        *t = (term){.kind = ANY, .members = members};
}

static bool parse_list(const ranged *r, oc_conjunction *c, const oc_elem *e, const operator_row *row, term *t) {
    term *members = NULL;
    if (e->type != OC_ARRAY)
        return fail_shape(r, row->name, "an array");
    const values list = {.array = e->value, .count = oc_count_members(e)};
    if (!equalities(r, c, &list, row->name, &members))
        return false;
    if (row->kind == IS_AMONG || !members)
        any_of(t, members, e);
    else
        *t = (term){.kind = NONE, .members = members};
    return true;
}

static bool parse_operators(const ranged *r, oc_conjunction *c, oc_frame *frame, term **out);

/* Whether terms can be left where they are, with their values replaced. */
static bool stay(const term *t) {
    for (; t; t = t->next)
        if (t->kind == ALL || t->kind == ANY || t->kind == NONE)
            return false;
    return true;
}

static void pair_bounds(oc_conjunction *c);

static bool has_pair(const oc_conjunction *c) {
    for (const oc_qe_bound *b = c->first; b; b = b->next)
        if (b->other || b->list.count)
            return true;
    return false;
}

/* The bounds have their numbers: the outer conjunction only writes them. */
static void append_bounds(oc_conjunction *c, const oc_conjunction *inner) {
    if (!inner->first)
        return;
    if (c->last)
        c->last->next = inner->first;
    else
        c->first = inner->first;
    c->last = inner->last;
}

/* What is negated is a conjunction of its own. */
static bool parse_not(const ranged *r, oc_conjunction *c, oc_frame *frame, const oc_elem *e, term *t) {
    oc_conjunction inner = {.a = r->s->a};
    if (e->type == OC_REGEX)
        return fail_operator(r, (oc_str){"$regex", 6});
    if (e->type != OC_DOCUMENT)
        return fail_shape(r, "$not", "an object of operators or a regular expression");
    oc_frame *operand = oc_inner_frame(r->s->a, frame, e);
    if (!operand)
        return oc_no_memory(r->s->a);
    if (!parse_operators(r, &inner, operand, &t->members))
        return false;
    pair_bounds(&inner);
    t->kind = stay(t->members) && !has_pair(&inner) ? NOT : NONE;
    append_bounds(c, &inner);
    if (t->kind == NOT)
        return true;
    if (t->members->next) {
        term *all = new_term(r, ALL);
        if (!all)
            return false;
        all->members = t->members;
        t->members = all;
    } else if (t->members->kind == ANY) {
        t->members = t->members->members;
    }
    return true;
}

static bool parse_operator(const ranged *r, oc_conjunction *c, oc_frame *frame, const oc_elem *e, term *t) {
    const operator_row *row = find_operator(e->name);
    if (!row)
        return fail_operator(r, e->name);
    switch (row->kind) {
    case KEEPS:
        if (!oc_is_flag(e))
            return fail_shape(r, row->name, "true or false");
        t->kind = KEPT;
        t->kept = *e;
        return true;
    case BOUNDS: return parse_bound(r, c, frame, e, row->op, t);
    case EQUALS: {
        term *all;
        if (!equality(r, c, e, row->name, false, &all))
            return false;
        *t = *all;
        return true;
    }
    case DIFFERS: t->kind = NONE; return equality(r, c, e, row->name, false, &t->members);
    case IS_AMONG:
    case IS_NOT_AMONG: return parse_list(r, c, e, row, t);
    case NEGATES: return parse_not(r, c, frame, e, t);
    }
    return false;
}

static bool parse_operators(const ranged *r, oc_conjunction *c, oc_frame *frame, term **out) {
    oc_iter it = oc_bson_iter(frame->doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        term *t = *out = new_term(r, KEPT);
        if (!t || !parse_operator(r, c, frame, &e, t))
            return false;
        t->next = NULL;
        out = &t->next;
    }
    return true;
}

/* ---- elements to be rewritten ---- */

/* Their bounds have no place of their own any more. */
static void take_in(const term *terms) {
    for (; terms; terms = terms->next) {
        if (terms->bound)
            terms->bound->place.start = NULL;
        take_in(terms->members);
    }
}

static bool rewrite(const ranged *r, oc_conjunction *c, oc_frame *frame, const oc_elem *place, const term *terms) {
    oc_qe_rewrite *w = oc_arena_alloc(r->s->a->arena, sizeof *w);
    if (!w)
        return oc_no_memory(r->s->a);
    *w = (oc_qe_rewrite){.next = c->rewrites, .frame = frame, .place = *place, .field = *r, .terms = terms};
    c->rewrites = w;
    take_in(terms);
    return true;
}

bool oc_qe_filter_range(const oc_scope *s, oc_conjunction *c, oc_frame *frame, const oc_elem *e, const oc_meta *meta) {
    ranged r = {.s = s, .meta = meta, .name = e->name};
    term *terms = NULL;
    if (!oc_is_operator_object(e))
        return equality(&r, c, e, "$eq", false, &terms) && rewrite(&r, c, frame, e, terms);
    oc_frame *operators_of = oc_inner_frame(s->a, frame, e);
    if (!operators_of)
        return oc_no_memory(s->a);
    if (!parse_operators(&r, c, operators_of, &terms))
        return false;
    bool one = !terms || !terms->next; /* several are written one by one, as the official driver suites assert */
    if (s->kept)
        return true; /* there is nothing to mark in it, and it is stored as it was written */
    return (one && stay(terms)) || rewrite(&r, c, frame, e, terms);
}

/* ---- expressions ---- */

static range_operator flip(range_operator op) {
    static const range_operator flipped[] = {[GT] = LT, [GTE] = LTE, [LT] = GT, [LTE] = GTE};
    return flipped[op];
}

static bool parse_expression(const ranged *r, const oc_elem *op, const oc_qe_constants *constants, term *t) {
    const operator_row *row = find_operator(op->name);
    oc_conjunction *c = r->s->conjunction;
    term *members = NULL;
    if (row && row->kind == BOUNDS) {
        t->op = constants->first ? flip(row->op) : row->op;
        return parse_bound(r, c, NULL, &constants->values[0], t->op, t);
    }
    if (!row || (row->kind != EQUALS && row->kind != DIFFERS && row->kind != IS_AMONG))
        return fail_operator(r, op->name);
    const values list = {.constants = constants->values, .count = constants->count};
    bool read = row->kind == IS_AMONG ? equalities(r, c, &list, row->name, &members)
                                      : equality(r, c, &constants->values[0], row->name, false, &members);
    if (!read)
        return false;
    if (row->kind == DIFFERS)
        *t = (term){.kind = NONE, .members = members};
    else
        any_of(t, members, op);
    return true;
}

bool oc_qe_expression_range(const oc_scope *s, oc_frame *frame, const oc_elem *op, const oc_elem *field,
                            const oc_qe_constants *constants, const oc_result *compared) {
    oc_elem *path = oc_arena_alloc(s->a->arena, sizeof *path);
    if (!path)
        return oc_no_memory(s->a);
    *path = *field;
    ranged r = {.s = s, .meta = compared->node->meta, .name = compared->path, .path = path};
    term *t = new_term(&r, KEPT);
    if (!t || !parse_expression(&r, op, constants, t))
        return false;
    t->next = NULL;
    if (t->kind == KEPT && !constants->first)
        return true;
    return rewrite(&r, s->conjunction, frame, op, t);
}

/* ---- writing ---- */

static void write_value(oc_build *b, const char *name, const oc_meta *meta, const oc_elem *e) {
    if (is_short(meta, e))
        oc_build_int64(b, name, (int32_t)oc_u32(e->value));
    else
        oc_build_elem(b, name, e);
}

/* An open side is an infinite double, whatever the type of the index. */
static void write_side(oc_build *b, const char *name, const char *included, const oc_qe_bound *bound, double open) {
    if (bound)
        write_value(b, name, bound->meta, &bound->value);
    else
        oc_build_double(b, name, open);
    oc_build_bool(b, included, !bound || bound->op == GTE || bound->op == LTE);
}

static void write_edges(oc_build *b, const oc_qe *qe, const oc_qe_bound *lower, const oc_qe_bound *upper) {
    size_t edges = oc_build_open(b, OC_DOCUMENT, oc_build_name("edgesInfo"));
    write_side(b, "lowerBound", "lbIncluded", lower, -INFINITY);
    write_side(b, "upperBound", "ubIncluded", upper, INFINITY);
    if (qe->precision >= 0)
        oc_build_int32(b, "precision", qe->precision);
    if (qe->find_trim >= 0)
        oc_build_int32(b, "trimFactor", qe->find_trim);
    oc_build_elem(b, "indexMin", &qe->min);
    oc_build_elem(b, "indexMax", &qe->max);
    oc_build_close(b, edges);
}

static void write_spec(oc_build *b, const oc_qe_bound *bound) {
    const oc_qe_bound *lower = is_lower(bound) ? bound : bound->other;
    const oc_qe_bound *upper = is_lower(bound) ? bound->other : bound;
    size_t spec = oc_build_open(b, OC_DOCUMENT, oc_build_name("v"));
    if (bound == lower || !lower)
        write_edges(b, bound->meta->qe, lower, upper);
    oc_build_int32(b, "payloadId", bound->id);
    oc_build_int32(b, "firstOperator", (int32_t)(lower ? lower : upper)->op);
    if (lower && upper)
        oc_build_int32(b, "secondOperator", (int32_t)upper->op);
    oc_build_close(b, spec);
}

static void write_placeholder(oc_build *b, const char *name, const oc_qe_bound *bound) {
    size_t binary = oc_build_binary(b, oc_build_name(name), 3);
    size_t doc = oc_build_start(b);
    oc_build_int32(b, "t", 2);
    oc_build_int32(b, "a", OC_QE_RANGE);
    oc_build_uuid(b, "ki", bound->meta->key_id);
    oc_build_uuid(b, "ku", bound->meta->key_id);
    write_spec(b, bound);
    oc_build_int64(b, "cm", bound->meta->qe->contention);
    oc_build_int64(b, "s", bound->meta->qe->sparsity);
    oc_build_close(b, doc);
    oc_build_close_binary(b, binary);
}

static void write_operator(oc_build *b, const term *t) {
    if (t->kind == BOUND) {
        write_placeholder(b, operator_names[t->bound->op], t->bound);
        return;
    }
    if (t->kind == KEPT) {
        oc_build_bytes(b, t->kept.start, (size_t)(t->kept.end - t->kept.start));
        return;
    }
    size_t negated = oc_build_open(b, OC_DOCUMENT, oc_build_name("$not"));
    for (const term *member = t->members; member; member = member->next)
        write_operator(b, member);
    oc_build_close(b, negated);
}

/* {age: {$gt: …}}, {$gt: ["$age", …]}. */
static void write_comparison(oc_build *b, const ranged *r, const term *t) {
    if (!r->path) {
        size_t field = oc_build_open(b, OC_DOCUMENT, r->name);
        write_operator(b, t);
        oc_build_close(b, field);
        return;
    }
    size_t operands =
        oc_build_open(b, OC_ARRAY, oc_build_name(operator_names[t->kind == BOUND ? t->bound->op : t->op]));
    oc_build_elem(b, "0", r->path);
    if (t->kind == BOUND)
        write_placeholder(b, "1", t->bound);
    else
        oc_build_elem(b, "1", &t->kept);
    oc_build_close(b, operands);
}

static void write_term(oc_build *b, const ranged *r, const term *t);

static void write_member(oc_build *b, const ranged *r, const term *member, size_t index) {
    size_t doc = oc_build_open_member(b, index);
    write_term(b, r, member);
    oc_build_close(b, doc);
}

/* The terms that a value by itself would have become. */
static void write_equality(oc_build *b, const ranged *r, const oc_qe_bound *each, const oc_elem *value, size_t index) {
    oc_qe_bound low = {.meta = each->meta, .op = GTE, .value = *value, .id = each->id + (int32_t)index};
    oc_qe_bound high = low;
    high.op = LTE;
    low.other = &high;
    high.other = &low;
    term upper = {.kind = BOUND, .bound = &high}, lower = {.kind = BOUND, .bound = &low, .next = &upper};
    term all = {.kind = ALL, .members = &lower};
    write_member(b, r, &all, index);
}

/* Given up when it is longer than any reply may be. */
static void write_each(oc_build *b, const ranged *r, const oc_qe_bound *each) {
    value_iter it = iterate(&each->list);
    oc_elem e;
    for (size_t index = 0; b->len <= OC_MAX_REPLY && next_value(&it, &e); index++)
        write_equality(b, r, each, &e, index);
}

static void write_list(oc_build *b, const ranged *r, const char *name, const term *members) {
    size_t list = oc_build_open(b, OC_ARRAY, oc_build_name(name)), index = 0;
    for (const term *member = members; member; member = member->next)
        if (member->kind == EACH)
            write_each(b, r, member->bound);
        else
            write_member(b, r, member, index++);
    oc_build_close(b, list);
}

static void write_term(oc_build *b, const ranged *r, const term *t) {
    switch (t->kind) {
    case BOUND:
    case KEPT:
    case NOT: write_comparison(b, r, t); break;
    case ALL: write_list(b, r, "$and", t->members); break;
    case EACH: break; /* write_list's */
    case ANY: write_list(b, r, "$or", t->members); break;
    case NONE: write_list(b, r, r->path ? "$not" : "$nor", t->members); break;
    }
}

/* ---- the end of a conjunction ---- */

typedef struct candidate {
    oc_qe_bound *bound;
    size_t order;
} candidate;

static int compare_candidates(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->bound->meta != y->bound->meta)
        return (uintptr_t)x->bound->meta < (uintptr_t)y->bound->meta ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The bounds of one field, in the order written: the first lower one with the first upper one. */
static size_t pair_field(candidate *list, size_t count) {
    oc_qe_bound *lower = NULL, *upper = NULL;
    size_t n = 0;
    for (; n < count && list[n].bound->meta == list[0].bound->meta; n++) {
        oc_qe_bound **side = is_lower(list[n].bound) ? &lower : &upper;
        if (!*side)
            *side = list[n].bound;
    }
    if (lower && upper) {
        lower->other = upper;
        upper->other = lower;
    }
    return n;
}

static void number_bounds(oc_conjunction *c) {
    for (oc_qe_bound *b = c->first; b; b = b->next) {
        if (b->id >= 0)
            continue;
        b->id = c->a->payloads;
        c->a->payloads += b->list.count ? (int32_t)b->list.count : 1;
        if (b->other)
            b->other->id = b->id;
    }
}

static bool is_open(const oc_qe_bound *b) {
    return !b->other && !b->list.count && b->id < 0;
}

static void pair_bounds(oc_conjunction *c) {
    size_t count = 0, n = 0;
    for (const oc_qe_bound *b = c->first; b; b = b->next)
        count += is_open(b);
    candidate *list = count > 1 ? oc_arena_alloc(c->a->arena, count * sizeof *list) : NULL;
    if (count > 1 && !list) {
        c->a->splice.failed = true; /* asked once, before anything is written */
        return;
    }
    for (oc_qe_bound *b = c->first; list && b; b = b->next)
        if (is_open(b)) {
            list[n] = (candidate){b, n};
            n++;
        }
    if (list)
        qsort(list, n, sizeof *list, compare_candidates);
    for (size_t at = 0; at < n;)
        at += pair_field(list + at, n - at);
    number_bounds(c);
}

/* Records what will be made of `made`. */
static void replace(oc_analysis *a, oc_frame *frame, const oc_elem *place, oc_made kind, const void *made,
                    size_t size) {
    uint32_t at = oc_splice_offset(&a->splice, place->start);
    uint32_t len = (uint32_t)(place->end - place->start);
    oc_splice_edit(
        &a->splice, frame,
        (oc_edit){
            .at = at, .skip = len, .end = at + len, .kind = (uint8_t)kind, .made = made, .head_len = (uint32_t)size});
}

static void write_bound(oc_build *b, const oc_qe_bound *bound) {
    write_placeholder(b, operator_names[bound->op], bound);
}

uint8_t *oc_qe_make_bound(const oc_qe_bound *bound, size_t size, uint8_t *p) {
    oc_build b = {.data = p, .cap = size};
    write_bound(&b, bound);
    return p + b.len;
}

static void write_rewrite(oc_build *b, const oc_qe_rewrite *w) {
    if (w->terms->next)
        write_list(b, &w->field, "$and", w->terms);
    else
        write_term(b, &w->field, w->terms);
}

uint8_t *oc_qe_make_ranges(const oc_qe_rewrite *w, size_t size, uint8_t *p) {
    oc_build b = {.data = p, .cap = size};
    write_rewrite(&b, w);
    return p + b.len;
}

bool oc_conjunction_finish(oc_conjunction *c) {
    pair_bounds(c);
    for (const oc_qe_bound *b = c->first; b; b = b->next) {
        oc_build size = {.counts = true};
        oc_count_marks(c->a, b->list.count ? 2 * b->list.count : 1);
        if (!b->place.start)
            continue;
        write_bound(&size, b);
        replace(c->a, b->frame, &b->place, OC_MADE_BOUND, b, size.len);
    }
    for (const oc_qe_rewrite *w = c->rewrites; w; w = w->next) {
        oc_build size = {.counts = true};
        write_rewrite(&size, w);
        replace(c->a, w->frame, &w->place, OC_MADE_RANGES, w, size.len);
    }
    return !c->a->splice.failed || oc_no_memory(c->a);
}
