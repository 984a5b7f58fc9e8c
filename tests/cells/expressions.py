"""Expressions: each operand of each operator, at each kind of place."""

import documents
import operands
from book import Again
from equality import add_comparisons, add_encrypted_strings
from forms import Open, Refused, aggregate, below, csfle, in_expression, nothing, qe
from match import CHOICE
from operands import ARRAY, CARRY, CONSTANT, LISTED, NAMED, OBJECT, OPAQUE, PLAIN

ROWS = {"$facet": {"rows": [{"$limit": 1}]}}


class Source:
    """What an operand is: an expression, the stages before, what it needs to pass."""

    def __init__(self, value, path=None, before=(), passes=(), build=csfle, refusal=None):
        self.value, self.path, self.before, self.passes = value, path, list(before), passes
        self.build, self.refusal = build, refusal


UNKNOWN = Refused("Invalid reference to a field whose encryption is not known until runtime", "u")
ANY = (PLAIN, CARRY, ARRAY, OBJECT)

SOURCES = {
    "plain": Source("$plain", passes=ANY),
    "plain-beside": Source("$obj.plain", passes=ANY),
    "literal": Source({"$literal": "x"}, passes=ANY + (CONSTANT,)),
    "now": Source("$$NOW", passes=ANY),
    "deterministic": Source("$det", "det", passes=(CARRY,)),
    "random": Source("$rand", "rand", passes=(CARRY,)),
    "above": Source("$obj", "obj", passes=(CARRY, OBJECT)),
    "root": Source("$$ROOT", "ROOT", passes=(CARRY, OBJECT)),
    "current": Source("$$CURRENT.det", "det", passes=(CARRY,)),
    "below": Source("$det.x", "det.x", refusal=below("det.x")),
    "array": Source("$rows", "rows", before=[ROWS], passes=(CARRY, ARRAY)),
    "in-array": Source("$rows.det", "rows.det", before=[ROWS], passes=(CARRY, ARRAY)),
    "array-literal": Source(["$plain", "$det"], passes=(CARRY, ARRAY)),
    "object-literal": Source({"a": "$det"}, passes=(CARRY, OBJECT)),
    "unknown": Source("$u", "u", before=[CHOICE], passes=(CARRY,), refusal=UNKNOWN),
    "undefined-variable": Source("$$nothing", refusal=Refused("Use of undefined variable: nothing", code=17276)),
    "plain-qe": Source("$plain", passes=ANY, build=qe),
    "equality": Source("$eq", "eq", passes=(CARRY,), build=qe),
    "range": Source("$range", "range", passes=(CARRY,), build=qe),
    "text": Source("$text", "text", passes=(CARRY,), build=qe),
    "unindexed": Source("$none", "none", passes=(CARRY,), build=qe),
    "above-qe": Source("$obj", "obj", passes=(CARRY, OBJECT), build=qe),
}

# An array of expressions is the operands of these, not one of them.
SPREADS = set(LISTED)


def refusal(operator, source):
    if source.refusal:
        return source.refusal
    if source.build is qe:
        return Refused(
            "Invalid reference to an encrypted field within aggregate expression: " + source.path, source.path
        )
    return in_expression(operator, source.path)


def computed(source, expression):
    return aggregate(*source.before, {"$project": {"x": expression}})


def refused_operand(operator, column, kind, source):
    named = kind == CONSTANT or (operator == "$getField" and column == "input")
    return Open() if named else refusal(operator, source)


def add_operand(area, operator, column, kind, build):
    """`build` makes the operator of the operand's value."""
    for name, source in SOURCES.items():
        if kind == CONSTANT and name == "literal":
            continue
        said = "unchanged" if kind in source.passes else refused_operand(operator, column, kind, source)
        area.add(operator, column, source.build(computed(source, build(source.value)), said), name)


def add_listed(area):
    for operator, specs in LISTED.items():
        samples = [spec.sample for spec in specs]
        for i, spec in enumerate(specs):

            def build(value, i=i):
                return {operator: samples[:i] + [value] + samples[i + 1 :]}

            add_operand(area, operator, str(i), spec.kind, build)
        if len(specs) == 1:
            add_bare(area, operator, specs[0].kind)


def add_bare(area, operator, kind):
    """The one operand without an array around it."""
    for name, source in SOURCES.items():
        if name == "array-literal" or (name == "object-literal" and operator in operands.ALSO_BARE):
            continue
        said = "unchanged" if kind in source.passes else refusal(operator, source)
        area.add(operator, "bare", source.build(computed(source, {operator: source.value}), said), name)


def sample_of(operator, specs):
    return {name: spec.sample for name, spec in specs.items()}


def wrap(operator, named):
    """$switch holds its conditions in branches; $let its variables in an object."""
    if operator == "$switch":
        branch = {"case": named["case"], "then": named["then"]}
        return {operator: {"branches": [branch], "default": named["default"]}}
    if operator == "$let":
        return {operator: {"vars": {"v": named["vars"]}, "in": named["in"]}}
    return {operator: named}


def add_named(area):
    for operator, specs in NAMED.items():
        add_names(area, operator, specs, "")
        add_shape(area, operator, specs)
    for form, specs in operands.PARTS.items():
        add_names(area, "$dateFromParts", specs, form)
    add_shape(area, "$dateFromParts", operands.PARTS["calendar"])
    for operator in operands.ALSO_BARE:
        add_bare(area, operator, PLAIN)


def add_names(area, operator, specs, form):
    sample = sample_of(operator, specs)
    for name, spec in specs.items():

        def build(value, name=name):
            return wrap(operator, {**sample, name: value})

        shared = form == "iso" and name in operands.PARTS["calendar"]
        add_operand(area, operator, f"{name}/{form}" if shared else name, spec.kind, build)


def add_shape(area, operator, specs):
    """A named operand twice, and one that is not documented."""
    sample = sample_of(operator, specs)
    for name in specs:
        if operator in ("$switch", "$let"):
            continue
        twice = {"$project": {"x": {operator: {**sample, Again(name): "$det"}}}}
        area.add(operator, name, csfle(aggregate(twice), Open()), "twice")
        first = {"$project": {"x": {operator: {**sample, name: "$det", Again(name): sample[name]}}}}
        area.add(operator, name, csfle(aggregate(first), Open()), "twice-encrypted-first")
        again = {"$project": {"x": {operator: {**sample, Again(name): sample[name]}}}}
        area.add(operator, name, nothing(aggregate(again)), "twice-nothing-encrypted")
    other = {"$project": {"x": {operator: {**sample, "nothing": "$plain"}}}}
    area.add(operator, "nothing", csfle(aggregate(other), Open()))
    area.add(operator, "nothing", nothing(aggregate(other)), "nothing-encrypted")


def add_opaque(area):
    for operator, values in OPAQUE.items():
        for i, value in enumerate(values):
            stage = {"$project": {"x": {operator: value}}}
            area.add(operator, "constant", csfle(aggregate(stage), "unchanged"), str(i))
    for operator in operands.OPAQUE:
        for kind, value in (("plain", "$plain"), ("deterministic", "$det")):
            if operator not in ("$literal", "$const"):
                area.add(operator, "field", csfle(aggregate({"$project": {"x": {operator: value}}}), Open()), kind)
    for operator, value in operands.REFUSED.items():
        stage = {"$project": {"x": {operator: value}}}
        said = Refused(f"Expression '{operator}' is not allowed where a schema of the request encrypts something")
        area.add(operator, "any", csfle(aggregate(stage), said))
        area.add(operator, "any", qe(aggregate(stage), said), "qe")
        area.add(operator, "any", nothing(aggregate(stage)), "nothing-encrypted")
    for kind in operands.META:
        stage = {"$project": {"x": {"$meta": kind}}}
        area.add("$meta", kind, csfle(aggregate(stage), "unchanged"))
        area.add(
            "$meta", kind, csfle(aggregate({"$project": {"x": {"$toUpper": {"$meta": kind}}}}), meta_used(kind)), "used"
        )
    area.add("$meta", "field", csfle(aggregate({"$project": {"x": {"$meta": "$det"}}}), Open()))


def meta_used(kind):
    """An index key holds fields, ciphertext among them."""
    return (
        Refused("Invalid reference to a field whose encryption is not known until runtime")
        if kind == "indexKey"
        else "unchanged"
    )


def add_nothing_encrypted(area):
    """Where nothing is encrypted, all that is documented passes."""
    for operator, specs in LISTED.items():
        stage = {"$project": {"x": {operator: [spec.sample for spec in specs]}}}
        area.add(operator, "nothing-encrypted", nothing(aggregate(stage)))
    for operator, specs in NAMED.items():
        stage = {"$project": {"x": wrap(operator, sample_of(operator, specs))}}
        area.add(operator, "nothing-encrypted", nothing(aggregate(stage)), "named")


def add_get_field(area):
    """A bare name is that of a field of the document."""
    for name, field, said in (
        ("plain", "plain", "unchanged"),
        ("plain-beside", {"$literal": "obj.plain"}, "unchanged"),
        ("literal", {"$literal": "x"}, "unchanged"),
        ("deterministic", "det", "unchanged"),
        ("random", "rand", "unchanged"),
        ("above", "obj", "unchanged"),
        ("root", "$$ROOT", Open()),
        ("current", "$$CURRENT.det", Open()),
        ("below", "$det.x", Open()),
        ("array", "$list", Open()),
        ("in-array", "$rows.det", Open()),
        ("unknown", {"$cond": ["$plain", "det", "plain"]}, Open()),
        ("undefined-variable", "$$nothing", Open()),
        ("now", "$$NOW", Open()),
    ):
        area.add("$getField", "bare", csfle(aggregate({"$project": {"x": {"$getField": field}}}), said), name)
    for name, field in (
        ("equality", "eq"),
        ("range", "range"),
        ("text", "text"),
        ("unindexed", "none"),
        ("above-qe", "obj"),
        ("plain-qe", "plain"),
    ):
        area.add("$getField", "bare", qe(aggregate({"$project": {"x": {"$getField": field}}}), "unchanged"), name)
    for name in ("det", "rand", "obj"):
        used = {"$toUpper": {"$getField": name}}
        area.add("$getField", "used", csfle(aggregate({"$project": {"x": used}}), Open()), name)


def add_unknown(area):
    stage = {"$project": {"x": {"$nothing": "$plain"}}}
    said = Refused("Unrecognized expression '$nothing'", code=168)
    area.add("unknown", "any", csfle(aggregate(stage), said))
    area.add("unknown", "any", qe(aggregate(stage), said), "qe")
    area.add("unknown", "any", nothing(aggregate(stage)), "nothing-encrypted")


def fill(book):
    area = book.area("expression", documents.EXPRESSIONS + ["unknown"])
    add_listed(area)
    add_named(area)
    add_get_field(area)
    add_opaque(area)
    add_nothing_encrypted(area)
    add_unknown(area)
    add_comparisons(area)
    add_encrypted_strings(area)
