#include "commands.h"

#include <stdlib.h>

#define KNOWN(name)                                                                                                    \
    { name, OC_SLOT_NONE }
#define END                                                                                                            \
    { NULL, OC_SLOT_NONE }

static const oc_field aggregate_fields[] = {
    KNOWN("pipeline"),
    KNOWN("explain"),
    KNOWN("cursor"),
    KNOWN("allowDiskUse"),
    KNOWN("collation"),
    KNOWN("bypassDocumentValidation"),
    KNOWN("hint"),
    KNOWN("let"),
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

static const oc_field bulk_write_fields[] = {
    {"ops", OC_SLOT_STATEMENTS},
    {"nsInfo", OC_SLOT_NAMESPACES},
    KNOWN("ordered"),
    KNOWN("bypassDocumentValidation"),
    KNOWN("bypassEmptyTsReplacement"),
    KNOWN("errorsOnly"),
    KNOWN("let"),
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
    KNOWN("let"),
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
    KNOWN("let"),
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
    KNOWN("let"),
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
    {"updates", OC_SLOT_STATEMENTS}, KNOWN("ordered"), KNOWN("bypassDocumentValidation"), KNOWN("let"), END,
};

static const oc_command commands[] = {
    /* clang-format off */
    {"aggregate",     aggregate_fields,       NULL,                       true},
    {"bulkWrite",     bulk_write_fields,      oc_analyze_bulk_write,      false},
    {"collMod",       coll_mod_fields,        oc_analyze_coll_mod,        true},
    {"count",         count_fields,           oc_analyze_count,           true},
    {"create",        create_fields,          oc_analyze_create,          true},
    {"createIndexes", create_indexes_fields,  oc_analyze_create_indexes,  true},
    {"delete",        delete_fields,          oc_analyze_delete,          true},
    {"distinct",      distinct_fields,        oc_analyze_distinct,        true},
    {"explain",       explain_fields,         NULL,                       false},
    {"find",          find_fields,            oc_analyze_find,            true},
    {"findAndModify", find_and_modify_fields, oc_analyze_find_and_modify, true},
    {"findandmodify", find_and_modify_fields, oc_analyze_find_and_modify, true},
    {"insert",        insert_fields,          oc_analyze_insert,          true},
    {"update",        update_fields,          oc_analyze_update,          true},
    /* clang-format on */
};

static int compare(const void *name, const void *row) {
    const oc_str *s = name;
    const char *other = ((const oc_command *)row)->name;
    size_t n = strlen(other);
    int order = memcmp(s->s, other, s->n < n ? s->n : n);
    return order ? order : (s->n > n) - (s->n < n);
}

const oc_command *oc_command_find(oc_str name) {
    return bsearch(&name, commands, sizeof commands / sizeof commands[0], sizeof commands[0], compare);
}

const oc_command *oc_commands(size_t *count) {
    *count = sizeof commands / sizeof commands[0];
    return commands;
}
