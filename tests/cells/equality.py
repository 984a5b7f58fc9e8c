"""Expressions that compare encrypted fields: $eq, $ne, $in, bounds and texts, and where they may stand."""

from forms import REGEX, Open, aggregate, csfle, edges, find, mark, mark_eq, qe, stub

EQUALS = ("$eq", "$ne")
ORDER = ("$cmp", "$gt", "$gte", "$lt", "$lte")

# What a Deterministic field may be compared with: an expression, and what comes of it (None: refused).
PARTNERS = {
    "literal": ("x", mark("x")),
    "$literal": ({"$literal": "x"}, mark("x")),
    "$const": ({"$const": "x"}, mark("x")),
    "literal-with-dollar": ({"$literal": "$x"}, mark("$x")),
    "same-metadata": ("$det2", "$det2"),
    "itself": ("$det", "$det"),
    "nested-same": ("$obj.det", "$obj.det"),
    "other-type": ("$num", None),
    "random": ("$rand", None),
    "pointer": ("$ptr", None),
    "plain": ("$plain", None),
    "above": ("$obj", None),
    "below": ("$det.x", None),
    "null": (None, None),
    "regex": (REGEX, None),
    "int": (7, None),
    "object": ({"a": "x"}, None),
    "array": (["x"], None),
    "variable": ("$$NOW", None),
    "let-variable": ("$$v", None),
    "result": ({"$toUpper": "$plain"}, None),
    "choice-of-literals": ({"$cond": ["$plain", "x", "y"]}, {"$cond": ["$plain", mark("x"), mark("y")]}),
    "choice-with-plain": ({"$cond": ["$plain", "x", "$plain"]}, None),
    "ifNull-literal": ({"$ifNull": ["$det2", "x"]}, {"$ifNull": ["$det2", mark("x")]}),
}


def sides(operator, one, other):
    return {"first": {operator: [one, other]}, "second": {operator: [other, one]}}


def project(expression):
    return aggregate({"$project": {"x": expression}})


def with_let(command):
    return {**command, "let": {"v": "x"}}


def add_deterministic(area):
    for operator in EQUALS:
        for kind, (partner, said) in PARTNERS.items():
            for side, expression in sides(operator, "$det", partner).items():
                out = sides(operator, "$det", said)[side]
                command, result = project(expression), project(out)
                if kind == "let-variable":
                    command = with_let(command)
                verdict = Open() if said is None else "unchanged" if command == result else result
                area.add(operator, side, csfle(command, verdict), f"deterministic/{kind}")
        for kind, path in (
            ("random", "$rand"),
            ("pointer", "$ptr"),
            ("above", "$obj"),
            ("below", "$det.x"),
            ("root", "$$ROOT"),
        ):
            for side, expression in sides(operator, path, "x").items():
                area.add(operator, side, csfle(project(expression), Open()), kind)
        for kind, path in (("plain", "$plain"), ("plain-beside", "$obj.plain")):
            for side, expression in sides(operator, path, "x").items():
                area.add(operator, side, csfle(project(expression), "unchanged"), kind)
        for kind, path in (("equality", "$eq"), ("range", "$range"), ("text", "$text"), ("unindexed", "$none")):
            for side, expression in sides(operator, path, "x").items():
                area.add(operator, side, qe(project(expression), Open(path[1:])), f"{kind}/computed")


def add_in(area):
    cases = {
        "literals": (["$det", ["x", "y"]], ["$det", [mark("x"), mark("y")]]),
        "$literal": (["$det", {"$literal": ["x", "y"]}], None),
        "with-null": (["$det", ["x", None]], None),
        "with-regex": (["$det", ["x", REGEX]], None),
        "with-plain": (["$det", ["x", "$plain"]], None),
        "with-random": (["$det", ["$rand"]], None),
        "field": (["$det", "$list"], None),
        "literal-in-field": (["x", "$list"], "unchanged"),
        "plain-in-literals": (["$plain", ["x"]], "unchanged"),
        "literal-in-encrypted": (["x", "$det"], None),
        "random": (["$rand", ["x"]], None),
        "above": (["$obj", ["x"]], None),
        "below": (["$det.x", ["x"]], None),
        "other-type": (["$det", [7]], None),
    }
    for kind, (operand, said) in cases.items():
        if kind == "$literal":
            continue  # an array literal of literals, written otherwise: no document says
        verdict = Open() if said is None else said if said == "unchanged" else project({"$in": said})
        area.add("$in", "list", csfle(project({"$in": operand}), verdict), kind)
    for kind, path in (("equality", "$eq"), ("range", "$range"), ("text", "$text"), ("unindexed", "$none")):
        area.add("$in", "list", qe(project({"$in": [path, ["x"]]}), Open(path[1:])), f"{kind}/computed")


# ---- in the $expr of a filter: the only place for Queryable Encryption ----


def where(expression):
    return find({"$expr": expression})


def pair(value, payload=0):
    return {
        "$and": [
            {"$gte": ["$range", edges(value, value, 2, 4, payload=payload)]},
            {"$lte": ["$range", stub(2, 4, payload)]},
        ]
    }


def bound(operator, value):
    lower = operator.startswith("$gt")
    number = {"$gt": 1, "$gte": 2, "$lt": 3, "$lte": 4}[operator]
    ends = (value, None) if lower else (None, value)
    info = edges(*ends, number, lower_included=operator != "$gt", upper_included=operator != "$lt")
    return {operator: ["$range", info]}


TURNED = {"$gt": "$lt", "$gte": "$lte", "$lt": "$gt", "$lte": "$gte"}


def add_qe(area):
    eq, either = mark_eq("x"), {"$in": ["$eq", [mark_eq("x"), mark_eq("y")]]}
    for side, expression in sides("$eq", "$eq", "x").items():
        area.add("$eq", side, qe(where(expression), where({"$eq": ["$eq", eq]})), "equality")
    for side, expression in sides("$ne", "$eq", "x").items():
        area.add("$ne", side, qe(where(expression), where({"$ne": ["$eq", eq]})), "equality")
    area.add("$in", "list", qe(where({"$in": ["$eq", ["x", "y"]]}), where(either)), "equality")
    for side, expression in sides("$eq", "$range", 5).items():
        area.add("$eq", side, qe(where(expression), where(pair(5))), "range")
    for side, expression in sides("$ne", "$range", 5).items():
        area.add("$ne", side, qe(where(expression), where({"$not": [pair(5)]})), "range")
    both = {"$or": [pair(5), pair(6, 1)]}
    area.add("$in", "list", qe(where({"$in": ["$range", [5, 6]]}), where(both)), "range")
    for operator in TURNED:
        area.add(operator, "0", qe(where({operator: ["$range", 5]}), where(bound(operator, 5))), "range-bound")
        turned = where(bound(TURNED[operator], 5))
        area.add(operator, "1", qe(where({operator: [5, "$range"]}), turned), "range-bound")
        area.add(operator, "0", qe(where({operator: ["$eq", "x"]}), Open("eq")), "equality-bound")
        area.add(operator, "0", csfle(where({operator: ["$det", "x"]}), Open("det")), "deterministic-bound")
    area.add("$cmp", "0", qe(where({"$cmp": ["$range", 5]}), Open("range")), "range-bound")
    add_qe_refused(area)


def add_qe_refused(area):
    for operator in EQUALS:
        for kind, path in (("text", "$text"), ("unindexed", "$none"), ("above-qe", "$obj"), ("below-qe", "$eq.x")):
            for side, expression in sides(operator, path, "x").items():
                area.add(operator, side, qe(where(expression), Open(path[1:])), kind)
        for kind, partner in (
            ("itself", "$eq"),
            ("plain", "$plain"),
            ("null", None),
            ("regex", REGEX),
            ("int", 7),
            ("array", ["x"]),
        ):
            for side, expression in sides(operator, "$eq", partner).items():
                area.add(operator, side, qe(where(expression), Open("eq")), f"equality/{kind}")
    inside = {"$eq": ["$eq", "x"]}
    branches = {
        "$cond": {"$cond": ["$plain", inside, False]},
        "$switch": {"$switch": {"branches": [{"case": "$plain", "then": inside}], "default": False}},
        "$ifNull": {"$ifNull": [inside, False]},
        "$let": {"$let": {"vars": {"v": 1}, "in": inside}},
    }
    for operator, expression in branches.items():
        area.add(operator, "holds-comparison", qe(where(expression), Open("eq")), "equality")
    for operator in ("$and", "$or", "$not"):
        out = {operator: [{"$eq": ["$eq", mark_eq("x")]}]}
        area.add(operator, "holds-comparison", qe(where({operator: [inside]}), where(out)), "equality")
        area.add(operator, "holds-comparison", qe(project({operator: [inside]}), Open("eq")), "computed")
        inner, out = {operator: [{"$eq": ["$det", "x"]}]}, {operator: [{"$eq": ["$det", mark("x")]}]}
        area.add(operator, "holds-comparison", csfle(project(inner), project(out)), "deterministic")


TEXTS = {
    "$encStrStartsWith": "prefix",
    "$encStrEndsWith": "suffix",
    "$encStrContains": "substring",
    "$encStrNormalizedEq": "string",
}


def text_mark(operator, path):
    """The specification that the operator's query type has in the schema: lengths 1 to 9."""
    spec = {
        "$encStrStartsWith": {"prefix": {"ub": 9, "lb": 1}},
        "$encStrEndsWith": {"suffix": {"ub": 9, "lb": 1}},
        "$encStrContains": {"substr": {"mlen": 60, "ub": 9, "lb": 1}},
        "$encStrNormalizedEq": {},
    }[operator]
    value = {"v": "abc", "casef": False, "diacf": False, **spec}
    return {"$mark2": {"t": 2, "a": 4, "k": path, "v": value, "cm": 8}}


# Neither may be an input, or a text.
NO_INPUTS = {
    "equality": "$eq",
    "range": "$range",
    "unindexed": "$none",
    "plain": "$plain",
    "literal": "abc",
    "above-qe": "$obj",
    "expression": {"$toUpper": "$text"},
}
NO_TEXTS = {
    "plain": "$plain",
    "equality": "$eq",
    "int": 5,
    "null": None,
    "regex": REGEX,
    "expression": {"$toUpper": "$plain"},
}


def add_encrypted_strings(area):
    for operator, name in TEXTS.items():
        path, wrong = ("sub", "text") if operator == "$encStrContains" else ("text", "sub")

        def text(operand="abc", source="$" + path, operator=operator, name=name):
            return {operator: {"input": source, name: operand}}

        marked = where(text(text_mark(operator, path)))
        area.add(operator, name, qe(where(text()), marked), "literal")
        area.add(operator, "input", qe(where(text()), marked), "text")
        other = Open(wrong)
        if operator == "$encStrNormalizedEq":  # every text index will do
            other = where(text(text_mark(operator, wrong), "$" + wrong))
        area.add(operator, "input", qe(where(text(source="$" + wrong)), other), "other-query-type")
        add_refused_strings(area, operator, name, text)


def add_refused_strings(area, operator, name, text):
    for kind, value in NO_INPUTS.items():
        area.add(operator, "input", qe(where(text(source=value)), Open()), kind)
    for kind, value in NO_TEXTS.items():
        area.add(operator, name, qe(where(text(value)), Open()), kind)
    area.add(operator, "input", csfle(where(text(source="$det")), Open()), "deterministic")
    area.add(operator, "input", qe(project(text()), Open()), "computed")
    whole = text()[operator]
    for missing in whole:
        part = {key: value for key, value in whole.items() if key != missing}
        area.add(operator, missing, qe(where({operator: part}), Open()), "missing")
    area.add(operator, "nothing", qe(where({operator: {**whole, "nothing": 1}}), Open()))


def add_comparisons(area):
    add_deterministic(area)
    add_in(area)
    add_qe(area)
