#include "log.h"

#include "bsonio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_TAIL = 4 }; /* room kept for what closes a line: two braces, newline, NUL */

static struct {
    pthread_mutex_t lock;
    const char *path;
    int fd;
    bool may_block; /* a pipe or terminal: ask before writing */
    int verbosity;
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDOUT_FILENO, .may_block = true};

static bool may_block(int fd) {
    struct stat status;
    return fstat(fd, &status) != 0 || !S_ISREG(status.st_mode);
}

static void use(int fd) {
    pthread_mutex_lock(&out.lock);
    int old = out.fd;
    out.fd = fd;
    out.may_block = may_block(fd);
    pthread_mutex_unlock(&out.lock);
    if (old != STDOUT_FILENO)
        close(old);
}

static bool open_path(void) {
    int fd = open(out.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return false;
    use(fd);
    return true;
}

/* As MongoDB's programs do: log -> log.2026-11-24T03-56-36 */
static void move_aside(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return;
    char stamp[32], *to;
    time_t now = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H-%M-%S", gmtime_r(&now, &utc));
    if (asprintf(&to, "%s.%s", path, stamp) < 0)
        return;
    if (access(to, F_OK) != 0)
        (void)rename(path, to);
    free(to);
}

bool oc_log_open(const char *path, bool append, int verbosity) {
    out.verbosity = verbosity;
    out.path = path;
    if (!path) {
        out.may_block = may_block(STDOUT_FILENO);
        return true;
    }
    if (!append)
        move_aside(path);
    return open_path();
}

bool oc_log_reopen(void) {
    return !out.path || open_path();
}

bool oc_log_wants(oc_severity severity) {
    return severity != OC_LOG_DEBUG || out.verbosity > 0;
}

/* Appends if the whole text fits, else leaves the line as it was. */
__attribute__((format(printf, 2, 3))) static bool put(oc_line *line, const char *format, ...) {
    size_t room = sizeof line->text - LINE_TAIL - line->len;
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(line->text + line->len, room, format, arguments);
    va_end(arguments);
    if (wrote < 0 || (size_t)wrote >= room)
        return false;
    line->len += (size_t)wrote;
    return true;
}

void oc_line_begin(oc_line *line, oc_severity severity, const char *component, int id, const char *context,
                   const char *message) {
    static const char *const letters[] = {"E", "W", "I", "D1"};
    struct timespec now;
    struct tm utc;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
    line->len = line->attributes = 0;
    put(line, "{\"t\":{\"$date\":\"%s.%03ld+00:00\"},\"s\":\"%s\",\"c\":\"%s\",\"id\":%d,\"ctx\":\"%s\",\"msg\":\"%s\"",
        date, now.tv_nsec / 1000000, letters[severity], component, id, context, message);
}

static const char *separator(const oc_line *line) {
    return line->attributes == 0 ? ",\"attr\":{" : ",";
}

/* After oc_text_clean only quotes and backslashes are left to escape. */
static void escape(char *to, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to = 0;
}

void oc_line_text(oc_line *line, const char *key, const char *text) {
    char clean[256], escaped[2 * sizeof clean];
    oc_text_clean(clean, sizeof clean, text, strlen(text));
    escape(escaped, clean);
    if (put(line, "%s\"%s\":\"%s\"", separator(line), key, escaped))
        line->attributes++;
}

void oc_line_number(oc_line *line, const char *key, int64_t number) {
    if (put(line, "%s\"%s\":%lld", separator(line), key, (long long)number))
        line->attributes++;
}

static void write_line(const oc_line *line) {
    struct pollfd ready = {.fd = out.fd, .events = POLLOUT};
    if (out.may_block && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
        return;
    ssize_t wrote;
    do {
        wrote = write(out.fd, line->text, line->len);
    } while (wrote < 0 && errno == EINTR);
}

void oc_line_end(oc_line *line) {
    const char *tail = line->attributes == 0 ? "}\n" : "}}\n";
    memcpy(line->text + line->len, tail, strlen(tail));
    line->len += strlen(tail);
    pthread_mutex_lock(&out.lock);
    write_line(line);
    pthread_mutex_unlock(&out.lock);
}

void oc_log(oc_severity severity, const char *component, int id, const char *context, const char *message) {
    oc_line line;
    oc_line_begin(&line, severity, component, id, context, message);
    oc_line_end(&line);
}
