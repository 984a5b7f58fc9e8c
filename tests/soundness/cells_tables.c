/* Names, as the documents list them. */

#include <string.h>

#include "cells.h"

#define LIST    SHAPE_LIST, NULL
#define OPAQUE  SHAPE_OPAQUE, NULL
#define REFUSED SHAPE_REFUSED, NULL
#define NAMED   SHAPE_NAMED
#define EITHER  SHAPE_EITHER

const operator_row expression_table[] = {
    /* clang-format off */
    {"$abs", LIST}, {"$add", LIST}, {"$ceil", LIST}, {"$divide", LIST}, {"$exp", LIST}, {"$floor", LIST}, {"$ln", LIST},
    {"$log", LIST}, {"$log10", LIST}, {"$mod", LIST}, {"$multiply", LIST}, {"$pow", LIST}, {"$round", LIST},
    {"$sigmoid", EITHER, "input onNull"}, {"$sqrt", LIST}, {"$subtract", LIST}, {"$trunc", LIST}, {"$bitAnd", LIST},
    {"$bitNot", LIST}, {"$bitOr", LIST}, {"$bitXor", LIST}, {"$arrayElemAt", LIST}, {"$arrayToObject", LIST},
    {"$concatArrays", LIST}, {"$filter", NAMED, "input =as cond limit"}, {"$first", LIST},
    {"$firstN", NAMED, "n input"}, {"$in", LIST}, {"$indexOfArray", LIST}, {"$isArray", LIST}, {"$last", LIST},
    {"$lastN", NAMED, "n input"}, {"$map", NAMED, "input =as in"}, {"$maxN", NAMED, "n input"},
    {"$minN", NAMED, "n input"}, {"$objectToArray", LIST}, {"$range", LIST},
    {"$reduce", NAMED, "input initialValue in"}, {"$reverseArray", LIST}, {"$size", LIST}, {"$slice", LIST},
    {"$sortArray", NAMED, "input =sortBy"}, {"$zip", NAMED, "inputs =useLongestLength defaults"},
    {"$allElementsTrue", LIST}, {"$anyElementTrue", LIST}, {"$setDifference", LIST}, {"$setEquals", LIST},
    {"$setIntersection", LIST}, {"$setIsSubset", LIST}, {"$setUnion", LIST}, {"$and", LIST}, {"$or", LIST},
    {"$not", LIST}, {"$cmp", LIST}, {"$eq", LIST}, {"$gt", LIST}, {"$gte", LIST}, {"$lt", LIST}, {"$lte", LIST},
    {"$ne", LIST}, {"$cond", EITHER, "if then else"}, {"$ifNull", LIST}, {"$switch", NAMED, "branches default"},
    {"$let", NAMED, "vars in"}, {"$literal", OPAQUE}, {"$const", OPAQUE},
    {"$dateAdd", NAMED, "startDate unit amount timezone"},
    {"$dateDiff", NAMED, "startDate endDate unit timezone startOfWeek"},
    {"$dateFromParts", NAMED, "year month day hour minute second millisecond timezone isoWeekYear isoWeek isoDayOfWeek"},
    {"$dateFromString", NAMED, "dateString format timezone onError onNull"},
    {"$dateSubtract", NAMED, "startDate unit amount timezone"}, {"$dateToParts", NAMED, "date timezone iso8601"},
    {"$dateToString", NAMED, "date format timezone onNull"},
    {"$dateTrunc", NAMED, "date unit binSize timezone startOfWeek"}, {"$dayOfMonth", EITHER, "date timezone"},
    {"$dayOfWeek", EITHER, "date timezone"}, {"$dayOfYear", EITHER, "date timezone"},
    {"$hour", EITHER, "date timezone"}, {"$isoDayOfWeek", EITHER, "date timezone"}, {"$isoWeek", EITHER, "date timezone"},
    {"$isoWeekYear", EITHER, "date timezone"}, {"$millisecond", EITHER, "date timezone"},
    {"$minute", EITHER, "date timezone"}, {"$month", EITHER, "date timezone"}, {"$second", EITHER, "date timezone"},
    {"$week", EITHER, "date timezone"}, {"$year", EITHER, "date timezone"}, {"$toDate", LIST},
    {"$tsIncrement", LIST}, {"$tsSecond", LIST}, {"$getField", EITHER, "field input"}, {"$mergeObjects", LIST},
    {"$setField", NAMED, "field input value"}, {"$unsetField", NAMED, "field input"}, {"$concat", LIST},
    {"$indexOfBytes", LIST}, {"$indexOfCP", LIST}, {"$ltrim", NAMED, "input chars"},
    {"$regexFind", NAMED, "input regex options"}, {"$regexFindAll", NAMED, "input regex options"},
    {"$regexMatch", NAMED, "input regex options"}, {"$replaceAll", NAMED, "input find replacement"},
    {"$replaceOne", NAMED, "input find replacement"}, {"$rtrim", NAMED, "input chars"}, {"$split", LIST},
    {"$strLenBytes", LIST}, {"$strLenCP", LIST}, {"$strcasecmp", LIST}, {"$substr", LIST}, {"$substrBytes", LIST},
    {"$substrCP", LIST}, {"$toLower", LIST}, {"$toUpper", LIST}, {"$trim", NAMED, "input chars"},
    {"$encStrContains", NAMED, "input substring"}, {"$encStrEndsWith", NAMED, "input suffix"},
    {"$encStrNormalizedEq", NAMED, "input string"}, {"$encStrStartsWith", NAMED, "input prefix"}, {"$acos", LIST},
    {"$acosh", LIST}, {"$asin", LIST}, {"$asinh", LIST}, {"$atan", LIST}, {"$atan2", LIST}, {"$atanh", LIST},
    {"$cos", LIST}, {"$cosh", LIST}, {"$degreesToRadians", LIST}, {"$radiansToDegrees", LIST}, {"$sin", LIST},
    {"$sinh", LIST}, {"$tan", LIST}, {"$tanh", LIST}, {"$convert", NAMED, "input to format onError onNull"},
    {"$isNumber", LIST}, {"$toBool", LIST}, {"$toDecimal", LIST}, {"$toDouble", LIST}, {"$toInt", LIST},
    {"$toLong", LIST}, {"$toObjectId", LIST}, {"$toString", LIST}, {"$toUUID", LIST}, {"$toArray", LIST},
    {"$toObject", LIST}, {"$type", LIST}, {"$binarySize", LIST}, {"$bsonSize", LIST}, {"$similarityCosine", LIST},
    {"$similarityDotProduct", LIST}, {"$similarityEuclidean", LIST}, {"$accumulator", REFUSED},
    {"$function", REFUSED}, {"$meta", OPAQUE}, {"$rand", OPAQUE}, {"$toHashedIndexKey", LIST},
    {"$createObjectId", OPAQUE}, {"$subtype", LIST}, {"$hash", NAMED, "input algorithm"},
    {"$hexHash", NAMED, "input algorithm"}, {"$avg", LIST}, {"$max", LIST}, {"$min", LIST}, {"$sum", LIST},
    {"$stdDevPop", LIST}, {"$stdDevSamp", LIST}, {"$median", NAMED, "input =method"},
    {"$percentile", NAMED, "input p =method"}, {"$sampleRate", OPAQUE}, {"$createUUID", OPAQUE}, {"$currentDate", OPAQUE},
    {"$serializeEJSON", NAMED, "input relaxed onError"}, {"$deserializeEJSON", NAMED, "input relaxed onError"},
    {"$top", NAMED, "=sortBy output input"}, {"$topN", NAMED, "n =sortBy output input"},
    {"$bottom", NAMED, "=sortBy output input"}, {"$bottomN", NAMED, "n =sortBy output input"},
    /* clang-format on */
};
const unsigned expression_count = sizeof expression_table / sizeof *expression_table;

const operator_row accumulator_table[] = {
    /* clang-format off */
    {"$accumulator", REFUSED}, {"$addToSet", LIST}, {"$avg", LIST}, {"$bottom", NAMED, "output =sortBy"},
    {"$bottomN", NAMED, "n output =sortBy"}, {"$concatArrays", LIST}, {"$count", OPAQUE}, {"$first", LIST},
    {"$firstN", NAMED, "n input"}, {"$last", LIST}, {"$lastN", NAMED, "n input"}, {"$max", LIST},
    {"$maxN", NAMED, "n input"}, {"$median", NAMED, "input =method"}, {"$mergeObjects", LIST}, {"$min", LIST},
    {"$minN", NAMED, "n input"}, {"$percentile", NAMED, "input p =method"}, {"$push", LIST}, {"$setUnion", LIST},
    {"$stdDevPop", LIST}, {"$stdDevSamp", LIST}, {"$sum", LIST}, {"$top", NAMED, "output =sortBy"},
    {"$topN", NAMED, "n output =sortBy"},
    /* clang-format on */
};
const unsigned accumulator_count = sizeof accumulator_table / sizeof *accumulator_table;

/* Those that $group does not have. */
const operator_row window_table[] = {
    /* clang-format off */
    {"$covariancePop", LIST}, {"$covarianceSamp", LIST}, {"$denseRank", OPAQUE}, {"$derivative", NAMED, "input =unit"},
    {"$documentNumber", OPAQUE}, {"$expMovingAvg", NAMED, "input =N"}, {"$integral", NAMED, "input =unit"},
    {"$linearFill", LIST}, {"$locf", LIST}, {"$minMaxScaler", NAMED, "input"}, {"$rank", OPAQUE},
    {"$shift", NAMED, "output =by default"},
    /* clang-format on */
};
const unsigned window_count = sizeof window_table / sizeof *window_table;

const stage_kind stage_kinds[] = {
    /* clang-format off */
    {"$addFields", LEAVES_ALL, true}, {"$set", LEAVES_ALL, true}, {"$unset", LEAVES_ALL, true}, {"$project", LEAVES_ALL, true},
    {"$match", LEAVES_ALL, false}, {"$sort", LEAVES_ALL, false}, {"$limit", LEAVES_ALL, false}, {"$skip", LEAVES_ALL, false},
    {"$sample", LEAVES_ALL, false}, {"$unwind", LEAVES_ALL, false}, {"$lookup", LEAVES_ALL, false}, {"$graphLookup", LEAVES_ALL, false},
    {"$geoNear", LEAVES_ALL, false}, {"$setWindowFields", LEAVES_ALL, false}, {"$densify", LEAVES_ALL, false}, {"$fill", LEAVES_ALL, false},
    {"$replaceRoot", LEAVES_NONE, true}, {"$replaceWith", LEAVES_NONE, true}, {"$group", LEAVES_NONE, false},
    {"$sortByCount", LEAVES_NONE, false}, {"$count", LEAVES_NONE, false}, {"$bucket", LEAVES_NONE, false},
    {"$bucketAuto", LEAVES_NONE, false}, {"$facet", LEAVES_NONE, false}, {"$redact", LEAVES_FOREIGN, false},
    {"$unionWith", LEAVES_FOREIGN, false},
    /* clang-format on */
};
const unsigned stage_kind_count = sizeof stage_kinds / sizeof *stage_kinds;

const stage_row stage_options[] = {
    {"$geoNear", "near distanceField query includeLocs key spherical maxDistance minDistance distanceMultiplier", ""},
    {"$sample", "size", "size"},
    {"$unwind", "path includeArrayIndex preserveNullAndEmptyArrays", "path"},
    {"$bucket", "groupBy boundaries default output", "groupBy boundaries"},
    {"$bucketAuto", "groupBy buckets output granularity", "groupBy buckets"},
    {"$setWindowFields", "partitionBy sortBy output", "output"},
    {"$densify", "field partitionByFields range", "field"},
    {"$fill", "partitionBy partitionByFields sortBy output", "output"},
    {"$lookup", "from localField foreignField as let pipeline", "as"},
    {"$graphLookup", "from startWith connectFromField connectToField as maxDepth depthField restrictSearchWithMatch",
     "from startWith connectFromField connectToField as"},
    {"$unionWith", "coll pipeline", ""},
    {"$replaceRoot", "newRoot", "newRoot"},
    {"$vectorSearch",
     "path filter exact index limit numCandidates queryVector query model explainOptions parentFilter "
     "returnStoredSource nestedOptions",
     "path"},
    {"$rankFusion", "input combination scoreDetails", "input"},
    {"$scoreFusion", "input combination scoreDetails", "input"},
    {"$collStats", "latencyStats storageStats count queryExecStats", ""},
    {"$indexStats", "", ""},
    {"$listSearchIndexes", "id name", ""},
    {"$changeStream",
     "fullDocument fullDocumentBeforeChange resumeAfter startAfter startAtOperationTime showExpandedEvents", ""},
};
const unsigned stage_option_count = sizeof stage_options / sizeof *stage_options;

#define GENERIC                                                                                                        \
    " lsid txnNumber autocommit readConcern writeConcern maxTimeMS comment apiVersion apiStrict apiDeprecationErrors " \
    "$clusterTime $readPreference rawData"

const command_row command_table[] = {
    {"find", "hint skip limit batchSize ntoreturn singleBatch allowDiskUse returnKey showRecordId tailable oplogReplay "
             "noCursorTimeout awaitData allowPartialResults let options term includeQueryStatsMetrics querySettings "
             "requestResumeToken collation" GENERIC},
    {"aggregate", "cursor allowDiskUse bypassDocumentValidation hint let collectionUUID fromMongos needsMerge "
                  "isMapReduceCommand allowPartialResults querySettings includeQueryStatsMetrics collation" GENERIC},
    {"count", "limit skip hint collectionUUID includeQueryStatsMetrics collation" GENERIC},
    {"distinct", "hint includeQueryStatsMetrics collation" GENERIC},
    {"insert", "ordered bypassDocumentValidation" GENERIC},
    {"update", "ordered bypassDocumentValidation let" GENERIC},
    {"delete", "ordered let" GENERIC},
    {"findAndModify", "new bypassDocumentValidation arrayFilters hint let sampleId collation" GENERIC},
    {"bulkWrite", "ordered bypassDocumentValidation errorsOnly let cursor" GENERIC},
    {"create", "capped autoIndexId idIndex size max storageEngine validationLevel validationAction indexOptionDefaults "
               "recordPreImages changeStreamPreAndPostImages timeseries clusteredIndex expireAfterSeconds flags temp "
               "collation" GENERIC},
    {"collMod", "index validationLevel validationAction expireAfterSeconds timeseries changeStreamPreAndPostImages "
                "recordPreImages cappedSize cappedMax dryRun prepareUnique" GENERIC},
    {"createIndexes", "commitQuorum" GENERIC},
    {"(update statement)", "multi upsert hint collation arrayFilters sort sampleId"},
    {"(delete statement)", "limit hint collation sampleId"},
    {"(bulk update)", "update multi upsert hint collation arrayFilters sort sampleId"},
    {"(bulk delete)", "delete multi hint collation sampleId"},
    {"(index)", "name unique sparse expireAfterSeconds hidden storageEngine collation background v prepareUnique"},
};
const unsigned command_count = sizeof command_table / sizeof *command_table;

const operator_row *operator_find(const operator_row *table, unsigned n, const char *name) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

const char *operand_next(pool *p, const char **names, bool *constant) {
    while (*names && **names == ' ')
        ++*names;
    if (!*names || !**names)
        return NULL;
    *constant = **names == '=';
    *names += *constant;
    size_t n = strcspn(*names, " ");
    const char *name = pool_text(p, "%.*s", (int)n, *names);
    *names += n;
    return name;
}

/* Where the name stands, with what marks it; NULL: nowhere. */
static const char *operand_at(const char *names, const char *name) {
    size_t n = strlen(name);
    for (const char *at = names; at && *at; at += strcspn(at, " "), at += *at == ' ') {
        const char *word = at + (*at == '=');
        if (strncmp(word, name, n) == 0 && (word[n] == ' ' || word[n] == 0))
            return at;
    }
    return NULL;
}

bool operand_known(const char *names, const char *name) {
    return operand_at(names, name) != NULL;
}

bool operand_is_constant(const char *names, const char *name) {
    const char *at = operand_at(names, name);
    return at && *at == '=';
}
