"""Members of encryptedFields: each missing, twice, of wrong types, at its limits."""

from book import Again
from forms import COLLECTION, DATE, Open, field

INSERT = {"insert": COLLECTION, "documents": [{"plain": "x"}]}
LONG = {"$numberLong": "4"}
DOUBLE = {"$numberDouble": "1.5"}
DECIMAL = {"$numberDecimal": "1.5"}


def case(fields, accepted):
    verdict = {"result": "unchanged"} if accepted else {"error": Open()}
    return {"encryptedFields": {"fields": fields}, "command": INSERT, **verdict}


def one(accepted, **members):
    return case([{**field("a", "string"), **members}], accepted)


def queried(bson_type, accepted, *queries):
    return case([field("a", bson_type, *queries)], accepted)


# ---- members of a field ----


FIELD = {
    "path": {
        "a": True,
        "a.b": True,
        "": False,
        ".a": False,
        "a.": False,
        "a..b": False,
        "_id": False,
        "_id.a": False,
        "__safeContent__": False,
        "__safeContent__.a": False,
    },
    "bsonType": {
        "string": True,
        "int": True,
        "object": True,
        "array": True,
        "double": True,
        "bool": True,
        "null": False,
        "undefined": False,
        "minKey": False,
        "maxKey": False,
        "nothing": False,
        "integer": False,
    },
}


def add_field(area):
    for member, values in FIELD.items():
        for value, accepted in values.items():
            area.add(member, "value", one(accepted, **{member: value}), value or "empty")
    for member, wrongs in {
        "path": [1, ["a"]],
        "bsonType": [1, ["string"]],
        "keyId": [
            1,
            "x",
            [{"$key": "a"}],
            {"$binary": {"base64": "AAAA", "subType": "04"}},
            {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "03"}},
        ],
        "queries": [1, "equality", [1]],
    }.items():
        for i, wrong in enumerate(wrongs):
            area.add(member, "wrong", one(False, **{member: wrong}), str(i))
    whole = field("a", "string", {"queryType": "equality"})
    for member in whole:
        area.add(member, "twice", case([{**whole, Again(member): whole[member]}], False))
        without = {name: value for name, value in whole.items() if name != member}
        area.add(member, "missing", case([without], member == "queries"))
    area.add("bsonType", "missing", case([{"path": "a", "keyId": {"$key": "a"}}], True), "without-queries")
    area.add("nothing", "field", one(False, nothing=1))
    area.add("path", "two", case([field("a", "string"), {**field("b", "string"), "path": "a"}], False), "equal")
    area.add("path", "two", case([field("a", "string"), field("a.b", "string")], False), "prefix")
    area.add("path", "two", case([field("a.b", "string"), field("a", "string")], False), "prefix-after")
    area.add("path", "two", case([field("a", "string"), field("ab", "string")], True), "no-prefix")
    area.add(
        "keyId", "two", case([field("a", "string"), {**field("b", "string"), "keyId": {"$key": "a"}}], False), "equal"
    )


# ---- queries ----


EQUALITY_TYPES = (
    "string int long bool date objectId timestamp binData regex javascript symbol dbPointer javascriptWithScope".split()
)
NO_EQUALITY = "double decimal object array".split()
RANGES = {
    "int": (0, 200),
    "long": ({"$numberLong": "0"}, {"$numberLong": "200"}),
    "date": (DATE, {"$date": {"$numberLong": "200"}}),
    "double": ({"$numberDouble": "0"}, {"$numberDouble": "200"}),
    "decimal": ({"$numberDecimal": "0"}, {"$numberDecimal": "200"}),
}
TEXT = {"strMinQueryLength": 1, "strMaxQueryLength": 9}


def add_types(area):
    for name in EQUALITY_TYPES + NO_EQUALITY:
        if name == "javascriptWithScope":
            continue
        accepted = name not in NO_EQUALITY
        area.add("queryType", "equality", queried(name, accepted, {"queryType": "equality"}), name)
        area.add("queryType", "none", queried(name, True, {"queryType": "none"}), name)
        area.add("queryType", "range", queried(name, name in RANGES, {"queryType": "range"}), name)
        for kind in ("prefix", "suffix", "prefixPreview", "suffixPreview"):
            area.add("queryType", kind, queried(name, name == "string", {"queryType": kind, **TEXT}), name)
        for kind in ("substring", "substringPreview"):
            query = {"queryType": kind, **TEXT, "strMaxLength": 60}
            area.add("queryType", kind, queried(name, name == "string", query), name)
    for kind in ("rangePreview", "nothing", ""):
        area.add("queryType", "value", queried("int", False, {"queryType": kind}), kind or "empty")
    area.add("queryType", "value", queried("int", False, {"queryType": 1}), "number")
    area.add("queryType", "missing", queried("int", False, {"contention": 1}))


def add_pairs(area):
    whole = {kind: {"queryType": kind, **TEXT} for kind in ("prefix", "suffix")}
    whole["substring"] = {"queryType": "substring", **TEXT, "strMaxLength": 60}
    whole["equality"] = {"queryType": "equality"}
    for one_kind, first in whole.items():
        for other_kind, second in whole.items():
            accepted = {one_kind, other_kind} == {"prefix", "suffix"}
            area.add("queries", "pair", queried("string", accepted, first, second), f"{one_kind}-{other_kind}")
    area.add("queries", "document", one(True, queries={"queryType": "equality"}))
    area.add("queries", "empty", one(True, queries=[]))


def add_limits(area):
    for kind, bson_type, more in (("equality", "string", {}), ("range", "int", {}), ("prefix", "string", TEXT)):
        for value, accepted in ((0, True), (5, True), (LONG, True), (-1, False), (DOUBLE, False), ("x", False)):
            query = {"queryType": kind, **more, "contention": value}
            name = value if isinstance(value, (int, str)) else next(iter(value))
            area.add("contention", kind, queried(bson_type, accepted, query), str(name))
    for bson_type, (low, high) in RANGES.items():
        query = {"queryType": "range", "min": low, "max": high}
        precise = {"precision": 2} if bson_type in ("double", "decimal") else {}
        area.add("min", "range", queried(bson_type, True, {**query, **precise}), bson_type)
        area.add(
            "min", "above-max", queried(bson_type, False, {**query, **precise, "min": high, "max": low}), bson_type
        )
        area.add("min", "equal", queried(bson_type, False, {**query, **precise, "max": low}), bson_type)
        area.add("max", "wrong-type", queried(bson_type, False, {**query, **precise, "max": "x"}), bson_type)
        area.add("min", "wrong-type", queried(bson_type, False, {**query, **precise, "min": "x"}), bson_type)
        area.add("precision", "value", queried(bson_type, bool(precise), {**query, "precision": 2}), bson_type)
        area.add("precision", "negative", queried(bson_type, False, {**query, "precision": -1}), bson_type)
        area.add("precision", "no-bounds", queried(bson_type, False, {"queryType": "range", "precision": 2}), bson_type)
        for value, accepted in ((0, False), (1, True), (8, True), (9, False), ("x", False)):
            area.add(
                "sparsity", bson_type, queried(bson_type, accepted, {**query, **precise, "sparsity": value}), str(value)
            )
        area.add("trimFactor", "zero", queried(bson_type, True, {**query, **precise, "trimFactor": 0}), bson_type)
        area.add("trimFactor", "negative", queried(bson_type, False, {**query, **precise, "trimFactor": -1}), bson_type)
    # The bits of the domain: 200 has eight.
    for value, accepted in ((7, True), (8, False)):
        query = {"queryType": "range", "min": 0, "max": 200, "trimFactor": value}
        area.add("trimFactor", "bits", queried("int", accepted, query), f"int-{value}")
    for bson_type, bits in (("int", 32), ("long", 64), ("date", 64), ("double", 64), ("decimal", 128)):
        for value, accepted in ((bits - 1, True), (bits, False)):
            area.add(
                "trimFactor",
                "bits",
                queried(bson_type, accepted, {"queryType": "range", "trimFactor": value}),
                f"{bson_type}-{value}",
            )


def add_texts(area):
    base = {"queryType": "substring", **TEXT, "strMaxLength": 60}
    for name, changes, accepted in (
        ("min-zero", {"strMinQueryLength": 0}, False),
        ("min-above-max", {"strMinQueryLength": 10}, False),
        ("min-is-max", {"strMinQueryLength": 9}, True),
        ("longest-is-max", {"strMaxLength": 9}, True),
        ("longest-below-max", {"strMaxLength": 8}, False),
        ("caseSensitive", {"caseSensitive": True}, True),
        ("diacriticSensitive", {"diacriticSensitive": True}, True),
        ("caseSensitive-number", {"caseSensitive": 1}, False),
        ("diacriticSensitive-number", {"diacriticSensitive": 1}, False),
        ("unknown", {"nothing": 1}, False),
        ("min-string", {"strMinQueryLength": "x"}, False),
        ("max-string", {"strMaxQueryLength": "x"}, False),
        ("longest-string", {"strMaxLength": "x"}, False),
    ):
        area.add("queries", "text", queried("string", accepted, {**base, **changes}), name)
    for member in ("strMinQueryLength", "strMaxQueryLength", "strMaxLength"):
        without = {name: value for name, value in base.items() if name != member}
        area.add(member, "missing", queried("string", False, without))
        area.add(member, "twice", queried("string", False, {**base, Again(member): base[member]}))
        area.add(member, "in-equality", queried("string", False, {"queryType": "equality", member: 5}))
    for kind in ("prefix", "suffix"):
        area.add(
            "strMaxLength", f"in-{kind}", queried("string", False, {"queryType": kind, **TEXT, "strMaxLength": 60})
        )
    for member in ("min", "max", "precision", "sparsity", "trimFactor"):
        area.add(member, "in-equality", queried("int", False, {"queryType": "equality", member: 1}))
    for member in ("caseSensitive", "diacriticSensitive"):
        area.add(member, "in-equality", queried("string", False, {"queryType": "equality", member: True}))
        area.add(member, "in-range", queried("int", False, {"queryType": "range", member: True}))


# ---- what the query types become ----


def written(name):
    """The specification of a stored text."""
    spec = {"substr": {"mlen": 60, "ub": 9, "lb": 1}} if name.startswith("sub") else {name[:6]: {"ub": 9, "lb": 1}}
    return {"v": "x", "casef": False, "diacf": False, **spec}


def add_marks(area):
    """Each query type, written; text also compared by its own operator, and by none of the others'."""
    operators = {
        "prefix": ("$encStrStartsWith", "prefix"),
        "suffix": ("$encStrEndsWith", "suffix"),
        "substring": ("$encStrContains", "substring"),
    }
    insert = {"insert": COLLECTION, "documents": [{"a": "x"}]}
    for name, algorithm, contention in (("none", 1, 0), ("equality", 2, 8)):
        mark = {"$mark2": {"t": 1, "a": algorithm, "k": "a", "v": "x", "cm": contention}}
        fields = {"fields": [field("a", "string", {"queryType": name})]}
        area.add(
            "queryType", "written", marked(fields, insert, {"insert": COLLECTION, "documents": [{"a": mark}]}), name
        )
    for base in operators:
        for name in (base, base + "Preview"):
            query = {"queryType": name, **TEXT, **({"strMaxLength": 60} if base == "substring" else {})}
            fields = {"fields": [field("a", "string", query)]}
            mark = {"$mark2": {"t": 1, "a": 4, "k": "a", "v": written(name), "cm": 8}}
            area.add(
                "queryType", "written", marked(fields, insert, {"insert": COLLECTION, "documents": [{"a": mark}]}), name
            )
            for other, (operator, operand) in operators.items():
                it = {"find": COLLECTION, "filter": {"$expr": {operator: {"input": "$a", operand: "x"}}}}
                mark = {"$mark2": {"t": 2, "a": 4, "k": "a", "v": written(name), "cm": 8}}
                out = {"find": COLLECTION, "filter": {"$expr": {operator: {"input": "$a", operand: mark}}}}
                told = (
                    marked(fields, it, out)
                    if other == base
                    else {"encryptedFields": fields, "command": it, "error": Open("a")}
                )
                area.add("queryType", f"compared-{other}", told, name)


def marked(fields, command, result):
    return {"encryptedFields": fields, "command": command, "result": result}


def fill(book):
    rows = "path keyId bsonType queries queryType contention min max precision sparsity trimFactor strMinQueryLength strMaxQueryLength strMaxLength caseSensitive diacriticSensitive nothing".split()
    area = book.area("encrypted-fields", rows)
    add_field(area)
    add_types(area)
    add_pairs(area)
    add_limits(area)
    add_texts(area)
    add_marks(area)
