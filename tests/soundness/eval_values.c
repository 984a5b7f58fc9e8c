#include <string.h>

#include "eval.h"

static int order_of_type(const value *v) {
    switch (v->type) {
    case T_MINKEY: return 0;
    case T_UNDEFINED:
    case T_NULL: return 2;
    case T_INT:
    case T_LONG:
    case T_DOUBLE:
    case T_DECIMAL: return 3;
    case T_STRING:
    case T_SYMBOL: return 4;
    case T_DOC: return 5;
    case T_ARRAY: return 6;
    case T_BINARY: return 7;
    case T_OID: return 8;
    case T_BOOL: return 9;
    case T_DATE: return 10;
    case T_TIMESTAMP: return 11;
    case T_REGEX: return 12;
    case T_CODE: return 13;
    default: return 20;
    }
}

static double number(const value *v) {
    int64_t coefficient;
    if (v->type != T_DECIMAL)
        return value_number(v);
    memcpy(&coefficient, v->bytes, sizeof coefficient); /* the generator's decimals are small whole numbers */
    return (double)coefficient;
}

static int sign(double d) {
    return (d > 0) - (d < 0);
}

static int compare_bytes(const value *a, const value *b) {
    uint32_t n = a->len < b->len ? a->len : b->len;
    int c = n ? memcmp(a->bytes, b->bytes, n) : 0;
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int compare_members(const value *a, const value *b) {
    const value *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next) {
        int c = order_of_type(x) - order_of_type(y);
        if (!c && a->type == T_DOC)
            c = strcmp(x->name, y->name);
        if (!c)
            c = eval_compare(x, y);
        if (c)
            return c;
    }
    return (x != NULL) - (y != NULL);
}

static int compare_chars(const value *a, const value *b) {
    return strcmp(value_chars(a), value_chars(b));
}

static int compare_integers(const value *a, const value *b) {
    int64_t x, y;
    memcpy(&x, a->bytes, 8);
    memcpy(&y, b->bytes, 8);
    return (x > y) - (x < y);
}

int eval_compare(const value *a, const value *b) {
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    int c = order_of_type(a) - order_of_type(b);
    if (c)
        return c;
    switch (order_of_type(a)) {
    case 2: return 0;
    case 3: return sign(number(a) - number(b));
    case 4: return compare_chars(a, b);
    case 5:
    case 6: return compare_members(a, b);
    case 10:
    case 11: return compare_integers(a, b);
    default: return compare_bytes(a, b);
    }
}

bool eval_equal(const value *a, const value *b) {
    return eval_compare(a, b) == 0;
}

const char *eval_head(eval *e, const char *path, const char **rest) {
    size_t n = strcspn(path, ".");
    *rest = path[n] ? path + n + 1 : NULL;
    return pool_text(e->p, "%.*s", (int)n, path);
}

static const value *with_in_array(eval *e, const value *array, const char *path, const value *child) {
    value *out = value_array(e->p);
    for (const value *m = array->first; m; m = m->next)
        if (value_is_container(m) || child)
            value_push(e->p, out, eval_with(e, m, path, child));
        else
            value_push(e->p, out, m);
    return out;
}

const value *eval_with(eval *e, const value *doc, const char *path, const value *child) {
    const char *rest, *name = eval_head(e, path, &rest);
    bool found = false;
    if (doc->type == T_ARRAY)
        return with_in_array(e, doc, path, child);
    value *out = value_doc(e->p);
    if (doc->type != T_DOC && !child)
        return doc;
    for (const value *m = doc->type == T_DOC ? doc->first : NULL; m; m = m->next) {
        if (strcmp(m->name, name) != 0) {
            value_put(e->p, out, m->name, m);
            continue;
        }
        found = true;
        if (rest)
            value_put(e->p, out, m->name, eval_with(e, m, rest, child));
        else if (child)
            value_put(e->p, out, m->name, child);
    }
    if (!found && child)
        value_put(e->p, out, name, rest ? eval_with(e, value_doc(e->p), rest, child) : child);
    return out;
}

const value *eval_path(eval *e, const value *v, const char *path) {
    if (!path)
        return v;
    if (v->type == T_DOC) {
        const char *rest, *name = eval_head(e, path, &rest);
        const value *m = value_get(v, name);
        return m ? eval_path(e, m, rest) : NULL;
    }
    if (v->type != T_ARRAY)
        return NULL;
    value *out = value_array(e->p);
    for (const value *m = v->first; m; m = m->next) {
        const value *found = value_is_container(m) ? eval_path(e, m, path) : NULL;
        if (found)
            value_push(e->p, out, found);
    }
    return out;
}
