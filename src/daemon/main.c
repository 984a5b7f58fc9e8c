/* opencryptd: query analysis for MongoDB client-side encryption, over MongoDB's wire protocol. */

#include "config.h"
#include "listener.h"
#include "log.h"
#include "pidfile.h"
#include "process.h"
#include "server.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct daemon_state {
    oc_config config;
    oc_listeners listeners;
    oc_pidfile pidfile;
    oc_server server;
    oc_service service;
    char error[512];
} daemon_state;

static oc_exit fail(daemon_state *d, oc_exit code, const char *what, const char *path) {
    snprintf(d->error, sizeof d->error, "%s %s: %s", what, path, strerror(errno));
    return code;
}

static oc_exit start(daemon_state *d) {
    const oc_config *config = &d->config;
    oc_exit result = oc_listeners_open(&d->listeners, config, d->error, sizeof d->error);
    if (result != OC_EXIT_OK)
        return result;
    if (config->pid_path && !oc_pidfile_create(&d->pidfile, config->pid_path, d->listeners.port))
        return errno == EWOULDBLOCK
                   ? fail(d, OC_EXIT_PIDFILE, "another daemon runs with the pid file", config->pid_path)
                   : fail(d, OC_EXIT_PIDFILE, "cannot write the pid file", config->pid_path);
    errno = ENOMEM;
    if (!oc_server_init(&d->server, config) || !oc_service_start(&d->service, &d->server, &d->listeners, &d->pidfile))
        return fail(d, OC_EXIT_RESOURCES, "cannot start", "threads");
    return OC_EXIT_OK;
}

static void log_start(const daemon_state *d) {
    oc_line line;
    oc_line_begin(&line, OC_LOG_INFO, "CONTROL", 23403, "main", "opencryptd starting");
    oc_line_text(&line, "version", opencrypt_version());
    oc_line_number(&line, "pid", getpid());
    oc_line_number(&line, "threads", (int64_t)d->server.loop_count);
    oc_line_end(&line);
    for (size_t i = 0; i < d->config.ignored_count; i++) {
        oc_line_begin(&line, OC_LOG_INFO, "CONTROL", 7800015, "main", "Option is accepted but has no effect here");
        oc_line_text(&line, "option", d->config.ignored[i]);
        oc_line_end(&line);
    }
}

static void log_listening(const oc_listeners *listeners) {
    oc_line line;
    if (listeners->beyond_loopback)
        oc_log(OC_LOG_WARNING, "NETWORK", 7800016, "listener",
               "Listening beyond loopback: there is no authentication and commands arrive in plaintext");
    for (size_t i = 0; i < listeners->count; i++) {
        oc_line_begin(&line, OC_LOG_INFO, "NETWORK", 23015, "listener", "Listening on");
        oc_line_text(&line, "address", listeners->of[i].address);
        oc_line_number(&line, "port", listeners->port);
        oc_line_end(&line);
    }
    oc_line_begin(&line, OC_LOG_INFO, "NETWORK", 23016, "listener", "Waiting for connections");
    oc_line_number(&line, "port", listeners->port);
    oc_line_text(&line, "ssl", "off");
    oc_line_end(&line);
}

static int run(daemon_state *d) {
    const oc_config *config = &d->config;
    if (!oc_log_open(config->log_path, config->log_append, config->verbosity)) {
        oc_process_report(fail(d, OC_EXIT_LOG, "cannot open the log", config->log_path), d->error);
        return OC_EXIT_LOG;
    }
    oc_exit result = start(d);
    if (result != OC_EXIT_OK) {
        oc_pidfile_remove(&d->pidfile);
        oc_process_report(result, d->error);
        return (int)result;
    }
    log_start(d);
    log_listening(&d->listeners);
    oc_process_notify("READY=1");
    oc_service_run(&d->service);
    oc_server_done(&d->server);
    oc_pidfile_remove(&d->pidfile);
    oc_log(OC_LOG_INFO, "CONTROL", 23138, "main", "Shutting down");
    return OC_EXIT_OK;
}

int main(int argc, char **argv) {
    static daemon_state d;
    if (!oc_config_parse(&d.config, argc, argv, d.error, sizeof d.error)) {
        oc_process_report(OC_EXIT_OPTION, d.error);
        return OC_EXIT_OPTION;
    }
    if (d.config.help) {
        oc_config_help(stdout);
        return OC_EXIT_OK;
    }
    if (d.config.version) {
        printf("opencryptd version %s\n", opencrypt_version());
        return OC_EXIT_OK;
    }
    oc_process_prepare();
    return run(&d);
}
