#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "json.h"
#include "judge.h"
#include "record.h"
#include "report.h"
#include "server.h"
#include "verbs.h"

typedef struct checker {
    const oc_options *options;
    oc_schemas schemas;
    oc_tally tally;
    oc_judge judge;
    oc_seen seen;
    bool failed, progress;
    uint64_t records;
} checker;

/* ---- records ---- */

static void unreadable(checker *c, const char *reason) {
    oc_counts_add(&c->tally.unreadable, reason, c->seen);
}

static void take_document(const bson_t *doc, void *data) {
    checker *c = data;
    oc_record record;
    oc_record_read(&record, doc, c->options->input);
    if (record.kind == OC_RECORD_OTHER)
        c->tally.other++;
    else if (record.kind == OC_RECORD_UNREADABLE)
        unreadable(c, record.reason);
    else
        oc_judge_command(&c->judge, record.command, *record.db || !c->options->db ? record.db : c->options->db,
                         c->seen);
    oc_record_done(&record);
}

static void take_json(checker *c, const oc_item *item) {
    bson_t doc;
    const char *reason;
    bool log = c->options->input == OC_INPUT_AUTO || c->options->input == OC_INPUT_LOG;
    if (log && oc_record_is_plain_log(item->data, item->len)) {
        c->tally.other++;
    } else if (!oc_json_parse(item->data, item->len, &doc, &reason, NULL)) {
        unreadable(c, reason);
    } else {
        take_document(&doc, c);
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

static void take_bson(checker *c, const oc_item *item) {
    enum { DEEPEST = 250 }; /* MongoDB's limit is 180 */
    bson_t doc;
    bson_iter_t it;
    if (bson_init_static(&doc, (const uint8_t *)item->data, item->len) && bson_iter_init(&it, &doc) &&
        is_sound(&it, DEEPEST))
        take_document(&doc, c);
    else
        unreadable(c, "not well-formed BSON, or nested too deep");
}

/* ---- inputs ---- */

static void show_progress(checker *c, const oc_input *input) {
    enum { EVERY = 4096 };
    if (!c->progress || ++c->records % EVERY)
        return;
    int done = oc_input_progress(input);
    fprintf(stderr, "\r\033[K%s: ", c->seen.input);
    if (done >= 0)
        fprintf(stderr, "%d %%, ", done);
    fprintf(stderr, "%" PRIu64 " commands, %zu shapes", oc_tally_commands(&c->tally), c->tally.shapes);
}

static void read_input(checker *c, const char *path) {
    oc_input *input = oc_input_open(path);
    oc_item item;
    c->seen.input = path && strcmp(path, "-") != 0 ? path : "(standard input)";
    while ((item = oc_input_next(input)).kind != OC_ITEM_END && item.kind != OC_ITEM_FAILED) {
        c->seen.line = item.line;
        if (item.kind == OC_ITEM_JSON)
            take_json(c, &item);
        else if (item.kind == OC_ITEM_BSON)
            take_bson(c, &item);
        else
            unreadable(c, item.reason);
        show_progress(c, input);
    }
    if (c->progress)
        fputs("\r\033[K", stderr);
    if (item.kind == OC_ITEM_FAILED) {
        oc_complain("%s: %s", c->seen.input, item.reason);
        c->failed = true;
    }
    oc_input_close(input);
}

static void read_server(checker *c) {
    char error[1024];
    oc_server *server = oc_server_open(c->options->uri, error, sizeof error);
    c->seen = (oc_seen){"system.profile", 0};
    if (!server || !oc_server_profile(server, take_document, c, error, sizeof error)) {
        oc_complain("%s", error);
        c->failed = true;
    }
    oc_server_close(server);
}

static void read_all(checker *c) {
    const oc_options *o = c->options;
    if (o->profile)
        read_server(c);
    for (size_t i = 0; i < o->file_count; i++)
        read_input(c, o->files[i]);
    if (!o->profile && !o->file_count)
        read_input(c, NULL);
}

/* ---- the report ---- */

static void complain_of_unreadable(const oc_tally *t) {
    for (size_t i = 0; i < t->unreadable.count; i++) {
        const oc_count *n = &t->unreadable.list[i];
        fprintf(stderr, "opencrypt: %s:%" PRIu64 ": %s", n->first.input, n->first.line, n->text);
        if (n->count > 1)
            fprintf(stderr, " (and %" PRIu64 " more)", n->count - 1);
        fputc('\n', stderr);
    }
}

static bool write_report(const checker *c) {
    oc_report report = {.tally = &c->tally, .schemas = &c->schemas, .findings = oc_tally_sorted(&c->tally)};
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    report.colours = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
    oc_report_format(c->options->format)(stdout, &report);
    free(report.findings);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static int finish(const checker *c) {
    const oc_tally *t = &c->tally;
    bool nothing = !oc_tally_commands(t) && !t->skipped.total && (t->unreadable.total || !t->other);
    complain_of_unreadable(t);
    if (nothing && !c->failed)
        return oc_complain("no command in the input could be read");
    if (!write_report(c))
        return oc_complain("cannot write the report: %m");
    if (c->failed)
        return OC_EXIT_TROUBLE;
    return t->commands[OC_REFUSED_VERDICT] ? OC_EXIT_REFUSED : OC_EXIT_CLEAN;
}

int oc_verb_check(const oc_options *o) {
    checker c = {.options = o, .progress = isatty(STDERR_FILENO)};
    if (o->profile && !o->uri)
        return oc_complain("--profile needs --uri");
    if (!o->schema_count && !o->uri)
        return oc_complain("no schemas: give --schema FILE or --uri URI");
    int status = OC_EXIT_TROUBLE;
    oc_tally_init(&c.tally, o->max_shapes);
    if (oc_options_schemas(o, &c.schemas)) {
        if (oc_judge_init(&c.judge, &c.schemas, &c.tally)) {
            read_all(&c);
            status = finish(&c);
        } else {
            oc_complain("out of memory");
        }
    }
    oc_judge_done(&c.judge);
    oc_tally_done(&c.tally);
    oc_schemas_done(&c.schemas);
    return status;
}
