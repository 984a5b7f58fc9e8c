/* The tables: sorted, unique, and every row with a case that passes or marks and one that is refused. */

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "../runner/cases.h"
#include "commands.h"
#include "group.h"
#include "keywords.h"
#include "match.h"
#include "opencrypt.h"
#include "update.h"

static const char *folder;

/* What the cases show of one name. */
typedef struct seen {
    const char *name;
    bool accepted, refused;
} seen;

typedef struct names {
    seen rows[256];
    size_t count;
} names;

static void add_name(names *n, const char *name) {
    assert_true(n->count < 256);
    if (n->count)
        assert_true(strcmp(n->rows[n->count - 1].name, name) < 0);
    n->rows[n->count++] = (seen){.name = name};
}

static void note(names *n, const bson_t *doc, bool accepted) {
    bson_iter_t it;
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it)) {
        for (size_t i = 0; i < n->count; i++)
            if (strcmp(bson_iter_key(&it), n->rows[i].name) == 0)
                *(accepted ? &n->rows[i].accepted : &n->rows[i].refused) = true;
        if (BSON_ITER_HOLDS_DOCUMENT(&it) || BSON_ITER_HOLDS_ARRAY(&it)) {
            bson_t inner;
            const uint8_t *bytes;
            uint32_t len;
            BSON_ITER_HOLDS_ARRAY(&it) ? bson_iter_array(&it, &len, &bytes) : bson_iter_document(&it, &len, &bytes);
            if (bson_init_static(&inner, bytes, len))
                note(n, &inner, accepted);
        }
    }
}

static void note_case(const oc_case *c, void *data) {
    note(data, c->command, c->reply != NULL);
}

static void assert_covered(names *n) {
    oc_cases_each(folder, note_case, n);
    for (size_t i = 0; i < n->count; i++)
        if (!n->rows[i].accepted || !n->rows[i].refused)
            fail_msg("%s has no case that is %s", n->rows[i].name, n->rows[i].accepted ? "refused" : "accepted");
}

static void match_operators_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_match_operator *rows = oc_match_operators(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void tree_operators_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_match_tree_operator *rows = oc_match_tree_operators(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void update_operators_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_update_operator *rows = oc_update_operators(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void stages_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_stage *rows = oc_stages(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void expression_operators_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_expression_operator *rows = oc_expression_operators(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void accumulators_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_accumulator *rows = oc_accumulators(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void schema_keywords_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_keyword *rows = oc_keywords(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void commands_have_cases(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const oc_command *rows = oc_commands(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i].name);
    assert_covered(&n);
}

static void generic_arguments_are_sorted(void **state) {
    names n = {.count = 0};
    size_t count;
    (void)state;
    const char *const *rows = oc_generic_arguments(&count);
    for (size_t i = 0; i < count; i++)
        add_name(&n, rows[i]);
}

static void commands_are_known_by_their_exact_name(void **state) {
    (void)state;
    assert_true(opencrypt_knows_command("find", 4));
    assert_false(opencrypt_knows_command("Find", 4));
    assert_false(opencrypt_knows_command("findAnd", 7));
    assert_false(opencrypt_knows_command("", 0));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_operators_have_cases),      cmocka_unit_test(tree_operators_have_cases),
        cmocka_unit_test(update_operators_have_cases),     cmocka_unit_test(stages_have_cases),
        cmocka_unit_test(expression_operators_have_cases), cmocka_unit_test(accumulators_have_cases),
        cmocka_unit_test(schema_keywords_have_cases),      cmocka_unit_test(commands_have_cases),
        cmocka_unit_test(generic_arguments_are_sorted),    cmocka_unit_test(commands_are_known_by_their_exact_name),
    };
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
