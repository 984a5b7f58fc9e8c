"""Filters: each field operator, `$not` around it, and equality without an operator, at each kind of place."""

import documents
from forms import (
    COLLECTION,
    CSFLE,
    DATE,
    MIN_KEY,
    OTHER,
    REGEX,
    UNDEFINED,
    Open,
    Refused,
    aggregate,
    answer,
    below,
    edges,
    find,
    mark,
    mark_eq,
    no_equality_index,
    not_for_type,
    on_encrypted,
    random_compared,
    range_pair,
    stub,
)

POINT = {"$geometry": {"type": "Point", "coordinates": [0, 0]}}
SQUARE = {"$geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}

# ---- operators, by the rows of the documents' table ----

EQUALITY = ("$eq", "$ne")
LISTS = ("$in", "$nin")
ORDER = ("$gt", "$gte", "$lt", "$lte")
# Cannot match encrypted children, so they pass above them.
BY_SHAPE = (
    "$type",
    "$regex",
    "$options",
    "$size",
    "$mod",
    "$bitsAllClear",
    "$bitsAllSet",
    "$bitsAnyClear",
    "$bitsAnySet",
)
GEO = ("$geoWithin", "$geoIntersects", "$near", "$nearSphere", "$within", "$maxDistance", "$minDistance", "$uniqueDocs")
ELEMENTS = ("$elemMatch", "$all")

# The operators of a predicate whose first one is the row's.
SAMPLES = {
    **{op: {op: "x"} for op in EQUALITY + ORDER},
    **{op: {op: ["x", "y"]} for op in LISTS},
    **{op: {op: 5} for op in BY_SHAPE if op.startswith("$bits")},
    "$exists": {"$exists": True},
    "$type": {"$type": "string"},
    "$mod": {"$mod": [2, 0]},
    "$regex": {"$regex": "a"},
    "$options": {"$options": "i", "$regex": "a"},
    "$all": {"$all": ["x"]},
    "$elemMatch": {"$elemMatch": {"$eq": "x"}},
    "$size": {"$size": 1},
    "$geoWithin": {"$geoWithin": SQUARE},
    "$geoIntersects": {"$geoIntersects": SQUARE},
    "$within": {"$within": {"$box": [[0, 0], [1, 1]]}},
    "$near": {"$near": POINT},
    "$nearSphere": {"$nearSphere": POINT},
    "$maxDistance": {"$maxDistance": 5, "$near": [0, 0]},
    "$minDistance": {"$minDistance": 5, "$near": [0, 0]},
    "$uniqueDocs": {"$uniqueDocs": True, "$within": {"$box": [[0, 0], [1, 1]]}},
}

# ---- places ----


class Place:
    """A path, and the command around a filter on it."""

    def __init__(self, path, schema="csfle", before=(), schemas=None):
        self.path, self.before, self.schemas = path, list(before), schemas
        self.qe = schema == "qe"
        self.piped = bool(before) or schemas is not None

    def command(self, condition):
        if not self.piped:
            return find(condition)
        return aggregate(*self.before, {"$match": condition})

    def case(self, condition, verdict):
        """`verdict`: the filter that comes out; None: as it went in."""
        command = self.command(condition)
        if self.schemas:
            case = {"command": {**command, "csfleEncryptionSchemas": self.schemas}}
        else:
            case = {"encryptedFields" if self.qe else "schema": "qe" if self.qe else "csfle", "command": command}
        if isinstance(verdict, (Refused, Open)):
            return answer(case, verdict)
        return answer(case, "unchanged" if verdict is None else self.command(verdict))


def local(schema):
    return {"jsonSchema": schema, "isRemoteSchema": False}


def both(**schemas):
    return {f"db.{name}": local(schema) for name, schema in schemas.items()}


JOIN = {"$lookup": {"from": COLLECTION, "localField": "plain", "foreignField": "plain", "as": "rows"}}
CHOICE = {"$addFields": {"u": {"$cond": ["$plain", "$det", "$plain"]}}}

PLACES = {
    "deterministic": Place("det"),
    "random": Place("rand"),
    "pointer": Place("ptr"),
    "unindexed": Place("none", "qe"),
    "equality": Place("eq", "qe"),
    "range": Place("range", "qe"),
    "text": Place("text", "qe"),
    "above": Place("obj"),
    "above-qe": Place("obj", "qe"),
    "below": Place("det.x"),
    "below-random": Place("rand.x"),
    "below-qe": Place("eq.x", "qe"),
    "plain": Place("plain"),
    "plain-beside": Place("obj.plain"),
    "plain-qe": Place("plain", "qe"),
    "array": Place("rows", before=[{"$facet": {"rows": [{"$limit": 1}]}}]),
    "in-array": Place("rows.det", before=[{"$facet": {"rows": [{"$limit": 1}]}}]),
    "in-array-plain": Place("rows.plain", before=[{"$facet": {"rows": [{"$limit": 1}]}}]),
    "pushed": Place("rows", before=[{"$group": {"_id": "$plain", "rows": {"$push": "$det"}}}]),
    "array-joined": Place("rows", before=[JOIN]),
    "joined": Place("rows.det", before=[JOIN]),
    "joined-random": Place("rows.rand", before=[JOIN]),
    "joined-plain": Place("rows.plain", before=[JOIN]),
    "unwound": Place("rows.det", before=[JOIN, {"$unwind": "$rows"}]),
    "unwound-random": Place("rows.rand", before=[JOIN, {"$unwind": "$rows"}]),
    "renamed": Place("x", before=[{"$addFields": {"x": "$det"}}]),
    "joined-qe": Place("rows.eq", "qe", before=[JOIN]),
    "unwound-qe": Place("rows.eq", "qe", before=[JOIN, {"$unwind": "$rows"}]),
    "renamed-qe": Place("x", "qe", before=[{"$addFields": {"x": "$eq"}}]),
    "unknown": Place("u", before=[CHOICE]),
    "unknown-union": Place(
        "det", before=[{"$unionWith": {"coll": "other", "pipeline": []}}], schemas=both(people=CSFLE, other=OTHER)
    ),
}


# ---- what the documents say ----


def null_compared(path, in_list=False):
    where = "inside $in against an" if in_list else "predicate for"
    return Refused(f"Illegal equality to null {where} encrypted field: '{path}'", path)


def unknown(place):
    return Refused("Invalid reference to a field whose encryption is not known until runtime", place.path)


def in_array(operator, path):
    return Refused(
        f"Invalid match expression operator on field '{path}', which is in an array with encrypted fields: {operator}",
        path,
    )


def above(operator, path):
    return Refused(
        f"Invalid match expression operator on field '{path}', which has encrypted fields below it: {operator}", path
    )


def marked(operators, operator, marker):
    operand = operators[operator]
    return {operator: [marker(v) for v in operand] if isinstance(operand, list) else marker(operand)}


def deterministic(place, operator, operators):
    if operator in EQUALITY + LISTS:
        return {place.path: marked(operators, operator, mark)}
    return on_encrypted(operator, place.path)


def random(place, operator, operators):
    return random_compared(place.path) if operator in EQUALITY + LISTS else on_encrypted(operator, place.path)


def unindexed(place, operator, operators):
    return no_equality_index(place.path)


def equality(place, operator, operators):
    if operator in EQUALITY + LISTS:
        return {place.path: marked(operators, operator, mark_eq)}
    return on_encrypted(operator, place.path)


def one_bound(operator, value):
    lower = operator.startswith("$gt")
    info = edges(
        value if lower else None,
        None if lower else value,
        {"$gt": 1, "$gte": 2, "$lt": 3, "$lte": 4}[operator],
        lower_included=operator != "$gt",
        upper_included=operator != "$lt",
    )
    return {"range": {operator: info}}


def ranges(place, operator, operators):
    value = operators[operator]
    if operator == "$eq":
        return range_pair(value)
    if operator == "$ne":
        return {"$nor": [range_pair(value)]}
    if operator in LISTS:
        return {"$or" if operator == "$in" else "$nor": [range_pair(v, i) for i, v in enumerate(value)]}
    return one_bound(operator, value) if operator in ORDER else on_encrypted(operator, place.path)


def text(place, operator, operators):
    return no_equality_index(place.path) if operator in EQUALITY + LISTS else on_encrypted(operator, place.path)


def above_encrypted(place, operator, operators):
    return above(operator, place.path) if operator in ELEMENTS + GEO else None


def below_encrypted(place, operator, operators):
    return below(place.path)


def plain(place, operator, operators):
    return None


def array_itself(place, operator, operators):
    return None if operator == "$size" else in_array(operator, place.path)


def joined(place, operator, operators):
    if operator in ("$eq", "$in"):
        return {place.path: marked(operators, operator, mark)}
    return None if operator == "$size" else in_array(operator, place.path)


def joined_random(place, operator, operators):
    return random_compared(place.path) if operator in ("$eq", "$in") else array_itself(place, operator, operators)


def moved(place, operator, operators):
    """A field of Queryable Encryption is compared under its own path only."""
    if operator == "$size" and place is PLACES["joined-qe"]:
        return None  # counts elements
    return Refused(
        f"Cannot compare the encrypted field '{place.path}' after a stage that may have changed it", place.path
    )


def not_known(place, operator, operators):
    return unknown(place)


RULES = {
    "deterministic": deterministic,
    "random": random,
    "pointer": random,
    "unindexed": unindexed,
    "equality": equality,
    "range": ranges,
    "text": text,
    "above": above_encrypted,
    "above-qe": above_encrypted,
    "below": below_encrypted,
    "below-random": below_encrypted,
    "below-qe": below_encrypted,
    "plain": plain,
    "plain-beside": plain,
    "plain-qe": plain,
    "array": array_itself,
    "in-array": array_itself,
    "in-array-plain": plain,
    "pushed": array_itself,
    "array-joined": array_itself,
    "joined": joined,
    "joined-random": joined_random,
    "joined-plain": plain,
    "unwound": deterministic,
    "unwound-random": random,
    "renamed": deterministic,
    "joined-qe": moved,
    "unwound-qe": moved,
    "renamed-qe": moved,
    "unknown": not_known,
    "unknown-union": not_known,
}


def sample(operator, place):
    """Fields with an int index are compared with ints."""
    if place.path != "range" or operator not in EQUALITY + LISTS + ORDER:
        return SAMPLES[operator]
    return {operator: [5, 6] if operator in LISTS else 5}


def verdict(column, place, operator, operators):
    # $exists passes on every path, but below an encrypted one there are none.
    if operator == "$exists" and not column.startswith("below"):
        return None
    return RULES[column](place, operator, operators)


# ---- $not ----


def negate(operator, verdict):
    """What {f: {$not: {operator: …}}} becomes."""
    if verdict is None or isinstance(verdict, (Refused, Open)):
        return verdict
    if "range" not in verdict:
        return negated_field(operator, verdict)
    return {"range": {"$not": verdict["range"]}}


def negated_field(operator, verdict):
    if "$and" in verdict or "$or" in verdict:
        # $not around equality and $in of a range field.
        return {"$nor": verdict["$or"] if "$or" in verdict else [verdict]}
    if "$nor" in verdict:
        return {"$nor": [verdict]}
    ((path, operators),) = verdict.items()
    return {path: {"$not": operators}}


# ---- operands of other kinds ----

KINDS = {
    "null": None,
    "regex": REGEX,
    "object": {"a": 1},
    "array": ["x"],
    "int": 7,
    "double": {"$numberDouble": "1.5"},
    "date": DATE,
    "minKey": MIN_KEY,
    "undefined": UNDEFINED,
    "ciphertext": {"$payload": 1},
    "find-payload": {"$payload": 5},
    "range-payload": {"$payload": 10},
}


def other_type(kind, path, wanted="string"):
    return Refused(
        f"Cannot encrypt element of type: {kind}, because schema requires that type is one of: [ {wanted} ]", path
    )


def bare_regex_of(place):
    return in_array("$regex", place.path) if place.piped else on_encrypted("$regex", place.path)


def kind_of_value(place, kind, form):
    """Equality of a Deterministic field, or one with an equality index, with a value of this kind."""
    path = place.path
    if kind == "null":
        return null_compared(path, form == "list")
    if kind == "regex":
        return bare_regex_of(place) if form == "bare" else Open(path)
    if kind in ("object", "array"):
        return not_for_type(kind, path)
    if kind == "find-payload" and place.qe:
        return "same"
    if kind in ("int", "double", "date"):
        return Open(path) if kind == "double" else other_type(kind, path)
    return Open(path)


def kind_of_range(place, kind, form):
    path = place.path
    if kind == "null":
        return null_compared(path, form == "list")
    if kind == "date":
        return Refused("If the value type is a date, the type of the index must also be date (and vice versa).", path)
    if kind == "double":
        return Refused("The field type is not supported", path)
    return "skip" if kind == "int" else Open(path)


def kind_of_nothing(place, kind, form):
    return Open(place.path)


def kind_of_plain(place, kind, form):
    return "same"


KIND_RULES = {
    "deterministic": kind_of_value,
    "equality": kind_of_value,
    "range": kind_of_range,
    "random": kind_of_nothing,
    "unindexed": kind_of_nothing,
    "text": kind_of_nothing,
    "joined": kind_of_value,
    "above": kind_of_plain,
    "above-qe": kind_of_plain,
    "plain": kind_of_plain,
    "plain-qe": kind_of_plain,
    "below": lambda place, kind, form: below(place.path),
    "in-array": kind_of_nothing,
    "array": kind_of_nothing,
    "unknown": kind_of_nothing,
}

FORMS = {
    "bare": lambda path, v: ("implicit", {path: v}),
    "eq": lambda path, v: ("$eq", {path: {"$eq": v}}),
    "ne": lambda path, v: ("$ne", {path: {"$ne": v}}),
    "list": lambda path, v: ("$in", {path: {"$in": [v]}}),
    "not-in": lambda path, v: ("$nin", {path: {"$nin": [v]}}),
    "not": lambda path, v: ("$not", {path: {"$not": {"$eq": v}}}),
}


def unchanged_kind(place, kind, form, condition):
    """A filter of Queryable Encryption has its normal form also where nothing is marked: what is implicit is not."""
    if form != "bare" or kind == "regex" or not place.qe:
        return None
    return {place.path: {"$eq": condition[place.path]}}


def add_kinds(area):
    for column, rule in KIND_RULES.items():
        place = PLACES[column]
        for kind, value in KINDS.items():
            for form, build in FORMS.items():
                add_kind(area, column, place, kind, value, form, build, rule)


def add_kind(area, column, place, kind, value, form, build, rule):
    row, condition = build(place.path, value)
    said = rule(place, kind, "list" if form == "not-in" else form)
    if said == "skip" or (place.piped and form in ("ne", "not-in", "not")):
        return
    if kind.endswith("payload") or kind == "ciphertext":
        said = Open(place.path) if said != "same" else said
    if kind == "ciphertext" and said == "same":
        return
    if said == "same":
        said = unchanged_kind(place, kind, form, condition)
    area.add(row, column, place.case(condition, said), kind)


# ---- objects and arrays above encrypted fields ----


def above_case(area, kind, value, said, qe=False):
    """`said`: the value that comes out, or a refusal."""
    column = "above-qe" if qe else "above"
    place = PLACES[column]
    for form, build in FORMS.items():
        row, condition = build("obj", value)
        out = said
        if not isinstance(said, (Refused, Open)):
            out = build("obj", said)[1]
            if form == "bare" and (qe or said != value):
                out = {"obj": {"$eq": said}}
        area.add(row, column, place.case(condition, out), kind)


def add_above(area):
    above_case(area, "object-encrypted", {"det": "x"}, {"det": mark("x")})
    above_case(area, "object-plain", {"plain": "x"}, {"plain": "x"})
    above_case(area, "object-random", {"rand": "x"}, random_compared("obj.rand"))
    above_case(area, "array-of-encrypted", [{"det": "x"}], Open("obj"))
    above_case(area, "array-of-scalars", ["x", 1], ["x", 1])
    above_case(area, "object-encrypted", {"eq": "x"}, Open("obj.eq"), qe=True)
    above_case(area, "object-plain", {"plain": "x"}, {"plain": "x"}, qe=True)
    above_case(area, "array-of-encrypted", [{"eq": "x"}], Open("obj"), qe=True)
    for operator in ORDER:
        for kind, value in (("object", {"plain": 1}), ("array", [1])):
            for column in ("above", "above-qe"):
                case = PLACES[column].case({"obj": {operator: value}}, above(operator, "obj"))
                area.add(operator, column, case, kind)


# ---- shapes ----


def add_shapes(area):
    """A list that is none, a $not of a scalar, $elemMatch and $all over what no filter may hold."""
    for operator in LISTS:
        for column in ("deterministic", "equality", "range"):
            area.add(operator, column, PLACES[column].case({PLACES[column].path: {operator: "x"}}, Open()), "no-array")
        area.add(operator, "deterministic", PLACES["deterministic"].case({"det": {operator: []}}, None), "empty")
        area.add(operator, "range", PLACES["range"].case({"range": {operator: []}}, None), "empty")
    for operator, operand in (("$elemMatch", {"$where": "1"}), ("$all", [{"$elemMatch": {"$where": "1"}}])):
        area.add(operator, "plain", PLACES["plain"].case({"plain": {operator: operand}}, Open()), "holds-$where")
    for operator, operand in (("$elemMatch", {"det": "x"}), ("$all", [{"$elemMatch": {"det": "x"}}])):
        area.add(operator, "plain", PLACES["plain"].case({"plain": {operator: operand}}, None), "name-of-encrypted")
    for column in ("deterministic", "equality", "range"):
        path = PLACES[column].path
        area.add("$not", column, PLACES[column].case({path: {"$not": REGEX}}, Open(path)), "a-regex")
        area.add("$not", column, PLACES[column].case({path: {"$not": "x"}}, Open()), "a-scalar")
    for column in ("plain", "above"):
        area.add("$not", column, PLACES[column].case({PLACES[column].path: {"$not": REGEX}}, None), "a-regex")
    two = {"range": {"$gt": 1, "$lt": 5}}
    pair = {
        "$and": [
            {"range": {"$gt": edges(1, 5, 1, 3, lower_included=False, upper_included=False)}},
            {"range": {"$lt": stub(1, 3)}},
        ]
    }
    area.add("$gt", "range", PLACES["range"].case(two, pair), "two-sided")
    area.add("$not", "range", PLACES["range"].case({"range": {"$not": two["range"]}}, {"$nor": [pair]}), "two-sided")


# ---- all ----


def add_operators(area, negated):
    for operator in documents.FIELD:
        if operator == "$not":
            continue
        for column, place in PLACES.items():
            operators = sample(operator, place)
            said = verdict(column, place, operator, operators)
            area.add(operator, column, place.case({place.path: operators}, said))
            if operator == "$options":
                continue
            said = negate(operator, said)
            negated.add(operator, column, place.case({place.path: {"$not": operators}}, said))
            area.add(
                "$not", column, place.case({place.path: {"$not": {"$not": operators}}}, twice(said, column)), operator
            )


def twice(said, column):
    """$not in $not: refused or passed as the operators inside; what is marked in there keeps its place."""
    if said is None or isinstance(said, (Refused, Open)):
        return said
    if column == "range":
        return {"range": {"$not": said["range"]}} if "range" in said else {"$nor": [said]}
    ((path, operators),) = said.items()
    return {path: {"$not": operators}}


def add_alone(area):
    """Operators that go with another one: what they do by themselves."""
    for operator in ("$options", "$maxDistance", "$minDistance", "$uniqueDocs"):
        operators = {operator: SAMPLES[operator][operator]}
        for column, place in PLACES.items():
            said = verdict(column, place, operator, operators)
            area.add(operator, column, place.case({place.path: operators}, said), "alone")


def add_implicit(area):
    """Equality without an operator, and a bare regular expression."""
    for column, place in PLACES.items():
        value = 5 if column == "range" else "x"
        said = verdict(column, place, "$eq", {"$eq": value})
        if said is None and place.qe:
            said = {place.path: {"$eq": value}}
        area.add("implicit", column, place.case({place.path: value}, said))
        if column not in KIND_RULES:
            area.add("implicit", column, place.case({place.path: REGEX}, bare_regex(column, place)), "regex")


def bare_regex(column, place):
    said = verdict(column, place, "$regex", SAMPLES["$regex"])
    if column in ("pushed", "array-joined", "joined", "joined-random"):
        return in_array("", place.path)
    return said


def fill(book):
    area = book.area("match", documents.FIELD + documents.SHAPES + ["implicit"])
    negated = book.area("not", [op for op in documents.FIELD if op not in ("$not", "$options")])
    add_operators(area, negated)
    add_alone(area)
    add_implicit(area)
    add_kinds(area)
    add_above(area)
    add_shapes(area)
    for shape in documents.SHAPES:
        for column in ("deterministic", "plain", "above"):
            place = PLACES[column]
            area.add(shape, column, place.case({place.path: {shape: [[0, 0], 1]}}, Open()))
