/* oc_store: a stand-in for a MongoDB server, in memory and for tests. One thread per connection, one command at a time.
 *
 *     oc_store [--port N] [--wire-version N]
 *
 * It listens on 127.0.0.1, says "port N" on stdout, and ends on SIGTERM or SIGINT. */
#include "commands.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t one_command = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t ending;

static void end(int signal) {
    (void)signal;
    ending = 1;
}

static bool serve_message(int fd) {
    oc_message message;
    if (!oc_wire_read(fd, &message)) {
        return false;
    }
    bson_t reply = BSON_INITIALIZER;
    pthread_mutex_lock(&one_command);
    oc_command_run(message.command, message.legacy, &reply);
    pthread_mutex_unlock(&one_command);
    bool sent = !message.want_reply || oc_wire_reply(fd, &message, &reply);
    bson_destroy(&reply);
    bson_destroy(message.command);
    return sent;
}

static void *serve_connection(void *argument) {
    int fd = (int)(intptr_t)argument;
    while (serve_message(fd)) {
    }
    close(fd);
    return NULL;
}

static void accept_connection(int listener) {
    pthread_t thread;
    int one = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd) != 0) {
        close(fd);
        return;
    }
    pthread_detach(thread);
}

/* Returns the listening socket, or -1. *port is the one chosen where 0 was asked for. */
static int listen_on_loopback(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t length = sizeof address;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* Signals that end the store are let in only while it waits, so that none comes between the look at `ending` and the
 * wait. The threads of connections inherit the mask and never see them. */
static void serve(int listener) {
    sigset_t ends, waiting;
    struct sigaction action = {.sa_handler = end};
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    pthread_sigmask(SIG_BLOCK, &ends, &waiting);
    while (!ending) {
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        if (ppoll(&ready, 1, NULL, &waiting) > 0) {
            accept_connection(listener);
        }
    }
}

static bool parse_number(const char *text, uint16_t *out) {
    char *end_of_number;
    unsigned long number = strtoul(text, &end_of_number, 10);
    *out = (uint16_t)number;
    return *text && *end_of_number == '\0' && number <= UINT16_MAX;
}

static bool parse_options(int argc, char **argv, uint16_t *port, uint16_t *wire_version) {
    for (int i = 1; i < argc; i += 2) {
        uint16_t *option = strcmp(argv[i], "--port") == 0           ? port
                           : strcmp(argv[i], "--wire-version") == 0 ? wire_version
                                                                    : NULL;
        if (!option || i + 1 == argc || !parse_number(argv[i + 1], option)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    uint16_t port = 27017, wire_version = OC_WIRE_VERSION;
    if (!parse_options(argc, argv, &port, &wire_version)) {
        fprintf(stderr, "usage: oc_store [--port N] [--wire-version N]\n");
        return 2;
    }
    oc_command_announce(wire_version);
    int listener = listen_on_loopback(&port);
    if (listener < 0) {
        fprintf(stderr, "oc_store: cannot listen on 127.0.0.1:%u: %s\n", port, strerror(errno));
        return 1;
    }
    printf("port %u\n", port);
    fflush(stdout);
    serve(listener);
    return 0;
}
