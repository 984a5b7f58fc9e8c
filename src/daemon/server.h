#ifndef OC_DAEMON_SERVER_H
#define OC_DAEMON_SERVER_H

/* What lives as long as the process: settings, the engine, the loops and their counters. Everything here is written
 * before the first thread starts or is atomic. */

#include "config.h"
#include "opencrypt.h"
#include "stats.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct oc_loop;

typedef struct oc_server {
    const oc_config *config;
    opencrypt_engine *engine;
    size_t loop_count;
    struct oc_loop *loops;
    oc_stats *stats;        /* one per loop */
    uint8_t process_id[12]; /* in topologyVersion: tells this process from the next on the same port */
    uint64_t started;       /* uv_hrtime() */
    int statm_fd;           /* /proc/self/statm, -1 where there is none */
    int port;               /* the real one */
    _Atomic int64_t connections_open;
    _Atomic int64_t connections_created;
    _Atomic int64_t in_use;    /* requests in work off their loop, and hellos that wait */
    _Atomic uint64_t last_use; /* milliseconds, uv_now() of the loop that served the last message */
} oc_server;

/* False: out of memory. */
bool oc_server_init(oc_server *server, const oc_config *config);
void oc_server_done(oc_server *server);

#endif
