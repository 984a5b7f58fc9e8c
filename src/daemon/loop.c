#include "loop.h"

#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each tick lies one turn of the loop after the other, with a look at all sockets between. */
enum { GRACE_TICKS = 3, GRACE_TICK_MS = 10 };

oc_exchange *oc_loop_take(oc_loop *loop) {
    oc_exchange *exchange = loop->spares;
    if (!exchange)
        return oc_exchange_new(loop->server);
    loop->spares = exchange->next;
    loop->spare_count--;
    return exchange;
}

static void keep(oc_loop *loop, oc_exchange *exchange) {
    if (loop->spare_count == OC_LOOP_SPARES) {
        oc_exchange_free(exchange);
        return;
    }
    exchange->next = loop->spares;
    loop->spares = exchange;
    loop->spare_count++;
}

static void on_clear(uv_work_t *work) {
    oc_exchange_clear(work->data);
}

static void on_cleared(uv_work_t *work, int status) {
    (void)status;
    oc_exchange *exchange = work->data;
    keep(exchange->work.loop->data, exchange);
}

void oc_loop_return(oc_loop *loop, oc_exchange *exchange) {
    if (exchange->large) {
        exchange->work.data = exchange;
        uv_queue_work(&loop->uv, &exchange->work, on_clear, on_cleared);
        return;
    }
    oc_exchange_clear(exchange);
    keep(loop, exchange);
}

void oc_loop_touch(oc_loop *loop) {
    atomic_store_explicit(&loop->server->last_use, uv_now(&loop->uv), memory_order_relaxed);
}

/* Nothing left to wait for: with its handles closed the loop runs out. */
static void end_if_empty(oc_loop *loop) {
    if (!loop->drained || loop->connections || uv_is_closing((uv_handle_t *)&loop->wake))
        return;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->grace, NULL);
}

void oc_loop_enter(oc_loop *loop, oc_connection *connection) {
    connection->next = loop->connections;
    if (connection->next)
        connection->next->previous = connection;
    loop->connections = connection;
}

void oc_loop_leave(oc_loop *loop, oc_connection *connection) {
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    end_if_empty(loop);
}

static void on_grace(uv_timer_t *timer) {
    oc_loop *loop = timer->data;
    if (++loop->grace_ticks < GRACE_TICKS)
        return;
    uv_timer_stop(timer);
    loop->drained = true;
    for (oc_connection *connection = loop->connections; connection; connection = connection->next)
        oc_connection_settle(connection);
    end_if_empty(loop);
}

static void drain(oc_loop *loop) {
    loop->draining = true;
    for (oc_connection *connection = loop->connections; connection; connection = connection->next)
        oc_connection_drain(connection);
    uv_timer_start(&loop->grace, on_grace, GRACE_TICK_MS, GRACE_TICK_MS);
}

static void on_wake(uv_async_t *wake) {
    oc_loop *loop = wake->data;
    pthread_mutex_lock(&loop->lock);
    oc_arrival *arrivals = loop->arrivals;
    size_t count = loop->arrival_count;
    bool drain_asked = loop->drain_asked;
    loop->arrivals = NULL;
    loop->arrival_count = loop->arrival_cap = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < count; i++)
        oc_connection_start(loop, arrivals[i].fd, arrivals[i].id);
    free(arrivals);
    if (drain_asked && !loop->draining)
        drain(loop);
}

static void run(void *argument) {
    oc_loop *loop = argument;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store(&loop->has_ended, true);
    uv_async_send(loop->ended);
}

bool oc_loop_start(oc_loop *loop, oc_server *server, oc_stats *stats, uv_async_t *ended) {
    *loop = (oc_loop){.server = server, .stats = stats, .ended = ended};
    pthread_mutex_init(&loop->lock, NULL);
    loop->buffer = malloc(OC_LOOP_BUFFER);
    if (!loop->buffer || uv_loop_init(&loop->uv) != 0)
        return false;
    loop->uv.data = loop;
    loop->wake.data = loop->grace.data = loop;
    return uv_async_init(&loop->uv, &loop->wake, on_wake) == 0 && uv_timer_init(&loop->uv, &loop->grace) == 0 &&
           uv_thread_create(&loop->thread, run, loop) == 0;
}

static bool add_arrival(oc_loop *loop, oc_arrival arrival) {
    if (loop->arrival_count == loop->arrival_cap) {
        size_t cap = loop->arrival_cap * 2 + 16;
        oc_arrival *arrivals = realloc(loop->arrivals, cap * sizeof *arrivals);
        if (!arrivals)
            return false;
        loop->arrivals = arrivals;
        loop->arrival_cap = cap;
    }
    loop->arrivals[loop->arrival_count++] = arrival;
    return true;
}

void oc_loop_give(oc_loop *loop, int fd, int32_t id) {
    pthread_mutex_lock(&loop->lock);
    bool added = add_arrival(loop, (oc_arrival){fd, id});
    pthread_mutex_unlock(&loop->lock);
    if (added) {
        uv_async_send(&loop->wake);
        return;
    }
    close(fd);
    atomic_fetch_sub(&loop->server->connections_open, 1);
}

void oc_loop_drain(oc_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    loop->drain_asked = true;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

void oc_loop_join(oc_loop *loop) {
    uv_thread_join(&loop->thread);
    uv_loop_close(&loop->uv);
    while (loop->spares) {
        oc_exchange *exchange = loop->spares;
        loop->spares = exchange->next;
        oc_exchange_free(exchange);
    }
    free(loop->arrivals);
    free(loop->buffer);
    pthread_mutex_destroy(&loop->lock);
}
