#include "subject.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"
#include "error.h"
#include "opencrypt.h"

struct oc_subject {
    bson_t *(*ask)(oc_subject *s, const bson_t *command);
    opencrypt_engine *engine; /* the library */
    opencrypt_request *request;
    const char *rule; /* of the last refusal */
    oc_abi abi;       /* or the shared library */
    mongo_crypt_v1_lib *lib;
    mongo_crypt_v1_status *status;
    pid_t daemon; /* or the daemon */
    int socket;
};

static void __attribute__((noreturn)) die(const char *what) {
    perror(what);
    exit(2);
}

/* ---- daemon ---- */

/* Reads the daemon's log until it says where it listens. */
static uint16_t read_port(FILE *log) {
    char line[4096];
    while (fgets(line, sizeof line, log)) {
        const char *port = strstr(line, "\"port\":");
        if (strstr(line, "Waiting for connections") && port)
            return (uint16_t)atoi(port + strlen("\"port\":"));
    }
    return 0;
}

static uint16_t start_daemon(oc_subject *s, const char *path) {
    int out[2];
    if (pipe(out) != 0 || (s->daemon = fork()) < 0)
        die("fork");
    if (s->daemon == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execl(path, path, "--port", "0", "--bind_ip", "127.0.0.1", (char *)NULL);
        die(path);
    }
    close(out[1]);
    FILE *log = fdopen(out[0], "r");
    uint16_t port = read_port(log);
    if (!port)
        die("no port in the daemon's log");
    return port; /* the log stays open: the daemon goes on writing to it */
}

static void connect_to(oc_subject *s, uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (s->socket < 0 || connect(s->socket, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
}

static bool transfer(int fd, void *bytes, size_t len, bool writing) {
    for (size_t done = 0; done < len;) {
        char *at = (char *)bytes + done;
        ssize_t n = writing ? write(fd, at, len - done) : read(fd, at, len - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* OP_MSG: header {length, requestID, responseTo, opCode 2013}, flags, one section of kind 0. */
static bson_t *ask_daemon(oc_subject *s, const bson_t *command) {
    enum { HEADER = 16 + 4 + 1, OP_MSG = 2013 };
    uint32_t length = HEADER + command->len;
    uint8_t *message = calloc(1, length);
    uint32_t header[4] = {length, 1, 0, OP_MSG};
    memcpy(message, header, sizeof header);
    memcpy(message + HEADER, bson_get_data(command), command->len);
    bool sent = transfer(s->socket, message, length, true);
    free(message);
    if (!sent || !transfer(s->socket, header, sizeof header, false) || header[3] != OP_MSG || header[0] < HEADER)
        return NULL;
    message = malloc(header[0] - sizeof header);
    bson_t *reply = NULL;
    if (transfer(s->socket, message, header[0] - sizeof header, false))
        reply = bson_new_from_data(message + 5, header[0] - HEADER);
    free(message);
    return reply;
}

/* ---- shared library ---- */

static void load(oc_subject *s, const char *path) {
    if (!oc_abi_load(&s->abi, path))
        die(path);
    s->status = s->abi.status_create();
    s->lib = s->abi.lib_create(s->status);
    if (!s->lib)
        die(s->abi.status_get_explanation(s->status));
}

/* The reply that the daemon makes of the same refusal. */
static bson_t *refusal(oc_subject *s) {
    bson_t *reply = bson_new();
    char name[32];
    int code = s->abi.status_get_code(s->status);
    bson_append_double(reply, "ok", -1, 0.0);
    bson_append_utf8(reply, "errmsg", -1, s->abi.status_get_explanation(s->status), -1);
    bson_append_int32(reply, "code", -1, code);
    bson_append_utf8(reply, "codeName", -1, oc_code_name(code, name), -1);
    return reply;
}

/* An analyzer for each command, as libmongocrypt has it. */
static bson_t *ask_abi(oc_subject *s, const bson_t *command) {
    static const char ns[] = "db.people";
    uint32_t len;
    mongo_crypt_v1_query_analyzer *analyzer = s->abi.query_analyzer_create(s->lib, s->status);
    uint8_t *bytes = s->abi.analyze_query(analyzer, bson_get_data(command), ns, sizeof ns - 1, &len, s->status);
    bson_t *reply = bytes ? bson_new_from_data(bytes, len) : refusal(s);
    s->abi.bson_free(bytes);
    s->abi.query_analyzer_destroy(analyzer);
    return reply;
}

/* ---- library ---- */

static bson_t *ask_library(oc_subject *s, const bson_t *command) {
    opencrypt_reply reply;
    opencrypt_analyze(s->request, bson_get_data(command), command->len, NULL, 0, &reply);
    s->rule = reply.ok ? "" : reply.refusal.rule;
    return bson_new_from_data(reply.data, reply.len);
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- all ---- */

oc_subject *oc_subject_new(const char *what) {
    oc_subject *s = calloc(1, sizeof *s);
    if (strcmp(what, "library") == 0) {
        s->ask = ask_library;
        s->engine = opencrypt_engine_new();
        s->request = opencrypt_request_new(s->engine, 0);
    } else if (ends_with(what, ".so")) {
        s->ask = ask_abi;
        load(s, what);
    } else {
        s->ask = ask_daemon;
        connect_to(s, start_daemon(s, what));
    }
    return s;
}

bson_t *oc_subject_ask(oc_subject *s, const bson_t *command) {
    return s->ask(s, command);
}

const char *oc_subject_rule(const oc_subject *s) {
    return s->rule;
}

static void unload(oc_subject *s) {
    s->abi.lib_destroy(s->lib, NULL);
    s->abi.status_destroy(s->status);
    oc_abi_unload(&s->abi);
}

void oc_subject_free(oc_subject *s) {
    if (s->daemon) {
        close(s->socket);
        kill(s->daemon, SIGTERM);
        waitpid(s->daemon, NULL, 0);
    }
    if (s->lib)
        unload(s);
    opencrypt_request_free(s->request);
    opencrypt_engine_free(s->engine);
    free(s);
}
