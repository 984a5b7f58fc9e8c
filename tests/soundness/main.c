/* oc_soundness [OPTIONS] [SECONDS] [SEED]: random commands over random schemas, judged one by one. Without SECONDS it
 * runs until a signal ends it. */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gen.h"
#include "mutate.h"
#include "report.h"
#include "shrink.h"

enum { COMMANDS_PER_SCHEMA = 25, MAX_REPORTS = 10, MAX_STAGES = 32 };

typedef struct tally {
    uint64_t made, accepted, marked, evaluated, not_analysed, too_strict;
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
    int family;       /* 0 CSFLE, 1 Queryable Encryption, -1: both */
    int only;         /* one command kind; -1: all */
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
    if (r->failures++ >= MAX_REPORTS)
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
    of->not_analysed += t->ending == E_NOT_ANALYSED;
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
    if (t->ending != E_ACCEPTED || t->placeholders == 0)
        return;
    r->sabotage.done++;
    r->sabotage.judge += t->judge_says != NULL;
    r->sabotage.evaluated += t->evaluated;
    r->sabotage.evaluator += t->evaluator_says != NULL;
    if (!t->judge_says && !may_stay_plain(command) && r->failures++ < MAX_REPORTS)
        report_case(stdout, w, command, "sabotage was not noticed");
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
        for (unsigned i = 0; i < COMMANDS_PER_SCHEMA; i++)
            one_pair(r, &w);
    }
}

static double share(uint64_t part, uint64_t of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

static void print_row(const char *name, const tally *t) {
    uint64_t analysed = t->made - t->not_analysed;
    printf("%-18s %9" PRIu64 " %8.1f %8.1f %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", name, t->made,
           share(t->accepted, analysed), share(t->marked, analysed), t->evaluated, t->not_analysed, t->too_strict);
}

static void print_tallies(const run *r, double seconds) {
    tally all = {0};
    printf("%-18s %9s %8s %8s %9s %9s %9s\n", "command", "pairs", "% taken", "% marked", "evaluated", "code 115",
           "strict?");
    for (int i = 0; i < COMMANDS; i++) {
        const tally *t = &r->tallies[i];
        print_row(command_names[i], t);
        all = (tally){all.made + t->made,           all.accepted + t->accepted,         all.marked + t->marked,
                      all.evaluated + t->evaluated, all.not_analysed + t->not_analysed, all.too_strict + t->too_strict};
    }
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
          "[--only=COMMAND] [--csfle | --qe] [SECONDS] "
          "[SEED]\n",
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
    run r = {.only = -1, .family = -1, .mutated = 10};
    const char *numbers[2] = {"0", "1"};
    int given = 0;
    bench_open(&r.bench);
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
    bench_close(&r.bench);
    pool_done(&r.schemas);
    if (r.bench.sabotage)
        return !sabotage_noticed(&r);
    return r.failures > 0 || r.bad_schemas > 0;
}
