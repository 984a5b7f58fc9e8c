"""The options of each stage: each by itself, plain, encrypted, above, below, of a wrong type, twice; and one unknown."""

import documents
from book import Again
from expressions import SOURCES
from forms import COLLECTION, Open, Refused, aggregate, csfle, mark, mark_eq, nothing, qe
from match import CHOICE
from operands import PLAIN
from search import add_search
from stages import FUSION, LIMIT, SCORED, STAGES, VECTOR


class Option:
    """How to write it, and cases: (name, value, verdict, build, stages before). A verdict None: unchanged."""

    def __init__(self, sample, cases=(), wrong=(), required=False):
        self.sample, self.cases, self.wrong, self.required = sample, list(cases), wrong, required


# ---- kinds of options ----


def path_cases(shape=lambda path: path):
    """A plain path: nothing encrypted, above, below, or unknown."""
    yield ("plain", shape("plain"), None, csfle, ())
    yield ("plain-beside", shape("obj.plain"), None, csfle, ())
    yield ("plain-qe", shape("plain"), None, qe, ())
    for name, path in (("deterministic", "det"), ("random", "rand"), ("above", "obj"), ("below", "det.x")):
        yield (name, shape(path), Open(path), csfle, ())
    yield ("unknown", shape("u"), Open("u"), csfle, (CHOICE,))
    for name, path in (("equality", "eq"), ("range", "range"), ("above-qe", "obj"), ("below-qe", "eq.x")):
        yield (name, shape(path), Open(path), qe, ())


def path(sample="plain", shape=lambda path: path, required=False, wrong=(5, {})):
    return Option(shape(sample), path_cases(shape), wrong, required)


def expression_cases(kind_passes, shape):
    for name, source in SOURCES.items():
        said = None if kind_passes(name, source) else Open()
        yield (name, shape(source.value), said, source.build, source.before)


def plain_only(name, source):
    return PLAIN in source.passes


def key(name, source):
    """A field to group by: Deterministic too, alone or in an object."""
    return plain_only(name, source) or name in ("deterministic", "current", "object-literal")


def expression(passes=plain_only, shape=lambda value: value, required=False):
    return Option(shape("$plain"), expression_cases(passes, shape), (), required)


def key_paths():
    """Paths to partition by: as a group's key."""
    yield ("plain", ["plain"], None, csfle, ())
    yield ("deterministic", ["plain", "det"], None, csfle, ())
    for name, at in (("random", "rand"), ("above", "obj"), ("below", "det.x")):
        yield (name, [at], Open(at), csfle, ())
    for name, at in (("equality", "eq"), ("range", "range"), ("above-qe", "obj")):
        yield (name, [at], Open(at), qe, ())
    yield ("unknown", ["u"], Open("u"), csfle, (CHOICE,))


def filter_cases(marks=True):
    yield ("plain", {"plain": "x"}, None, csfle, ())
    if marks:
        yield ("deterministic", {"det": {"$eq": "x"}}, {"det": {"$eq": mark("x")}}, csfle, ())
        yield ("equality", {"eq": {"$eq": "x"}}, {"eq": {"$eq": mark_eq("x")}}, qe, ())
    else:
        yield ("deterministic", {"det": {"$eq": "x"}}, Open("det"), csfle, ())
        yield ("equality", {"eq": {"$eq": "x"}}, Open("eq"), qe, ())
    yield ("random", {"rand": "x"}, Open("rand"), csfle, ())
    yield ("order", {"det": {"$gt": "x"}}, Open("det"), csfle, ())
    yield ("below", {"det.x": "x"}, Open("det.x"), csfle, ())


def name_cases(over):
    """The name of a field that the stage writes. `over`: an encrypted path may be written over."""
    yield ("plain", "new", None, csfle, ())
    yield ("plain-beside", "obj.new", None, csfle, ())
    yield ("below", "det.x", Open("det.x"), csfle, ())
    yield ("below-qe", "eq.x", Open("eq.x"), qe, ())
    for name, path, build in (("deterministic", "det", csfle), ("above", "obj", csfle), ("equality", "eq", qe)):
        yield (name, path, None if over else Open(path), build, ())


def written(over=True, sample="new", required=False):
    return Option(sample, name_cases(over), (5, {}), required)


def constant(sample):
    """Not looked into, but no field and no expression."""
    return Option(sample, [("constant", sample, None, csfle, ()), ("field", "$det", Open(), csfle, ())])


def sort_cases():
    for name, path, said, build, before in path_cases(lambda path: {path: 1}):
        yield (name, path, said, build, before)


def sort():
    return Option({"plain": 1}, sort_cases(), (5, "plain"))


def output_cases(make):
    """Outputs of accumulators; accumulators.py has the rest."""
    yield ("plain", make({"$sum": "$plain"}), None, csfle, ())
    yield ("pushed", make({"$push": "$rand"}), None, csfle, ())
    yield ("deterministic", make({"$sum": "$det"}), Open("det"), csfle, ())
    yield ("equality", make({"$sum": "$eq"}), Open("eq"), qe, ())


def output():
    return Option({"x": {"$sum": "$plain"}}, output_cases(lambda a: {"x": a}), (5,))


def number(sample=1):
    return Option(sample, [("constant", sample, None, csfle, ())], ("x", "$plain"))


def pipeline_cases():
    yield ("empty", [], None, csfle, ())
    yield ("deterministic", [{"$match": {"det": {"$eq": "x"}}}], [{"$match": {"det": {"$eq": mark("x")}}}], csfle, ())
    yield ("random", [{"$match": {"rand": "x"}}], Open("rand"), csfle, ())
    yield ("sorted-by-encrypted", [{"$sort": {"det": 1}}], Open("det"), csfle, ())
    yield ("not-allowed", [{"$nothing": 1}], Open(), csfle, ())
    yield ("no-array", {"a": 1}, Open(), csfle, ())


def pipeline():
    return Option([], pipeline_cases())


def collection_cases():
    yield ("itself", COLLECTION, None, csfle, ())
    yield ("itself-qe", COLLECTION, None, qe, ())
    yield (
        "another",
        "other",
        Refused("Pipeline over an encrypted collection cannot reference additional collections", code=40414),
        csfle,
        (),
    )
    yield ("another-qe", "other", Refused("Missing encryption schema for namespace: db.other", code=40414), qe, ())
    yield ("another-database", {"db": "elsewhere", "coll": COLLECTION}, Open(), csfle, ())


def collection():
    return Option(COLLECTION, collection_cases(), (5,), True)


def graph_collection():
    """The same collection, or one with a schema."""
    return Option(COLLECTION, list(collection_cases())[:2] + [("another", "other", Open(), csfle, ())], (5,), True)


def join_cases():
    yield ("plain", "plain", None, csfle, ())
    for name, path in (("random", "rand"), ("above", "obj"), ("below", "det.x"), ("deterministic-with-plain", "det")):
        yield (name, path, Open(), csfle, ())
    yield ("unknown", "u", Open(), csfle, (CHOICE,))
    for name, path in (("equality", "eq"), ("range", "range"), ("above-qe", "obj")):
        yield (name, path, Open(), qe, ())


def join_field(unknown=True):
    cases = [case for case in join_cases() if unknown or case[0] != "unknown"]
    return Option("plain", cases, (5,))


def let_cases():
    yield ("plain", {"v": "$plain"}, None, csfle, ())
    yield ("plain-qe", {"v": "$plain"}, None, qe, ())
    for name, at in (("deterministic", "$det"), ("random", "$rand"), ("above", "$obj"), ("below", "$det.x")):
        yield (name, {"v": at}, Open(), csfle, ())
    yield ("equality", {"v": "$eq"}, Open(), qe, ())
    yield ("rebinds-CURRENT", {"CURRENT": "$plain"}, Open(), csfle, ())


# ---- the stages ----


GRAPH = STAGES["$graphLookup"].operand
OPTIONS = {
    "$bucket": {
        "groupBy": expression(required=True),
        "boundaries": Option([0, 1], [("fields", ["$plain", "$det"], Open(), csfle, ())]),
        "default": Option("x", [("constant", "x", None, csfle, ()), ("deterministic", "$det", Open(), csfle, ())]),
        "output": output(),
    },
    "$bucketAuto": {
        "groupBy": expression(required=True),
        "buckets": constant(2),
        "output": output(),
        "granularity": constant("R5"),
    },
    "$changeStream": {
        name: constant(sample)
        for name, sample in {
            "fullDocument": "updateLookup",
            "fullDocumentBeforeChange": "whenAvailable",
            "resumeAfter": {"_data": "x"},
            "startAfter": {"_data": "x"},
            "startAtOperationTime": {"$timestamp": {"t": 1, "i": 1}},
            "showExpandedEvents": True,
        }.items()
    },
    "$collStats": {
        "latencyStats": constant({"histograms": True}),
        "storageStats": constant({}),
        "count": constant({}),
        "queryExecStats": constant({}),
    },
    "$listSearchIndexes": {"id": constant("x"), "name": constant("x")},
    "$densify": {
        "field": path(required=True),
        "partitionByFields": Option(["plain"], key_paths()),
        "range": constant({"step": 1, "bounds": "full"}),
    },
    "$fill": {
        "partitionBy": expression(key, lambda v: {"k": v}),
        "sortBy": sort(),
        "output": Option(
            {"plain": {"method": "locf"}},
            list(path_cases(lambda p: {p: {"method": "locf"}}))
            + [
                ("value-deterministic", {"plain": {"value": "$det"}}, Open("det"), csfle, ()),
                ("value-plain", {"plain": {"value": "$other"}}, None, csfle, ()),
                ("value-equality", {"plain": {"value": "$eq"}}, Open("eq"), qe, ()),
            ],
            (5,),
        ),
    },
    "$geoNear": {
        "near": Option(
            [0, 0],
            [
                ("point", {"type": "Point", "coordinates": [0, 0]}, None, csfle, ()),
                ("deterministic", "$det", Open(), csfle, ()),
            ],
        ),
        "distanceField": written(over=False),
        "query": Option({"plain": {"$exists": True}}, filter_cases(), (5,)),
        "includeLocs": written(over=False, sample="locs"),
        "key": Option("plain", [case for case in path_cases() if not case[4]], (5,)),
        "spherical": constant(True),
        "maxDistance": Option(1, [("constant", 1, None, csfle, ()), ("deterministic", "$det", Open(), csfle, ())]),
        "minDistance": Option(1, [("constant", 1, None, csfle, ()), ("deterministic", "$det", Open(), csfle, ())]),
        "distanceMultiplier": constant(2),
    },
    "$graphLookup": {
        "from": graph_collection(),
        "startWith": expression(),
        "connectFromField": join_field(unknown=False),
        "connectToField": join_field(unknown=False),
        "as": written(),
        "maxDepth": constant(1),
        "depthField": Option(
            "new", [("plain", "depth", None, csfle, ()), ("below", "det.x", Open("det.x"), csfle, ())], (5,)
        ),
        "restrictSearchWithMatch": Option({"plain": {"$exists": True}}, filter_cases(), (5,)),
    },
    "$lookup": {
        "from": collection(),
        "localField": join_field(),
        "foreignField": join_field(unknown=False),
        "let": Option({"v": "$plain"}, let_cases(), (5,)),
        "pipeline": pipeline(),
        "as": written(),
    },
    "$replaceRoot": {
        "newRoot": Option(
            "$$ROOT",
            [
                ("plain", "$plain", None, csfle, ()),
                ("object", {"a": "$det"}, None, csfle, ()),
                ("above", "$obj", None, csfle, ()),
                ("deterministic", "$det", Open(), csfle, ()),
                ("random", "$rand", Open(), csfle, ()),
                ("below", "$det.x", Open("det.x"), csfle, ()),
                ("unknown", "$u", Open(), csfle, (CHOICE,)),
                ("equality", "$eq", Open(), qe, ()),
                ("merged", {"$mergeObjects": ["$$ROOT", {"x": "$plain"}]}, None, csfle, ()),
                ("merged-with-above", {"$mergeObjects": ["$obj", {"x": "$det"}]}, None, csfle, ()),
                ("set", {"$setField": {"field": "x", "input": "$$ROOT", "value": "$det"}}, None, csfle, ()),
                (
                    "set-computed-name",
                    {"$setField": {"field": {"$concat": ["$plain"]}, "input": "$$ROOT", "value": 1}},
                    Open(),
                    csfle,
                    (),
                ),
                ("unset", {"$unsetField": {"field": "det", "input": "$$ROOT"}}, None, csfle, ()),
                ("constant", 5, Open(), csfle, ()),
            ],
        )
    },
    "$sample": {"size": number()},
    "$setWindowFields": {"partitionBy": expression(key), "sortBy": sort(), "output": output()},
    "$unionWith": {"coll": collection(), "pipeline": pipeline()},
    "$unwind": {
        "path": Option(
            "$list",
            [
                ("plain", "$plain", None, csfle, ()),
                ("deterministic", "$det", Open("det"), csfle, ()),
                ("random", "$rand", Open("rand"), csfle, ()),
                ("above", "$obj", Open("obj"), csfle, ()),
                ("below", "$det.x", Open("det.x"), csfle, ()),
                ("unknown", "$u", Open("u"), csfle, (CHOICE,)),
                ("equality", "$eq", Open("eq"), qe, ()),
                ("above-qe", "$obj", Open("obj"), qe, ()),
                ("array", "$rows", None, csfle, ({"$facet": {"rows": [LIMIT]}},)),
                ("joined", "$rows", None, csfle, ({"$lookup": STAGES["$lookup"].operand},)),
                ("no-dollar", "list", Open(), csfle, ()),
            ],
            (5, {}),
            True,
        ),
        "includeArrayIndex": written(),
        "preserveNullAndEmptyArrays": constant(True),
    },
    "$vectorSearch": {
        "path": Option("plain", [case for case in path_cases() if not case[4]], (5,), True),
        "filter": Option(
            {"plain": {"$eq": "x"}},
            [
                *filter_cases(marks=False),
                ("in-and", {"$and": [{"plain": "x"}, {"det": "x"}]}, Open("det"), csfle, ()),
                ("in-or", {"$or": [{"det": "x"}]}, Open("det"), csfle, ()),
                ("and-plain", {"$and": [{"plain": "x"}]}, None, csfle, ()),
                ("hidden", {"$expr": "$plain"}, Open(), csfle, ()),
            ],
            (5,),
        ),
        "parentFilter": Option(
            {"plain": {"$eq": "x"}},
            [
                ("plain", {"plain": {"$eq": "x"}}, None, csfle, ()),
                ("deterministic", {"det": {"$eq": "x"}}, Open("det"), csfle, ()),
            ],
            (5,),
        ),
        **{
            name: constant(sample)
            for name, sample in {
                "index": "i",
                "query": "x",
                "model": "m",
                "queryVector": [1],
                "numCandidates": 9,
                "limit": 1,
                "exact": True,
                "returnStoredSource": True,
                "nestedOptions": {},
                "explainOptions": {},
            }.items()
        },
    },
    "$rerank": {
        "model": constant("m"),
        "query": constant({"text": "x"}),
        "path": Option(
            "plain", list(path_cases()) + [(f"list-{c[0]}", ["other", c[1]], *c[2:]) for c in path_cases()], (5,), True
        ),
        "numDocsToRerank": constant(1),
    },
    "$score": {
        "score": expression(required=True),
        "normalization": constant("none"),
        "weight": expression(),
        "scoreDetails": constant(True),
    },
    "$rankFusion": {
        "input": Option(FUSION["input"], [("plain", FUSION["input"], None, csfle, ())], (5,), True),
        "combination": Option(
            {"weights": {"one": 1}},
            [
                ("constant", {"weights": {"one": 1}}, None, csfle, ()),
                ("weights-field", {"weights": {"one": "$det"}}, Open(), csfle, ()),
                ("field", "$det", Open(), csfle, ()),
            ],
        ),
        "scoreDetails": constant(True),
    },
    "$scoreFusion": {
        "input": Option(SCORED["input"], [("plain", SCORED["input"], None, csfle, ())], (5,), True),
        "combination": Option(
            {"weights": {"one": 1}, "method": "avg"},
            [
                ("constant", {"weights": {"one": 1}, "method": "avg"}, None, csfle, ()),
                ("scores", {"method": "expression", "expression": {"$sum": ["$$one", 1]}}, None, csfle, ()),
                ("deterministic", {"method": "expression", "expression": {"$sum": ["$det", 1]}}, Open(), csfle, ()),
                ("undefined", {"method": "expression", "expression": {"$sum": ["$$two", 1]}}, Open(), csfle, ()),
                ("weights-field", {"weights": {"one": "$det"}}, Open(), csfle, ()),
                ("unknown-member", {"nothing": 1}, Open(), csfle, ()),
            ],
        ),
        "scoreDetails": constant(True),
    },
}

# Options that are an alternative to another, and the base that they go with.
BASES = {
    "$bucket": {"groupBy": "$plain", "boundaries": [0, 1]},
    "$bucketAuto": {"groupBy": "$plain", "buckets": 2},
    "$densify": {"field": "plain", "range": {"step": 1, "bounds": "full"}},
    "$fill": {"sortBy": {"plain": 1}, "output": {"other": {"method": "locf"}}},
    "$geoNear": {"near": [0, 0], "distanceField": "d"},
    "$graphLookup": GRAPH,
    "$lookup": STAGES["$lookup"].operand,
    "$replaceRoot": {"newRoot": "$$ROOT"},
    "$sample": {"size": 1},
    "$setWindowFields": {"sortBy": {"plain": 1}, "output": {"x": {"$sum": "$other"}}},
    "$unionWith": {"coll": COLLECTION, "pipeline": []},
    "$unwind": {"path": "$list"},
    "$vectorSearch": VECTOR,
    "$rerank": STAGES["$rerank"].operand,
    "$score": {"score": "$plain"},
    "$rankFusion": FUSION,
    "$scoreFusion": SCORED,
}


def add_options(area, name, options):
    base = BASES.get(name, {})
    for option, spec in options.items():
        for kind, value, said, build, before in spec.cases:
            add_value(area, name, base, option, kind, value, said, build, before)
        for i, value in enumerate(spec.wrong):
            wrong = aggregate({name: {**base, option: value}})
            area.add(name, option, csfle(wrong, Open()), f"wrong/{i}")
        add_twice(area, name, base, option, spec.sample)
        if spec.required and option in base:
            without = {key: value for key, value in base.items() if key != option}
            area.add(name, option, csfle(aggregate({name: without}), Open()), "missing")
    other = aggregate({name: {**base, "nothing": 1}})
    area.add(name, "nothing", csfle(other, Open()))
    area.add(name, "nothing", nothing(other), "nothing-encrypted")


def add_value(area, name, base, option, kind, value, said, build, before):
    command = aggregate(*before, {name: {**base, option: value}})
    verdict = said
    if said is None:
        verdict = "unchanged"
    elif not isinstance(said, (Refused, Open)):
        verdict = aggregate(*before, {name: {**base, option: said}})
    area.add(name, option, build(command, verdict), kind)


def add_twice(area, name, base, option, sample):
    stage = {**base, option: sample, Again(option): sample}
    area.add(name, option, csfle(aggregate({name: stage}), Open()), "twice")
    area.add(name, option, qe(aggregate({name: stage}), Open()), "twice-qe")
    if name not in ("$lookup", "$unionWith", "$graphLookup", "$rankFusion", "$scoreFusion"):
        area.add(name, option, nothing(aggregate({name: stage})), "twice-nothing-encrypted")


def fill(book):
    area = book.area("option", documents.STAGES)
    for name, options in OPTIONS.items():
        add_options(area, name, options)
    add_search(area)
