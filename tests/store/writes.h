#ifndef OC_STORE_WRITES_H
#define OC_STORE_WRITES_H

/* The statements that insert, update, delete and bulkWrite are made of. */

#include "documents.h"
#include "fault.h"

/* What the statements of one command did. */
typedef struct oc_tally {
    oc_collection *collection;
    int32_t n, modified;
    uint32_t index;  /* of the statement at work */
    bson_t upserted; /* array of {index, _id} */
    bson_t errors;   /* array of {index, code, errmsg} */
} oc_tally;

/* Makes the collection if it is not there. */
oc_collection *oc_write_collection(const char *db, const char *name);

/* Each takes a statement as its command has it. False, with a fault, if it fails. */
bool oc_write_insert(oc_tally *tally, const bson_t *document, oc_fault *fault);
bool oc_write_update(oc_tally *tally, const bson_t *spec, oc_fault *fault);
bool oc_write_delete(oc_tally *tally, const bson_t *spec, oc_fault *fault);

#endif
