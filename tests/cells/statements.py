"""The members of statements: of update, delete and bulkWrite."""

import documents
import indexes
from book import Again
from forms import COLLECTION, DETERMINISTIC, Open, Refused, answer, csfle, encrypt, mark, mark_eq, nothing, obj, qe

SET = {"$set": {"plain": "x"}}
ID = {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAQ==", "subType": "04"}}
PIPELINE = [{"$set": {"plain": "x"}}]


def update(statement):
    return {"update": COLLECTION, "updates": [statement]}


def delete(statement):
    return {"delete": COLLECTION, "deletes": [statement]}


def bulk(op, info=None):
    return {"bulkWrite": 1, "ops": [op], "nsInfo": [info or {"ns": f"db.{COLLECTION}"}]}


class Statement:
    def __init__(self, build, base, label, filter=None):
        self.build, self.base, self.label, self.filter = build, base, label, filter


KINDS = {
    "update.updates": Statement(update, {"q": {}, "u": SET}, "update.updates", "q"),
    "delete.deletes": Statement(delete, {"q": {}, "limit": 1}, "delete.deletes", "q"),
    "bulkWrite.insert": Statement(bulk, {"insert": 0, "document": {"plain": "x"}}, "bulkWrite.ops"),
    "bulkWrite.update": Statement(bulk, {"update": 0, "filter": {}, "updateMods": SET}, "bulkWrite.ops", "filter"),
    "bulkWrite.delete": Statement(bulk, {"delete": 0, "filter": {}}, "bulkWrite.ops", "filter"),
}
VALUES = {
    "q": {},
    "u": SET,
    "c": {"v": 1},
    "upsert": True,
    "multi": True,
    "hint": "i",
    "collation": {"locale": "simple"},
    "arrayFilters": [{"i": 1}],
    "upsertSupplied": False,
    "sort": {"plain": 1},
    "sampleId": ID,
    "limit": 1,
    "insert": 0,
    "document": {"plain": "x"},
    "update": 0,
    "filter": {},
    "updateMods": SET,
    "constants": {"v": 1},
    "delete": 0,
}
REQUIRED = {
    "update.updates": ["q", "u"],
    "delete.deletes": ["q"],
    "bulkWrite.insert": ["document"],
    "bulkWrite.update": ["filter", "updateMods"],
    "bulkWrite.delete": ["filter"],
}


def base_of(kind, member):
    """Constants go with a pipeline."""
    base = dict(KINDS[kind].base)
    if member in ("c", "constants"):
        base["u" if kind == "update.updates" else "updateMods"] = PIPELINE
    return base


def add_members(area, kind):
    statement = KINDS[kind]
    for member in documents.STATEMENTS[kind]:
        it = {**base_of(kind, member), member: VALUES[member]}
        area.add(kind, member, csfle(statement.build(it), "unchanged"))
        area.add(kind, member, nothing(statement.build(it)), "nothing-encrypted")
        if member not in ("multi",):
            area.add(kind, member, qe(statement.build(it), "unchanged"), "qe")
        twice = {**it, Again(member): VALUES[member]}
        area.add(kind, member, csfle(statement.build(twice), Open()), "twice")
        area.add(kind, member, qe(statement.build(twice), Open()), "twice-qe")
    unknown = {**statement.base, "nothing": 1}
    area.add(kind, "nothing", csfle(statement.build(unknown), Open()))
    area.add(kind, "nothing", nothing(statement.build(unknown)), "nothing-encrypted")
    for member in REQUIRED[kind]:
        without = {name: value for name, value in statement.base.items() if name != member}
        area.add(kind, member, csfle(statement.build(without), Open()), "missing")


def marked(kind, statement):
    """In `update` every statement of a marked reply says `multi` and `upsert`."""
    if kind != "update.updates":
        return statement
    return {
        **statement,
        **({} if "multi" in statement else {"multi": False}),
        **({} if "upsert" in statement else {"upsert": False}),
    }


def add_filters(area, kind):
    statement = KINDS[kind]
    field = statement.filter
    it, out = {**statement.base, field: {"det": "x"}}, {**statement.base, field: {"det": {"$eq": mark("x")}}}
    area.add(kind, field, csfle(statement.build(it), statement.build(marked(kind, out))), "deterministic")
    it, out = {**statement.base, field: {"eq": "x"}}, {**statement.base, field: {"eq": {"$eq": mark_eq("x")}}}
    area.add(kind, field, qe(statement.build(it), statement.build(marked(kind, out))), "equality")
    area.add(kind, field, csfle(statement.build({**statement.base, field: {"rand": "x"}}), Open("rand")), "random")
    for name, value in (("number", 5), ("array", [1])):
        area.add(kind, field, csfle(statement.build({**statement.base, field: value}), Open()), f"wrong/{name}")
    for name, collation, value, said in (
        ("string", {"locale": "fr"}, {"det": "x"}, Open("det")),
        ("empty", {}, {"det": "x"}, Open("det")),
        ("plain", {"locale": "fr"}, {"plain": "x"}, "unchanged"),
    ):
        it = {**statement.base, field: value, "collation": collation}
        area.add(kind, "collation", csfle(statement.build(it), said), name)
    it = {**statement.base, field: {"eq": "x"}, "collation": {"locale": "fr"}}
    area.add(kind, "collation", qe(statement.build(it), Open("eq")), "equality")
    for name, hint in (("name", "i"), ("deterministic", {"det": 1}), ("random", {"rand": 1}), ("above", {"obj": 1})):
        area.add(kind, "hint", csfle(statement.build({**statement.base, "hint": hint}), "unchanged"), name)


def add_sorts(area):
    for kind in ("update.updates", "bulkWrite.update"):
        statement = KINDS[kind]
        for name, path, schema in (
            ("deterministic", "det", csfle),
            ("random", "rand", csfle),
            ("above", "obj", csfle),
            ("below", "det.x", csfle),
            ("equality", "eq", qe),
        ):
            it = {**statement.base, "sort": {path: 1}}
            area.add(kind, "sort", schema(statement.build(it), Open(path)), name)
        area.add(kind, "sort", csfle(statement.build({**statement.base, "sort": 5}), Open()), "wrong")


def add_constants(area):
    """`c` and `constants` are variables of the pipeline: out of reach of encrypted fields."""
    for kind, member, update_field in (("update.updates", "c", "u"), ("bulkWrite.update", "constants", "updateMods")):
        statement = KINDS[kind]

        def case(pipeline):
            return statement.build({**statement.base, update_field: pipeline, member: {"v": "x"}})

        area.add(kind, member, csfle(case([{"$set": {"plain": "$$v"}}]), "unchanged"), "plain")
        area.add(kind, member, csfle(case([{"$set": {"det": "$$v"}}]), Open()), "encrypted")
        compared = case([{"$set": {"plain": {"$eq": ["$det", "$$v"]}}}])
        area.add(kind, member, csfle(compared, Open("det")), "compared")
        new = statement.build({**statement.base, "upsert": True, "upsertSupplied": True, member: {"new": {"det": "x"}}})
        area.add(kind, "upsertSupplied", csfle(new, Open()), "new")
        area.add(kind, "upsertSupplied", qe(new, Open()), "new-qe")
        area.add(kind, "upsertSupplied", nothing(new), "new-nothing-encrypted")


def add_lets(area):
    """`let` of commands with statements."""
    for kind in ("update.updates", "delete.deletes", "bulkWrite.update", "bulkWrite.delete"):
        statement = KINDS[kind]
        field = statement.filter
        for name, expression, said in (
            ("plain", {"$eq": ["$plain", "$$v"]}, "unchanged"),
            ("encrypted", {"$eq": ["$det", "$$v"]}, Open("det")),
        ):
            it = {**statement.build({**statement.base, field: {"$expr": expression}}), "let": {"v": "x"}}
            area.add(kind, "let", csfle(it, said), name)
        undefined = statement.build({**statement.base, field: {"$expr": {"$eq": ["$plain", "$$v"]}}})
        area.add(kind, "let", csfle(undefined, Refused("Use of undefined variable: v", code=17276)), "undefined")


# What an upsert inserts, if nothing matches, is made of the filter's equalities.
WITH_ID = obj(_id=encrypt(DETERMINISTIC, "string"), det=encrypt(DETERMINISTIC, "string"))


def upserts():
    """The commands that upsert: their rows, and how to write a filter and an update with `upsert`."""
    for kind, field, change in (("update.updates", "q", "u"), ("bulkWrite.update", "filter", "updateMods")):
        build = KINDS[kind].build

        def command(condition, u, marked_reply=False, kind=kind, field=field, change=change, build=build, **more):
            statement = {**KINDS[kind].base, field: condition, change: u, **more}
            return build(marked(kind, statement) if marked_reply else statement)

        yield kind, command

    def find_and_modify(condition, u, marked_reply=False, **more):
        return {"findAndModify": COLLECTION, "query": condition, "update": u, **more}

    yield "findAndModify", find_and_modify


def add_upserts(area):
    for kind, command in upserts():
        array = command({"obj": ["x"]}, SET, upsert=True)
        area.add(kind, "upsert", csfle(array, Open("obj")), "array-above")
        area.add(kind, "upsert", csfle(command({"obj": ["x"]}, SET, upsert=False), "unchanged"), "no-upsert")
        negated = command({"obj": {"$ne": ["x"]}}, SET, upsert=True)
        area.add(kind, "upsert", csfle(negated, "unchanged"), "array-above-negated")
        safe = command({"__safeContent__": {"$eq": []}}, SET, upsert=True)
        area.add(kind, "upsert", qe(safe, Open("__safeContent__")), "safe-content")
        safe = command({"__safeContent__": {"$eq": []}}, SET, upsert=False)
        area.add(kind, "upsert", qe(safe, "unchanged"), "safe-content-no-upsert")
        add_ids(area, kind, command)


def add_ids(area, kind, command):
    """The server would generate a plaintext _id."""

    def case(it, verdict):
        return answer({"schema": WITH_ID, "command": it}, verdict)

    there, given = {"$setOnInsert": {"_id": "x"}}, {"$setOnInsert": {"_id": mark("x")}}
    area.add(kind, "upsert", case(command({}, SET, upsert=True), Open("_id")), "id-missing")
    area.add(kind, "upsert", case(command({}, SET, upsert=False), "unchanged"), "id-missing-no-upsert")
    out = command({"_id": {"$eq": mark("x")}}, SET, True, upsert=True)
    area.add(kind, "upsert", case(command({"_id": "x"}, SET, upsert=True), out), "id-in-filter")
    area.add(
        kind, "upsert", case(command({}, there, upsert=True), command({}, given, True, upsert=True)), "id-in-update"
    )


def add_several(area):
    """Queryable Encryption: many inserts, or one update, or one delete; CSFLE: anything."""
    info = [{"ns": f"db.{COLLECTION}"}]
    ops = {name: dict(KINDS[f"bulkWrite.{name}"].base) for name in ("insert", "update", "delete")}

    def command(*names):
        return {"bulkWrite": 1, "ops": [ops[name] for name in names], "nsInfo": info}

    only = Refused("Only insert is supported in BulkWrite with multiple operations and Queryable Encryption")
    for one in ops:
        for other in ops:
            said = "unchanged" if one == other == "insert" else only
            area.add("bulkWrite." + one, "several", qe(command(one, other), said), f"{other}-qe")
            area.add("bulkWrite." + one, "several", csfle(command(one, other), "unchanged"), other)
    many = bulk({**KINDS["bulkWrite.update"].base, "multi": True})
    wording = Refused("Multi-document updates are not allowed with Queryable Encryption")
    area.add("bulkWrite.update", "multi", qe(many, wording), "qe")
    area.add("update.updates", "multi", qe(update({"q": {}, "u": SET, "multi": True}), wording), "qe")
    for index in (1, -1, "0", {"$numberDouble": "0.5"}):
        for name, op in ops.items():
            it = bulk({**op, name: index})
            area.add(
                "bulkWrite." + name,
                name,
                csfle(it, Open()),
                f"index-{index if not isinstance(index, dict) else 'half'}",
            )


def add_namespaces(area):
    op = dict(KINDS["bulkWrite.insert"].base)
    ns = {"ns": f"db.{COLLECTION}"}
    kind = "bulkWrite.nsInfo"
    area.add(kind, "ns", csfle(bulk(op, ns), "unchanged"))
    area.add(kind, "collectionUUID", csfle(bulk(op, {**ns, "collectionUUID": ID}), "unchanged"))
    area.add(kind, "encryptionInformation", qe(bulk(op, ns), "unchanged"))
    area.add(kind, "ns", csfle(bulk(op, {**ns, Again("ns"): "db.other"}), Open()), "twice")
    area.add(kind, "nothing", csfle(bulk(op, {**ns, "nothing": 1}), Open()))
    area.add(kind, "ns", csfle(bulk(op, {"collectionUUID": ID}), Open()), "missing")
    area.add(kind, "ns", csfle(bulk(op, {"ns": 5}), Open()), "wrong/number")


def fill(book):
    area = book.area("statement", list(documents.STATEMENTS) + ["findAndModify"])
    for kind, statement in KINDS.items():
        add_members(area, kind)
        if statement.filter:
            add_filters(area, kind)
    add_sorts(area)
    add_constants(area)
    add_lets(area)
    add_upserts(area)
    add_several(area)
    add_namespaces(area)
    indexes.add_members(area)
