"""Accumulators and window functions: each operand at each kind of place, in each stage that takes them."""

import documents
from book import Again
from expressions import SOURCES
from forms import Open, Refused, aggregate, csfle, nothing, qe
from operands import CARRY, CONSTANT, PLAIN, Operand, carry, constant, names, plain

SET, SORT = "set", "sort"


def sort():
    return Operand(SORT, {"plain": 1})


# One expression.
BARE = {
    **{op: PLAIN for op in "$avg $concatArrays $max $mergeObjects $min $setUnion $stdDevPop $stdDevSamp $sum".split()},
    "$push": CARRY,
    "$first": CARRY,
    "$last": CARRY,
    "$addToSet": SET,
    "$linearFill": PLAIN,
    "$locf": PLAIN,
}
NAMED = {
    **{op: {"output": plain(), "sortBy": sort()} for op in ("$top", "$bottom")},
    **{op: {"n": plain(), "output": plain(), "sortBy": sort()} for op in ("$topN", "$bottomN")},
    **{op: names("n input") for op in ("$firstN", "$lastN", "$maxN", "$minN")},
    "$median": names("input", method=constant("approximate")),
    "$percentile": names("input p", method=constant("approximate")),
    **{op: names("input", unit=constant("day")) for op in ("$derivative", "$integral")},
    "$expMovingAvg": names("input", N=constant(2)),
    "$minMaxScaler": names("input", min=constant(0), max=constant(1)),
    "$shift": {"output": carry(), "by": constant(1), "default": carry("$plain")},
}
PAIRS = ("$covariancePop", "$covarianceSamp")
EMPTY = ("$count", "$denseRank", "$documentNumber", "$rank")

# ---- the stages ----


def group(accumulator):
    return {"$group": {"_id": "$plain", "x": accumulator}}


def bucket(accumulator):
    return {"$bucket": {"groupBy": "$plain", "boundaries": [0, 1], "output": {"x": accumulator}}}


def bucket_auto(accumulator):
    return {"$bucketAuto": {"groupBy": "$plain", "buckets": 2, "output": {"x": accumulator}}}


def window(accumulator):
    return {
        "$setWindowFields": {"sortBy": {"plain": 1}, "output": {"x": {**accumulator, "window": {"documents": [-1, 0]}}}}
    }


STAGES = {"group": group, "bucket": bucket, "bucketAuto": bucket_auto, "window": window}


# ---- verdicts ----


def ungroupable(path):
    return Refused("Cannot group on ", path.replace("ROOT", "$ROOT")) if path else Open()


def verdict(operator, kind, name, source):
    if kind in source.passes:
        return "unchanged"
    if kind == SET and (PLAIN in source.passes or name in ("deterministic", "current", "object-literal")):
        return "unchanged"
    if kind in (CONSTANT, SORT) or operator in PAIRS:
        return Open()
    if source.refusal and not (kind == SET and name == "unknown"):
        return source.refusal
    if kind == SET:
        return ungroupable(source.path)
    return Refused(f"Accumulator '{operator}' cannot aggregate encrypted fields.", source.path)


def add_operand(area, operator, column, kind, build):
    for stage, around in STAGES.items():
        if stage != "window" and operator in documents.WINDOW_ONLY:
            add_misplaced(area, operator, stage, around, build("$plain"))
            continue
        for name, source in SOURCES.items():
            if skip(kind, name):
                continue
            command = aggregate(*source.before, around(build(source.value)))
            area.add(operator, f"{column}/{stage}", source.build(command, verdict(operator, kind, name, source)), name)


def skip(kind, name):
    return kind in (CONSTANT, SORT) and name == "literal"


def add_misplaced(area, operator, stage, around, accumulator):
    said = Refused(f"Unrecognized expression '{operator}'", code=168)
    name = f"misplaced/{stage}"
    if f"{area.name}/{operator}/{name}" not in area.cases:
        area.add(operator, name, csfle(aggregate(around(accumulator)), said))


def add_bare(area):
    for operator, kind in BARE.items():
        add_operand(area, operator, "bare", kind, lambda value, operator=operator: {operator: value})


def add_named(area):
    add_alpha(area)
    for operator, specs in NAMED.items():
        sample = {name: spec.sample for name, spec in specs.items()}
        for name, spec in specs.items():

            def build(value, operator=operator, name=name, sample=sample):
                return {operator: {**sample, name: value}}

            add_operand(area, operator, name, spec.kind, build)
            if spec.kind == SORT:
                add_sorts(area, operator, name, build)
        add_shape(area, operator, sample)


def add_alpha(area):
    """In place of N."""
    name = "$expMovingAvg"
    add_operand(area, name, "alpha", CONSTANT, lambda value: {name: {"input": "$plain", "alpha": value}})
    right = {name: {"input": "$plain", "alpha": {"$numberDouble": "0.5"}}}
    area.add(name, "alpha/window", csfle(aggregate(window(right)), "unchanged"), "constant")


def add_sorts(area, operator, name, build):
    """A sort specification: of plain fields only."""
    for stage, around in STAGES.items():
        for column, path in (("deterministic", "det"), ("random", "rand"), ("above", "obj"), ("below", "det.x")):
            said = Refused("Sorting on an encrypted field is not allowed, nor on one above or below it", path)
            area.add(operator, f"{name}/{stage}", csfle(aggregate(around(build({path: 1}))), said), f"by-{column}")
        area.add(operator, f"{name}/{stage}", csfle(aggregate(around(build({"plain": 1}))), "unchanged"), "by-plain")
        area.add(operator, f"{name}/{stage}", qe(aggregate(around(build({"eq": 1}))), Open("eq")), "by-equality")


def add_shape(area, operator, sample):
    for stage, around in STAGES.items():
        if stage != "window" and operator in documents.WINDOW_ONLY:
            continue
        other = aggregate(around({operator: {**sample, "nothing": "$plain"}}))
        area.add(operator, f"nothing/{stage}", csfle(other, Open()))
        area.add(operator, f"nothing/{stage}", nothing(other), "nothing-encrypted")
        area.add(operator, f"no-object/{stage}", csfle(aggregate(around({operator: "$plain"})), Open()))
        for name in sample:
            twice = aggregate(around({operator: {**sample, Again(name): "$det"}}))
            area.add(operator, f"{name}/{stage}", csfle(twice, Open()), "twice")


def add_pairs(area):
    for operator in PAIRS:
        for i in (0, 1):

            def build(value, operator=operator, i=i):
                return {operator: [value, "$plain"] if i == 0 else ["$plain", value]}

            add_operand(area, operator, str(i), PLAIN, build)


def add_empty(area):
    for operator in EMPTY:
        for stage, around in STAGES.items():
            if stage != "window" and operator in documents.WINDOW_ONLY:
                add_misplaced(area, operator, stage, around, {operator: {}})
                continue
            area.add(operator, f"empty/{stage}", csfle(aggregate(around({operator: {}})), "unchanged"))
            area.add(operator, f"empty/{stage}", csfle(aggregate(around({operator: {"a": "$det"}})), Open()), "operand")
            area.add(operator, f"empty/{stage}", csfle(aggregate(around({operator: "$det"})), Open()), "field")


def add_refused(area):
    accumulator = {"$accumulator": {"init": "f", "accumulate": "f", "accumulateArgs": [], "merge": "f", "lang": "js"}}
    for stage, around in STAGES.items():
        said = Refused("Accumulator '$accumulator' is not allowed where a schema of the request encrypts something")
        area.add(
            "$accumulator", f"any/{stage}", csfle(aggregate(around(accumulator)), said if stage != "window" else Open())
        )
        area.add("$accumulator", f"any/{stage}", nothing(aggregate(around(accumulator))), "nothing-encrypted")
        unknown = around({"$nothing": "$plain"})
        said = Refused("Unrecognized expression '$nothing'", code=168)
        area.add("unknown", f"any/{stage}", csfle(aggregate(unknown), said))
        area.add("unknown", f"any/{stage}", nothing(aggregate(unknown)), "nothing-encrypted")


def fill(book):
    area = book.area("accumulator", documents.ACCUMULATORS + documents.WINDOW_ONLY + ["unknown"])
    add_bare(area)
    add_named(area)
    add_pairs(area)
    add_empty(area)
    add_refused(area)
