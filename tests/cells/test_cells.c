/* The tables of the engine against the generated cells: each row has a case in every one of its columns. The generator
 * does not read these tables; where one knows a name that the other does not, one of them is wrong. */

#include "../unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runner/cases.h"
#include "commands.h"
#include "group.h"
#include "keywords.h"
#include "match.h"
#include "update.h"

/* ---- the cells that there are ---- */

static struct {
    char **names;
    size_t count, cap;
} cells;

static size_t missing;

static void add_cell(const oc_case *c, void *data) {
    (void)data;
    if (cells.count == cells.cap) {
        cells.cap = cells.cap ? cells.cap * 2 : 4096;
        cells.names = realloc(cells.names, cells.cap * sizeof *cells.names);
        assert_non_null(cells.names);
    }
    cells.names[cells.count++] = strdup(c->name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first name that is not less than `name`. */
static const char *at_or_after(const char *name) {
    size_t low = 0;
    for (size_t high = cells.count; low < high;) {
        size_t middle = (low + high) / 2;
        if (strcmp(cells.names[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < cells.count ? cells.names[low] : "";
}

/* A case of this name, or some whose names go on below it. */
static bool has_cell(const char *name) {
    char below[512];
    snprintf(below, sizeof below, "%s/", name);
    return strcmp(at_or_after(name), name) == 0 || strncmp(at_or_after(below), below, strlen(below)) == 0;
}

static void need_row(const char *area, const char *row) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s", area, row);
    if (has_cell(name))
        return;
    missing++;
    fprintf(stderr, "no cell: %s\n", name);
}

static void need(const char *area, const char *row, const char *column, const char *kind) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s/%s%s%s", area, row, column, kind[0] ? "/" : "", kind);
    if (has_cell(name))
        return;
    missing++;
    fprintf(stderr, "no cell: %s\n", name);
}

static void assert_none_missing(void) {
    size_t found = missing;
    missing = 0;
    assert_int_equal(found, 0);
}

/* Calls `each` for every word of a text. */
static void each_word(const char *text, void (*each)(const char *word, void *data), void *data) {
    char word[64];
    int used = 0;
    for (; sscanf(text, " %63s%n", word, &used) == 1; text += used)
        each(word, data);
}

typedef struct cell {
    const char *area, *name, *column;
} cell;

static void need_kind(const char *kind, void *data) {
    const cell *r = data;
    need(r->area, r->name, r->column, kind);
}

static void need_column(const char *column, void *data) {
    const cell *r = data;
    need(r->area, r->name, column, "");
}

static void need_columns(const char *area, const char *name, const char *columns) {
    each_word(columns, need_column, &(cell){.area = area, .name = name});
}

static void need_kinds(const char *area, const char *name, const char *column, const char *kinds) {
    each_word(kinds, need_kind, &(cell){area, name, column});
}

/* ---- filters ---- */

/* Each column of the engine's table is several places here. */
static const char match_places[] =
    "deterministic random pointer unindexed equality range text "
    "above above-qe below below-random below-qe plain plain-beside plain-qe "
    "array in-array in-array-plain pushed array-joined joined joined-random joined-plain "
    "unwound unwound-random renamed joined-qe unwound-qe renamed-qe unknown unknown-union";

static void match_operators(void **state) {
    size_t count;
    (void)state;
    const oc_match_operator *rows = oc_match_operators(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, "$not") == 0)
            continue; /* the cells of the others, negated: area "not" */
        need_columns("match", rows[i].name, match_places);
        need_columns("stored", rows[i].name, "validator partial");
        if (strcmp(rows[i].name, "$options") != 0)
            need_columns("not", rows[i].name, match_places);
    }
    need_columns("match", "implicit", match_places);
    assert_none_missing();
}

static void tree_operators(void **state) {
    size_t count;
    (void)state;
    const oc_match_tree_operator *rows = oc_match_tree_operators(&count);
    for (size_t i = 0; i < count; i++)
        need_columns("tree", rows[i].name, "top in-and in-or in-nor in-elemMatch in-validator in-partial");
    assert_none_missing();
}

/* ---- stages ---- */

static void stages(void **state) {
    size_t count;
    (void)state;
    const oc_stage *rows = oc_stages(&count);
    for (size_t i = 0; i < count; i++) {
        need_row("option", rows[i].name);
        need_columns("stage", rows[i].name, "later last two-names in-update in-findAndModify in-bulkWrite");
        if (strcmp(rows[i].name, "$facet") != 0)
            need_columns("stage", rows[i].name, "in-facet/later");
        if (rows[i].place == OC_STAGE_REFUSED)
            continue;
        need_columns("stage", rows[i].name, "first alone nothing-encrypted");
        if (rows[i].place != OC_STAGE_LAST && strcmp(rows[i].name, "$documents") != 0)
            need_columns("stage", rows[i].name, "then-exists");
        if (rows[i].place == OC_STAGE_ANYWHERE)
            need_columns("stage", rows[i].name, "in-lookup in-unionWith then-comparison then-comparison/qe");
    }
    assert_none_missing();
}

/* ---- expressions ---- */

static const char encrypted_sources[] = "deterministic random above below root current array in-array unknown "
                                        "equality range text unindexed above-qe undefined-variable";
static const char plain_sources[] = "plain plain-beside literal now plain-qe";

typedef struct expression {
    const char *area, *name, *suffix;
} expression;

/* One word of a row: a name, after '=' if it is a constant, after '<' if it is a sort specification. */
static void need_operand(const char *word, void *data) {
    const expression *e = data;
    bool expects = word[0] != '=' && word[0] != '<';
    char column[128];
    snprintf(column, sizeof column, "%s%s", word + !expects, e->suffix);
    need_kinds(e->area, e->name, column, encrypted_sources);
    if (expects)
        need_kinds(e->area, e->name, column, plain_sources);
}

/* Those whose operands have a form of their own: the columns, and what must be in each. */
static const struct {
    const char *name, *columns, *kinds;
} other_forms[] = {
    {"$encStrContains", "input substring", "plain equality"},
    {"$encStrEndsWith", "input suffix", "plain equality"},
    {"$encStrNormalizedEq", "input string", "plain equality"},
    {"$encStrStartsWith", "input prefix", "plain equality"},
    {"$eq", "first second", "deterministic/literal random above below plain equality range text"},
    {"$in", "list", "literals random above below equality range plain-in-literals"},
    {"$meta", "textScore searchScore indexKey field", ""},
    {"$ne", "first second", "deterministic/literal random above below plain equality range text"},
};
/* Those with names that stand for others: conditions and results stand in branches. */
static const struct {
    const char *name, *operands;
} other_names[] = {{"$let", "vars in"}, {"$switch", "case then default"}};

typedef struct form {
    const char *name, *kinds;
} form;

static void need_form(const char *column, void *data) {
    const form *f = data;
    if (f->kinds[0])
        need_kinds("expression", f->name, column, f->kinds);
    else
        need("expression", f->name, column, "");
}

static bool has_other_form(const char *name) {
    for (size_t i = 0; i < sizeof other_forms / sizeof other_forms[0]; i++) {
        if (strcmp(name, other_forms[i].name) != 0)
            continue;
        each_word(other_forms[i].columns, need_form, &(form){name, other_forms[i].kinds});
        return true;
    }
    return false;
}

static const char *named_operands(const oc_expression_operator *row) {
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++)
        if (strcmp(row->name, other_names[i].name) == 0)
            return other_names[i].operands;
    return row->names;
}

static void need_expression(const oc_expression_operator *row) {
    expression e = {"expression", row->name, ""};
    if (has_other_form(row->name))
        return;
    switch (row->operand) {
    case OC_OPERANDS: need_operand("0", &e); break;
    case OC_OPERAND_BOTH: /* an array, or one expression */
        need_operand(strcmp(row->name, "$cond") == 0 ? "0" : "bare", &e);
        each_word(named_operands(row), need_operand, &e);
        break;
    case OC_OPERAND_NAMED: each_word(named_operands(row), need_operand, &e); break;
    case OC_OPERAND_OPAQUE: need("expression", row->name, "constant", ""); break;
    case OC_OPERAND_REFUSED: need("expression", row->name, "any", "qe"); break;
    }
}

static void expressions(void **state) {
    size_t count;
    (void)state;
    const oc_expression_operator *rows = oc_expression_operators(&count);
    for (size_t i = 0; i < count; i++)
        need_expression(&rows[i]);
    assert_none_missing();
}

/* ---- accumulators ---- */

static void need_accumulator(const oc_accumulator *row, const char *stage) {
    char suffix[32];
    snprintf(suffix, sizeof suffix, "/%s", stage);
    expression e = {"accumulator", row->name, suffix};
    char column[64];
    if (row->kind == OC_ACCUMULATE_REFUSED) {
        snprintf(column, sizeof column, "any/%s", stage);
        need("accumulator", row->name, column, "");
    } else if (row->operand == OC_OPERAND_OPAQUE) {
        snprintf(column, sizeof column, "empty/%s", stage);
        need("accumulator", row->name, column, "field");
    } else if (row->operand == OC_OPERAND_NAMED) {
        each_word(row->names, need_operand, &e);
    } else {
        need_operand(strncmp(row->name, "$covariance", 11) == 0 ? "1" : "bare", &e);
    }
}

static void accumulators(void **state) {
    size_t count;
    (void)state;
    const oc_accumulator *rows = oc_accumulators(&count);
    for (size_t i = 0; i < count; i++) {
        need_accumulator(&rows[i], "window");
        if (!(rows[i].places & OC_IN_GROUP)) {
            need_columns("accumulator", rows[i].name, "misplaced/group misplaced/bucket misplaced/bucketAuto");
            continue;
        }
        need_accumulator(&rows[i], "group");
        need_accumulator(&rows[i], "bucket");
        need_accumulator(&rows[i], "bucketAuto");
    }
    assert_none_missing();
}

/* ---- updates ---- */

static const char update_places[] =
    "deterministic random pointer inside-above above below plain plain-beside unindexed "
    "equality inside-above-qe above-qe below-qe plain-qe shape nothing-encrypted";
static const char positional_places[] = "positional-deterministic positional-random positional-above positional-root "
                                        "positional-plain positional-below positional-equality positional-above-qe";

static void need_positional(const char *column, void *data) {
    const cell *r = data;
    need_kinds("update", r->name, column,
               "first/update all/update filtered/update first/findAndModify all/findAndModify filtered/findAndModify "
               "first/bulkWrite all/bulkWrite filtered/bulkWrite");
}

static void update_operators(void **state) {
    size_t count;
    (void)state;
    const oc_update_operator *rows = oc_update_operators(&count);
    for (size_t i = 0; i < count; i++) {
        need_columns("update", rows[i].name, update_places);
        each_word(positional_places, need_positional, &(cell){.name = rows[i].name});
    }
    assert_none_missing();
}

/* ---- commands, keywords ---- */

static void need_command(const oc_command *command) {
    size_t count;
    const char *const *generic = oc_generic_arguments(&count);
    for (const oc_field *field = command->fields; field->name; field++) {
        need("command", command->name, field->name, "twice");
        need("command", command->name, field->name, "nothing-encrypted");
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(command->name, "explain") != 0 || strcmp(generic[i], "$db") != 0)
            need("generic", command->name, generic[i], "");
    need_columns("command", command->name, "minimal nothing");
}

static void commands(void **state) {
    size_t count;
    (void)state;
    const oc_command *rows = oc_commands(&count);
    for (size_t i = 0; i < count; i++)
        need_command(&rows[i]);
    assert_none_missing();
}

static void keywords(void **state) {
    size_t count;
    (void)state;
    const oc_keyword *rows = oc_keywords(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, "encrypt") != 0 && strcmp(rows[i].name, "encryptMetadata") != 0)
            need_columns("keyword", rows[i].name, "local remote local/beside-encrypt remote/beside-encrypt");
    need_columns("keyword", "encrypt", "algorithm bsonType keyId nothing root");
    need_columns("keyword", "encryptMetadata", "algorithm keyId nothing empty untyped");
    assert_none_missing();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_operators), cmocka_unit_test(tree_operators), cmocka_unit_test(stages),
        cmocka_unit_test(expressions),     cmocka_unit_test(accumulators),   cmocka_unit_test(update_operators),
        cmocka_unit_test(commands),        cmocka_unit_test(keywords),
    };
    if (argc != 3)
        return 2;
    oc_cases_each(argv[1], add_cell, NULL);
    oc_cases_each(argv[2], add_cell, NULL);
    qsort(cells.names, cells.count, sizeof *cells.names, compare_names);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
