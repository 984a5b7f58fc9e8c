#ifndef OC_VERBS_H
#define OC_VERBS_H

/* What the program can do. Each verb returns the program's exit status. */

#include "options.h"
#include "schemas.h"

enum { OC_EXIT_CLEAN = 0, OC_EXIT_REFUSED = 1, OC_EXIT_TROUBLE = 2 };

int oc_verb_mark(const oc_options *o);
int oc_verb_check(const oc_options *o);

/* "opencrypt: …" and a newline on standard error. Returns OC_EXIT_TROUBLE. */
int oc_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The schemas of the options: files, then the server. False, after a complaint, if they cannot be had. */
bool oc_options_schemas(const oc_options *o, oc_schemas *s);

#endif
