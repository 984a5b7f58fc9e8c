/* What a server finds by Queryable Encryption: stored tokens against tokens of find placeholders. */

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "eval.h"
#include "tokens.h"

static bool is_open(const value *bound) {
    return bound->type == T_DOUBLE && isinf(value_number(bound));
}

static bool is_true(const value *v) {
    return v && v->type == T_BOOL && v->bytes[0];
}

static bool within(const value *v, const value *edges) {
    const value *low = value_get(edges, "lowerBound"), *high = value_get(edges, "upperBound");
    if (!low || !high)
        return false;
    int above = is_open(low) ? 1 : eval_compare(v, low), under = is_open(high) ? -1 : eval_compare(v, high);
    return (above > 0 || (above == 0 && is_true(value_get(edges, "lbIncluded")))) &&
           (under < 0 || (under == 0 && is_true(value_get(edges, "ubIncluded"))));
}

/* Of the half without edges, those of the other one. */
static const value *edges_of(const vault *v, const secret *find) {
    const value *id = value_get(find->spec, "payloadId"), *edges = value_get(find->spec, "edgesInfo");
    for (unsigned i = 0; i < v->count && !edges && id; i++) {
        const secret *other = v->secrets[i];
        const value *other_id = other->find && other->key == find->key ? value_get(other->spec, "payloadId") : NULL;
        if (other_id && value_equal(id, other_id))
            edges = value_get(other->spec, "edgesInfo");
    }
    return edges;
}

static const char *folded(eval *e, const char *text, bool fold) {
    char *copy = pool_text(e->p, "%s", text);
    for (char *c = copy; *c && fold; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static bool matches_text(eval *e, const char *op, const char *text, const char *part, bool fold) {
    size_t n;
    text = folded(e, text, fold);
    part = folded(e, part, fold);
    n = strlen(part);
    if (strcmp(op, "$encStrStartsWith") == 0)
        return strncmp(text, part, n) == 0;
    if (strcmp(op, "$encStrEndsWith") == 0)
        return n <= strlen(text) && strcmp(text + strlen(text) - n, part) == 0;
    if (strcmp(op, "$encStrContains") == 0)
        return strstr(text, part) != NULL;
    return strcmp(text, part) == 0;
}

static bool found(eval *e, const secret *stored, const secret *find, const char *op) {
    const value *edges = find->algorithm == RANGE_TOKEN ? edges_of(e->vault, find) : NULL;
    if (stored->key != find->key || stored->find)
        return false;
    switch (find->algorithm) {
    case EQUALITY_TOKEN: return value_equal(stored->plain, find->plain);
    case RANGE_TOKEN: return edges && within(stored->plain, edges);
    case TEXT_TOKEN:
        return op && matches_text(e, op, value_chars(stored->plain), value_chars(find->plain),
                                  is_true(value_get(find->spec, "casef")));
    default: return false;
    }
}

bool eval_finds(eval *e, const value *stored, const value *operand, const char *op, bool *result) {
    const secret *find = e->vault && operand ? tokens_opened(e->vault, operand) : NULL;
    if (!find || !find->find)
        return false;
    const secret *s = stored ? tokens_opened(e->vault, stored) : NULL;
    *result = s && found(e, s, find, op);
    return true;
}

static const char *field_path(const char *text) {
    return strncmp(text, "$$", 2) == 0 && strchr(text, '.') ? strchr(text, '.') + 1 : text + 1;
}

/* {input: "$name", prefix: "ab"} */
const value *eval_text_operator(eval *e, const value *operands, const value *doc) {
    const value *input = value_get(operands, "input"), *part = operands->type == T_DOC ? operands->last : NULL;
    bool result = false;
    if (!input || !part || input->type != T_STRING) {
        e->unknown = true;
        return NULL;
    }
    const metadata *meta = collection_metadata(e->origin, field_path(value_chars(input)));
    const value *text = eval_expression(e, input, doc), *constant = eval_expression(e, part, doc);
    if (!eval_finds(e, text, constant, operands->name, &result) && text && text->type == T_STRING && constant)
        result = matches_text(e, operands->name, value_chars(text), value_chars(constant),
                              meta && meta->qe && meta->qe->fold_case);
    return value_bool(e->p, result);
}
