#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed.h"
#include "input.h"
#include "judge.h"
#include "report.h"
#include "server.h"
#include "verbs.h"

typedef struct checker {
    const oc_options *options;
    oc_schemas schemas;
    oc_tally tally;
    oc_judge judge;
    oc_feed feed;
    bool failed, progress;
    uint64_t records;
} checker;

/* ---- inputs ---- */

static void show_progress(checker *c, const oc_input *input) {
    enum { EVERY = 4096 };
    if (!c->progress || ++c->records % EVERY)
        return;
    int done = oc_input_progress(input);
    fprintf(stderr, "\r\033[K%s: ", c->feed.seen.input);
    if (done >= 0)
        fprintf(stderr, "%d %%, ", done);
    fprintf(stderr, "%" PRIu64 " commands, %zu shapes", oc_tally_commands(&c->tally), c->tally.shapes);
}

static void read_input(checker *c, const char *path) {
    oc_input *input = oc_input_open(path);
    oc_item item;
    c->feed.seen.input = path && strcmp(path, "-") != 0 ? path : "(standard input)";
    while ((item = oc_input_next(input)).kind != OC_ITEM_END && item.kind != OC_ITEM_FAILED) {
        oc_feed_item(&c->feed, &item);
        show_progress(c, input);
    }
    oc_feed_end(&c->feed);
    if (c->progress)
        fputs("\r\033[K", stderr);
    if (item.kind == OC_ITEM_FAILED) {
        oc_complain("%s: %s", c->feed.seen.input, item.reason);
        c->failed = true;
    }
    oc_input_close(input);
}

static void read_server(checker *c) {
    char error[1024];
    oc_server *server = oc_server_open(c->options->uri, error, sizeof error);
    c->feed.seen = (oc_seen){"system.profile", 0};
    if (!server || !oc_server_profile(server, oc_feed_document, &c->feed, error, sizeof error)) {
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

static bool some_schema_encrypts(const oc_schemas *s) {
    for (size_t i = 0; i < s->count; i++)
        for (oc_family family = OC_CSFLE; family <= OC_QE; family++)
            if (s->list[i].of[family].compiled && opencrypt_schema_encrypts(s->list[i].of[family].compiled))
                return true;
    return false;
}

/* A report of no findings may be a mistake. */
static void complain_of_emptiness(const checker *c) {
    const oc_schemas *s = &c->schemas;
    if (!oc_tally_commands(&c->tally))
        oc_complain("no command to judge in the input; a server's log has only those slower than slowms");
    else if (!some_schema_encrypts(s))
        oc_complain("no schema encrypts a field");
    else if (!c->judge.met_schema)
        oc_complain("no command is of a collection with a schema: '%s'%s; is that its namespace?", s->list[0].ns,
                    s->count > 1 ? " and others" : "");
}

static int finish(const checker *c) {
    const oc_tally *t = &c->tally;
    bool nothing = !oc_tally_commands(t) && !t->skipped.total && (t->unreadable.total || !t->other);
    complain_of_unreadable(t);
    if (nothing)
        return c->failed ? OC_EXIT_TROUBLE : oc_complain("no command in the input could be read");
    complain_of_emptiness(c);
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
        c.feed = (oc_feed){.judge = &c.judge, .kind = o->input, .db = o->db};
        oc_judge_init(&c.judge, &c.schemas, &c.tally);
        read_all(&c);
        status = finish(&c);
    }
    oc_judge_done(&c.judge);
    oc_tally_done(&c.tally);
    oc_schemas_done(&c.schemas);
    return status;
}
