#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void analyze_once(bench *b, const bson_t *command) {
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
static double time_calls(bench *b, void (*call)(bench *, const bson_t *), const bson_t *command) {
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

timing measure(bench *b, const bson_t *command) {
    enum { ROUNDS = 9 };
    double analysis[ROUNDS], validation[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        analysis[i] = time_calls(b, analyze_once, command);
        validation[i] = time_calls(b, validate_once, command);
    }
    qsort(analysis, ROUNDS, sizeof analysis[0], by_value);
    qsort(validation, ROUNDS, sizeof validation[0], by_value);
    return (timing){analysis[ROUNDS / 2], validation[ROUNDS / 2]};
}
