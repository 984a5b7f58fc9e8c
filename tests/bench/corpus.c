/* bench_corpus CASES [--quick | --list | PART-OF-NAME]: the ordinary pipelines of
 * tests/cases/pipelines/corpus-*.json, each against bson_validate_with_error of the same command, and the floor, a bare
 * walk over lengths. --list, for ./dev bench compare: microseconds of an analysis, tab, name. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runner/cases.h"
#include "timing.h"

enum { MOST = 1000 };

typedef struct corpus {
    bench b;
    const char *part;
    bool list;
    double ratios[MOST], floors[MOST];
    size_t count;
} corpus;

static bool accepted(bench *b, const bson_t *command) {
    opencrypt_reply reply;
    return opencrypt_analyze(b->request, bson_get_data(command), command->len, NULL, 0, &reply);
}

static void list_case(corpus *all, const oc_case *c) {
    if (accepted(&all->b, c->command))
        printf("%.4f\t%s\n", measure_analysis(&all->b, c->command) * 1e6, c->name);
}

static void time_case(corpus *all, const oc_case *c) {
    timing t = measure(&all->b, c->command);
    double ratio = t.analysis / t.validation;
    if (ratio > 1)
        printf("%5.2f  %s\n", ratio, c->name);
    all->floors[all->count] = t.floor / t.validation;
    all->ratios[all->count] = ratio;
}

static void each_case(const oc_case *c, void *data) {
    corpus *all = data;
    if (!strstr(c->file, "/corpus-") || !strstr(c->name, all->part) || !c->reply || all->count == MOST)
        return;
    all->list ? list_case(all, c) : time_case(all, c);
    all->count++;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(corpus *all) {
    size_t middle = all->count / 2, last = all->count - 1;
    qsort(all->ratios, all->count, sizeof all->ratios[0], by_value);
    qsort(all->floors, all->count, sizeof all->floors[0], by_value);
    printf("%-40s %26s %9s %9s %9s\n", "of bson_validate", "first edition", "reach now", "floor", "measured");
    printf("%4zu ordinary pipelines: %-17s %24.2f %9.2f %9.2f %9.2f\n", all->count, "median", 0.35, 0.25,
           all->floors[middle], all->ratios[middle]);
    printf("%4zu ordinary pipelines: %-17s %24.2f %9.2f %9.2f %9.2f\n", all->count, "worst", 1.30, 1.0,
           all->floors[last], all->ratios[last]);
}

static bool option(int argc, char **argv, const char *name) {
    return argc > 2 && strcmp(argv[2], name) == 0;
}

int main(int argc, char **argv) {
    static corpus all;
    if (argc < 2)
        return 2;
    opencrypt_engine *engine = opencrypt_engine_new();
    bool quick = option(argc, argv, "--quick");
    all.list = option(argc, argv, "--list");
    all.b.request = opencrypt_request_new(engine, 0);
    all.b.seconds = quick ? 0.0002 : all.list ? 0.0005 : 0.002;
    all.part = argc > 2 && !quick && !all.list ? argv[2] : "";
    oc_cases_each(argv[1], each_case, &all);
    if (all.count > 0 && !all.list)
        report(&all);
    opencrypt_request_free(all.b.request);
    opencrypt_engine_free(engine);
    return all.count > 0 ? 0 : 1;
}
