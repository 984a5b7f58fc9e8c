#include "report.h"

#include <string.h>

/* To add a format: a row, and its writer in a file of its own. */
static const struct {
    const char *name;
    oc_report_writer write;
} formats[] = {
    {"table", oc_report_table},
    {"json", oc_report_json},
};

oc_report_writer oc_report_format(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return formats[i].write;
    return NULL;
}

const char *oc_verdict_name(oc_verdict verdict) {
    return verdict == OC_REFUSED_VERDICT ? "refused" : verdict == OC_MARKED ? "marked" : "passes";
}
