#ifndef OC_DAEMON_LOOP_H
#define OC_DAEMON_LOOP_H

/* One libuv loop in a thread of its own, and the connections that it serves. The main loop accepts and deals new
 * connections out to the loops in turn; a connection stays with its loop. Large messages are worked on in libuv's pool,
 * so that a loop never stands still for long. */

#include "exchange.h"
#include "server.h"

#include <pthread.h>
#include <uv.h>

enum { OC_LOOP_BUFFER = 64 * 1024, OC_LOOP_SPARES = 4 };

struct oc_connection;

/* A connection on its way from the main loop. */
typedef struct oc_arrival {
    int fd;
    int32_t id;
} oc_arrival;

typedef struct oc_loop {
    oc_server *server;
    oc_stats *stats;
    uv_loop_t uv;
    uv_thread_t thread;
    uv_async_t wake;
    uv_timer_t grace; /* while draining: what was sent before the end was known is still read */
    int grace_ticks;
    uv_async_t *ended; /* told when the loop has nothing left to do */

    /* The loop's own thread only. */
    struct oc_connection *connections;
    bool draining, drained;
    oc_exchange *spares;
    size_t spare_count;
    uint8_t *buffer; /* OC_LOOP_BUFFER bytes that all connections read into; wiped after each read */

    /* Shared with the main loop. */
    pthread_mutex_t lock;
    oc_arrival *arrivals;
    size_t arrival_count, arrival_cap;
    bool drain_asked;
    _Atomic bool has_ended;
} oc_loop;

/* Starts the thread. False: out of memory or threads. `ended` is sent when the loop has ended after oc_loop_drain. */
bool oc_loop_start(oc_loop *loop, oc_server *server, oc_stats *stats, uv_async_t *ended);
/* From the main loop: a new connection, or (once) the end. */
void oc_loop_give(oc_loop *loop, int fd, int32_t id);
void oc_loop_drain(oc_loop *loop);
/* Waits for the thread of a loop that has ended, and frees what it held. */
void oc_loop_join(oc_loop *loop);

/* For connections, on the loop's thread. NULL: out of memory. */
oc_exchange *oc_loop_take(oc_loop *loop);
/* Takes an exchange back; what it holds is wiped. */
void oc_loop_return(oc_loop *loop, oc_exchange *exchange);
/* A message has come in. */
void oc_loop_touch(oc_loop *loop);
void oc_loop_enter(oc_loop *loop, struct oc_connection *connection);
void oc_loop_leave(oc_loop *loop, struct oc_connection *connection);

#endif
