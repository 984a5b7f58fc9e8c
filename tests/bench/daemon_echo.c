/* What the daemon is measured against: sends every byte back, with the same library, threads and way of reading and
 * writing, and does nothing else.
 *
 *     daemon_echo PORT
 */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { BUFFER = 64 * 1024, LOOPS_MAX = 64, ARRIVALS_MAX = 1024 };

typedef struct echo_loop {
    uv_loop_t uv;
    uv_thread_t thread;
    uv_async_t wake;
    uv_mutex_t lock;
    int arrivals[ARRIVALS_MAX];
    size_t arrival_count;
    char buffer[BUFFER];
} echo_loop;

static echo_loop loops[LOOPS_MAX];
static size_t loop_count, next_loop;

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    echo_loop *loop = handle->loop->data;
    *buffer = uv_buf_init(loop->buffer, BUFFER);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    free(write);
}

static void write_rest(uv_stream_t *stream, const char *data, size_t len) {
    uv_write_t *write = malloc(sizeof *write + len);
    if (!write)
        abort();
    uv_buf_t rest = uv_buf_init(memcpy(write + 1, data, len), (unsigned)len);
    uv_write(write, stream, &rest, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer) {
    if (len < 0)
        uv_close((uv_handle_t *)stream, on_closed);
    if (len <= 0)
        return;
    uv_buf_t all = uv_buf_init(buffer->base, (unsigned)len);
    int wrote = uv_try_write(stream, &all, 1);
    if (wrote < 0)
        wrote = 0;
    if (wrote < len)
        write_rest(stream, buffer->base + wrote, (size_t)(len - wrote));
}

static void serve(echo_loop *loop, int fd) {
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (!tcp)
        abort();
    uv_tcp_init(&loop->uv, tcp);
    uv_tcp_open(tcp, fd);
    uv_tcp_nodelay(tcp, 1);
    uv_read_start((uv_stream_t *)tcp, on_alloc, on_read);
}

static void on_wake(uv_async_t *wake) {
    echo_loop *loop = wake->loop->data;
    uv_mutex_lock(&loop->lock);
    for (size_t i = 0; i < loop->arrival_count; i++)
        serve(loop, loop->arrivals[i]);
    loop->arrival_count = 0;
    uv_mutex_unlock(&loop->lock);
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    int listener = *(int *)poll->data, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        echo_loop *loop = &loops[next_loop++ % loop_count];
        uv_mutex_lock(&loop->lock);
        if (loop->arrival_count < ARRIVALS_MAX)
            loop->arrivals[loop->arrival_count++] = fd;
        else
            close(fd);
        uv_mutex_unlock(&loop->lock);
        uv_async_send(&loop->wake);
    }
}

static void run(void *loop) {
    uv_run(loop, UV_RUN_DEFAULT);
}

static void start_loop(echo_loop *loop) {
    uv_loop_init(&loop->uv);
    loop->uv.data = loop;
    uv_mutex_init(&loop->lock);
    uv_async_init(&loop->uv, &loop->wake, on_wake);
    uv_thread_create(&loop->thread, run, &loop->uv);
}

static int listen_on(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
        exit(1);
    return fd;
}

int main(int argc, char **argv) {
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
    uv_poll_t poll;
    loop_count = uv_available_parallelism() < LOOPS_MAX ? uv_available_parallelism() : LOOPS_MAX;
    for (size_t i = 0; i < loop_count; i++)
        start_loop(&loops[i]);
    uv_poll_init(uv_default_loop(), &poll, listener);
    poll.data = &listener;
    uv_poll_start(&poll, UV_READABLE, on_acceptable);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
