#include <inttypes.h>
#include <string.h>

#include "buffer.h"
#include "report.h"

enum { INDENT = 27 };

typedef enum colour { NONE, RED, GREEN, YELLOW, DIM } colour;

static void start(FILE *to, const oc_report *r, colour c) {
    static const char *const codes[] = {"", "\033[31m", "\033[32m", "\033[33m", "\033[2m"};
    if (r->colours)
        fputs(codes[c], to);
}

static void end(FILE *to, const oc_report *r, colour c) {
    if (r->colours && c != NONE)
        fputs("\033[0m", to);
}

/* Names may hold any bytes. */
static void put(FILE *to, const char *text) {
    oc_buffer b = {0};
    oc_buffer_json(&b, text, strlen(text));
    /* Without the quotes, and without the escapes of what does no harm on a terminal. */
    for (size_t i = 1; i + 1 < b.len; i++) {
        if (b.data[i] == '\\' && (b.data[i + 1] == '"' || b.data[i + 1] == '\\'))
            i++;
        fputc(b.data[i], to);
    }
    oc_buffer_done(&b);
}

static double per_cent(uint64_t part, uint64_t whole) {
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void put_refusal(FILE *to, const oc_report *r, const opencrypt_refusal *refusal) {
    fprintf(to, "%*s", INDENT, "");
    if (*refusal->path) {
        start(to, r, RED);
        put(to, refusal->path);
        end(to, r, RED);
    }
    if (*refusal->op) {
        fputs(*refusal->path ? " (" : "(", to);
        put(to, refusal->op);
        fputc(')', to);
    }
    fputs(*refusal->path || *refusal->op ? ": " : "", to);
    put(to, refusal->message);
    fprintf(to, " [%s]\n", refusal->rule);
    if (*refusal->hint) {
        fprintf(to, "%*s-> ", INDENT, "");
        put(to, refusal->hint);
        fputc('\n', to);
    }
}

static void put_marks(FILE *to, const oc_report *r, const oc_marks *marks) {
    for (size_t i = 0; i < marks->count; i++) {
        const oc_mark *m = &marks->list[i];
        fprintf(to, "%*s", INDENT, "");
        start(to, r, GREEN);
        put(to, m->path);
        end(to, r, GREEN);
        fprintf(to, ": %s%s%s\n", m->algorithm, *m->use ? ", " : "", m->use);
    }
}

static void put_finding(FILE *to, const oc_report *r, const oc_finding *f) {
    static const colour colours[] = {[OC_PASSES] = NONE, [OC_MARKED] = GREEN, [OC_REFUSED_VERDICT] = RED};
    start(to, r, colours[f->verdict]);
    fprintf(to, "%-7s", oc_verdict_name(f->verdict));
    end(to, r, colours[f->verdict]);
    fprintf(to, " %9" PRIu64 " %6.1f %%  ", f->count, per_cent(f->count, oc_tally_commands(r->tally)));
    put(to, *f->ns ? f->ns : "-");
    fputs("  ", to);
    put(to, f->shape);
    fputc('\n', to);
    if (f->verdict == OC_REFUSED_VERDICT)
        put_refusal(to, r, &f->refusal);
    put_marks(to, r, &f->marks);
}

static void put_counts(FILE *to, const oc_counts *counts, const char *title) {
    if (!counts->total)
        return;
    fprintf(to, "%s: %" PRIu64 "\n", title, counts->total);
    for (size_t i = 0; i < counts->count; i++) {
        fprintf(to, "%17" PRIu64 "  ", counts->list[i].count);
        put(to, counts->list[i].text);
        fputc('\n', to);
    }
}

void oc_report_table(FILE *to, const oc_report *r) {
    const oc_tally *t = r->tally;
    uint64_t all = oc_tally_commands(t), refused = t->commands[OC_REFUSED_VERDICT];
    if (t->shapes)
        fprintf(to, "%-7s %9s %8s  %s\n", "VERDICT", "COUNT", "SHARE", "COLLECTION AND SHAPE");
    for (size_t i = 0; i < t->shapes; i++)
        put_finding(to, r, r->findings[i]);
    if (t->shapes)
        fputc('\n', to);
    put_counts(to, &t->skipped, "commands that are not for query analysis");
    put_counts(to, &t->unreadable, "records that could not be read");
    if (t->skipped.total || t->unreadable.total)
        fputc('\n', to);
    fprintf(to, "%" PRIu64 " of %" PRIu64 " commands (%.1f %%) would be refused, %" PRIu64 " have values encrypted.\n",
            refused, all, per_cent(refused, all), t->commands[OC_MARKED]);
}
