#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "floor.h"

enum { ROUNDS = 15, TOUCHED = 8 * 1024 * 1024, CACHE_LINE = 64 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void analyze_once(bench *b, const bson_t *command) {
    opencrypt_reply reply;
    if (!opencrypt_analyze(b->request, bson_get_data(command), command->len, NULL, 0, &reply)) {
        fprintf(stderr, "refused: %s\n", reply.refusal.message);
        exit(1);
    }
}

static void validate_once(bench *b, const bson_t *command) {
    bson_error_t error;
    (void)b;
    if (!bson_validate_with_error(command, BSON_VALIDATE_UTF8, &error))
        abort();
}

static void walk_once(bench *b, const bson_t *command) {
    (void)b;
    if (floor_walk(bson_get_data(command)) == 0)
        abort();
}

void touch_memory(bench *b, bson_t *command) {
    static volatile uint8_t memory[TOUCHED];
    (void)b;
    (void)command;
    for (size_t i = 0; i < sizeof memory; i += CACHE_LINE)
        memory[i]++;
}

/* ---- one round of one thing: seconds per call ---- */

static double time_many(bench *b, timed_call *call, const bson_t *command) {
    size_t calls = 0, batch = 1;
    double start = now(), elapsed;
    do {
        for (size_t i = 0; i < batch; i++)
            call(b, command);
        calls += batch;
        if (calls >= 64)
            batch = 64;
        elapsed = now() - start;
    } while (elapsed < b->seconds);
    return elapsed / (double)calls;
}

static double time_each(bench *b, timed_call *call, bson_t *command) {
    size_t calls = 0;
    double end = now() + b->seconds, spent = 0, start, stop;
    do {
        b->before(b, command);
        start = now();
        call(b, command);
        stop = now();
        spent += stop - start;
        calls++;
    } while (stop < end);
    return spent / (double)calls;
}

static double time_calls(bench *b, timed_call *call, bson_t *command) {
    return b->before ? time_each(b, call, command) : time_many(b, call, command);
}

/* ---- rounds ---- */

timing measure(bench *b, bson_t *command) {
    timing least = {INFINITY, INFINITY, INFINITY};
    for (int i = 0; i < ROUNDS; i++) {
        least.analysis = fmin(least.analysis, time_calls(b, analyze_once, command));
        least.validation = fmin(least.validation, time_calls(b, validate_once, command));
        least.floor = fmin(least.floor, time_calls(b, walk_once, command));
    }
    return least;
}

double measure_analysis(bench *b, bson_t *command) {
    double least = INFINITY;
    for (int i = 0; i < ROUNDS; i++)
        least = fmin(least, time_calls(b, analyze_once, command));
    return least;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof values[0], by_value);
    return values[n / 2];
}

both measure_both(bench *b, bson_t *command, timed_call *one, timed_call *other, int rounds) {
    enum { MAX_ROUNDS = 101 };
    double first[MAX_ROUNDS], second[MAX_ROUNDS], ratio[MAX_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        first[i] = time_calls(b, one, command);
        second[i] = time_calls(b, other, command);
        ratio[i] = first[i] / second[i];
    }
    return (both){median(first, rounds), median(second, rounds), median(ratio, rounds)};
}
