/* The runtime of the instrumented sources: see mutant.h. Linked into every program of the mutants' build, so that
 * OC_MUTANT=NAME makes a mutant live in any of them, and OC_REACHED=FILE says at the end what was come by. */

#include "mutant.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned oc_mutant;

extern oc_table __start_oc_tables[] __attribute__((weak)), __stop_oc_tables[] __attribute__((weak));

typedef struct str {
    const char *s;
    size_t n;
} str;

/* ---- texts ---- */

/* Lists of names: each name is a cell of its own. */
static bool is_names(const oc_leaf *leaf) {
    return strcmp(leaf->name, "names") == 0 || strcmp(leaf->name, "options") == 0;
}

static size_t word_count(const char *text) {
    size_t count = 0;
    for (bool inside = false; *text; text++) {
        count += *text != ' ' && !inside;
        inside = *text != ' ';
    }
    return count;
}

static const char *word_start(const char *text, size_t word) {
    text += strspn(text, " ");
    for (; word > 0; word--) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return text;
}

/* The text with `count` bytes at `at` replaced. Never freed: a mutant lives once. */
static char *replaced(const char *text, size_t at, size_t count, const char *by) {
    size_t n = strlen(text);
    char *out = malloc(n + strlen(by) + 1);
    memcpy(out, text, at);
    strcpy(out + at, by);
    strcpy(out + at + strlen(by), text + at + count);
    return out;
}

/* Two changes for each name: another name, and the mark before it gone or there. */
static char *changed_names(const char *text, size_t change) {
    const char *word = word_start(text, change / 2);
    size_t at = (size_t)(word - text);
    if (change % 2 == 0)
        return replaced(text, isalnum((unsigned char)*word) ? at : at + 1, 0, "?");
    return isalnum((unsigned char)*word) ? replaced(text, at, 0, "=") : replaced(text, at, 1, "");
}

/* What keeps the order of a table: the same with a byte more. A text that is no key: another. */
static char *changed_text(const oc_leaf *leaf, const char *text, size_t change) {
    if (is_names(leaf))
        return changed_names(text, change);
    return leaf->offset == 0 ? replaced(text, strlen(text), 0, "\x01") : replaced(text, 0, strlen(text), "?");
}

/* ---- cells ---- */

static char *cell_at(const oc_table *t, size_t row, const oc_leaf *leaf) {
    return t->rows + row * t->row_size + leaf->offset;
}

static const char *text_at(const oc_table *t, size_t row, const oc_leaf *leaf) {
    const void *cell = cell_at(t, row, leaf);
    if (leaf->kind == OC_LEAF_NAMES)
        return cell;
    return leaf->kind == OC_LEAF_STR ? ((const str *)cell)->s : *(const char *const *)cell;
}

static bool is_text(const oc_leaf *leaf) {
    return leaf->kind == OC_LEAF_TEXT || leaf->kind == OC_LEAF_STR;
}

/* The row that ends a list: nothing looks at what else is in it. */
static bool is_end(const oc_table *t, size_t row) {
    return is_text(&t->leaves[0]) && !text_at(t, row, &t->leaves[0]);
}

/* The first row with the n-th other value of the column; false: there are not so many. */
static bool other_value(const oc_table *t, size_t row, const oc_leaf *leaf, size_t n, size_t *found) {
    for (size_t i = 0; i < t->count; i++) {
        bool known = is_end(t, i) || memcmp(cell_at(t, i, leaf), cell_at(t, row, leaf), leaf->size) == 0;
        for (size_t k = 0; k < i && !known; k++)
            known = !is_end(t, k) && memcmp(cell_at(t, i, leaf), cell_at(t, k, leaf), leaf->size) == 0;
        if (!known && n-- == 0) {
            *found = i;
            return true;
        }
    }
    return false;
}

static size_t other_values(const oc_table *t, size_t row, const oc_leaf *leaf) {
    size_t count = 0, found;
    while (other_value(t, row, leaf, count, &found))
        count++;
    return count;
}

static bool is_null(const oc_table *t, size_t row, const oc_leaf *leaf) {
    static const char zero[sizeof(str)];
    return memcmp(cell_at(t, row, leaf), zero, leaf->size) == 0;
}

/* What is no enum. */
static bool is_measure(const oc_leaf *leaf) {
    return strstr(leaf->type, "int") || strcmp(leaf->type, "unsigned") == 0 || strcmp(leaf->type, "size_t") == 0;
}

static size_t change_count(const oc_table *t, size_t row, const oc_leaf *leaf) {
    size_t others = other_values(t, row, leaf);
    switch (leaf->kind) {
    case OC_LEAF_BOOL: return 1;
    case OC_LEAF_TEXT:
    case OC_LEAF_STR:
        if (is_null(t, row, leaf))
            return 0;
        return is_names(leaf) ? 2 * word_count(text_at(t, row, leaf)) : 1;
    /* NULL or a neighbour's */
    case OC_LEAF_POINTER: return is_null(t, row, leaf) ? others > 0 : 1 + (others > 0);
    case OC_LEAF_NUMBER: return is_measure(leaf) ? 1 + (others > 0) : others ? others : 1;
    case OC_LEAF_NAMES: return 2 * word_count(text_at(t, row, leaf));
    }
    return 0;
}

static void set_text(const oc_table *t, size_t row, const oc_leaf *leaf, const char *text) {
    void *cell = cell_at(t, row, leaf);
    if (leaf->kind == OC_LEAF_STR)
        *(str *)cell = (str){text, strlen(text)};
    else
        *(const char **)cell = text;
}

/* Another value of the column, each of an enum's, or one more. */
static void change_number(const oc_table *t, size_t row, const oc_leaf *leaf, size_t change) {
    size_t from;
    if ((change == 0 || !is_measure(leaf)) && other_value(t, row, leaf, change, &from))
        memcpy(cell_at(t, row, leaf), cell_at(t, from, leaf), leaf->size);
    else
        ++*cell_at(t, row, leaf); /* little-endian: the number's lowest byte */
}

/* The same as for lists that are pointed to, in place: a mark cannot be added. */
static void change_names(char *text, size_t change) {
    char *word = text + (word_start(text, change / 2) - text);
    bool marked = !isalnum((unsigned char)*word);
    if (change % 2 == 0)
        word[marked] = '?';
    else if (marked)
        *word = ' ';
}

/* NULL, and that of the next row that has another. */
static void change_pointer(const oc_table *t, size_t row, const oc_leaf *leaf, size_t change) {
    if (change == 0 && !is_null(t, row, leaf)) {
        memset(cell_at(t, row, leaf), 0, leaf->size);
        return;
    }
    for (size_t n = 1; n < t->count; n++) {
        size_t from = (row + n) % t->count;
        if (is_null(t, from, leaf) || memcmp(cell_at(t, from, leaf), cell_at(t, row, leaf), leaf->size) == 0)
            continue;
        memcpy(cell_at(t, row, leaf), cell_at(t, from, leaf), leaf->size);
        return;
    }
}

static void change_cell(const oc_table *t, size_t row, const oc_leaf *leaf, size_t change) {
    if (leaf->kind == OC_LEAF_NAMES)
        change_names(cell_at(t, row, leaf), change);
    else if (is_text(leaf) && !is_null(t, row, leaf))
        set_text(t, row, leaf, changed_text(leaf, text_at(t, row, leaf), change));
    else if (leaf->kind == OC_LEAF_POINTER)
        change_pointer(t, row, leaf, change);
    else if (leaf->kind == OC_LEAF_BOOL)
        *cell_at(t, row, leaf) ^= 1;
    else
        change_number(t, row, leaf, change);
}

/* ---- the list ---- */

static const oc_table *table_of(unsigned number) {
    for (const oc_table *t = __start_oc_tables; t < __stop_oc_tables; t++)
        if (t->number == number)
            return t;
    return NULL;
}

/* A row's first text, or its position. */
static const char *key_of(const oc_table *t, size_t row) {
    static char text[2][32];
    static int turn;
    const char *key = is_text(&t->leaves[0]) ? text_at(t, row, &t->leaves[0]) : NULL;
    if (key)
        return key;
    snprintf(text[turn ^= 1], sizeof text[0], "%zu", row);
    return text[turn];
}

const char *oc_cell_key(const oc_cell *cell) {
    const oc_table *t = table_of(cell->table);
    return is_text(&t->leaves[0]) && !is_end(t, cell->row) ? text_at(t, cell->row, &t->leaves[0]) : "";
}

/* Pointers have no names here: they are told by the first row that has the same. */
static void describe(const oc_table *t, size_t row, const oc_leaf *leaf, char *out, size_t cap) {
    uint64_t number = 0;
    size_t like = 0;
    memcpy(&number, cell_at(t, row, leaf), leaf->size < sizeof number ? leaf->size : sizeof number);
    if (leaf->kind == OC_LEAF_NAMES) {
        snprintf(out, cap, "\"%s\"", text_at(t, row, leaf));
    } else if (is_text(leaf) || leaf->kind == OC_LEAF_POINTER) {
        while (like < t->count &&
               (like == row || memcmp(cell_at(t, like, leaf), cell_at(t, row, leaf), leaf->size) != 0))
            like++;
        if (is_null(t, row, leaf))
            snprintf(out, cap, "NULL");
        else if (is_text(leaf))
            snprintf(out, cap, "\"%s\"", text_at(t, row, leaf));
        else
            snprintf(out, cap, "as %s", key_of(t, like < t->count ? like : row));
    } else {
        snprintf(out, cap, leaf->size < 8 ? "%u" : "%lld", leaf->size < 8 ? (unsigned)number : (long long)number);
    }
}

static void each_change(const oc_table *t, size_t row, size_t leaf_number,
                        void (*each)(const oc_cell *, const oc_leaf *, const char *, const char *)) {
    const oc_leaf *leaf = &t->leaves[leaf_number];
    char saved[512], from[512], to[512];
    size_t count = change_count(t, row, leaf);
    memcpy(saved, cell_at(t, row, leaf), leaf->size);
    describe(t, row, leaf, from, sizeof from);
    for (size_t change = 0; change < count; change++) {
        change_cell(t, row, leaf, change);
        describe(t, row, leaf, to, sizeof to);
        memcpy(cell_at(t, row, leaf), saved, leaf->size);
        if (strcmp(from, to) != 0)
            each(&(oc_cell){t->number, row, leaf_number, change}, leaf, from, to);
    }
}

void oc_cells_each(void (*each)(const oc_cell *, const oc_leaf *, const char *, const char *)) {
    for (const oc_table *t = __start_oc_tables; t < __stop_oc_tables; t++) {
        if (table_of(t->number) != t)
            continue; /* of a header: once */
        for (size_t row = 0; row < t->count; row++)
            for (size_t leaf = 0; t->leaves[leaf].name && !is_end(t, row); leaf++)
                each_change(t, row, leaf, each);
    }
}

/* ---- one mutant ---- */

static bool start_cell(const char *name) {
    oc_cell c;
    bool found = false;
    if (sscanf(name, "%u.%zu.%zu.%zu", &c.table, &c.row, &c.leaf, &c.change) != 4)
        return false;
    for (const oc_table *t = __start_oc_tables; t < __stop_oc_tables; t++)
        if (t->number == c.table && c.row < t->count && c.leaf < OC_MOST_LEAVES && t->leaves[c.leaf].name) {
            change_cell(t, c.row, &t->leaves[c.leaf], c.change);
            found = true;
        }
    return found;
}

bool oc_mutant_start(const char *name) {
    if (strchr(name, '.'))
        return start_cell(name);
    oc_mutant = (unsigned)strtoul(name, NULL, 10);
    return oc_mutant > 0 && oc_mutant < oc_mutant_end;
}

/* Programs that do not hold the table of a cell have nothing to start. */
static void __attribute__((constructor)) start(void) {
    const char *name = getenv("OC_MUTANT");
    if (name)
        oc_mutant_start(name);
}

static void __attribute__((destructor)) write_reached(void) {
    const char *path = getenv("OC_REACHED");
    FILE *out = path ? fopen(path, "wb") : NULL;
    if (!out)
        return;
    fwrite(oc_reached, 1, oc_mutant_end, out);
    fclose(out);
}
