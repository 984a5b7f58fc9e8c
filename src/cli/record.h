#ifndef OC_RECORD_H
#define OC_RECORD_H

/* The command in a document of one of the kinds of input. */

#include <bson/bson.h>
#include <stdbool.h>

#include "buffer.h"

typedef enum oc_input_kind {
    OC_INPUT_AUTO,
    OC_INPUT_COMMANDS,   /* commands by themselves */
    OC_INPUT_LOG,        /* mongod's or mongos's structured log */
    OC_INPUT_PROFILE,    /* system.profile */
    OC_INPUT_MONITORING, /* a driver's log of command monitoring */
} oc_input_kind;

typedef enum oc_record_kind {
    OC_RECORD_COMMAND,
    OC_RECORD_OTHER,      /* something that is no command, such as most lines of a log */
    OC_RECORD_UNREADABLE, /* a command that is not whole; `reason` says why */
} oc_record_kind;

typedef struct oc_record {
    oc_record_kind kind;
    const char *reason; /* a static string */
    bool is_unknown;    /* OC_RECORD_UNREADABLE: nothing that looks like a record */
    bson_t *command;    /* of OC_RECORD_COMMAND */
    char db[64];        /* "" if the record does not say */
} oc_record;

/* False: there is no such kind. */
bool oc_input_kind_parse(const char *name, oc_input_kind *kind);

/* The record owns its command. `doc` is not needed afterwards. */
void oc_record_read(oc_record *record, const bson_t *doc, oc_input_kind kind);
void oc_record_done(oc_record *record);

/* True if a line of JSON is a line of a server's log that holds no command, so that it need not be parsed. */
bool oc_record_is_plain_log(const char *line, size_t len);
/* True if a line of text is a slow query in the log of a server before 4.4, which had no JSON. */
bool oc_record_is_old_log(const char *line, size_t len);

#endif
