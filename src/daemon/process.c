#include "process.h"

#include "log.h"

#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { MMAP_THRESHOLD = 256 * 1024 };

static void protect_memory(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef SANITIZED /* the leak checker is a debugger */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static void raise_file_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* The pool's size is read when it is first used. */
static void size_pool(void) {
    char count[24];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(count, sizeof count, "%ld", cores < 4 ? 4 : cores > 64 ? 64 : cores);
    setenv("UV_THREADPOOL_SIZE", count, 0);
}

void oc_process_prepare(void) {
    protect_memory();
    raise_file_limit();
    size_pool();
    signal(SIGPIPE, SIG_IGN);
#ifdef M_MMAP_THRESHOLD
    /* glibc raises this by itself each time a large block is freed, and then keeps blocks of that size. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
#endif
}

void oc_process_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    size_t len = strlen(path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = 0; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

void oc_process_report(oc_exit code, const char *why) {
    oc_line line;
    oc_line_begin(&line, OC_LOG_ERROR, "CONTROL", 7800010, "main", "Cannot start");
    oc_line_text(&line, "error", why);
    oc_line_number(&line, "exitCode", code);
    oc_line_end(&line);
    fprintf(stderr, "opencryptd: %s\n", why);
    openlog("opencryptd", LOG_PID, LOG_DAEMON);
    syslog(LOG_ERR, "cannot start: %s", why);
    closelog();
}
