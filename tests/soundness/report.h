#ifndef SOUNDNESS_REPORT_H
#define SOUNDNESS_REPORT_H

#include <stdio.h>

#include "model.h"

/* The pair as a case in the format of tests/cases. `failure` becomes part of its name. */
void report_case(FILE *out, const world *w, const value *command, const char *failure);

#endif
