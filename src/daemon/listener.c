#include "listener.h"

#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PORT_ATTEMPTS = 20 };

/* An address to listen on. Of the addresses that one entry of the list stands for, one must be there: `localhost` has
 * an IPv6 address on a host without IPv6 too. */
typedef struct target {
    struct sockaddr_storage address;
    socklen_t len;
    size_t entry;
} target;

typedef struct plan {
    target targets[OC_LISTENERS_MAX];
    size_t count, entries;
    char *error;
    size_t error_size;
} plan;

/* Leaves errno as it is, for open_entry. */
static oc_exit fail(plan *p, oc_exit code, const char *what, const char *address) {
    int why = errno;
    snprintf(p->error, p->error_size, "cannot listen on %s: %s", address, what);
    errno = why;
    return code;
}

static bool add(plan *p, const struct sockaddr *address, socklen_t len) {
    if (p->count == OC_LISTENERS_MAX)
        return false;
    target *to = &p->targets[p->count++];
    memcpy(&to->address, address, len);
    to->len = len;
    to->entry = p->entries;
    return true;
}

static bool add_ip4(plan *p, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    return inet_pton(AF_INET, text, &address.sin_addr) == 1 && add(p, (struct sockaddr *)&address, sizeof address);
}

static bool add_ip6(plan *p, const char *text) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    return inet_pton(AF_INET6, text, &address.sin6_addr) == 1 && add(p, (struct sockaddr *)&address, sizeof address);
}

static bool add_name(plan *p, const char *name) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    bool added = true;
    for (struct addrinfo *at = found; at && added; at = at->ai_next)
        added = add(p, at->ai_addr, at->ai_addrlen);
    freeaddrinfo(found);
    return added;
}

/* Without asking a resolver for what has but one meaning. */
static bool add_entry(plan *p, const char *text) {
    bool added;
    if (strcmp(text, "localhost") == 0)
        added = add_ip4(p, "127.0.0.1") && add_ip6(p, "::1");
    else if (strcmp(text, "*") == 0)
        added = add_ip4(p, "0.0.0.0") && add_ip6(p, "::");
    else
        added = add_ip4(p, text) || add_ip6(p, text) || add_name(p, text);
    p->entries++;
    return added;
}

static oc_exit add_list(plan *p, const char *list) {
    while (true) {
        char entry[256];
        size_t len = strcspn(list, ",");
        snprintf(entry, sizeof entry, "%.*s", (int)len, list);
        if (len == 0 || len >= sizeof entry || !add_entry(p, entry))
            return fail(p, OC_EXIT_LISTEN, "not an address or host name of this machine", entry);
        if (!list[len])
            return OC_EXIT_OK;
        list += len + 1;
    }
}

static void set_port(target *t, int port) {
    in_port_t value = htons((in_port_t)port);
    if (t->address.ss_family == AF_INET)
        ((struct sockaddr_in *)&t->address)->sin_port = value;
    else
        ((struct sockaddr_in6 *)&t->address)->sin6_port = value;
}

static int port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static bool is_loopback(const target *t) {
    if (t->address.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&t->address)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&t->address)->sin6_addr);
}

static void print_address(const target *t, char text[INET6_ADDRSTRLEN]) {
    getnameinfo((const struct sockaddr *)&t->address, t->len, text, INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST);
}

/* A listening socket, or -1 (errno). */
static int listen_on(const target *t) {
    int one = 1;
    int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (t->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&t->address, t->len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static bool is_absent(int error) {
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
}

static oc_exit fail_in_use(plan *p, const target *t, const char *address, int port) {
    char holder[128];
    oc_probe((const struct sockaddr *)&t->address, t->len, holder, sizeof holder);
    snprintf(p->error, p->error_size, "%s port %d is in use by %s", address, port, holder);
    return OC_EXIT_IN_USE;
}

static oc_exit open_target(plan *p, oc_listeners *listeners, target *t) {
    char address[INET6_ADDRSTRLEN] = "?";
    print_address(t, address);
    set_port(t, listeners->port);
    int fd = listen_on(t);
    if (fd < 0 && errno == EADDRINUSE)
        return fail_in_use(p, t, address, listeners->port);
    if (fd < 0)
        return fail(p, OC_EXIT_LISTEN, strerror(errno), address);
    oc_listener *listener = &listeners->of[listeners->count++];
    listener->fd = fd;
    memcpy(listener->address, address, sizeof address);
    listeners->port = port_of(fd);
    listeners->beyond_loopback = listeners->beyond_loopback || !is_loopback(t);
    return OC_EXIT_OK;
}

/* All addresses of one entry of the list; `from` is moved past them. */
static oc_exit open_entry(plan *p, oc_listeners *listeners, size_t *from) {
    size_t entry = p->targets[*from].entry, opened = 0;
    oc_exit result = OC_EXIT_OK;
    for (; *from < p->count && p->targets[*from].entry == entry; ++*from) {
        result = open_target(p, listeners, &p->targets[*from]);
        if (result == OC_EXIT_OK)
            opened++;
        else if (result == OC_EXIT_IN_USE || !is_absent(errno))
            return result;
    }
    return opened > 0 ? OC_EXIT_OK : result;
}

static oc_exit open_all(plan *p, oc_listeners *listeners, int port) {
    *listeners = (oc_listeners){.port = port};
    oc_exit result = OC_EXIT_OK;
    for (size_t from = 0; from < p->count && result == OC_EXIT_OK;)
        result = open_entry(p, listeners, &from);
    if (result != OC_EXIT_OK)
        oc_listeners_close(listeners);
    return result;
}

oc_exit oc_listeners_open(oc_listeners *listeners, const oc_config *config, char *error, size_t error_size) {
    plan p = {.error = error, .error_size = error_size};
    const char *list = config->bind_ip_all ? "*" : config->bind_ip ? config->bind_ip : "localhost";
    oc_exit result = add_list(&p, list);
    if (result != OC_EXIT_OK)
        return result;
    /* A free port of the first address may be in use on another. */
    for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
        result = open_all(&p, listeners, config->port);
        if (result != OC_EXIT_IN_USE || config->port != 0)
            break;
    }
    return result;
}

void oc_listeners_close(oc_listeners *listeners) {
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->of[i].fd);
    listeners->count = 0;
}
