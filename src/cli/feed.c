#include "feed.h"

#include <string.h>

#include "json.h"

static void unreadable(oc_feed *f, const char *reason) {
    oc_counts_add(&f->judge->tally->unreadable, reason, f->seen);
}

static void take_record(oc_feed *f, oc_record *record) {
    if (record->kind == OC_RECORD_OTHER)
        f->judge->tally->other++;
    else if (record->kind == OC_RECORD_UNREADABLE)
        unreadable(f, record->reason);
    else
        oc_judge_command(f->judge, record->command, *record->db || !f->db ? record->db : f->db, f->seen);
    oc_record_done(record);
}

void oc_feed_document(const bson_t *doc, void *feed) {
    oc_feed *f = feed;
    oc_record record;
    oc_record_read(&record, doc, f->kind);
    take_record(f, &record);
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

/* ---- lines of text logs: what a logger puts before an object, and the object ----
 *
 *     DEBUG:pymongo.command:{"message": "Command started", "command": "{…}", …}
 *     … Command "find" started on database "hr" … Command: {"find": "people", …}
 *     Nov 24 10:00:00 host mongod[7]: {"t": {"$date": "…"}, … "msg": "Slow query", …} */

static void take_plain_line(oc_feed *f) {
    if (!f->plain_lines++)
        f->first_plain = f->seen;
}

static void take_object_in_text(oc_feed *f, char *text, size_t len) {
    oc_record record;
    bson_t doc;
    const char *reason;
    if (!oc_json_parse(text, len, &doc, &reason, NULL)) {
        take_plain_line(f);
        return;
    }
    oc_record_read(&record, &doc, f->kind == OC_INPUT_MONITORING ? OC_INPUT_AUTO : f->kind);
    if (record.kind == OC_RECORD_UNREADABLE && record.is_unknown) {
        take_plain_line(f);
    } else {
        f->is_text_log = true;
        take_record(f, &record);
    }
    bson_destroy(&doc);
}

static void take_text(oc_feed *f, const oc_item *item) {
    static const char started[] = "Command: {";
    char *object = memmem(item->data, item->len, "{\"", 2);
    size_t at = object ? (size_t)(object - item->data) : 0;
    size_t end = object ? oc_object_end(item->data, item->len, at) : 0;
    bool is_other = end && (memmem(item->data, at, "Command reply: ", 15) || oc_record_is_plain_log(object, end - at));
    if (is_other)
        f->is_text_log = true, f->judge->tally->other++;
    else if (end)
        take_object_in_text(f, object, end - at);
    else if (object && memmem(item->data, at + 1, started, strlen(started)))
        unreadable(f, "the command was truncated by the driver (maxDocumentLength of its logger settings)");
    else if (oc_record_is_old_log(item->data, item->len))
        unreadable(f, "a log in plain text, of a server before 4.4; its system.profile can be read");
    else
        take_plain_line(f);
}

void oc_feed_end(oc_feed *f) {
    for (; f->plain_lines; f->plain_lines--) {
        if (f->is_text_log)
            f->judge->tally->other++;
        else
            oc_counts_add(&f->judge->tally->unreadable, "not a JSON object", f->first_plain);
    }
    f->is_text_log = false;
}

/* ---- BSON ---- */

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
    else if (item->kind == OC_ITEM_TEXT)
        take_text(f, item);
    else
        unreadable(f, item->reason);
}
