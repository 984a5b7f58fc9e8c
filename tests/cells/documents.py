"""The names that MongoDB documents, as the specification lists them: every row of every table of cells.

A cell whose row is not here is an error of the generator, and so is a name here without cells.
"""

TREE = "$and $or $nor $expr $comment $jsonSchema $text $where $sampleRate $alwaysTrue $alwaysFalse".split()

FIELD = (
    "$eq $ne $gt $gte $lt $lte $in $nin $exists $type $mod $regex $options $all $elemMatch $size $bitsAllClear "
    "$bitsAllSet $bitsAnyClear $bitsAnySet $geoWithin $geoIntersects $near $nearSphere $within $maxDistance "
    "$minDistance $uniqueDocs $not"
).split()

# Stand inside $geoWithin, $near and the like only.
SHAPES = "$geometry $center $centerSphere $box $polygon".split()

UPDATE = (
    "$set $setOnInsert $unset $rename $inc $mul $min $max $currentDate $bit $push $pull $pullAll $pop $addToSet $pushAll"
).split()

# Those that a pipeline of an update may have.
UPDATE_STAGES = "$addFields $set $unset $project $replaceRoot $replaceWith".split()

STAGES = (
    "$addFields $bucket $bucketAuto $changeStream $changeStreamSplitLargeEvent $collStats $count $currentOp $densify "
    "$documents $facet $fill $geoNear $graphLookup $group $indexStats $limit $listClusterCatalog $listLocalSessions "
    "$listSampledQueries $listSearchIndexes $listSessions $lookup $match $merge $out $planCacheStats $project "
    "$querySettings $queryStats $rankFusion $redact $replaceRoot $replaceWith $rerank $sample $score $scoreFusion "
    "$search $searchMeta $set $setWindowFields $shardedDataDistribution $skip $sort $sortByCount $unionWith $unset "
    "$unwind $vectorSearch"
).split()

EXPRESSIONS = (
    # Arithmetic, bitwise.
    "$abs $add $ceil $divide $exp $floor $ln $log $log10 $mod $multiply $pow $round $sigmoid $sqrt $subtract $trunc "
    "$bitAnd $bitNot $bitOr $bitXor "
    # Arrays, sets.
    "$arrayElemAt $arrayToObject $concatArrays $filter $first $firstN $in $indexOfArray $isArray $last $lastN $map "
    "$maxN $minN $objectToArray $range $reduce $reverseArray $size $slice $sortArray $zip $allElementsTrue "
    "$anyElementTrue $setDifference $setEquals $setIntersection $setIsSubset $setUnion $top $topN $bottom $bottomN "
    # Logic, comparison, conditionals, variables.
    "$and $or $not $cmp $eq $ne $gt $gte $lt $lte $cond $ifNull $switch $let $literal $const "
    # Dates.
    "$dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth "
    "$dayOfWeek $dayOfYear $hour $isoDayOfWeek $isoWeek $isoWeekYear $millisecond $minute $month $second $week $year "
    "$toDate $tsIncrement $tsSecond "
    # Objects, strings.
    "$getField $mergeObjects $setField $unsetField $concat $indexOfBytes $indexOfCP $ltrim $regexFind $regexFindAll "
    "$regexMatch $replaceAll $replaceOne $rtrim $split $strLenBytes $strLenCP $strcasecmp $substr $substrBytes "
    "$substrCP $toLower $toUpper $trim $encStrContains $encStrEndsWith $encStrNormalizedEq $encStrStartsWith "
    # Trigonometry, types, sizes, vectors.
    "$acos $acosh $asin $asinh $atan $atan2 $atanh $cos $cosh $degreesToRadians $radiansToDegrees $sin $sinh $tan "
    "$tanh $convert $isNumber $toBool $toDecimal $toDouble $toInt $toLong $toObjectId $toString $toUUID $toArray "
    "$toObject $type $binarySize $bsonSize $similarityCosine $similarityDotProduct $similarityEuclidean "
    # Other.
    "$accumulator $function $meta $rand $sampleRate $toHashedIndexKey $createObjectId $subtype $hash $hexHash "
    "$serializeEJSON $deserializeEJSON $createUUID $currentDate "
    # Accumulators that are expressions too.
    "$avg $max $min $median $percentile $stdDevPop $stdDevSamp $sum"
).split()

ACCUMULATORS = (
    "$accumulator $addToSet $avg $bottom $bottomN $concatArrays $count $first $firstN $last $lastN $max $maxN $median "
    "$mergeObjects $min $minN $percentile $push $setUnion $stdDevPop $stdDevSamp $sum $top $topN"
).split()

WINDOW_ONLY = (
    "$covariancePop $covarianceSamp $denseRank $derivative $documentNumber $expMovingAvg $integral $linearFill $locf "
    "$minMaxScaler $rank $shift"
).split()

GENERIC = (
    "$db lsid txnNumber startTransaction autocommit stmtId stmtIds $clusterTime $readPreference readConcern "
    "writeConcern maxTimeMS maxTimeMSOpOnly comment apiVersion apiStrict apiDeprecationErrors $configTime "
    "$topologyTime $audit $client $configServerState $oplogQueryData $queryOptions $replData $tenant $traceCtx "
    "allowImplicitCollectionCreation databaseVersion shardVersion coordinator mayBypassWriteBlocking expectPrefix "
    "requestGossipRoutingCache clientOperationKey help rawData serialization_context versionContext tracking_info"
).split()

COMMANDS = {
    "find": "filter projection sort hint skip limit batchSize ntoreturn singleBatch allowDiskUse max min returnKey "
    "showRecordId tailable oplogReplay noCursorTimeout awaitData allowPartialResults collation let options term "
    "includeQueryStatsMetrics querySettings resumeAfter startAt requestResumeToken",
    "aggregate": "pipeline explain cursor allowDiskUse bypassDocumentValidation collation hint let collectionUUID "
    "fromMongos needsMerge exchange isMapReduceCommand allowPartialResults querySettings includeQueryStatsMetrics "
    "requestReshardingResumeToken",
    "count": "query limit skip hint fields collation collectionUUID includeQueryStatsMetrics",
    "distinct": "key query collation hint includeQueryStatsMetrics",
    "insert": "documents ordered bypassDocumentValidation",
    "update": "updates ordered bypassDocumentValidation let",
    "delete": "deletes ordered let",
    "findAndModify": "query sort remove update new fields upsert bypassDocumentValidation collation arrayFilters hint "
    "let sampleId",
    "bulkWrite": "ops nsInfo ordered bypassDocumentValidation errorsOnly let cursor",
    "explain": "verbosity",
    "create": "capped autoIndexId idIndex size max storageEngine validator validationLevel validationAction "
    "indexOptionDefaults viewOn pipeline collation recordPreImages changeStreamPreAndPostImages timeseries "
    "clusteredIndex expireAfterSeconds encryptedFields flags temp",
    "collMod": "index validator validationLevel validationAction viewOn pipeline expireAfterSeconds timeseries "
    "changeStreamPreAndPostImages recordPreImages cappedSize cappedMax dryRun prepareUnique",
    "createIndexes": "indexes commitQuorum",
}
COMMANDS = {name: fields.split() for name, fields in COMMANDS.items()}
# The list of names lacks this one, which the server's and libmongoc's documentation have.
for name in ("insert", "update", "findAndModify", "bulkWrite"):
    COMMANDS[name].append("bypassEmptyTsReplacement")
COMMANDS["findandmodify"] = COMMANDS["findAndModify"]

# Members of the documents that a command holds a list of.
STATEMENTS = {
    "update.updates": "q u c upsert multi hint collation arrayFilters upsertSupplied sort sampleId",
    "delete.deletes": "q limit hint collation sampleId",
    "bulkWrite.insert": "insert document",
    "bulkWrite.update": "update filter updateMods multi upsert arrayFilters hint constants collation upsertSupplied "
    "sort sampleId",
    "bulkWrite.delete": "delete filter multi hint collation sampleId",
    "bulkWrite.nsInfo": "ns collectionUUID encryptionInformation",
    "createIndexes.indexes": "key name unique partialFilterExpression sparse expireAfterSeconds hidden storageEngine "
    "weights default_language language_override textIndexVersion 2dsphereIndexVersion bits min max collation "
    "wildcardProjection background v ns prepareUnique clustered",
}
STATEMENTS = {name: fields.split() for name, fields in STATEMENTS.items()}

KEYWORDS = (
    "additionalItems additionalProperties allOf anyOf bsonType dependencies description encrypt encryptMetadata enum "
    "exclusiveMaximum exclusiveMinimum items maxItems maxLength maxProperties maximum minItems minLength minProperties "
    "minimum multipleOf not oneOf pattern patternProperties properties required title type uniqueItems"
).split()

KEYWORDS_UNSUPPORTED = "$ref $schema default definitions format id".split()
