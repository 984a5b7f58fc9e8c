#include "feed.h"

#include <string.h>

#include "json.h"

static void unreadable(oc_feed *f, const char *reason) {
    oc_counts_add(&f->judge->tally->unreadable, reason, f->seen);
}

void oc_feed_document(const bson_t *doc, void *feed) {
    oc_feed *f = feed;
    oc_record record;
    oc_record_read(&record, doc, f->kind);
    if (record.kind == OC_RECORD_OTHER)
        f->judge->tally->other++;
    else if (record.kind == OC_RECORD_UNREADABLE)
        unreadable(f, record.reason);
    else
        oc_judge_command(f->judge, record.command, *record.db || !f->db ? record.db : f->db, f->seen);
    oc_record_done(&record);
}

static void take_json(oc_feed *f, const oc_item *item) {
    bson_t doc;
    const char *reason;
    bool log = f->kind == OC_INPUT_AUTO || f->kind == OC_INPUT_LOG;
    if (log && oc_record_is_plain_log(item->data, item->len)) {
        f->judge->tally->other++;
    } else if (!oc_json_parse(item->data, item->len, &doc, &reason, NULL)) {
        unreadable(f, reason);
    } else {
        oc_feed_document(&doc, f);
        bson_destroy(&doc);
    }
}

/* Well-formed as far as it will be read, of a depth that can be walked. */
static bool is_sound(bson_iter_t *it, int depth) {
    while (bson_iter_next(it)) {
        const char *key = bson_iter_key(it);
        bson_iter_t child;
        uint32_t len;
        if (!oc_utf8_valid(key, strlen(key)))
            return false;
        if (BSON_ITER_HOLDS_UTF8(it)) {
            const char *text = bson_iter_utf8(it, &len);
            if (!oc_utf8_valid(text, len))
                return false;
        }
        if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) &&
            (depth == 0 || !bson_iter_recurse(it, &child) || !is_sound(&child, depth - 1)))
            return false;
    }
    return it->err_off == 0;
}

static void take_bson(oc_feed *f, const oc_item *item) {
    enum { DEEPEST = 250 }; /* MongoDB's limit is 180 */
    bson_t doc;
    bson_iter_t it;
    if (bson_init_static(&doc, (const uint8_t *)item->data, item->len) && bson_iter_init(&it, &doc) &&
        is_sound(&it, DEEPEST))
        oc_feed_document(&doc, f);
    else
        unreadable(f, "not well-formed BSON, or nested too deep");
}

void oc_feed_item(oc_feed *f, const oc_item *item) {
    f->seen.line = item->line;
    if (item->kind == OC_ITEM_JSON)
        take_json(f, item);
    else if (item->kind == OC_ITEM_BSON)
        take_bson(f, item);
    else
        unreadable(f, item->reason);
}
