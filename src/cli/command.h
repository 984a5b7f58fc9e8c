#ifndef OC_COMMAND_H
#define OC_COMMAND_H

/* A command as an application gives it to a driver: without what drivers and servers add. */

#include <bson/bson.h>
#include <stdbool.h>

/* The name of the command, and its collection ("" if it has none); of an explain, those of the explained one. NULL: the
 * document is empty. Valid as long as the command. */
const char *oc_command_name(const bson_t *command);
const char *oc_command_collection(const bson_t *command);

/* A copy without generic fields (lsid, $clusterTime, readConcern, …), without `$db`, and without schemas that a driver
 * added. The caller destroys it. */
bson_t *oc_command_stripped(const bson_t *command);

/* What a driver with automatic encryption does with a command that the engine does not know. */
typedef enum oc_fate {
    OC_ANALYSED, /* the engine knows it */
    OC_BYPASSED, /* sent as it is */
    OC_REFUSED,  /* refused: it could carry or return anything */
    OC_INTERNAL, /* not a command of applications */
} oc_fate;
oc_fate oc_command_fate(const char *name);

/* True if `db` can be the name of a database: not empty, no NUL, no dot, no slash. */
bool oc_is_db(const char *db);

#endif
