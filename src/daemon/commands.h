#ifndef OC_DAEMON_COMMANDS_H
#define OC_DAEMON_COMMANDS_H

/* The commands that the daemon answers itself, one row each. Commands to be analysed never come here. */

#include "bsonio.h"
#include "server.h"
#include "wire.h"

/* A hello that is answered later; see handshake.h. */
typedef struct oc_wait {
    bool active;
    bool stream;
    bool hello_ok;
    int32_t response_to;
    int64_t milliseconds;
} oc_wait;

typedef struct oc_call {
    const oc_server *server;
    int32_t connection_id;
    const oc_message *message; /* its body is valid BSON and names the command */
    oc_writer *reply;          /* a begun document; a handler appends all but `ok` */
    oc_wait *wait;             /* inactive; set by hello */
    bool deferred;             /* no reply now: when the wait is over */
    oc_wire_error *error;      /* set on failure */
} oc_call;

/* Runs the command that the body names. `*name` becomes a static string for logs and counters, also on failure. */
bool oc_commands_run(oc_call *call, const char **name);
/* Whether `name` is one of the names of hello, all that OP_QUERY is good for. */
bool oc_commands_is_hello(const char *name);

#endif
