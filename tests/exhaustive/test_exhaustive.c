/* The numbering is one to one, a stretch of numbers is a fair sample, and wrong answers of the engine are noticed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pair.h"
#include "report.h"
#include "rng.h"
#include "space.h"

static space all;

static int open_space(void **state) {
    (void)state;
    space_open(&all, EXHAUSTIVE_GRAMMAR);
    return 0;
}

static int close_space(void **state) {
    (void)state;
    space_close(&all);
    return 0;
}

/* ---- numbers ---- */

static void comes_back(uint64_t index) {
    place_in_space at = space_find(&all, index);
    assert_true(at.schema < all.families[at.family].set.count);
    assert_true(at.command < all.families[at.family].commands);
    assert_int_equal(space_index(&all, at), index);
}

static void every_index_comes_back(void **state) {
    rng r = {1};
    (void)state;
    for (int i = 0; i < 100000; i++)
        comes_back(rng_next(&r) % all.count);
    for (uint64_t i = 0; i < 20000; i++) {
        comes_back(i);
        comes_back(all.count - 1 - i);
        comes_back(all.count / SLICES * 7 + i);
    }
}

static void every_command_leads_back_to_its_number(void **state) {
    static const role_names names = {{"a", "o.b", "e", "o", "b"}};
    trace t;
    pool p = {0};
    (void)state;
    for (unsigned f = 0; f < all.family_count; f++)
        for (uint64_t i = 0, n = all.families[f].commands; i < n; i += 1 + n / 30000) {
            pool_reset(&p);
            grammar_make(all.grammar, all.families[f].rule_number, i, &names, &p, &t);
            assert_true(t.count < MAX_CHOICES);
            assert_int_equal(grammar_rank(all.grammar, all.families[f].rule_number, &t), i);
        }
    pool_done(&p);
}

/* ---- no two are the same ---- */

static uint64_t hash_of(const value *v) {
    buffer bytes = {0};
    uint64_t hash = 14695981039346656037u;
    value_write(&bytes, v);
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.data[i]) * 1099511628211u;
    free(bytes.data);
    return hash;
}

typedef struct numbered {
    uint64_t hash, index;
} numbered;

static int by_hash(const void *a, const void *b) {
    uint64_t x = ((const numbered *)a)->hash, y = ((const numbered *)b)->hash;
    return (x > y) - (x < y);
}

static void assert_distinct(numbered *all_of, size_t n) {
    qsort(all_of, n, sizeof *all_of, by_hash);
    for (size_t i = 1; i < n; i++)
        if (all_of[i - 1].hash == all_of[i].hash)
            fail_msg("%u and %u are the same", (unsigned)all_of[i - 1].index, (unsigned)all_of[i].index);
}

enum { MOST = 100000 };

static void commands_of_a_schema_are_distinct(void **state) {
    static const role_names names[] = {
        {{"a", "b", "e", "o", "a"}}, {{"o.a", "o.b", "e", "o", "a"}}, {{"a", "b", "o.e", "o", "e"}}};
    numbered *made = malloc(sizeof *made * (MOST + 1));
    pool p = {0};
    (void)state;
    for (unsigned f = 0; f < all.family_count; f++)
        for (unsigned k = 0; k < sizeof names / sizeof *names; k++) {
            size_t n = 0;
            uint64_t most = all.families[f].commands, step = 1 + most / MOST;
            for (uint64_t i = k % step; i < most; i += step) {
                pool_reset(&p);
                const value *v = grammar_make(all.grammar, all.families[f].rule_number, i, &names[k], &p, NULL);
                made[n++] = (numbered){hash_of(v), i};
            }
            assert_distinct(made, n);
        }
    free(made);
    pool_done(&p);
}

/* As a collection: its schema and whether it is remote; and the other one. */
static uint64_t hash_of_schema(const schema *s, pool *p) {
    value *both = value_doc(p);
    for (unsigned i = 0; i < s->world.count; i++) {
        value_put(p, both, "schema", s->world.collections[i].schema);
        value_put(p, both, "remote", value_bool(p, s->world.collections[i].remote));
    }
    for (unsigned i = 0; i < NAMES; i++)
        value_put(p, both, "name", value_string(p, s->names.at[i]));
    return hash_of(both);
}

static void schemas_are_distinct(void **state) {
    pool p = {0};
    (void)state;
    for (unsigned f = 0; f < all.family_count; f++) {
        const schema_set *set = &all.families[f].set;
        numbered *made = malloc(sizeof *made * set->count);
        for (unsigned i = 0; i < set->count; i++) {
            schema s;
            pool_reset(&p);
            schema_make(set, i, &s, &p);
            made[i] = (numbered){hash_of_schema(&s, &p), i};
        }
        assert_distinct(made, set->count);
        free(made);
    }
    pool_done(&p);
}

/* ---- a stretch is a sample ---- */

static void a_stretch_meets_every_schema(void **state) {
    uint64_t length = all.count / 1000;
    (void)state;
    for (unsigned f = 0; f < all.family_count; f++) {
        const family *of = &all.families[f];
        bool *met = calloc(of->set.count, sizeof *met);
        for (uint64_t i = all.count / 3; i < all.count / 3 + length; i += RUN / 2) {
            place_in_space at = space_find(&all, i);
            if (at.family == f)
                met[at.schema] = true;
        }
        for (unsigned i = 0; i < of->set.count; i++)
            assert_true(met[i]);
        free(met);
    }
}

/* ---- wrong answers ---- */

typedef struct score {
    uint64_t done, noticed;
} score;

/* One pair whose answer is sabotaged. What is not noticed is shown, a few times. */
static void sabotage_one(examiner *e, pool *schemas, place_in_space at, score *to) {
    const family *f = &all.families[at.family];
    schema s;
    pool_reset(&e->pool);
    pool_reset(schemas);
    schema_make(&f->set, at.schema, &s, schemas);
    value *command =
        value_copy(&e->pool, grammar_make(all.grammar, f->rule_number, at.command, &s.names, &e->pool, NULL));
    finding found = examine(e, &s, command);
    to->done += found.sabotaged;
    to->noticed += found.sabotaged && found.failure;
    if (found.sabotaged && !found.failure && to->done - to->noticed <= 2)
        report_case(stdout, &s.world, command, "not noticed");
}

static score sabotage_sample(sabotage_kind kind, bool judge, bool direct, unsigned families) {
    examiner e;
    pool schemas = {0};
    score made = {0};
    examiner_open(&e);
    e.sabotage = kind;
    e.no_judge = !judge;
    e.no_direct = !direct;
    for (uint64_t i = 0; i < all.count; i += all.count / 40000) {
        place_in_space at = space_find(&all, i);
        if (at.family < families)
            sabotage_one(&e, &schemas, at, &made);
    }
    examiner_close(&e);
    pool_done(&schemas);
    return made;
}

/* Not all: of what the server may refuse, as a $facet in another stage's pipeline, the judge has no opinion. */
static void assert_noticed(score s, unsigned per_mille) {
    print_message("%u of %u noticed\n", (unsigned)s.noticed, (unsigned)s.done);
    assert_true(s.done > 500);
    assert_true(s.noticed * 1000 >= s.done * per_mille);
}

static void unmarked_answers_are_noticed_by_the_judge(void **state) {
    (void)state;
    assert_noticed(sabotage_sample(S_UNMARKED, true, false, 9), 970);
}

/* It knows only what stands directly under a path or beside a field. */
static void unmarked_answers_are_noticed_without_the_judge(void **state) {
    (void)state;
    assert_noticed(sabotage_sample(S_UNMARKED, false, true, 9), 850);
}

static void broken_placeholders_are_noticed(void **state) {
    (void)state;
    assert_noticed(sabotage_sample(S_BROKEN, true, true, 9), 970);
}

static void changed_values_are_noticed_by_either(void **state) {
    (void)state;
    assert_noticed(sabotage_sample(S_CHANGED, true, false, 9), 970);
    assert_noticed(sabotage_sample(S_CHANGED, false, true, 5), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_comes_back),
        cmocka_unit_test(every_command_leads_back_to_its_number),
        cmocka_unit_test(commands_of_a_schema_are_distinct),
        cmocka_unit_test(schemas_are_distinct),
        cmocka_unit_test(a_stretch_meets_every_schema),
        cmocka_unit_test(unmarked_answers_are_noticed_by_the_judge),
        cmocka_unit_test(unmarked_answers_are_noticed_without_the_judge),
        cmocka_unit_test(broken_placeholders_are_noticed),
        cmocka_unit_test(changed_values_are_noticed_by_either),
    };
    return cmocka_run_group_tests(tests, open_space, close_space);
}
