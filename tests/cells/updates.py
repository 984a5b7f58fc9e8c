"""Update operators: each on each kind of path, in every command that updates."""

import documents
from forms import (
    COLLECTION,
    MIN_KEY,
    Open,
    Refused,
    below,
    csfle,
    mark,
    mark_eq,
    mark_none,
    mark_random,
    not_for_type,
    nothing,
    qe,
)

SET = ("$set", "$setOnInsert")
OPERANDS = {
    "$set": "x",
    "$setOnInsert": "x",
    "$unset": "",
    "$rename": "new",
    "$inc": 1,
    "$mul": 2,
    "$min": "x",
    "$max": "x",
    "$currentDate": True,
    "$bit": {"and": 5},
    "$push": "x",
    "$pull": "x",
    "$pullAll": ["x"],
    "$pop": 1,
    "$addToSet": "x",
    "$pushAll": ["x"],
}
WORDING = {
    **{op: f"{op} not allowed on encrypted values" for op in OPERANDS},
    "$inc": "$inc and $mul not allowed on encrypted values",
    "$mul": "$inc and $mul not allowed on encrypted values",
    "$max": "$max and $min not allowed on encrypted values",
    "$min": "$max and $min not allowed on encrypted values",
}
RENAME = "$rename between two encrypted fields must have the same metadata or both be unencrypted"

# name: path, schema, what $set makes of "x" (None: it is not stored as such)
PLACES = {
    "deterministic": ("det", csfle, mark("x")),
    "random": ("rand", csfle, mark_random("x")),
    "pointer": ("ptr", csfle, None),
    "inside-above": ("obj.det", csfle, mark("x")),
    "above": ("obj", csfle, "x"),
    "below": ("det.x", csfle, None),
    "below-random": ("rand.0", csfle, None),
    "plain": ("plain", csfle, "x"),
    "plain-beside": ("obj.plain", csfle, "x"),
    "unindexed": ("none", qe, mark_none("x")),
    "equality": ("eq", qe, mark_eq("x", use=1)),
    "inside-above-qe": ("obj.eq", qe, mark_eq("x", "obj.eq", use=1)),
    "above-qe": ("obj", qe, "x"),
    "below-qe": ("eq.x", qe, None),
    "plain-qe": ("plain", qe, "x"),
}
# Paths with `$`, `$[]`, `$[id]`: what stands before decides.
POSITIONS = {"first": "$", "all": "$[]", "filtered": "$[id]"}
POSITIONAL = {
    "deterministic": ("det", csfle, False),
    "deterministic-deeper": ("det.{}.y", csfle, False),
    "random": ("rand", csfle, False),
    "above": ("obj", csfle, False),
    "root": ("{}.x", csfle, False),
    "plain": ("list", csfle, True),
    "plain-named-as-encrypted": ("list.{}.det", csfle, True),
    "plain-beside": ("obj.plain", csfle, True),
    "below": ("det.x", csfle, None),
    "equality": ("eq", qe, False),
    "above-qe": ("obj", qe, False),
    "plain-qe": ("list", qe, True),
}


# ---- commands ----


def update(u, marked=False, **more):
    """A statement of a reply with marks says `multi` and `upsert`."""
    written = {"multi": False, "upsert": False} if marked else {}
    return {"update": COLLECTION, "updates": [{"q": {}, "u": u, **more, **written}]}


def find_and_modify(u, marked=False, **more):
    return {"findAndModify": COLLECTION, "query": {}, "update": u, **more}


def bulk(u, marked=False, **more):
    op = {"update": 0, "filter": {}, "updateMods": u, **more}
    return {"bulkWrite": 1, "ops": [op], "nsInfo": [{"ns": f"db.{COLLECTION}"}]}


COMMANDS = {"update": update, "findAndModify": find_and_modify, "bulkWrite": bulk}


def add(area, operator, column, schema, u, said, kind="", **more):
    """`said`: what the update becomes, "unchanged", or a refusal; in each of the commands."""
    for name, command in COMMANDS.items():
        verdict = said
        if not isinstance(said, (Refused, Open)) and said != "unchanged":
            verdict = command(said, marked=True, **more)
        parts = "/".join(part for part in (kind, name) if part)
        area.add(operator, column, schema(command(u, **more), verdict), parts)


# ---- paths ----


def verdict(operator, column, path, schema, out):
    if column.startswith("plain"):
        return "unchanged"
    if operator == "$rename":
        return Refused("$rename", path)
    if operator not in SET + ("$unset",):
        return Refused(WORDING[operator], path)
    if "below" in column:
        return below(path)
    if operator == "$unset":
        return "unchanged"
    if column == "pointer":
        return Refused("A non-static (JSONPointer) keyId is not supported", path, code=51093)
    return "unchanged" if out == "x" else {operator: {path: out}}


def add_paths(area):
    for operator in documents.UPDATE:
        for column, (path, schema, out) in PLACES.items():
            u = {operator: {path: OPERANDS[operator]}}
            add(area, operator, column, schema, u, verdict(operator, column, path, schema, out))
            beside = {
                operator: {"other": OPERANDS[operator] if operator != "$rename" else "newer", path: OPERANDS[operator]}
            }
            said = verdict(operator, column, path, schema, out)
            if isinstance(said, dict) and not isinstance(said, Refused):
                said = {operator: {"other": OPERANDS[operator], path: out}}
            add(area, operator, column, schema, beside, said, "second")


def positional_path(path, part):
    return path.format(part) if "{}" in path else f"{path}.{part}"


def add_positional(area):
    for operator in documents.UPDATE:
        for column, (start, schema, passes) in POSITIONAL.items():
            for kind, part in POSITIONS.items():
                path = positional_path(start, part)
                said = "unchanged" if passes else positional_refusal(operator, kind, path, passes)
                filters = {"arrayFilters": [{"id": 1}]} if kind == "filtered" else {}
                u = {operator: {path: OPERANDS[operator]}}
                add(area, operator, f"positional-{column}", schema, u, said, kind, **filters)


def positional_refusal(operator, kind, path, passes):
    if operator not in SET + ("$unset", "$rename") and not path.startswith("$"):
        return Refused(WORDING[operator], path)
    if passes is None:
        return below(path)
    if kind == "first":
        return Refused("Cannot encrypt fields below '$' positional update operator", path)
    return Refused("Array update operations not allowed on encrypted values", path)


# ---- values ----


# column, path, value, schema, what it becomes
VALUES = (
    ("above", "obj", {"det": "x", "plain": "y"}, csfle, {"det": mark("x"), "plain": "y"}),
    ("above", "obj", {"rand": "x"}, csfle, {"rand": mark_random("x")}),
    ("above", "obj", {"plain": "x"}, csfle, "unchanged"),
    ("above", "obj", [1], csfle, Refused("An array at path 'obj' would violate the schema", "obj")),
    ("above-qe", "obj", {"eq": "x"}, qe, {"eq": mark_eq("x", "obj.eq", use=1)}),
    ("above-qe", "obj", [1], qe, Open("obj")),
    ("deterministic", "det", None, csfle, not_for_type("null", "det")),
    ("deterministic", "det", [1], csfle, not_for_type("array", "det")),
    ("deterministic", "det", {"a": 1}, csfle, not_for_type("object", "det")),
    (
        "deterministic",
        "det",
        5,
        csfle,
        not_for_type("int, because schema requires that type is one of: [ string ]", "det"),
    ),
    ("deterministic", "det", MIN_KEY, csfle, not_for_type("minKey", "det")),
    ("deterministic", "det", {"$payload": 1}, csfle, Open("det")),
    ("random", "rand", 5, csfle, not_for_type("int", "rand")),
    ("random", "rand", None, csfle, not_for_type("null", "rand")),
    ("equality", "eq", None, qe, not_for_type("null", "eq")),
    ("equality", "eq", 5, qe, not_for_type("int", "eq")),
    ("equality", "eq", {"$payload": 11}, qe, "unchanged"),
    ("equality", "eq", {"$payload": 4}, qe, "unchanged"),
    ("equality", "eq", {"$payload": 6}, qe, Open("eq")),
    ("equality", "eq", {"$payload": 5}, qe, Open("eq")),
    ("unindexed", "none", {"$payload": 6}, qe, "unchanged"),
    ("unindexed", "none", {"$payload": 16}, qe, "unchanged"),
    ("unindexed", "none", {"$payload": 11}, qe, Open("none")),
    ("plain", "plain", {"$payload": 0}, csfle, Open()),
    ("plain", "plain", {"$payload": 3}, csfle, Open()),
    ("plain", "plain", {"$payload": 1}, csfle, "unchanged"),
)


def add_values(area):
    """What is written: objects above encrypted fields are walked, types are judged."""
    for operator in SET:
        for i, (column, path, value, schema, said) in enumerate(VALUES):
            if not isinstance(said, (Refused, Open)) and said != "unchanged":
                said = {operator: {path: said}}
            add(area, operator, column, schema, {operator: {path: value}}, said, f"value-{i}")


def add_safe_content(area):
    for operator, name in (
        ("$set", "__safeContent__"),
        ("$set", "__safeContent__.0"),
        ("$setOnInsert", "__safeContent__"),
        ("$setOnInsert", "__safeContent__.0"),
        ("$push", "__safeContent__"),
        ("$unset", "__safeContent__"),
        ("$pull", "__safeContent__"),
    ):
        kind = "below" if name.endswith(".0") else ""
        add(area, operator, "safe-content", qe, {operator: {name: 1}}, Open(name), kind)


def add_renames(area):
    for column, source, target, schema, said in (
        ("same-metadata", "det", "det2", csfle, "unchanged"),
        ("same-metadata-nested", "det", "obj.det", csfle, "unchanged"),
        ("other-metadata", "det", "num", csfle, Refused(RENAME, "det")),
        ("random-to-random", "rand", "obj.rand", csfle, "unchanged"),
        ("to-plain", "det", "plain", csfle, Refused(RENAME, "det")),
        ("from-plain", "plain", "det", csfle, Refused(RENAME)),
        ("from-above", "obj", "plain", csfle, Open()),
        ("to-above", "plain", "obj", csfle, Open()),
        ("to-below", "plain", "det.x", csfle, Open()),
        ("from-below", "det.x", "plain", csfle, Open()),
        ("plain", "plain", "other", csfle, "unchanged"),
        ("qe", "eq", "obj.eq", qe, Open()),
        ("qe-to-plain", "eq", "plain", qe, Open()),
        ("qe-from-plain", "plain", "eq", qe, Open()),
        ("qe-plain", "plain", "other", qe, "unchanged"),
        ("to-safe-content", "plain", "__safeContent__", qe, Open()),
        ("to-positional", "plain", "list.$.x", csfle, "skip"),
    ):
        if said == "skip":
            continue
        if isinstance(said, Refused) and "path" not in said:
            said = {**said}
            said = Open()
        add(area, "$rename", "pairs", schema, {"$rename": {source: target}}, said, column)
    add(area, "$rename", "pairs", csfle, {"$rename": {"plain": 5}}, Open(), "no-string")


def add_modifiers(area):
    """$each and the like on plain arrays pass with their values."""
    each = {"$each": [{"det": "x"}], "$position": 0, "$slice": 5, "$sort": {"det": 1}}
    add(area, "$push", "plain", csfle, {"$push": {"list": each}}, "unchanged", "modifiers")
    add(area, "$push", "deterministic", csfle, {"$push": {"det": each}}, Refused(WORDING["$push"], "det"), "modifiers")
    add(area, "$addToSet", "plain", csfle, {"$addToSet": {"list": {"$each": ["x"]}}}, "unchanged", "modifiers")
    add(area, "$pull", "plain", csfle, {"$pull": {"list": {"det": "x"}}}, "unchanged", "condition")
    forged = {"$push": {"list": {"$each": [{"$payload": 0}]}}}
    add(area, "$push", "plain", csfle, forged, Open(), "forged")


# ---- shapes ----


def add_shapes(area):
    for operator in documents.UPDATE:
        add(area, operator, "shape", csfle, {operator: 5}, Open(), "no-object")
        area.add(operator, "nothing-encrypted", nothing(update({operator: {"det": OPERANDS[operator]}})))
        u = {"plain": 1, operator: {"other": OPERANDS[operator]}}
        add(area, operator, "shape", csfle, u, Open(), "in-replacement")
        add(area, operator, "shape", qe, u, Open(), "in-replacement-qe")
        u = {operator: {"other": OPERANDS[operator]}, "plain": 1}
        add(area, operator, "shape", csfle, u, Open(), "beside-field")
    add(area, "unknown", "any", csfle, {"$nothing": {"plain": 1}}, Open())
    area.add("unknown", "nothing-encrypted", nothing(update({"$nothing": {"plain": 1}})))
    add(area, "unknown", "after-known", csfle, {"$set": {"plain": 1}, "$nothing": {"plain": 1}}, Open())


def add_replacements(area):
    for column, document, schema, said in (
        ("deterministic", {"det": "x"}, csfle, {"det": mark("x")}),
        ("random", {"rand": "x"}, csfle, {"rand": mark_random("x")}),
        (
            "pointer",
            {"keyName": "k", "ptr": "x"},
            csfle,
            {"keyName": "k", "ptr": {"$mark": {"a": 2, "ka": "k", "v": "x"}}},
        ),
        ("above", {"obj": {"det": "x"}}, csfle, {"obj": {"det": mark("x")}}),
        ("above-array", {"obj": [{"det": "x"}]}, csfle, Open("obj")),
        ("above-scalar", {"obj": 1}, csfle, "unchanged"),
        ("plain", {"plain": "x"}, csfle, "unchanged"),
        ("equality", {"eq": "x"}, qe, {"eq": mark_eq("x", use=1)}),
        ("unindexed", {"none": "x"}, qe, {"none": mark_none("x")}),
        ("safe-content", {"__safeContent__": []}, qe, Open("__safeContent__")),
        ("plain-qe", {"plain": "x"}, qe, "unchanged"),
        ("wrong-type", {"det": 5}, csfle, not_for_type("int", "det")),
        ("null", {"det": None}, csfle, not_for_type("null", "det")),
        (
            "timestamp-zero",
            {"rand": {"$timestamp": {"t": 0, "i": 0}}},
            csfle,
            Refused("A command that inserts cannot supply Timestamp(0, 0) for an encrypted field", "rand"),
        ),
        ("empty", {}, csfle, "unchanged"),
    ):
        add(area, "replacement", column, schema, document, said)


def fill(book):
    area = book.area("update", documents.UPDATE + ["unknown", "replacement"])
    add_paths(area)
    add_positional(area)
    add_values(area)
    add_safe_content(area)
    add_renames(area)
    add_modifiers(area)
    add_shapes(area)
    add_replacements(area)
