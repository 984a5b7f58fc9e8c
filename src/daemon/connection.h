#ifndef OC_DAEMON_CONNECTION_H
#define OC_DAEMON_CONNECTION_H

/* One client. Bytes come in, whole messages are answered one after the other, replies go out. Which state a connection
 * is in says what it waits for; its one timer bounds that wait.
 *
 *     READING   -> a message, large      -> WORKING    the pool answers it
 *     READING   -> a message             -> answered at once; stays READING unless the reply does not fit the socket
 *     any       -> reply not all written -> WRITING
 *     READING   -> hello that waits      -> WAITING    until its time is over, or shutdown
 *     any       -> framing lost          -> LINGERING  the error reply is out, what still comes is thrown away
 *     any       -> end of connection     -> CLOSING
 *
 * Only READING takes messages, so that answers keep the order of requests. What arrives in another state is kept in
 * `in`, up to a bound. An idle connection holds no memory but this struct. */

#include "commands.h"
#include "loop.h"

#include <uv.h>

typedef enum oc_connection_state {
    OC_READING,
    OC_WORKING,
    OC_WRITING,
    OC_WAITING,
    OC_LINGERING,
    OC_CLOSING
} oc_connection_state;

/* Bytes received and not yet answered: |len used|free| cap. data is NULL exactly when cap is 0. */
typedef struct oc_input {
    uint8_t *data;
    size_t len, cap;
} oc_input;

typedef struct oc_connection {
    uv_tcp_t tcp;
    uv_timer_t timer;
    oc_loop *loop;
    struct oc_connection *next, *previous;
    oc_connection_state state;
    int references; /* handles not yet closed, and the pool's work */
    int32_t id;
    int32_t next_reply_id;
    bool paused; /* not reading from the socket */
    bool ended;  /* the client sends no more */
    bool last;   /* after the reply in work the connection ends */
    oc_wait wait;
    oc_input in;
    size_t unsent; /* of the reply, when the timer last looked */
} oc_connection;

/* Takes over the socket. */
void oc_connection_start(oc_loop *loop, int fd, int32_t id);
/* Shutdown has begun: a hello that waits is answered now. */
void oc_connection_drain(oc_connection *connection);
/* Closes the connection if nothing is left to do for it, else sees to it that more is read. */
void oc_connection_settle(oc_connection *connection);

#endif
