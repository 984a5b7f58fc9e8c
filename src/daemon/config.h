#ifndef OC_DAEMON_CONFIG_H
#define OC_DAEMON_CONFIG_H

/* The command line. Every option is one row of the table in config.c; `--option value` and `--option=value` mean the
 * same, and of an option given twice the last counts (drivers append their own to the user's). */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { OC_CONFIG_IGNORED_MAX = 16 };

typedef struct oc_config {
    int port;            /* 0: any free one */
    const char *bind_ip; /* comma list; NULL: both loopback addresses */
    bool bind_ip_all;
    const char *log_path; /* NULL: stdout */
    bool log_append;
    int idle_seconds;     /* shut down after that long without a message; 0: never */
    const char *pid_path; /* NULL: no pid file */
    int max_connections;
    int verbosity;
    bool quiet;
    bool version, help;
    size_t ignored_count; /* options of the official daemon that mean nothing here */
    const char *ignored[OC_CONFIG_IGNORED_MAX];
} oc_config;

/* Fills *config with defaults and what `argv` says; texts point into argv. On failure a sentence for the user stands in
 * `error`. */
bool oc_config_parse(oc_config *config, int argc, char **argv, char *error, size_t error_size);
void oc_config_help(FILE *to);

#endif
