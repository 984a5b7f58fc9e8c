#ifndef OC_DAEMON_PROCESS_H
#define OC_DAEMON_PROCESS_H

/* What the process owes its surroundings: exit codes, limits, protection of its memory, and word to its manager. */

/* Drivers throw away what a spawned daemon prints, so each cause of a failed start has its own code. */
typedef enum oc_exit {
    OC_EXIT_OK = 0,
    OC_EXIT_RESOURCES = 1, /* memory, threads */
    OC_EXIT_OPTION = 2,
    OC_EXIT_LOG = 3,
    OC_EXIT_PIDFILE = 4,
    OC_EXIT_LISTEN = 5,
    OC_EXIT_IN_USE = 48,
} oc_exit;

/* No core dumps, no debugger of the same user; as many files as allowed; large buffers go back to the system. */
void oc_process_prepare(void);
/* sd_notify without libsystemd: sends `state` ("READY=1") to NOTIFY_SOCKET if there is one. */
void oc_process_notify(const char *state);
/* Says why the start failed: in the log, on stderr, and in syslog, which is where a spawned daemon is heard. */
void oc_process_report(oc_exit code, const char *why);

#endif
