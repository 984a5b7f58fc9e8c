#ifndef OC_DAEMON_HANDSHAKE_H
#define OC_DAEMON_HANDSHAKE_H

/* `hello` and its older names. A driver's monitor may ask for the answer to be held back until something changes
 * (topologyVersion and maxAwaitTimeMS), and for a stream of answers (exhaustAllowed). Nothing ever changes here but
 * that the process ends, so such a hello waits its full time, or until shutdown. */

#include "commands.h"

bool oc_hello_run(oc_call *call);
/* The fields of the reply, `ok` apart. */
void oc_hello_reply(oc_writer *reply, const oc_server *server, int32_t connection_id, bool hello_ok);

#endif
