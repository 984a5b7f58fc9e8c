/* The walk over expressions: constants, field paths, variables, objects, arrays. Operators are in operators.c. */

#include "expression.h"

#include "dropped.h"
#include "fields.h"
#include "mark.h"
#include "view.h"

static const oc_str no_path = {"", 0};

/* What a level takes of the stack, times this, must leave room in a thread of 128 KiB (tests/abi/stack.c). */
enum { DEEPEST_EXPRESSION = 80 };

/* ---- results ---- */

bool oc_add_result(const oc_scope *s, oc_results *out, const oc_node *node, oc_str path) {
    if (!node)
        return false;
    if (!out->items) {
        out->items = out->few;
        out->cap = sizeof out->few / sizeof out->few[0];
    }
    if (out->count == out->cap) {
        oc_result *more = oc_arena_alloc(s->a->arena, out->cap * 2 * sizeof *more);
        if (!more)
            return oc_no_memory(s->a);
        memcpy(more, out->items, out->count * sizeof *more);
        out->items = more;
        out->cap *= 2;
    }
    out->items[out->count++] = (oc_result){node, path};
    return true;
}

bool oc_add_literal(const oc_scope *s, oc_frame *frame, const oc_elem *place, const oc_elem *value, oc_results *out) {
    if (oc_is_unseen(s) && !oc_is_harmless(value))
        return oc_fail_view_constant(s->a, no_path, s->place);
    if (!out->literals)
        return oc_add_result(s, out, &oc_plain_node, no_path);
    oc_literal *literal = oc_arena_alloc(s->a->arena, sizeof *literal);
    if (!literal)
        return oc_no_memory(s->a);
    *literal = (oc_literal){.frame = frame, .place = *place, .value = *value};
    return oc_add_result(s, out, oc_derive_literal(literal, &s->a->lookup), no_path);
}

static bool is_literal(const oc_node *node) {
    return node->kind == OC_PLAIN && node->literal;
}

/* Two sets of constants are one. The first is copied, so that no chain is ever changed. */
static const oc_node *join_literals(const oc_scope *s, const oc_node *one, const oc_node *other) {
    const oc_literal *chain = one->literal;
    for (const oc_literal *l = other->literal; l; l = l->next) {
        oc_literal *copy = oc_arena_alloc(s->a->arena, sizeof *copy);
        if (!copy) {
            oc_no_memory(s->a);
            return NULL;
        }
        *copy = *l;
        copy->next = chain;
        chain = copy;
    }
    return oc_derive_literal(chain, &s->a->lookup);
}

static const oc_node *join(const oc_scope *s, const oc_node *one, const oc_node *other) {
    if (is_literal(one) && is_literal(other))
        return join_literals(s, one, other);
    return oc_derive_either(one, other, s->place, &s->a->lookup);
}

const oc_node *oc_join_results(const oc_scope *s, const oc_results *results) {
    const oc_node *node = &oc_absent_node;
    for (size_t i = 0; node && i < results->count; i++)
        node = join(s, node, results->items[i].node);
    return node;
}

/* ---- failures ---- */

bool oc_fail_unknown_node(const oc_scope *s, const oc_node *node, oc_str path) {
    return oc_fail(s->a->error, OC_UNKNOWN_USED, &(oc_path){NULL, path}, s->place,
                   "let every branch and every document agree on how the field is encrypted, or leave it alone",
                   "Invalid reference to a field whose encryption is not known until runtime, because of %s: '%s'",
                   node->origin, oc_name(path).text);
}

bool oc_fail_kept(const oc_scope *s, oc_str path, const char *op) {
    return oc_fail(s->a->error, OC_STORED_FILTER, &(oc_path){NULL, path}, op,
                   "use $exists for encrypted fields, and compare plain ones",
                   "Comparison to encrypted fields not supported in %s", s->kept);
}

OC_APART bool oc_fail_below(oc_analysis *a, const oc_path *path, oc_str prefix, const char *op, const char *hint) {
    char text[256] = "";
    oc_path_append(text, sizeof text, path);
    return oc_fail(a->error, OC_OPERATOR_BELOW, path, op, hint,
                   "Invalid operation on path '%s' which contains an encrypted path prefix. The prefix is '%s'", text,
                   oc_name(prefix).text);
}

bool oc_is_dropped(const oc_node *node) {
    return node->absent && node->past;
}

/* Such a field, or an object of an expression that has one in it. */
static const oc_node *find_dropped(const oc_node *node) {
    if (node->kind != OC_PLAIN || oc_is_dropped(node))
        return oc_is_dropped(node) ? node : NULL;
    for (size_t i = 0; node->rest == &oc_absent_node && i < node->children.count; i++) {
        const oc_node *dropped = find_dropped(node->children.entries[i].value);
        if (dropped)
            return dropped;
    }
    return NULL;
}

bool oc_check_dropped(const oc_scope *s, const oc_result *r, const char *op) {
    const oc_node *dropped = find_dropped(r->node);
    return !dropped || oc_fail_dropped(s->a, r->path, dropped->past->stage, op);
}

OC_APART bool oc_fail_dropped(oc_analysis *a, oc_str path, const char *stage, const char *op) {
    return oc_fail(a->error, OC_FIELD_DROPPED, &(oc_path){NULL, path}, op, "put the comparison before that stage",
                   "Cannot compare the encrypted field '%s' after %s has dropped it: nothing would match, and the "
                   "value would be sent as it is",
                   oc_name(path).text, stage);
}

/* "path.name" */
static bool join_path(oc_analysis *a, oc_str path, oc_str name, oc_str *out) {
    size_t dot = path.n > 0, len = path.n + dot + name.n;
    char *text = oc_arena_alloc(a->arena, len + 1);
    if (!text)
        return oc_no_memory(a);
    memcpy(text, path.s, path.n);
    text[path.n] = '.';
    memcpy(text + path.n + dot, name.s, name.n);
    *out = (oc_str){text, len};
    return true;
}

static bool check_dropped_member(oc_analysis *a, const oc_node *tree, oc_str path, const oc_elem *e, const char *op) {
    const char *stage;
    const oc_node *before = oc_dropped_find(tree, path, &a->lookup, &stage);
    if (!before)
        return false;
    if (stage && before->kind != OC_PLAIN && (before->kind != OC_ABOVE || e->type == OC_DOCUMENT))
        return oc_fail_dropped(a, path, stage, op);
    return oc_check_dropped_below(a, tree, path, e, op);
}

OC_APART bool oc_check_dropped_below(oc_analysis *a, const oc_node *tree, oc_str path, const oc_elem *e,
                                     const char *op) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        bool same = e->type == OC_ARRAY || oc_str_starts(member.name, "$"); /* an operator's operand */
        oc_str below = path;
        if (!oc_derive_work(&a->lookup))
            return false;
        if (member.type != OC_DOCUMENT && member.type != OC_ARRAY && same)
            continue;
        if (!same && !join_path(a, path, member.name, &below))
            return false;
        if (!(same ? oc_check_dropped_below(a, tree, below, &member, op)
                   : check_dropped_member(a, tree, below, &member, op)))
            return false;
    }
    return true;
}

static const char *describe(const oc_node *node) {
    switch (node->kind) {
    case OC_ABOVE: return ", which is an object with encrypted fields";
    case OC_ARRAY_OF: return ", which is an array with encrypted fields";
    default: return "";
    }
}

bool oc_fail_operand(const oc_scope *s, const oc_result *r, const char *op) {
    if (r->node->kind == OC_UNKNOWN)
        return oc_fail_unknown_node(s, r->node, r->path);
    if (oc_is_dropped(r->node))
        return oc_fail_dropped(s->a, r->path, r->node->past->stage, op);
    if (s->kept)
        return oc_fail_kept(s, r->path, op);
    if (s->a->qe && r->path.n)
        return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, r->path}, op,
                       "compute with it in the application, after decryption",
                       "Invalid reference to an encrypted field within aggregate expression: %s%s",
                       oc_name(r->path).text, describe(r->node));
    return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, r->path}, op,
                   "compute with it in the application, after decryption",
                   "Expression '%s' cannot take an encrypted field%s%s%s%s", op, r->path.n ? ": '" : "",
                   oc_name(r->path).text, r->path.n ? "'" : "", describe(r->node));
}

static bool fail_shape(const oc_scope *s, const char *op, const char *what) {
    return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, op, NULL, "%s", what);
}

/* ---- field paths and variables ---- */

static bool fail_step(const oc_scope *s, const oc_node *node, oc_str path, const char *at) {
    oc_path where = {NULL, path};
    oc_str prefix = {path.s, at > path.s ? (size_t)(at - path.s) - 1 : 0};
    if (node->kind == OC_UNKNOWN)
        return oc_fail_unknown_node(s, node, path);
    if (node->kind == OC_CONFLICT)
        return oc_fail_conflict(s->a->error, &where);
    return oc_fail_below(s->a, &where, prefix, s->place, "the whole field is encrypted as one value");
}

/* One component; *arrays counts those that the path went through. */
static const oc_node *take_step(const oc_scope *s, const oc_node *node, oc_str path, oc_str name, unsigned *arrays) {
    for (; node->kind == OC_ARRAY_OF; ++*arrays)
        node = node->element;
    if (node->kind == OC_PLAIN || node->kind == OC_ABOVE)
        return oc_node_child_of_set(node, name, &s->a->lookup);
    fail_step(s, node, path, name.s);
    return NULL;
}

/* A path that leads to nothing, or into an array that remembers: what it led to before a stage dropped that. */
static const oc_node *followed_to_nothing(const oc_scope *s, const oc_node *root, oc_str path, const oc_node *node) {
    const char *stage;
    const oc_node *before = oc_dropped_find(root, path, &s->a->lookup, &stage);
    if (!before || !stage || before->kind == OC_PLAIN)
        return before ? node : NULL;
    return oc_dropped_field(before, stage, &s->a->lookup);
}

/* A path into an array gives an array, if an empty one, so there what is absent in its elements is not absent. */
static const oc_node *followed(const oc_scope *s, const oc_node *node, unsigned arrays, bool maybe_array) {
    if (is_literal(node))
        return &oc_plain_node; /* what an earlier stage wrote is out of reach */
    if (node == &oc_absent_node && (arrays || maybe_array))
        return &oc_plain_node;
    if (node->absent)
        return node;
    for (unsigned i = 0; node && i < arrays; i++)
        node = oc_derive_array(node, false, &s->a->lookup);
    if (!node || arrays)
        return node;
    return maybe_array ? oc_derive_maybe_array(node, &s->a->lookup) : node;
}

static const oc_node *fail_component(const oc_scope *s, oc_str path) {
    oc_fail(s->a->error, OC_COMMAND_SHAPE, &(oc_path){NULL, path}, s->place, NULL,
            "A field path may not have an empty component: '%s'", oc_name(path).text);
    return NULL;
}

const oc_node *oc_follow(const oc_scope *s, const oc_node *root, oc_str path) {
    const oc_node *node = root;
    const char *end = path.s + path.n;
    unsigned arrays = 0;
    bool maybe_array = false;
    for (const char *at = path.s;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot ? dot : end;
        if (at > path.s && node->kind != OC_ARRAY_OF)
            maybe_array = maybe_array || oc_may_be_array(node);
        if (stop == at)
            return fail_component(s, path);
        node = take_step(s, node, path, (oc_str){at, (size_t)(stop - at)}, &arrays);
        if (!node || (node->kind == OC_PLAIN && !node->children.count) || !dot)
            break;
        at = dot + 1;
    }
    if (!node)
        return NULL;
    if (node->kind == OC_CONFLICT) {
        fail_step(s, node, path, end);
        return NULL;
    }
    if (node == &oc_absent_node || node->held[0] || (node == &oc_plain_node && oc_dropped_holds(root)))
        node = followed_to_nothing(s, root, path, node);
    return node ? followed(s, node, arrays, maybe_array) : NULL;
}

/* In $redact with $$DESCEND, a field path is evaluated at every level. */
static bool plain_at_all_levels(const oc_scope *s, oc_str path) {
    for (size_t i = 0; s->levels && i < s->levels->count; i++) {
        const oc_node *node = oc_derive_work(&s->a->lookup) ? oc_follow(s, s->levels->nodes[i], path) : NULL;
        if (!node)
            return false;
        if (node->kind != OC_PLAIN)
            return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, &(oc_path){NULL, path}, "$$DESCEND",
                           "write $$ROOT before a path that is meant at the root only",
                           "$redact with $$DESCEND evaluates '%s' at every level, where it can be encrypted",
                           oc_name(path).text);
    }
    return true;
}

static bool field_path(const oc_scope *s, oc_str path, oc_results *out) {
    if (path.n == 0)
        return fail_shape(s, s->place, "'$' by itself is not a valid field path");
    const oc_node *node = oc_follow(s, s->tree, path);
    return node && plain_at_all_levels(s, path) && oc_add_result(s, out, node, path);
}

bool oc_bind(oc_analysis *a, const oc_variable **variables, oc_str name, const oc_node *node) {
    enum { MOST_VARIABLES = 250 };
    unsigned count = *variables ? (*variables)->count + 1 : 1;
    oc_variable *v = oc_arena_alloc(a->arena, sizeof *v);
    if (!v)
        return oc_no_memory(a);
    if (count > MOST_VARIABLES)
        return oc_fail(a->error, OC_TOO_COMPLEX, NULL, NULL, NULL, "More than %d variables are in scope",
                       MOST_VARIABLES);
    *v = (oc_variable){*variables, name, node, count};
    *variables = v;
    return true;
}

bool oc_bind_user(oc_analysis *a, const oc_variable **variables, oc_str name, const oc_node *node, const char *place) {
    uint8_t first = name.n ? (uint8_t)name.s[0] : 0;
    if ((first >= 'a' && first <= 'z') || first >= 0x80)
        return oc_bind(a, variables, name, node);
    return oc_fail(a->error, OC_VARIABLE_BOUND, NULL, place, "name variables in lower case",
                   "%s cannot bind the variable $$%s where a schema of the request encrypts something", place,
                   oc_name(name).text);
}

bool oc_bind_value(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *place,
                   const oc_variable **variables) {
    const oc_node *node = oc_evaluate_plain(s, frame, e, place);
    if (node && node->absent && !node->past)
        node = &oc_plain_node; /* equal to nothing encrypted, like any computed value */
    return node && oc_bind_user(s->a, variables, e->name, node, place);
}

static const oc_variable *find_variable(const oc_scope *s, oc_str name) {
    const oc_variable *v = s->variables;
    while (v && !oc_str_eq(v->name, name))
        v = v->up;
    return v;
}

static bool is_system_variable(oc_str name) {
    static const char *const names[] = {"CLUSTER_TIME", "IDX", "NOW", "SEARCH_META", "USER_ROLES"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (oc_str_is(name, names[i]))
            return true;
    return false;
}

/* `text` is "name" or "name.path". */
static bool variable(const oc_scope *s, oc_str text, oc_results *out) {
    const char *dot = memchr(text.s, '.', text.n);
    oc_str name = {text.s, dot ? (size_t)(dot - text.s) : text.n};
    oc_str path = dot ? (oc_str){dot + 1, text.n - name.n - 1} : no_path;
    bool current = oc_str_is(name, "CURRENT");
    if (current && dot)
        return field_path(s, path, out);
    if (current || oc_str_is(name, "ROOT")) {
        if (current && s->levels)
            return fail_shape(s, s->place, "$$CURRENT cannot be used where $$DESCEND may be the result");
        return oc_add_result(s, out, dot ? oc_follow(s, s->tree, path) : s->tree, dot ? path : text);
    }
    if (oc_str_is(name, "REMOVE"))
        return oc_add_result(s, out, &oc_absent_node, no_path);
    const oc_variable *v = find_variable(s, name);
    if (v)
        return oc_add_result(s, out, dot ? oc_follow(s, v->node, path) : v->node, dot ? path : no_path);
    if (is_system_variable(name))
        return oc_add_result(s, out, &oc_plain_node, no_path);
    return oc_fail(s->a->error, OC_VARIABLE_UNDEFINED, NULL, s->place, NULL, "Use of undefined variable: %s",
                   oc_name(name).text);
}

static OC_APART bool string(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    oc_str text = oc_elem_str(e);
    if (text.n == 0 || text.s[0] != '$')
        return oc_add_literal(s, frame, e, e, out);
    if (text.n > 1 && text.s[1] == '$')
        return variable(s, (oc_str){text.s + 2, text.n - 2}, out);
    return field_path(s, (oc_str){text.s + 1, text.n - 1}, out);
}

/* ---- objects and arrays ---- */

/* Whether a member is a constant as it stands, not in a $literal or behind an operator: where all are, the whole object
 * or array is one. */
static bool is_raw_literal(const oc_node *node, const oc_elem *member) {
    return is_literal(node) && !node->literal->next && node->literal->place.start == member->start &&
           node->literal->value.start == member->start;
}

static OC_APART bool check_name(const oc_scope *s, oc_str name) {
    if (name.n && name.s[0] == '$')
        return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, oc_name(name).text, NULL,
                       "An expression object must hold one operator and nothing else: %s", oc_name(name).text);
    if (memchr(name.s, '.', name.n))
        return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, s->place, "nest the objects",
                       "Field names may not contain '.' in an object of an expression: %s", oc_name(name).text);
    return true;
}

static OC_APART bool add_field(const oc_scope *s, oc_nameset *seen, const oc_elem *e) {
    switch (oc_nameset_add(seen, s->a->arena, e->name)) {
    case OC_NAME_ADDED: return check_name(s, e->name);
    case OC_NAME_NO_MEMORY: return oc_no_memory(s->a);
    case OC_NAME_PRESENT: break;
    }
    return oc_fail(s->a->error, OC_FIELD_DUPLICATE, &(oc_path){NULL, e->name}, s->place, "give the field once",
                   "An object of an expression holds the field '%s' twice", oc_name(e->name).text);
}

/* As one node, for the same interest as its object's. */
static const oc_node *evaluate_member(const oc_scope *s, oc_frame *frame, const oc_elem *e, const oc_results *like) {
    oc_results results = {.literals = like->literals, .plain = like->plain};
    return oc_evaluate_each(s, frame, e, &results) ? oc_join_results(s, &results) : NULL;
}

static bool has_constants(const oc_name_entry *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const oc_node *node = entries[i].value;
        if (is_literal(node) || node->constants)
            return true;
    }
    return n == 0;
}

/* The object node; where all its fields are constants, a constant of that shape. */
static OC_APART bool add_object(const oc_scope *s, oc_frame *frame, const oc_elem *e, const oc_name_entry *entries,
                                size_t n, bool raw, oc_results *out) {
    const oc_node *node = oc_derive_object(entries, n, &s->a->lookup);
    if (!node || !has_constants(entries, n))
        return oc_add_result(s, out, node, no_path);
    oc_node *object = oc_arena_alloc(s->a->arena, sizeof *object);
    oc_literal *literal = oc_arena_alloc(s->a->arena, sizeof *literal);
    if (!object || !literal)
        return oc_no_memory(s->a);
    *literal = (oc_literal){.frame = frame, .place = *e, .value = *e};
    *object = *node;
    object->constants = true;
    if (raw)
        object->literal = literal;
    return oc_add_result(s, out, object, no_path);
}

static OC_APART bool object(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    oc_frame *inner = oc_inner_frame(s->a, frame, e);
    size_t count = oc_count_members(e), n = 0;
    oc_name_entry *entries = oc_arena_alloc(s->a->arena, (count + 1) * sizeof *entries);
    if (!inner || !entries)
        return oc_no_memory(s->a);
    bool plain = true, raw = out->literals;
    oc_nameset seen = {0};
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        if (!add_field(s, &seen, &member))
            return false;
        const oc_node *node = evaluate_member(s, inner, &member, out);
        if (!node)
            return false;
        plain = plain && node->kind == OC_PLAIN;
        raw = raw && is_raw_literal(node, &member);
        entries[n++] = (oc_name_entry){.name = member.name, .value = node};
    }
    if (plain && out->plain)
        return oc_add_result(s, out, &oc_plain_node, no_path);
    return add_object(s, frame, e, entries, n, raw, out);
}

static OC_APART bool array(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    oc_frame *inner = oc_inner_frame(s->a, frame, e);
    const oc_node *element = &oc_absent_node;
    bool raw = out->literals;
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &member)) {
        const oc_node *node = evaluate_member(s, inner, &member, out);
        if (!node)
            return false;
        raw = raw && is_raw_literal(node, &member);
        element = oc_derive_either(element, node, s->place, &s->a->lookup);
        if (!element)
            return false;
    }
    if (raw)
        return oc_add_literal(s, frame, e, e, out);
    return oc_add_result(s, out, oc_derive_array(element, false, &s->a->lookup), no_path);
}

/* ---- operators ---- */

bool oc_is_opaque(const oc_elem *operand) {
    oc_elem first;
    if (operand->type == OC_DOCUMENT || operand->type == OC_ARRAY)
        return !oc_bson_first(operand->value, &first);
    return operand->type != OC_STRING || !oc_str_starts(oc_elem_str(operand), "$");
}

bool oc_takes_names(oc_operand shape, const oc_elem *operand) {
    oc_elem first;
    if (shape != OC_OPERAND_BOTH)
        return shape == OC_OPERAND_NAMED;
    return operand->type == OC_DOCUMENT && oc_bson_first(operand->value, &first) && !oc_str_starts(first.name, "$");
}

bool oc_find_operand(const char *names, oc_str name, char *mark) {
    for (const char *at = names; at;) {
        const char *space = strchr(at, ' ');
        *mark = *at == '=' || *at == '<' ? *at : ' ';
        at += *mark != ' ';
        if (oc_str_eq(name, (oc_str){at, space ? (size_t)(space - at) : strlen(at)}))
            return true;
        at = space ? space + 1 : NULL;
    }
    return false;
}

static OC_APART bool fail_operand_name(const oc_scope *s, const char *op, oc_str name) {
    return oc_fail(s->a->error, OC_FIELD_UNKNOWN, NULL, op, NULL, "BSON field '%s.%s' is an unknown field.", op,
                   oc_name(name).text);
}

static OC_APART bool named_operands(const oc_scope *s, oc_frame *frame, const oc_elem *operand,
                                    const oc_expression_operator *row) {
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    char mark;
    if (operand->type != OC_DOCUMENT)
        return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL, "The operand of %s must be an object",
                       row->name);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    if (!inner)
        return oc_no_memory(s->a);
    while (oc_next(&it, &e)) {
        if (!oc_find_operand(row->names, e.name, &mark))
            return fail_operand_name(s, row->name, e.name);
        if (oc_is_unseen(s) && oc_is_manner(e.name, &e))
            continue;
        if (mark == ' ' ? !oc_expect_plain(s, inner, &e, row->name)
                        : !oc_is_constant(&e) && !oc_fail_constant(s->a, row->name, e.name))
            return false;
    }
    return true;
}

bool oc_expect_plain_operands(const oc_scope *s, oc_frame *frame, const oc_elem *operand, const char *op) {
    if (operand->type != OC_ARRAY)
        return oc_expect_plain(s, frame, operand, op);
    oc_frame *inner = oc_inner_frame(s->a, frame, operand);
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    if (!inner)
        return oc_no_memory(s->a);
    for (size_t i = 0; oc_next(&it, &e); i++)
        if (!(oc_is_unseen(s) && oc_is_count(op, i, &e)) && !oc_expect_plain(s, inner, &e, op))
            return false;
    return true;
}

static bool plain_operator(const oc_scope *s, oc_frame *frame, const oc_elem *operand,
                           const oc_expression_operator *row) {
    if (row->operand == OC_OPERAND_REFUSED)
        return oc_fail(s->a->error, OC_EXPRESSION_ENCRYPTED, NULL, row->name,
                       "use a client that does not encrypt automatically for such queries",
                       "Expression '%s' is not allowed where a schema of the request encrypts something", row->name);
    if (row->operand == OC_OPERAND_OPAQUE)
        return oc_is_opaque(operand) || oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL,
                                                "The operand of %s must be a constant", row->name);
    return oc_takes_names(row->operand, operand) ? named_operands(s, frame, operand, row)
                                                 : oc_expect_plain_operands(s, frame, operand, row->name);
}

const oc_scope *oc_without_comparisons(const oc_scope *s, oc_scope *copy) {
    if (!s->conjunction)
        return s;
    *copy = *s;
    copy->conjunction = NULL;
    return copy;
}

static OC_APART bool fail_operator(const oc_scope *s, oc_str name) {
    return oc_fail(s->a->error, OC_EXPRESSION_UNKNOWN, NULL, oc_name(name).text,
                   "only documented operators can be analysed while a schema of the request encrypts something",
                   "Unrecognized expression '%s'", oc_name(name).text);
}

/* ---- what constants may say beside a document that has lost fields ---- */

/* The document that an operand is, or is in, with the path to it; NULL: it is none. */
static const oc_node *operand_document(const oc_scope *s, const oc_elem *e, oc_str *path) {
    oc_str text = e->type == OC_STRING ? oc_elem_str(e) : no_path;
    if (!oc_str_starts(text, "$"))
        return NULL;
    *path = (oc_str){text.s + 1, text.n - 1};
    if (!oc_str_starts(text, "$$"))
        return s->tree;
    const char *dot = memchr(text.s, '.', text.n);
    oc_str name = {text.s + 2, (dot ? (size_t)(dot - text.s) : text.n) - 2};
    *path = dot ? (oc_str){dot + 1, text.n - name.n - 3} : no_path;
    const oc_variable *v = find_variable(s, name);
    return v ? v->node : s->tree;
}

static bool compares_values(const char *op) {
    static const char *const names[] = {
        "$cmp",        "$eq",  "$gt", "$gte",           "$in",        "$indexOfArray",
        "$lt",         "$lte", "$ne", "$setDifference", "$setEquals", "$setIntersection",
        "$setIsSubset"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op, names[i]) == 0)
            return true;
    return false;
}

/* Objects among the operands are read as they are written: whatever is computed beside, a constant in them travels. */
static bool check_beside(const oc_scope *s, const oc_elem *operand, const oc_elem *field, const char *op) {
    oc_str path;
    const oc_node *document = operand_document(s, field, &path);
    oc_iter it = oc_elem_iter(operand);
    oc_elem e;
    while (document && oc_dropped_any(document) && oc_next(&it, &e))
        if ((e.type == OC_DOCUMENT || e.type == OC_ARRAY) && !oc_check_dropped_below(s->a, document, path, &e, op))
            return false;
    return true;
}

/* Fields among `members`, the operands themselves or an array among them. */
static OC_APART bool check_operands(const oc_scope *s, const oc_elem *operand, const oc_elem *members, const char *op) {
    oc_iter it = oc_elem_iter(members);
    oc_elem e;
    while (members->type == OC_ARRAY && oc_next(&it, &e))
        if (!(e.type == OC_STRING ? check_beside(s, operand, &e, op) : check_operands(s, operand, &e, op)))
            return false;
    return true;
}

/* Constants beside what is known. */
static OC_APART bool known_comparison(const oc_scope *s, oc_frame *inner, const oc_elem *operand, oc_results *out,
                                      const oc_expression_operator *row) {
    oc_scope known = *s;
    known.known = true;
    return row->evaluate
               ? row->evaluate(&known, inner, operand, out)
               : plain_operator(&known, inner, operand, row) && oc_add_result(&known, out, &oc_plain_node, no_path);
}

static OC_APART bool operation(const oc_scope *s, oc_frame *frame, const oc_elem *e, const oc_elem *operand,
                               oc_results *out) {
    const oc_expression_operator *row = oc_expression_find(operand->name);
    oc_frame *inner = oc_inner_frame(s->a, frame, e);
    if (!inner)
        return oc_no_memory(s->a);
    if (!row)
        return fail_operator(s, operand->name);
    if (operand->end < e->end - 1)
        return oc_fail(s->a->error, OC_COMMAND_SHAPE, NULL, row->name, NULL,
                       "An object representing an expression must have exactly one field: %s", row->name);
    if (oc_str_is(operand->name, "$literal") || oc_str_is(operand->name, "$const"))
        return oc_add_literal(s, frame, e, operand, out);
    oc_scope apart;
    if ((oc_dropped_any(s->tree) || s->variables) && compares_values(row->name) &&
        !check_operands(s, operand, operand, row->name))
        return false;
    if (!row->compares)
        s = oc_without_comparisons(s, &apart);
    if (oc_is_unseen(s) && oc_compares_known(s, row->name, operand))
        return known_comparison(s, inner, operand, out, row);
    if (row->evaluate)
        return row->evaluate(s, inner, operand, out);
    return plain_operator(s, inner, operand, row) && oc_add_result(s, out, oc_computed(s), no_path);
}

/* ---- the walk ---- */

oc_frame *oc_inner_frame(oc_analysis *a, oc_frame *up, const oc_elem *e) {
    oc_frame *frame = oc_arena_alloc(a->arena, sizeof *frame);
    if (frame)
        *frame = (oc_frame){.up = up, .doc = e->value};
    return frame;
}

static OC_APART bool apart(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    oc_scope copy;
    s = oc_without_comparisons(s, &copy);
    return e->type == OC_ARRAY ? array(s, frame, e, out) : object(s, frame, e, out);
}

static bool compound(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    oc_elem first;
    if (e->type == OC_DOCUMENT && oc_bson_first(e->value, &first) && first.name.n && first.name.s[0] == '$')
        return operation(s, frame, e, &first, out);
    return apart(s, frame, e, out);
}

bool oc_evaluate_each(const oc_scope *s, oc_frame *frame, const oc_elem *e, oc_results *out) {
    if (e->type == OC_STRING)
        return string(s, frame, e, out);
    if (e->type != OC_ARRAY && e->type != OC_DOCUMENT)
        return oc_add_literal(s, frame, e, e, out);
    if (s->a->nesting == DEEPEST_EXPRESSION)
        return oc_fail(s->a->error, OC_TOO_DEEP, NULL, s->place, NULL, "An expression is nested deeper than %d levels",
                       DEEPEST_EXPRESSION);
    s->a->nesting++;
    bool ok = compound(s, frame, e, out);
    s->a->nesting--;
    return ok;
}

const oc_node *oc_evaluate(const oc_scope *s, oc_frame *frame, const oc_elem *e) {
    return evaluate_member(s, frame, e, &(oc_results){0});
}

static bool are_plain(const oc_scope *s, const oc_results *results, const char *op) {
    for (size_t i = 0; i < results->count; i++)
        if (results->items[i].node->kind != OC_PLAIN)
            return oc_fail_operand(s, &results->items[i], op);
        else if (!oc_check_dropped(s, &results->items[i], op))
            return false;
    return true;
}

bool oc_expect_plain(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_results results = {.plain = true};
    return oc_evaluate_each(s, frame, e, &results) && are_plain(s, &results, op);
}

const oc_node *oc_evaluate_plain(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op) {
    oc_results results = {.plain = false};
    return oc_evaluate_each(s, frame, e, &results) && are_plain(s, &results, op) ? oc_join_results(s, &results) : NULL;
}

bool oc_condition(const oc_scope *s, oc_frame *frame, const oc_elem *e, const char *op) {
    return oc_expect_plain(s, frame, e, op);
}

bool oc_bind_let(oc_analysis *a, oc_frame *frame, const oc_elem *let) {
    if (oc_is_absent(let))
        return true;
    if (let->type != OC_DOCUMENT)
        return oc_fail_type(a, let, OC_DOCUMENT);
    oc_scope scope = {.a = a, .tree = &oc_plain_node, .variables = a->variables, .place = "let"};
    oc_frame inner = {.up = frame, .doc = let->value};
    oc_iter it = oc_elem_iter(let);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (!oc_bind_value(&scope, &inner, &e, "let", &a->variables))
            return false;
    }
    return true;
}
