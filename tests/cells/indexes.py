"""Indexes, collections and their options: createIndexes, create, collMod."""

import documents
from book import Again
from forms import COLLECTION, Open, Refused, csfle, nothing, qe

VALUES = {
    "key": {"plain": 1},
    "name": "i",
    "unique": True,
    "partialFilterExpression": {"plain": {"$exists": True}},
    "sparse": True,
    "expireAfterSeconds": 60,
    "hidden": True,
    "storageEngine": {},
    "weights": {"plain": 1},
    "default_language": "en",
    "language_override": "lang",
    "textIndexVersion": 3,
    "2dsphereIndexVersion": 3,
    "bits": 26,
    "min": -180,
    "max": 180,
    "collation": {"locale": "fr"},
    "wildcardProjection": {"plain": 1},
    "background": True,
    "v": 2,
    "ns": "db.people",
    "prepareUnique": True,
    "clustered": True,
}
BASE = {"key": {"plain": 1}, "name": "i"}
ROW = "createIndexes.indexes"


def create_indexes(index):
    return {"createIndexes": COLLECTION, "indexes": [index]}


def add_members(area):
    for member in documents.STATEMENTS[ROW]:
        it = create_indexes({**BASE, member: VALUES[member]})
        area.add(ROW, member, csfle(it, "unchanged"))
        area.add(ROW, member, nothing(it), "nothing-encrypted")
        twice = create_indexes({**BASE, member: VALUES[member], Again(member): VALUES[member]})
        area.add(ROW, member, csfle(twice, Open()), "twice")
        second = {"createIndexes": COLLECTION, "indexes": [BASE, {**BASE, member: VALUES[member]}]}
        area.add(ROW, member, csfle(second, "unchanged"), "second-index")
    area.add(ROW, "nothing", csfle(create_indexes({**BASE, "nothing": 1}), Open()))
    area.add(ROW, "nothing", nothing(create_indexes({**BASE, "nothing": 1})), "nothing-encrypted")
    area.add(ROW, "key", csfle(create_indexes({"name": "i"}), Open()), "missing")


ORDERED = {"ascending": 1, "descending": -1}
KEYS = {**ORDERED, "hashed": "hashed", "text": "text", "2d": "2d", "2dsphere": "2dsphere"}
PLACES = {
    "deterministic": ("det", csfle),
    "random": ("rand", csfle),
    "above": ("obj", csfle),
    "below": ("det.x", csfle),
    "plain": ("plain", csfle),
    "plain-beside": ("obj.plain", csfle),
    "equality": ("eq", qe),
    "range": ("range", qe),
    "unindexed": ("none", qe),
    "text": ("text", qe),
    "above-qe": ("obj", qe),
    "below-qe": ("eq.x", qe),
    "plain-qe": ("plain", qe),
}


def key_allowed(place, kind):
    if place.startswith("plain"):
        return True
    if place == "deterministic":
        return kind in ("ascending", "descending", "hashed")
    return place.startswith("above") and kind in ORDERED


def add_keys(area):
    for place, (path, schema) in PLACES.items():
        for kind, value in KEYS.items():
            it = create_indexes({"key": {path: value}, "name": "i"})
            said = "unchanged" if key_allowed(place, kind) else Open(path)
            area.add("key", place, schema(it, said), kind)
            if kind in ORDERED:
                it = create_indexes({"key": {"other": 1, path: value}, "name": "i"})
                area.add("key", place, schema(it, said), f"{kind}-second")
    for kind, path, said in (
        ("all", "$**", "unchanged"),
        ("above", "obj.$**", "unchanged"),
        ("below", "det.$**", Open()),
        ("plain", "plain.$**", "unchanged"),
    ):
        area.add("key", "wildcard", csfle(create_indexes({"key": {path: 1}, "name": "i"}), said), kind)


def add_options(area):
    strings = {"deterministic": Open(), "above": Open(), "plain": "unchanged", "plain-beside": "unchanged"}
    for place, said in strings.items():
        path = PLACES[place][0]
        it = create_indexes({"key": {path: 1}, "name": "i", "collation": {"locale": "fr"}})
        area.add("collation", place, csfle(it, said))
        simple = create_indexes({"key": {path: 1}, "name": "i", "collation": {"locale": "simple"}})
        area.add("collation", place, csfle(simple, "unchanged"), "simple")
    number = create_indexes({"key": {"num": 1}, "name": "i", "collation": {"locale": "fr"}})
    area.add("collation", "number", csfle(number, "unchanged"))
    expires = {"deterministic": Open(), "above": "unchanged", "plain": "unchanged"}
    for place, said in expires.items():
        it = create_indexes({"key": {PLACES[place][0]: 1}, "name": "i", "expireAfterSeconds": 5})
        area.add("expireAfterSeconds", place, csfle(it, said))
    for place, (path, schema) in PLACES.items():
        it = create_indexes({**BASE, "partialFilterExpression": {path: "x"}})
        refused = not place.startswith("plain") and not place.startswith("above")
        area.add("partialFilterExpression", place, schema(it, Open() if refused else "unchanged"), "equality")
        exists = create_indexes({**BASE, "partialFilterExpression": {path: {"$exists": True}}})
        said = Open() if place.startswith("below") else "unchanged"
        area.add("partialFilterExpression", place, schema(exists, said), "exists")
    for place in ("deterministic", "random", "above", "plain"):
        it = create_indexes({"key": {"$**": 1}, "name": "i", "wildcardProjection": {PLACES[place][0]: 1}})
        area.add("wildcardProjection", place, csfle(it, "unchanged"))


def add_text_options(area):
    """A text index reads the fields that these name."""
    for place, (path, schema) in PLACES.items():
        said = "unchanged" if place.startswith("plain") else Open(path)
        for member, value in (("weights", {"other": 1, path: 2}), ("language_override", path)):
            it = create_indexes({"key": {"plain": "text"}, "name": "i", member: value})
            area.add(member, place, schema(it, said))
    for member, value in (("weights", 5), ("language_override", 5)):
        area.add(member, "wrong", csfle(create_indexes({**BASE, member: value}), Open()))


def add_collections(area):
    for name in ("create", "collMod"):
        for place, (path, schema) in PLACES.items():
            it = {name: COLLECTION, "validator": {path: "x"}}
            if place.startswith(("plain", "above")):
                said = "unchanged"
            elif place == "below" or place == "below-qe":
                said = Open(path)
            elif place in ("unindexed", "text"):
                said = Refused("Can only execute encrypted equality queries with an encrypted equality index", path)
            elif place == "range":
                said = Open(path)
            else:
                said = Refused("Comparison to encrypted fields not supported in collection validator", path)
            area.add(f"{name}.validator", place, schema(it, said), "equality")
            exists = {name: COLLECTION, "validator": {path: {"$exists": True}}}
            said = Open(path) if place.startswith("below") else "unchanged"
            area.add(f"{name}.validator", place, schema(exists, said), "exists")
        payload = {name: COLLECTION, "validator": {"eq": {"$payload": 5}}}
        area.add(f"{name}.validator", "payload", qe(payload, Open("eq")))
        forged = {name: COLLECTION, "validator": {"plain": {"$payload": 0}}}
        area.add(f"{name}.validator", "forged", csfle(forged, Open()))
    area.add(
        "create.collation", "deterministic", csfle({"create": COLLECTION, "collation": {"locale": "fr"}}, "unchanged")
    )
    area.add("create.collation", "equality", qe({"create": COLLECTION, "collation": {"locale": "fr"}}, "unchanged"))
    for member in ("timeField", "metaField"):
        for place in ("deterministic", "random", "above", "below", "plain"):
            series = {"timeField": "plain", member: PLACES[place][0]}
            said = "unchanged" if place == "plain" else Open(PLACES[place][0])
            area.add("create.timeseries", place, csfle({"create": COLLECTION, "timeseries": series}, said), member)


SERIES = {"metaField": "meta", "granularity": "hours", "bucketMaxSpanSeconds": 60, "bucketRoundingSeconds": 60}


def add_series(area):
    """The members of a time series, each by itself; one that is not listed; one twice."""
    for member, value in SERIES.items():
        for name in ("create", "collMod"):
            if name == "collMod" and member == "metaField":
                continue
            base = {"timeField": "plain"} if name == "create" else {}
            it = {name: COLLECTION, "timeseries": {**base, member: value}}
            area.add(f"{name}.timeseries", member, csfle(it, "unchanged"))
            twice = {name: COLLECTION, "timeseries": {**base, member: value, Again(member): value}}
            area.add(f"{name}.timeseries", member, csfle(twice, Open()), "twice")
    for name in ("create", "collMod"):
        unknown = {name: COLLECTION, "timeseries": {"timeField": "plain", "nothing": 1}}
        area.add(f"{name}.timeseries", "nothing", csfle(unknown, Open()))
        area.add(f"{name}.timeseries", "nothing", nothing(unknown), "nothing-encrypted")


CHANGES = {
    "keyPattern": {"plain": 1},
    "name": "i",
    "hidden": True,
    "unique": True,
    "prepareUnique": True,
    "forceNonUnique": True,
    "expireAfterSeconds": 5,
}


def change_index(index):
    return {"collMod": COLLECTION, "index": index}


def add_changed_indexes(area):
    """collMod changes an index: each member, and when documents expire by which key."""
    for member, value in CHANGES.items():
        base = {} if member == "name" else {"keyPattern": {"plain": 1}}
        it = {**base, member: value}
        area.add("collMod.index", member, csfle(change_index(it), "unchanged"))
        area.add("collMod.index", member, csfle(change_index({**it, Again(member): value}), Open()), "twice")
    area.add("collMod.index", "nothing", csfle(change_index({"name": "i", "nothing": 1}), Open()))
    area.add("collMod.index", "nothing", nothing(change_index({"name": "i", "nothing": 1})), "nothing-encrypted")
    area.add(
        "collMod.index",
        "expireAfterSeconds",
        csfle(change_index({"name": "i", "expireAfterSeconds": 5}), Open()),
        "no-key",
    )
    for place in ("deterministic", "above", "plain"):
        it = change_index({"keyPattern": {PLACES[place][0]: 1}, "expireAfterSeconds": 5})
        said = Open(PLACES[place][0]) if place == "deterministic" else "unchanged"
        area.add("collMod.index", "expireAfterSeconds", csfle(it, said), place)
    for place in ("deterministic", "random", "above", "plain"):
        it = change_index({"keyPattern": {PLACES[place][0]: 1}, "hidden": True})
        area.add("collMod.index", "hidden", csfle(it, "unchanged"), place)


def fill(book):
    rows = ["key", "collation", "expireAfterSeconds", "partialFilterExpression", "wildcardProjection"]
    rows += [
        "create.validator",
        "collMod.validator",
        "create.collation",
        "create.timeseries",
        "collMod.timeseries",
        "collMod.index",
        "weights",
        "language_override",
    ]
    area = book.area("definition", rows)
    add_keys(area)
    add_options(area)
    add_text_options(area)
    add_collections(area)
    add_series(area)
    add_changed_indexes(area)
