"""Updates that are pipelines: what each stage may store, in each command that updates.

The documents that come out must agree with the schema: an encrypted path is absent, unchanged, or a literal, which is
marked for write. With Queryable Encryption a pipeline neither writes nor removes an encrypted path.
"""

import documents
from forms import Open, Refused, csfle, mark, mark_random, not_for_type, qe
from updates import add

NO_POINTER = Refused("A non-static (JSONPointer) keyId is not supported", "ptr", code=51093)
CHOICE = {"$cond": ["$plain", "x", "y"]}

# What `$set` and `$addFields` store: names and values, and what they become (None: unchanged).
STORED = {
    "literal": ({"det": "x"}, {"det": mark("x")}),
    "literal-written-out": ({"det": {"$literal": "x"}}, {"det": mark("x")}),
    "literal-random": ({"rand": "x"}, {"rand": mark_random("x")}),
    "literal-pointer": ({"ptr": "x"}, NO_POINTER),
    "literal-inside-above": ({"obj.det": "x"}, {"obj.det": mark("x")}),
    "object-above": ({"obj": {"det": "x", "plain": "y"}}, {"obj": {"det": mark("x"), "plain": "y"}}),
    "null": ({"det": None}, not_for_type("null", "det")),
    "int": ({"det": 5}, not_for_type("int", "det")),
    "array": ({"det": ["x"]}, Open("det")),
    "choice": ({"det": CHOICE}, {"det": {"$cond": ["$plain", mark("x"), mark("y")]}}),
    "choice-or-removed": (
        {"det": {"$cond": ["$plain", "x", "$$REMOVE"]}},
        {"det": {"$cond": ["$plain", mark("x"), "$$REMOVE"]}},
    ),
    "choice-or-itself": (
        {"det": {"$cond": ["$plain", "x", "$det"]}},
        {"det": {"$cond": ["$plain", mark("x"), "$det"]}},
    ),
    "choice-or-plain": ({"det": {"$cond": ["$plain", "x", "$plain"]}}, Open("det")),
    "itself": ({"det": "$det"}, None),
    "equal-metadata": ({"det": "$det2"}, None),
    "other-metadata": ({"det": "$num"}, Open("det")),
    "random-into-deterministic": ({"det": "$rand"}, Open("det")),
    "plain-into-encrypted": ({"det": "$plain"}, Open("det")),
    "computed": ({"det": {"$toUpper": "$plain"}}, Open("det")),
    "removed": ({"det": "$$REMOVE"}, None),
    "encrypted-into-plain": ({"plain": "$det"}, Open("plain")),
    "encrypted-in-object": ({"x": {"y": "$det"}}, Open("x")),
    "encrypted-in-array": ({"x": ["$det"]}, Open("x")),
    "above-into-plain": ({"x": "$obj"}, Open("x")),
    "plain": ({"plain": "$other", "x": 5}, None),
    "over-above": ({"obj": "$plain"}, Open("obj.det")),
    "below": ({"det.x": 5}, Open("det")),
    "compared": ({"plain": {"$eq": ["$det", "x"]}}, {"plain": {"$eq": ["$det", mark("x")]}}),
}
STORED_QE = {
    "plain": ({"plain": "$other"}, None),
    "literal": ({"eq": "x"}, Open("eq")),
    "literal-unindexed": ({"none": "x"}, Open("none")),
    "removed": ({"eq": "$$REMOVE"}, Open("eq")),
    "itself": ({"eq": "$eq"}, Open("eq")),
    "inside-above": ({"obj.eq": "x"}, Open("obj.eq")),
    "beside": ({"obj.plain": "x"}, None),
    "encrypted-into-plain": ({"plain": "$eq"}, Open("plain")),
    "safe-content": ({"__safeContent__": []}, Open("__safeContent__")),
    "compared": ({"plain": {"$eq": ["$eq", "x"]}}, Open("eq")),
}
# Whole documents, of $replaceWith and $replaceRoot.
REPLACED = {
    "itself": ("$$ROOT", None),
    "literal": ({"det": "x", "plain": "$plain"}, {"det": mark("x"), "plain": "$plain"}),
    "kept": ({"det": "$det", "rand": "$rand"}, None),
    "dropped": ({"plain": "$plain"}, None),
    "encrypted-into-plain": ({"x": "$det"}, Open("x")),
    "plain-into-encrypted": ({"det": "$plain"}, Open("det")),
    "encrypted": ("$det", Open()),
}
REPLACED_QE = {"itself": ("$$ROOT", None), "dropped": ({"plain": "$plain"}, Open()), "literal": ({"eq": "x"}, Open())}
PROJECTED = {
    "kept": ({"det": 1}, None),
    "dropped": ({"plain": 1}, None),
    "excluded": ({"det": 0}, None),
    "plain-excluded": ({"plain": 0}, None),
    "literal": ({"plain": 1, "det": "x"}, {"plain": 1, "det": mark("x")}),
    "encrypted-into-plain": ({"x": "$det"}, Open("x")),
    "plain-into-encrypted": ({"det": "$plain"}, Open("det")),
}
PROJECTED_QE = {
    "dropped": ({"plain": 1}, Open()),
    "excluded": ({"eq": 0}, Open("eq")),
    "plain-excluded": ({"plain": 0}, None),
}
UNSET = {"encrypted": ("det", None), "above": ("obj", None), "plain": ("plain", None), "below": ("det.x", None)}
UNSET_QE = {
    "encrypted": ("eq", Open("eq")),
    "above": ("obj", Open("obj")),
    "plain": ("plain", None),
    "safe-content": ("__safeContent__", Open("__safeContent__")),
}

STAGES = {
    "$set": (STORED, STORED_QE),
    "$addFields": (STORED, STORED_QE),
    "$project": (PROJECTED, PROJECTED_QE),
    "$replaceWith": (REPLACED, REPLACED_QE),
    "$unset": (UNSET, UNSET_QE),
}


def verdict(name, said, wrap=lambda value: value):
    if isinstance(said, (Refused, Open)):
        return said
    return "unchanged" if said is None else [{name: wrap(said)}]


def add_stages(area):
    for name, tables in STAGES.items():
        for schema, table in zip((csfle, qe), tables):
            column = "csfle" if schema is csfle else "qe"
            for kind, (operand, said) in table.items():
                add(area, name, column, schema, [{name: operand}], verdict(name, said), kind)
    for schema, table in ((csfle, REPLACED), (qe, REPLACED_QE)):
        for kind, (root, said) in table.items():
            operand = {"newRoot": root}
            out = verdict("$replaceRoot", said, lambda value: {"newRoot": value})
            add(
                area,
                "$replaceRoot",
                "csfle" if schema is csfle else "qe",
                schema,
                [{"$replaceRoot": operand}],
                out,
                kind,
            )


# What drops `det`, or `obj.det`.
DROPS = {
    "$unset": {"$unset": ["det", "obj.det"]},
    "$project": {"$project": {"det": 0, "obj.det": 0}},
    "$set": {"$set": {"det": "$$REMOVE", "obj.det": "$$REMOVE"}},
    "$addFields": {"$addFields": {"det": "$$REMOVE", "obj.det": "$$REMOVE"}},
    "$replaceWith": {"$replaceWith": {"plain": "$plain"}},
    "$replaceRoot": {"$replaceRoot": {"newRoot": {"plain": "$plain"}}},
}


def add_dropped(area):
    """What a stage has dropped cannot be compared with a literal, but a literal may be written there again."""
    for name, drop in DROPS.items():
        compared = {"$set": {"plain": {"$eq": ["$det", "x"]}}}
        add(area, name, "then-compared", csfle, [drop, compared], Open("det"))
        for path in ("det", "obj.det"):
            pipeline, out = ([drop, {"$set": {path: value}}] for value in ("x", mark("x")))
            add(area, name, "then-written", csfle, pipeline, out, path)
    for path, value, out in (
        ("obj.det", "x", mark("x")),
        ("obj.plain", 5, 5),
        ("obj", {"det": "x"}, {"det": mark("x")}),
        ("obj.rand", "x", mark_random("x")),
    ):
        removed = {"$unset": ["obj.det", "obj.rand"]}
        said = [removed, {"$set": {path: out}}] if out != value else "unchanged"
        kind = "object" if path == "obj" else path
        add(area, "$unset", "every-child-then-written", csfle, [removed, {"$set": {path: value}}], said, kind)


def fill(book):
    area = book.area("pipeline-update", documents.UPDATE_STAGES)
    add_stages(area)
    add_dropped(area)
