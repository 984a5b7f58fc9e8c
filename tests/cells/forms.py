"""What cases are made of: the two schemas, placeholders, refusals and the commands around a filter or a pipeline.

CSFLE, the schema "csfle": `det` and `det2` (Deterministic strings with equal metadata), `num` (Deterministic int),
`rand` (Random string), `ptr` (Random, key by JSON Pointer), `obj` with `det`, `rand` and `plain`.
Queryable Encryption, the schema "qe": `none` (no queries), `eq`, `num` (int) and `obj.eq` (equality), `range` (int,
0 to 200), `text` (prefix and suffix), `sub` (substring). All else is plain: `plain`, `other`, `list`, `obj.plain`.
"""

COLLECTION = "people"
DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
KEY = {"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "04"}}

REGEX = {"$regularExpression": {"pattern": "a", "options": ""}}
DATE = {"$date": {"$numberLong": "0"}}
MIN_KEY = {"$minKey": 1}
MAX_KEY = {"$maxKey": 1}
UNDEFINED = {"$undefined": True}


def encrypt(algorithm, bson_type, key_id=None):
    return {"encrypt": {"algorithm": algorithm, "bsonType": bson_type, "keyId": key_id or [KEY]}}


def obj(**properties):
    return {"bsonType": "object", "properties": properties}


CSFLE = obj(
    det=encrypt(DETERMINISTIC, "string"),
    det2=encrypt(DETERMINISTIC, "string"),
    num=encrypt(DETERMINISTIC, "int"),
    rand=encrypt(RANDOM, "string"),
    ptr=encrypt(RANDOM, "string", "/keyName"),
    obj=obj(det=encrypt(DETERMINISTIC, "string"), rand=encrypt(RANDOM, "string"), plain={"bsonType": "string"}),
    plain={"bsonType": "string"},
)
OTHER = obj(det=encrypt(RANDOM, "int"), plain={"bsonType": "string"})


def field(path, bson_type, *queries):
    return {
        "path": path,
        "bsonType": bson_type,
        "keyId": {"$key": path},
        **({"queries": list(queries)} if queries else {}),
    }


def text_query(kind, **more):
    return {"queryType": kind, "strMinQueryLength": 1, "strMaxQueryLength": 9, **more}


EQUALITY = {"queryType": "equality"}
QE = {
    "fields": [
        field("none", "string"),
        field("eq", "string", EQUALITY),
        field("num", "int", EQUALITY),
        field("obj.eq", "string", EQUALITY),
        field("range", "int", {"queryType": "range", "min": 0, "max": 200}),
        field("text", "string", text_query("prefix"), text_query("suffix")),
        field("sub", "string", text_query("substring", strMaxLength=60)),
    ]
}

SCHEMAS = {"csfle": CSFLE, "qe": QE, "nothing": {}, "qe-nothing": {"fields": []}}


# ---- placeholders ----


def mark(value):
    """A value of a Deterministic field."""
    return {"$mark": {"a": 1, "v": value}}


def mark_random(value):
    return {"$mark": {"a": 2, "v": value}}


def mark_eq(value, path="eq", use=2):
    return {"$mark2": {"t": use, "a": 2, "k": path, "v": value, "cm": 8}}


def mark_none(value, path="none"):
    return {"$mark2": {"t": 1, "a": 1, "k": path, "v": value, "cm": 0}}


def mark_range(value):
    return {"$mark2": {"t": 2, "a": 3, "k": "range", "v": value, "cm": 8, "s": 2}}


def edges(lower, upper, first, second=None, lower_included=True, upper_included=True, payload=0):
    """The bound of a range that carries its ends; an end that is open is an infinite double."""
    info = {
        "lowerBound": {"$numberDouble": "-Infinity"} if lower is None else lower,
        "lbIncluded": lower_included,
        "upperBound": {"$numberDouble": "Infinity"} if upper is None else upper,
        "ubIncluded": upper_included,
        "trimFactor": 6,
        "indexMin": 0,
        "indexMax": 200,
    }
    operators = {"firstOperator": first, **({"secondOperator": second} if second else {})}
    return mark_range({"edgesInfo": info, "payloadId": payload, **operators})


def stub(first, second, payload=0):
    return mark_range({"payloadId": payload, "firstOperator": first, "secondOperator": second})


def range_pair(value, payload=0):
    """What equality with a range field becomes."""
    return {
        "$and": [
            {"range": {"$gte": edges(value, value, 2, 4, payload=payload)}},
            {"range": {"$lte": stub(2, 4, payload)}},
        ]
    }


# ---- verdicts ----


class Refused(dict):
    """The error that a case expects."""

    def __init__(self, message, path=None, code=2):
        super().__init__(code=code, message=message, **({"path": path} if path else {}))


class Open(dict):
    """A refusal whose wording no document fixes: reasons.py says the rule, and the path where the cell does not."""

    def __init__(self, path=None):
        super().__init__({"path": path} if path else {})


def answer(case, verdict):
    """`verdict`: a result, "unchanged", or a refusal."""
    return {**case, ("error" if isinstance(verdict, (Refused, Open)) else "result"): verdict}


def csfle(command, verdict):
    return answer({"schema": "csfle", "command": command}, verdict)


def qe(command, verdict):
    return answer({"encryptedFields": "qe", "command": command}, verdict)


def nothing(command, verdict="unchanged"):
    """The same where no schema of the request encrypts anything."""
    return answer({"schema": "nothing", "schemaRequiresEncryption": False, "command": command}, verdict)


def find(condition):
    return {"find": COLLECTION, "filter": condition}


def aggregate(*stages):
    return {"aggregate": COLLECTION, "pipeline": list(stages), "cursor": {}}


def rewrap(wrap, verdict, expected):
    """The verdict of a command that `wrap` has made; a result is wrapped in the same way."""
    if isinstance(verdict, (Refused, Open)) or verdict == "unchanged":
        return verdict
    return wrap(expected)


# ---- established wordings ----


def below(path, prefix=None):
    return Refused(f"Invalid operation on path '{path}' which contains an encrypted path prefix.", path)


def on_encrypted(operator, path):
    return Refused(f"Invalid match expression operator on encrypted field '{path}': {operator}", path)


def not_for_type(value_type, path):
    return Refused(f"Cannot encrypt element of type: {value_type}", path)


def random_compared(path):
    return Refused("Cannot query on fields encrypted with the randomized encryption algorithm", path)


def no_equality_index(path):
    return Refused("Can only execute encrypted equality queries with an encrypted equality index", path)


def in_expression(operator, path):
    return Refused(f"Expression '{operator}' cannot take an encrypted field", path)


def stage_not_allowed(stage):
    return Refused(f"Aggregation stage {stage} is not allowed or supported with automatic encryption")
