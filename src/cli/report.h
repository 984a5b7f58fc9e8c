#ifndef OC_REPORT_H
#define OC_REPORT_H

/* What `opencrypt check` says, in one of several formats. */

#include <stdbool.h>
#include <stdio.h>

#include "schemas.h"
#include "tally.h"

typedef struct oc_report {
    const oc_tally *tally;
    const oc_schemas *schemas;
    oc_finding **findings; /* sorted */
    bool colours;
} oc_report;

typedef void (*oc_report_writer)(FILE *to, const oc_report *r);

/* NULL: there is no such format. */
oc_report_writer oc_report_format(const char *name);

void oc_report_table(FILE *to, const oc_report *r);
void oc_report_json(FILE *to, const oc_report *r);

const char *oc_verdict_name(oc_verdict verdict);

#endif
