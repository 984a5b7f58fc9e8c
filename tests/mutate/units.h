#ifndef MUTATE_UNITS_H
#define MUTATE_UNITS_H

/* What mutants are put to, in units that need nothing of each other: cases, each with an engine of its own, and worlds
 * of tests/soundness (some schemas and the commands over them), each with one. Which places of the code a unit comes by
 * is recorded once; a mutant of a place is put to those units only. */

#include <stdbool.h>
#include <stddef.h>

typedef struct units units;

/* Reads the cases below the folder, and makes the worlds that ./dev soundness SECONDS SEED makes for so many pairs. */
units *units_read(const char *folder, size_t pairs, unsigned long seed);

/* By the unmutated code; writes 'c' or 'p' (or both, as bits 1 and 2) for the number of each place to `reached`. */
void units_record(units *u, unsigned char *reached);

/* In a process of its own, since the mutant lives on there. NULL: it survives; else what noticed it. `place`: of a code
 * mutant; 0: any unit may notice. `key`: units that hold it come first; "": all are alike. */
const char *units_try_cases(units *u, unsigned place, const char *key);
const char *units_try_pairs(units *u, unsigned place, const char *key);

#endif
