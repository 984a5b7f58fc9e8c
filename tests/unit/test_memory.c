/* Every allocation of an analysis fails in turn: the answer is the right one or a refusal, and nothing is lost.
 */

#include "unit.h"

#include <stdlib.h>

#include "../runner/cases.h"
#include "opencrypt.h"

static const char *folder;
static long fail_at = -1; /* allocations until one fails; -1: none does */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails_now(void) {
    if (fail_at < 0 || fail_at-- > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

/* One analysis with everything made new, in which allocation number n fails. False: there were not so many. */
static bool analyze_failing(const oc_case *c, long n) {
    fail_at = n;
    failed = false;
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 16) : NULL;
    if (request) {
        opencrypt_reply reply;
        bson_t doc;
        opencrypt_analyze(request, bson_get_data(c->command), c->command->len, NULL, 0, &reply);
        fail_at = -1;
        assert_true(bson_init_static(&doc, reply.data, reply.len));
        assert_false(reply.ok && !c->reply);
        if (!failed)
            assert_int_equal(reply.ok, c->reply != NULL);
    }
    fail_at = -1;
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return failed;
}

static void fail_each(const oc_case *c, void *data) {
    size_t *count = data;
    long n = 0;
    while (analyze_failing(c, n))
        n++;
    assert_true(n > 1);
    ++*count;
}

static void every_allocation_may_fail(void **state) {
    size_t count = 0;
    (void)state;
    oc_cases_each(folder, fail_each, &count);
    assert_true(count > 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
