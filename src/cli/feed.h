#ifndef OC_FEED_H
#define OC_FEED_H

/* From items of an input to judged commands; what cannot be read is counted. */

#include "input.h"
#include "judge.h"
#include "record.h"

typedef struct oc_feed {
    oc_judge *judge;
    oc_input_kind kind;
    const char *db; /* of commands that do not say theirs; NULL: not given */
    oc_seen seen;   /* where the item in work stands; the caller sets `input` */
} oc_feed;

/* A JSON, BSON or bad item. */
void oc_feed_item(oc_feed *f, const oc_item *item);
/* A document by itself; `feed` is an oc_feed. */
void oc_feed_document(const bson_t *doc, void *feed);

#endif
