#ifndef OC_DAEMON_EXCHANGE_H
#define OC_DAEMON_EXCHANGE_H

/* One request and its reply. A connection takes an exchange, gives it the bytes of a message, has it run (on the loop,
 * or in the pool if the message is large), and sends what comes out. No sockets in here. */

#include "commands.h"
#include "opencrypt.h"
#include "server.h"
#include "wire.h"

#include <uv.h>

struct oc_connection;

/* Beyond this a message is not worked on by a loop, since others on the loop would wait. */
enum { OC_EXCHANGE_LARGE = 64 * 1024 };

typedef struct oc_exchange {
    const oc_server *server;
    opencrypt_request *request;
    oc_writer own; /* replies of the daemon itself, behind OC_WIRE_REPLY_HEAD bytes */

    /* In. */
    const uint8_t *input; /* a whole message */
    size_t input_len;
    uint8_t *owned; /* the same bytes if they are to be wiped and freed, else NULL */
    int32_t connection_id;
    int32_t reply_id;

    /* Out. */
    uint8_t *output; /* a whole message, valid until oc_exchange_clear; NULL: there is nothing to send */
    size_t output_len;
    bool failed;  /* no memory even to say so: end the connection */
    bool large;   /* holds much memory: clear it off the loop */
    oc_wait wait; /* if active, what the connection goes on with after this */

    /* For logs and counters. */
    const char *command;
    bool refused;
    bool analysed; /* then `reply` has the details, else `error` */
    opencrypt_reply reply;
    uint64_t started, nanoseconds;

    oc_wire_error error;
    oc_message message;

    /* The connection's. */
    struct oc_connection *connection;
    struct oc_exchange *next;
    uv_work_t work;
    uv_write_t write;
    size_t sent; /* bytes of the output given to the socket */
} oc_exchange;

/* NULL: out of memory. */
oc_exchange *oc_exchange_new(const oc_server *server);
void oc_exchange_free(oc_exchange *exchange);
/* Wipes the last request and reply. */
void oc_exchange_clear(oc_exchange *exchange);

/* Answers `input`. Takes as long as it takes; touches nothing that another thread uses. */
void oc_exchange_run(oc_exchange *exchange);
/* Answers a message whose length cannot be right; `input` is its header. */
void oc_exchange_run_lost(oc_exchange *exchange);
/* Answers a hello whose wait is over; `more`: another answer will follow it. */
void oc_exchange_run_hello(oc_exchange *exchange, const oc_wait *wait, bool more);

#endif
