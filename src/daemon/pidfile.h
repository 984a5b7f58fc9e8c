#ifndef OC_DAEMON_PIDFILE_H
#define OC_DAEMON_PIDFILE_H

/* The pid file: JSON {"port": 27020, "pid": 123}. It appears whole (renamed into place), is locked while the daemon
 * runs, so that a second daemon with the same file ends at once, and is removed at exit. */

#include <stdbool.h>

typedef struct oc_pidfile {
    const char *path; /* NULL: there is none */
    int fd;           /* holds the lock */
} oc_pidfile;

/* False with errno; EWOULDBLOCK: another process has the file. */
bool oc_pidfile_create(oc_pidfile *pidfile, const char *path, int port);
void oc_pidfile_remove(oc_pidfile *pidfile);

#endif
