#include <string.h>

#include "eval.h"

static const value *boolean(eval *e, bool b) {
    return value_bool(e->p, b);
}

bool eval_truth(const value *v) {
    if (!v || v->type == T_NULL || v->type == T_UNDEFINED)
        return false;
    if (v->type == T_BOOL)
        return v->bytes[0];
    if (v->type == T_DECIMAL)
        return v->bytes[0] != 0;
    return !value_is_number(v) || value_number(v) != 0;
}

static bool is_missing(const value *v) {
    return !v || v->type == T_NULL || v->type == T_UNDEFINED;
}

/* The i-th operand; one that stands without a list is the first. */
static const value *operand(const value *operands, unsigned i) {
    if (operands->type != T_ARRAY)
        return i == 0 ? operands : NULL;
    const value *m = operands->first;
    while (m && i-- > 0)
        m = m->next;
    return m;
}

static const value *nth(eval *e, const value *operands, unsigned i, const value *doc) {
    const value *m = operand(operands, i);
    if (m)
        return eval_expression(e, m, doc);
    e->failed = true;
    return NULL;
}

static const value *comparison(eval *e, const value *operands, const value *doc) {
    const value *a = nth(e, operands, 0, doc), *b = nth(e, operands, 1, doc);
    const char *op = operands->name + 1;
    bool found;
    if (eval_finds(e, a, b, NULL, &found) || eval_finds(e, b, a, NULL, &found))
        return boolean(e, found != (strcmp(op, "ne") == 0));
    int c = eval_compare(a, b);
    bool result = strcmp(op, "eq") == 0    ? c == 0
                  : strcmp(op, "ne") == 0  ? c != 0
                  : strcmp(op, "gt") == 0  ? c > 0
                  : strcmp(op, "gte") == 0 ? c >= 0
                  : strcmp(op, "lt") == 0  ? c < 0
                                           : c <= 0;
    return boolean(e, result);
}

static const value *in(eval *e, const value *operands, const value *doc) {
    const value *needle = nth(e, operands, 0, doc), *list = nth(e, operands, 1, doc);
    bool found;
    if (!list || list->type != T_ARRAY) {
        e->failed = true;
        return NULL;
    }
    for (const value *m = list->first; m; m = m->next)
        if (eval_finds(e, needle, m, NULL, &found) ? found : needle && eval_equal(needle, m))
            return boolean(e, true);
    return boolean(e, false);
}

static const value * and (eval * e, const value *operands, const value *doc) {
    bool all = true;
    for (unsigned i = 0; operand(operands, i); i++)
        all &= eval_truth(nth(e, operands, i, doc));
    return boolean(e, all);
}

static const value * or (eval * e, const value *operands, const value *doc) {
    bool any = false;
    for (unsigned i = 0; operand(operands, i); i++)
        any |= eval_truth(nth(e, operands, i, doc));
    return boolean(e, any);
}

static const value * not(eval * e, const value *operands, const value *doc) {
    return boolean(e, !eval_truth(nth(e, operands, 0, doc)));
}

static const value *evaluated(eval *e, const value *expression, const value *doc) {
    if (expression)
        return eval_expression(e, expression, doc);
    e->failed = true;
    return NULL;
}

static const value *cond(eval *e, const value *operands, const value *doc) {
    bool list = operands->type == T_ARRAY;
    const value *test = list ? operand(operands, 0) : value_get(operands, "if");
    const value *then = list ? operand(operands, 1) : value_get(operands, "then");
    const value *otherwise = list ? operand(operands, 2) : value_get(operands, "else");
    return evaluated(e, eval_truth(evaluated(e, test, doc)) ? then : otherwise, doc);
}

static const value *switch_(eval *e, const value *operands, const value *doc) {
    const value *branches = value_get(operands, "branches");
    for (const value *m = branches ? branches->first : NULL; m; m = m->next)
        if (eval_truth(evaluated(e, value_get(m, "case"), doc)))
            return evaluated(e, value_get(m, "then"), doc);
    return evaluated(e, value_get(operands, "default"), doc);
}

static const value *if_null(eval *e, const value *operands, const value *doc) {
    const value *v = NULL;
    for (unsigned i = 0; operand(operands, i); i++) {
        v = nth(e, operands, i, doc);
        if (!is_missing(v))
            return v;
    }
    return v;
}

/* The generator's only variable is $$v: it becomes a constant of the inner expression. */
static const value *substitute(eval *e, const value *in_, const value *bound) {
    if (in_->type == T_STRING && strcmp(value_chars(in_), "$$v") == 0)
        return bound ? value_one(e->p, "$literal", bound) : value_string(e->p, "$$REMOVE");
    if (!value_is_container(in_))
        return in_;
    value *out = in_->type == T_DOC ? value_doc(e->p) : value_array(e->p);
    for (const value *m = in_->first; m; m = m->next)
        value_put(e->p, out, m->name, substitute(e, m, bound));
    return out;
}

static const value *let(eval *e, const value *operands, const value *doc) {
    const value *vars = value_get(operands, "vars"), *inner = value_get(operands, "in");
    if (!vars || !vars->first || !inner) {
        e->failed = true;
        return NULL;
    }
    return eval_expression(e, substitute(e, inner, eval_expression(e, vars->first, doc)), doc);
}

static const value *element_wise(eval *e, const value *operands, const value *doc) {
    const value *input = evaluated(e, value_get(operands, "input"), doc);
    const value *cond = value_get(operands, "cond"), *inner = cond ? cond : value_get(operands, "in");
    value *out = value_array(e->p);
    if (is_missing(input))
        return value_null(e->p);
    if (input->type != T_ARRAY || !inner) {
        e->failed = true;
        return NULL;
    }
    for (const value *m = input->first; m; m = m->next) {
        const value *made = eval_expression(e, substitute(e, inner, m), doc);
        if (!cond)
            value_push(e->p, out, made ? made : value_null(e->p));
        else if (eval_truth(made))
            value_push(e->p, out, m);
    }
    return out;
}

static const value *arithmetic(eval *e, const value *operands, const value *doc) {
    const value *a = nth(e, operands, 0, doc), *b = nth(e, operands, 1, doc);
    if (is_missing(a) || is_missing(b))
        return value_null(e->p);
    if (!value_is_number(a) || !value_is_number(b)) {
        e->unknown |= a->type == T_DECIMAL || a->type == T_DATE;
        e->failed = true;
        return NULL;
    }
    double sum = value_number(a) + (operands->name[1] == 's' ? -value_number(b) : value_number(b));
    return value_double(e->p, sum);
}

static const value *concat(eval *e, const value *operands, const value *doc) {
    const value *a = nth(e, operands, 0, doc), *b = nth(e, operands, 1, doc);
    if (is_missing(a) || is_missing(b))
        return value_null(e->p);
    if (a->type != T_STRING || b->type != T_STRING) {
        e->failed = true;
        return NULL;
    }
    return value_string(e->p, pool_text(e->p, "%s%s", value_chars(a), value_chars(b)));
}

typedef const value *rule(eval *e, const value *operands, const value *doc);

static const struct {
    const char *op;
    rule *rule;
} table[] = {
    {"$eq", comparison},
    {"$ne", comparison},
    {"$gt", comparison},
    {"$gte", comparison},
    {"$lt", comparison},
    {"$lte", comparison},
    {"$in", in},
    {"$and", and},
    {"$or", or },
    {"$not", not },
    {"$cond", cond},
    {"$switch", switch_},
    {"$ifNull", if_null},
    {"$let", let},
    {"$add", arithmetic},
    {"$subtract", arithmetic},
    {"$concat", concat},
    {"$map", element_wise},
    {"$filter", element_wise},
    {"$encStrStartsWith", eval_text_operator},
    {"$encStrEndsWith", eval_text_operator},
    {"$encStrContains", eval_text_operator},
    {"$encStrNormalizedEq", eval_text_operator},
};

static const value *operator(eval *e, const value *op, const value *doc) {
    if (strcmp(op->name, "$literal") == 0 || strcmp(op->name, "$const") == 0)
        return op;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op->name) == 0)
            return table[i].rule(e, op, doc);
    e->unknown = true;
    return NULL;
}

static const value *variable(eval *e, const char *name, const value *doc) {
    if (strcmp(name, "ROOT") == 0 || strcmp(name, "CURRENT") == 0)
        return doc;
    if (strncmp(name, "CURRENT.", 8) == 0 || strncmp(name, "ROOT.", 5) == 0)
        return eval_path(e, doc, strchr(name, '.') + 1);
    e->unknown |= strcmp(name, "REMOVE") != 0;
    return NULL;
}

static const value *members(eval *e, const value *expression, const value *doc) {
    value *out = expression->type == T_DOC ? value_doc(e->p) : value_array(e->p);
    for (const value *m = expression->first; m; m = m->next) {
        const value *v = eval_expression(e, m, doc);
        if (v || expression->type == T_ARRAY)
            value_put(e->p, out, m->name, v ? v : value_null(e->p));
    }
    return out;
}

const value *eval_expression(eval *e, const value *expression, const value *doc) {
    if (expression->type == T_STRING && value_chars(expression)[0] == '$') {
        const char *text = value_chars(expression);
        return text[1] == '$' ? variable(e, text + 2, doc) : eval_path(e, doc, text + 1);
    }
    if (expression->type == T_DOC && expression->first && expression->first->name[0] == '$')
        return operator(e, expression->first, doc);
    return value_is_container(expression) ? members(e, expression, doc) : expression;
}
