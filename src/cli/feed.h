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
    /* Of this input: lines of text with nothing to read in them, the first of them, and whether another had something.
     */
    uint64_t plain_lines;
    oc_seen first_plain;
    bool is_text_log;
} oc_feed;

/* A JSON, BSON, text or bad item. */
void oc_feed_item(oc_feed *f, const oc_item *item);
/* To be called after the last item of an input: the other lines of a text log are in order, those of anything else not.
 */
void oc_feed_end(oc_feed *f);
/* A document by itself; `feed` is an oc_feed. */
void oc_feed_document(const bson_t *doc, void *feed);

#endif
