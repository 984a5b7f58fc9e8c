#ifndef OC_STORE_COMMANDS_H
#define OC_STORE_COMMANDS_H

/* The commands. A command is a row of the table in commands.c and a handler in commands.c, reads.c or writes.c. */

#include "documents.h"
#include "fault.h"

#include <bson/bson.h>

typedef struct oc_request {
    const bson_t *command;
    const char *db;
    const char *collection; /* the value of the command's first field, "" where that is not a string */
    bson_t *reply;          /* a handler appends to it; `ok` follows by itself */
    oc_fault *fault;
} oc_request;

/* False, with a fault, if the command is refused. */
typedef bool (*oc_handler)(oc_request *request);

/* MongoDB 6.0, what the libmongocrypt of Debian 12 knows. */
enum { OC_WIRE_VERSION = 17 };

/* Sets the wire version that the store announces, OC_WIRE_VERSION by default. */
void oc_command_announce(int32_t wire_version);

/* Answers one command with a whole reply, never without. `handshake`: it came as OP_QUERY, and may be no other. */
void oc_command_run(const bson_t *command, bool handshake, bson_t *reply);

/* False, with a fault, if `carrier` has encryptionInformation that is not for that collection, or it has no
 * encryptedFields. */
bool oc_command_check_encryption(const bson_t *carrier, const char *db, const char *collection, oc_fault *fault);

/* Appends {cursor: {firstBatch, id: 0, ns}} with all of the documents. */
void oc_reply_cursor(oc_request *request, const oc_documents *documents);

/* reads.c */
bool oc_run_aggregate(oc_request *request);
bool oc_run_count(oc_request *request);
bool oc_run_distinct(oc_request *request);
bool oc_run_find(oc_request *request);

/* writes.c */
bool oc_run_delete(oc_request *request);
bool oc_run_find_and_modify(oc_request *request);
bool oc_run_insert(oc_request *request);
bool oc_run_update(oc_request *request);

/* bulk.c */
bool oc_run_bulk_write(oc_request *request);

#endif
