"""Stages without options, malformed stages, and stages that name other collections."""

import documents
from book import Again
from forms import COLLECTION, CSFLE, Open, Refused, aggregate, answer, csfle, mark, nothing, qe
from match import both
from stage_options import GRAPH, expression_cases, filter_cases, key, path_cases
from stages import LIMIT

# ---- stages with one operand ----


def group_ids():
    return expression_cases(key, lambda value: {"_id": value})


def add_operand(area, name, column, cases):
    for kind, value, said, build, before in cases:
        command = aggregate(*before, {name: value})
        verdict = "unchanged" if said is None else said
        if not isinstance(verdict, (Refused, Open)) and verdict != "unchanged":
            verdict = aggregate(*before, {name: said})
        area.add(name, column, build(command, verdict), kind)


def any_path(shape):
    """Inclusion and exclusion pass on every path."""
    for name, path, build in (
        ("plain", "plain", csfle),
        ("deterministic", "det", csfle),
        ("random", "rand", csfle),
        ("above", "obj", csfle),
        ("inside-above", "obj.det", csfle),
        ("equality", "eq", qe),
        ("above-qe", "obj", qe),
    ):
        yield (name, shape(path), None, build, ())


def computed_names():
    yield ("plain", {"x": "$plain"}, None, csfle, ())
    yield ("over-deterministic", {"det": "$plain"}, None, csfle, ())
    yield ("over-above", {"obj": "$plain"}, None, csfle, ())
    yield ("inside-above", {"obj.det": "$plain"}, None, csfle, ())
    yield ("literal-over-deterministic", {"det": "x"}, None, csfle, ())
    yield ("below", {"det.x": "$plain"}, Open("det"), csfle, ())
    yield ("below-nested", {"det": {"x": "$plain"}}, Open("det"), csfle, ())
    yield ("twice", {"x": "$plain", Again("x"): "$det"}, Open(), csfle, ())
    yield ("collides", {"x": "$plain", "x.y": "$det"}, Open(), csfle, ())
    yield ("below-qe", {"eq.x": "$plain"}, Open("eq"), qe, ())


def redact_cases():
    yield ("keep", "$$KEEP", None, csfle, ())
    yield ("condition", {"$cond": ["$plain", "$$KEEP", "$$PRUNE"]}, None, csfle, ())
    yield (
        "equality",
        {"$cond": [{"$eq": ["$det", "x"]}, "$$KEEP", "$$PRUNE"]},
        {"$cond": [{"$eq": ["$det", mark("x")]}, "$$KEEP", "$$PRUNE"]},
        csfle,
        (),
    )
    yield ("bare", "$det", Open("det"), csfle, ())
    yield ("condition-encrypted", {"$cond": ["$det", "$$KEEP", "$$PRUNE"]}, Open("det"), csfle, ())
    yield ("qe", {"$cond": [{"$eq": ["$eq", "x"]}, "$$KEEP", "$$PRUNE"]}, Open("eq"), qe, ())
    # With $$DESCEND the same names are read at every level, in `obj` too.
    yield ("descend-plain", {"$cond": ["$other", "$$DESCEND", "$$PRUNE"]}, None, csfle, ())
    yield ("descend-equality", {"$cond": [{"$eq": ["$det", "x"]}, "$$DESCEND", "$$PRUNE"]}, Open(), csfle, ())
    yield ("descend-encrypted-below", {"$cond": ["$rand", "$$DESCEND", "$$PRUNE"]}, Open(), csfle, ())
    descend = {"$switch": {"branches": [{"case": "$det", "then": "$$DESCEND"}], "default": "$$PRUNE"}}
    yield ("descend-in-switch", descend, Open(), csfle, ())
    yield ("descend-in-ifNull", {"$ifNull": ["$$DESCEND", {"$eq": ["$det", "x"]}]}, Open(), csfle, ())
    yield ("descend-root", {"$cond": [{"$gt": ["$$ROOT.plain", 1]}, "$$DESCEND", "$$PRUNE"]}, None, csfle, ())


# No expressions, or constants: see MALFORMED.
MALFORMED_COUNTS = ("literal", "undefined-variable", "object-literal", "array-literal")


def add_operands(area):
    add_operand(area, "$sort", "names", path_cases(lambda path: {path: 1}))
    add_operand(area, "$sort", "second", path_cases(lambda path: {"other": 1, path: -1}))
    add_operand(area, "$sort", "meta", [("textScore", {"x": {"$meta": "textScore"}}, None, csfle, ())])
    add_operand(area, "$sort", "wrong", [("string", "plain", Open(), csfle, ()), ("number", 5, Open(), csfle, ())])
    add_operand(area, "$project", "include", any_path(lambda path: {path: 1}))
    add_operand(area, "$project", "exclude", any_path(lambda path: {path: 0}))
    add_operand(area, "$unset", "string", any_path(lambda path: path))
    add_operand(area, "$unset", "list", any_path(lambda path: ["other", path]))
    for name in ("$addFields", "$set", "$project"):
        add_operand(area, name, "computed", computed_names())
    add_operand(area, "$redact", "expression", redact_cases())
    group = [case for case in group_ids() if case[3] is csfle]
    add_operand(area, "$group", "_id", group)
    add_operand(area, "$group", "_id", [(f"qe/{c[0]}", *c[1:]) for c in group_ids() if c[3] is qe])
    count = [case for case in expression_cases(key, lambda value: value) if case[0] not in MALFORMED_COUNTS]
    add_operand(area, "$sortByCount", "expression", count)
    add_match(area)
    for name in ("$limit", "$skip"):
        add_operand(
            area,
            name,
            "number",
            [
                ("string", "x", Open(), csfle, ()),
                ("field", "$plain", Open(), csfle, ()),
                ("long", {"$numberLong": "3"}, None, csfle, ()),
            ],
        )


def add_match(area):
    add_operand(area, "$match", "filter", [c for c in filter_cases() if c[0] != "plain"])
    add_operand(
        area,
        "$match",
        "filter",
        [
            ("plain", {"plain": "x"}, None, csfle, ()),
            ("no-object", 5, Open(), csfle, ()),
            ("text", {"$text": {"$search": "x"}}, Open(), csfle, ()),
        ],
    )


# ---- stages that every server refuses ----


MALFORMED = {
    "$project": {"empty": {}, "empty-field": {"a": {}}},
    "$addFields": {"empty": {}},
    "$group": {"no-_id": {"n": {"$sum": 1}}, "empty": {}},
    "$bucket": {"no-boundaries": {"groupBy": "$plain"}, "no-groupBy": {"boundaries": [0, 1]}},
    "$bucketAuto": {"no-buckets": {"groupBy": "$plain"}, "no-groupBy": {"buckets": 2}},
    "$sortByCount": {"constant": "x", "number": 5},
    "$count": {"empty": "", "dotted": "a.b", "dollar": "$a", "number": 5},
    "$facet": {
        "empty": {},
        "empty-name": {"": [LIMIT]},
        "dotted": {"a.b": [LIMIT]},
        "dollar": {"$a": [LIMIT]},
        "no-pipeline": {"a": 5},
    },
    "$documents": {"on-a-collection": [{"det": "x"}]},
    "$replaceWith": {"string": "x", "number": 5, "literal": {"$literal": 5}},
    "$lookup": {
        "no-as": {"from": COLLECTION, "pipeline": []},
        "half-a-join": {"from": COLLECTION, "localField": "plain", "as": "rows"},
    },
    "$unset": {"number": 5},
    "$unwind": {"number": 5},
    "$match": {"number": 5},
}


def add_malformed(area):
    """Refused where anything encrypts, with a comparison after them that must not pass in clear."""
    comparison = {"$match": {"det": {"$eq": "x"}}}
    for name, operands in MALFORMED.items():
        for kind, operand in operands.items():
            it = {name: operand}
            area.add(name, "malformed", csfle(aggregate(it), Open()), kind)
            area.add(name, "malformed", csfle(aggregate(it, comparison), Open()), f"{kind}/compared")
            area.add(name, "malformed", qe(aggregate(it), Open()), f"{kind}/qe")


# ---- several collections ----


def schemas(command, verdict, **given):
    return answer({"command": {**command, "csfleEncryptionSchemas": both(**given)}}, verdict)


PLAIN_SCHEMA = {"bsonType": "object"}
DROPPING = {"$project": {"plain": 1, "_id": 0}}

TARGETS = {
    "$out": {"name": "target", "object": {"db": "db", "coll": "target"}},
    "$merge": {"name": "target", "into": {"into": "target"}, "object": {"into": {"db": "db", "coll": "target"}}},
}
MERGE_OPTIONS = {"on": "_id", "let": {"v": "$plain"}, "whenMatched": "merge", "whenNotMatched": "insert"}


def of_plain(command):
    """Neither collection encrypts anything."""
    case = schemas(command, "unchanged", people=PLAIN_SCHEMA, target=PLAIN_SCHEMA)
    return {**case, "schemaRequiresEncryption": False}


def to_plain(command, verdict):
    """Only the collection read encrypts."""
    return schemas(command, verdict, people=CSFLE, target=PLAIN_SCHEMA)


def without_schemas(command, verdict):
    return answer({"schema": "nothing", "command": command}, verdict)


def add_targets(area):
    """$out and $merge: a schema for the target, and nothing encrypted in either."""
    for name, kinds in TARGETS.items():
        for kind, operand in kinds.items():
            it = {name: operand}
            to_encrypted = schemas(aggregate(it), Open(), people=PLAIN_SCHEMA, target=CSFLE)
            literal = aggregate({"$addFields": {"x": "a"}}, it)
            area.add(name, "target", of_plain(aggregate(it)), f"{kind}/plain")
            area.add(name, "target", to_plain(aggregate(it), Open()), f"{kind}/encrypted-arrives")
            area.add(name, "target", to_encrypted, f"{kind}/encrypted-target")
            area.add(name, "target", to_plain(aggregate(DROPPING, it), "unchanged"), f"{kind}/encrypted-dropped")
            area.add(name, "target", nothing(aggregate(it)), f"{kind}/no-literal")
            area.add(name, "target", without_schemas(literal, Open()), f"{kind}/literal")
            area.add(name, "target", to_plain(aggregate(it, LIMIT), Open()), f"{kind}/not-last")


def add_merge_options(area):
    for option, value in MERGE_OPTIONS.items():
        stage = {"into": "target", option: value}
        twice = {**stage, Again(option): value}
        area.add("$merge", option, of_plain(aggregate({"$merge": stage})), "plain")
        area.add("$merge", option, to_plain(aggregate(DROPPING, {"$merge": twice}), Open()), "twice")
        area.add("$merge", option, to_plain(aggregate(DROPPING, {"$merge": stage}), "unchanged"), "dropped")
    twice = {"$merge": {"into": "target", Again("into"): "target"}}
    area.add("$merge", "into", to_plain(aggregate(DROPPING, twice), Open()), "twice")
    unknown = {"$merge": {"into": "target", "nothing": 1}}
    area.add("$merge", "nothing", to_plain(aggregate(DROPPING, unknown), Open()))


# Local and foreign field, both in the same collection.
JOINS = {
    "equal-metadata": ("det", "det2", "unchanged"),
    "other-metadata": ("det", "num", Open()),
    "random": ("rand", "rand", Open()),
    "local-plain": ("plain", "det", Open()),
    "pointer": ("ptr", "ptr", Open()),
}


def add_joins(area):
    """Fields of equal metadata join in one collection."""
    for kind, (local, foreign, said) in JOINS.items():
        stage = {"from": COLLECTION, "localField": local, "foreignField": foreign, "as": "rows"}
        area.add("$lookup", "join", csfle(aggregate({"$lookup": stage}), said), kind)
        graph = {**GRAPH, "startWith": f"${local}", "connectFromField": local, "connectToField": foreign}
        area.add("$graphLookup", "join", csfle(aggregate({"$graphLookup": graph}), said), kind)
    before, after = (
        aggregate({"$lookup": {"from": COLLECTION, "pipeline": [{"$match": {"det": {"$eq": value}}}], "as": "rows"}})
        for value in ("x", mark("x"))
    )
    area.add("$lookup", "join", csfle(before, after), "pipeline-only")


def add_foreign(area):
    """Another collection, with a schema and without; a name that is given twice is read by nobody."""

    def case(stage, verdict):
        return schemas(aggregate(stage), verdict, people=CSFLE, other=PLAIN_SCHEMA)

    join = {"$lookup": {"from": "other", "localField": "plain", "foreignField": "plain", "as": "rows"}}
    missing = Refused("Missing encryption schema for namespace: db.other", code=40414)
    twice = {"$lookup": {"from": COLLECTION, Again("from"): "other", "pipeline": [], "as": "rows"}}
    area.add("$lookup", "foreign", case(join, "unchanged"), "plain")
    area.add("$lookup", "foreign", schemas(aggregate(join), missing, people=CSFLE), "missing")
    area.add("$lookup", "foreign", case(twice, Open()), "from-twice")
    twice = {"$unionWith": {"coll": COLLECTION, Again("coll"): "other", "pipeline": []}}
    area.add("$unionWith", "foreign", case(twice, Open()), "coll-twice")
    area.add("$unionWith", "foreign", case({"$unionWith": "other"}, "unchanged"), "short")
    area.add("$unionWith", "foreign", csfle(aggregate({"$unionWith": COLLECTION}), "unchanged"), "short-itself")


def fill(book):
    area = book.area("option", documents.STAGES)
    add_operands(area)
    add_malformed(area)
    add_targets(area)
    add_merge_options(area)
    add_joins(area)
    add_foreign(area)
    for name in documents.STAGES:
        if not any(case.startswith(f"option/{name}/") for case in area.cases):
            area.add(name, "nothing", csfle(aggregate({name: {"nothing": "$det"}}), Open()))
