#ifndef OC_TREE_H
#define OC_TREE_H

/* The encryption tree: for every path of a document, is the value encrypted and with what, is something below it
 * encrypted, or neither. Immutable once compiled, shared between threads.
 *
 * Schemas of both families compile to these nodes, and stages of pipelines will make new nodes over old ones: a node
 * never knows its parent, so trees share what they have in common. */

#include "arena.h"
#include "error.h"
#include "nameset.h"
#include "pointer.h"
#include "regex.h"

/* The values stand in placeholders. */
typedef enum oc_algorithm { OC_DETERMINISTIC = 1, OC_RANDOM = 2 } oc_algorithm;

/* How a field is encrypted. */
typedef struct oc_meta {
    oc_algorithm algorithm;
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
} oc_node_kind;

typedef struct oc_node oc_node;

typedef struct oc_pattern {
    const oc_regex *regex;
    const oc_node *node;
} oc_pattern;

struct oc_node {
    oc_node_kind kind;
    const oc_meta *meta;    /* OC_ENCRYPTED */
    oc_name_table children; /* name → oc_node, plain ones too: they keep a name from `rest` */
    const oc_pattern *patterns;
    size_t pattern_count;
    const oc_node *rest;         /* names that nothing else matches; NULL: nothing is said of them */
    const oc_node *const *parts; /* several subschemas at one position; then the fields above are unused */
    size_t part_count;
};

extern const oc_node oc_plain_node;

/* What a look-up needs from its request. */
typedef struct oc_lookup {
    oc_arena *arena;
    oc_error *error;
    oc_matcher matcher;
} oc_lookup;

/* The general case of oc_node_child: several subschemas, or patterns. */
const oc_node *oc_node_child_of_set(const oc_node *node, oc_str name, oc_lookup *lookup);

/* The node for one component below `node`, which is not OC_ENCRYPTED or OC_CONFLICT. NULL on failure, with the error
 * set: exhausted memory, or a name that a pattern cannot be matched against. The answer may be OC_CONFLICT. */
static inline const oc_node *oc_node_child(const oc_node *node, oc_str name, oc_lookup *lookup) {
    if (node->kind == OC_PLAIN)
        return &oc_plain_node;
    if (node->part_count || node->pattern_count)
        return oc_node_child_of_set(node, name, lookup);
    const oc_node *child = oc_name_table_find(&node->children, name);
    if (!child)
        child = node->rest;
    return child ? child : &oc_plain_node;
}

typedef enum oc_position { OC_AT_PLAIN, OC_AT_ENCRYPTED, OC_AT_BELOW, OC_AT_ABOVE } oc_position;

typedef struct oc_answer {
    oc_position position;
    const oc_node *node; /* the node at the path; for OC_AT_BELOW the encrypted one on the way */
    oc_str prefix;       /* for OC_AT_BELOW: the path of the encrypted field */
} oc_answer;

/* Looks a dotted path up. Components are names, never array positions. False with the error set where oc_node_child
 * fails or the path runs into a conflict; `where` is the path for the message. */
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

/* Builds a node's kind from its children, patterns and rest. For compilers. */
oc_node_kind oc_node_kind_of(const oc_node *node, const oc_name_entry *children, size_t count);

#endif
