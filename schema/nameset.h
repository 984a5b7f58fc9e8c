#ifndef OC_NAMESET_H
#define OC_NAMESET_H

/* Field names by hash: a table that is built once and read by many threads, and a set that grows during a request. */

#include "arena.h"
#include "bson.h"

uint64_t oc_hash(const void *bytes, size_t len);

typedef struct oc_name_entry {
    oc_str name; /* borrowed; name.s == NULL: an empty slot */
    const void *value;
} oc_name_entry;

typedef struct oc_name_table {
    const oc_name_entry *slots; /* a power of two of them, at most half full */
    size_t mask;
    size_t count;
} oc_name_table;

/* False when memory is exhausted. Of entries with one name, the first is found. */
bool oc_name_table_build(oc_name_table *table, oc_arena *arena, const oc_name_entry *entries, size_t count);
/* The value, or NULL. */
const void *oc_name_table_find(const oc_name_table *table, oc_str name);

/* Zeroed: an empty set. */
typedef struct oc_nameset {
    oc_str *slots;
    size_t mask; /* slots - 1 */
    size_t count;
} oc_nameset;

typedef enum oc_nameset_result { OC_NAME_ADDED, OC_NAME_PRESENT, OC_NAME_NO_MEMORY } oc_nameset_result;
oc_nameset_result oc_nameset_add(oc_nameset *set, oc_arena *arena, oc_str name);

#endif
