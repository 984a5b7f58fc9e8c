/* Filters, with a server's rules for arrays and missing fields. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "eval.h"

/* One value that a path leads to; NULL: missing. */
typedef bool test(eval *e, const value *candidate, const value *operand);

static bool any_final(eval *e, const value *v, const value *operand, test *holds, bool elements) {
    if (holds(e, v, operand))
        return true;
    if (elements && v && v->type == T_ARRAY)
        for (const value *m = v->first; m; m = m->next)
            if (holds(e, m, operand))
                return true;
    return false;
}

static bool is_index(const char *name) {
    return name[0] >= '0' && name[0] <= '9';
}

static bool any_at(eval *e, const value *v, const char *path, const value *operand, test *holds, bool elements);

static bool any_in_array(eval *e, const value *array, const char *path, const value *operand, test *holds,
                         bool elements) {
    const char *rest, *name = eval_head(e, path, &rest);
    const value *indexed = is_index(name) ? value_get(array, name) : NULL;
    if (indexed && (rest ? value_is_container(indexed) && any_at(e, indexed, rest, operand, holds, elements)
                         : any_final(e, indexed, operand, holds, elements)))
        return true;
    for (const value *m = array->first; m; m = m->next)
        if (m->type == T_DOC && any_at(e, m, path, operand, holds, elements))
            return true;
    return false;
}

static bool any_at(eval *e, const value *v, const char *path, const value *operand, test *holds, bool elements) {
    if (v->type == T_ARRAY)
        return any_in_array(e, v, path, operand, holds, elements);
    const char *rest, *name = eval_head(e, path, &rest);
    const value *m = value_get(v, name);
    if (!rest || !m || !value_is_container(m))
        return any_final(e, rest ? NULL : m, operand, holds, elements);
    return any_at(e, m, rest, operand, holds, elements);
}

static bool regex_matches(const char *source, const char *options, const char *text) {
    bool anchored = source[0] == '^', fold = strchr(options, 'i') != NULL;
    const char *body = source + anchored;
    if (anchored)
        return strncmp(text, body, strlen(body)) == 0;
    return fold ? strcasestr(text, body) != NULL : strstr(text, body) != NULL;
}

static bool is_text(const value *v) {
    return v && (v->type == T_STRING || v->type == T_SYMBOL);
}

static bool matches_regex(eval *e, const value *v, const value *operand) {
    (void)e;
    if (operand->type == T_STRING)
        return is_text(v) && regex_matches(value_chars(operand), "", value_chars(v));
    if (operand->type != T_REGEX)
        return false;
    const char *source = (const char *)operand->bytes;
    if (v && v->type == T_REGEX)
        return eval_equal(v, operand);
    return is_text(v) && regex_matches(source, source + strlen(source) + 1, value_chars(v));
}

static bool is_null(const value *v) {
    return v->type == T_NULL || v->type == T_UNDEFINED;
}

static bool equals(eval *e, const value *v, const value *operand) {
    bool found;
    if (eval_finds(e, v, operand, NULL, &found))
        return found;
    return v ? eval_equal(v, operand) : is_null(operand);
}

static bool exists(eval *e, const value *v, const value *operand) {
    (void)e;
    (void)operand;
    return v != NULL;
}

static bool in_list(eval *e, const value *v, const value *operand) {
    for (const value *m = operand->first; m; m = m->next)
        if (m->type == T_REGEX ? matches_regex(e, v, m) : equals(e, v, m))
            return true;
    return false;
}

/* Only values of one kind are ordered, except with the ends of everything. */
static bool comparable(const value *v, const value *operand) {
    static const uint8_t kinds[256] = {[T_INT] = 1,    [T_LONG] = 1,   [T_DOUBLE] = 1,    [T_DECIMAL] = 1,
                                       [T_STRING] = 2, [T_SYMBOL] = 2, [T_UNDEFINED] = 3, [T_NULL] = 3};
    if (operand->type == T_MINKEY || operand->type == T_MAXKEY)
        return true;
    return kinds[v->type] || kinds[operand->type] ? kinds[v->type] == kinds[operand->type] : v->type == operand->type;
}

static bool ordered(const value *v, const value *operand, int *order) {
    if (!v)
        *order = is_null(operand) ? 0 : 2;
    else
        *order = eval_compare(v, operand);
    return v ? comparable(v, operand) : is_null(operand);
}

static bool greater(eval *e, const value *v, const value *operand) {
    int order;
    bool found;
    if (eval_finds(e, v, operand, NULL, &found))
        return found;
    return ordered(v, operand, &order) && order > 0;
}

static bool greater_equal(eval *e, const value *v, const value *operand) {
    int order;
    bool found;
    if (eval_finds(e, v, operand, NULL, &found))
        return found;
    return ordered(v, operand, &order) && order >= 0;
}

static bool less(eval *e, const value *v, const value *operand) {
    int order;
    bool found;
    if (eval_finds(e, v, operand, NULL, &found))
        return found;
    return ordered(v, operand, &order) && order < 0;
}

static bool less_equal(eval *e, const value *v, const value *operand) {
    int order;
    bool found;
    if (eval_finds(e, v, operand, NULL, &found))
        return found;
    return ordered(v, operand, &order) && order <= 0;
}

static bool has_type(eval *e, const value *v, const value *operand) {
    (void)e;
    for (unsigned i = 0; v && is_text(operand) && i < type_count; i++)
        if (strcmp(type_table[i].alias, value_chars(operand)) == 0)
            return type_table[i].type == v->type;
    return false;
}

static bool has_size(eval *e, const value *v, const value *operand) {
    (void)e;
    return v && v->type == T_ARRAY && value_count(v) == (unsigned)value_number(operand);
}

static bool has_bits(eval *e, const value *v, const value *operand) {
    (void)e;
    int64_t bits = (int64_t)value_number(operand);
    return v && value_is_number(v) && value_number(v) == (double)(int64_t)value_number(v) &&
           ((int64_t)value_number(v) & bits) == bits;
}

static bool operators(eval *e, const value *ops, const value *doc, const char *path);

static bool element_matches(eval *e, const value *v, const value *operand) {
    if (!v || v->type != T_ARRAY)
        return false;
    for (const value *m = v->first; m; m = m->next)
        if (operators(e, operand, value_one(e->p, "e", m), "e"))
            return true;
    return false;
}

static bool all_match(eval *e, const value *list, const value *doc, const char *path) {
    for (const value *m = list->first; m; m = m->next)
        if (!any_at(e, doc, path, m, equals, true))
            return false;
    return list->first != NULL;
}

static bool is_true(const value *v) {
    return v->type == T_BOOL ? v->bytes[0] : value_is_number(v) ? value_number(v) != 0 : !is_null(v);
}

static const struct {
    const char *op;
    test *holds;
    bool elements, negated;
} table[] = {
    {"$eq", equals, true, false},
    {"$ne", equals, true, true},
    {"$in", in_list, true, false},
    {"$nin", in_list, true, true},
    {"$gt", greater, true, false},
    {"$gte", greater_equal, true, false},
    {"$lt", less, true, false},
    {"$lte", less_equal, true, false},
    {"$type", has_type, true, false},
    {"$size", has_size, false, false},
    {"$regex", matches_regex, true, false},
    {"$bitsAllSet", has_bits, true, false},
    {"$elemMatch", element_matches, false, false},
};

static bool operator(eval *e, const value *op, const value *doc, const char *path) {
    if (strcmp(op->name, "$exists") == 0)
        return any_at(e, doc, path, op, exists, false) == is_true(op);
    if (strcmp(op->name, "$not") == 0)
        return !operators(e, op, doc, path);
    if (strcmp(op->name, "$all") == 0)
        return all_match(e, op, doc, path);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op->name) == 0)
            return any_at(e, doc, path, op, table[i].holds, table[i].elements) != table[i].negated;
    e->unknown = true;
    return false;
}

static bool operators(eval *e, const value *ops, const value *doc, const char *path) {
    for (const value *m = ops->first; m; m = m->next)
        if (!operator(e, m, doc, path))
            return false;
    return true;
}

static bool any_of(eval *e, const value *filters, const value *doc) {
    for (const value *m = filters->first; m; m = m->next)
        if (eval_matches(e, m, doc))
            return true;
    return false;
}

static bool all_of(eval *e, const value *filters, const value *doc) {
    for (const value *m = filters->first; m; m = m->next)
        if (!eval_matches(e, m, doc))
            return false;
    return true;
}

static bool tree(eval *e, const value *m, const value *doc) {
    if (strcmp(m->name, "$and") == 0)
        return all_of(e, m, doc);
    if (strcmp(m->name, "$or") == 0)
        return any_of(e, m, doc);
    if (strcmp(m->name, "$nor") == 0)
        return !any_of(e, m, doc);
    if (strcmp(m->name, "$expr") == 0)
        return eval_truth(eval_expression(e, m, doc));
    e->unknown |= strcmp(m->name, "$comment") != 0;
    return true;
}

bool eval_is_operators(const value *v) {
    if (v->type != T_DOC || !v->first || v->first->name[0] != '$')
        return false;
    for (const value *m = v->first; m; m = m->next)
        if (m->name[0] == '$' && strcmp(m->name, "$ref") != 0 && strcmp(m->name, "$id") != 0 &&
            strcmp(m->name, "$db") != 0)
            return true;
    return false;
}

static bool predicate(eval *e, const value *m, const value *doc) {
    if (m->name[0] == '$')
        return tree(e, m, doc);
    if (eval_is_operators(m))
        return operators(e, m, doc, m->name);
    return any_at(e, doc, m->name, m, m->type == T_REGEX ? matches_regex : equals, true);
}

bool eval_matches(eval *e, const value *filter, const value *doc) {
    for (const value *m = filter->first; m; m = m->next)
        if (!predicate(e, m, doc))
            return false;
    return true;
}
