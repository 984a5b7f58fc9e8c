"""BSON and MongoDB Extended JSON v2 in plain Python, without loss: every BSON type keeps its type and its bytes.

A document is a dict, an array a list; any other value is a Value with its BSON type and its bytes.
"""
import base64
import calendar
import datetime

import struct


class Value:
    __slots__ = ("type", "bytes")

    def __init__(self, type_, bytes_):
        self.type, self.bytes = type_, bytes_

    def __eq__(self, other):
        return isinstance(other, Value) and (self.type, self.bytes) == (other.type, other.bytes)

    def __hash__(self):
        return hash((self.type, self.bytes))

    def __repr__(self):
        value = self.plain()
        return "%s(%r)" % (NAMES.get(self.type, hex(self.type)), self.bytes if value is None else value)

    def plain(self):
        """The Python value of numbers, strings and booleans, else None."""
        if self.type in NUMBERS:
            return struct.unpack(NUMBERS[self.type], self.bytes)[0]
        if self.type == STRING:
            return self.bytes[4:-1].decode("utf-8", "replace")
        return bool(self.bytes[0]) if self.type == BOOL else None


DOUBLE, STRING, DOCUMENT, ARRAY, BINARY, UNDEFINED, OID, BOOL, DATE, NULL, REGEX = range(1, 12)
DBPOINTER, CODE, SYMBOL, CODE_SCOPE, INT32, TIMESTAMP, INT64, DECIMAL = range(12, 20)
MINKEY, MAXKEY = 0xFF, 0x7F
NUMBERS = {DOUBLE: "<d", INT32: "<i", INT64: "<q"}
NAMES = {DOUBLE: "double", STRING: "string", BINARY: "binary", INT32: "int", INT64: "long", BOOL: "bool", NULL: "null"}


def text(type_, string):
    data = string.encode() + b"\0"
    return Value(type_, struct.pack("<i", len(data)) + data)


def binary(subtype, data):
    return Value(BINARY, struct.pack("<iB", len(data), subtype) + data)


# ---- BSON ----


def encode(doc):
    items = enumerate(doc) if isinstance(doc, list) else doc.items()
    body = b""
    for name, value in items:
        if isinstance(value, dict):
            type_, data = DOCUMENT, encode(value)
        elif isinstance(value, list):
            type_, data = ARRAY, encode(value)
        else:
            type_, data = value.type, value.bytes
        body += bytes([type_]) + str(name).encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def size_at(type_, data, at):
    fixed = {DOUBLE: 8, OID: 12, BOOL: 1, DATE: 8, INT32: 4, TIMESTAMP: 8, INT64: 8, DECIMAL: 16}
    if type_ in fixed:
        return fixed[type_]
    if type_ in (UNDEFINED, NULL, MINKEY, MAXKEY):
        return 0
    if type_ == REGEX:
        return data.index(b"\0", data.index(b"\0", at) + 1) + 1 - at
    n = struct.unpack_from("<i", data, at)[0]
    return {BINARY: 5 + n, DBPOINTER: 4 + n + 12, DOCUMENT: n, ARRAY: n, CODE_SCOPE: n}.get(type_, 4 + n)


def decode(data, array=False):
    out, at = {}, 4
    while data[at]:
        type_, end = data[at], data.index(b"\0", at)
        name, at = data[at + 1 : end].decode("utf-8", "replace"), end + 1
        size = size_at(type_, data, at)
        value = data[at : at + size]
        out[name] = decode(value, type_ == ARRAY) if type_ in (DOCUMENT, ARRAY) else Value(type_, value)
        at += size
    return list(out.values()) if array else out


# ---- Extended JSON ----


def decimal128(string):
    sign, digits, exponent = 0, string.lower(), 0
    if digits[:1] in "+-":
        sign, digits = digits[0] == "-", digits[1:]
    if digits in ("nan", "infinity", "inf"):
        high = 0x7C << 56 if digits == "nan" else 0x78 << 56
        return Value(DECIMAL, struct.pack("<QQ", 0, high | sign << 63))
    if "e" in digits:
        digits, exponent = digits.split("e")
        exponent = int(exponent)
    if "." in digits:
        exponent -= len(digits.split(".")[1])
        digits = digits.replace(".", "")
    number = int(digits)
    biased = exponent + 6176
    return Value(DECIMAL, struct.pack("<QQ", number & (1 << 64) - 1, sign << 63 | biased << 49 | number >> 64))


def milliseconds(value):
    if isinstance(value, Value):
        return value.plain()
    moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return calendar.timegm(moment.utctimetuple()) * 1000 + moment.microsecond // 1000


def special(obj):
    """The BSON value of an object with `$` names, None if it is an ordinary object."""
    names, first = set(obj), obj.get
    if names == {"$numberInt"}:
        return Value(INT32, struct.pack("<i", int(obj["$numberInt"])))
    if names == {"$numberLong"}:
        return Value(INT64, struct.pack("<q", int(obj["$numberLong"])))
    if names == {"$numberDouble"}:
        return Value(DOUBLE, struct.pack("<d", float(obj["$numberDouble"].replace("Infinity", "inf"))))
    if names == {"$numberDecimal"}:
        return decimal128(obj["$numberDecimal"])
    if names == {"$oid"}:
        return Value(OID, bytes.fromhex(obj["$oid"]))
    if names == {"$date"}:
        value = convert(obj["$date"]) if isinstance(obj["$date"], dict) else obj["$date"]
        return Value(DATE, struct.pack("<q", milliseconds(value)))
    if names == {"$binary"} and isinstance(obj["$binary"], dict):
        return binary(int(obj["$binary"]["subType"], 16), base64.b64decode(obj["$binary"]["base64"]))
    if names == {"$uuid"}:
        return binary(4, bytes.fromhex(obj["$uuid"].replace("-", "")))
    if names == {"$timestamp"}:
        return Value(TIMESTAMP, struct.pack("<II", obj["$timestamp"]["i"], obj["$timestamp"]["t"]))
    if names == {"$regularExpression"}:
        regex = obj["$regularExpression"]
        return Value(REGEX, regex["pattern"].encode() + b"\0" + regex["options"].encode() + b"\0")
    if names == {"$dbPointer"}:
        pointer = obj["$dbPointer"]
        return Value(DBPOINTER, text(STRING, pointer["$ref"]).bytes + bytes.fromhex(pointer["$id"]["$oid"]))
    if names == {"$code", "$scope"}:
        data = text(STRING, first("$code")).bytes + encode(convert(first("$scope")))
        return Value(CODE_SCOPE, struct.pack("<i", len(data) + 4) + data)
    if names == {"$code"}:
        return text(CODE, obj["$code"])
    if names == {"$symbol"}:
        return text(SYMBOL, obj["$symbol"])
    marks = {"$undefined": UNDEFINED, "$minKey": MINKEY, "$maxKey": MAXKEY}
    return Value(marks[next(iter(names))], b"") if len(names) == 1 and names <= set(marks) else None


def convert(value):
    if isinstance(value, dict):
        found = special(value)
        return found if found is not None else {k: convert(v) for k, v in value.items()}
    if isinstance(value, list):
        return [convert(v) for v in value]
    if isinstance(value, bool):
        return Value(BOOL, bytes([value]))
    if value is None:
        return Value(NULL, b"")
    if isinstance(value, str):
        return text(STRING, value)
    if isinstance(value, float):
        return Value(DOUBLE, struct.pack("<d", value))
    small = -(1 << 31) <= value < 1 << 31
    return Value(INT32, struct.pack("<i", value)) if small else Value(INT64, struct.pack("<q", value))


