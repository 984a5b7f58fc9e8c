"""$search and $searchMeta: each operator and each member that holds paths."""

from forms import Open, aggregate, csfle, qe

PATHS = {
    "plain": ("plain", None, csfle),
    "plain-beside": ("obj.plain", None, csfle),
    "deterministic": ("det", Open("det"), csfle),
    "random": ("rand", Open("rand"), csfle),
    "above": ("obj", Open("obj"), csfle),
    "below": ("det.x", Open("det.x"), csfle),
    "equality": ("eq", Open("eq"), qe),
    "above-qe": ("obj", Open("obj"), qe),
}
OPERATORS = {
    "text": lambda path: {"path": path, "query": "x"},
    "phrase": lambda path: {"path": path, "query": "x", "slop": 1},
    "autocomplete": lambda path: {"path": path, "query": "x", "fuzzy": {}, "tokenOrder": "any"},
    "wildcard": lambda path: {"path": path, "query": "x*", "allowAnalyzedField": True},
    "regex": lambda path: {"path": path, "query": "x", "allowAnalyzedField": True},
    "range": lambda path: {"path": path, "gt": 1, "lte": 2},
    "near": lambda path: {"path": path, "origin": 1, "pivot": 2},
    "equals": lambda path: {"path": path, "value": True},
    "in": lambda path: {"path": path, "value": ["x"]},
    "exists": lambda path: {"path": path},
    "geoShape": lambda path: {"path": path, "relation": "within", "geometry": {"type": "Point", "coordinates": [0, 0]}},
    "geoWithin": lambda path: {"path": path, "circle": {"radius": 1}},
    "vectorSearch": lambda path: {"path": path, "queryVector": [1], "limit": 1},
}
TEXT = OPERATORS["text"]


def text(path):
    return {"text": TEXT(path)}


# What holds operators or paths at other places.
HOLDERS = {
    "compound.must": lambda path: {"compound": {"must": [text(path)]}},
    "compound.mustNot": lambda path: {"compound": {"mustNot": [text(path)]}},
    "compound.should": lambda path: {"compound": {"should": [text("other"), text(path)], "minimumShouldMatch": 1}},
    "compound.filter": lambda path: {"compound": {"filter": [text(path)]}},
    "path-list": lambda path: {"text": {"path": ["other", path], "query": "x"}},
    "path-multi": lambda path: {"text": {"path": {"value": path, "multi": "m"}, "query": "x"}},
    "highlight": lambda path: {**text("other"), "highlight": {"path": path}},
    "sort": lambda path: {**text("other"), "sort": {path: 1}},
    "facet.operator": lambda path: {
        "facet": {"operator": text(path), "facets": {"f": {"type": "string", "path": "other"}}}
    },
    "facet.facets": lambda path: {
        "facet": {"operator": text("other"), "facets": {"f": {"type": "string", "path": path}}}
    },
    "score.boost": lambda path: {"text": {**TEXT("other"), "score": {"boost": {"path": path}}}},
    "score.function": lambda path: {"text": {**TEXT("other"), "score": {"function": {"path": path}}}},
    "score.gauss": lambda path: {
        "text": {**TEXT("other"), "score": {"function": {"gauss": {"path": path, "origin": 1, "scale": 1}}}}
    },
    "score.decay": lambda path: {
        "text": {
            **TEXT("other"),
            "score": {"function": {"gauss": {"path": path, "origin": 1, "scale": 1, "offset": 1, "decay": 1}}},
        }
    },
    **{
        f"score.{name}": lambda path, name=name: {
            "text": {**TEXT("other"), "score": {"function": {name: [{"path": path}, {"constant": 2}]}}}
        }
        for name in ("add", "multiply")
    },
    **{
        f"score.{name}": lambda path, name=name: {
            "text": {**TEXT("other"), "score": {"function": {name: {"path": path}}}}
        }
        for name in ("log", "log1p")
    },
    "score.boost-undefined": lambda path: {
        "text": {**TEXT("other"), "score": {"boost": {"path": path, "undefined": 2}}}
    },
    "span.term": lambda path: {"span": {"term": TEXT(path)}},
    "span.first": lambda path: {"span": {"first": {"operator": {"term": TEXT(path)}}}},
    "span.near": lambda path: {"span": {"near": {"clauses": [{"term": TEXT(path)}]}}},
    "span.or": lambda path: {"span": {"or": {"clauses": [{"term": TEXT(path)}]}}},
    "span.subtract": lambda path: {
        "span": {"subtract": {"include": {"term": TEXT("other")}, "exclude": {"term": TEXT(path)}}}
    },
    "span.contains.little": lambda path: {
        "span": {"contains": {"little": {"term": TEXT(path)}, "big": {"term": TEXT("other")}, "spanToReturn": "inner"}}
    },
    "span.contains.big": lambda path: {
        "span": {"contains": {"little": {"term": TEXT("other")}, "big": {"term": TEXT(path)}, "spanToReturn": "inner"}}
    },
    "embeddedDocument.path": lambda path: {"embeddedDocument": {"path": path, "operator": text("list.x")}},
    "hasAncestor": lambda path: {"hasAncestor": {"ancestorPath": path, "operator": text("other")}},
    "hasRoot": lambda path: {"hasRoot": {"operator": text(path)}},
    "moreLikeThis": lambda path: {"moreLikeThis": {"like": [{path: "x"}]}},
    "returnScope": lambda path: {**text("other"), "returnScope": {"path": path}, "returnStoredSource": True},
    "vectorSearch.filter": lambda path: {
        "vectorSearch": {"path": "other", "queryVector": [1], "limit": 1, "filter": text(path)}
    },
}
# Paths that cannot be told from the text.
HIDDEN = {
    "queryString": {"queryString": {"defaultPath": "plain", "query": "det:x"}},
    "wildcard-path": {"text": {"path": {"wildcard": "*"}, "query": "x"}},
    "wildcard-in-list": {"text": {"path": ["plain", {"wildcard": "d*"}], "query": "x"}},
    "unknown-operator": {"nothing": {"path": "plain"}},
    "unknown-member": {"text": {"path": "plain", "query": "x", "nothing": "det"}},
}


def add_search(area):
    for stage in ("$search", "$searchMeta"):
        for name, build in OPERATORS.items():
            add_paths(area, stage, name, lambda path, name=name, build=build: {name: build(path)})
        for name, build in HOLDERS.items():
            add_paths(area, stage, name, build)
        for name, specification in HIDDEN.items():
            area.add(stage, name, csfle(aggregate({stage: specification}), Open()))
        area.add(stage, "no-object", csfle(aggregate({stage: "plain"}), Open()))


def add_paths(area, stage, name, build):
    for kind, (path, said, schema) in PATHS.items():
        command = aggregate({stage: build(path)})
        area.add(stage, name, schema(command, said or "unchanged"), kind)
