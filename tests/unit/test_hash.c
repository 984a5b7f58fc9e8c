/* The hash of names has a secret of each process, and nothing that anyone sees follows it. */

#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../runner/cases.h"
#include "nameset.h"
#include "opencrypt.h"

static const char *folder;

static uint64_t hash(const char *name) {
    return oc_hash(name, strlen(name));
}

/* In a process that has hashed nothing yet. */
static uint64_t hash_in_a_new_process(void) {
    uint64_t result = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        result = hash("ssn");
        _exit(write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &result, sizeof result), sizeof result);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return result;
}

/* First of all tests: this process must not have hashed anything. */
static void each_process_hashes_otherwise(void **state) {
    (void)state;
    assert_true(hash_in_a_new_process() != hash_in_a_new_process());
}

static void a_process_keeps_its_secret(void **state) {
    (void)state;
    assert_true(hash("ssn") == hash("ssn"));
    assert_true(hash("ssn") != hash("ssm"));
}

static void seeds_differ_at_every_length(void **state) {
    char name[300];
    (void)state;
    memset(name, 'a', sizeof name);
    for (size_t len = 0; len <= sizeof name; len++) {
        oc_hash_set_seed(1);
        uint64_t one = oc_hash(name, len);
        oc_hash_set_seed(2);
        assert_true(one != oc_hash(name, len));
        oc_hash_set_seed(1);
        assert_true(one == oc_hash(name, len));
    }
}

static void a_table_is_walked_in_the_order_given(void **state) {
    enum { NAMES = 100 };
    char names[NAMES][16];
    oc_name_entry entries[NAMES];
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        entries[i] = (oc_name_entry){{names[i], strlen(names[i])}, names[i]};
    }
    for (uint64_t seed = 0; seed < 10; seed++) {
        oc_arena arena = {0};
        oc_name_table table;
        oc_hash_set_seed(seed);
        assert_true(oc_name_table_build(&table, &arena, entries, NAMES));
        assert_int_equal(table.count, NAMES);
        for (int i = 0; i < NAMES; i++) {
            assert_ptr_equal(table.entries[i].value, names[i]);
            assert_ptr_equal(oc_name_table_find_slot(&table, entries[i].name), names[i]);
        }
        assert_null(oc_name_table_find_slot(&table, (oc_str){"g", 1}));
        oc_arena_done(&arena);
    }
}

static void of_one_name_the_first_is_found(void **state) {
    static const oc_name_entry entries[] = {{{"a", 1}, "first"}, {{"b", 1}, "other"}, {{"a", 1}, "second"}};
    oc_arena arena = {0};
    oc_name_table table;
    (void)state;
    assert_true(oc_name_table_build(&table, &arena, entries, 3));
    assert_string_equal(oc_name_table_find(&table, (oc_str){"a", 1}), "first");
    oc_arena_done(&arena);
}

/* What a process with this seed answers. */
static bson_t *ask(const bson_t *command, uint64_t seed) {
    opencrypt_reply reply;
    oc_hash_set_seed(seed);
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    opencrypt_analyze(request, bson_get_data(command), command->len, NULL, 0, &reply);
    bson_t *copy = bson_new_from_data(reply.data, reply.len);
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return copy;
}

static void compare_seeds(const oc_case *c, void *failed) {
    bson_t *first = ask(c->command, 0);
    for (uint64_t seed = 1; seed < 5; seed++) {
        bson_t *other = ask(c->command, seed);
        if (!bson_equal(first, other)) {
            printf("%s: %s: seed %d gives another reply\n", c->file, c->name, (int)seed);
            ++*(size_t *)failed;
        }
        bson_destroy(other);
    }
    bson_destroy(first);
}

static void every_case_has_one_reply_under_all_seeds(void **state) {
    size_t failed = 0;
    (void)state;
    assert_true(oc_cases_each(folder, compare_seeds, &failed) > 0);
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_hashes_otherwise),  cmocka_unit_test(a_process_keeps_its_secret),
        cmocka_unit_test(seeds_differ_at_every_length),   cmocka_unit_test(a_table_is_walked_in_the_order_given),
        cmocka_unit_test(of_one_name_the_first_is_found), cmocka_unit_test(every_case_has_one_reply_under_all_seeds),
    };
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
