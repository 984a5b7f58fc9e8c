#!/usr/bin/python3
"""Runs request and reply pairs in the format of the workplace's shared/examples through oc_analyze.

    run.py ORACLE [--expect-unsupported] FILE...

The format and what it reads as equal are described in that folder's README: expected replies are partial, and several
spellings of one filter count as the same. Our own cases (tests/cases) compare whole replies exactly instead.
"""
import struct
import subprocess
import sys

import bson
from bson import json_util
from bson.binary import Binary, UUID_SUBTYPE
from bson.codec_options import CodecOptions
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument  # noqa: F401  (a hint for the reader: replies are decoded by bson.decode)
from bson.son import SON
from collections import OrderedDict

OPTIONS = CodecOptions(document_class=SON, uuid_representation=0)
JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, document_class=OrderedDict, strict_uuid=False, uuid_representation=0, tz_aware=True
)
IGNORED = {"$db", "lsid", "encryptionInformation"}
DEFAULTS = {"multi": False, "upsert": False, "ordered": True}
UNSUPPORTED = "not supported yet"


def convert(value):
    """Plain JSON with Extended JSON inside, to Python's BSON values; {"$repeat": [s, n]} is a string."""
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            return value["$repeat"][0] * value["$repeat"][1]
        return SON((k, convert(v)) for k, v in value.items())
    if isinstance(value, list):
        return [convert(v) for v in value]
    return value


def load(path):
    with open(path) as f:
        return json_util.loads(f.read(), json_options=JSON)


def decode_marks(value):
    """Placeholders in a reply become {"$mark1": …} or {"$mark2": …}."""
    if isinstance(value, dict):
        return SON((k, decode_marks(v)) for k, v in value.items())
    if isinstance(value, list):
        return [decode_marks(v) for v in value]
    if isinstance(value, Binary) and value.subtype == 6 and value[:1] in (b"\0", b"\3"):
        inner = bson.decode(bytes(value[1:]), OPTIONS)
        return SON([("$mark1" if value[0] == 0 else "$mark2", inner)])
    return value


def normalise(value, in_mark=False):
    """One form for what the README reads as equal."""
    if isinstance(value, list):
        return [normalise(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = SON()
    for key, v in value.items():
        if key in IGNORED:
            continue
        v = normalise(v)
        if key in DEFAULTS and v == DEFAULTS[key]:
            continue
        if isinstance(v, dict) and list(v) in (["$eq"], ["$const"], ["$literal"]):
            v = list(v.values())[0]
        if key == "$and" and isinstance(v, list) and all(isinstance(m, dict) for m in v):
            for member in v:
                out.update(member)
            continue
        if key == "$in" and isinstance(v, list):
            v = sorted(v, key=repr)
        out[key] = v
    return out


def same(expected, got):
    if isinstance(expected, dict):
        if set(expected) == {"$any"}:
            return True
        if set(expected) == {"$anyOf"}:
            return any(same(e, got) for e in expected["$anyOf"])
        if set(expected) == {"$partial"}:
            return isinstance(got, dict) and all(k in got and same(v, got[k]) for k, v in expected["$partial"].items())
        if not isinstance(got, dict):
            return False
        for key, v in expected.items():
            optional = isinstance(v, dict) and set(v) == {"$optional"}
            if key not in got:
                if optional:
                    continue
                return False
            if not same(v["$optional"] if optional else v, got[key]):
                return False
        return set(got) <= set(expected)
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(same, expected, got))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return expected == got or (expected != expected and got != got)
    return type(expected) == type(got) and expected == got or expected == got


def at_path(value, path):
    """The value at a dotted path; names with dots in them are tried longest first."""
    if path == "":
        return value
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        return at_path(value[int(head)], rest)
    for key in value:
        if path == key or path.startswith(key + "."):
            return at_path(value[key], path[len(key) + 1 :])
    raise KeyError(path)


def all_marks(value, path=""):
    if isinstance(value, dict):
        if list(value) in (["$mark1"], ["$mark2"]):
            yield path, list(value.values())[0]
            return
        for k, v in value.items():
            yield from all_marks(v, path + "." + k if path else k)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from all_marks(v, "%s.%d" % (path, i) if path else str(i))


def judge(expect, reply):
    """None if the reply is as expected, else what is wrong."""
    if "anyOf" in expect:
        wrong = [judge(e, reply) for e in expect["anyOf"]]
        return None if None in wrong else "; ".join(wrong)
    if "error" in expect or "errorAny" in expect:
        if reply["ok"]:
            return "accepted, expected an error"
        for field in ("errmsg", "code", "codeName"):
            if field not in reply:
                return "error reply without " + field
        if expect.get("error", "").lower() not in reply["errmsg"].lower():
            return "error %r does not hold %r" % (reply["errmsg"], expect["error"])
        return None
    if not reply["ok"]:
        return "refused: " + reply["errmsg"]
    result = decode_marks(reply["result"])
    for flag in ("hasEncryptionPlaceholders", "schemaRequiresEncryption"):
        if flag in expect and bool(reply[flag]) != expect[flag]:
            return "%s is %r" % (flag, reply[flag])
    if "result" in expect and not same(normalise(expect["result"]), normalise(result)):
        return "result is\n        %r\n    not\n        %r" % (normalise(result), normalise(expect["result"]))
    for path, mark in expect.get("marks", {}).items():
        got = at_path(result, path)
        if not isinstance(got, dict) or not same(normalise(mark), normalise(list(got.values())[0])):
            return "at %s: %r, not %r" % (path, got, mark)
    found = list(all_marks(result))
    if expect.get("noOtherMarks") and len(found) != len(expect["marks"]):
        return "%d marks, expected %d" % (len(found), len(expect["marks"]))
    for mark in expect.get("containsMarks", []):
        if not any(same(normalise(mark), normalise(m)) for _, m in found):
            return "no mark %r in %r" % (mark, result)
    return None


def ask(oracle, command):
    data = bson.encode(command, codec_options=OPTIONS)
    oracle.stdin.write(data)
    oracle.stdin.flush()
    head = oracle.stdout.read(4)
    if len(head) < 4:
        raise SystemExit("oc_analyze ended: %s" % oracle.wait())
    body = oracle.stdout.read(struct.unpack("<i", head)[0] - 4)
    return bson.decode(head + body, OPTIONS)


def main(argv):
    tolerate = "--expect-unsupported" in argv
    argv = [a for a in argv if a != "--expect-unsupported"]
    oracle = subprocess.Popen([argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    passed = failed = unsupported = 0
    for path in argv[2:]:
        for case in load(path):
            reply = ask(oracle, convert(case["command"]))
            wrong = judge(convert(case["expect"]), reply)
            if wrong is None:
                passed += 1
            elif tolerate and not reply["ok"] and UNSUPPORTED in reply["errmsg"]:
                unsupported += 1
            else:
                failed += 1
                print("%s: %s:\n    %s" % (path.rsplit("/", 1)[-1], case["name"], wrong))
    if unsupported:
        print("%d refused as not supported yet" % unsupported)
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
