/* bench_engine [--quick]: the rows of the performance table that are about the engine. Analysis in process against
 * bson_validate_with_error of the same command, in the same run, and beside it the floor, a bare walk over lengths
 * against the same. Each measurement has a process of its own: what one leaves on the heap does not speed up the next.
 *
 * For ./dev bench compare:
 *     bench_engine --list            the names of all measurements
 *     bench_engine --time NAME       one of them: microseconds of an analysis
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "timing.h"

/* What is measured: a command of size n. */
typedef struct point {
    command_maker *make;
    int n;
    before_call *before;
} point;

typedef struct row {
    const char *what;
    point of;
    double first, reach; /* of the performance table: what the first edition reached, and what to reach now */
} row;

static const row rows[] = {
    {"insert, 10 fields", {insert_of_fields, 10, NULL}, 0.72, 0.45},
    {"insert, 100 fields", {insert_of_fields, 100, NULL}, 0.35, 0.25},
    {"insert, 1000 fields", {insert_of_fields, 1000, NULL}, 0.28, 0.20},
    {"insert, 10 fields, nothing encrypted", {insert_plain, 10, NULL}, 0.46, 0.35},
    {"insert, 100 fields, nothing encrypted", {insert_plain, 100, NULL}, 0.22, 0.08},
    {"insert, 1000 fields, nothing encrypted", {insert_plain, 1000, NULL}, 0.16, 0.02},
    {"insert, 10 fields, QE equality", {insert_equality, 10, NULL}, 1.00, 0.60},
    {"insert, 100 fields, QE equality", {insert_equality, 100, NULL}, 0.55, 0.40},
    {"insert, 1000 fields, QE equality", {insert_equality, 1000, NULL}, 0.44, 0.35},
    {"find", {find_encrypted, 50, NULL}, 0.32, 0.25},
    {"update", {update_encrypted, 50, NULL}, 0.40, 0.30},
    {"countDocuments", {count_documents, 50, NULL}, 0.57, 0.50},
    {"dashboard", {dashboard, 50, NULL}, 0.46, 0.35},
    {"insert, 1000 documents of 10 fields", {insert_of_documents, 1000, NULL}, 1.19, 0.40},
    {"encrypted $in of 1000", {find_in, 1000, NULL}, 2.2, 0.60},
    {"pipeline of 1000 stages", {stages, 1000, NULL}, 9.4, 2.0},
    {"insert, 10 fields, cold caches", {insert_of_fields, 10, touch_memory}, 1.05, 0.8},
};

static bson_t *find_by_properties(int n) {
    return find_encrypted(10 * n);
}

/* Of so many schemas; turn_schema makes them. */
static bson_t *find_by_schemas(int n) {
    (void)n;
    return find_encrypted(50);
}

static void turn_schema(bench *b, bson_t *command) {
    change_schema(command, b->turn++ % b->turns);
}

/* The cost of an element at the top against the middle. */
typedef struct growth {
    const char *what;
    command_maker *make;
    before_call *before;
    int middle, top;
    bool whole; /* an element is a whole command */
    double first;
} growth;

/* The cache keeps 1,024 schemas: beyond that each is compiled again. */
static const growth growths[] = {
    {"documents in an insert", insert_of_documents, NULL, 300, 100000, false, 0},
    {"values in $in", find_in, NULL, 300, 100000, false, 0},
    {"fields in a document", insert_of_fields, NULL, 300, 10000, false, 0},
    {"properties in a cached schema", find_by_properties, NULL, 300, 10000, false, 0},
    {"stages of a pipeline", stages, NULL, 100, 2000, false, 1.67},
    {"schemas in turn, cached", find_by_schemas, turn_schema, 100, 1000, true, 0},
    {"schemas in turn, too many to cache", find_by_schemas, turn_schema, 2000, 10000, true, 0},
};

enum { ROWS = sizeof rows / sizeof rows[0], GROWTHS = sizeof growths / sizeof growths[0] };

/* ---- one measurement ---- */

typedef timing measurement(bench *b, bson_t *command);

static timing only_analysis(bench *b, bson_t *command) {
    return (timing){.analysis = measure_analysis(b, command)};
}

static timing measure_point(const point *p, double seconds, measurement *take) {
    opencrypt_engine *engine = opencrypt_engine_new();
    bench b = {
        .request = opencrypt_request_new(engine, 0), .seconds = seconds, .before = p->before, .turns = (uint32_t)p->n};
    bson_t *command = p->make(p->n);
    timing t = take(&b, command);
    bson_destroy(command);
    opencrypt_request_free(b.request);
    opencrypt_engine_free(engine);
    return t;
}

static timing measure_apart(const point *p, double seconds, measurement *take) {
    int ends[2], status;
    timing t;
    if (pipe(ends) != 0)
        abort();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        t = measure_point(p, seconds, take);
        _exit(write(ends[1], &t, sizeof t) == sizeof t ? 0 : 1);
    }
    close(ends[1]);
    bool got = read(ends[0], &t, sizeof t) == sizeof t;
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || !got)
        exit(1);
    return t;
}

/* ---- the table ---- */

static void report(const row *r, double seconds) {
    timing t = measure_apart(&r->of, seconds, measure);
    printf("%-40s %9.2f us %13.2f %9.2f %9.2f %9.2f\n", r->what, t.analysis * 1e6, r->first, r->reach,
           t.floor / t.validation, t.analysis / t.validation);
}

static double element(const growth *g, int n, double seconds) {
    point p = {g->make, n, g->before};
    return measure_apart(&p, seconds, only_analysis).analysis * 1e6 / (g->whole ? 1 : n);
}

static void report_growth(const growth *g, double seconds, int top) {
    char first[8] = "-";
    double small = element(g, g->middle, seconds), large = element(g, top, seconds);
    if (g->first != 0)
        snprintf(first, sizeof first, "%.2f", g->first);
    printf("%-35s %6d: %.3f us -> %6d: %.3f us  %6s %9.2f %9.2f\n", g->what, g->middle, small, top, large, first, 1.3,
           large / small);
}

static void report_all(bool quick) {
    double seconds = quick ? 0.0002 : 0.02;
    printf("%-40s %12s %13s %9s %9s %9s\n", "of bson_validate", "analysis", "first edition", "reach now", "floor",
           "measured");
    for (int i = 0; i < ROWS; i++)
        report(&rows[i], seconds);
    printf("\n%-68s %13s %9s %9s\n", "cost of an element: middle -> top", "first edition", "reach now", "measured");
    for (int i = 0; i < GROWTHS; i++)
        report_growth(&growths[i], seconds, quick ? 2 * growths[i].middle : growths[i].top);
}

/* ---- for ./dev bench compare ---- */

enum { POINTS = ROWS + GROWTHS };

/* The rows, and the tops of growth. */
static point point_at(int i, char name[64]) {
    if (i < ROWS) {
        snprintf(name, 64, "%s", rows[i].what);
        return rows[i].of;
    }
    const growth *g = &growths[i - ROWS];
    snprintf(name, 64, "%s: %d", g->what, g->top);
    return (point){g->make, g->top, g->before};
}

static void list(void) {
    char name[64];
    for (int i = 0; i < POINTS; i++) {
        point_at(i, name);
        puts(name);
    }
}

static int time_named(const char *wanted) {
    char name[64];
    for (int i = 0; i < POINTS; i++) {
        point p = point_at(i, name);
        if (strcmp(name, wanted) == 0)
            return printf("%.9f\n", measure_point(&p, 0.005, only_analysis).analysis * 1e6) < 0;
    }
    fprintf(stderr, "no measurement is called %s\n", wanted);
    return 2;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--time") == 0)
        return time_named(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        list();
    else
        report_all(argc == 2 && strcmp(argv[1], "--quick") == 0);
    return 0;
}
