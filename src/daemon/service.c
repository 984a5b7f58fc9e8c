#include "service.h"

#include "log.h"
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRAIN_MS = 5000, RETRY_MS = 100 };

static const int signal_numbers[OC_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

/* ---- accepting ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void set_accepting(oc_service *service, bool accepting) {
    for (size_t i = 0; i < service->listeners->count; i++) {
        if (accepting)
            uv_poll_start(&service->polls[i], UV_READABLE, on_acceptable);
        else
            uv_poll_stop(&service->polls[i]);
    }
}

static void on_retry(uv_timer_t *timer) {
    set_accepting(timer->data, true);
}

/* Clients wait in the queue of the socket until files are free again. */
static void pause_accepting(oc_service *service) {
    if (!service->starved)
        oc_log(OC_LOG_WARNING, "NETWORK", 7800011, "listener", "Out of file descriptors, new connections wait");
    service->starved = true;
    set_accepting(service, false);
    uv_timer_start(&service->retry, on_retry, RETRY_MS, 0);
}

static void log_full(oc_service *service, bool full) {
    if (full && !service->full)
        oc_log(OC_LOG_WARNING, "NETWORK", 22942, "listener",
               "Connection refused because there are too many open connections");
    service->full = full;
}

static void deal_out(oc_service *service, int fd) {
    oc_server *server = service->server;
    bool full = atomic_load(&server->connections_open) >= server->config->max_connections;
    log_full(service, full);
    if (full) {
        close(fd);
        return;
    }
    atomic_fetch_add(&server->connections_open, 1);
    int32_t id = (int32_t)(atomic_fetch_add(&server->connections_created, 1) + 1);
    oc_loop_give(&server->loops[service->next_loop], fd, id);
    service->next_loop = (service->next_loop + 1) % server->loop_count;
}

/* Whoever waits in the queue of the socket; false if files ran out over it. */
static bool accept_all(oc_service *service, int listener) {
    while (true) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            service->starved = false;
            deal_out(service, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return true;
        }
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    (void)events;
    oc_service *service = poll->data;
    if (status == 0 && !accept_all(service, service->listeners->of[poll - service->polls].fd))
        pause_accepting(service);
}

/* ---- ending ---- */

static void close_handle(void *handle) {
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop_accepting(oc_service *service) {
    for (size_t i = 0; i < service->listeners->count; i++) {
        if (!service->full)
            accept_all(service, service->listeners->of[i].fd); /* who was let in by the system is served */
        close_handle(&service->polls[i]);
    }
    uv_timer_stop(&service->retry);
    oc_listeners_close(service->listeners);
}

/* Without waiting for the loops that still have something to do. */
static void exit_now(oc_service *service, const char *message) {
    oc_log(OC_LOG_WARNING, "CONTROL", 7800012, "main", message);
    oc_pidfile_remove(service->pidfile);
    _exit(OC_EXIT_OK);
}

static void on_deadline(uv_timer_t *timer) {
    exit_now(timer->data, "Requests in flight took too long, exiting without their answers");
}

static void drain(oc_service *service) {
    service->draining = true;
    oc_process_notify("STOPPING=1");
    stop_accepting(service);
    uv_timer_stop(&service->idle);
    uv_timer_start(&service->deadline, on_deadline, DRAIN_MS, 0);
    for (size_t i = 0; i < service->server->loop_count; i++)
        oc_loop_drain(&service->server->loops[i]);
}

static void on_ended(uv_async_t *ended) {
    oc_service *service = ended->data;
    for (size_t i = 0; i < service->server->loop_count; i++)
        if (!atomic_load(&service->server->loops[i].has_ended))
            return;
    /* Before the handles go: a thread may be about to send `ended`. */
    for (size_t i = 0; i < service->server->loop_count; i++)
        oc_loop_join(&service->server->loops[i]);
    for (size_t i = 0; i < OC_SIGNALS; i++)
        close_handle(&service->signals[i]);
    close_handle(&service->idle);
    close_handle(&service->retry);
    close_handle(&service->deadline);
    close_handle(&service->ended);
}

/* ---- signals and idleness ---- */

static void reopen_log(void) {
    if (!oc_log_reopen())
        oc_log(OC_LOG_ERROR, "CONTROL", 7800013, "signal", "Cannot open the log again, going on with the old one");
}

static void on_signal(uv_signal_t *handle, int number) {
    oc_service *service = handle->data;
    if (number == SIGHUP || number == SIGUSR1) {
        reopen_log();
    } else if (service->draining) {
        exit_now(service, "Told to end a second time, exiting at once");
    } else {
        oc_log(OC_LOG_INFO, "CONTROL", 23377, "signal", "Received signal, finishing requests in flight");
        drain(service);
    }
}

static void on_idle(uv_timer_t *timer) {
    oc_service *service = timer->data;
    uint64_t limit = (uint64_t)service->server->config->idle_seconds * 1000;
    uint64_t now = uv_now(&service->main);
    /* In this order: what is no longer in use has left its time behind. */
    bool in_use = atomic_load(&service->server->in_use) > 0;
    uint64_t last = in_use ? now : atomic_load(&service->server->last_use);
    uint64_t quiet = now > last ? now - last : 0;
    if (quiet >= limit) {
        oc_log(OC_LOG_INFO, "CONTROL", 7800014, "main", "No message for idleShutdownTimeoutSecs, ending");
        drain(service);
    } else {
        uv_timer_start(timer, on_idle, limit - quiet, 0);
    }
}

static void watch_idleness(oc_service *service) {
    uint64_t limit = (uint64_t)service->server->config->idle_seconds * 1000;
    atomic_store(&service->server->last_use, uv_now(&service->main));
    if (limit > 0)
        uv_timer_start(&service->idle, on_idle, limit, 0);
}

/* ---- starting ---- */

static void init_handles(oc_service *service) {
    uv_timer_init(&service->main, &service->idle);
    uv_timer_init(&service->main, &service->retry);
    uv_timer_init(&service->main, &service->deadline);
    service->idle.data = service->retry.data = service->deadline.data = service->ended.data = service;
    for (size_t i = 0; i < OC_SIGNALS; i++) {
        uv_signal_init(&service->main, &service->signals[i]);
        service->signals[i].data = service;
        uv_signal_start(&service->signals[i], on_signal, signal_numbers[i]);
    }
    for (size_t i = 0; i < service->listeners->count; i++) {
        uv_poll_init(&service->main, &service->polls[i], service->listeners->of[i].fd);
        service->polls[i].data = service;
    }
}

static bool start_loops(oc_service *service) {
    oc_server *server = service->server;
    server->loops = calloc(server->loop_count, sizeof *server->loops);
    if (!server->loops)
        return false;
    for (size_t i = 0; i < server->loop_count; i++)
        if (!oc_loop_start(&server->loops[i], server, &server->stats[i], &service->ended))
            return false;
    return true;
}

bool oc_service_start(oc_service *service, oc_server *server, oc_listeners *listeners, oc_pidfile *pidfile) {
    *service = (oc_service){.server = server, .listeners = listeners, .pidfile = pidfile};
    server->port = listeners->port;
    if (uv_loop_init(&service->main) != 0 || uv_async_init(&service->main, &service->ended, on_ended) != 0)
        return false;
    init_handles(service);
    watch_idleness(service);
    if (!start_loops(service))
        return false;
    set_accepting(service, true);
    return true;
}

void oc_service_run(oc_service *service) {
    uv_run(&service->main, UV_RUN_DEFAULT);
    free(service->server->loops);
    uv_loop_close(&service->main);
}
