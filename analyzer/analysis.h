#ifndef OC_ANALYSIS_H
#define OC_ANALYSIS_H

/* One request in work: what every part of the analysis is handed. Nothing here outlives the request. */

#include "splice.h"
#include "tree.h"

/* The key name that a JSON Pointer led to. A document's fields mostly share one pointer, and each look-up reads the
 * whole document. */
typedef struct oc_resolved {
    const uint8_t *document; /* NULL: nothing yet */
    const oc_pointer *pointer;
    oc_elem name;
} oc_resolved;

/* A collection that the request has a schema for. */
typedef struct oc_namespace {
    struct oc_namespace *next;
    oc_str name; /* "db.people" */
    const oc_node *root;
} oc_namespace;

/* A part of a pipeline whose form depends on the rest of it (normal_form.h). */
typedef struct oc_later oc_later;

/* The edits whose bytes are made when the reply is written (mark.h). */
typedef enum oc_made {
    OC_MADE_VALUE = OC_EDIT_MADE, /* of an oc_meta: a value in a placeholder */
    OC_MADE_BOUND,                /* of an oc_qe_bound: a bound of a range */
    OC_MADE_RANGES,               /* of an oc_qe_rewrite: a comparison that became several */
} oc_made;

typedef struct oc_analysis {
    oc_arena *arena;
    oc_error *error;
    oc_splice splice;      /* the edits so far */
    oc_lookup lookup;      /* what tree look-ups need */
    const oc_node *root;   /* the tree of the command's collection, or of what is analysed now */
    const uint8_t *schema; /* the jsonSchema of the command's collection; NULL: it has none */
    oc_namespace *namespaces;
    oc_name_table namespace_table; /* name → root; empty where jsonSchema names just one */
    bool encrypts;                 /* any schema of the request encrypts something */
    bool qe;                       /* and that is Queryable Encryption: then nothing else in the request encrypts */
    bool view;                     /* the pipeline of a view is analysed: it is stored */
    bool unseen;                   /* and it reads a collection that the request has no schema for */
    bool collation;                /* a collation other than simple is in force for what is analysed now */
    uint64_t marks;                /* placeholders so far */
    int32_t payloads;              /* ranges of Queryable Encryption so far, each with an id */
    oc_resolved resolved[4];       /* the latest ones, by turns */
    unsigned resolved_next;
    unsigned nesting;                    /* of expressions, where we are */
    const struct oc_variable *variables; /* of the command's or the statement's `let` */
    oc_later *later;                     /* to be normalised if anything is marked */
    oc_str ns;                           /* the command's, "db.people" */
    const char *command;                 /* its name in its row, for messages */
} oc_analysis;

/* How a value is used. */
typedef enum oc_use {
    OC_USE_INSERTED, /* in a document that the server inserts or replaces one with: it sets Timestamp(0, 0) itself */
    OC_USE_SET,      /* stored by an update operator: there is no document that a JSON Pointer could be resolved in */
    OC_USE_COMPARED, /* matched against what is stored */
} oc_use;

/* What an analysis may hold in its arena: something for any command, its own length again, and something for each
 * placeholder. */
enum { OC_ARENA_OF_A_REQUEST = 64 * 1024 * 1024, OC_ARENA_OF_A_MARK = 64 };

static inline void oc_count_marks(oc_analysis *a, size_t count) {
    a->marks += count;
    a->arena->limit += count * OC_ARENA_OF_A_MARK;
}

static inline bool oc_no_memory(oc_analysis *a) {
    return oc_fail(a->error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
}

/* The tree of a collection; NULL: the request has no schema for it. */
const oc_node *oc_analysis_namespace(const oc_analysis *a, oc_str ns);
/* The error for such a collection; always false. */
bool oc_fail_no_schema(oc_analysis *a, oc_str ns);

/* A value that must have `type` and has another; names the field as "command.field". Always false. */
bool oc_fail_type(oc_analysis *a, const oc_elem *e, uint8_t type);

/* null and undefined mean "not given" for optional command fields, as in the server. */
static inline bool oc_is_absent(const oc_elem *e) {
    return !e || e->type == OC_NULL || e->type == OC_UNDEFINED;
}

#endif
