"""Commands: each field with an ordinary value, twice, of a wrong type; fields and arguments that are not listed."""

import documents
import indexes
import statements
from book import Again
from forms import COLLECTION, Open, Refused, csfle, mark, mark_eq, nothing, qe

ID = {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAQ==", "subType": "04"}}
NS = [{"ns": f"db.{COLLECTION}"}]
INSERT_OP = {"insert": 0, "document": {"plain": "x"}}

# Each command as it must be at least, its list of statements among it.
BASES = {
    "find": {"find": COLLECTION},
    "aggregate": {"aggregate": COLLECTION, "pipeline": [], "cursor": {}},
    "count": {"count": COLLECTION},
    "distinct": {"distinct": COLLECTION, "key": "plain"},
    "insert": {"insert": COLLECTION, "documents": [{"plain": "x"}]},
    "update": {"update": COLLECTION, "updates": [{"q": {}, "u": {"$set": {"plain": "x"}}}]},
    "delete": {"delete": COLLECTION, "deletes": [{"q": {}, "limit": 1}]},
    "findAndModify": {"findAndModify": COLLECTION, "update": {"$set": {"plain": "x"}}},
    "findandmodify": {"findandmodify": COLLECTION, "update": {"$set": {"plain": "x"}}},
    "bulkWrite": {"bulkWrite": 1, "ops": [INSERT_OP], "nsInfo": NS},
    "explain": {"explain": {"find": COLLECTION}, "verbosity": "queryPlanner"},
    "create": {"create": COLLECTION},
    "collMod": {"collMod": COLLECTION},
    "createIndexes": {"createIndexes": COLLECTION, "indexes": [{"key": {"plain": 1}, "name": "i"}]},
}

# An ordinary value of each field.
COMMON = {
    "collation": {"locale": "simple"},
    "let": {"v": 1},
    "hint": "i",
    "limit": 5,
    "skip": 1,
    "ordered": True,
    "bypassDocumentValidation": True,
    "bypassEmptyTsReplacement": True,
    "query": {"plain": {"$exists": True}},
    "sort": {"plain": 1},
    "collectionUUID": ID,
    "includeQueryStatsMetrics": True,
    "querySettings": {},
    "allowDiskUse": True,
    "allowPartialResults": True,
    "sampleId": ID,
    "validator": {"plain": {"$exists": True}},
    "validationLevel": "strict",
    "validationAction": "error",
    "changeStreamPreAndPostImages": {"enabled": True},
    "recordPreImages": True,
    "expireAfterSeconds": 60,
    "timeseries": {"timeField": "plain"},
}
VALUES = {
    "find": {
        "filter": {"plain": {"$exists": True}},
        "projection": {"plain": 1},
        "batchSize": 5,
        "ntoreturn": 5,
        "singleBatch": True,
        "max": {"plain": 5},
        "min": {"plain": 1},
        "returnKey": True,
        "showRecordId": True,
        "tailable": True,
        "oplogReplay": True,
        "noCursorTimeout": True,
        "awaitData": True,
        "options": {},
        "term": 1,
        "resumeAfter": {"$recordId": 1},
        "startAt": {"$recordId": 1},
        "requestResumeToken": True,
    },
    "aggregate": {
        "pipeline": [],
        "explain": False,
        "cursor": {"batchSize": 5},
        "fromMongos": True,
        "needsMerge": True,
        "exchange": {},
        "isMapReduceCommand": True,
        "requestReshardingResumeToken": True,
    },
    "count": {"fields": {}},
    "distinct": {"key": "plain"},
    "insert": {"documents": [{"plain": "x"}]},
    "update": {"updates": [{"q": {}, "u": {"$set": {"plain": "x"}}}]},
    "delete": {"deletes": [{"q": {}, "limit": 1}]},
    "findAndModify": {
        "remove": False,
        "update": {"$set": {"plain": "x"}},
        "new": True,
        "fields": {"plain": 1},
        "upsert": True,
        "arrayFilters": [{"i": 1}],
    },
    "bulkWrite": {"ops": [INSERT_OP], "nsInfo": NS, "errorsOnly": True, "cursor": {}},
    "explain": {"verbosity": "executionStats"},
    "create": {
        "capped": True,
        "autoIndexId": True,
        "idIndex": {"key": {"_id": 1}, "name": "_id_"},
        "size": 4096,
        "max": 5,
        "storageEngine": {},
        "indexOptionDefaults": {},
        "viewOn": "other",
        "pipeline": [],
        "clusteredIndex": {"key": {"_id": 1}, "unique": True},
        "encryptedFields": {"fields": []},
        "flags": 1,
        "temp": True,
    },
    "collMod": {
        "index": {"name": "i", "hidden": True},
        "viewOn": "other",
        "pipeline": [],
        "timeseries": {"granularity": "hours"},
        "cappedSize": 4096,
        "cappedMax": 5,
        "dryRun": True,
        "prepareUnique": True,
    },
    "createIndexes": {"indexes": [{"key": {"plain": 1}, "name": "i"}], "commitQuorum": "majority"},
}
VALUES["findandmodify"] = VALUES["findAndModify"]

# With a schema that encrypts these say something of their own: stages.py, indexes.py and below.
APART = {
    ("aggregate", "exchange"),
    ("create", "viewOn"),
    ("create", "pipeline"),
    ("collMod", "viewOn"),
    ("collMod", "pipeline"),
    ("create", "encryptedFields"),
}
# The type that a field must have, since we look into it.
OBJECTS = (
    ("find", "filter"),
    ("find", "projection"),
    ("find", "sort"),
    ("find", "min"),
    ("find", "max"),
    ("find", "collation"),
    ("find", "let"),
    ("aggregate", "collation"),
    ("aggregate", "let"),
    ("count", "query"),
    ("count", "collation"),
    ("distinct", "query"),
    ("distinct", "collation"),
    ("update", "let"),
    ("delete", "let"),
    ("findAndModify", "query"),
    ("findAndModify", "sort"),
    ("findAndModify", "fields"),
    ("findAndModify", "collation"),
    ("findAndModify", "let"),
    ("findandmodify", "query"),
    ("findandmodify", "sort"),
    ("findandmodify", "fields"),
    ("findandmodify", "collation"),
    ("findandmodify", "let"),
    ("bulkWrite", "let"),
    ("create", "validator"),
    ("create", "collation"),
    ("collMod", "validator"),
)
ARRAYS = (
    ("aggregate", "pipeline"),
    ("insert", "documents"),
    ("update", "updates"),
    ("delete", "deletes"),
    ("bulkWrite", "ops"),
    ("bulkWrite", "nsInfo"),
    ("createIndexes", "indexes"),
)


def value_of(command, field):
    return VALUES[command].get(field, COMMON.get(field))


def with_field(command, field, value):
    """A view's pipeline comes with what it is a view on."""
    source = {"viewOn": "other"} if field == "pipeline" and command in ("create", "collMod") else {}
    return {**BASES[command], **source, field: value}


def add_fields(area, command):
    for field in documents.COMMANDS[command]:
        it = with_field(command, field, value_of(command, field))
        if (command, field) not in APART:
            area.add(command, field, csfle(it, "unchanged"))
            area.add(command, field, qe(it, "unchanged"), "qe") if passes_qe(command, field) else None
        area.add(command, field, nothing(it), "nothing-encrypted")
        twice = {**it, Again(field): value_of(command, field)}
        said = Refused(f"BSON field '{command}.{field}' is a duplicate field.", code=40413)
        said = Open() if field == "exchange" else said
        area.add(command, field, csfle(twice, said), "twice")
        area.add(command, field, qe(twice, said if command != "bulkWrite" else Open()), "twice-qe")
        both = {**it, Again(field): {"a": 1}}
        area.add(command, field, csfle(both, said), "twice-with-another-value")


def passes_qe(command, field):
    """The information is in a namespace; a second one would not be the command's."""
    return field not in ("timeseries", "capped", "encryptedFields", "nsInfo", "key", "expireAfterSeconds")


def add_types(area):
    for command, field in OBJECTS:
        for kind, value in (("number", 5), ("array", [1]), ("string", "x")):
            area.add(command, field, csfle(with_field(command, field, value), Open()), f"wrong/{kind}")
    for command, field in ARRAYS:
        for kind, value in (("number", 5), ("object", {"a": 1})):
            area.add(command, field, csfle(with_field(command, field, value), Open()), f"wrong/{kind}")
            if field != "pipeline":
                area.add(command, field, csfle(with_field(command, field, [5]), Open()), f"wrong/member-{kind}")
    area.add("distinct", "key", csfle(with_field("distinct", "key", 5), Open()), "wrong/number")
    area.add("findAndModify", "update", csfle(with_field("findAndModify", "update", 5), Open()), "wrong/number")


REQUIRED = {
    "aggregate": ["pipeline"],
    "distinct": ["key"],
    "insert": ["documents"],
    "update": ["updates"],
    "delete": ["deletes"],
    "bulkWrite": ["ops", "nsInfo"],
    "createIndexes": ["indexes"],
}


def add_others(area, command):
    base = BASES[command]
    unknown = {**base, "nothing": 1}
    area.add(
        command, "nothing", csfle(unknown, Refused(f"BSON field '{command}.nothing' is an unknown field.", code=40415))
    )
    area.add(command, "nothing", nothing(unknown), "nothing-encrypted")
    area.add(command, "minimal", csfle(base, "unchanged"))
    for field in REQUIRED.get(command, ()):
        without = {name: value for name, value in base.items() if name != field}
        area.add(command, field, csfle(without, Open()), "missing")
    if command in ("bulkWrite", "explain"):
        return
    name = next(iter(base))
    for kind, value in (("number", 1), ("empty", ""), ("null", None), ("object", {"a": 1})):
        area.add(command, "collection", csfle({**base, name: value}, Open()), kind)


GENERIC = {
    "$db": "db",
    "lsid": {"id": ID},
    "txnNumber": {"$numberLong": "1"},
    "startTransaction": True,
    "autocommit": False,
    "stmtIds": [1],
    "$clusterTime": {},
    "$readPreference": {"mode": "primary"},
    "readConcern": {"level": "local"},
    "writeConcern": {"w": 1},
    "maxTimeMS": 5,
    "comment": {"det": "x"},
    "apiVersion": "1",
    "$audit": {},
    "$client": {},
}


def add_generic(area, command):
    for argument in documents.GENERIC:
        if command == "explain" and argument == "$db":
            continue
        it = {**BASES[command], argument: GENERIC.get(argument, 1)}
        area.add(command, argument, csfle(it, "unchanged"))
        if argument != "$db":
            area.add(command, argument, nothing(it), "nothing-encrypted")
            said = Refused(f"BSON field '{command}.{argument}' is a duplicate field.", code=40413)
            area.add(command, argument, csfle({**it, Again(argument): 1}, said), "twice")


# ---- fields with rules of their own ----


def paths(make):
    """(kind, value, refused, path, schema) for the kinds of paths."""
    for kind, path, schema in (
        ("deterministic", "det", csfle),
        ("random", "rand", csfle),
        ("above", "obj", csfle),
        ("below", "det.x", csfle),
        ("equality", "eq", qe),
        ("range", "range", qe),
        ("above-qe", "obj", qe),
        ("below-qe", "eq.x", qe),
    ):
        yield kind, make(path), True, path, schema
    for kind, path, schema in (
        ("plain", "plain", csfle),
        ("plain-beside", "obj.plain", csfle),
        ("plain-qe", "plain", qe),
    ):
        yield kind, make(path), False, path, schema


def add_paths(area):
    for command, field, make in (
        ("find", "sort", lambda path: {"other": 1, path: 1}),
        ("find", "min", lambda path: {path: 1}),
        ("find", "max", lambda path: {path: 1}),
        ("findAndModify", "sort", lambda path: {path: -1}),
        ("findandmodify", "sort", lambda path: {path: -1}),
    ):
        for kind, value, refused, path, schema in paths(make):
            it = with_field(command, field, value)
            area.add(command, field, schema(it, Open(path) if refused else "unchanged"), f"by-{kind}")
    for first, second in (("min", "max"), ("max", "min")):
        for kind, value, refused, path, schema in paths(lambda path: {path: 1}):
            it = {**BASES["find"], first: value, second: {"plain": 1}}
            area.add("find", first, schema(it, Open(path) if refused else "unchanged"), f"beside-{second}/{kind}")
    for command, field in (("find", "projection"), ("findAndModify", "fields"), ("findandmodify", "fields")):
        add_projection(area, command, field)
    for command in ("find", "aggregate", "count", "distinct", "findAndModify", "findandmodify"):
        for kind, hint in (
            ("name", "i"),
            ("plain", {"plain": 1}),
            ("deterministic", {"det": 1}),
            ("random", {"rand": 1}),
        ):
            area.add(command, "hint", csfle(with_field(command, "hint", hint), "unchanged"), kind)


def add_projection(area, command, field):
    for operation in (1, 0, True):
        for kind, value, _, path, schema in paths(lambda path: {path: operation}):
            if not kind.startswith("below"):
                area.add(command, field, schema(with_field(command, field, value), "unchanged"), f"{operation}/{kind}")
    shapes = {
        "slice": lambda path: {path: {"$slice": 1}},
        "elemMatch": lambda path: {path: {"$elemMatch": {"a": 1}}},
        "positional": lambda path: {f"{path}.$": 1},
    }
    for name, make in shapes.items():
        for kind, value, refused, path, schema in paths(make):
            it = with_field(command, field, value)
            area.add(command, field, schema(it, Open() if refused else "unchanged"), f"{name}/{kind}")
    for kind, value, said in (
        ("meta", {"x": {"$meta": "textScore"}}, "unchanged"),
        ("expression", {"x": {"$toUpper": "$plain"}}, "unchanged"),
        ("expression-encrypted", {"x": {"$toUpper": "$det"}}, Open("det")),
        ("renamed", {"x": "$det"}, "unchanged"),
        ("literal-over", {"det": "x"}, "unchanged"),
        ("where", {"x": {"$function": {"body": "f", "args": [], "lang": "js"}}}, Open()),
    ):
        area.add(command, field, csfle(with_field(command, field, value), said), kind)
    compared, out = {"x": {"$eq": ["$det", "y"]}}, {"x": {"$eq": ["$det", mark("y")]}}
    area.add(command, field, csfle(with_field(command, field, compared), with_field(command, field, out)), "marked")


def add_distinct(area):
    for kind, key, said in (
        ("deterministic", "det", "unchanged"),
        ("inside-above", "obj.det", "unchanged"),
        ("random", "rand", Open("rand")),
        (
            "pointer",
            "ptr",
            Refused("The distinct key is not allowed to be marked for encryption with a non-UUID keyId", "ptr"),
        ),
        ("above", "obj", Open("obj")),
        ("below", "det.x", Open("det.x")),
        ("plain-beside", "obj.plain", "unchanged"),
    ):
        area.add("distinct", "key", csfle(with_field("distinct", "key", key), said), kind)
    for kind, key in (
        ("equality", "eq"),
        ("range", "range"),
        ("unindexed", "none"),
        ("text", "text"),
        ("above-qe", "obj"),
        ("below-qe", "eq.x"),
    ):
        area.add("distinct", "key", qe(with_field("distinct", "key", key), Open(key)), kind)
    area.add("distinct", "key", qe(with_field("distinct", "key", "plain"), "unchanged"), "plain-qe")
    area.add("distinct", "query", qe({**BASES["distinct"], "query": {"eq": "x"}}, Open("eq")), "equality")
    for kind, locale, key, said in (
        ("string", {"locale": "fr"}, "det", Open("det")),
        ("int", {"locale": "fr"}, "num", "unchanged"),
        ("empty", {}, "det", Open("det")),
        ("simple", {"locale": "simple"}, "det", "unchanged"),
        ("plain", {"locale": "fr"}, "plain", "unchanged"),
    ):
        area.add("distinct", "collation", csfle({"distinct": COLLECTION, "key": key, "collation": locale}, said), kind)


FILTERS = {"find": "filter", "count": "query", "distinct": "query", "findAndModify": "query", "findandmodify": "query"}


def add_filters(area):
    """Each command's filter is marked, and its collation judged."""
    for command, field in FILTERS.items():
        base = BASES[command]
        marked = {**base, field: {"det": {"$eq": mark("x")}}}
        area.add(command, field, csfle({**base, field: {"det": "x"}}, marked), "deterministic")
        area.add(command, field, csfle({**base, field: {"rand": "x"}}, Open("rand")), "random")
        if command != "distinct":
            out = {**base, field: {"eq": {"$eq": mark_eq("x")}}}
            area.add(command, field, qe({**base, field: {"eq": "x"}}, out), "equality")
        for kind, collation, value, said in (
            ("string", {"locale": "fr"}, {"det": "x"}, Open("det")),
            ("empty", {}, {"det": "x"}, Open("det")),
            ("plain", {"locale": "fr"}, {"plain": "x"}, "unchanged"),
            ("exists", {"locale": "fr"}, {"det": {"$exists": True}}, "unchanged"),
            ("object-with-string", {"locale": "fr"}, {"obj": {"det": "x"}}, Open("obj.det")),
        ):
            name = f"filter-{kind}"
            area.add(command, "collation", csfle({**base, field: value, "collation": collation}, said), name)
        number = {**base, field: {"num": {"$eq": 5}}, "collation": {"locale": "fr"}}
        out = {**base, field: {"num": {"$eq": mark(5)}}, "collation": {"locale": "fr"}}
        area.add(command, "collation", csfle(number, out), "filter-int")
        simple = {**base, field: {"det": {"$eq": "x"}}, "collation": {"locale": "simple"}}
        out = {**base, field: {"det": {"$eq": mark("x")}}, "collation": {"locale": "simple"}}
        area.add(command, "collation", csfle(simple, out), "filter-simple")
        if command != "distinct":
            eq = {**base, field: {"eq": "x"}, "collation": {"locale": "fr"}}
            area.add(command, "collation", qe(eq, Open("eq")), "filter-equality")


def add_lets(area):
    """A variable of the command is out of reach of a comparison with an encrypted field."""
    for command, field in FILTERS.items():
        if command in ("count", "distinct"):
            continue
        base = {**BASES[command], "let": {"v": "x"}}
        uses = {
            "encrypted": ({"$eq": ["$det", "$$v"]}, Open("det")),
            "plain": ({"$eq": ["$plain", "$$v"]}, "unchanged"),
        }
        for kind, (expression, said) in uses.items():
            area.add(command, "let", csfle({**base, field: {"$expr": expression}}, said), f"compared-with-{kind}")
        qe_use = {**base, field: {"$expr": {"$eq": ["$eq", "$$v"]}}}
        area.add(command, "let", qe(qe_use, Open("eq")), "compared-with-equality")
        undefined = {**BASES[command], field: {"$expr": {"$eq": ["$plain", "$$v"]}}}
        area.add(command, "let", csfle(undefined, Refused("Use of undefined variable: v", code=17276)), "undefined")
    pipeline = [{"$match": {"$expr": {"$eq": ["$plain", "$$v"]}}}]
    area.add(
        "aggregate",
        "let",
        csfle({**BASES["aggregate"], "pipeline": pipeline, "let": {"v": 1}}, "unchanged"),
        "compared-with-plain",
    )
    pipeline = [{"$match": {"$expr": {"$eq": ["$det", "$$v"]}}}]
    area.add(
        "aggregate",
        "let",
        csfle({**BASES["aggregate"], "pipeline": pipeline, "let": {"v": 1}}, Open("det")),
        "compared-with-encrypted",
    )


def add_apart(area):
    base = BASES["aggregate"]
    area.add("aggregate", "exchange", csfle({**base, "exchange": {}}, Open()))
    area.add("aggregate", "exchange", qe({**base, "exchange": {}}, Open()), "qe")
    fields = {"fields": [{"path": "x", "bsonType": "string", "keyId": ID}]}
    area.add("create", "encryptedFields", csfle({"create": COLLECTION, "encryptedFields": fields}, Open()))
    area.add("aggregate", "collection", csfle({**base, "aggregate": 1}, Open()), "database")
    marked = {**base, "pipeline": [{"$match": {"det": {"$eq": mark("x")}}}]}
    area.add("aggregate", "pipeline", csfle({**base, "pipeline": [{"$match": {"det": "x"}}]}, marked), "deterministic")
    strict = {**base, "pipeline": [{"$match": {"det": "x"}}], "collation": {"locale": "fr"}}
    area.add("aggregate", "collation", csfle(strict, Open("det")), "string")
    group = {**base, "pipeline": [{"$group": {"_id": "$det"}}], "collation": {"locale": "fr"}}
    area.add("aggregate", "collation", csfle(group, Open()), "group-key")
    for stage in ("$indexStats", "$collStats"):
        name = {"$indexStats": {}, "$collStats": {"count": {}}}[stage]
        for kind, schema in (("encrypts", csfle), ("encrypts-qe", qe), ("nothing-encrypted", lambda c, v: nothing(c))):
            area.add(
                "aggregate", "pipeline", schema({**base, "pipeline": [{stage: name}]}, "unchanged"), f"{stage}/{kind}"
            )


def add_explains(area):
    """Each command explained: marked within; verbosity is written out."""
    inner = {
        "find": ({"filter": {"det": "x"}}, {"filter": {"det": {"$eq": mark("x")}}}),
        "count": ({"query": {"det": "x"}}, {"query": {"det": {"$eq": mark("x")}}}),
        "distinct": ({"query": {"det": "x"}}, {"query": {"det": {"$eq": mark("x")}}}),
        "delete": (
            {"deletes": [{"q": {"det": "x"}, "limit": 1}]},
            {"deletes": [{"q": {"det": {"$eq": mark("x")}}, "limit": 1}]},
        ),
        "findAndModify": ({"query": {"det": "x"}}, {"query": {"det": {"$eq": mark("x")}}}),
        "aggregate": (
            {"pipeline": [{"$match": {"det": "x"}}]},
            {"pipeline": [{"$match": {"det": {"$eq": mark("x")}}}]},
        ),
        "update": (
            {"updates": [{"q": {"det": "x"}, "u": {"$set": {"plain": 1}}}]},
            {
                "updates": [
                    {"q": {"det": {"$eq": mark("x")}}, "u": {"$set": {"plain": 1}}, "multi": False, "upsert": False}
                ]
            },
        ),
    }
    for command, (before, after) in inner.items():
        it, out = {"explain": {**BASES[command], **before}}, {
            "explain": {**BASES[command], **after},
            "verbosity": "allPlansExecution",
        }
        area.add("explain", command, csfle(it, out))
        it, out = ({**c, "verbosity": "queryPlanner"} for c in (it, out))
        area.add("explain", command, csfle(it, out), "verbosity")
        plain = {"explain": BASES[command]}
        area.add("explain", command, csfle(plain, {**plain, "verbosity": "allPlansExecution"}), "plain")
    area.add("explain", "explain", csfle({"explain": {"explain": {"find": COLLECTION}}}, Open()))
    area.add("explain", "nothing", csfle({"explain": {"nothing": 1}}, Open()), "command")
    area.add("explain", "command", csfle({"explain": 5}, Open()), "no-object")
    area.add("unknown", "any", csfle({"nothing": COLLECTION}, Open()))


def fill(book):
    area = book.area("command", list(documents.COMMANDS) + ["unknown"])
    generic = book.area("generic", list(documents.COMMANDS))
    for command in documents.COMMANDS:
        add_fields(area, command)
        add_others(area, command)
        add_generic(generic, command)
    add_types(area)
    add_paths(area)
    add_distinct(area)
    add_filters(area)
    add_lets(area)
    add_apart(area)
    add_explains(area)
    statements.fill(book)
    indexes.fill(book)
