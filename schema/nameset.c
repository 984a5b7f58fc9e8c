#include "nameset.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- the secret ---- */

static uint8_t secret[XXH3_SECRET_DEFAULT_SIZE];
static atomic_bool secret_is_set;

void oc_hash_set_seed(uint64_t seed) {
    XXH3_generateSecret_fromSeed(secret, seed);
    atomic_store_explicit(&secret_is_set, true, memory_order_release);
}

/* Where the kernel has no random bytes yet, or none for this process. */
static uint64_t guess(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t parts[] = {(uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, (uint64_t)getpid(),
                              (uint64_t)(uintptr_t)&now, (uint64_t)(uintptr_t)secret};
    return XXH3_64bits(parts, sizeof parts);
}

static void choose_secret(void) {
    if (atomic_load_explicit(&secret_is_set, memory_order_acquire))
        return;
    if (getrandom(secret, sizeof secret, GRND_NONBLOCK) != (ssize_t)sizeof secret)
        XXH3_generateSecret_fromSeed(secret, guess());
    atomic_store_explicit(&secret_is_set, true, memory_order_release);
}

static void __attribute__((cold, noinline)) choose_secret_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose_secret);
}

uint64_t oc_hash(const void *bytes, size_t len) {
    if (!atomic_load_explicit(&secret_is_set, memory_order_acquire))
        choose_secret_once();
    return XXH3_64bits_withSecret(bytes, len, secret, sizeof secret);
}

/* ---- tables ---- */

static void fill(oc_name_slot *slots, size_t mask, const oc_name_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = (uint32_t)oc_hash(entries[i].name.s, entries[i].name.n);
        size_t at = hash & mask;
        while (slots[at].entry)
            at = (at + 1) & mask;
        slots[at] = (oc_name_slot){hash, (uint32_t)i + 1};
    }
}

bool oc_name_table_build(oc_name_table *table, oc_arena *arena, const oc_name_entry *entries, size_t count) {
    size_t size = 2;
    while (size < count * 2)
        size *= 2;
    oc_name_slot *slots = oc_arena_zeroed(arena, size, sizeof *slots);
    oc_name_entry *kept = slots ? oc_arena_alloc(arena, count * sizeof *kept) : NULL;
    if (!kept)
        return false;
    if (count)
        memcpy(kept, entries, count * sizeof *kept);
    fill(slots, size - 1, kept, count);
    *table = (oc_name_table){kept, slots, size - 1, count, 0};
    for (size_t i = 0; i < count; i++)
        table->shapes |= oc_name_shape(kept[i].name);
    return true;
}

const void *oc_name_table_find_slot(const oc_name_table *table, oc_str name) {
    uint32_t hash = (uint32_t)oc_hash(name.s, name.n);
    for (size_t at = hash & table->mask; table->slots[at].entry; at = (at + 1) & table->mask) {
        const oc_name_entry *entry = &table->entries[table->slots[at].entry - 1];
        if (table->slots[at].hash == hash && oc_str_eq(entry->name, name))
            return entry->value;
    }
    return NULL;
}

/* ---- sets ---- */

static bool is_among_few(const oc_nameset *set, oc_str name) {
    size_t few = set->count < OC_NAMESET_FEW ? set->count : OC_NAMESET_FEW;
    for (size_t i = 0; i < few; i++)
        if (oc_str_eq(set->few[i], name))
            return true;
    return false;
}

/* The slot of the name, or the free one where it belongs. */
static oc_str *find_slot(oc_str *slots, size_t mask, oc_str name) {
    size_t at = oc_hash(name.s, name.n) & mask;
    while (slots[at].s && !oc_str_eq(slots[at], name))
        at = (at + 1) & mask;
    return &slots[at];
}

static bool grow(oc_nameset *set, oc_arena *arena) {
    size_t size = set->slots ? (set->mask + 1) * 2 : 32;
    oc_str *slots = oc_arena_zeroed(arena, size, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; set->slots && i <= set->mask; i++)
        if (set->slots[i].s)
            *find_slot(slots, size - 1, set->slots[i]) = set->slots[i];
    set->slots = slots;
    set->mask = size - 1;
    return true;
}

bool oc_nameset_has(const oc_nameset *set, oc_str name) {
    return is_among_few(set, name) || (set->slots && find_slot(set->slots, set->mask, name)->s);
}

/* Each spare block holds the address of the next. */
static oc_str *take_few(oc_arena *arena) {
    void *spare = arena->spare_names;
    if (!spare)
        return oc_arena_alloc(arena, OC_NAMESET_FEW * sizeof(oc_str));
    memcpy(&arena->spare_names, spare, sizeof arena->spare_names);
    return spare;
}

void oc_nameset_leave(oc_nameset *set, oc_arena *arena) {
    if (set->few) {
        memcpy(set->few, &arena->spare_names, sizeof arena->spare_names);
        arena->spare_names = set->few;
    }
    *set = (oc_nameset){0};
}

oc_nameset_result oc_nameset_add(oc_nameset *set, oc_arena *arena, oc_str name) {
    if (is_among_few(set, name))
        return OC_NAME_PRESENT;
    if (!set->few && !(set->few = take_few(arena)))
        return OC_NAME_NO_MEMORY;
    if (set->count < OC_NAMESET_FEW) {
        set->few[set->count++] = name;
        return OC_NAME_ADDED;
    }
    if ((!set->slots || (set->count - OC_NAMESET_FEW) * 2 > set->mask) && !grow(set, arena))
        return OC_NAME_NO_MEMORY;
    oc_str *slot = find_slot(set->slots, set->mask, name);
    if (slot->s)
        return OC_NAME_PRESENT;
    *slot = name;
    set->count++;
    return OC_NAME_ADDED;
}
