#ifndef OC_DAEMON_SERVICE_H
#define OC_DAEMON_SERVICE_H

/* The main loop: accepts connections and deals them out to the loops, heeds signals, notices idleness, and brings
 * everything to an end. */

#include "listener.h"
#include "loop.h"
#include "pidfile.h"
#include "server.h"

#include <uv.h>

enum { OC_SIGNALS = 4 };

typedef struct oc_service {
    oc_server *server;
    oc_listeners *listeners;
    oc_pidfile *pidfile;
    uv_loop_t main;
    uv_poll_t polls[OC_LISTENERS_MAX];
    uv_signal_t signals[OC_SIGNALS];
    uv_timer_t idle;
    uv_timer_t retry;    /* accepting again after files ran out */
    uv_timer_t deadline; /* the end of patience with requests in flight */
    uv_async_t ended;    /* from a loop */
    size_t next_loop;
    bool draining;
    bool full, starved; /* no more connections, or files; said once, until it has passed */
} oc_service;

/* Starts the loops. False: out of memory or threads. */
bool oc_service_start(oc_service *service, oc_server *server, oc_listeners *listeners, oc_pidfile *pidfile);
/* Serves until told to end; then all requests are answered and all threads are gone. */
void oc_service_run(oc_service *service);

#endif
