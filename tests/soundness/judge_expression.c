/* Aggregation expressions: which results are possible, and what must be marked once it is clear what a literal is
 * compared with. */

#include <string.h>

#include "judge.h"

static const outcome *one_outcome(judge *j, outcome made) {
    outcome *copy = pool_take(j->p, sizeof *copy);
    *copy = made;
    return copy;
}

static const outcome *computed(judge *j) {
    return one_outcome(j, (outcome){.kind = COMPUTED});
}

static const outcome *join(judge *j, const outcome *a, const outcome *b) {
    if (!a)
        return b;
    outcome *copy = pool_take(j->p, sizeof *copy);
    *copy = *a;
    copy->next = join(j, a->next, b);
    return copy;
}

/* How a constant stands in the result: {$const: v} in a $group of a marked pipeline. */
static const outcome *literal(judge *j, const value *o, const value *r) {
    if (r && j->in_group && j->pipeline_marked && !value_is_placeholder(r)) {
        const value *inner = r->type == T_DOC && value_count(r) == 1 ? value_get(r, "$const") : NULL;
        if (!inner)
            judge_wrong(j, "a constant of $group is not in normal form");
        r = inner;
    }
    return one_outcome(j, (outcome){.kind = LITERAL, .o = o, .r = r});
}

static const outcome *explicit_literal(judge *j, const value *o, const value *r) {
    if (r && r->type == T_DOC) {
        r = value_count(r) == 1 ? value_get(r, o->name) : NULL;
        if (!r)
            judge_wrong(j, "%s was changed", o->name);
    }
    return one_outcome(j, (outcome){.kind = LITERAL, .o = o, .r = r});
}

static const outcome *field_path(judge *j, const char *path, const node *at) {
    spot s = node_find(j->p, at, path);
    bool dropped = judge_is_dropped(j, &s, path);
    judge_note(j, dropped ? SITE_DROPPED : judge_site(&s));
    if (s.below)
        judge_refuse(j, "'%s' lies below an encrypted path", path);
    bool parent = !dropped && judge_dropped_from(j, &s, path)->kind == N_OBJECT;
    bool emptied =
        j->stored_in && !node_holds(j->p, s.node) && node_find(j->p, j->stored_in, path).node->kind == N_OBJECT;
    j->reads_dropped = j->reads_dropped || parent || emptied;
    if (dropped || parent)
        return one_outcome(j, (outcome){.kind = FIELD, .node = dropped ? &dropped_node : &dropped_parent});
    if (s.node->kind == N_CONFLICT)
        judge_refuse(j, "conflicting metadata at '%s'", path);
    const node *found = s.in_array ? node_array(j->p, s.node, false) : s.node;
    return one_outcome(j, (outcome){.kind = FIELD, .node = found});
}

static const outcome *variable(judge *j, const char *name, const node *at) {
    if (strcmp(name, "ROOT") == 0 || strcmp(name, "CURRENT") == 0)
        return one_outcome(j, (outcome){.kind = FIELD, .node = at});
    if (strncmp(name, "CURRENT.", 8) == 0 || strncmp(name, "ROOT.", 5) == 0)
        return field_path(j, strchr(name, '.') + 1, at);
    if (strcmp(name, "REMOVE") == 0)
        return one_outcome(j, (outcome){.kind = REMOVED});
    if (!judge_is_bound(j, name) && j->encrypts) {
        judge_note_once(j, F_EXPRESSION, "(unknown variable)", "");
        judge_refuse(j, "unknown variable %s", name);
    }
    return computed(j); /* variables bind plain values only */
}

static const outcome *string(judge *j, const value *o, const value *r, const node *at) {
    const char *text = value_chars(o);
    if (text[0] != '$')
        return literal(j, o, r);
    judge_same(j, o, r);
    return text[1] == '$' ? variable(j, text + 2, at) : field_path(j, text + 1, at);
}

static bool is_nothing(const outcome *e) {
    return e->kind == REMOVED || (e->kind == FIELD && e->node->kind == N_ABSENT);
}

static bool is_encrypted(const outcome *e) {
    return e->kind == FIELD && e->node->kind == N_ENCRYPTED;
}

/* Every result must be plain. */
static void plain_only(judge *j, const outcome *list, const char *op) {
    for (const outcome *e = list; e; e = e->next) {
        if (e->kind == FIELD && node_holds(j->p, e->node)) {
            judge_note(j, judge_node_site(e->node));
            judge_refuse(j, "%s over something encrypted", op);
        }
        if (e->kind == LITERAL)
            judge_same(j, e->o, e->r);
    }
}

static const metadata *encrypted_among(const outcome *list) {
    for (const outcome *e = list; e; e = e->next)
        if (is_encrypted(e))
            return e->node->meta;
    return NULL;
}

static bool has_strings(const metadata *meta) {
    return metadata_allows(meta, T_STRING) || metadata_allows(meta, T_SYMBOL);
}

static void compare_with(judge *j, const outcome *list, const metadata *meta) {
    for (const outcome *e = list; e; e = e->next) {
        if (e->kind == LITERAL)
            judge_compared(j, e->o, e->r, meta);
        else if (e->kind == FIELD && e->node->kind == N_PLAIN && j->joined)
            judge_moot(j); /* a joined array without anything encrypted has forgotten its names: it may be absent */
        else if (e->kind == COMPUTED || (e->kind == FIELD && !is_encrypted(e) && !is_nothing(e)))
            judge_refuse(j, "an encrypted field is compared with something computed or plain");
        else if (is_encrypted(e) && !metadata_equal(e->node->meta, meta))
            judge_refuse(j, "encrypted fields with different metadata are compared");
    }
}

/* `node` NULL: a literal. */
static bool among(const outcome *list, const node *n) {
    for (const outcome *e = list; e; e = e->next)
        if (n ? e->kind == FIELD && e->node == n : e->kind == LITERAL)
            return true;
    return false;
}

static bool compares_literal(const outcome *a, const outcome *b, const node *with) {
    return (among(a, with) && among(b, NULL)) || (among(b, with) && among(a, NULL));
}

/* It could match nothing, and the literal would travel in clear. */
static void check_dropped(judge *j, const outcome *a, const outcome *b) {
    if (compares_literal(a, b, &dropped_parent))
        judge_moot(j); /* it depends on whether the literal has encrypted fields */
    if (!compares_literal(a, b, &dropped_node)) {
        if (among(a, &dropped_node) || among(b, &dropped_node))
            judge_moot(j); /* the documents speak of literals only */
        return;
    }
    judge_note(j, SITE_DROPPED);
    if (j->encrypts)
        judge_refuse(j, "a field that a stage has dropped is compared with a literal");
}

static void note_compared(judge *j, const outcome *list) {
    for (const outcome *e = list; e; e = e->next)
        if (e->kind == FIELD && node_holds(j->p, e->node))
            judge_note(j, judge_node_site(e->node));
}

static void equality(judge *j, const outcome *a, const outcome *b) {
    check_dropped(j, a, b);
    note_compared(j, a);
    note_compared(j, b);
    const metadata *meta = encrypted_among(a) ? encrypted_among(a) : encrypted_among(b);
    if (!meta) {
        plain_only(j, a, "$eq");
        plain_only(j, b, "$eq");
        return;
    }
    if (!metadata_comparable(meta) || j->only_exists)
        judge_refuse(j, "comparison with a field that cannot be compared");
    if (encrypted_among(a) && encrypted_among(b) && j->collated && has_strings(meta))
        judge_refuse(j, "collation over encrypted strings");
    compare_with(j, a, meta);
    compare_with(j, b, meta);
}

/* Anything else than two operands in a list is the server's error. */
static bool is_pair(judge *j, const value *o) {
    if (o->type != T_ARRAY || value_count(o) != 2)
        judge_moot(j);
    return o->type == T_ARRAY;
}

static const outcome *judge_equality(judge *j, const value *o, const value *r, const node *at) {
    if (!is_pair(j, o))
        return computed(j);
    pairs it = judge_pairs(j, o, r);
    const outcome *sides[2] = {NULL, NULL};
    for (unsigned i = 0; i < 2 && judge_next(j, &it); i++)
        sides[i] = judge_expression(j, it.o, it.r, at);
    equality(j, sides[0], sides[1]);
    return computed(j);
}

static const value *literal_list(const value *o) {
    const value *list = o->type == T_DOC && value_count(o) == 1 ? value_get(o, "$literal") : NULL;
    return list && list->type == T_ARRAY ? list : NULL;
}

static void in_list(judge *j, const outcome *needle, const value *o, const value *r, const node *at) {
    const metadata *meta = encrypted_among(needle);
    if (meta && literal_list(o)) {
        compare_with(j, needle, meta);
        for (pairs it = judge_pairs(j, literal_list(o), r ? literal_list(r) : NULL); judge_next(j, &it);)
            judge_compared(j, it.o, it.r, meta);
        return;
    }
    if (meta && o->type != T_ARRAY)
        judge_refuse(j, "$in of an encrypted field without a list");
    if (o->type != T_ARRAY) {
        plain_only(j, needle, "$in");
        plain_only(j, judge_expression(j, o, r, at), "$in");
        return;
    }
    const outcome *elements = NULL;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const outcome *element = judge_expression(j, it.o, it.r, at);
        if (meta && element && element->kind != LITERAL && !is_nothing(element))
            judge_refuse(j, "$in of an encrypted field with other than literals");
        elements = join(j, elements, element);
    }
    equality(j, needle, elements);
}

/* $gt and its like, $cmp. */
static const outcome *judge_order(judge *j, const value *o, const value *r, const node *at) {
    if (!is_pair(j, o))
        return computed(j);
    pairs it = judge_pairs(j, o, r);
    const outcome *sides[2] = {NULL, NULL};
    for (unsigned i = 0; i < 2 && judge_next(j, &it); i++)
        sides[i] = judge_expression(j, it.o, it.r, at);
    check_dropped(j, sides[0], sides[1]);
    plain_only(j, sides[0], "an order");
    plain_only(j, sides[1], "an order");
    return computed(j);
}

static const outcome *judge_in(judge *j, const value *o, const value *r, const node *at) {
    pairs it = judge_pairs(j, o, r);
    if (!judge_next(j, &it))
        return computed(j);
    const outcome *needle = judge_expression(j, it.o, it.r, at);
    note_compared(j, needle);
    if (judge_next(j, &it))
        in_list(j, needle, it.o, it.r, at);
    return computed(j);
}

static const outcome *judge_cond(judge *j, const value *o, const value *r, const node *at) {
    const outcome *results = NULL;
    unsigned i = 0;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it); i++) {
        bool test = o->type == T_ARRAY ? i == 0 : strcmp(it.o->name, "if") == 0;
        bool then = o->type == T_ARRAY ? i == 1 : strcmp(it.o->name, "then") == 0;
        int before = judge_enter(j, F_EXPRESSION, "$cond", test ? "if" : then ? "then" : "else");
        if (test)
            judge_condition(j, it.o, it.r, at);
        else
            results = join(j, results, judge_expression(j, it.o, it.r, at));
        judge_leave(j, before);
    }
    return results;
}

static const outcome *judge_branches(judge *j, const value *o, const value *r, const node *at) {
    const outcome *results = NULL;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        for (pairs branch = judge_pairs(j, it.o, it.r); judge_next(j, &branch);)
            if (strcmp(branch.o->name, "case") == 0) {
                judge_condition(j, branch.o, branch.r, at);
            } else {
                int before = judge_enter(j, F_EXPRESSION, "$switch", "default");
                results = join(j, results, judge_expression(j, branch.o, branch.r, at));
                judge_leave(j, before);
            }
    return results;
}

static const outcome *judge_switch(judge *j, const value *o, const value *r, const node *at) {
    const outcome *results = NULL;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool branches = strcmp(it.o->name, "branches") == 0;
        int before = judge_enter(j, F_EXPRESSION, "$switch", branches ? "branches" : "default");
        results = join(j, results, branches ? judge_branches(j, it.o, it.r, at) : judge_expression(j, it.o, it.r, at));
        judge_leave(j, before);
    }
    return results;
}

static const outcome *judge_if_null(judge *j, const value *o, const value *r, const node *at) {
    const outcome *results = NULL;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
        results = join(j, results, judge_expression(j, it.o, it.r, at));
    return results;
}

static const outcome *judge_let(judge *j, const value *o, const value *r, const node *at) {
    const outcome *result = NULL;
    const touched *bound = j->bound;
    const value *names = o->type == T_DOC ? value_get(o, "vars") : NULL;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        bool vars = strcmp(it.o->name, "vars") == 0;
        int before = judge_enter(j, F_EXPRESSION, "$let", vars ? "vars" : "in");
        for (const value *m = !vars && names ? names->first : NULL; m; m = m->next)
            judge_bind(j, m->name);
        if (!vars)
            result = judge_expression(j, it.o, it.r, at);
        j->bound = bound;
        for (pairs each = judge_pairs(j, it.o, it.r); vars && judge_next(j, &each);)
            plain_only(j, judge_expression(j, each.o, each.r, at), "$let");
        judge_leave(j, before);
    }
    return result;
}

static void bind_elements(judge *j, const value *o) {
    const value *as = value_get(o, "as");
    judge_bind(j, as ? value_chars(as) : "this");
    if (strcmp(o->name, "$reduce") == 0)
        judge_bind(j, "value");
    judge_bind(j, "IDX");
}

/* $map, $filter and $reduce. What $reduce makes is bound to a variable again, so it must be plain. */
static const outcome *judge_element_wise(judge *j, const value *o, const value *r, const node *at) {
    const node *element = &plain_node;
    const touched *bound = j->bound;
    if (o->type != T_DOC)
        judge_malformed(j, "is not what servers take");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        int before = judge_enter(j, F_EXPRESSION, o->name, it.o->name);
        if (strcmp(it.o->name, "cond") == 0 || strcmp(it.o->name, "in") == 0)
            bind_elements(j, o);
        if (strcmp(it.o->name, "cond") == 0)
            judge_condition(j, it.o, it.r, at);
        else if (strcmp(it.o->name, "in") == 0 && strcmp(o->name, "$map") == 0)
            element = judge_settle(j, judge_expression(j, it.o, it.r, at));
        else
            plain_only(j, judge_expression(j, it.o, it.r, at), o->name);
        j->bound = bound;
        judge_leave(j, before);
    }
    return one_outcome(j, (outcome){.kind = FIELD, .node = node_array(j->p, element, false)});
}

static bool is_named(const operator_row *row, const value *o) {
    return row->shape == SHAPE_NAMED || (row->shape == SHAPE_EITHER && o->type == T_DOC && !judge_is_operators(o));
}

/* Each operand is a context of its own; those of which nothing is counted are constants. */
static void named_operands(judge *j, const operator_row *row, const value *o, const value *r, const node *at) {
    if (o->type != T_DOC)
        judge_malformed(j, "is not what servers take");
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        int before = judge_enter(j, F_EXPRESSION, row->name, it.o->name);
        if (!operand_known(row->operands, it.o->name)) {
            judge_note_once(j, F_EXPRESSION, "(unknown operand)", "");
            if (j->encrypts)
                judge_refuse(j, "%s.%s is not known", row->name, it.o->name);
            judge_moot(j);
        }
        if (operand_is_constant(row->operands, it.o->name))
            judge_same(j, it.o, it.r);
        else
            plain_only(j, judge_expression(j, it.o, it.r, at), row->name);
        judge_leave(j, before);
    }
}

static const outcome *judge_generic(judge *j, const value *o, const value *r, const node *at) {
    const operator_row *row = operator_find(expression_table, expression_count, o->name);
    const char *first =
        row && row->operands ? pool_text(j->p, "%.*s", (int)strcspn(row->operands, " "), row->operands) : "";
    if (row && row->shape != SHAPE_LIST && is_named(row, o)) {
        named_operands(j, row, o, r, at);
        return computed(j);
    }
    int before = judge_enter(j, F_EXPRESSION, o->name, first);
    if (o->type != T_ARRAY)
        plain_only(j, judge_expression(j, o, r, at), o->name);
    else
        for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);)
            plain_only(j, judge_expression(j, it.o, it.r, at), o->name);
    judge_leave(j, before);
    return computed(j);
}

/* Whether the operand names an array node, or an object with something encrypted, directly. */
static const node *named_node(judge *j, const value *v, const node *at) {
    if (v->type != T_STRING || value_chars(v)[0] != '$')
        return &plain_node;
    if (strcmp(value_chars(v), "$$ROOT") == 0 || strcmp(value_chars(v), "$$CURRENT") == 0)
        return at;
    spot s = node_find(j->p, at, value_chars(v) + 1);
    return s.below ? &plain_node : s.in_array ? node_array(j->p, s.node, false) : s.node;
}

/* An element of an array node is what the elements are, or absent. */
static const outcome *judge_element(judge *j, const value *o, const value *r, const node *at) {
    bool indexed = strcmp(o->name, "$arrayElemAt") == 0;
    const value *one = o->type == T_ARRAY ? o->first : o;
    unsigned n = o->type == T_ARRAY ? value_count(o) : 1;
    if (n != (indexed ? 2u : 1u))
        judge_malformed(j, "is not what servers take");
    const node *array = one ? named_node(j, one, at) : &plain_node;
    if (array->kind == N_ARRAY && array->element->kind == N_CONFLICT)
        judge_refuse(j, "conflicting metadata in an array");
    if (array->kind != N_ARRAY || j->verdict != V_FINE)
        return judge_generic(j, o, r, at);
    judge_note(j, SITE_ARRAY);
    judge_same(j, o, r);
    if (indexed)
        plain_only(j, judge_expression(j, o->last, NULL, at), o->name);
    return one_outcome(j, (outcome){.kind = FIELD, .node = array->element});
}

/* Edits of objects with encrypted fields the documents allow, and this judge does not follow. */

static const outcome *judge_object_edit(judge *j, const value *o, const value *r, const node *at) {
    const value *input = o->type == T_DOC && !judge_is_operators(o) ? value_get(o, "input") : NULL;
    if (j->stored_in) {
        judge_moot(j); /* its literals may be marked */
        return computed(j);
    }
    if (strcmp(o->name, "$getField") == 0 && !input && at->kind == N_OBJECT)
        judge_moot(j);
    for (const value *m = o->type == T_ARRAY ? o->first : NULL; m; m = m->next)
        if (named_node(j, m, at)->kind == N_OBJECT)
            judge_moot(j);
    if (named_node(j, input ? input : o, at)->kind == N_OBJECT)
        judge_moot(j);
    return judge_generic(j, o, r, at);
}

/* Of an array node only its length and that it is one are plain. */
static const outcome *judge_array_itself(judge *j, const value *o, const value *r, const node *at) {
    const value *one = o->type == T_ARRAY && value_count(o) == 1 ? o->first : o;
    const value *one_r = r && o->type == T_ARRAY && r->type == T_ARRAY ? r->first : r;
    const outcome *list = judge_expression(j, one, o == one ? r : one_r, at);
    if (!list || list->kind != FIELD || list->next || list->node->kind != N_ARRAY)
        plain_only(j, list, o->name);
    return computed(j);
}

typedef const outcome *rule(judge *j, const value *o, const value *r, const node *at);

static rule *rule_of(const char *op) {
    static const struct {
        const char *op;
        rule *rule;
    } table[] = {
        {"$eq", judge_equality},
        {"$ne", judge_equality},
        {"$in", judge_in},
        {"$cond", judge_cond},
        {"$switch", judge_switch},
        {"$ifNull", judge_if_null},
        {"$let", judge_let},
        {"$map", judge_element_wise},
        {"$filter", judge_element_wise},
        {"$size", judge_array_itself},
        {"$isArray", judge_array_itself},
        {"$reduce", judge_element_wise},
        {"$gt", judge_order},
        {"$gte", judge_order},
        {"$lt", judge_order},
        {"$lte", judge_order},
        {"$cmp", judge_order},
        {"$first", judge_element},
        {"$last", judge_element},
        {"$arrayElemAt", judge_element},
        {"$getField", judge_object_edit},
        {"$setField", judge_object_edit},
        {"$unsetField", judge_object_edit},
        {"$mergeObjects", judge_object_edit},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0)
            return table[i].rule;
    return judge_generic;
}

static bool is_logical(const char *op) {
    return strcmp(op, "$and") == 0 || strcmp(op, "$or") == 0 || strcmp(op, "$not") == 0;
}

/* Unknown to the documents, refused by them, or without operands that are expressions. */
static bool is_opaque(judge *j, const operator_row *row, const value *operand) {
    if (row && row->shape != SHAPE_OPAQUE && row->shape != SHAPE_REFUSED)
        return false;
    int before = judge_enter(j, F_EXPRESSION, row ? operand->name : "$unheardOf", "");
    judge_note(j, SITE_PLAIN);
    if ((!row || row->shape == SHAPE_REFUSED) && j->encrypts)
        judge_refuse(j, "expression %s", operand->name);
    judge_leave(j, before);
    return true;
}

static const outcome *opaque(judge *j, const value *o, const value *r) {
    static const char kinds[] = "textScore searchScore searchHighlights recordId score scoreDetails indexKey";
    bool meta = strcmp(o->first->name, "$meta") == 0;
    if (meta && (o->first->type != T_STRING || !operand_known(kinds, value_chars(o->first))))
        judge_moot(j);
    if (meta && strcmp(value_chars(o->first), "indexKey") == 0)
        return one_outcome(j, (outcome){.kind = FIELD, .node = &unknown_node});
    if (!judge_is_constant(o->first))
        judge_malformed(j, "is not what servers take");
    judge_same(j, o, r);
    return computed(j);
}

static const outcome *operator(judge *j, const value *o, const value *r, const node *at) {
    const value *operand = o->first;
    if (operand->next) {
        judge_malformed(j, "is not what servers take");
        judge_same(j, o, r);
        return computed(j);
    }
    bool text = strncmp(operand->name, "$encStr", 7) == 0;
    if (!text && is_opaque(j, operator_find(expression_table, expression_count, operand->name), operand) &&
        strcmp(operand->name, "$literal") != 0 && strcmp(operand->name, "$const") != 0)
        return opaque(j, o, r);
    if (strcmp(operand->name, "$literal") == 0 || strcmp(operand->name, "$const") == 0)
        return explicit_literal(j, operand, r);
    bool in_filter = j->in_filter;
    if (judge_qe_operator(j, operand, r ? r->first : NULL, at, in_filter))
        return computed(j);
    pairs it = judge_pairs(j, o, r);
    if (!judge_next(j, &it))
        return NULL;
    j->in_filter = in_filter && is_logical(operand->name);
    int before = judge_enter(j, F_EXPRESSION, operand->name, "");
    const outcome *result = rule_of(operand->name)(j, it.o, it.r, at);
    judge_leave(j, before);
    j->in_filter = in_filter;
    return result;
}

bool judge_is_constant(const value *v) {
    if (v->type == T_STRING && value_chars(v)[0] == '$')
        return false;
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next)
        if ((v->type == T_DOC && m->name[0] == '$') || !judge_is_constant(m))
            return false;
    return true;
}

static const outcome *object(judge *j, const value *o, const value *r, const node *at) {
    const node *made = &absent_node;
    bool below = false;
    if ((!o->first && !j->in_group) || (j->stored_in && judge_is_constant(o)))
        return literal(j, o, r);
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const node *child = judge_settle(j, judge_expression(j, it.o, it.r, at));
        made = node_set(j->p, made, it.o->name, child, &below);
    }
    return made->kind == N_OBJECT ? one_outcome(j, (outcome){.kind = FIELD, .node = made}) : computed(j);
}

static const outcome *array(judge *j, const value *o, const value *r, const node *at) {
    if (judge_is_constant(o) && !j->in_group)
        return literal(j, o, r);
    const node *element = &absent_node;
    for (pairs it = judge_pairs(j, o, r); judge_next(j, &it);) {
        const node *child = judge_settle(j, judge_expression(j, it.o, it.r, at));
        element = element == &absent_node ? child : node_merge(j->p, element, child);
    }
    if (!node_holds(j->p, element))
        return computed(j);
    return one_outcome(j, (outcome){.kind = FIELD, .node = node_array(j->p, element, false)});
}

const outcome *judge_expression(judge *j, const value *o, const value *r, const node *at) {
    bool in_filter = j->in_filter;
    const outcome *result;
    if (o->type == T_DOC && o->first && o->first->name[0] == '$')
        return operator(j, o, r, at);
    j->in_filter = false;
    switch (o->type) {
    case T_STRING: result = string(j, o, r, at); break;
    case T_DOC: result = object(j, o, r, at); break;
    case T_ARRAY: result = array(j, o, r, at); break;
    default: result = literal(j, o, r);
    }
    j->in_filter = in_filter;
    return result;
}

static const node *node_of(const outcome *e) {
    return e->kind == FIELD ? e->node : e->kind == REMOVED ? &absent_node : &plain_node;
}

const node *judge_settle(judge *j, const outcome *list) {
    const node *common = NULL;
    for (const outcome *e = list; e; e = e->next) {
        if (e->kind == LITERAL && j->stored_in && e->r && value_is_placeholder(e->r))
            judge_moot(j); /* in an object that an update stores, or puts in the place of a document */
        else if (e->kind == LITERAL)
            judge_same(j, e->o, e->r);
        common = common ? node_merge(j->p, common, node_of(e)) : node_of(e);
    }
    return common ? common : &absent_node;
}

void judge_condition(judge *j, const value *o, const value *r, const node *at) {
    plain_only(j, judge_expression(j, o, r, at), "condition");
}
