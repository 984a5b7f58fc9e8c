#ifndef OC_STORE_CHILDREN_H
#define OC_STORE_CHILDREN_H

/* Child processes of tests and of the demo: the store and the daemon, on ports of their own. A child dies with the
 * process that started it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct oc_child {
    pid_t pid;
    uint16_t port;
} oc_child;

/* Starts `path --port 0` and reads the port that it announces. False, with a line on stderr, if it does not. */
bool oc_child_start_store(const char *path, oc_child *out);

/* Starts `path --port 0 --pidfilepath pidfile` with its log thrown away and waits for the pid file. */
bool oc_child_start_daemon(const char *path, const char *pidfile, oc_child *out);

/* Waits (10 s) until `pidfile` is there and tells pid and port; for a daemon that somebody else started. */
bool oc_child_read_pidfile(const char *pidfile, oc_child *out);

/* SIGTERM and waits. Returns the exit status, -1 if the child did not exit by itself. */
int oc_child_stop(const oc_child *child);

/* A port that was free a moment ago, for a program that must be told one. */
uint16_t oc_child_free_port(void);

#endif
