#include "commands.h"

#include <stdlib.h>

#define KNOWN(name)                                                                                                    \
    { name, OC_SLOT_NONE }
#define END                                                                                                            \
    { NULL, OC_SLOT_NONE }

static const oc_field aggregate_fields[] = {
    {"pipeline", OC_SLOT_PIPELINE},
    KNOWN("explain"),
    KNOWN("cursor"),
    KNOWN("allowDiskUse"),
    {"collation", OC_SLOT_COLLATION},
    KNOWN("bypassDocumentValidation"),
    KNOWN("hint"),
    {"let", OC_SLOT_LET},
    KNOWN("collectionUUID"),
    KNOWN("fromMongos"),
    KNOWN("needsMerge"),
    KNOWN("exchange"),
    KNOWN("querySettings"),
    KNOWN("isMapReduceCommand"),
    KNOWN("includeQueryStatsMetrics"),
    KNOWN("requestReshardingResumeToken"),
    END,
};

static const oc_field count_fields[] = {
    {"query", OC_SLOT_FILTER},
    {"collation", OC_SLOT_COLLATION},
    KNOWN("limit"),
    KNOWN("skip"),
    KNOWN("hint"),
    KNOWN("fields"),
    KNOWN("collectionUUID"),
    KNOWN("includeQueryStatsMetrics"),
    END,
};

static const oc_field delete_fields[] = {
    {"deletes", OC_SLOT_STATEMENTS},
    KNOWN("ordered"),
    {"let", OC_SLOT_LET},
    END,
};

static const oc_field distinct_fields[] = {
    {"key", OC_SLOT_KEY}, {"query", OC_SLOT_FILTER},         {"collation", OC_SLOT_COLLATION},
    KNOWN("hint"),        KNOWN("includeQueryStatsMetrics"), END,
};

static const oc_field explain_fields[] = {
    {"verbosity", OC_SLOT_VERBOSITY},
    END,
};

static const oc_field find_fields[] = {
    {"filter", OC_SLOT_FILTER},
    {"projection", OC_SLOT_PROJECTION},
    {"sort", OC_SLOT_SORT},
    {"collation", OC_SLOT_COLLATION},
    {"min", OC_SLOT_MIN},
    {"max", OC_SLOT_MAX},
    KNOWN("hint"),
    KNOWN("skip"),
    KNOWN("limit"),
    KNOWN("batchSize"),
    KNOWN("ntoreturn"),
    KNOWN("singleBatch"),
    KNOWN("allowDiskUse"),
    KNOWN("returnKey"),
    KNOWN("showRecordId"),
    KNOWN("tailable"),
    KNOWN("oplogReplay"),
    KNOWN("noCursorTimeout"),
    KNOWN("awaitData"),
    KNOWN("allowPartialResults"),
    {"let", OC_SLOT_LET},
    KNOWN("options"),
    KNOWN("term"),
    KNOWN("includeQueryStatsMetrics"),
    KNOWN("querySettings"),
    KNOWN("resumeAfter"),
    KNOWN("startAt"),
    KNOWN("requestResumeToken"),
    END,
};

static const oc_field find_and_modify_fields[] = {
    {"query", OC_SLOT_FILTER},
    {"update", OC_SLOT_UPDATE},
    {"fields", OC_SLOT_PROJECTION},
    {"sort", OC_SLOT_SORT},
    {"collation", OC_SLOT_COLLATION},
    {"upsert", OC_SLOT_UPSERT},
    KNOWN("remove"),
    KNOWN("new"),
    KNOWN("bypassDocumentValidation"),
    KNOWN("bypassEmptyTsReplacement"),
    KNOWN("arrayFilters"),
    KNOWN("hint"),
    {"let", OC_SLOT_LET},
    KNOWN("sampleId"),
    END,
};

static const oc_field insert_fields[] = {
    {"documents", OC_SLOT_STATEMENTS},
    KNOWN("ordered"),
    KNOWN("bypassDocumentValidation"),
    KNOWN("bypassEmptyTsReplacement"),
    END,
};

static const oc_field update_fields[] = {
    {"updates", OC_SLOT_STATEMENTS}, KNOWN("ordered"), KNOWN("bypassDocumentValidation"), {"let", OC_SLOT_LET}, END,
};

/* Of commands without a handler no field is looked at. */
static const oc_field no_fields[] = {END};

static const oc_command commands[] = {
    /* clang-format off */
    {"aggregate",     aggregate_fields,       oc_analyze_aggregate,       true,  oc_refer_aggregate},
    {"bulkWrite",     no_fields,              NULL,                       false, NULL},
    {"collMod",       no_fields,              NULL,                       true,  NULL},
    {"count",         count_fields,           oc_analyze_count,           true,  NULL},
    {"create",        no_fields,              NULL,                       true,  NULL},
    {"createIndexes", no_fields,              NULL,                       true,  NULL},
    {"delete",        delete_fields,          oc_analyze_delete,          true,  NULL},
    {"distinct",      distinct_fields,        oc_analyze_distinct,        true,  NULL},
    {"explain",       explain_fields,         NULL,                       false, NULL},
    {"find",          find_fields,            oc_analyze_find,            true,  NULL},
    {"findAndModify", find_and_modify_fields, oc_analyze_find_and_modify, true,  NULL},
    {"findandmodify", find_and_modify_fields, oc_analyze_find_and_modify, true,  NULL},
    {"insert",        insert_fields,          oc_analyze_insert,          true,  NULL},
    {"update",        update_fields,          oc_analyze_update,          true,  NULL},
    /* clang-format on */
};

static int compare(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, ((const oc_command *)row)->name);
}

const oc_command *oc_command_find(oc_str name) {
    return bsearch(&name, commands, sizeof commands / sizeof commands[0], sizeof commands[0], compare);
}

const oc_command *oc_commands(size_t *count) {
    *count = sizeof commands / sizeof commands[0];
    return commands;
}
