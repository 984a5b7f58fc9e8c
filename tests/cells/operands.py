"""The operands of each expression operator and accumulator, as MongoDB documents them: which, and of what kind.

A kind says what an operand may be besides a constant and a plain value:
PLAIN nothing; CONSTANT not even a plain field; CARRY anything, the value goes on; ARRAY an array of documents.
"""

PLAIN, CONSTANT, CARRY, ARRAY, OBJECT = "plain", "constant", "carry", "array", "object"


class Operand:
    def __init__(self, kind=PLAIN, sample="$plain"):
        self.kind, self.sample = kind, sample


def plain(sample="$plain"):
    return Operand(PLAIN, sample)


def constant(sample):
    return Operand(CONSTANT, sample)


def carry(sample="$plain"):
    return Operand(CARRY, sample)


def positions(count, *kinds):
    """`count` operands in an array; the first are of other kinds than PLAIN."""
    return [Operand(kinds[i]) if i < len(kinds) else plain() for i in range(count)]


def names(text, **others):
    return {**{name: plain() for name in text.split()}, **others}


ONE = (
    "$abs $ceil $exp $floor $ln $log10 $sqrt $bitNot $arrayToObject $objectToArray $reverseArray $allElementsTrue "
    "$anyElementTrue $not $toDate $tsIncrement $tsSecond $strLenBytes $strLenCP $toLower $toUpper $acos $acosh $asin "
    "$asinh $atan $atanh $cos $cosh $degreesToRadians $radiansToDegrees $sin $sinh $tan $tanh $isNumber $toBool "
    "$toDecimal $toDouble $toInt $toLong $toObjectId $toString $toUUID $toArray $toObject $type $binarySize $bsonSize "
    "$toHashedIndexKey $subtype"
).split()
TWO = (
    "$add $divide $log $mod $multiply $pow $round $subtract $trunc $bitAnd $bitOr $bitXor $concatArrays "
    "$setDifference $setEquals $setIntersection $setIsSubset $setUnion $and $or $cmp $gt $gte $lt $lte $concat $split "
    "$strcasecmp $atan2 $avg $max $min $stdDevPop $stdDevSamp $sum"
).split()
THREE = "$range $slice $substr $substrBytes $substrCP".split()
FOUR = "$indexOfArray $indexOfBytes $indexOfCP".split()

LISTED = {
    **{op: positions(1) for op in ONE},
    **{op: positions(2) for op in TWO},
    **{op: positions(3) for op in THREE},
    **{op: positions(4) for op in FOUR},
    "$arrayElemAt": [Operand(ARRAY), plain(0)],
    "$first": positions(1, ARRAY),
    "$last": positions(1, ARRAY),
    "$size": positions(1, ARRAY),
    "$isArray": positions(1, ARRAY),
    "$ifNull": positions(3, CARRY, CARRY, CARRY),
    "$cond": positions(3, PLAIN, CARRY, CARRY),
    "$mergeObjects": positions(2, OBJECT, OBJECT),
}

DATE_PARTS = "$dayOfMonth $dayOfWeek $dayOfYear $hour $isoDayOfWeek $isoWeek $isoWeekYear $millisecond $minute $month $second $week $year"
VECTORS = "$similarityCosine $similarityDotProduct $similarityEuclidean"

NAMED = {
    **{op: names("date timezone") for op in DATE_PARTS.split()},
    **{op: names("vectors", score=constant(True)) for op in VECTORS.split()},
    **{op: names("n input") for op in ("$firstN", "$lastN", "$maxN", "$minN")},
    **{op: names("input find replacement") for op in ("$replaceAll", "$replaceOne")},
    **{op: names("input regex options") for op in ("$regexFind", "$regexFindAll", "$regexMatch")},
    **{op: names("input chars") for op in ("$trim", "$ltrim", "$rtrim")},
    **{op: names("input algorithm") for op in ("$hash", "$hexHash")},
    **{op: names("startDate unit amount timezone") for op in ("$dateAdd", "$dateSubtract")},
    **{op: names("output input", sortBy=constant({"plain": 1})) for op in ("$top", "$bottom")},
    **{op: names("n output input", sortBy=constant({"plain": 1})) for op in ("$topN", "$bottomN")},
    "$cond": {"if": plain(), "then": carry(), "else": carry()},
    "$convert": names("input to onError onNull format base byteOrder subtype"),
    "$dateDiff": names("startDate endDate unit timezone startOfWeek"),
    "$dateFromString": names("dateString format timezone onError onNull"),
    "$dateToParts": names("date timezone iso8601"),
    "$dateToString": names("date format timezone onNull"),
    "$dateTrunc": names("date unit binSize timezone startOfWeek"),
    "$deserializeEJSON": names("input relaxed onError"),
    "$serializeEJSON": names("input relaxed onError"),
    "$filter": names("input cond limit", **{"as": constant("item"), "arrayIndexAs": constant("i")}),
    "$map": {"input": plain(), "as": constant("item"), "arrayIndexAs": constant("i"), "in": carry()},
    "$reduce": names(
        "input initialValue in", **{name: constant(name.lower()) for name in ("as", "valueAs", "arrayIndexAs")}
    ),
    "$median": names("input", method=constant("approximate")),
    "$percentile": names("input p", method=constant("approximate")),
    "$sigmoid": names("input onNull"),
    "$sortArray": names("input", sortBy=constant({"plain": 1})),
    "$zip": names("inputs defaults", useLongestLength=constant(True)),
    "$let": {"vars": plain(), "in": carry()},
    "$getField": {"field": plain("plain"), "input": Operand(OBJECT)},
    "$setField": {"field": plain("plain"), "input": Operand(OBJECT), "value": carry()},
    "$unsetField": {"field": plain("plain"), "input": Operand(OBJECT)},
    "$switch": {"case": plain(), "then": carry(), "default": carry()},
}
# The two forms of parts of dates, which do not mix; and an operand that only goes with others.
PARTS = {
    "calendar": names("year month day hour minute second millisecond timezone"),
    "iso": names("isoWeekYear isoWeek isoDayOfWeek hour minute second millisecond timezone"),
}

# Take one expression in place of an object of named operands, too.
ALSO_BARE = DATE_PARTS.split() + ["$hash", "$hexHash", "$sigmoid"] + VECTORS.split()

# Take a constant, or nothing.
OPAQUE = {
    "$literal": [1, "$det", {"a": "$rand"}],
    "$const": [1, "$det", {"a": "$rand"}],
    "$rand": [{}],
    "$sampleRate": [{"$numberDouble": "0.5"}],
    "$createObjectId": [{}],
    "$createUUID": [{}],
    "$currentDate": [{}],
}
REFUSED = {
    "$function": {"body": "f", "args": [], "lang": "js"},
    "$accumulator": {"init": "f", "accumulate": "f", "accumulateArgs": [], "merge": "f", "lang": "js"},
}
META = (
    "textScore searchScore searchHighlights searchScoreDetails searchSequenceToken vectorSearchScore score scoreDetails "
    "geoNearDistance geoNearPoint randVal recordId sortKey indexKey"
).split()
