#ifndef OC_DAEMON_STATS_H
#define OC_DAEMON_STATS_H

/* Counters for serverStatus. Each loop owns one oc_stats and is its only writer; any thread may read it at any time and
 * adds those of all loops up. So counting takes no lock and shares no cache line on the way of a request. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OC_TALLY_MAX = 128, OC_TALLY_NAME = 48, OC_LATENCY_BUCKETS = 24 };

typedef _Atomic uint64_t oc_counter;

/* Counts by name, in order of first use. Names beyond OC_TALLY_MAX are counted under "other".
 *
 *     entries |name, count|name, count|...| unused |
 *                                          ^ used: published after the name behind it is complete
 */
typedef struct oc_tally {
    _Atomic size_t used;
    struct {
        char name[OC_TALLY_NAME];
        oc_counter count;
    } entries[OC_TALLY_MAX];
} oc_tally;

typedef struct oc_stats {
    oc_counter placeholders;
    oc_counter bytes_in, bytes_out;
    oc_counter
        latency[OC_LATENCY_BUCKETS]; /* [i]: requests that took less than 2^i microseconds, and not less than half */
    oc_tally commands;
    oc_tally refusals; /* by rule */
} oc_stats;

/* For the one writer. */
void oc_counter_add(oc_counter *counter, uint64_t value);
void oc_tally_add(oc_tally *tally, const char *name, uint64_t value);
void oc_stats_latency(oc_stats *stats, uint64_t nanoseconds);

/* Adds what `from` holds to `to`, which only the caller knows. */
void oc_stats_sum(oc_stats *to, const oc_stats *from);
uint64_t oc_tally_total(const oc_tally *tally);

#endif
