#ifndef OC_DAEMON_LISTENER_H
#define OC_DAEMON_LISTENER_H

/* The sockets that the daemon listens on. */

#include "config.h"
#include "process.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { OC_LISTENERS_MAX = 32 };

typedef struct oc_listener {
    int fd;
    char address[INET6_ADDRSTRLEN];
} oc_listener;

typedef struct oc_listeners {
    size_t count;
    oc_listener of[OC_LISTENERS_MAX];
    int port;             /* the real one where 0 was asked for */
    bool beyond_loopback; /* other machines can reach us */
} oc_listeners;

/* Binds and listens on all addresses of the config. Else nothing is left open and a sentence stands in `error`. */
oc_exit oc_listeners_open(oc_listeners *listeners, const oc_config *config, char *error, size_t error_size);
void oc_listeners_close(oc_listeners *listeners);

#endif
