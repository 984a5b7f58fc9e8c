"""Stages: each at each place of a pipeline, in updates, in views, in sub-pipelines, and what may follow it."""

import documents
from forms import (
    COLLECTION,
    CSFLE,
    Open,
    Refused,
    aggregate,
    answer,
    csfle,
    mark,
    mark_eq,
    nothing,
    qe,
    stage_not_allowed,
)
from match import both

ANYWHERE, FIRST, LAST, NEVER = "anywhere", "first", "last", "never"
# What becomes of `det` and `eq` in the documents that follow.
KEPT, TOUCHED, DROPPED, OTHER = "kept", "touched", "dropped", "other"


class Stage:
    """A stage that names plain fields only, and what the documents say of it."""

    def __init__(self, operand, place=ANYWHERE, after=KEPT, update=False, facet=True, fused=False):
        self.operand, self.place, self.after = operand, place, after
        self.update, self.facet, self.fused = update, facet, fused


SEARCH = {"text": {"path": "plain", "query": "x"}}
VECTOR = {"index": "i", "path": "plain", "queryVector": [1], "numCandidates": 9, "limit": 1}
FUSION = {"input": {"pipelines": {"one": [{"$sort": {"plain": 1}}]}}}
SCORED = {"input": {"pipelines": {"one": [{"$sort": {"plain": 1}}]}, "normalization": "none"}}

STAGES = {
    "$addFields": Stage({"x": "$plain"}, update=True),
    "$set": Stage({"x": "$plain"}, update=True),
    "$unset": Stage("plain", update=True),
    "$project": Stage({"plain": 0}, update=True),
    "$replaceRoot": Stage({"newRoot": "$$ROOT"}, after=TOUCHED, update=True),
    "$replaceWith": Stage("$$ROOT", after=TOUCHED, update=True),
    "$bucket": Stage({"groupBy": "$plain", "boundaries": [0, 1]}, after=DROPPED),
    "$bucketAuto": Stage({"groupBy": "$plain", "buckets": 2}, after=DROPPED),
    "$count": Stage("n", after=DROPPED),
    "$group": Stage({"_id": "$plain"}, after=DROPPED),
    "$sortByCount": Stage("$plain", after=DROPPED),
    "$facet": Stage({"rows": [{"$limit": 1}]}, after=DROPPED, facet=False),
    "$densify": Stage({"field": "plain", "range": {"step": 1, "bounds": "full"}}),
    "$fill": Stage({"sortBy": {"plain": 1}, "output": {"other": {"method": "locf"}}}),
    "$setWindowFields": Stage({"sortBy": {"plain": 1}, "output": {"x": {"$sum": "$other"}}}),
    "$limit": Stage(1, fused=True),
    "$skip": Stage(1, fused=True),
    "$sample": Stage({"size": 1}, fused=True),
    "$sort": Stage({"plain": 1}, fused=True),
    "$match": Stage({"plain": {"$exists": True}}, fused=True),
    "$redact": Stage("$$KEEP", after=TOUCHED),
    "$unwind": Stage("$list"),
    "$lookup": Stage({"from": COLLECTION, "localField": "plain", "foreignField": "plain", "as": "rows"}),
    "$graphLookup": Stage(
        {
            "from": COLLECTION,
            "startWith": "$plain",
            "connectFromField": "plain",
            "connectToField": "plain",
            "as": "rows",
        }
    ),
    "$unionWith": Stage({"coll": COLLECTION, "pipeline": []}, after=TOUCHED),
    "$geoNear": Stage({"near": [0, 0], "distanceField": "d"}, FIRST, facet=False, fused=True),
    "$search": Stage(SEARCH, FIRST, after=TOUCHED, facet=False, fused=True),
    "$vectorSearch": Stage(VECTOR, FIRST, after=TOUCHED, facet=False, fused=True),
    "$rankFusion": Stage(FUSION, FIRST, after=TOUCHED, facet=False),
    "$scoreFusion": Stage(SCORED, FIRST, after=TOUCHED, facet=False),
    "$searchMeta": Stage(SEARCH, FIRST, after=OTHER, facet=False),
    "$collStats": Stage({"count": {}}, FIRST, after=OTHER, facet=False),
    "$indexStats": Stage({}, FIRST, after=OTHER, facet=False),
    "$listSearchIndexes": Stage({}, FIRST, after=OTHER, facet=False),
    "$changeStream": Stage({}, FIRST, after=OTHER, facet=False),
    "$rerank": Stage({"model": "m", "query": {"text": "x"}, "path": "plain", "numDocsToRerank": 1}),
    "$score": Stage({"score": "$plain"}),
    "$documents": Stage([{"a": 1}], NEVER, facet=False),
    "$out": Stage("target", NEVER, facet=False),
    "$merge": Stage({"into": "target"}, NEVER, facet=False),
    "$changeStreamSplitLargeEvent": Stage({}, NEVER, facet=False),
}
# Sources of the server's own data, and stages that may read or write anywhere.
SERVER = (
    "$currentOp $listClusterCatalog $listLocalSessions $listSampledQueries $listSessions $planCacheStats "
    "$querySettings $queryStats $shardedDataDistribution"
).split()
STAGES.update({name: Stage({}, NEVER, facet=False) for name in SERVER})
# "pass as the first stage where the stages after them hold nothing but plain documents": refusing them is as safe.
OPEN_SOURCES = {"$planCacheStats", "$currentOp", "$listSessions", "$listLocalSessions"}

LIMIT = {"$limit": 1}


# ---- places ----


def verdict(allowed):
    if allowed:
        return "unchanged"
    return Open()


def add_places(area, name, stage):
    it = {name: stage.operand}
    first, later = stage.place in (ANYWHERE, FIRST), stage.place == ANYWHERE
    if name not in OPEN_SOURCES:
        area.add(name, "first", csfle(aggregate(it, LIMIT), verdict(first)))
        area.add(name, "alone", csfle(aggregate(it), verdict(first)))
    area.add(name, "later", csfle(aggregate(LIMIT, it, LIMIT), verdict(later)))
    area.add(name, "last", csfle(aggregate(LIMIT, it), verdict(later)))
    if name not in OPEN_SOURCES:
        add_first_qe(area, name, it, first)
    area.add(name, "two-names", csfle(aggregate({**it, "$limit" if name != "$limit" else "$skip": 1}), Open()))


def add_first_qe(area, name, it, first):
    area.add(name, "first", qe(aggregate(it, LIMIT), "unchanged" if first else Open()), "qe")


def add_nothing(area, name, stage):
    """Where nothing is encrypted, what writes and reads no other collection passes."""
    if stage.place != NEVER:
        area.add(name, "nothing-encrypted", nothing(aggregate({name: stage.operand})))
    elif name in (
        "$planCacheStats",
        "$currentOp",
        "$listSessions",
        "$listLocalSessions",
        "$changeStreamSplitLargeEvent",
        "$documents",
        "$out",
        "$merge",
    ):
        area.add(name, "nothing-encrypted", nothing(aggregate({name: stage.operand})))


# ---- updates ----


def update(*pipeline):
    return {"update": COLLECTION, "updates": [{"q": {}, "u": list(pipeline)}]}


def find_and_modify(*pipeline):
    return {"findAndModify": COLLECTION, "query": {}, "update": list(pipeline)}


def bulk_update(*pipeline):
    return {
        "bulkWrite": 1,
        "ops": [{"update": 0, "filter": {}, "updateMods": list(pipeline)}],
        "nsInfo": [{"ns": f"db.{COLLECTION}"}],
    }


UPDATES = {"update": update, "findAndModify": find_and_modify, "bulkWrite": bulk_update}


def add_updates(area, name, stage):
    for command, build in UPDATES.items():
        it = build({name: stage.operand})
        said = "unchanged" if stage.update else Open()
        area.add(name, f"in-{command}", csfle(it, said))
        after = build({"$set": {"x": "$plain"}}, {name: stage.operand})
        area.add(name, f"in-{command}", csfle(after, said), "later")
        area.add(name, f"in-{command}", qe(it, said if stage.update else Open()), "qe")


# ---- sub-pipelines ----


def lookup(*pipeline):
    return {"$lookup": {"from": COLLECTION, "pipeline": list(pipeline), "as": "rows"}}


def union(*pipeline):
    return {"$unionWith": {"coll": COLLECTION, "pipeline": list(pipeline)}}


def facet(*pipeline):
    return {"$facet": {"rows": list(pipeline)}}


def fusion(*pipeline):
    return {"$rankFusion": {"input": {"pipelines": {"one": list(pipeline)}}}}


def score_fusion(*pipeline):
    return {"$scoreFusion": {"input": {"pipelines": {"one": list(pipeline)}, "normalization": "none"}}}


SUBS = {"lookup": lookup, "unionWith": union, "facet": facet, "rankFusion": fusion, "scoreFusion": score_fusion}
# Sources about the collection itself; no document says whether they may start a sub-pipeline.
UNCLEAR_IN_SUBS = {"$collStats", "$indexStats", "$listSearchIndexes", "$changeStream"} | OPEN_SOURCES
# No server takes these at the start of a $facet; taking them is no leak, and no document says.
ONLY_SERVERS_REFUSE = {"$geoNear", "$search", "$vectorSearch", "$rankFusion", "$scoreFusion", "$facet"}
UNCLEAR_FUSED = {"$score", "$rerank", "$rankFusion", "$scoreFusion"}


def allowed_in(sub, name, stage):
    if sub in ("rankFusion", "scoreFusion"):
        return stage.fused
    if sub == "facet":
        return stage.facet and stage.place == ANYWHERE
    return stage.place in (ANYWHERE, FIRST)


def add_subs(area, name, stage):
    for sub, around in SUBS.items():
        if (name in UNCLEAR_IN_SUBS and sub != "facet") or (sub.endswith("Fusion") and name in UNCLEAR_FUSED):
            continue
        it = {name: stage.operand}
        allowed = allowed_in(sub, name, stage)
        if sub != "facet" or name not in ONLY_SERVERS_REFUSE:
            area.add(name, f"in-{sub}", csfle(aggregate(around(it)), verdict(allowed)))
        late = allowed and stage.place == ANYWHERE
        if name == "$facet" and sub == "facet":
            continue
        area.add(name, f"in-{sub}", csfle(aggregate(around(LIMIT, it)), verdict(late)), "later")
        if allowed and stage.place == ANYWHERE and sub in ("lookup", "unionWith", "facet"):
            nested = aggregate(around(facet(LIMIT), it)) if sub != "facet" else aggregate(around(lookup(it)))
            area.add(name, f"in-{sub}", csfle(nested, "unchanged"), "nested")


# ---- what may follow ----


def add_after(area, name, stage):
    if stage.place == NEVER:
        return
    it = {name: stage.operand}
    later = {"$match": {"det": {"$eq": "x"}}}
    marked = aggregate(it, {"$match": {"det": {"$eq": mark("x")}}})
    said = {KEPT: marked, TOUCHED: marked, DROPPED: Open("det")}.get(stage.after)
    if said:
        area.add(name, "then-comparison", csfle(aggregate(it, later), said))
    later = {"$match": {"eq": {"$eq": "x"}}}
    marked = aggregate(it, {"$match": {"eq": {"$eq": mark_eq("x")}}})
    said = {KEPT: marked, OTHER: None}.get(stage.after, Open("eq"))
    if said:
        area.add(name, "then-comparison", qe(aggregate(it, later), said), "qe")
    exists = {"$match": {"det": {"$exists": True}}}
    area.add(name, "then-exists", csfle(aggregate(it, exists), "unchanged"))


# More stages than one of a name, by what they do to `det` and `eq`.
MORE = {
    "$project": {
        "inclusion-with": ({"det": 1, "eq": 1}, TOUCHED),
        "inclusion-without": ({"plain": 1}, DROPPED),
        "exclusion-of-it": ({"det": 0, "eq": 0}, DROPPED),
        "computed-over": ({"det": "$plain", "eq": "$plain"}, OTHER),
        "removed": ({"det": "$$REMOVE", "eq": "$$REMOVE", "plain": 1}, DROPPED),
        "renamed": ({"det": "$det2", "eq": "$obj.eq"}, TOUCHED),
        "itself": ({"det": "$det", "eq": "$eq"}, TOUCHED),
    },
    "$unset": {"it": (["det", "eq"], DROPPED), "another": (["det2", "num"], KEPT)},
    "$addFields": {
        "computed-over": ({"det": "$plain", "eq": "$plain"}, OTHER),
        "removed": ({"det": "$$REMOVE", "eq": "$$REMOVE"}, DROPPED),
        "renamed": ({"det": "$det2", "eq": "$obj.eq"}, TOUCHED),
        "safe-content": ({"__safeContent__": "$plain"}, TOUCHED),
    },
    "$set": {"removed": ({"det": "$$REMOVE", "eq": "$$REMOVE"}, DROPPED)},
    "$group": {
        "first-of-it": ({"_id": "$plain", "det": {"$first": "$det"}, "eq": {"$first": "$eq"}}, TOUCHED),
        "pushed": ({"_id": "$plain", "det": {"$push": "$det"}, "eq": {"$push": "$eq"}}, "array"),
    },
    **{
        name: {
            "first-of-it": (
                {**STAGES[name].operand, "output": {"det": {"$first": "$det"}, "eq": {"$first": "$eq"}}},
                TOUCHED,
            )
        }
        for name in ("$bucket", "$bucketAuto")
    },
    "$setWindowFields": {
        "written-over": (
            {"sortBy": {"plain": 1}, "output": {"det": {"$first": "$det"}, "eq": {"$first": "$eq"}}},
            TOUCHED,
        ),
        "dropped": ({"sortBy": {"plain": 1}, "output": {"det": {"$sum": "$plain"}, "eq": {"$sum": "$plain"}}}, OTHER),
    },
    "$replaceWith": {"object-without": ({"plain": "$plain"}, DROPPED)},
    "$replaceRoot": {"object-without": ({"newRoot": {"plain": "$plain"}}, DROPPED)},
    "$unwind": {"safe-content": ("$__safeContent__", TOUCHED)},
    "$lookup": {"over-safe-content": ({**STAGES["$lookup"].operand, "as": "__safeContent__"}, TOUCHED)},
    "$match": {"same-field": ({"plain": {"$eq": "x"}}, KEPT)},
}


def add_more(area):
    for name, kinds in MORE.items():
        for kind, (operand, after) in kinds.items():
            add_one_more(area, name, kind, {name: operand}, after)


def add_one_more(area, name, kind, it, after):
    condition, out = {"$match": {"det": {"$eq": "x"}}}, {"$match": {"det": {"$eq": mark("x")}}}
    marked = aggregate(it, out)
    said = {KEPT: marked, TOUCHED: marked, DROPPED: Open("det"), "array": Open("det"), OTHER: "unchanged"}[after]
    area.add(name, "then-comparison", csfle(aggregate(it, condition), said), kind)
    if name == "$match":
        return
    condition, out = {"$match": {"eq": {"$eq": "x"}}}, {"$match": {"eq": {"$eq": mark_eq("x")}}}
    said = aggregate(it, out) if after == KEPT else Open("eq")
    if after == OTHER:
        return
    area.add(name, "then-comparison", qe(aggregate(it, condition), said), f"{kind}/qe")


# ---- Queryable Encryption below stages ----


def add_qe_subs(area):
    """Comparisons are marked inside $lookup pipelines, never below $facet and $unionWith, by whatever way."""
    it, out = {"$match": {"eq": {"$eq": "x"}}}, {"$match": {"eq": {"$eq": mark_eq("x")}}}
    graph = dict(STAGES["$graphLookup"].operand, restrictSearchWithMatch={"eq": {"$eq": "x"}})
    graph_out = dict(graph, restrictSearchWithMatch={"eq": {"$eq": mark_eq("x")}})
    ways = {
        "directly": (it, out),
        "lookup": (lookup(it), lookup(out)),
        "graphLookup": ({"$graphLookup": graph}, {"$graphLookup": graph_out}),
        "lookup-lookup": (lookup(lookup(it)), lookup(lookup(out))),
        "lookup-graphLookup": (lookup({"$graphLookup": graph}), lookup({"$graphLookup": graph_out})),
    }
    for way, (stage, marked) in ways.items():
        area.add("$lookup", "qe-comparison", qe(aggregate(lookup(stage)), aggregate(lookup(marked))), way)
        for name, around in (("$facet", facet), ("$unionWith", union)):
            area.add(name, "qe-comparison", qe(aggregate(around(stage)), Open("eq")), way)
            area.add(name, "qe-comparison", qe(aggregate(lookup(around(stage))), Open("eq")), f"in-lookup/{way}")
        for name, around in (("$rankFusion", fusion), ("$scoreFusion", score_fusion)):
            area.add(name, "qe-comparison", qe(aggregate(around(stage)), Open()), way)
    marked_csfle = {"$match": {"det": {"$eq": mark("x")}}}
    for name, around in (("$lookup", lookup), ("$facet", facet), ("$unionWith", union)):
        command = aggregate(around({"$match": {"det": {"$eq": "x"}}}))
        area.add(name, "comparison", csfle(command, aggregate(around(marked_csfle))), "deterministic")


# ---- views ----


# Without a literal that can meet a document's value or become one, and with one.
VIEWS = {
    "$addFields": ({"x": "$plain"}, {"x": "a"}),
    "$set": ({"x": "$plain"}, {"x": "a"}),
    "$unset": ("plain", None),
    "$project": ({"plain": 1}, {"x": {"$eq": ["$plain", "a"]}}),
    "$replaceRoot": ({"newRoot": "$$ROOT"}, {"newRoot": {"x": "a"}}),
    "$replaceWith": ("$$ROOT", {"x": "a"}),
    "$bucketAuto": ({"groupBy": "$plain", "buckets": 2}, None),
    "$bucket": (None, {"groupBy": "$plain", "boundaries": ["a", "b"]}),
    "$count": ("n", None),
    "$group": ({"_id": "$plain"}, {"_id": {"$cond": [{"$eq": ["$plain", "a"]}, "$plain", "$other"]}}),
    "$sortByCount": ("$plain", {"$eq": ["$plain", "a"]}),
    "$facet": ({"rows": [{"$limit": 1}]}, {"rows": [{"$match": {"plain": "a"}}]}),
    "$limit": (1, None),
    "$skip": (1, None),
    "$sample": ({"size": 1}, None),
    "$sort": ({"plain": 1}, None),
    "$match": ({"plain": {"$exists": True}}, {"plain": "a"}),
    "$redact": ("$$KEEP", {"$cond": [{"$eq": ["$plain", "a"]}, "$$KEEP", "$$PRUNE"]}),
    "$unwind": ("$list", None),
    "$lookup": (
        STAGES["$lookup"].operand,
        {"from": COLLECTION, "pipeline": [{"$match": {"plain": "a"}}], "as": "rows"},
    ),
    "$graphLookup": (
        STAGES["$graphLookup"].operand,
        dict(STAGES["$graphLookup"].operand, restrictSearchWithMatch={"plain": "a"}),
    ),
    "$unionWith": (
        {"coll": COLLECTION, "pipeline": []},
        {"coll": COLLECTION, "pipeline": [{"$match": {"plain": "a"}}]},
    ),
    "$setWindowFields": (STAGES["$setWindowFields"].operand, {"output": {"x": {"$push": "a"}}}),
    "$fill": (STAGES["$fill"].operand, {"output": {"other": {"value": "a"}}}),
}


def create_view(*pipeline):
    return {"create": "v", "viewOn": COLLECTION, "pipeline": list(pipeline)}


def change_view(*pipeline):
    return {"collMod": "v", "viewOn": COLLECTION, "pipeline": list(pipeline)}


def add_views(area):
    for name, (passes, refused) in VIEWS.items():
        for command, build in (("create", create_view), ("collMod", change_view)):
            if passes is not None:
                area.add(name, f"in-view-{command}", nothing(build({name: passes})))
            if refused is not None:
                case = answer({"schema": "nothing", "command": build({name: refused})}, Open())
                area.add(name, f"in-view-{command}", case, "literal")
    known = {"$group": {"_id": "$plain", "n": {"$sum": "$other"}}}
    for name, stage in (("$group", known), ("$project", {"$project": {"_id": 0, "n": {"$size": "$list"}}})):
        case = nothing(create_view(stage, {"$match": {"n": {"$gt": 5}}}))
        area.add(name, "in-view-create", case, "then-known-name")
        case = answer({"schema": "nothing", "command": create_view(stage, {"$match": {"m": {"$gt": 5}}})}, Open())
        area.add("$match", "in-view-create", case, f"unknown-name-after-{name}")


# Over a collection that encrypts, with its schema in the request.
OVER_ENCRYPTED = {
    "exists": ({"$match": {"det": {"$exists": True}}}, "unchanged"),
    "plain": ({"$match": {"plain": "x"}}, "unchanged"),
    "deterministic": ({"$match": {"det": {"$eq": "x"}}}, {"$match": {"det": {"$eq": mark("x")}}}),
    "random": ({"$match": {"rand": "x"}}, Open("rand")),
    "order": ({"$match": {"det": {"$gt": "x"}}}, Open("det")),
    "sorted": ({"$sort": {"det": 1}}, Open("det")),
    "grouped-by-random": ({"$group": {"_id": "$rand"}}, Open("rand")),
    "literal": ({"$addFields": {"x": "a"}}, "unchanged"),
    "unknown-stage": ({"$nothing": 1}, Open()),
}


def add_views_over_encrypted(area):
    for command, build in (("create", create_view), ("collMod", change_view)):
        for kind, (stage, said) in OVER_ENCRYPTED.items():
            verdict = build(said) if isinstance(said, dict) and not isinstance(said, (Open, Refused)) else said
            it = {**build(stage), "csfleEncryptionSchemas": both(people=CSFLE, v={})}
            name = next(iter(stage)) if kind != "unknown-stage" else "unknown"
            area.add(name, f"in-view-{command}", answer({"command": it}, verdict), f"over-encrypted/{kind}")


# ---- stages that no row names ----


def add_unknown(area):
    for name, command in (("first", aggregate({"$nothing": 1})), ("later", aggregate(LIMIT, {"$nothing": 1}))):
        area.add("unknown", name, csfle(command, stage_not_allowed("$nothing")))
        area.add("unknown", name, qe(command, stage_not_allowed("$nothing")), "qe")
        case = answer({"schema": "nothing", "command": command}, stage_not_allowed("$nothing"))
        area.add("unknown", name, case, "nothing-encrypted")
    for sub, around in SUBS.items():
        area.add("unknown", f"in-{sub}", csfle(aggregate(around({"$nothing": 1})), Open()))
    area.add("unknown", "empty", csfle(aggregate({}), Open()))


def fill(book):
    area = book.area("stage", documents.STAGES + ["unknown"])
    for name, stage in STAGES.items():
        add_places(area, name, stage)
        add_nothing(area, name, stage)
        add_updates(area, name, stage)
        add_subs(area, name, stage)
        add_after(area, name, stage)
    add_more(area)
    add_qe_subs(area)
    add_views(area)
    add_views_over_encrypted(area)
    add_unknown(area)
