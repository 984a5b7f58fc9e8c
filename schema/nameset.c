#include "nameset.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t oc_hash(const void *bytes, size_t len) {
    return XXH3_64bits(bytes, len);
}

bool oc_name_table_build(oc_name_table *table, oc_arena *arena, const oc_name_entry *entries, size_t count) {
    size_t size = 2;
    while (size < count * 2)
        size *= 2;
    oc_name_entry *slots = oc_arena_zeroed(arena, size, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t at = oc_hash(entries[i].name.s, entries[i].name.n) & (size - 1);
        while (slots[at].name.s)
            at = (at + 1) & (size - 1);
        slots[at] = entries[i];
    }
    *table = (oc_name_table){slots, size - 1, count};
    return true;
}

const void *oc_name_table_find(const oc_name_table *table, oc_str name) {
    if (!table->count)
        return NULL;
    size_t at = oc_hash(name.s, name.n) & table->mask;
    for (; table->slots[at].name.s; at = (at + 1) & table->mask)
        if (oc_str_eq(table->slots[at].name, name))
            return table->slots[at].value;
    return NULL;
}

static size_t free_slot(const oc_str *slots, size_t mask, oc_str name) {
    size_t at = oc_hash(name.s, name.n) & mask;
    while (slots[at].s)
        at = (at + 1) & mask;
    return at;
}

static bool grow(oc_nameset *set, oc_arena *arena) {
    size_t size = set->slots ? (set->mask + 1) * 2 : 8;
    oc_str *slots = oc_arena_zeroed(arena, size, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; set->slots && i <= set->mask; i++)
        if (set->slots[i].s)
            slots[free_slot(slots, size - 1, set->slots[i])] = set->slots[i];
    set->slots = slots;
    set->mask = size - 1;
    return true;
}

oc_nameset_result oc_nameset_add(oc_nameset *set, oc_arena *arena, oc_str name) {
    if (!set->slots || set->count * 2 > set->mask) {
        if (!grow(set, arena))
            return OC_NAME_NO_MEMORY;
    }
    size_t at = oc_hash(name.s, name.n) & set->mask;
    for (; set->slots[at].s; at = (at + 1) & set->mask)
        if (oc_str_eq(set->slots[at], name))
            return OC_NAME_PRESENT;
    set->slots[at] = name;
    set->count++;
    return OC_NAME_ADDED;
}
