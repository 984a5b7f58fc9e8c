#include "stats.h"

#include <string.h>

static uint64_t get(const oc_counter *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void oc_counter_add(oc_counter *counter, uint64_t value) {
    atomic_store_explicit(counter, get(counter) + value, memory_order_relaxed);
}

static bool same_name(const char *entry, const char *name) {
    return strncmp(entry, name, OC_TALLY_NAME - 1) == 0;
}

/* The entry of the name, made if it is new; the last one is kept for all that do not fit. */
static size_t entry_of(oc_tally *tally, const char *name) {
    size_t used = atomic_load_explicit(&tally->used, memory_order_relaxed);
    for (size_t i = 0; i < used; i++)
        if (same_name(tally->entries[i].name, name))
            return i;
    if (used == OC_TALLY_MAX)
        return OC_TALLY_MAX - 1;
    if (used == OC_TALLY_MAX - 1)
        name = "other";
    memcpy(tally->entries[used].name, name, strnlen(name, OC_TALLY_NAME - 1));
    atomic_store_explicit(&tally->used, used + 1, memory_order_release);
    return used;
}

void oc_tally_add(oc_tally *tally, const char *name, uint64_t value) {
    oc_counter_add(&tally->entries[entry_of(tally, name)].count, value);
}

void oc_stats_latency(oc_stats *stats, uint64_t nanoseconds) {
    uint64_t microseconds = nanoseconds / 1000;
    size_t bucket = 0;
    while (microseconds > 0 && bucket < OC_LATENCY_BUCKETS - 1) {
        microseconds >>= 1;
        bucket++;
    }
    oc_counter_add(&stats->latency[bucket], 1);
}

static void sum_tally(oc_tally *to, const oc_tally *from) {
    size_t used = atomic_load_explicit(&from->used, memory_order_acquire);
    for (size_t i = 0; i < used; i++)
        oc_tally_add(to, from->entries[i].name, get(&from->entries[i].count));
}

void oc_stats_sum(oc_stats *to, const oc_stats *from) {
    oc_counter_add(&to->placeholders, get(&from->placeholders));
    oc_counter_add(&to->bytes_in, get(&from->bytes_in));
    oc_counter_add(&to->bytes_out, get(&from->bytes_out));
    for (size_t i = 0; i < OC_LATENCY_BUCKETS; i++)
        oc_counter_add(&to->latency[i], get(&from->latency[i]));
    sum_tally(&to->commands, &from->commands);
    sum_tally(&to->refusals, &from->refusals);
}

uint64_t oc_tally_total(const oc_tally *tally) {
    uint64_t total = 0;
    size_t used = atomic_load_explicit(&tally->used, memory_order_acquire);
    for (size_t i = 0; i < used; i++)
        total += get(&tally->entries[i].count);
    return total;
}
