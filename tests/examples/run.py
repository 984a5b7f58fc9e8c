#!/usr/bin/env python3
"""Runs request and reply pairs through oc_analyze.

    run.py ORACLE FILE...

A file is an array of {name, command, expect} in Extended JSON. `expect` is one of
  {result, hasEncryptionPlaceholders, schemaRequiresEncryption}, {error: part of errmsg}, {errorAny: true},
  {marks: {path in result: mark}, noOtherMarks}, {containsMarks, noPlaintext: [field]}, {anyOf: [expect]}.
A placeholder is {"$mark1": {…}} (CSFLE) or {"$mark2": {…}} (Queryable Encryption); {"$any": …}, {"$anyOf": […]},
{"$optional": v}, {"$partial": {…}} and {"$repeat": [s, n]} stand inside values. Several spellings of one filter count as the
same; our own cases (tests/cases) compare whole replies exactly instead.
"""
import json
import struct
import subprocess
import sys

from ejson import BINARY, INT32, INT64, DOUBLE, Value, convert, decode, encode

IGNORED = {"$db", "lsid", "encryptionInformation"}
DEFAULTS = {"multi": False, "upsert": False, "ordered": True}


def expand(value):
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            return value["$repeat"][0] * value["$repeat"][1]
        return {k: expand(v) for k, v in value.items()}
    return [expand(v) for v in value] if isinstance(value, list) else value


def decode_marks(value):
    """Placeholders in a reply become {"$mark1": …} or {"$mark2": …}."""
    if isinstance(value, dict):
        return {k: decode_marks(v) for k, v in value.items()}
    if isinstance(value, list):
        return [decode_marks(v) for v in value]
    if value.type == BINARY and value.bytes[4] == 6 and value.bytes[5:6] in (b"\0", b"\3"):
        return {"$mark1" if value.bytes[5] == 0 else "$mark2": decode(value.bytes[6:])}
    return value


def is_default(key, value):
    return key in DEFAULTS and isinstance(value, Value) and value.plain() is DEFAULTS[key]


def normalise(value):
    """One form for what is read as equal."""
    if isinstance(value, list):
        return [normalise(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, v in value.items():
        v = normalise(v)
        if key in IGNORED or is_default(key, v):
            continue
        if isinstance(v, dict) and list(v) in (["$eq"], ["$const"], ["$literal"]):
            v = next(iter(v.values()))
        if key == "$and" and isinstance(v, list) and all(isinstance(m, dict) for m in v):
            if len({name for member in v for name in member}) == sum(map(len, v)):
                for member in v:
                    out.update(member)
                continue
        out[key] = sorted(v, key=repr) if key == "$in" and isinstance(v, list) else v
    return out


def same(expected, got):
    if isinstance(expected, dict):
        if set(expected) == {"$any"}:
            return True
        if set(expected) == {"$anyOf"}:
            return any(same(e, got) for e in expected["$anyOf"])
        if not isinstance(got, dict):
            return False
        if set(expected) == {"$partial"}:
            return all(k in got and same(v, got[k]) for k, v in expected["$partial"].items())
        for key, v in expected.items():
            optional = isinstance(v, dict) and set(v) == {"$optional"}
            if key not in got:
                if not optional:
                    return False
            elif not same(v["$optional"] if optional else v, got[key]):
                return False
        return set(got) <= set(expected)
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(same, expected, got))
    return expected == got


def same_number(expected, got):
    """Options may differ in their numeric type."""
    numbers = (INT32, INT64, DOUBLE)
    if isinstance(expected, Value) and isinstance(got, Value) and expected.type in numbers and got.type in numbers:
        return expected.plain() == got.plain()
    return False


def same_command(expected, got):
    if not isinstance(got, dict) or not set(got) <= set(expected):
        return False
    for key, v in expected.items():
        optional = isinstance(v, dict) and set(v) == {"$optional"}
        if key not in got:
            if not optional:
                return False
            continue
        v = v["$optional"] if optional else v
        if not same(v, got[key]) and not same_number(v, got[key]):
            return False
    return True


def at_path(value, path):
    """The value at a dotted path; names may hold dots themselves."""
    if path == "":
        return value
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        return at_path(value[int(head)], rest)
    for key in value:
        if path == key or path.startswith(key + "."):
            return at_path(value[key], path[len(key) + 1 :])
    raise KeyError(path)


def all_marks(value):
    if isinstance(value, dict):
        if list(value) in (["$mark1"], ["$mark2"]):
            yield next(iter(value.values()))
            return
        value = list(value.values())
    if isinstance(value, list):
        for v in value:
            yield from all_marks(v)


def judge_error(expect, reply):
    if reply["ok"].plain():
        return "accepted, expected an error"
    missing = [f for f in ("errmsg", "code", "codeName") if f not in reply]
    if missing:
        return "error reply without " + missing[0]
    message = reply["errmsg"].plain()
    if expect.get("error", "").lower() not in message.lower():
        return "error %r does not hold %r" % (message, expect["error"])
    return None


def judge_marks(expect, result):
    found = list(all_marks(result))
    for path, mark in expect.get("marks", {}).items():
        got = at_path(result, path)
        if not isinstance(got, dict) or not same(convert(mark), next(iter(got.values()))):
            return "at %s: %r, not %r" % (path, got, mark)
    if expect.get("noOtherMarks") and len(found) != len(expect["marks"]):
        return "%d marks, expected %d" % (len(found), len(expect["marks"]))
    for mark in expect.get("containsMarks", []):
        wanted = next(iter(mark.values())) if list(mark) in (["$mark1"], ["$mark2"]) else mark
        if not any(same(normalise(convert(wanted)), normalise(m)) for m in found):
            return "no mark %r in %r" % (mark, result)
    return None


def judge(expect, reply):
    """None if the reply is as expected, else what is wrong."""
    if "anyOf" in expect:
        wrong = [judge(e, reply) for e in expect["anyOf"]]
        return None if None in wrong else "; ".join(wrong)
    if "error" in expect or "errorAny" in expect:
        return judge_error(expect, reply)
    if not reply["ok"].plain():
        return "refused: " + reply["errmsg"].plain()
    result = decode_marks(reply["result"])
    for flag in ("hasEncryptionPlaceholders", "schemaRequiresEncryption"):
        if flag in expect and reply[flag].plain() != expect[flag]:
            return "%s is %r" % (flag, reply[flag])
    if "result" in expect:
        want, got = normalise(convert(expect["result"])), normalise(result)
        if not same_command(want, got):
            return "result is\n        %r\n    not\n        %r" % (got, want)
    return judge_marks(expect, result)


def ask(oracle, command):
    oracle.stdin.write(encode(command))
    oracle.stdin.flush()
    head = oracle.stdout.read(4)
    if len(head) < 4:
        raise SystemExit("oc_analyze ended: %s" % oracle.wait())
    return decode(head + oracle.stdout.read(struct.unpack("<i", head)[0] - 4))


def main(argv):
    oracle = subprocess.Popen([argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    passed = failed = 0
    for path in argv[2:]:
        with open(path) as f:
            cases = expand(json.load(f))
        for case in cases:
            reply = ask(oracle, convert(case["command"]))
            wrong = judge(case["expect"], reply)
            if wrong is None:
                passed += 1
            else:
                failed += 1
                print("%s: %s:\n    %s" % (path.rsplit("/", 1)[-1], case["name"], wrong))
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
