#include "daemon_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, REPLY_MAX = 1 << 20, SAMPLES_MAX = 1 << 22 };

typedef struct client {
    int fd;
    size_t next;
    uint64_t sent;
} client;

typedef struct load {
    const load_message *messages;
    size_t message_count;
    client clients[CONNECTIONS_MAX];
    uint8_t reply[REPLY_MAX];
    float *samples;
    size_t sample_count;
} load;

static void check(bool good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(1);
}

uint64_t load_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int load_connect(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(fd >= 0, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_next(load *l, client *c) {
    const load_message *message = &l->messages[c->next++ % l->message_count];
    c->sent = load_now();
    check(send(c->fd, message->data, message->len, 0) == (ssize_t)message->len, "send");
}

static void receive(load *l, client *c) {
    size_t have = 0, want = 4;
    while (have < want) {
        ssize_t got = recv(c->fd, l->reply + have, REPLY_MAX - have, 0);
        check(got > 0, "recv");
        have += (size_t)got;
        if (have >= 4) {
            uint32_t len;
            memcpy(&len, l->reply, 4);
            want = len;
            check(want <= REPLY_MAX, "reply too long");
        }
    }
    if (l->sample_count < SAMPLES_MAX)
        l->samples[l->sample_count++] = (float)(load_now() - c->sent) / 1000;
}

static void run_one(load *l, uint64_t end) {
    while (load_now() < end) {
        send_next(l, &l->clients[0]);
        receive(l, &l->clients[0]);
    }
}

static void run_many(load *l, int connections, uint64_t end) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[CONNECTIONS_MAX];
    for (int i = 0; i < connections; i++) {
        events[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &l->clients[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, l->clients[i].fd, &events[0]);
        send_next(l, &l->clients[i]);
    }
    for (int open = connections; open > 0;) {
        int count = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);
        for (int i = 0; i < count; i++) {
            client *c = events[i].data.ptr;
            receive(l, c);
            if (load_now() < end)
                send_next(l, c);
            else
                open--;
        }
    }
    close(epoll);
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

load_result load_run(int port, int connections, const load_message *messages, size_t message_count, int milliseconds) {
    load *l = calloc(1, sizeof *l);
    check(l && (l->samples = malloc(SAMPLES_MAX * sizeof *l->samples)), "malloc");
    l->messages = messages;
    l->message_count = message_count;
    for (int i = 0; i < connections; i++)
        check((l->clients[i].fd = load_connect(port)) >= 0, "connect");
    uint64_t start = load_now(), end = start + (uint64_t)milliseconds * 1000000;
    if (connections == 1)
        run_one(l, end);
    else
        run_many(l, connections, end);
    double seconds = (double)(load_now() - start) / 1e9;
    for (int i = 0; i < connections; i++)
        close(l->clients[i].fd);
    qsort(l->samples, l->sample_count, sizeof *l->samples, compare);
    load_result result = {(double)l->sample_count / seconds, (double)l->samples[l->sample_count / 2],
                          (double)l->samples[l->sample_count * 99 / 100]};
    free(l->samples);
    free(l);
    return result;
}
