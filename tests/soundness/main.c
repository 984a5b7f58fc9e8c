/* oc_soundness [OPTIONS] [SECONDS] [SEED]: random commands over random schemas, judged one by one. Without SECONDS it
 * runs until a signal ends it. */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cells.h"
#include "gen_edge.h"
#include "mutate.h"
#include "report.h"
#include "shrink.h"

enum { COMMANDS_PER_SCHEMA = 25, MAX_STAGES = 32 };

typedef struct tally {
    uint64_t made, accepted, marked, evaluated, too_strict;
} tally;

typedef struct run {
    bench bench;
    pool schemas;
    rng rng;
    uint64_t seed;
    tally tallies[COMMANDS];
    tally stages[MAX_STAGES]; /* commands that contain the stage */
    uint64_t failures, bad_schemas, strict_reports;
    bool show_strict;
    unsigned mutated; /* per cent of the commands */
    unsigned aimed;   /* per cent of the commands that aim at a cell of the table */
    cells cells;
    unsigned cursors[SITES]; /* the row that is next */
    unsigned left[SITES];    /* rows of which something is wanted still */
    bool show_table;
    unsigned reports; /* of failures, at most */
    double floor;     /* per cent of the cells; 0: none */
    tally edges;
    pool tables;
    int family; /* 0 CSFLE, 1 Queryable Encryption, -1: both */
    int only;   /* one command kind; -1: all */
    struct {
        uint64_t done, evaluated, judge, evaluator;
    } sabotage; /* how many there were, and noticed by whom */
} run;

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void report_failure(run *r, const world *w, const value *command, uint64_t seed) {
    if (r->failures++ >= r->reports)
        return;
    shrunk s = shrink(&r->bench, w, command, seed);
    report_case(stdout, &s.world, s.command, s.trial.failure);
    fflush(stdout);
}

static void report_strict(run *r, const world *w, const value *command, const trial *t) {
    if (!r->show_strict || r->strict_reports++ >= 200)
        return;
    report_case(stdout, w, command, pool_text(&r->bench.pool, "too strict? %s", t->too_strict));
}

static void count(tally *of, const trial *t) {
    of->made++;
    of->accepted += t->ending == E_ACCEPTED;
    of->marked += t->ending == E_ACCEPTED && t->placeholders > 0;
    of->evaluated += t->evaluated;
    of->too_strict += t->too_strict != NULL;
}

static bool contains_stage(const value *v, const char *name) {
    if (!value_is_container(v))
        return false;
    for (const value *m = v->first; m; m = m->next) {
        bool is_stage = v->type == T_ARRAY && m->type == T_DOC && m->first && m->first == m->last;
        if ((is_stage && strcmp(m->first->name, name) == 0) || contains_stage(m, name))
            return true;
    }
    return false;
}

static void count_stages(run *r, const value *command, const trial *t) {
    for (unsigned i = 0; i < stage_count; i++)
        if (contains_stage(command, stage_names[i]))
            count(&r->stages[i], t);
}

/* In the pipeline of an update a literal that a later stage overwrites may stay plaintext. */
static bool may_stay_plain(const value *command) {
    return contains_stage(command, "$set") || contains_stage(command, "$addFields") ||
           contains_stage(command, "$project");
}

static void count_sabotage(run *r, const world *w, const value *command, const trial *t) {
    if (t->ending != E_ACCEPTED || t->placeholders == 0 || t->moot)
        return;
    r->sabotage.done++;
    r->sabotage.judge += t->judge_says != NULL;
    r->sabotage.evaluated += t->evaluated;
    r->sabotage.evaluator += t->evaluator_says != NULL;
    if (!t->judge_says && !may_stay_plain(command) && r->failures++ < r->reports)
        report_case(stdout, w, command, "sabotage was not noticed");
}

static void count_cells(run *r, const trial *t) {
    for (unsigned i = 0; i < t->reached_count; i++)
        cells_count(&r->cells, t->reached[i], t->ending == E_ACCEPTED);
}

/* The next row for a kind of field, rather one of which something is wanted still. */
static unsigned next_row(run *r, site s) {
    unsigned row = 0;
    for (unsigned tries = 0; tries < r->cells.count; tries++) {
        row = r->cursors[s]++ % r->cells.count;
        bool counts = r->cells.rows[row].wanted[s] != '-';
        if (counts && (!cells_complete(&r->cells, row, s) || rng_percent(&r->rng, 30)))
            break;
    }
    return row;
}

static void count_left(run *r) {
    for (unsigned s = 0; s < SITES; s++) {
        r->left[s] = 0;
        for (unsigned row = 0; row < r->cells.count; row++)
            r->left[s] += !cells_complete(&r->cells, row, (site)s);
    }
}

/* Rather one of which much is left: not every schema has every kind of field. */
static site next_site(run *r) {
    site a = (site)rng_below(&r->rng, SITES), b = (site)rng_below(&r->rng, SITES);
    if (r->edges.made % 512 == 0)
        count_left(r);
    return rng_percent(&r->rng, 20) ? SITE_PLAIN : r->left[a] >= r->left[b] ? a : b;
}

static const value *aimed(run *r, gen *g) {
    for (unsigned tries = 0; tries < 12; tries++) {
        site s = next_site(r);
        const value *command = gen_edge(g, &r->cells.rows[next_row(r, s)], s);
        if (command)
            return command;
    }
    return NULL;
}

/* The generator keeps to what the documents allow, so a refusal that they do not ask for is a failure, too. */
static void one_edge(run *r, const world *w) {
    gen g = {.r = &r->rng, .p = &r->bench.pool, .w = w};
    pool_reset(&r->bench.pool);
    const value *command = aimed(r, &g);
    if (!command)
        return;
    uint64_t seed = rng_next(&r->rng);
    trial t = try_command(&r->bench, w, command, seed);
    count(&r->edges, &t);
    count_cells(r, &t);
    if (t.failure)
        report_failure(r, w, command, seed);
    else if (t.too_strict && r->failures++ < r->reports)
        report_case(stdout, w, command, pool_text(&r->bench.pool, "too strict: %s", t.too_strict));
}

static void one_pair(run *r, const world *w) {
    pool_reset(&r->bench.pool);
    gen g = {.r = &r->rng, .p = &r->bench.pool, .w = w};
    command_kind kind = r->only >= 0 ? (command_kind)r->only : (command_kind)rng_below(&r->rng, COMMANDS);
    const value *command = gen_command(&g, kind);
    /* Of commands that the server refuses anyway the judge has no opinion, so sabotage of them proves nothing. */
    bool mutated = !r->bench.sabotage && rng_percent(&r->rng, r->mutated);
    if (mutated)
        command = mutate(&g, command);
    uint64_t seed = rng_next(&r->rng);
    trial t = try_command(&r->bench, w, command, seed);
    if (mutated)
        t.too_strict = NULL; /* the judge does not know all that is malformed */
    count(&r->tallies[kind], &t);
    count_cells(r, &t);
    if (kind == C_AGGREGATE)
        count_stages(r, command, &t);
    if (r->bench.sabotage) {
        count_sabotage(r, w, command, &t);
        return;
    }
    if (t.ending == E_SCHEMA && r->bad_schemas++ < 3)
        report_case(stdout, w, command, t.message);
    if (t.failure)
        report_failure(r, w, command, seed);
    else if (t.too_strict)
        report_strict(r, w, command, &t);
}

static void work(run *r, double seconds) {
    double end = now() + seconds;
    while (!stopped && (seconds <= 0 || now() < end)) {
        world w;
        pool_reset(&r->schemas);
        world_make(&w, &r->rng, &r->schemas, r->family < 0 ? rng_percent(&r->rng, 50) : r->family);
        bool aims = !r->bench.sabotage && r->bench.judge && r->only < 0;
        for (unsigned i = 0; i < COMMANDS_PER_SCHEMA; i++)
            (aims && rng_percent(&r->rng, r->aimed) ? one_edge : one_pair)(r, &w);
    }
}

static double share(uint64_t part, uint64_t of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

static void print_row(const char *name, const tally *t) {
    printf("%-18s %9" PRIu64 " %8.1f %8.1f %9" PRIu64 " %9" PRIu64 "\n", name, t->made, share(t->accepted, t->made),
           share(t->marked, t->made), t->evaluated, t->too_strict);
}

static void add(tally *to, const tally *t) {
    to->made += t->made;
    to->accepted += t->accepted;
    to->marked += t->marked;
    to->evaluated += t->evaluated;
    to->too_strict += t->too_strict;
}

static void print_tallies(const run *r, double seconds) {
    tally all = {0};
    printf("%-18s %9s %8s %8s %9s %9s\n", "command", "pairs", "% taken", "% marked", "evaluated", "strict?");
    for (int i = 0; i < COMMANDS; i++) {
        const tally *t = &r->tallies[i];
        print_row(command_names[i], t);
        add(&all, t);
    }
    print_row("aimed at a cell", &r->edges);
    add(&all, &r->edges);
    print_row("all", &all);
    printf("\naggregate with\n");
    for (unsigned i = 0; i < stage_count; i++)
        print_row(stage_names[i], &r->stages[i]);
    printf("%" PRIu64 " failures, %.0f pairs a minute, seed %" PRIu64 "\n", r->failures,
           (double)all.made / seconds * 60, r->seed);
}

static void print_sabotage(const run *r) {
    printf("%" PRIu64 " results with a broken placeholder: the judge noticed %.2f %%; of %" PRIu64
           " evaluated ones, the evaluator %.1f %%\n",
           r->sabotage.done, share(r->sabotage.judge, r->sabotage.done), r->sabotage.evaluated,
           share(r->sabotage.evaluator, r->sabotage.evaluated));
}

/* The evaluator sees a difference only where the six documents make one. */
static bool sabotage_noticed(const run *r) {
    return r->failures == 0 && r->sabotage.done > 0 && r->sabotage.judge * 1000 >= r->sabotage.done * 995 &&
           r->sabotage.evaluator * 4 >= r->sabotage.evaluated;
}

static int usage(void) {
    fputs("usage: oc_soundness [--no-evaluator | --no-judge] [--sabotage] [--strict] [--mutated=PERCENT] "
          "[--aimed=PERCENT] [--reports=MOST] [--table] [--floor[=PERCENT]] [--only=COMMAND] [--csfle | --qe] "
          "[SECONDS] [SEED]\n",
          stderr);
    return 2;
}

static bool option(run *r, const char *text) {
    if (strcmp(text, "--no-evaluator") == 0)
        r->bench.evaluate = false;
    else if (strcmp(text, "--no-judge") == 0)
        r->bench.judge = false;
    else if (strcmp(text, "--sabotage") == 0)
        r->bench.sabotage = true;
    else if (strcmp(text, "--strict") == 0)
        r->show_strict = true;
    else if (strcmp(text, "--csfle") == 0 || strcmp(text, "--qe") == 0)
        r->family = text[2] == 'q';
    else if (strncmp(text, "--reports=", 10) == 0)
        r->reports = (unsigned)atoi(text + 10);
    else if (strcmp(text, "--table") == 0)
        r->show_table = true;
    else if (strcmp(text, "--floor") == 0)
        r->floor = 100;
    else if (strncmp(text, "--floor=", 8) == 0)
        r->floor = strtod(text + 8, NULL);
    else if (strncmp(text, "--aimed=", 8) == 0)
        r->aimed = (unsigned)atoi(text + 8);
    else if (strncmp(text, "--mutated=", 10) == 0)
        r->mutated = (unsigned)atoi(text + 10);
    else if (strncmp(text, "--only=", 7) == 0) {
        for (int i = 0; i < COMMANDS; i++)
            if (strcmp(command_names[i], text + 7) == 0)
                r->only = i;
        return r->only >= 0;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv) {
    static run r = {.only = -1, .family = -1, .mutated = 10, .aimed = 50, .reports = 10};
    const char *numbers[2] = {"0", "1"};
    int given = 0;
    bench_open(&r.bench);
    cells_make(&r.cells, &r.tables);
    r.bench.cells = &r.cells;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' ? !option(&r, argv[i]) : given == 2)
            return usage();
        else if (argv[i][0] != '-')
            numbers[given++] = argv[i];
    r.rng.state = r.seed = strtoull(numbers[1], NULL, 0);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    double start = now();
    work(&r, strtod(numbers[0], NULL));
    if (r.bench.sabotage)
        print_sabotage(&r);
    else
        print_tallies(&r, now() - start);
    if (r.show_table)
        cells_print(&r.cells, stdout);
    bool reached = r.floor <= 0 || cells_floor(&r.cells, r.floor, stdout);
    bench_close(&r.bench);
    pool_done(&r.schemas);
    pool_done(&r.tables);
    if (r.bench.sabotage)
        return !sabotage_noticed(&r);
    return r.failures > 0 || r.bad_schemas > 0 || !reached;
}
