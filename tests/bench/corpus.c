/* bench_corpus CASES [--quick | PART-OF-NAME]: the ordinary pipelines of tests/cases/pipelines/corpus-*.json, each
 * against bson_validate_with_error of the same command. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runner/cases.h"
#include "timing.h"

enum { MOST = 1000 };

typedef struct corpus {
    bench b;
    const char *part;
    double ratios[MOST];
    size_t count;
} corpus;

static void time_case(const oc_case *c, void *data) {
    corpus *all = data;
    if (!strstr(c->file, "/corpus-") || !strstr(c->name, all->part) || !c->reply || all->count == MOST)
        return;
    timing t = measure(&all->b, c->command);
    double ratio = t.analysis / t.validation;
    if (ratio > 1)
        printf("%5.2fx  %s\n", ratio, c->name);
    all->ratios[all->count++] = ratio;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static corpus all;
    if (argc < 2)
        return 2;
    opencrypt_engine *engine = opencrypt_engine_new();
    all.b.request = opencrypt_request_new(engine, 0);
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    all.b.seconds = quick ? 0.0005 : 0.01;
    all.part = argc > 2 && !quick ? argv[2] : "";
    oc_cases_each(argv[1], time_case, &all);
    qsort(all.ratios, all.count, sizeof all.ratios[0], by_value);
    if (all.count)
        printf("%zu ordinary pipelines: median %.2fx, 90 %% below %.2fx, worst %.2fx of bson_validate (reach 1.00x)\n",
               all.count, all.ratios[all.count / 2], all.ratios[all.count * 9 / 10], all.ratios[all.count - 1]);
    opencrypt_request_free(all.b.request);
    opencrypt_engine_free(engine);
    return all.count ? 0 : 1;
}
