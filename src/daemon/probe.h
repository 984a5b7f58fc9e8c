#ifndef OC_DAEMON_PROBE_H
#define OC_DAEMON_PROBE_H

/* Asks whoever holds an address who it is. */

#include <stddef.h>
#include <sys/socket.h>

/* Puts "another opencryptd 0.1.0", "a mongod", ... into `answer`. Takes at most about a second. */
void oc_probe(const struct sockaddr *address, socklen_t len, char *answer, size_t size);

#endif
