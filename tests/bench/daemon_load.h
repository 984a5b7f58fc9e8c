#ifndef OC_BENCH_DAEMON_LOAD_H
#define OC_BENCH_DAEMON_LOAD_H

/* A load client: a number of connections, each of which sends a request as soon as the last is answered. */

#include <stddef.h>
#include <stdint.h>

typedef struct load_message {
    const uint8_t *data;
    size_t len;
} load_message;

typedef struct load_result {
    double per_second;
    double p50, p99; /* microseconds */
} load_result;

uint64_t load_now(void); /* nanoseconds */
/* A connected socket, or -1. */
int load_connect(int port);
/* Runs for `milliseconds` on loopback; each connection sends the messages in turn. Ends the process on any failure. */
load_result load_run(int port, int connections, const load_message *messages, size_t message_count, int milliseconds);

#endif
