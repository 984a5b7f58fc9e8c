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

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof values[0], by_value);
    return values[n / 2];
}

both measure_both(bench *b, const bson_t *command, timed_call *one, timed_call *other, int rounds) {
    enum { MAX_ROUNDS = 101 };
    double first[MAX_ROUNDS], second[MAX_ROUNDS], ratio[MAX_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        first[i] = time_calls(b, one, command);
        second[i] = time_calls(b, other, command);
        ratio[i] = first[i] / second[i];
    }
    return (both){median(first, rounds), median(second, rounds), median(ratio, rounds)};
}

timing measure(bench *b, const bson_t *command) {
    both t = measure_both(b, command, analyze_once, validate_once, 9);
    return (timing){t.one, t.other};
}
