#ifndef OC_STORE_WIRE_H
#define OC_STORE_WIRE_H

/* Messages of MongoDB's wire protocol on a blocking socket: OP_MSG, and OP_QUERY for the handshake. */

#include <bson/bson.h>

typedef struct oc_message {
    int32_t id;
    bool legacy; /* OP_QUERY, answered with OP_REPLY */
    bool want_reply;
    bson_t *command; /* sections of documents are arrays in it, as if they had stood in the body */
} oc_message;

/* Reads one message; the caller destroys its command. False at the end of the connection, and for anything that is not
 * a message as above: there is no answer to that, the connection is to be closed. */
bool oc_wire_read(int fd, oc_message *out);

/* Sends the answer to `message`. False if the client is gone. */
bool oc_wire_reply(int fd, const oc_message *message, const bson_t *reply);

#endif
