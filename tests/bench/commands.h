#ifndef OC_BENCH_COMMANDS_H
#define OC_BENCH_COMMANDS_H

/* The commands that are timed and counted.
 *
 * The documents' fields are in turn a 12-byte string, int64, double, date and ObjectId; every tenth field is an
 * encrypted string. The schema is in the command, and in the cache after the first time. */

#include <bson/bson.h>

/* The command of size n, the caller's to destroy. */
typedef bson_t *command_maker(int n);

command_maker insert_of_fields;    /* one document; deterministic */
command_maker insert_plain;        /* the same, and the schema encrypts nothing */
command_maker insert_equality;     /* the same with equality indexes of Queryable Encryption */
command_maker insert_of_documents; /* of 10 fields */
command_maker find_in;             /* $in over n values of an encrypted field */
command_maker stages;              /* that add a field and match one, by turns */

/* By a schema of n fields. */
command_maker find_encrypted, find_plain, update_encrypted, count_documents, dashboard, lookup_with_let;

/* Changes one key of the schema, to one of n: other bytes, the same work. */
void change_schema(bson_t *command, uint32_t n);

#endif
