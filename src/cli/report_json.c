/* One document, whose members stay:
 *
 *     {version: 1, generator, summary: {…}, schemas: [{namespace, kind, origin, source}],
 *      shapes: [{namespace, command, shape, count, share, verdict, first: {input, line},
 *                placeholders: [{path, algorithm, use, key}],
 *                refusal: {rule, code, codeName, path, operator, message, hint}}],
 *      notAnalysed: [{command, count}], unreadable: [{reason, count, first}]}
 *
 * Members may be added. `refusal` is there for refused shapes only, `use` and `key` where they are known. */

#include <inttypes.h>
#include <string.h>

#include "buffer.h"
#include "opencrypt.h"
#include "report.h"

static void text(oc_buffer *b, const char *name, const char *value) {
    oc_buffer_format(b, "\"%s\":", name);
    oc_buffer_json(b, value, strlen(value));
}

static void member(oc_buffer *b, const char *name, const char *value) {
    oc_buffer_char(b, ',');
    text(b, name, value);
}

static void number(oc_buffer *b, const char *name, uint64_t value) {
    oc_buffer_format(b, ",\"%s\":%" PRIu64, name, value);
}

static double share(uint64_t part, uint64_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

static void put_first(oc_buffer *b, const oc_seen *seen) {
    oc_buffer_text(b, ",\"first\":{");
    text(b, "input", seen->input);
    number(b, "line", seen->line);
    oc_buffer_char(b, '}');
}

static void put_summary(oc_buffer *b, const oc_tally *t) {
    uint64_t all = oc_tally_commands(t);
    oc_buffer_format(b, ",\n\"summary\":{\"commands\":%" PRIu64, all);
    number(b, "refused", t->commands[OC_REFUSED_VERDICT]);
    number(b, "marked", t->commands[OC_MARKED]);
    number(b, "passes", t->commands[OC_PASSES]);
    oc_buffer_format(b, ",\"refusedShare\":%.6f", share(t->commands[OC_REFUSED_VERDICT], all));
    number(b, "shapes", t->shapes);
    number(b, "notAnalysed", t->skipped.total);
    number(b, "unreadable", t->unreadable.total);
    number(b, "otherRecords", t->other);
    oc_buffer_char(b, '}');
}

static void put_schemas(oc_buffer *b, const oc_schemas *s) {
    static const char *const kinds[] = {"none", "csfle", "queryableEncryption"};
    static const char *const origins[] = {"client", "validator", "server"};
    bool first = true;
    oc_buffer_text(b, ",\n\"schemas\":[");
    for (size_t i = 0; i < s->count; i++) {
        const oc_collection *c = &s->list[i];
        oc_family family = oc_collection_family(c);
        if (family == OC_PLAIN)
            continue;
        oc_buffer_text(b, first ? "\n{" : ",\n{");
        first = false;
        text(b, "namespace", c->ns);
        member(b, "kind", kinds[family]);
        member(b, "origin", origins[c->of[family].origin]);
        member(b, "source", c->of[family].source);
        oc_buffer_char(b, '}');
    }
    oc_buffer_char(b, ']');
}

static void put_marks(oc_buffer *b, const oc_marks *marks) {
    oc_buffer_text(b, ",\"placeholders\":[");
    for (size_t i = 0; i < marks->count; i++) {
        const oc_mark *m = &marks->list[i];
        oc_buffer_text(b, i ? ",{" : "{");
        text(b, "path", m->path);
        member(b, "algorithm", m->algorithm);
        if (*m->use)
            member(b, "use", m->use);
        if (*m->key)
            member(b, "key", m->key);
        oc_buffer_char(b, '}');
    }
    oc_buffer_char(b, ']');
}

static void put_refusal(oc_buffer *b, const opencrypt_refusal *r) {
    oc_buffer_text(b, ",\"refusal\":{");
    text(b, "rule", r->rule);
    oc_buffer_format(b, ",\"code\":%" PRId32, r->code);
    member(b, "codeName", r->code_name);
    member(b, "path", r->path);
    member(b, "operator", r->op);
    member(b, "message", r->message);
    member(b, "hint", r->hint);
    oc_buffer_char(b, '}');
}

static void put_finding(oc_buffer *b, const oc_finding *f, uint64_t all) {
    oc_buffer_char(b, '{');
    text(b, "namespace", f->ns);
    member(b, "command", f->command);
    member(b, "shape", f->shape);
    number(b, "count", f->count);
    oc_buffer_format(b, ",\"share\":%.6f", share(f->count, all));
    member(b, "verdict", oc_verdict_name(f->verdict));
    put_first(b, &f->first);
    put_marks(b, &f->marks);
    if (f->verdict == OC_REFUSED_VERDICT)
        put_refusal(b, &f->refusal);
    oc_buffer_char(b, '}');
}

static void put_counts(oc_buffer *b, const oc_counts *counts, const char *title, const char *name, bool with_first) {
    oc_buffer_format(b, ",\n\"%s\":[", title);
    for (size_t i = 0; i < counts->count; i++) {
        oc_buffer_text(b, i ? ",{" : "{");
        text(b, name, counts->list[i].text);
        number(b, "count", counts->list[i].count);
        if (with_first)
            put_first(b, &counts->list[i].first);
        oc_buffer_char(b, '}');
    }
    oc_buffer_char(b, ']');
}

static void flush(FILE *to, oc_buffer *b) {
    fwrite(b->data, 1, b->len, to);
    b->len = 0;
}

void oc_report_json(FILE *to, const oc_report *r) {
    oc_buffer b = {0};
    const oc_tally *t = r->tally;
    oc_buffer_text(&b, "{\"version\":1");
    oc_buffer_format(&b, ",\"generator\":\"opencrypt %s\"", opencrypt_version());
    put_summary(&b, t);
    put_schemas(&b, r->schemas);
    oc_buffer_text(&b, ",\n\"shapes\":[");
    for (size_t i = 0; i < t->shapes; i++) {
        oc_buffer_text(&b, i ? ",\n" : "\n");
        put_finding(&b, r->findings[i], oc_tally_commands(t));
        flush(to, &b);
    }
    oc_buffer_char(&b, ']');
    put_counts(&b, &t->skipped, "notAnalysed", "command", false);
    put_counts(&b, &t->unreadable, "unreadable", "reason", true);
    oc_buffer_text(&b, "}\n");
    flush(to, &b);
    oc_buffer_done(&b);
}
