"""Schemas: each keyword of $jsonSchema local and remote, and each member of encryptedFields."""

import documents
from book import Again
from forms import COLLECTION, DETERMINISTIC, KEY, RANDOM, Open, Refused, encrypt, mark, obj

DET = encrypt(DETERMINISTIC, "string")
STRUCTURE = (
    "bsonType type properties patternProperties additionalProperties encrypt encryptMetadata title description".split()
)

# An operand that is right, and some that are wrong.
OPERANDS = {
    "additionalItems": (True, [1, "x", [{}], None]),
    "additionalProperties": (False, [1, "x", [{}], None]),
    "allOf": ([{}], [[], {}, [1], "x"]),
    "anyOf": ([{}], [[], {}, [1], "x"]),
    "oneOf": ([{}], [[], {}, [1], "x"]),
    "bsonType": (["string", "int"], [[], 1, "nothing", ["string", "string"], [1], "integer"]),
    "dependencies": ({"a": ["b"], "c": {}}, [[], {"a": []}, {"a": ["b", "b"]}, {"a": 1}]),
    "description": ("x", [1, {}]),
    "title": ("x", [1, {}]),
    "enum": ([1, "x"], [[], {}, "x"]),
    "exclusiveMaximum": (True, [1, "x"]),
    "exclusiveMinimum": (True, [1, "x"]),
    "items": ([{}, {}], [[1], 1, "x"]),
    "maxItems": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "maxLength": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "maxProperties": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "minItems": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "minLength": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "minProperties": (5, [-1, "x", {"$numberDouble": "1.5"}]),
    "maximum": (5, ["x", None]),
    "minimum": (5, ["x", None]),
    "multipleOf": (5, ["x", 0, -1]),
    "not": ({}, [[], 1]),
    "pattern": ("^x", [1, {}]),
    "patternProperties": ({"^x": {}}, [[], {"^x": 1}]),
    "properties": ({"y": {}}, [[], {"y": 1}]),
    "required": (["a"], [[], {}, ["a", "a"], [1]]),
    "type": ("object", [[], 1, "integer", "int", ["object", "object"]]),
    "uniqueItems": (True, [1, "x"]),
}
# Where encryption below would depend on the data or on a position in an array.
HOLDERS = {
    "additionalItems": lambda s: s,
    "allOf": lambda s: [s],
    "anyOf": lambda s: [s],
    "oneOf": lambda s: [s],
    "items": lambda s: s,
    "not": lambda s: s,
    "dependencies": lambda s: {"a": s},
}
# Where it is part of the tree.
TREES = {
    "additionalProperties": lambda s: s,
    "patternProperties": lambda s: {"^y": s},
    "properties": lambda s: {"y": s},
}

INSERT = {"insert": COLLECTION, "documents": [{"det": "x"}]}
MARKED = {"insert": COLLECTION, "documents": [{"det": mark("x")}]}


def case(schema, verdict, remote=False, command=INSERT):
    told = {"error": verdict} if isinstance(verdict, (Refused, Open)) else {"result": verdict}
    return {"schema": schema, "isRemoteSchema": remote, "command": command, **told}


def beside(keyword, operand):
    return obj(det=DET, x={keyword: operand})


def add_keywords(area):
    for keyword, (right, wrongs) in OPERANDS.items():
        path = f"/properties/x/{keyword}"
        local = keyword in STRUCTURE
        remote_only = Refused(f"JSON schema keyword '{keyword}' is only allowed with a remote schema", path)
        area.add(keyword, "remote", case(beside(keyword, right), MARKED, remote=True))
        area.add(keyword, "local", case(beside(keyword, right), MARKED if local else remote_only))
        root = (
            {**obj(det=DET), keyword: right}
            if keyword not in ("bsonType", "type", "properties", "enum", "not")
            else None
        )
        if root:
            said = MARKED if local else Refused(remote_only["message"], f"/{keyword}")
            area.add(keyword, "local-root", case(root, said))
            area.add(keyword, "remote-root", case(root, MARKED, remote=True))
        for i, wrong in enumerate(wrongs):
            area.add(keyword, "remote", case(beside(keyword, wrong), Open(path), remote=True), f"wrong-{i}")
            area.add(keyword, "local", case(beside(keyword, wrong), Open(path)), f"wrong-{i}")
        add_beside_encrypt(area, keyword, right)
        twice = obj(det=DET, x={keyword: right, Again(keyword): right})
        area.add(keyword, "remote", case(twice, Open(path), remote=True), "twice")


def add_beside_encrypt(area, keyword, right):
    message = f"'encrypt' cannot be used in conjunction with '{keyword}'"
    for remote in (False, True):
        schema = obj(det={**DET, keyword: right})
        verdict = Open()
        verdict["message"] = message
        area.add(keyword, "remote" if remote else "local", case(schema, verdict, remote=remote), "beside-encrypt")


def add_holders(area):
    invalid = Open()
    invalid["message"] = "Invalid schema containing the 'encrypt' keyword."
    for keyword, hold in HOLDERS.items():
        for kind, inner in (("encrypt", DET), ("object", obj(y=DET))):
            for remote in (False, True):
                schema = {"bsonType": "object", "properties": {"x": {"bsonType": "object", keyword: hold(inner)}}}
                area.add(
                    keyword, "remote" if remote else "local", case(schema, invalid, remote=remote), f"holds-{kind}"
                )
    for keyword, hold in TREES.items():
        schema = {"bsonType": "object", "properties": {"x": {"bsonType": "object", keyword: hold(DET)}}}
        it, out = ({"insert": COLLECTION, "documents": [{"x": {"y": value}}]} for value in ("x", mark("x")))
        for remote in (False, True):
            area.add(keyword, "remote" if remote else "local", case(schema, out, remote, it), "holds-encrypt")
            untyped = {"bsonType": "object", "properties": {"x": {keyword: hold(DET)}}}
            area.add(
                keyword, "remote" if remote else "local", case(untyped, invalid, remote, it), "holds-encrypt-untyped"
            )
            several = {"bsonType": "object", "properties": {"x": {"bsonType": ["object"], keyword: hold(DET)}}}
            area.add(keyword, "remote" if remote else "local", case(several, invalid, remote, it), "holds-encrypt-list")


def add_unsupported(area):
    for keyword in documents.KEYWORDS_UNSUPPORTED + ["nothing"]:
        for remote in (False, True):
            schema = obj(det=DET, x={keyword: "x"})
            area.add(keyword, "remote" if remote else "local", case(schema, Open(f"/properties/x/{keyword}"), remote))


# ---- encrypt and encryptMetadata ----


FULL = {"algorithm": DETERMINISTIC, "bsonType": "string", "keyId": [KEY]}
MEMBERS = {
    "algorithm": ["nothing", 1, "AEAD_AES_256_CBC_HMAC_SHA_512", ""],
    "bsonType": [
        1,
        "nothing",
        [],
        ["string", "int"],
        "double",
        "decimal",
        "bool",
        "object",
        "array",
        "javascriptWithScope",
        "minKey",
        "maxKey",
        "null",
        "undefined",
        "integer",
        "number",
    ],
    "keyId": [
        [],
        [KEY, KEY],
        "/a",
        "a",
        1,
        ["x"],
        [{"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "03"}}],
        [{"$binary": {"base64": "AAAA", "subType": "04"}}],
        KEY,
    ],
}
RANDOM_TYPES = {
    "double": True,
    "decimal": True,
    "bool": True,
    "object": True,
    "array": True,
    "javascriptWithScope": True,
    "number": True,
    "minKey": False,
    "maxKey": False,
    "null": False,
    "undefined": False,
    "integer": False,
    "nothing": False,
}


def add_encrypt(area):
    for member, wrongs in MEMBERS.items():
        for i, wrong in enumerate(wrongs):
            schema = obj(det={"encrypt": {**FULL, member: wrong}})
            area.add("encrypt", member, case(schema, Open()), f"wrong-{i}")
        without = {name: value for name, value in FULL.items() if name != member}
        area.add("encrypt", member, case(obj(det={"encrypt": without}), Open()), "missing")
        twice = obj(det={"encrypt": {**FULL, Again(member): FULL[member]}})
        area.add("encrypt", member, case(twice, Open()), "twice")
        if member != "bsonType":
            inherited = {
                "bsonType": "object",
                "encryptMetadata": {member: FULL[member]},
                "properties": {"det": {"encrypt": without}},
            }
            area.add("encryptMetadata", member, case(inherited, MARKED))
            area.add("encryptMetadata", member, case(inherited, MARKED, remote=True), "remote")
            for i, wrong in enumerate(wrongs):
                wrongly = {**inherited, "encryptMetadata": {member: wrong}}
                area.add("encryptMetadata", member, case(wrongly, Open()), f"wrong-{i}")
    area.add("encrypt", "nothing", case(obj(det={"encrypt": {**FULL, "nothing": 1}}), Open()))
    for i, wrong in enumerate((1, "x", [FULL])):
        area.add("encrypt", "operand", case(obj(det={"encrypt": wrong}), Open()), f"wrong-{i}")
        metadata = {"bsonType": "object", "encryptMetadata": wrong, "properties": {"det": DET}}
        area.add("encryptMetadata", "operand", case(metadata, Open()), f"wrong-{i}")
    for name, metadata in (("empty", {}), ("nothing", {"nothing": 1}), ("bsonType", {"bsonType": "string"})):
        schema = {"bsonType": "object", "encryptMetadata": metadata, "properties": {"det": DET}}
        area.add("encryptMetadata", name, case(schema, Open()))
    area.add("encrypt", "root", case({"bsonType": "object", **DET}, Open()))
    area.add("encrypt", "dotted-name", case(obj(**{"a.b": DET}), Open()))
    untyped = {"encryptMetadata": {"algorithm": DETERMINISTIC}, "properties": {"det": DET}}
    area.add("encryptMetadata", "untyped", case(untyped, Open()))
    add_random_types(area)


def add_random_types(area):
    for name, allowed in RANDOM_TYPES.items():
        schema = obj(r={"encrypt": {"algorithm": RANDOM, "bsonType": name, "keyId": [KEY]}}, det=DET)
        area.add("encrypt", "random-type", case(schema, MARKED if allowed else Open()), name)
    several = obj(r={"encrypt": {"algorithm": RANDOM, "bsonType": ["int", "string"], "keyId": [KEY]}}, det=DET)
    area.add("encrypt", "random-type", case(several, MARKED), "several")
    untyped = obj(r={"encrypt": {"algorithm": RANDOM, "keyId": [KEY]}}, det=DET)
    area.add("encrypt", "random-type", case(untyped, MARKED), "none")
    pointer = obj(r={"encrypt": {"algorithm": RANDOM, "keyId": "/k"}}, det=DET)
    area.add("encrypt", "random-type", case(pointer, MARKED), "pointer")


def fill(book):
    rows = documents.KEYWORDS + documents.KEYWORDS_UNSUPPORTED + ["nothing"]
    area = book.area("keyword", rows)
    add_keywords(area)
    add_holders(area)
    add_unsupported(area)
    add_encrypt(area)
