"""The indexes, values, filters and commands of test_crypto.py. A row here is a test; nothing else needs to be added.

An index is the one encrypted field `f` of a collection with the index's name.
"""
from collections import namedtuple
from datetime import datetime, timezone

from bson import Binary, Code, Decimal128, Int64, ObjectId, Regex, Timestamp

from vault import Element

Index = namedtuple("Index", "name bson_type queries values")


def date(year):
    return datetime(year, 1, 1, tzinfo=timezone.utc)


def decimals(*texts):
    return [Decimal128(text) for text in texts]


def longs(*numbers):
    return [Int64(number) for number in numbers]


VALUES = {
    "string": ["", "text", "$notAPath", "\u00e4\u20ac"],
    "int": [0, -1, 2**31 - 1, -(2**31)],
    "long": longs(0, -1, 2**63 - 1, -(2**63)),
    "bool": [True, False],
    "date": [date(1970), date(1901), date(2300)],
    "objectId": [ObjectId("0123456789abcdef01234567")],
    "binData": [Binary(b"bytes", 0), Binary(b"0123456789abcdef", 4), Binary(b"", 0x80)],
    "timestamp": [Timestamp(1, 2)],
    "regex": [Regex("^a.*", "i")],
    "javascript": [Code("function () {}")],
    "javascriptWithScope": [Code("x", {"x": 1})],
    "symbol": [Element(0x0E, b"\4\0\0\0sym\0")],
    "dbPointer": [Element(0x0C, b"\5\0\0\0db.c\0" + bytes(12))],
    "double": [0.0, -0.5, 1e300, float("inf")],
    "decimal": decimals("1.5", "-0", "NaN"),
    "object": [{}, {"a": 1, "b": {"c": [1]}}],
    "array": [[], [1, "x", {"a": None}]],
}
UNINDEXED = [Index("unindexed-" + kind, kind, None, values) for kind, values in VALUES.items()]

NO_EQUALITY = {"double", "decimal", "object", "array"}
NO_COMPARISON = {"regex"}  # in a filter they are patterns, never values


def equality(kind, suffix="", **options):
    return Index("equality-" + kind + suffix, kind, {"queryType": "equality", **options}, VALUES[kind])


EQUALITY = [equality(kind, contention=0) for kind in VALUES if kind not in NO_EQUALITY]
EQUALITY += [equality("string", "-contention", contention=Int64(4)), equality("int", "-default")]


def ranged(name, kind, values, **options):
    return Index("range-" + name, kind, {"queryType": "range", "contention": 0, **options}, values)


# Values are in order and exact under the precision, so that what they match is known.
INTS = [-500, -1, 0, 1, 999]
LONGS = longs(-(2**40), -1, 0, 1, 2**40)
DATES = [date(1950), date(1970), date(1971), date(2020)]
DOUBLES = [-500.25, -0.5, 0.0, 0.25, 999.5]
DECIMALS = decimals("-500.25", "-0.5", "0", "0.25", "999.5")
INT_BOUNDS = {"min": -1000, "max": 1000}
LONG_BOUNDS = {"min": Int64(-(2**41)), "max": Int64(2**41)}
DATE_BOUNDS = {"min": date(1900), "max": date(2100)}
DOUBLE_BOUNDS = {"min": -1000.0, "max": 1000.0}
DECIMAL_BOUNDS = {"min": Decimal128("-1000"), "max": Decimal128("1000")}

RANGE = [
    ranged("int", "int", INTS + [2**31 - 1]),
    ranged("int-bounds", "int", INTS, **INT_BOUNDS),
    ranged("int-min", "int", INTS, min=-1000),
    ranged("int-max", "int", INTS, max=1000),
    ranged("int-trim-0", "int", INTS, **INT_BOUNDS, trimFactor=0),
    ranged("int-trim-3-sparsity-1", "int", INTS, **INT_BOUNDS, trimFactor=3, sparsity=Int64(1)),
    ranged("int-trim-10", "int", INTS, **INT_BOUNDS, trimFactor=10),
    ranged("int-contention", "int", INTS, contention=Int64(3)),
    ranged("long", "long", LONGS),
    ranged("long-bounds", "long", LONGS, **LONG_BOUNDS, sparsity=Int64(4)),
    ranged("date", "date", DATES),
    ranged("date-bounds", "date", DATES, **DATE_BOUNDS),
    ranged("date-trim", "date", DATES, **DATE_BOUNDS, trimFactor=2, sparsity=Int64(3)),
    ranged("double", "double", DOUBLES + [1e300]),
    ranged("double-precision-2", "double", DOUBLES, **DOUBLE_BOUNDS, precision=2),
    ranged("double-precision-0", "double", [-500.0, 0.0, 1.0, 999.0], **DOUBLE_BOUNDS, precision=0),
    ranged("double-precision-trim", "double", DOUBLES, **DOUBLE_BOUNDS, precision=2, trimFactor=4, sparsity=Int64(1)),
    ranged("decimal", "decimal", DECIMALS + decimals("1E+6000")),
    ranged("decimal-precision-2", "decimal", DECIMALS, **DECIMAL_BOUNDS, precision=2),
    ranged("decimal-precision-0", "decimal", decimals("-500", "0", "1", "999"), **DECIMAL_BOUNDS, precision=0),
    ranged("decimal-precision-trim", "decimal", DECIMALS, **DECIMAL_BOUNDS, precision=2, trimFactor=4, sparsity=Int64(8)),
]
# With the largest trim factors; a find would need gigabytes in libmongocrypt.
TRIMMED = [
    ranged("int-trim-31", "int", INTS, trimFactor=31),
    ranged("long-trim-63", "long", LONGS, trimFactor=63),
    ranged("date-trim-63", "date", DATES, trimFactor=63),
    ranged("double-trim-63", "double", DOUBLES, trimFactor=63),
    ranged("decimal-trim-127", "decimal", DECIMALS, trimFactor=127),
]
# The default trim factor depends on the size of the domain: around the place where it is left out.
TOPS = (1, 2, 3, 62, 63, 64, 126, 127, 128, 129, 255, 256)
PRECISE_TOPS = [(top, 1) for top in ("1", "6.3", "6.4", "12.6", "12.7", "12.8", "12.9")]
PRECISE_TOPS += [("1", 0), ("1", 2), ("127", 0), ("128", 0)]


def precise(kind, make, top, precision):
    name = "%s-to-%s-precision-%d" % (kind, top, precision)
    return ranged(name, kind, [make("0"), make("1")], min=make("0"), max=make(top), precision=precision)


RANGE += [ranged("int-to-%d" % top, "int", [0, 1], min=0, max=top) for top in TOPS]
RANGE += [ranged("long-to-%d" % top, "long", longs(0, 1), min=Int64(0), max=Int64(top)) for top in TOPS]
RANGE += [precise("double", float, *top) for top in PRECISE_TOPS]
RANGE += [precise("decimal", Decimal128, *top) for top in PRECISE_TOPS]


def query(kind, shortest, longest, length=None):
    sizes = {"strMinQueryLength": shortest, "strMaxQueryLength": longest}
    return {"queryType": kind, **({"strMaxLength": length} if length else {}), **sizes}


def text(name, *queries, **options):
    options = {"contention": 0, "caseSensitive": True, "diacriticSensitive": True, **options}
    return Index("text-" + name, "string", [{**one, **options} for one in queries], STRINGS)


STRINGS = ["Caf\u00e9", "cafe", "able", "a"]
FOLDED = {"caseSensitive": False, "diacriticSensitive": False}
TEXT = [
    text("prefix", query("prefix", 2, 5)),
    text("prefix-folded", query("prefix", 1, 5), **FOLDED),
    text("prefix-contention", query("prefix", 1, 5), contention=2),
    text("both-folded", query("prefix", 2, 5), query("suffix", 3, 4), **FOLDED),
    text("suffix", query("suffix", 2, 5)),
    text("suffix-case", query("suffix", 2, 5), caseSensitive=False),
    text("both", query("prefix", 2, 5), query("suffix", 3, 4)),
    text("both-reversed", query("suffix", 3, 4), query("prefix", 2, 5)),
    text("substring", query("substring", 2, 4, 10)),
    text("substring-diacritic", query("substring", 2, 4, 10), diacriticSensitive=False),
]
# Names of query types that libmongocrypt no longer knows.
PREVIEW = [
    text("prefix-preview", query("prefixPreview", 2, 5)),
    text("suffix-preview", query("suffixPreview", 2, 5)),
    text("substring-preview", query("substringPreview", 2, 4, 10)),
]
WRITABLE = UNINDEXED + EQUALITY + RANGE + TRIMMED + TEXT
INDEXES = WRITABLE + PREVIEW

# ---- client-side field level encryption ----

DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
RANDOMISED = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
NOT_DETERMINISTIC = NO_EQUALITY | {"bool", "javascriptWithScope"}

CSFLE = [Index("deterministic-" + kind, kind, DETERMINISTIC, VALUES[kind]) for kind in VALUES if kind not in NOT_DETERMINISTIC]
CSFLE += [Index("random-" + kind, kind, RANDOMISED, values) for kind, values in VALUES.items()]

# ---- filters ----

# Of two values: the filter, and the values whose payloads it must hold, in order.
EQUALITY_FILTERS = {
    "value": lambda a, b: ({"f": a}, [a]),
    "$eq": lambda a, b: ({"f": {"$eq": a}}, [a]),
    "$ne": lambda a, b: ({"f": {"$ne": a}}, [a]),
    "$in": lambda a, b: ({"f": {"$in": [a, b]}}, [a, b]),
    "$nin": lambda a, b: ({"f": {"$nin": [a, b]}}, [a, b]),
    "$not": lambda a, b: ({"f": {"$not": {"$eq": a}}}, [a]),
    "$or": lambda a, b: ({"$or": [{"f": a}, {"f": b}]}, [a, b]),
    "$expr $eq": lambda a, b: ({"$expr": {"$eq": ["$f", {"$literal": a}]}}, [a]),
    "$expr $eq, constant first": lambda a, b: ({"$expr": {"$eq": [{"$literal": a}, "$f"]}}, [a]),
    "$expr $ne": lambda a, b: ({"$expr": {"$ne": ["$f", {"$literal": a}]}}, [a]),
    "$expr $in": lambda a, b: ({"$expr": {"$in": ["$f", [{"$literal": a}, {"$literal": b}]]}}, [a, b]),
}


def pair(a, b):
    return [("$gte", a), ("$lte", b)]


# Of two values, the lower first: the filter, and the ranges that it must ask for.
RANGE_FILTERS = {
    "$gt": lambda a, b: ({"f": {"$gt": a}}, [[("$gt", a)]]),
    "$gte": lambda a, b: ({"f": {"$gte": a}}, [[("$gte", a)]]),
    "$lt": lambda a, b: ({"f": {"$lt": b}}, [[("$lt", b)]]),
    "$lte": lambda a, b: ({"f": {"$lte": b}}, [[("$lte", b)]]),
    "$gte and $lte": lambda a, b: ({"f": {"$gte": a, "$lte": b}}, [pair(a, b)]),
    "$gt and $lte": lambda a, b: ({"f": {"$gt": a, "$lte": b}}, [[("$gt", a), ("$lte", b)]]),
    "$gte and $lt": lambda a, b: ({"f": {"$gte": a, "$lt": b}}, [[("$gte", a), ("$lt", b)]]),
    "two members of $and": lambda a, b: ({"$and": [{"f": {"$gte": a}}, {"f": {"$lt": b}}]}, [[("$gte", a), ("$lt", b)]]),
    "two ranges in $or": lambda a, b: (
        {"$or": [{"f": {"$gte": a, "$lte": b}}, {"f": {"$gte": b}}]}, [pair(a, b), [("$gte", b)]]),
    "value": lambda a, b: ({"f": a}, [pair(a, a)]),
    "$eq": lambda a, b: ({"f": {"$eq": b}}, [pair(b, b)]),
    "$ne": lambda a, b: ({"f": {"$ne": a}}, [pair(a, a)]),
    "$in": lambda a, b: ({"f": {"$in": [a, b]}}, [pair(a, a), pair(b, b)]),
    "$nin": lambda a, b: ({"f": {"$nin": [a, b]}}, [pair(a, a), pair(b, b)]),
    "$not": lambda a, b: ({"f": {"$not": {"$gt": a}}}, [[("$gt", a)]]),
    "$expr $gt": lambda a, b: ({"$expr": {"$gt": ["$f", a]}}, [[("$gt", a)]]),
    "$expr $gte, constant first": lambda a, b: ({"$expr": {"$gte": [b, "$f"]}}, [[("$lte", b)]]),
    "$expr $and": lambda a, b: (
        {"$expr": {"$and": [{"$gte": ["$f", a]}, {"$lt": ["$f", b]}]}}, [[("$gte", a), ("$lt", b)]]),
    "$expr $eq": lambda a, b: ({"$expr": {"$eq": ["$f", a]}}, [pair(a, a)]),
    "$expr $ne": lambda a, b: ({"$expr": {"$ne": ["$f", a]}}, [pair(a, a)]),
    "$expr $in": lambda a, b: ({"$expr": {"$in": ["$f", [a, b]]}}, [pair(a, a), pair(b, b)]),
}

# Operator: the name of its argument, and the query type in explicit encryption.
TEXT_OPERATORS = {
    "$encStrStartsWith": ("prefix", "prefix"),
    "$encStrEndsWith": ("suffix", "suffix"),
    "$encStrContains": ("substring", "substring"),
    "$encStrNormalizedEq": ("string", None),
}

# Index, operator, argument, and which of STRINGS it matches.
TEXT_QUERIES = [
    ("prefix", "$encStrStartsWith", "Ca", ["Caf\u00e9"]),
    ("prefix", "$encStrStartsWith", "ab", ["able"]),
    ("prefix", "$encStrNormalizedEq", "cafe", ["cafe"]),
    ("prefix-folded", "$encStrStartsWith", "CAFE", ["Caf\u00e9", "cafe"]),
    ("prefix-folded", "$encStrStartsWith", "a", ["able", "a"]),
    ("prefix-folded", "$encStrNormalizedEq", "cAf\u00e9", ["Caf\u00e9", "cafe"]),
    ("prefix-contention", "$encStrStartsWith", "ab", None),
    ("suffix", "$encStrEndsWith", "le", ["able"]),
    ("suffix-case", "$encStrEndsWith", "FE", ["cafe"]),
    ("both", "$encStrStartsWith", "ca", ["cafe"]),
    ("both", "$encStrEndsWith", "able", ["able"]),
    ("both", "$encStrNormalizedEq", "a", ["a"]),
    ("both-reversed", "$encStrStartsWith", "ab", ["able"]),
    ("both-reversed", "$encStrEndsWith", "afe", ["cafe"]),
    ("both-folded", "$encStrStartsWith", "CA", ["Caf\u00e9", "cafe"]),
    ("both-folded", "$encStrEndsWith", "afe", ["Caf\u00e9", "cafe"]),
    ("substring", "$encStrContains", "af", ["Caf\u00e9", "cafe"]),
    ("substring", "$encStrNormalizedEq", "Caf\u00e9", ["Caf\u00e9"]),
    ("substring-diacritic", "$encStrContains", "fe", ["Caf\u00e9", "cafe"]),
]

# ---- commands ----

# Every place of a filter.
FILTER_COMMANDS = {
    "find": lambda c, q: {"find": c, "filter": q},
    "count": lambda c, q: {"count": c, "query": q},
    "aggregate": lambda c, q: {"aggregate": c, "pipeline": [{"$match": q}], "cursor": {}},
    "aggregate after $set": lambda c, q: {"aggregate": c, "pipeline": [{"$set": {"x": 1}}, {"$match": q}], "cursor": {}},
    "update": lambda c, q: {"update": c, "updates": [{"q": q, "u": {"$set": {"x": 1}}}]},
    "delete": lambda c, q: {"delete": c, "deletes": [{"q": q, "limit": 1}]},
    "findAndModify": lambda c, q: {"findAndModify": c, "query": q, "update": {"$set": {"x": 1}}},
    "findAndModify remove": lambda c, q: {"findAndModify": c, "query": q, "remove": True},
    "$lookup": lambda c, q: aggregate_lookup(c, c, q),
    "$lookup from elsewhere": lambda c, q: aggregate_lookup("unindexed-int", c, q),
    "explain": lambda c, q: {"explain": {"find": c, "filter": q}},
    "bulkWrite update": lambda c, q: bulk(c, {"update": 0, "filter": q, "updateMods": {"$set": {"x": 1}}}),
    "bulkWrite delete": lambda c, q: bulk(c, {"delete": 0, "filter": q}),
}

# Every place of a value that is stored; of a document {f: value}.
WRITE_COMMANDS = {
    "insert": lambda c, d: {"insert": c, "documents": [d]},
    "update $set": lambda c, d: {"update": c, "updates": [{"q": {}, "u": {"$set": d}}]},
    "update $setOnInsert": lambda c, d: {"update": c, "updates": [{"q": {}, "u": {"$setOnInsert": d}, "upsert": True}]},
    "replacement": lambda c, d: {"update": c, "updates": [{"q": {}, "u": d}]},
    "findAndModify": lambda c, d: {"findAndModify": c, "query": {}, "update": {"$set": d}},
    "bulkWrite insert": lambda c, d: bulk(c, {"insert": 0, "document": d}),
    "bulkWrite update": lambda c, d: bulk(c, {"update": 0, "filter": {}, "updateMods": {"$set": d}}),
}


def aggregate_lookup(collection, other, query):
    stage = {"$lookup": {"from": other, "pipeline": [{"$match": query}], "as": "x"}}
    return {"aggregate": collection, "pipeline": [stage], "cursor": {}}


def bulk(collection, *operations):
    return {"bulkWrite": 1, "ops": list(operations), "nsInfo": [{"ns": "db." + collection}]}


# ---- what we leave to libmongocrypt ----

def finds(operator, field, argument):
    name = TEXT_OPERATORS[operator][0]
    return {"$expr": {operator: {"input": field, name: argument}}}


OUT_OF_BOUNDS = "Value must be greater than or equal to the minimum value and less than or equal to the maximum value"
NOT_FINITE = "Infinity and NaN double values are not supported"

# Index, the value stored, a part of libmongocrypt's message.
REFUSED_WRITES = [
    ("range-int-bounds", 1001, OUT_OF_BOUNDS),
    ("range-int-bounds", -1001, OUT_OF_BOUNDS),
    ("range-long-bounds", Int64(2**42), OUT_OF_BOUNDS),
    ("range-date-bounds", date(2101), OUT_OF_BOUNDS),
    ("range-double-precision-2", 1000.5, OUT_OF_BOUNDS),
    ("range-decimal-precision-2", Decimal128("-1000.5"), OUT_OF_BOUNDS),
    ("range-double", float("nan"), NOT_FINITE),
    ("range-double", float("inf"), NOT_FINITE),
    ("range-decimal", Decimal128("NaN"), "Infinity and Nan Decimal128 values are not supported"),
    ("text-substring", "longer than ten", "longer than the maximum length"),
]

REFUSED_WRITES += [(index.name, "text", "is unsupported. Use '%s' instead" % index.name.split("-")[1]) for index in PREVIEW]

# Index, filter, a part of libmongocrypt's message.
REFUSED_FILTERS = [
    ("range-int-bounds", {"f": {"$gt": 1000}}, "Lower bound (1000) must be less than the range maximum (1000)"),
    ("range-int-bounds", {"f": {"$lt": -1000}}, "Upper bound (-1000) must be greater than the range minimum (-1000)"),
    ("range-int-bounds", {"f": {"$gte": 1001}}, "Lower bound (1001) must be less than or equal to the range maximum (1000)"),
    ("range-int-bounds", {"f": 1001}, "Lower bound (1001) must be less than or equal to the range maximum (1000)"),
    ("range-int-bounds", {"f": {"$gt": 5, "$lt": 4}}, "must be less than or equal to range max"),
    ("range-double", {"f": {"$gt": float("nan")}}, NOT_FINITE),
    ("text-prefix", finds("$encStrStartsWith", "$f", "C"), "shorter than the minimum query length"),
    ("text-prefix", finds("$encStrStartsWith", "$f", "Cafeca"), "longer than the maximum query length"),
    ("text-suffix", finds("$encStrEndsWith", "$f", ""), "string value cannot be empty"),
    ("text-substring", finds("$encStrContains", "$f", "abcde"), "longer than the maximum query length"),
]
REFUSED_FILTERS += [
    ("text-prefix-preview", finds("$encStrStartsWith", "$f", "Caf"), "'prefixPreview' is unsupported"),
    ("text-suffix-preview", finds("$encStrEndsWith", "$f", "Caf"), "'suffixPreview' is unsupported"),
    ("text-substring-preview", finds("$encStrContains", "$f", "Caf"), "'substringPreview' is unsupported"),
]
