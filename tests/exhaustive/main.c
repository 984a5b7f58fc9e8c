/* oc_exhaustive [OPTIONS] [FROM-TO]: every command of a grammar under every schema of a set, judged one by one. */

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pair.h"
#include "report.h"
#include "space.h"

enum { CHUNK = 8192, MAX_FAMILIES = 16, MAX_JOBS = 64, MAX_KINDS = 64, REPORTS_PER_KIND = 3 };

typedef struct tally {
    uint64_t pairs, accepted, marked, strict, failures, digest;
} tally;

/* Failures whose messages differ in names only. */
typedef struct kind {
    atomic_ullong hash; /* of the message; 0: free */
    atomic_ullong count;
    uint64_t example;
    char message[128];
} kind;

/* What the jobs share. */
typedef struct board {
    atomic_ullong next; /* chunk */
    atomic_uint reports;
    atomic_bool stopped;
    tally tallies[MAX_JOBS][MAX_FAMILIES];
    kind kinds[MAX_KINDS]; /* the last one takes what has no room */
} board;

typedef struct options {
    uint64_t from, to, stride;
    double seconds;
    unsigned jobs, reports;
    bool count, show, strict;
    const char *grammar;
} options;

typedef struct job {
    const space *space;
    const options *o;
    board *board;
    tally *tallies;
    examiner examiner;
    pool schemas;
    schema schema;
    unsigned family, schema_number; /* of the schema that is made */
    bool made;
} job;

static board *shared;

static void stop(int signal_number) {
    (void)signal_number;
    shared->stopped = true;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- one pair ---- */

static const schema *schema_of(job *j, const place_in_space *at) {
    if (j->made && j->family == at->family && j->schema_number == at->schema)
        return &j->schema;
    pool_reset(&j->schemas);
    schema_make(&j->space->families[at->family].set, at->schema, &j->schema, &j->schemas);
    j->family = at->family;
    j->schema_number = at->schema;
    j->made = true;
    return &j->schema;
}

static value *command_of(job *j, const place_in_space *at, const schema *s) {
    const value *made = grammar_make(j->space->grammar, j->space->families[at->family].rule_number, at->command,
                                     &s->names, &j->examiner.pool, NULL);
    return value_copy(&j->examiner.pool, made);
}

/* "'a' was changed" becomes "'' was changed". */
static void without_names(char *to, size_t room, const char *message) {
    bool quoted = false;
    size_t n = 0;
    for (const char *at = message; *at && n + 1 < room; at++) {
        if (*at == '\'')
            quoted = !quoted;
        if (!quoted || *at == '\'')
            to[n++] = *at;
    }
    to[n] = 0;
}

static unsigned long long hash_of(const char *text) {
    unsigned long long hash = 14695981039346656037u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash | 1;
}

static kind *kind_of(board *b, uint64_t index, const char *what) {
    char message[sizeof b->kinds->message];
    without_names(message, sizeof message, what);
    unsigned long long hash = hash_of(message);
    for (unsigned i = 0; i < MAX_KINDS; i++) {
        unsigned long long found = 0;
        kind *k = &b->kinds[i];
        if (!atomic_compare_exchange_strong(&k->hash, &found, hash) && found != hash && i < MAX_KINDS - 1)
            continue;
        if (found == 0) {
            k->example = index;
            memcpy(k->message, message, sizeof message);
        }
        return k;
    }
    return NULL; /* never: the last one is always taken */
}

/* In one write, so that the jobs' reports do not mix. */
static void report(job *j, uint64_t index, const schema *s, const value *command, const finding *f, const char *what) {
    char *text = NULL, name[512];
    size_t len = 0;
    if (kind_of(j->board, index, what)->count++ >= REPORTS_PER_KIND || j->board->reports++ >= j->o->reports)
        return;
    FILE *out = open_memstream(&text, &len);
    snprintf(name, sizeof name, "pair %" PRIu64 ": %s", index, what);
    report_case(out, &s->world, command, name);
    fprintf(out, "  answered with %s\n", f->accepted ? "" : f->message);
    if (f->result) /* a world of this kind makes it print no schema */
        report_case(out, &(world){.qe = true}, f->result, "the result");
    fclose(out);
    fwrite(text, 1, len, stdout);
    fflush(stdout);
    free(text);
}

static uint64_t mixed(uint64_t index, const finding *f) {
    rng r = {index * 31 + f->placeholders * 2 + f->accepted + (uint64_t)f->code * 1000003};
    return rng_next(&r);
}

static void count(tally *t, uint64_t index, const finding *f) {
    t->pairs++;
    t->accepted += f->accepted;
    t->marked += f->accepted && f->placeholders > 0;
    t->strict += f->too_strict != NULL;
    t->failures += f->failure != NULL;
    t->digest += mixed(index, f);
}

static void one_pair(job *j, uint64_t index) {
    place_in_space at = space_find(j->space, index);
    pool_reset(&j->examiner.pool);
    const schema *s = schema_of(j, &at);
    value *command = command_of(j, &at, s);
    finding f = examine(&j->examiner, s, command);
    count(&j->tallies[at.family], index, &f);
    if (f.failure)
        report(j, index, s, command, &f, f.failure);
    else if (j->o->show)
        report(j, index, s, command, &f, f.accepted ? "accepted" : "refused");
    else if (f.too_strict && j->o->strict)
        report(j, index, s, command, &f, f.too_strict);
}

/* ---- a range, in chunks that the jobs take ---- */

static void work(job *j) {
    const options *o = j->o;
    double end = now() + o->seconds;
    uint64_t width = CHUNK * o->stride;
    while (!j->board->stopped && (o->seconds <= 0 || now() < end)) {
        uint64_t from = o->from + j->board->next++ * width;
        if (from >= o->to)
            break;
        uint64_t to = o->to - from < width ? o->to : from + width;
        for (uint64_t i = from; i < to; i += o->stride)
            one_pair(j, i);
    }
}

static void run_job(const space *s, const options *o, board *b, unsigned number) {
    job j = {.space = s, .o = o, .board = b, .tallies = b->tallies[number]};
    examiner_open(&j.examiner);
    work(&j);
    examiner_close(&j.examiner);
    pool_done(&j.schemas);
}

/* False: a job has died. */
static bool run_jobs(const space *s, const options *o, board *b) {
    pid_t children[MAX_JOBS];
    bool well = true;
    for (unsigned i = 1; i < o->jobs; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            run_job(s, o, b, i);
            _exit(0);
        }
    }
    run_job(s, o, b, 0);
    for (unsigned i = 1; i < o->jobs; i++) {
        int status = 1;
        waitpid(children[i], &status, 0);
        well &= status == 0;
    }
    return well;
}

/* ---- sums ---- */

static void add(tally *to, const tally *t) {
    to->pairs += t->pairs;
    to->accepted += t->accepted;
    to->marked += t->marked;
    to->strict += t->strict;
    to->failures += t->failures;
    to->digest += t->digest;
}

static double share(uint64_t part, uint64_t of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

static void print_row(const char *name, const tally *t) {
    printf("%-24s %12" PRIu64 " %8.1f %8.1f %10" PRIu64 " %9" PRIu64 "  %016" PRIx64 "\n", name, t->pairs,
           share(t->accepted, t->pairs), share(t->marked, t->accepted), t->strict, t->failures, t->digest);
}

static uint64_t print_sums(const space *s, const options *o, const board *b) {
    tally all = {0};
    printf("%-24s %12s %8s %8s %10s %9s  %s\n", "family", "pairs", "accept %", "marked %", "strict?", "failures",
           "digest");
    for (unsigned f = 0; f < s->family_count; f++) {
        tally sum = {0};
        for (unsigned i = 0; i < o->jobs; i++)
            add(&sum, &b->tallies[i][f]);
        print_row(s->families[f].name, &sum);
        add(&all, &sum);
    }
    print_row("all", &all);
    return all.failures;
}

static void print_kinds(const board *b) {
    for (const kind *k = b->kinds; k < b->kinds + MAX_KINDS; k++)
        if (k->hash)
            printf("%12llu x %s, as in pair %" PRIu64 "\n", (unsigned long long)k->count, k->message, k->example);
}

/* Up to where all is done; the jobs finish the chunks that they have taken. */
static uint64_t reached(const options *o, const board *b) {
    uint64_t width = CHUNK * o->stride, end = o->from + b->next * width;
    return end < o->to ? end : o->to;
}

static void print_count(const space *s) {
    for (unsigned i = 0; i < s->family_count; i++) {
        const family *f = &s->families[i];
        printf("%-24s %12" PRIu64 " = %5u schemas x %8" PRIu64 " commands\n", f->name, f->count, f->set.count,
               f->commands);
    }
    printf("%-24s %12" PRIu64 "\n", "all", s->count);
}

/* ---- options ---- */

static int usage(void) {
    fputs("usage: oc_exhaustive [--count | --show] [--slice=I/N | --at=SEED | FROM-TO] [--stride=N] [--seconds=N] "
          "[--jobs=N] [--reports=N] [--strict] [--grammar=FILE]\n",
          stderr);
    return 2;
}

static bool set_slice(options *o, const char *text, uint64_t all) {
    char *end;
    uint64_t i = strtoull(text, &end, 10), n = *end == '/' ? strtoull(end + 1, NULL, 10) : 0;
    if (i >= n)
        return false;
    o->from = (uint64_t)((unsigned __int128)all * i / n);
    o->to = (uint64_t)((unsigned __int128)all * (i + 1) / n);
    return true;
}

static bool set_range(options *o, const char *text, uint64_t all) {
    char *end;
    o->from = strtoull(text, &end, 10);
    o->to = *end == '-' ? strtoull(end + 1, NULL, 10) : o->from + 1;
    if (o->to > all)
        o->to = all;
    return end != text && o->from < o->to;
}

static void set_start(options *o, const char *seed, uint64_t all) {
    rng r = {strtoull(seed, NULL, 10)};
    o->from = rng_next(&r) % all / 2; /* so that much is left to do */
}

static const char *after(const char *text, const char *option) {
    size_t n = strlen(option);
    return strncmp(text, option, n) == 0 ? text + n : NULL;
}

static bool number_option(options *o, const char *text) {
    const char *rest;
    if ((rest = after(text, "--stride=")))
        o->stride = strtoull(rest, NULL, 10);
    else if ((rest = after(text, "--seconds=")))
        o->seconds = strtod(rest, NULL);
    else if ((rest = after(text, "--reports=")))
        o->reports = (unsigned)strtoul(rest, NULL, 10);
    else if ((rest = after(text, "--jobs=")))
        o->jobs = (unsigned)strtoul(rest, NULL, 10);
    else
        return false;
    return o->stride > 0 && o->jobs > 0 && o->jobs <= MAX_JOBS;
}

static bool option(options *o, const char *text, uint64_t all) {
    const char *rest;
    if (strcmp(text, "--count") == 0)
        o->count = true;
    else if (strcmp(text, "--show") == 0)
        o->show = true;
    else if (strcmp(text, "--strict") == 0)
        o->strict = true;
    else if ((rest = after(text, "--slice=")))
        return set_slice(o, rest, all);
    else if ((rest = after(text, "--at=")))
        set_start(o, rest, all);
    else if (after(text, "--grammar="))
        return true;
    else
        return text[0] == '-' ? number_option(o, text) : set_range(o, text, all);
    return true;
}

static const char *grammar_file(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (after(argv[i], "--grammar="))
            return after(argv[i], "--grammar=");
    return EXHAUSTIVE_GRAMMAR;
}

static double cpu_seconds(int who) {
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* What is to be written down of a run, and where the next one starts. */
static void print_range(const space *s, const options *o, double seconds) {
    uint64_t end = reached(o, shared), pairs = (end - o->from) / o->stride;
    double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    printf("range %" PRIu64 "-%" PRIu64 " of %" PRIu64 ", stride %" PRIu64 ", %.0f seconds\n", o->from, end, s->count,
           o->stride, seconds);
    printf("%.2f million pairs a minute, %.2f million a minute of CPU\n", (double)pairs / seconds * 60e-6,
           (double)pairs / cpu * 60e-6);
}

static int run(const space *s, const options *o) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    double start = now();
    bool well = run_jobs(s, o, shared);
    uint64_t failures = print_sums(s, o, shared);
    print_kinds(shared);
    print_range(s, o, now() - start);
    if (!well)
        puts("a job has died");
    return failures > 0 || !well;
}

int main(int argc, char **argv) {
    space s;
    space_open(&s, grammar_file(argc, argv));
    options o = {.to = s.count, .stride = 1, .jobs = 1, .reports = 20};
    int status = 0;
    for (int i = 1; i < argc && !status; i++)
        if (!option(&o, argv[i], s.count))
            status = usage();
    if (!status && o.count)
        print_count(&s);
    else if (!status)
        status = run(&s, &o);
    space_close(&s);
    return status;
}
