#include "commands.h"

#include "view.h"

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
    {"exchange", OC_SLOT_REFUSED}, /* orders documents by values that it lists */
    KNOWN("querySettings"),
    KNOWN("isMapReduceCommand"),
    KNOWN("allowPartialResults"),
    KNOWN("includeQueryStatsMetrics"),
    KNOWN("requestReshardingResumeToken"),
    END,
};

static const oc_field bulk_write_fields[] = {
    {"ops", OC_SLOT_STATEMENTS},
    {"nsInfo", OC_SLOT_NAMESPACES},
    KNOWN("ordered"),
    KNOWN("bypassDocumentValidation"),
    KNOWN("bypassEmptyTsReplacement"),
    KNOWN("errorsOnly"),
    {"let", OC_SLOT_LET},
    KNOWN("cursor"),
    END,
};

static const oc_field coll_mod_fields[] = {
    {"validator", OC_SLOT_FILTER},
    {"index", OC_SLOT_KEY},
    {"viewOn", OC_SLOT_VIEW_ON},
    {"pipeline", OC_SLOT_PIPELINE},
    {"timeseries", OC_SLOT_TIME_SERIES},
    {"expireAfterSeconds", OC_SLOT_EXPIRE},
    KNOWN("validationLevel"),
    KNOWN("validationAction"),
    KNOWN("changeStreamPreAndPostImages"),
    KNOWN("recordPreImages"),
    KNOWN("cappedSize"),
    KNOWN("cappedMax"),
    KNOWN("dryRun"),
    KNOWN("prepareUnique"),
    END,
};

static const oc_field create_fields[] = {
    {"validator", OC_SLOT_FILTER},
    {"collation", OC_SLOT_COLLATION},
    {"viewOn", OC_SLOT_VIEW_ON},
    {"pipeline", OC_SLOT_PIPELINE},
    {"timeseries", OC_SLOT_TIME_SERIES},
    {"clusteredIndex", OC_SLOT_CLUSTERED},
    {"idIndex", OC_SLOT_ID_INDEX},
    {"encryptedFields", OC_SLOT_ENCRYPTED_FIELDS},
    {"expireAfterSeconds", OC_SLOT_EXPIRE},
    KNOWN("validationLevel"),
    KNOWN("validationAction"),
    KNOWN("capped"),
    KNOWN("size"),
    KNOWN("max"),
    KNOWN("autoIndexId"),
    KNOWN("storageEngine"),
    KNOWN("indexOptionDefaults"),
    KNOWN("changeStreamPreAndPostImages"),
    KNOWN("recordPreImages"),
    KNOWN("flags"),
    KNOWN("temp"),
    END,
};

static const oc_field create_indexes_fields[] = {{"indexes", OC_SLOT_STATEMENTS}, KNOWN("commitQuorum"), END};

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
    {"updates", OC_SLOT_STATEMENTS},   KNOWN("ordered"),     KNOWN("bypassDocumentValidation"),
    KNOWN("bypassEmptyTsReplacement"), {"let", OC_SLOT_LET}, END,
};

static const oc_command commands[] = {
    /* clang-format off */
    {"aggregate",     aggregate_fields,       oc_analyze_aggregate,       true,  oc_refer_aggregate},
    {"bulkWrite",     bulk_write_fields,      oc_analyze_bulk_write,      false, NULL},
    {"collMod",       coll_mod_fields,        oc_analyze_coll_mod,        true,  oc_refer_view},
    {"count",         count_fields,           oc_analyze_count,           true,  NULL},
    {"create",        create_fields,          oc_analyze_create,          true,  oc_refer_view},
    {"createIndexes", create_indexes_fields,  oc_analyze_create_indexes,  true,  NULL},
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
