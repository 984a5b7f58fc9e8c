"""Operators that stand where a field's name would, at each place of a filter."""

import documents
from forms import COLLECTION, CSFLE, Open, Refused, aggregate, csfle, find, mark, mark_eq, nothing, qe

UNSUPPORTED = ("$jsonSchema", "$text", "$where")
LOGICAL = ("$and", "$or", "$nor")
CONSTANTS = {"$comment": "c", "$sampleRate": {"$numberDouble": "0.5"}, "$alwaysTrue": 1, "$alwaysFalse": 1}

# What each takes where no encrypted field is named.
PLAIN = {
    **{op: [{"plain": "x"}, {"other": {"$gt": 1}}] for op in LOGICAL},
    **CONSTANTS,
    "$expr": {"$eq": ["$plain", "x"]},
    "$jsonSchema": {"required": ["plain"]},
    "$text": {"$search": "x"},
    "$where": "true",
}


def places():
    """name: the filter around the operator, and the same of Queryable Encryption."""
    return {
        "top": lambda condition: condition,
        "in-and": lambda condition: {"$and": [condition, {"plain": {"$exists": True}}]},
        "in-or": lambda condition: {"$or": [condition, {"plain": {"$exists": True}}]},
        "in-nor": lambda condition: {"$nor": [condition, {"plain": {"$exists": True}}]},
    }


def unsupported(operator):
    return Refused(f"Unsupported match expression operator for encryption: {operator}")


def add_plain(area, operator):
    """Naming no encrypted field."""
    condition = {operator: PLAIN[operator]}
    said = unsupported(operator) if operator in UNSUPPORTED else "unchanged"
    for name, around in places().items():
        area.add(operator, name, csfle(find(around(condition)), said))
        area.add(operator, name, csfle(aggregate({"$match": around(condition)}), said), "stage")
        area.add(operator, name, nothing(find(around(condition))), "nothing-encrypted")
        area.add(
            operator,
            name,
            qe(find(around(condition)), said if operator in UNSUPPORTED else find(around(normal(condition)))),
            "qe",
        )


def normal(condition):
    """In Queryable Encryption equality is always written out."""
    ((operator, operand),) = condition.items()
    return {operator: [{"plain": {"$eq": "x"}}, operand[1]]} if operator in LOGICAL else condition


def add_in_elements(area, operator):
    """In $elemMatch nothing is encrypted, but what no filter may hold may not stand there either."""
    allowed = operator not in UNSUPPORTED and operator != "$expr"
    for schema, build in (("", csfle), ("qe", qe)):
        condition = find({"list": {"$elemMatch": {operator: PLAIN[operator]}}})
        area.add(operator, "in-elemMatch", build(condition, "unchanged" if allowed else Open()), schema)


def add_in_validator(area, operator):
    command = {"create": COLLECTION, "validator": {operator: PLAIN[operator]}}
    said = "unchanged"
    if operator == "$jsonSchema":
        said = Refused("validator with $jsonSchema must be identical to FLE 1 jsonSchema parameter.")
    elif operator in UNSUPPORTED:
        said = Open()
    area.add(operator, "in-validator", csfle(command, said))
    area.add(operator, "in-validator", nothing(command), "nothing-encrypted")
    area.add(operator, "in-validator", qe(command, said if operator not in ("$jsonSchema",) else "unchanged"), "qe")


def add_in_partial(area, operator):
    index = {"key": {"plain": 1}, "name": "i", "partialFilterExpression": {operator: PLAIN[operator]}}
    said = Open() if operator in UNSUPPORTED else "unchanged"
    area.add(operator, "in-partial", csfle({"createIndexes": COLLECTION, "indexes": [index]}, said))


def add_encrypted(area):
    """What encrypted fields do below the logical operators and $expr."""
    for name, around in places().items():
        for operator in LOGICAL:
            condition, said = {operator: [{"det": "x"}]}, {operator: [{"det": {"$eq": mark("x")}}]}
            area.add(operator, name, csfle(find(around(condition)), find(around(said))), "marked")
            condition, said = {operator: [{"eq": "x"}]}, {operator: [{"eq": {"$eq": mark_eq("x")}}]}
            area.add(operator, name, qe(find(around(condition)), find(around(said))), "marked-qe")
            condition = around({operator: [{"rand": "x"}]})
            area.add(operator, name, csfle(find(condition), Refused("Cannot query on fields", "rand")), "random")
        condition, said = {"$expr": {"$eq": ["$det", "x"]}}, {"$expr": {"$eq": ["$det", mark("x")]}}
        area.add("$expr", name, csfle(find(around(condition)), find(around(said))), "marked")
        condition, said = {"$expr": {"$eq": ["$eq", "x"]}}, {"$expr": {"$eq": ["$eq", mark_eq("x")]}}
        area.add("$expr", name, qe(find(around(condition)), find(around(said))), "marked-qe")
        area.add("$expr", name, csfle(find(around({"$expr": "$det"})), Open("det")), "bare")
        area.add("$expr", name, qe(find(around({"$expr": "$eq"})), Open("eq")), "bare-qe")
        area.add("$expr", name, csfle(find(around({"$expr": {"$gt": ["$det", "x"]}})), Open("det")), "order")


def add_stored(area):
    kept = Refused("Comparison to encrypted fields not supported in collection validator", "det")
    for operator in LOGICAL:
        command = {"create": COLLECTION, "validator": {operator: [{"det": "x"}]}}
        area.add(operator, "in-validator", csfle(command, kept), "encrypted")
    for expression in ({"$eq": ["$det", "x"]}, {"$gt": ["$det", "x"]}, "$det"):
        command = {"create": COLLECTION, "validator": {"$expr": expression}}
        kind = "encrypted-" + (next(iter(expression)) if isinstance(expression, dict) else "bare")
        area.add("$expr", "in-validator", csfle(command, Open("det")), kind)
    same = {"create": COLLECTION, "validator": {"$jsonSchema": CSFLE}}
    area.add("$jsonSchema", "in-validator", csfle(same, "unchanged"), "identical")
    in_and = {"create": COLLECTION, "validator": {"$and": [{"$jsonSchema": CSFLE}]}}
    other = Refused("validator with $jsonSchema must be identical to FLE 1 jsonSchema parameter.")
    area.add("$jsonSchema", "in-validator", csfle(in_and, other), "identical-in-and")
    reached = {"create": COLLECTION, "validator": {"$jsonSchema": {"properties": {"eq": {"minLength": 1}}}}}
    area.add("$jsonSchema", "in-validator", qe(reached, Open()), "qe-encrypted")


def add_shapes(area):
    for operator in LOGICAL:
        for kind, operand in (("no-array", {"plain": 1}), ("no-objects", [1])):
            area.add(operator, "top", csfle(find({operator: operand}), Open()), kind)
    for operator in ("$sampleRate", "$alwaysTrue", "$alwaysFalse"):
        area.add(operator, "top", csfle(find({operator: "$det"}), Open()), "no-constant")
    unknown = Refused("Unrecognized match expression operator: $nothing")
    area.add("unknown", "top", csfle(find({"$nothing": 1}), unknown))
    area.add("unknown", "field", csfle(find({"plain": {"$nothing": 1}}), unknown))
    area.add("unknown", "top", nothing(find({"$nothing": 1})), "nothing-encrypted")
    area.add("unknown", "field", nothing(find({"plain": {"$nothing": 1}})), "nothing-encrypted")
    internal = unsupported("$_internalX")
    area.add("unknown", "top", csfle(find({"$_internalX": 1}), internal), "internal")


def fill(book):
    area = book.area("tree", documents.TREE + ["unknown"])
    for operator in documents.TREE:
        add_plain(area, operator)
        add_in_elements(area, operator)
        add_in_validator(area, operator)
        add_in_partial(area, operator)
    add_encrypted(area)
    add_stored(area)
    add_shapes(area)
