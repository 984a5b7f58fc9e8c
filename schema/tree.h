#ifndef OC_TREE_H
#define OC_TREE_H

/* The encryption tree: for every path of a document, is the value encrypted and with what, is something below it
 * encrypted, or neither. Immutable once compiled, shared between threads.
 *
 * Schemas of both families compile to these nodes, and stages of pipelines make new nodes over old ones (derive.h): a
 * node never knows its parent, so trees share what they have in common. */

#include "arena.h"
#include "budget.h"
#include "error.h"
#include "nameset.h"
#include "pointer.h"
#include "regex.h"

/* The values stand in placeholders. */
typedef enum oc_algorithm { OC_DETERMINISTIC = 1, OC_RANDOM = 2 } oc_algorithm;

/* How a field of Queryable Encryption is indexed. The values stand in placeholders. */
typedef enum oc_qe_index { OC_QE_UNINDEXED = 1, OC_QE_EQUALITY = 2, OC_QE_RANGE = 3, OC_QE_TEXT = 4 } oc_qe_index;

/* An index of strings by their beginnings, ends, or parts. */
typedef struct oc_qe_text {
    int32_t longest; /* strMaxLength; substring only */
    int32_t ub, lb;  /* the longest and the shortest query, in code points; ub == 0: there is no such index */
} oc_qe_text;

/* What Queryable Encryption knows of a field beyond type and key. */
typedef struct oc_qe {
    oc_qe_index index;
    int64_t contention; /* 0 for unindexed */
    int64_t sparsity;   /* range */
    oc_elem min, max;   /* range: of the field's type, always there; the bytes live in the tree's arena */
    int32_t precision;  /* -1: not set */
    int32_t trim;       /* trimFactor as the schema sets it; -1: not set */
    int32_t find_trim;  /* what a comparison carries; -1: nothing */
    bool fold_case, fold_diacritics;
    oc_qe_text prefix, suffix, substring;
    oc_str path; /* dotted */
} oc_qe;

/* How a field is encrypted. Fields of Queryable Encryption are OC_RANDOM: whatever compares ciphertext refuses them by
 * that. */
typedef struct oc_meta {
    oc_algorithm algorithm;
    const oc_qe *qe;    /* NULL: a CSFLE field */
    uint32_t types;     /* declared types, a bit per BSON type (OC_TYPE_BIT); 0: any */
    oc_pointer pointer; /* the key's name is in the document; pointer.count == 0: key_id counts */
    uint8_t key_id[16];
    oc_str where; /* JSON Pointer of the `encrypt` in its schema, NUL-terminated, for messages */
} oc_meta;

/* Only types that can be encrypted have a bit: all below 0x14. */
#define OC_TYPE_BIT(type) (1u << (type))

static inline bool oc_meta_is_pointer(const oc_meta *meta) {
    return meta->pointer.count > 0;
}
bool oc_meta_equal(const oc_meta *a, const oc_meta *b);
/* Whether a value of the field may be one of the `types` (OC_TYPE_BITs). */
static inline bool oc_meta_may_be(const oc_meta *meta, uint32_t types) {
    return meta->types == 0 || (meta->types & types);
}

typedef enum oc_node_kind {
    OC_PLAIN,     /* not encrypted, and nothing below */
    OC_ENCRYPTED, /* exactly here */
    OC_ABOVE,     /* not encrypted, but something below is or may be */
    OC_CONFLICT,  /* subschemas that match here disagree: using the path is an error */
    /* Only in pipelines: */
    OC_ARRAY_OF, /* an array with something encrypted in its elements */
    OC_UNKNOWN,  /* encrypted in some documents and not, or otherwise, in others: using the path is an error */
} oc_node_kind;

/* A tree has at most so many levels, since all that walk it recurse. */
enum { OC_MAX_LEVELS = 110 };

typedef struct oc_node oc_node;

typedef struct oc_pattern {
    const oc_regex *regex;
    oc_str source; /* as written */
    const oc_node *node;
} oc_pattern;

/* One or the other of two nodes, which differ below: a union of documents, the branches of a condition. */
typedef struct oc_either {
    const oc_node *one, *other;
    const char *origin; /* what made it, for messages */
} oc_either;

/* What a stage made a document, or a field, of (dropped.h). */
typedef struct oc_past {
    const oc_node *node; /* as it was */
    const char *stage;
    const struct oc_past *older; /* of the same document before it came to stand there; NULL: none */
} oc_past;

/* A constant in a command that has not been stored or compared yet, and may have to be marked (expression.h). */
typedef struct oc_literal oc_literal;

struct oc_node {
    oc_node_kind kind;
    oc_name_table children; /* name → oc_node, plain ones too: they keep a name from `rest` */
    size_t encrypting;      /* names among children and those of `base` that lead to something encrypted */
    const oc_pattern *patterns;
    size_t pattern_count;
    const oc_node *rest;         /* names that nothing else matches; NULL: nothing is said of them */
    const oc_node *base;         /* in pipelines: names that `children` lacks are looked up here */
    const oc_node *const *parts; /* several subschemas at one position; then the fields above are unused */
    size_t part_count;
    union {
        const oc_meta *meta;       /* OC_ENCRYPTED */
        const oc_either *either;   /* OC_ABOVE: then all of the above is unused; NULL: it is not one of two */
        const oc_node *element;    /* OC_ARRAY_OF */
        const char *origin;        /* OC_UNKNOWN: what made it so, for messages */
        const oc_literal *literal; /* OC_PLAIN: one of these constants; NULL: any plain value */
    };
    unsigned depth;   /* of alternatives and arrays in one another that a look-up here goes through */
    bool constants;   /* an object of the expression that is evaluated now, with constants in it */
    bool looked_up;   /* OC_ARRAY_OF: made by $lookup */
    bool maybe_array; /* in pipelines: at run time it may be an array of such values */
    /* Only in pipelines: */
    bool absent;            /* OC_PLAIN: there is no value */
    bool unseen;            /* OC_PLAIN: of a collection whose schema is not known, itself or something below */
    const oc_past *past;    /* what a stage has dropped fields of, or has dropped; NULL: nothing is remembered */
    const oc_node *held[2]; /* OC_PLAIN: the elements of an array, or the documents of a union, that remember */
};

extern const oc_node oc_plain_node;
/* Plain as well: there is no value. */
extern const oc_node oc_absent_node;
/* A document of a collection whose schema is not known: plain for all that is done with it, but for constants. */
extern const oc_node oc_unseen_node;

/* What patterns, or several subschemas, say of a name. */
typedef struct oc_remembered {
    const oc_node *node; /* NULL: a free slot */
    oc_str name;
    const oc_node *child;
} oc_remembered;

/* What a look-up needs from its request. */
typedef struct oc_lookup {
    oc_arena *arena;
    oc_error *error;
    oc_matcher matcher;
    oc_budget budget;
    oc_remembered *remembered; /* by node and name: a power of two of them, at most half full */
    size_t remembered_mask, remembered_count;
} oc_lookup;

/* The general case of oc_node_child: several subschemas, patterns, alternatives. Looks into nodes that are plain as
 * well. */
const oc_node *oc_node_child_of_set(const oc_node *node, oc_str name, oc_lookup *lookup);

/* The node for one component below `node`, which is OC_PLAIN or OC_ABOVE. NULL on failure, with the error set:
 * exhausted memory or steps, or a name that a pattern cannot be matched against. The answer may be of any kind. `name`
 * must stay until the request ends. */
static inline const oc_node *oc_node_child(const oc_node *node, oc_str name, oc_lookup *lookup) {
    if (node->kind == OC_PLAIN)
        return &oc_plain_node;
    if (node->part_count || node->pattern_count || node->base || node->either)
        return oc_node_child_of_set(node, name, lookup);
    const oc_node *child = oc_name_table_find(&node->children, name);
    if (!child)
        child = node->rest;
    return child ? child : &oc_plain_node;
}

typedef enum oc_position {
    OC_AT_PLAIN,
    OC_AT_ENCRYPTED,
    OC_AT_BELOW,
    OC_AT_ABOVE,
    /* Only in pipelines: */
    OC_AT_ARRAY,    /* an array with something encrypted in it, or an object in such an array */
    OC_AT_IN_ARRAY, /* encrypted, in such an array */
    OC_AT_UNKNOWN,  /* or on the way there */
} oc_position;

typedef struct oc_answer {
    oc_position position;
    const oc_node *node; /* the node at the path; for OC_AT_BELOW and OC_AT_UNKNOWN the one on the way */
    oc_str prefix;       /* for OC_AT_BELOW: the path of the encrypted field */
    bool in_array;       /* the path went through an array */
    bool looked_up;      /* for OC_AT_IN_ARRAY: all arrays on the way were made by $lookup, and none by its position */
} oc_answer;

/* Looks a dotted path of a filter, an update or a sort up. Components are names; of documents no array is known but
 * those that a pipeline makes, in which a number may be a position as well. False with the error set where
 * oc_node_child fails or the path runs into a conflict. */
bool oc_node_lookup(const oc_node *root, oc_str dotted, oc_lookup *lookup, oc_answer *answer);

/* Raises the error of a conflicting position. Always false. */
bool oc_fail_conflict(oc_error *error, const oc_path *path);

/* A compiled schema. */
typedef struct oc_tree {
    oc_arena arena; /* all that follows lives here */
    const oc_node *root;
    size_t size; /* bytes that it all takes */
} oc_tree;

static inline bool oc_tree_encrypts(const oc_tree *tree) {
    return tree->root->kind != OC_PLAIN;
}

/* The kind of a node by what it has below: `encrypting` children, patterns, rest. For compilers. */
oc_node_kind oc_node_kind_of(const oc_node *node);
/* How many of the children are not plain. */
size_t oc_count_encrypting(const oc_name_entry *children, size_t count);

#endif
