#include "connection.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG_MAX = 64 * 1024, /* bytes kept while a request is in work; the socket is not read beyond */
    READ_MAX = 64 * 1024,    /* at once, so that a long message does not hold up the loop */
    WRITE_MAX = 256 * 1024,  /* the same: a client that reads as fast as we write would keep us writing */
    STALLED_MS = 30 * 1000,  /* for a message to arrive whole, and for the client to take more of a reply */
    LINGER_MS = 1000,
};

static void close_now(oc_connection *c);

/* ---- input ---- */

static void input_free(oc_input *in) {
    if (in->data)
        explicit_bzero(in->data, in->len);
    free(in->data);
    *in = (oc_input){0};
}

/* Moves to a new buffer, since realloc would leave a copy behind. */
static bool input_grow(oc_input *in, size_t cap) {
    if (cap <= in->cap)
        return true;
    uint8_t *data = malloc(cap);
    if (!data)
        return false;
    if (in->len > 0)
        memcpy(data, in->data, in->len);
    size_t len = in->len;
    input_free(in);
    *in = (oc_input){data, len, cap};
    return true;
}

static void input_consume(oc_input *in, size_t used) {
    if (used == in->len) {
        input_free(in);
        return;
    }
    memmove(in->data, in->data + used, in->len - used);
    explicit_bzero(in->data + in->len - used, used);
    in->len -= used;
}

static bool input_append(oc_input *in, const uint8_t *bytes, size_t len) {
    if (in->cap - in->len < len && !input_grow(in, in->len + len))
        return false;
    memcpy(in->data + in->len, bytes, len);
    in->len += len;
    return true;
}

/* ---- counting ---- */

static void log_request(const oc_connection *c, const oc_exchange *x) {
    if (!x->refused && !oc_log_wants(OC_LOG_DEBUG))
        return;
    char context[24];
    oc_line line;
    snprintf(context, sizeof context, "conn%d", c->id);
    if (x->refused)
        oc_line_begin(&line, OC_LOG_INFO, "QUERY", 7800001, context, "Refused");
    else
        oc_line_begin(&line, OC_LOG_DEBUG, "COMMAND", 7800002, context, "Answered");
    oc_line_text(&line, "command", x->command);
    if (x->analysed) {
        oc_line_text(&line, "ns", x->reply.ns);
        oc_line_number(&line, "placeholders", (int64_t)x->reply.placeholders);
    }
    if (x->refused) {
        const opencrypt_refusal *why = &x->reply.refusal;
        oc_line_text(&line, "rule", x->analysed ? why->rule : "daemon");
        oc_line_number(&line, "code", x->analysed ? why->code : (int)x->error.code);
        oc_line_text(&line, "codeName", x->analysed ? why->code_name : oc_wire_code_name(x->error.code));
    }
    if (x->refused && x->analysed) {
        oc_line_text(&line, "path", x->reply.refusal.path);
        oc_line_text(&line, "op", x->reply.refusal.op);
    }
    oc_line_number(&line, "bytesIn", (int64_t)x->input_len);
    oc_line_number(&line, "bytesOut", (int64_t)x->output_len);
    oc_line_number(&line, "durationMicros", (int64_t)(x->nanoseconds / 1000));
    oc_line_end(&line);
}

static void count(oc_connection *c, oc_exchange *x) {
    oc_stats *stats = c->loop->stats;
    if (x->analysed && !x->command[0])
        x->command = "(malformed)";
    oc_tally_add(&stats->commands, x->command, 1);
    oc_counter_add(&stats->bytes_in, x->input_len);
    oc_counter_add(&stats->bytes_out, x->output_len);
    oc_stats_latency(stats, x->nanoseconds);
    if (x->analysed)
        oc_counter_add(&stats->placeholders, x->reply.placeholders);
    if (x->refused)
        oc_tally_add(&stats->refusals, x->analysed ? x->reply.refusal.rule : oc_wire_code_name(x->error.code), 1);
    log_request(c, x);
}

/* ---- output ---- */

static void on_timer(uv_timer_t *timer);
static void carry_on(oc_connection *c);

static void wait_at_most(oc_connection *c, uint64_t milliseconds) {
    uv_timer_start(&c->timer, on_timer, milliseconds, 0);
}

static void begin_use(oc_connection *c) {
    atomic_fetch_add(&c->loop->server->in_use, 1);
}

/* Idleness is counted from here, so the time is set first: who sees nothing in use sees it too. */
static void end_use(oc_connection *c) {
    oc_loop_touch(c->loop);
    atomic_fetch_sub(&c->loop->server->in_use, 1);
}

/* The reply is out: what the connection does next. */
static void go_on(oc_connection *c) {
    uv_timer_stop(&c->timer);
    if (c->last) {
        uv_os_fd_t fd;
        c->state = OC_LINGERING;
        if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
            shutdown(fd, SHUT_WR);
        wait_at_most(c, LINGER_MS);
    } else if (c->wait.active && !c->ended) {
        c->state = OC_WAITING;
        begin_use(c);
        wait_at_most(c, c->loop->draining ? 0 : (uint64_t)c->wait.milliseconds);
    } else {
        c->state = OC_READING;
    }
}

static void write_rest(oc_connection *c, oc_exchange *x);

static void on_written(uv_write_t *write, int status) {
    oc_exchange *x = write->data;
    oc_connection *c = x->connection;
    bool good = status == 0 && c->state != OC_CLOSING;
    if (good && x->sent < x->output_len) {
        write_rest(c, x);
        return;
    }
    oc_loop_return(c->loop, x);
    if (good) {
        go_on(c);
        carry_on(c);
    } else {
        close_now(c);
    }
}

/* A piece of the reply that is not sent yet. */
static uv_buf_t next_piece(const oc_exchange *x) {
    size_t left = x->output_len - x->sent;
    return uv_buf_init((char *)x->output + x->sent, (unsigned)(left < WRITE_MAX ? left : WRITE_MAX));
}

static void write_rest(oc_connection *c, oc_exchange *x) {
    uv_buf_t piece = next_piece(x);
    x->sent += piece.len;
    x->write.data = x;
    x->connection = c;
    c->state = OC_WRITING;
    if (uv_write(&x->write, (uv_stream_t *)&c->tcp, &piece, 1, on_written) != 0) {
        oc_loop_return(c->loop, x);
        close_now(c);
        return;
    }
    c->unsent = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    wait_at_most(c, STALLED_MS);
}

/* A slow reader may take its time as long as it reads. */
static bool has_taken_more(oc_connection *c) {
    size_t before = c->unsent;
    c->unsent = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    return c->unsent < before;
}

/* Sends what the exchange has and gives the exchange back, now or when the socket has taken it. */
static void send_reply(oc_connection *c, oc_exchange *x) {
    uv_buf_t piece = x->output ? next_piece(x) : uv_buf_init(NULL, 0);
    bool failed = x->failed;
    int wrote = piece.len > 0 ? uv_try_write((uv_stream_t *)&c->tcp, &piece, 1) : 0;
    if (wrote == UV_EAGAIN)
        wrote = 0;
    if (wrote >= 0 && (size_t)wrote < x->output_len) {
        x->sent = (size_t)wrote;
        write_rest(c, x);
        return;
    }
    oc_loop_return(c->loop, x);
    if (wrote < 0 || failed)
        close_now(c);
    else
        go_on(c);
}

static void finish(oc_connection *c, oc_exchange *x) {
    count(c, x);
    c->wait = x->wait;
    if (x->output && c->wait.active)
        c->wait.response_to = x->reply_id; /* In a stream each reply answers the one before it. */
    send_reply(c, x);
}

/* ---- requests ---- */

static oc_exchange *take_exchange(oc_connection *c) {
    oc_exchange *x = oc_loop_take(c->loop);
    if (!x) {
        close_now(c);
        return NULL;
    }
    x->connection = c;
    x->connection_id = c->id;
    x->reply_id = c->next_reply_id++;
    x->started = uv_hrtime();
    return x;
}

static void on_work(uv_work_t *work) {
    oc_exchange_run(work->data);
}

static void unreference(oc_connection *c) {
    if (--c->references > 0)
        return;
    oc_loop *loop = c->loop;
    input_free(&c->in);
    oc_loop_leave(loop, c);
    free(c);
}

static void on_worked(uv_work_t *work, int status) {
    (void)status;
    oc_exchange *x = work->data;
    oc_connection *c = x->connection;
    end_use(c);
    if (c->state == OC_CLOSING) {
        oc_loop_return(c->loop, x);
    } else {
        finish(c, x);
        carry_on(c);
    }
    unreference(c);
}

/* The exchange may outlive the bytes that the caller has: takes the buffer over where the message is all of it, else a
 * copy. */
static bool own_input(oc_connection *c, oc_exchange *x, const uint8_t *message, size_t len) {
    if (message == c->in.data && len == c->in.len) {
        x->owned = c->in.data;
        c->in = (oc_input){0};
    } else if ((x->owned = malloc(len))) {
        memcpy(x->owned, message, len);
    } else {
        return false;
    }
    x->input = x->owned;
    return true;
}

static void answer_in_pool(oc_connection *c, oc_exchange *x, const uint8_t *message, size_t len) {
    if (!own_input(c, x, message, len)) {
        oc_loop_return(c->loop, x);
        close_now(c);
        return;
    }
    uv_timer_stop(&c->timer);
    c->state = OC_WORKING;
    c->references++;
    begin_use(c);
    x->work.data = x;
    uv_queue_work(&c->loop->uv, &x->work, on_work, on_worked);
}

static void answer(oc_connection *c, const uint8_t *message, size_t len) {
    oc_exchange *x = take_exchange(c);
    oc_loop_touch(c->loop);
    if (!x)
        return;
    x->input = message;
    x->input_len = len;
    if (len > OC_EXCHANGE_LARGE) {
        answer_in_pool(c, x, message, len);
        return;
    }
    oc_exchange_run(x);
    finish(c, x);
}

static void answer_lost(oc_connection *c, const uint8_t *header) {
    oc_exchange *x = take_exchange(c);
    if (!x)
        return;
    x->input = header;
    x->input_len = OC_WIRE_HEADER;
    oc_exchange_run_lost(x);
    c->last = true;
    finish(c, x);
}

/* Answers the messages at the start of `data` as long as each is done at once; returns how many bytes that were. */
static size_t serve(oc_connection *c, const uint8_t *data, size_t len) {
    size_t used = 0, message;
    while (c->state == OC_READING && used < len) {
        switch (oc_wire_frame(data + used, len - used, &message)) {
        case OC_FRAME_MORE: return used;
        case OC_FRAME_LOST: answer_lost(c, data + used); return len;
        case OC_FRAME_WHOLE: answer(c, data + used, message); break;
        }
        used += message;
        if (uv_is_active((uv_handle_t *)&c->timer) && c->state == OC_READING)
            uv_timer_stop(&c->timer); /* The next message has its own time. */
    }
    return used;
}

static void serve_input(oc_connection *c) {
    size_t used = serve(c, c->in.data, c->in.len);
    if (c->in.data && used > 0)
        input_consume(&c->in, used);
}

static void carry_on(oc_connection *c) {
    if (c->state == OC_READING && c->in.len > 0)
        serve_input(c);
    oc_connection_settle(c);
}

/* A hello's wait is over. */
static void end_wait(oc_connection *c) {
    end_use(c);
    c->state = OC_READING;
    oc_exchange *x = take_exchange(c);
    if (!x)
        return;
    bool more = c->wait.stream && !c->loop->draining;
    oc_exchange_run_hello(x, &c->wait, more);
    c->wait.response_to = x->reply_id;
    c->wait.active = more;
    send_reply(c, x);
    carry_on(c);
}

/* ---- the socket ---- */

static void on_timer(uv_timer_t *timer) {
    oc_connection *c = timer->data;
    if (c->state == OC_WAITING)
        end_wait(c);
    else if (c->state == OC_WRITING && has_taken_more(c))
        wait_at_most(c, STALLED_MS);
    else
        close_now(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    oc_connection *c = handle->data;
    size_t room = c->in.cap - c->in.len;
    if (c->state == OC_READING && c->in.len > 0 && room > 0)
        *buffer = uv_buf_init((char *)c->in.data + c->in.len, (unsigned)(room < READ_MAX ? room : READ_MAX));
    else
        *buffer = uv_buf_init((char *)c->loop->buffer, OC_LOOP_BUFFER);
}

/* What came into the loop's buffer: answered right there, the rest kept. */
static void take_shared(oc_connection *c, size_t len) {
    const uint8_t *data = c->loop->buffer;
    size_t used = c->in.len == 0 ? serve(c, data, len) : 0;
    bool wanted = c->state != OC_CLOSING && c->state != OC_LINGERING;
    if (used < len && wanted && !input_append(&c->in, data + used, len - used))
        close_now(c);
    explicit_bzero(c->loop->buffer, len);
}

static void on_end(oc_connection *c) {
    c->ended = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
    if (c->state != OC_WORKING && c->state != OC_WRITING)
        close_now(c); /* else when what it asked before is answered */
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer) {
    oc_connection *c = stream->data;
    if (len == UV_EOF) {
        on_end(c);
    } else if (len < 0) {
        close_now(c);
    } else if (len > 0) {
        if ((uint8_t *)buffer->base == c->loop->buffer) {
            take_shared(c, (size_t)len);
        } else {
            c->in.len += (size_t)len;
            serve_input(c);
        }
        oc_connection_settle(c);
    }
}

static void resume_reading(oc_connection *c) {
    if (!c->paused)
        return;
    c->paused = false;
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* Reads on, into memory for the whole of a message that has begun. */
static void expect_more(oc_connection *c) {
    size_t needed;
    if (c->in.len > 0) {
        oc_wire_frame(c->in.data, c->in.len, &needed);
        if (!input_grow(&c->in, needed)) {
            close_now(c);
            return;
        }
        if (!uv_is_active((uv_handle_t *)&c->timer))
            wait_at_most(c, STALLED_MS);
    }
    resume_reading(c);
}

void oc_connection_settle(oc_connection *c) {
    if (c->state == OC_READING && (c->ended || (c->loop->drained && c->in.len == 0))) {
        close_now(c);
    } else if (c->state == OC_READING) {
        expect_more(c);
    } else if (c->state == OC_LINGERING) {
        resume_reading(c); /* Closed over unread bytes, the socket would take the error reply back. */
    } else if (c->in.len >= BACKLOG_MAX && !c->paused && c->state != OC_CLOSING) {
        c->paused = true;
        uv_read_stop((uv_stream_t *)&c->tcp);
    }
}

void oc_connection_drain(oc_connection *c) {
    if (c->state == OC_WAITING)
        wait_at_most(c, 0);
}

/* ---- coming and going ---- */

static void log_connection(const oc_connection *c, int id, const char *message) {
    if (c->loop->server->config->quiet)
        return;
    char context[24];
    oc_line line;
    snprintf(context, sizeof context, "conn%d", c->id);
    oc_line_begin(&line, OC_LOG_INFO, "NETWORK", id, context, message);
    oc_line_number(&line, "connectionId", c->id);
    oc_line_number(&line, "connectionCount", atomic_load(&c->loop->server->connections_open));
    oc_line_end(&line);
}

static void on_closed(uv_handle_t *handle) {
    unreference(handle->data);
}

static void close_now(oc_connection *c) {
    if (c->state == OC_CLOSING)
        return;
    if (c->state == OC_WAITING)
        end_use(c);
    c->state = OC_CLOSING;
    atomic_fetch_sub(&c->loop->server->connections_open, 1);
    log_connection(c, 22944, "Connection ended");
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

void oc_connection_start(oc_loop *loop, int fd, int32_t id) {
    oc_connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        atomic_fetch_sub(&loop->server->connections_open, 1);
        return;
    }
    *c = (oc_connection){.loop = loop, .id = id, .next_reply_id = 1, .references = 2};
    uv_tcp_init(&loop->uv, &c->tcp);
    uv_timer_init(&loop->uv, &c->timer);
    c->tcp.data = c->timer.data = c;
    oc_loop_enter(loop, c);
    log_connection(c, 22943, "Connection accepted");
    if (uv_tcp_open(&c->tcp, fd) != 0) {
        close(fd);
        close_now(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
        close_now(c);
}
