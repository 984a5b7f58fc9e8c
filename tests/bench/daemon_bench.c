/* The daemon against an echo server on the same event loop, which sends the request's bytes back: throughput and
 * latency for one connection (ping-pong) and for 16 busy ones, and the time from exec to the first connection against
 * that of /bin/true. Runs are interleaved, medians of five are compared.
 *
 *     daemon_bench [MILLISECONDS-PER-RUN]
 */

#include "daemon_load.h"

#include <bson/bson.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 5, STARTS = 21, MESSAGES = 2, BUSY = 16 };

extern char **environ;

static const char schema[] =
    "'jsonSchema': {'bsonType': 'object', 'properties': {"
    "  'ssn': {'encrypt': {'keyId': [{'$binary': {'base64': 'AAECAwQFBgcICQoLDA0ODw==', 'subType': '04'}}],"
    "    'bsonType': 'string', 'algorithm': 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic'}},"
    "  'medical': {'bsonType': 'object', 'properties': {'blood': {'encrypt': {"
    "    'keyId': [{'$binary': {'base64': 'AAECAwQFBgcICQoLDA0ODw==', 'subType': '04'}}],"
    "    'bsonType': 'string', 'algorithm': 'AEAD_AES_256_CBC_HMAC_SHA_512-Random'}}}}}},"
    "'isRemoteSchema': false, '$db': 'clinic'";

static const char *const commands[MESSAGES] = {
    "{'find': 'patients', 'filter': {'ssn': '123-45-6789', 'active': true}, 'limit': 1, %s}",
    "{'insert': 'patients', 'documents': [{'_id': {'$oid': '5f0f3b2a1c9d440000a1b2c3'}, 'name': 'Jon Doe',"
    " 'ssn': '123-45-6789', 'born': {'$date': '1980-01-01T00:00:00Z'}, 'active': true, 'visits': 12,"
    " 'medical': {'blood': 'A+', 'notes': 'none so far'}}], 'ordered': true, %s}",
};

static void fail(const char *what) {
    fprintf(stderr, "daemon_bench: %s\n", what);
    exit(1);
}

/* OP_MSG: header, no flags, one body. */
static load_message make_message(const char *format) {
    char json[4096];
    bson_error_t error;
    snprintf(json, sizeof json, format, schema);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    bson_t *body = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (!body)
        fail(error.message);
    size_t len = 21 + body->len;
    uint8_t *message = calloc(1, len);
    if (!message)
        fail("out of memory");
    int32_t header[4] = {(int32_t)len, 1, 0, 2013};
    memcpy(message, header, sizeof header);
    memcpy(message + 21, bson_get_data(body), body->len);
    bson_destroy(body);
    return (load_message){message, len};
}

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        fail("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static pid_t spawn(const char *const *arguments) {
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
    if (posix_spawn(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments, environ) != 0)
        fail("cannot start a server");
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void stop(pid_t pid) {
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* Milliseconds from exec until it takes a connection. */
static double wait_until_ready(int port, uint64_t start, pid_t pid) {
    int fd;
    while ((fd = load_connect(port)) < 0) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail("a server has ended");
        usleep(20);
    }
    double milliseconds = (double)(load_now() - start) / 1e6;
    close(fd);
    return milliseconds;
}

static pid_t start_daemon(int port, double *milliseconds) {
    char text[8];
    snprintf(text, sizeof text, "%d", port);
    uint64_t start = load_now();
    pid_t pid = spawn((const char *const[]){DAEMON_PATH, "--port", text, NULL});
    *milliseconds = wait_until_ready(port, start, pid);
    return pid;
}

static pid_t start_echo(int port) {
    char text[8];
    snprintf(text, sizeof text, "%d", port);
    pid_t pid = spawn((const char *const[]){ECHO_PATH, text, NULL});
    wait_until_ready(port, load_now(), pid);
    return pid;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

/* Of the member at `offset` of all results. */
static double median_of(const load_result *results, size_t offset) {
    double values[RUNS];
    for (int i = 0; i < RUNS; i++)
        memcpy(&values[i], (const char *)&results[i] + offset, sizeof(double));
    return median(values, RUNS);
}

static void print_ratios(const char *name, const load_result *ours, const load_result *theirs) {
    static const struct {
        const char *name, *unit, *limit;
        size_t offset;
    } figures[] = {{"throughput", "/s", ">= 0.90", offsetof(load_result, per_second)},
                   {"p50", "us", "<= 1.15", offsetof(load_result, p50)},
                   {"p99", "us", "<= 1.50", offsetof(load_result, p99)}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        double our = median_of(ours, figures[i].offset), their = median_of(theirs, figures[i].offset);
        printf("%-14s %-10s %5.2fx of echo (%s)   daemon %9.1f%s  echo %9.1f%s\n", name, figures[i].name, our / their,
               figures[i].limit, our, figures[i].unit, their, figures[i].unit);
    }
}

static void compare_under_load(const char *name, int connections, int milliseconds, int daemon, int echo) {
    load_result ours[RUNS], theirs[RUNS];
    load_message messages[MESSAGES];
    for (int i = 0; i < MESSAGES; i++)
        messages[i] = make_message(commands[i]);
    load_run(daemon, connections, messages, MESSAGES, milliseconds / 4); /* to warm up */
    load_run(echo, connections, messages, MESSAGES, milliseconds / 4);
    for (int i = 0; i < RUNS; i++) {
        ours[i] = load_run(daemon, connections, messages, MESSAGES, milliseconds);
        theirs[i] = load_run(echo, connections, messages, MESSAGES, milliseconds);
    }
    for (int i = 0; i < MESSAGES; i++)
        free((void *)(uintptr_t)messages[i].data);
    print_ratios(name, ours, theirs);
}

static double time_true(void) {
    uint64_t start = load_now();
    pid_t pid = spawn((const char *const[]){"/bin/true", NULL});
    waitpid(pid, NULL, 0);
    return (double)(load_now() - start) / 1e6;
}

static void compare_starts(void) {
    double ours[STARTS], theirs[STARTS];
    for (int i = 0; i < STARTS; i++) {
        stop(start_daemon(free_port(), &ours[i]));
        theirs[i] = time_true();
    }
    double our = median(ours, STARTS), their = median(theirs, STARTS);
    printf("%-14s %-10s %5.2fx of /bin/true   daemon %.2f ms (< 20 ms, worst %.2f)  /bin/true %.2f ms\n", "start",
           "ready", our / their, our, ours[STARTS - 1], their);
}

int main(int argc, char **argv) {
    int milliseconds = argc > 1 ? atoi(argv[1]) : 1000;
    int daemon_port = free_port(), echo_port = free_port();
    double ignored;
    pid_t daemon = start_daemon(daemon_port, &ignored), echo = start_echo(echo_port);
    compare_under_load("one", 1, milliseconds, daemon_port, echo_port);
    compare_under_load("16 busy", BUSY, milliseconds, daemon_port, echo_port);
    stop(daemon);
    kill(echo, SIGKILL);
    waitpid(echo, NULL, 0);
    compare_starts();
    return 0;
}
