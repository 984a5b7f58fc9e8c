#ifndef OC_CRUD_H
#define OC_CRUD_H

/* Statements that `insert`, `update` and `delete` have in common with `bulkWrite`, each against a->root. */

#include "fields.h"

/* `frame`: the document that is inserted. */
bool oc_insert_statement(oc_analysis *a, oc_frame *frame);
/* `frame`: a statement with the fields of `rows`; `label` names it for messages. */
bool oc_update_statement(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label);
bool oc_delete_statement(oc_analysis *a, oc_frame *frame, const oc_field *rows, const char *label);

#endif
