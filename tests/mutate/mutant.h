#ifndef OC_MUTANT_H
#define OC_MUTANT_H

/* What the instrumented sources call; every file of the mutants' build is compiled with -include mutant.h. All mutants
 * are in one program: which of them is alive, if any, is asked at each place that could be mutated.
 *
 *     a < b   becomes   (OC_MUTATED(17, 1) ? a <= b : a < b) */

#include <stddef.h>
#include <stdint.h>

/* The number of the code mutant that is alive; 0: none. */
extern unsigned oc_mutant;
/* By the number of a place's first mutant: whether the place was come by. */
extern unsigned char oc_reached[];
extern const unsigned oc_mutant_end; /* numbers are below */

/* Whether one of the `count` mutants from `first` on, those of one place, is alive. */
#define OC_MUTATED(first, count) (oc_reached[first] = 1, oc_mutant - (first) < (count))

/* ---- tables ---- */

typedef enum oc_leaf_kind {
    OC_LEAF_BOOL,
    OC_LEAF_TEXT,
    OC_LEAF_STR, /* an oc_str: a pointer and a length */
    OC_LEAF_POINTER,
    OC_LEAF_NUMBER, /* enums, too */
    OC_LEAF_NAMES,  /* the table is no array of rows, but one text that lists names */
} oc_leaf_kind;

/* A field of a table's rows, or of one of its rows' structs. */
typedef struct oc_leaf {
    const char *name, *type;
    size_t offset, size;
    oc_leaf_kind kind;
} oc_leaf;

enum { OC_MOST_LEAVES = 12 };

typedef struct oc_table {
    unsigned number;
    char *rows;
    size_t row_size, count;
    oc_leaf leaves[OC_MOST_LEAVES]; /* until one without a name */
} oc_table;

#define OC_LEAF_KIND_OF(x)                                                                                             \
    _Generic((x), _Bool: OC_LEAF_BOOL, char *: OC_LEAF_TEXT, const char *: OC_LEAF_TEXT, default:                      \
             __builtin_classify_type(x) == 5    ? OC_LEAF_POINTER                                                      \
             : __builtin_classify_type(x) == 12 ? OC_LEAF_STR                                                          \
                                                : OC_LEAF_NUMBER)
#define OC_LEAF(table, member, type)                                                                                   \
    {                                                                                                                  \
#member, type, offsetof(__typeof__((table)[0]), member),                                                       \
            sizeof(table)[0].member, OC_LEAF_KIND_OF((table)[0].member)                                                \
    }
#define OC_LEAF_WHOLE(table, type)                                                                                     \
    { "value", type, 0, sizeof(table)[0], OC_LEAF_KIND_OF((table)[0]) }
/* Static objects of a section of their own can be listed, those inside functions among them. */
#define OC_LISTED(id, table, row, ...)                                                                                 \
    static oc_table oc_table_##id __attribute__((section("oc_tables"), used, aligned(8))) = {                          \
        id, (char *)(table), row, sizeof(table) / (row), {__VA_ARGS__}};
#define OC_TABLE(id, table, ...) OC_LISTED(id, table, sizeof(table)[0], __VA_ARGS__)
#define OC_NAMES(id, text)       OC_LISTED(id, text, sizeof(text), {"names", "char[]", 0, sizeof(text), OC_LEAF_NAMES})

/* One change of one cell. */
typedef struct oc_cell {
    unsigned table;
    size_t row, leaf, change;
} oc_cell;

/* Makes a mutant live: "4711", or "table.row.leaf.change". False: there is none such. */
_Bool oc_mutant_start(const char *name);
/* Calls `each` for all changes of all cells; `from` and `to` say what was and what will be. */
void oc_cells_each(void (*each)(const oc_cell *cell, const oc_leaf *leaf, const char *from, const char *to));
/* The name that a row is found by; "": it has none. */
const char *oc_cell_key(const oc_cell *cell);

#endif
