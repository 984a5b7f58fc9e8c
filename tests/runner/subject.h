#ifndef OC_SUBJECT_H
#define OC_SUBJECT_H

/* What is tested: the library in this process, mongo_crypt_v1.so loaded into it, or a daemon of our own on the other
 * end of a socket. */

#include <bson/bson.h>

typedef struct oc_subject oc_subject;

/* `what`: "library", the path of a shared library (ending in .so), or that of opencryptd, which is started on a port of
 * its own. Ends the program on failure. */
oc_subject *oc_subject_new(const char *what);
/* The reply to a command; to be destroyed by the caller. NULL: there was none. */
bson_t *oc_subject_ask(oc_subject *subject, const bson_t *command);
/* The rule by which the last reply refused, "group-key"; "" if it did not. NULL: the subject does not say it. */
const char *oc_subject_rule(const oc_subject *subject);
void oc_subject_free(oc_subject *subject);

#endif
