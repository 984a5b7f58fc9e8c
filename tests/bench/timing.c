#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

/* Seconds per call. */
static double time_calls(bench *b, timed_call *call, const bson_t *command) {
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

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void measure_both(bench *b, const bson_t *command, timed_call *one, timed_call *other, double medians[2]) {
    enum { ROUNDS = 9 };
    double first[ROUNDS], second[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        first[i] = time_calls(b, one, command);
        second[i] = time_calls(b, other, command);
    }
    qsort(first, ROUNDS, sizeof first[0], by_value);
    qsort(second, ROUNDS, sizeof second[0], by_value);
    medians[0] = first[ROUNDS / 2];
    medians[1] = second[ROUNDS / 2];
}

timing measure(bench *b, const bson_t *command) {
    double medians[2];
    measure_both(b, command, analyze_once, validate_once, medians);
    return (timing){medians[0], medians[1]};
}
