#ifndef OC_NAMESET_H
#define OC_NAMESET_H

/* Field names by hash: a table that is built once and read by many threads, and a set that grows during a request.
 * Nobody outside walks in the order of hashes: that is another one in each process. */

#include "arena.h"
#include "bson.h"

/* Each process has a secret of its own, so that nobody can prepare names that collide. */
uint64_t oc_hash(const void *bytes, size_t len);
/* For tests: the secret made from a number. Before anything has been hashed that is still in use. */
void oc_hash_set_seed(uint64_t seed);

typedef struct oc_name_entry {
    oc_str name; /* borrowed */
    const void *value;
} oc_name_entry;

typedef struct oc_name_slot {
    uint32_t hash;
    uint32_t entry; /* from 1; 0: free */
} oc_name_slot;

typedef struct oc_name_table {
    const oc_name_entry *entries; /* in the order given: this is what is walked */
    const oc_name_slot *slots;    /* a power of two of them, at most half full */
    size_t mask;                  /* slots - 1 */
    size_t count;                 /* of entries */
    uint64_t shapes; /* a bit for each pair of length and last byte that occurs: most names of a document have none */
} oc_name_table;

/* False when memory is exhausted. Of entries with one name, the first is found. */
bool oc_name_table_build(oc_name_table *table, oc_arena *arena, const oc_name_entry *entries, size_t count);
static inline uint64_t oc_name_shape(oc_str name) {
    return 1ull << ((name.n + (name.n ? (uint8_t)name.s[name.n - 1] : 0u) * 5u) & 63);
}

const void *oc_name_table_find_slot(const oc_name_table *table, oc_str name);

/* The value, or NULL. */
static inline const void *oc_name_table_find(const oc_name_table *table, oc_str name) {
    return table->shapes & oc_name_shape(name) ? oc_name_table_find_slot(table, name) : NULL;
}

/* Zeroed: an empty set. The first few names are compared one by one, which is faster than hashing them. All of them are
 * in the arena: walks have a set on each level of their stack. */
enum { OC_NAMESET_FEW = 8 };
typedef struct oc_nameset {
    oc_str *few;
    oc_str *slots;
    size_t mask; /* slots - 1 */
    size_t count;
} oc_nameset;

typedef enum oc_nameset_result { OC_NAME_ADDED, OC_NAME_PRESENT, OC_NAME_NO_MEMORY } oc_nameset_result;
oc_nameset_result oc_nameset_add(oc_nameset *set, oc_arena *arena, oc_str name);
bool oc_nameset_has(const oc_nameset *set, oc_str name);
/* Lets the next set of this arena have the memory. For walks that are in many documents one after another; a set that
 * is not left just keeps it until the arena is reset. */
void oc_nameset_leave(oc_nameset *set, oc_arena *arena);

#endif
