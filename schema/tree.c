#include "tree.h"

#include "derive.h"

const oc_node oc_plain_node = {.kind = OC_PLAIN};
const oc_node oc_absent_node = {.kind = OC_PLAIN, .rest = &oc_absent_node, .absent = true};
const oc_node oc_unseen_node = {.kind = OC_PLAIN, .rest = &oc_unseen_node, .unseen = true};

static bool pointers_equal(const oc_pointer *a, const oc_pointer *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!oc_str_eq(a->tokens[i], b->tokens[i]))
            return false;
    return true;
}

bool oc_meta_equal(const oc_meta *a, const oc_meta *b) {
    if (a == b)
        return true;
    if (a->qe || b->qe || a->algorithm != b->algorithm || a->types != b->types ||
        !pointers_equal(&a->pointer, &b->pointer))
        return false;
    return oc_meta_is_pointer(a) || memcmp(a->key_id, b->key_id, sizeof a->key_id) == 0;
}

size_t oc_count_encrypting(const oc_name_entry *children, size_t count) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += ((const oc_node *)children[i].value)->kind != OC_PLAIN;
    return n;
}

oc_node_kind oc_node_kind_of(const oc_node *node) {
    if (node->encrypting)
        return OC_ABOVE;
    for (size_t i = 0; i < node->pattern_count; i++)
        if (node->patterns[i].node->kind != OC_PLAIN)
            return OC_ABOVE;
    return node->rest && node->rest->kind != OC_PLAIN ? OC_ABOVE : OC_PLAIN;
}

bool oc_fail_conflict(oc_error *error, const oc_path *path) {
    return oc_fail(error, OC_SCHEMA_CONFLICT, path, NULL,
                   "let exactly one of properties, patternProperties and additionalProperties apply to this name",
                   "The schema gives conflicting encryption metadata for the field");
}

/* ---- several subschemas at one position ---- */

typedef struct node_set {
    const oc_node **nodes;
    size_t count, cap;
} node_set;

static const oc_node *out_of_memory(oc_lookup *lookup) {
    oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
    return NULL;
}

static bool fail_budget(oc_lookup *lookup, oc_str name) {
    return oc_fail(lookup->error, OC_TOO_COMPLEX, &(oc_path){.name = name}, "patternProperties",
                   "use fewer or simpler patterns, or send fewer documents at once",
                   "The command takes too many steps to be analysed");
}

static bool set_add(node_set *set, const oc_node *node, oc_lookup *lookup) {
    for (size_t i = 0; i < set->count; i++)
        if (set->nodes[i] == node)
            return true;
    if (set->count == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 4;
        const oc_node **nodes = oc_arena_alloc(lookup->arena, cap * sizeof *nodes);
        if (!nodes)
            return out_of_memory(lookup);
        if (set->count)
            memcpy(nodes, set->nodes, set->count * sizeof *nodes);
        set->nodes = nodes;
        set->cap = cap;
    }
    set->nodes[set->count++] = node;
    return true;
}

/* Adds what matches `name` in one subschema. */
static bool add_matches(node_set *set, const oc_node *node, oc_str name, oc_lookup *lookup) {
    const oc_node *child = oc_name_table_find(&node->children, name);
    bool matched = child != NULL;
    if (child && !set_add(set, child, lookup))
        return false;
    for (size_t i = 0; i < node->pattern_count; i++) {
        switch (oc_regex_match(node->patterns[i].regex, &lookup->matcher, &lookup->budget, lookup->arena, name)) {
        case OC_MATCH_NO: continue;
        case OC_MATCH_YES:
            matched = true;
            if (!set_add(set, node->patterns[i].node, lookup))
                return false;
            continue;
        case OC_MATCH_NO_MEMORY: return oc_fail(lookup->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
        case OC_MATCH_TOO_MANY: return fail_budget(lookup, name);
        case OC_MATCH_ERROR:
            return oc_fail(lookup->error, OC_SCHEMA_PATTERN, &(oc_path){.name = name}, "patternProperties",
                           "use field names that are valid UTF-8, and simpler patterns",
                           "The field name cannot be matched against the patternProperties of the schema");
        }
    }
    return matched || !node->rest || set_add(set, node->rest, lookup);
}

static const oc_node *conflict(void) {
    static const oc_node node = {.kind = OC_CONFLICT};
    return &node;
}

/* The set as one node. Above and above go on together, above and plain is above; encrypted must be so everywhere. */
static const oc_node *merge(const node_set *set, oc_lookup *lookup) {
    size_t encrypted = 0, above = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->nodes[i]->kind == OC_CONFLICT)
            return conflict();
        encrypted += set->nodes[i]->kind == OC_ENCRYPTED;
        above += set->nodes[i]->kind == OC_ABOVE;
    }
    if (encrypted) {
        if (encrypted < set->count)
            return conflict();
        for (size_t i = 1; i < set->count; i++)
            if (!oc_meta_equal(set->nodes[0]->meta, set->nodes[i]->meta))
                return conflict();
        return set->nodes[0];
    }
    if (!above)
        return &oc_plain_node;
    oc_node *node = oc_arena_zeroed(lookup->arena, 1, sizeof *node);
    if (!node)
        return out_of_memory(lookup);
    *node = (oc_node){.kind = OC_ABOVE, .parts = set->nodes, .part_count = set->count};
    return node;
}

/* Every subschema of a set is compared with all the others. */
static bool pay_for_set(const node_set *set, oc_str name, oc_lookup *lookup) {
    enum { COMPARISONS_IN_A_STEP = 16 };
    return oc_budget_spend(&lookup->budget, (uint64_t)set->count * set->count / 2 / COMPARISONS_IN_A_STEP) ||
           fail_budget(lookup, name);
}

static const oc_node *ask_subschemas(const oc_node *node, oc_str name, oc_lookup *lookup) {
    node_set set = {0};
    const oc_node *const *parts = node->part_count ? node->parts : &node;
    size_t count = node->part_count ? node->part_count : 1;
    for (size_t i = 0; i < count; i++)
        if (!add_matches(&set, parts[i], name, lookup))
            return NULL;
    if (set.count == 0)
        return &oc_plain_node;
    if (set.count == 1)
        return set.nodes[0];
    return pay_for_set(&set, name, lookup) ? merge(&set, lookup) : NULL;
}

/* ---- what a request has found out already ---- */

/* The slot of a name below a node, or the free one where it belongs. */
static oc_remembered *find_remembered(const oc_lookup *lookup, const oc_node *node, oc_str name) {
    oc_remembered *slots = lookup->remembered;
    size_t at = oc_hash(name.s, name.n) + (uintptr_t)node * 0x9E3779B97F4A7C15u;
    for (at &= lookup->remembered_mask; slots[at].node; at = (at + 1) & lookup->remembered_mask)
        if (slots[at].node == node && oc_str_eq(slots[at].name, name))
            break;
    return &slots[at];
}

static bool grow_memory(oc_lookup *lookup) {
    oc_lookup more = *lookup;
    more.remembered_mask = lookup->remembered ? 2 * lookup->remembered_mask + 1 : 63;
    more.remembered = oc_arena_zeroed(lookup->arena, more.remembered_mask + 1, sizeof *more.remembered);
    if (!more.remembered)
        return out_of_memory(lookup);
    for (size_t i = 0; lookup->remembered && i <= lookup->remembered_mask; i++)
        if (lookup->remembered[i].node)
            *find_remembered(&more, lookup->remembered[i].node, lookup->remembered[i].name) = lookup->remembered[i];
    *lookup = more;
    return true;
}

/* What took many steps is kept however much there is, for these are bounded; of the rest, as many as are worth it. */
static bool remember(const oc_node *node, oc_str name, const oc_node *child, uint64_t steps, oc_lookup *lookup) {
    enum { MOST_CHEAP = 128 * 1024, CHEAP = 1000 };
    if (lookup->remembered_count >= MOST_CHEAP && steps < CHEAP)
        return true;
    if (2 * (lookup->remembered_count + 1) > lookup->remembered_mask && !grow_memory(lookup))
        return false;
    *find_remembered(lookup, node, name) = (oc_remembered){node, name, child};
    lookup->remembered_count++;
    return true;
}

/* What several subschemas, or one with patterns, say of a name. */
static const oc_node *child_of_subschemas(const oc_node *node, oc_str name, oc_lookup *lookup) {
    oc_remembered *known = lookup->remembered ? find_remembered(lookup, node, name) : NULL;
    if (known && known->node)
        return known->child;
    uint64_t before = lookup->budget.spent;
    const oc_node *child = ask_subschemas(node, name, lookup);
    return child && remember(node, name, child, lookup->budget.spent - before, lookup) ? child : NULL;
}

const oc_node *oc_node_child_of_set(const oc_node *node, oc_str name, oc_lookup *lookup) {
    for (;; node = node->base) {
        if (node->kind == OC_ABOVE && node->either)
            return oc_either_child(node->either, name, lookup);
        if (node->part_count || node->pattern_count)
            return child_of_subschemas(node, name, lookup);
        const oc_node *child = oc_name_table_find(&node->children, name);
        if (child)
            return child;
        if (!node->base)
            return node->rest ? node->rest : &oc_plain_node;
    }
}

/* ---- paths ---- */

static bool is_number(oc_str name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.s[i] < '0' || name.s[i] > '9')
            return false;
    return name.n > 0;
}

/* A path on its way through the tree. */
typedef struct walk {
    const oc_node *node;
    bool deep; /* below the document itself, which is no array */
    bool in_array;
    bool looked_up; /* every array so far is one that $lookup made, and none was entered by position */
} walk;

static const oc_node ambiguous = {.kind = OC_UNKNOWN, .origin = "a number that is a position or a name"};

/* From an array to its elements. A number is a position, or the name of a field in them; where it may be either, and
 * either matters, nothing is known. */
static bool enter_array(walk *w, oc_str name, oc_lookup *lookup) {
    bool positional = is_number(name);
    w->looked_up = w->looked_up && w->node->looked_up && !positional;
    w->in_array = true;
    w->node = w->node->element;
    if (positional && w->node->kind == OC_ARRAY_OF)
        return true;
    for (; w->node->kind == OC_ARRAY_OF; w->looked_up = false) /* no name leads into an array in an array */
        w->node = w->node->element;
    if (w->node->kind != OC_PLAIN && w->node->kind != OC_ABOVE)
        return positional;
    const oc_node *child = oc_node_child(w->node, name, lookup);
    if (!positional || !child || child->kind != OC_PLAIN)
        w->node = positional && child ? &ambiguous : child;
    return true;
}

static bool step(walk *w, oc_str name, oc_lookup *lookup) {
    if (w->node->kind == OC_ARRAY_OF)
        return enter_array(w, name, lookup);
    if (w->node->kind != OC_PLAIN && w->node->kind != OC_ABOVE)
        return false;
    w->node = w->deep && w->node->maybe_array && is_number(name) ? &ambiguous : oc_node_child(w->node, name, lookup);
    w->deep = true;
    return true;
}

static oc_position position_of(const walk *w) {
    switch (w->node->kind) {
    case OC_PLAIN: return OC_AT_PLAIN;
    case OC_ENCRYPTED: return w->in_array ? OC_AT_IN_ARRAY : OC_AT_ENCRYPTED;
    case OC_ABOVE: return w->in_array ? OC_AT_ARRAY : OC_AT_ABOVE;
    case OC_ARRAY_OF: return OC_AT_ARRAY;
    case OC_UNKNOWN: return OC_AT_UNKNOWN;
    case OC_CONFLICT: break;
    }
    return OC_AT_UNKNOWN;
}

bool oc_node_lookup(const oc_node *root, oc_str dotted, oc_lookup *lookup, oc_answer *answer) {
    walk w = {.node = root, .looked_up = true};
    const char *end = dotted.s + dotted.n;
    for (const char *at = dotted.s;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot ? dot : end;
        if (!step(&w, (oc_str){at, (size_t)(stop - at)}, lookup)) {
            bool below = w.node->kind == OC_ENCRYPTED;
            oc_str prefix = {dotted.s, at > dotted.s ? (size_t)(at - dotted.s) - 1 : 0};
            *answer = (oc_answer){.position = below ? OC_AT_BELOW : OC_AT_UNKNOWN, .node = w.node, .prefix = prefix};
            return true;
        }
        if (!w.node)
            return false;
        if (w.node->kind == OC_CONFLICT)
            return oc_fail_conflict(lookup->error, &(oc_path){.name = dotted});
        if (!dot || w.node->kind == OC_PLAIN)
            break;
        at = dot + 1;
    }
    *answer =
        (oc_answer){.position = position_of(&w), .node = w.node, .in_array = w.in_array, .looked_up = w.looked_up};
    return true;
}
