#ifndef OC_CONVERT_H
#define OC_CONVERT_H

/* The short forms of cases and schemas: {"$mark": …}, {"$mark2": …}, {"$key": …}, {"$payload": …} and names with "$$"
 * (tests/cases/README.md). */

#include <bson/bson.h>

/* Appends what is left of `from` to `to`, written out. *marked becomes true where a placeholder was made. A form that
 * lacks what it needs ends the program. */
void oc_convert(bson_iter_t *from, bson_t *to, bool *marked);

/* Says where the cases are wrong, and ends the program. oc_case_at is for the message. */
void oc_case_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
extern const char *oc_case_file, *oc_case_name;

#endif
