#include "probe.h"

#include "bsonio.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_SECONDS = 1, REPLY_MAX = 64 * 1024 };

static int connect_to(const struct sockaddr *address, socklen_t len) {
    struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* bounds connect too */
    if (connect(fd, address, len) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool receive(int fd, uint8_t *buffer, size_t *len) {
    size_t have = 0;
    *len = OC_WIRE_HEADER;
    while (oc_wire_frame(buffer, have, len) == OC_FRAME_MORE) {
        if (*len > REPLY_MAX)
            return false;
        ssize_t got = recv(fd, buffer + have, *len - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return have == *len;
}

/* Runs {<name>: 1, $db: "admin"}; the reply document points into `buffer`. */
static bool ask(int fd, const char *name, uint8_t *buffer, oc_message *reply) {
    oc_writer command = {0};
    oc_writer_begin(&command, OC_WIRE_MSG_HEAD);
    oc_writer_int32(&command, name, 1);
    oc_writer_text(&command, "$db", "admin");
    bool done = oc_writer_end(&command, OC_WIRE_MSG_HEAD);
    if (done) {
        oc_wire_head_msg(command.data + OC_WIRE_MSG_HEAD, command.len - OC_WIRE_MSG_HEAD, 1, 0, 0);
        done = send(fd, command.data, command.len, MSG_NOSIGNAL) == (ssize_t)command.len;
    }
    oc_writer_done(&command);
    size_t len;
    oc_wire_error ignored;
    return done && receive(fd, buffer, &len) && oc_wire_parse(buffer, len, reply, &ignored);
}

static bool is_true(const oc_message *reply, const char *key) {
    oc_element element;
    return oc_document_find(reply->body, reply->body_len, key, &element) && oc_element_is_true(&element);
}

static const char *text_of(const oc_message *reply, const char *key) {
    oc_element element;
    if (!oc_document_find(reply->body, reply->body_len, key, &element) || element.type != OC_BSON_UTF8)
        return NULL;
    return (const char *)element.value + 4;
}

static void say_crypt(int fd, uint8_t *buffer, char *answer, size_t size) {
    oc_message info;
    char version[32];
    const char *found = ask(fd, "buildInfo", buffer, &info) ? text_of(&info, "opencryptd") : NULL;
    if (!found) {
        snprintf(answer, size, "a mongocryptd");
        return;
    }
    oc_text_clean(version, sizeof version, found, strlen(found));
    snprintf(answer, size, "another opencryptd %s", version);
}

static void say(int fd, uint8_t *buffer, char *answer, size_t size) {
    oc_message hello;
    if (!ask(fd, "hello", buffer, &hello))
        snprintf(answer, size, "a program that does not answer as a MongoDB server does");
    else if (is_true(&hello, "iscryptd"))
        say_crypt(fd, buffer, answer, size);
    else if (text_of(&hello, "msg") && strcmp(text_of(&hello, "msg"), "isdbgrid") == 0)
        snprintf(answer, size, "a mongos");
    else
        snprintf(answer, size, "a mongod or another MongoDB-compatible server");
}

void oc_probe(const struct sockaddr *address, socklen_t len, char *answer, size_t size) {
    snprintf(answer, size, "a program that takes no connections");
    uint8_t *buffer = malloc(REPLY_MAX);
    int fd = connect_to(address, len);
    if (buffer && fd >= 0)
        say(fd, buffer, answer, size);
    if (fd >= 0)
        close(fd);
    free(buffer);
}
