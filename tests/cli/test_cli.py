#!/usr/bin/env python3
"""The checker seen from outside: what it prints, where, and its exit status. Standard library only.

    test_cli.py PATH-OF-OPENCRYPT [--store PATH-OF-OC_STORE] [--golden] [unittest arguments]

Golden files are in golden/; --golden writes them anew.
"""
import gzip
import json
import os
import pty
import re
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
OPENCRYPT = STORE = None
WRITE_GOLDEN = False
SECRET = "s3cr3t"
SECRET_NUMBER = "90210"
WORD = "Mustermann"
MAP = "schemas/map.yaml"
CLEAN, REFUSED, TROUBLE = 0, 1, 2


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


def run(*arguments, stdin=b"", environment=None):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([OPENCRYPT, *arguments], input=stdin, capture_output=True, cwd=HERE, timeout=120,
                          env={**os.environ, **(environment or {})})
    return Result(done.returncode, done.stdout, done.stderr.decode())


def check(*arguments, **options):
    return run("check", *arguments, **options)


def report(*arguments, **options):
    """The JSON report; its bytes must be JSON whatever the input was."""
    result = check("--format", "json", *arguments, **options)
    assert result.status in (CLEAN, REFUSED), result.err
    return json.loads(result.out)


def mark(command, *arguments):
    return run("mark", *arguments, stdin=json.dumps(command))


def shapes(*commands, schema=MAP):
    lines = "\n".join(json.dumps({**command, "$db": "hr"}) for command in commands)
    return report("--schema", schema, stdin=lines)["shapes"]


# ---- BSON, as much as is needed ----

class RawElement:
    def __init__(self, kind, content):
        self.kind, self.content = kind, content


def bson(document):
    body = b"".join(bson_element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def bson_element(name, value):
    name = name.encode() + b"\0"
    if isinstance(value, RawElement):
        return value.kind + name + value.content
    if isinstance(value, bool):
        return b"\x08" + name + (b"\1" if value else b"\0")
    if isinstance(value, int):
        return b"\x10" + name + struct.pack("<i", value)
    if isinstance(value, bytes):  # a string of any bytes
        return b"\x02" + name + struct.pack("<i", len(value) + 1) + value + b"\0"
    if isinstance(value, str):
        return bson_element(name[:-1].decode(), value.encode())
    if isinstance(value, list):
        return b"\x04" + name + bson({str(i): member for i, member in enumerate(value)})
    return b"\x03" + name + bson(value)


class Case(unittest.TestCase):
    maxDiff = None

    def assert_status(self, expected, result):
        self.assertEqual(expected, result.status, result.err + result.out.decode(errors="replace")[:2000])

    def assert_golden(self, name, text):
        path = os.path.join(HERE, "golden", name)
        if WRITE_GOLDEN:
            with open(path, "w") as file:
                file.write(text)
        with open(path) as file:
            self.assertEqual(file.read(), text)

    def assert_trouble(self, part, result):
        self.assert_status(TROUBLE, result)
        self.assertIn(part, result.err)
        self.assertTrue(result.err.startswith("opencrypt: "), result.err)
        self.assertEqual(b"", result.out)

    def file(self, content, name="file"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path


class Golden(Case):
    """Whole reports of one input of each kind."""

    def reports(self, name):
        table = check("--schema", MAP, "inputs/" + name)
        self.assert_golden(name + ".table", table.out.decode() + "\n" + table.err)
        self.assert_status(REFUSED, table)
        as_json = check("--schema", MAP, "--format", "json", "inputs/" + name)
        self.assert_golden(name + ".json", re.sub(r"opencrypt [0-9.]+", "opencrypt VERSION", as_json.out.decode()))
        self.assert_status(REFUSED, as_json)
        self.assertEqual(table.err, as_json.err)
        kind = {"commands.jsonl": "commands", "mongod.log": "log", "profile.json": "profile", "driver.log": "monitoring"}[name]
        named = check("--schema", MAP, "--input", kind, "--format", "json", "inputs/" + name)
        self.assertEqual(as_json.out, named.out)

    def test_commands(self):
        self.reports("commands.jsonl")

    def test_server_log(self):
        self.reports("mongod.log")

    def test_profile(self):
        self.reports("profile.json")

    def test_driver_log(self):
        self.reports("driver.log")

    def test_counts_add_up(self):
        for name in os.listdir(os.path.join(HERE, "inputs")):
            whole = report("--schema", MAP, "inputs/" + name)
            summary = whole["summary"]
            self.assertEqual(summary["commands"], sum(shape["count"] for shape in whole["shapes"]))
            self.assertEqual(summary["notAnalysed"], sum(entry["count"] for entry in whole["notAnalysed"]))
            self.assertEqual(summary["unreadable"], sum(entry["count"] for entry in whole["unreadable"]))
            with open(os.path.join(HERE, "inputs", name)) as file:
                records = sum(1 for line in file)
            self.assertEqual(records, sum(summary[part] for part in ("commands", "notAnalysed", "unreadable", "otherRecords")))


class Verdicts(Case):
    def one(self, command, schema=MAP):
        found = shapes(command, schema=schema)
        self.assertEqual(1, len(found))
        return found[0]

    def refused(self, command, rule, path, schema=MAP):
        found = self.one(command, schema)
        self.assertEqual(("refused", rule, path), (found["verdict"], found.get("refusal", {}).get("rule"), found["refusal"]["path"]))
        self.assertEqual([], found["placeholders"])
        return found["refusal"]

    def marked(self, command, *expected, schema=MAP):
        found = self.one(command, schema)
        self.assertEqual("marked", found["verdict"], found)
        self.assertEqual(list(expected), [(p["path"], p["algorithm"]) for p in found["placeholders"]])

    def passes(self, command):
        self.assertEqual("passes", self.one(command)["verdict"])

    def test_refusals(self):
        refusal = self.refused({"find": "people", "filter": {"salary": {"$gt": 5}}}, "operator-on-encrypted", "salary")
        self.assertEqual(("$gt", 2, "BadValue"), (refusal["operator"], refusal["code"], refusal["codeName"]))
        self.assertIn("only be asked for by $exists", refusal["hint"])
        self.refused({"find": "people", "filter": {"salary": 5}}, "random-compared", "salary")
        self.refused({"find": "staff", "filter": {"notes": "x"}}, "qe-index", "notes")
        self.refused({"insert": "people", "documents": [{"ssn": 5}]}, "value-type", "ssn")
        self.refused({"explain": {"find": "people", "filter": {"salary": 5}}}, "random-compared", "salary")

    def test_what_drivers_refuse(self):
        self.refused({"mapReduce": "people"}, "driver-command", "")
        self.refused({"collStats": "people"}, "driver-command", "")
        two = {"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}], "nsInfo": [{"ns": "hr.a"}, {"ns": "hr.b"}]}
        self.refused(two, "driver-bulk-write", "nsInfo")
        self.refused({"aggregate": "people", "pipeline": [{"$unionWith": "other"}], "cursor": {}}, "driver-union-with", "")

    def test_marks(self):
        self.marked({"find": "people", "filter": {"$or": [{"ssn": "a"}, {"ssn": {"$in": ["b", "c"]}}]}}, ("ssn", "deterministic"))
        self.marked({"insert": "people", "documents": [{"address": {"street": "a", "city": "b"}}]},
                    ("address.street", "random"), ("address.city", "random"))
        self.marked({"find": "staff", "filter": {"user.mail": "a", "age": 5}}, ("user.mail", "equality"), ("age", "range"))
        self.marked({"findAndModify": "staff", "query": {"user.mail": "a"}, "update": {"$set": {"notes": "x"}}},
                    ("user.mail", "equality"), ("notes", "unindexed"))

    def test_a_field_is_found_where_its_path_is_not_in_the_command(self):
        self.marked({"find": "people", "filter": {"$expr": {"$eq": ["$ssn", "a"]}}}, ("ssn", "deterministic"))
        self.marked({"aggregate": "people", "cursor": {}, "pipeline": [{"$project": {"x": "$ssn"}}, {"$match": {"x": "a"}}]},
                    ("ssn", "deterministic"))

    def test_passes(self):
        self.passes({"find": "people", "filter": {"name": "x"}})
        self.passes({"find": "other", "filter": {"ssn": "x"}})
        self.passes({"aggregate": "people", "pipeline": [{"$match": {"name": "x"}}], "cursor": {}})

    def test_several_collections(self):
        """Each of the forms in which drivers send several schemas."""
        lookup = {"$lookup": {"from": "people", "pipeline": [{"$match": {"ssn": "x"}}], "as": "p"}}
        self.marked({"aggregate": "other", "pipeline": [lookup], "cursor": {}}, ("ssn", "deterministic"))
        facet = {"$facet": {"a": [{"$unionWith": {"coll": "people", "pipeline": [{"$match": {"ssn": "x"}}]}}]}}
        self.marked({"aggregate": "other", "pipeline": [facet], "cursor": {}}, ("ssn", "deterministic"))
        lookup = {"$lookup": {"from": "staff", "pipeline": [{"$match": {"user.mail": "x"}}], "as": "p"}}
        self.marked({"aggregate": "other", "pipeline": [lookup], "cursor": {}}, ("user.mail", "equality"))
        self.refused({"aggregate": "people", "pipeline": [lookup], "cursor": {}}, "schema-source", "")

    def test_bulk_write(self):
        def bulk(collection, operation):
            return {"bulkWrite": 1, "ops": [operation], "nsInfo": [{"ns": "hr." + collection}]}
        self.marked(bulk("staff", {"insert": 0, "document": {"age": 5}}), ("age", "range"))
        self.marked(bulk("people", {"update": 0, "filter": {"ssn": "x"}, "updateMods": {"$set": {"salary": 5}}}),
                    ("ssn", "deterministic"), ("salary", "random"))
        self.refused(bulk("people", {"delete": 0, "filter": {"salary": 5}}), "random-compared", "salary")
        self.passes(bulk("other", {"insert": 0, "document": {"ssn": 5}}))

    def test_create_goes_by_its_own_schema(self):
        encrypted = {"encrypt": {"bsonType": "string", "algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic",
                                 "keyId": [{"$uuid": "11d58b8a-0c6c-4d69-a0bd-70c6d9befae9"}]}}
        own = {"$jsonSchema": {"bsonType": "object", "properties": {"a": encrypted}}}
        self.passes({"create": "other", "validator": own})
        encrypted["encrypt"]["algorithm"] = "rot13"
        self.refused({"create": "other", "validator": own}, "schema-encrypt", "/properties/a/encrypt/algorithm")
        self.refused({"collMod": "people", "validator": own}, "schema-encrypt", "/properties/a/encrypt/algorithm")
        self.refused({"create": "other", "encryptedFields": {"fields": [{"path": "a", "bsonType": "none"}]}}, "schema-type", "/fields/0/bsonType")
        self.passes({"create": "other", "encryptedFields": {"fields": [{"path": "a", "bsonType": "string", "keyId": None}]}})

    def test_schemas_that_the_command_brought_do_not_count(self):
        self.refused({"find": "people", "filter": {"salary": 5}, "jsonSchema": {}, "isRemoteSchema": False}, "random-compared", "salary")

    def test_a_verdict_that_hangs_on_a_value_divides_the_shape(self):
        found = shapes({"insert": "people", "documents": [{"ssn": "a"}]}, {"insert": "people", "documents": [{"ssn": None}]},
                       {"find": "people", "hint": "a", "collation": {"locale": "simple"}, "filter": {"ssn": "x"}},
                       {"find": "people", "hint": "a", "collation": {"locale": "fr"}, "filter": {"ssn": "x"}})
        self.assertEqual(["marked", "marked", "refused", "refused"], sorted(shape["verdict"] for shape in found))


class Shapes(Case):
    def shape(self, command):
        return shapes(command)[0]["shape"]

    def test_commands_that_differ_in_values_are_one(self):
        found = shapes(*({"find": "people", "filter": {"ssn": "a%d" % i, "n": {"$in": list(range(i + 1))}}, "skip": i}
                         for i in range(50)))
        self.assertEqual([50], [shape["count"] for shape in found])

    def test_types_are_kept_apart(self):
        for values in (["a", 1], [1, 2**40], [1, 1.5], [None, 1], [True, "a"], [{}, []], [[1], ["a"]]):
            self.assertEqual(2, len(shapes(*({"find": "other", "filter": {"a": value}} for value in values))), values)

    def test_inserts_fold_by_the_fields_of_their_documents(self):
        one = {"insert": "other", "documents": [{"a": 1}]}
        many = {"insert": "other", "documents": [{"a": i} for i in range(100)]}
        mixed = {"insert": "other", "documents": [{"a": 1}, {"b": 1}, {"a": 2}]}
        found = shapes(one, many, mixed)
        self.assertEqual({'{insert: "other", documents: [{a: <int>}]}': 2, '{insert: "other", documents: [{a: <int>}, {b: <int>}]}': 1},
                         {shape["shape"]: shape["count"] for shape in found})

    def test_what_is_shown(self):
        for command, expected in [
            ({"find": "c", "filter": {"a": "x"}, "sort": {"b": -1, "c": 5}, "projection": {"a": 1, "b": False}, "limit": 5, "batchSize": 7},
             '{find: "c", filter: {a: <string>}, sort: {b: -1, c: 1}, projection: {a: 1, b: 0}, limit: <number>}'),
            ({"find": "c", "filter": {"$and": [{"a": {"$not": {"$gt": 5}}}, {"b": {"$exists": True}}, {"c d": {"e": 5}}]}},
             '{find: "c", filter: {$and: [{a: {$not: {$gt: <int>}}}, {b: {$exists: true}}, {"c d": {e: <int>}}]}}'),
            ({"find": "c", "collation": {"locale": "fr_CA", "strength": 2, "caseLevel": True}, "sort": {"s": {"$meta": "textScore"}}},
             '{find: "c", collation: {locale: "fr_CA", strength: 2, caseLevel: true}, sort: {s: {$meta: "textScore"}}}'),
            ({"aggregate": "c", "cursor": {}, "pipeline": [{"$merge": {"into": {"db": "d", "coll": "e"}, "on": ["a", "b"], "whenMatched": "merge"}}]},
             '{aggregate: "c", pipeline: [{$merge: {into: {db: "d", coll: "e"}, on: ["a", "b"], whenMatched: <string>}}]}'),
            ({"find": "c", "filter": {"$expr": {"$eq": ["$a", "x"]}}}, '{find: "c", filter: {$expr: {$eq: ["$a", <string>]}}}'),
            ({"distinct": "c", "key": "a.b", "query": {}}, '{distinct: "c", key: "a.b", query: {}}'),
            ({"update": "c", "updates": [{"q": {"a": 1}, "u": {"$rename": {"a": "b"}, "$set": {"c": [1, 2, "x"]}}, "multi": True}]},
             '{update: "c", updates: [{q: {a: <int>}, u: {$rename: {a: "b"}, $set: {c: [<int>, <string>]}}, multi: true}]}'),
            ({"update": "c", "updates": [{"q": {}, "u": [{"$set": {"a": "$b", "c": "x"}}, {"$unset": "d"}]}]},
             '{update: "c", updates: [{q: {}, u: [{$set: {a: "$b", c: <string>}}, {$unset: "d"}]}]}'),
            ({"aggregate": "c", "cursor": {}, "pipeline": [{"$unwind": "$a"}, {"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$limit": 5}]},
             '{aggregate: "c", pipeline: [{$unwind: "$a"}, {$group: {_id: "$a", n: {$sum: <int>}}}, {$limit: <int>}]}'),
            ({"explain": {"find": "c", "filter": {"a": 1}}, "verbosity": "queryPlanner"},
             '{explain: {find: "c", filter: {a: <int>}}, verbosity: <string>}'),
            ({"find": "c", "filter": {"a": {"$date": "2026-01-01T00:00:00Z"}, "b": {"$oid": "0" * 24}, "c": {"$numberDecimal": "1"},
                                     "d": {"$binary": {"base64": "AAAA", "subType": "06"}}, "e": {"$minKey": 1}}},
             '{find: "c", filter: {a: <date>, b: <objectId>, c: <decimal>, d: <encrypted>, e: <minKey>}}'),
        ]:
            with self.subTest(command=command):
                self.assertEqual(expected, self.shape(command))

    def test_beyond_the_limit_shapes_are_counted_together(self):
        lines = "\n".join(json.dumps({"find": "other", "filter": {"f%d" % i: 1}, "$db": "hr"}) for i in range(100))
        found = report("--schema", MAP, "--max-shapes", "10", stdin=lines)
        self.assertEqual(100, found["summary"]["commands"])
        self.assertEqual([90] + [1] * 10, [shape["count"] for shape in found["shapes"]])
        self.assertEqual("(all other shapes)", found["shapes"][0]["shape"])

    def test_beyond_the_limit_collections_are_counted_together_too(self):
        lines = "\n".join(json.dumps({"find": "c%d" % i, "filter": {}, "$db": "hr"}) for i in range(100))
        found = report("--schema", MAP, "--max-shapes", "10", stdin=lines)
        self.assertEqual(100, found["summary"]["commands"])
        self.assertEqual([80] + [1] * 20, [shape["count"] for shape in found["shapes"]])
        self.assertEqual("(other collections)", found["shapes"][0]["namespace"])

    def test_a_long_shape_is_cut_off(self):
        found = shapes({"find": "other", "filter": {"é%d" % i: 1 for i in range(2000)}},
                       {"find": "other", "filter": {"é%d" % (i + (i == 1999)): 1 for i in range(2000)}})
        self.assertEqual(2, len(found))
        for shape in found:
            self.assertLess(len(shape["shape"].encode()), 4200)
            self.assertTrue(shape["shape"].endswith("..."))


class Secrets(Case):
    """No value of a command is printed by check, in no format, for no input, not in complaints."""

    PLACES = [
        {"find": "people", "filter": {"ssn": SECRET, "a": {"b": SECRET}, "$comment": SECRET, "c": {"$regex": SECRET}, "d": {"$in": [SECRET, "$" + SECRET]},
                                      "e": {"$elemMatch": {"f": SECRET}}, "$where": SECRET, "$text": {"$search": SECRET}, "g": "$" + SECRET},
         "comment": SECRET, "hint": SECRET, "min": {"a": SECRET}, "sort": {"a": SECRET}, "projection": {"a": SECRET, "b": {"$slice": 90210}}},
        {"find": "people", "filter": {"$expr": {"$and": [{"$eq": ["$a", SECRET]}, {"$in": ["$a", [SECRET]]}, {"$eq": ["$a", {"$literal": "$" + SECRET}]}]}},
         "let": {"x": SECRET}},
        {"insert": "people", "documents": [{"ssn": SECRET, "a": [SECRET, [SECRET]], "b": {"field": SECRET, "as": SECRET, "c": "$" + SECRET}}]},
        {"update": "people", "updates": [{"q": {"a": SECRET}, "u": {"$set": {"a": "$" + SECRET}, "$push": {"b": {"$each": [SECRET]}}, "$pull": {"c": SECRET}},
                                          "arrayFilters": [{"x": SECRET}], "hint": SECRET}]},
        {"update": "people", "updates": [{"q": {}, "u": [{"$set": {"a": SECRET, "b": {"$literal": "$" + SECRET}, "field": SECRET, "as": SECRET}}],
                                          "c": {"v": SECRET}}]},
        {"aggregate": "people", "cursor": {}, "pipeline": [
            {"$match": {"a": SECRET}}, {"$addFields": {"as": SECRET, "field": SECRET, "sortBy": SECRET, "x": {"$concat": [SECRET, "$a"]}}},
            {"$lookup": {"from": "other", "let": {"v": SECRET}, "pipeline": [{"$match": {"x": SECRET}}], "as": "y"}},
            {"$facet": {"f": [{"$match": {"x": SECRET}}]}}, {"$bucket": {"groupBy": "$a", "boundaries": [SECRET, SECRET + "1"]}},
            {"$merge": {"into": "o", "let": {"v": SECRET}, "whenMatched": [{"$set": {"a": SECRET}}]}}]},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$search": {"text": {"query": "$" + SECRET, "path": "a"}}}]},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$rankFusion": {"input": {"pipelines": {"a": [{"$match": {"x": "$" + SECRET}}]}}}}]},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$documents": [{"a": SECRET}]}, {"$project": {"as": SECRET, "field": SECRET}}]},
        {"aggregate": "people", "cursor": {}, "pipeline": [
            {"$lookup": {"from": {"x": SECRET}, "foo": {"bar": SECRET}, "as": "y"}}, {"$unwind": {"path": "$a", "x": SECRET}}, {"$out": {"db": "d", "x": SECRET}},
            {"$merge": {"into": "o", "x": SECRET, "whenMatched": SECRET, "whenNotMatched": SECRET}}, {"$sort": {"a": {"$meta": SECRET}}}]},
        {"find": "people", "filter": {}, "collation": {"locale": SECRET}, "let": {"a": "$" + SECRET}, "projection": {"a": {"$meta": SECRET}}},
        {"eval": "function() { " + SECRET + " }"},
        {"findAndModify": "people", "query": {"a": SECRET}, "update": {"a": SECRET, "$" + "x": SECRET}},
        {"createIndexes": "people", "indexes": [{"key": {"a": 1}, "name": "a_1", "partialFilterExpression": {"ssn": SECRET}}]},
        {"create": "people", "validator": {"ssn": SECRET}},
        {"count": "people", "query": SECRET},
        {"distinct": "people", "key": "a", "query": {"a": SECRET}},
        {"find": "people", "filter": SECRET, SECRET[:0] + "unknown": SECRET},
        {"find": "people", "filter": {}, "projection": {"a": {"$literal": "$" + SECRET}, "b": {"c": {"$const": ["$" + SECRET]}}}},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$project": {"a": {"$literal": "$" + SECRET}}}, {"$densify": SECRET}, {"$lookup": [SECRET]}]},
        {"find": "people", "filter": {"a": {"$eq": {"$expr": "$" + SECRET}}, "$expr": {"$function": {"body": "$" + SECRET, "lang": "$" + SECRET, "args": []}}}},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$group": {"_id": "$a", "b": {"$accumulator": {"init": "$" + SECRET, "accumulateArgs": []}}}}]},
        {"find": "people", "filter": {"$expr": {"$or": [{"$map": SECRET}, {"$filter": [SECRET]}, {"$getField": [SECRET]}, {"$setField": SECRET}]}}},
        {"find": "people", "filter": {}, "collation": {"locale": WORD, "caseFirst": [WORD]}, "projection": {"a": {"$meta": WORD}, "b": {"$meta": {"c": WORD}}}},
        {"aggregate": "people", "cursor": {}, "pipeline": [{"$merge": {"into": "o", "whenNotMatched": WORD}}]},
        {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"a": SECRET}}, {"update": 0, "filter": {"a": SECRET}, "updateMods": {"$set": {"a": SECRET}}}],
         "nsInfo": [{"ns": "hr.people"}]},
        {"mapReduce": "people", "map": SECRET, "query": {"a": SECRET}},
    ]
    BROKEN = ['{"find": "people", "filter": {"a": %s}}', '{"find": "people", "filter": {"a": "%s', '%s', '{"%s": ', '{"a": {"$numberInt": "%s"}}',
              '{"a": {"$date": "%s"}}', '{"a": {"$oid": "%s"}}', '{"a": {"$uuid": "%s"}}', '{"a": {"$binary": {"base64": "%s", "subType": "%s"}}}']

    def assert_secret(self, result):
        for output in (result.out.decode(errors="replace"), result.err):
            self.assertNotIn(SECRET, output)
            self.assertNotIn(WORD, output)
            self.assertNotIn(SECRET_NUMBER, output)

    def test_inputs(self):
        for name in os.listdir(os.path.join(HERE, "inputs")):
            for form in ("table", "json"):
                self.assert_secret(check("--schema", MAP, "--format", form, "inputs/" + name))

    def test_places(self):
        for command in self.PLACES:
            for collection in ("people", "other", "staff"):
                first = next(iter(command))
                moved = {**command, first: collection if command[first] == "people" else command[first], "$db": "hr"}
                for form in ("table", "json"):
                    with self.subTest(command=moved, format=form):
                        result = check("--schema", MAP, "--format", form, stdin=json.dumps(moved))
                        self.assert_secret(result)
                        self.assertIn(result.status, (CLEAN, REFUSED))

    def test_broken(self):
        for text in self.BROKEN:
            with self.subTest(text=text):
                result = check("--schema", MAP, stdin=text.replace("%s", SECRET))
                self.assert_trouble("no command in the input could be read", result)
                self.assert_secret(result)

    def test_the_uri_of_a_server(self):
        result = check("--uri", "mongodb://user:%s@127.0.0.1:1/?serverSelectionTimeoutMS=100" % SECRET)
        self.assert_status(TROUBLE, result)
        self.assert_secret(result)
        self.assert_secret(check("--uri", "mongodb+srv+x://user:%s@@" % SECRET))


class Malformed(Case):
    GOOD = '{"find": "people", "filter": {"ssn": "x"}, "$db": "hr"}\n'

    def unreadable(self, text, reason, others=1):
        """The record between two good ones is counted, its neighbours are read."""
        found = report("--schema", MAP, stdin=(self.GOOD.encode() + text + b"\n" + self.GOOD.encode()))
        self.assertEqual(2, found["summary"]["commands"], found)
        self.assertEqual([reason], [entry["reason"] for entry in found["unreadable"]])
        self.assertEqual(others, found["summary"]["unreadable"])
        self.assertEqual(2, found["unreadable"][0]["first"]["line"])

    def test_lines(self):
        malformed = "it is not Extended JSON: malformed, or a bad value of a type"
        for text, reason in [
            (b'{"find": "people", "filter": {', "the object breaks off"),
            (b'{"find": "people', "the line breaks off within a string"),
            (b'not json', "not a JSON object"),
            (b'"text"', "not a JSON object"),
            (b'{"find": "people", "filter": }', malformed),
            (b'{"find": "people", "filter": {"a": 1]}', malformed),
            (b'{"find": "people", "filter": {"a": {"$oid": "x"}}}', malformed),
            (b'{"find": "people", "filter": {"a": 1e999}}', malformed),
            (b'{"find": "people", "filter": {"a": "\xff\xfe"}, "$db": "hr"}', "it is not UTF-8"),
            (b'{"find": "people", "filter": {"a": "\xed\xa0\x80"}, "$db": "hr"}', "it is not UTF-8"),
            (b'{"find": "people", "filter": {"a": "\x00"}, "$db": "hr"}', "it holds a NUL, or a name that starts with DEL"),
            (b'{"find": "people", "filter": {"\x7ftype": 1}, "$db": "hr"}', "it holds a NUL, or a name that starts with DEL"),
            (b'{"find": "people", "filter": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "it is nested too deep"),
            (b'{"find": "people", "filter": {"a": ' + b'[' * 5000 + b"]" * 5000 + b"}}", "it is nested too deep"),
            (b'{"a": 1}', "neither a command nor a record that holds one"),
            (b'{}', "neither a command nor a record that holds one"),
            (b'{"find": "people", "filter": {}}', "the command does not say its database: give it with --db"),
            (b'{"find": "people", "filter": {}, "$db": 5}', "the command does not say its database: give it with --db"),
            (b'{"op": "query", "ns": "hr.people", "command": 5, "millis": 1}', "the command is not an object"),
            (b'{"op": "query", "ns": "hr.people", "command": {}, "millis": 1}', "the command is empty"),
            (b'{"op": "update", "ns": "hr", "command": {"q": {}, "u": {}}, "millis": 1}', "the record does not name the collection"),
        ]:
            with self.subTest(text=text[:60]):
                self.unreadable(text, reason)

    def test_a_huge_line(self):
        with self.subTest("of one object"):
            self.unreadable(b'{"find": "' + b"x" * (65 << 20) + b'"}', "the line is longer than 64 MiB")
        with self.subTest("over several lines"):
            text = b'{"insert": "people", "documents": [\n' + b'{"a": "%s"},\n' % (b"x" * 1000000) * 70 + b"]}"
            text = text.replace(b'\n{"a"', b'\n {"a"')
            found = report("--schema", MAP, stdin=text + b"\n" + self.GOOD.encode())
            self.assertIn("the object is longer than 64 MiB", [entry["reason"] for entry in found["unreadable"]])
            self.assertEqual(1, found["summary"]["commands"])

    def test_objects_over_lines_and_arrays(self):
        pretty = json.dumps([json.loads(self.GOOD)] * 3, indent=2)
        for text in (pretty, "[" + ",".join([self.GOOD] * 3) + "]", "\ufeff" + self.GOOD * 3, self.GOOD.replace("\n", "\r\n") * 3,
                     self.GOOD.strip() * 3, "\n\n" + self.GOOD * 3):
            found = report("--schema", MAP, stdin=text)
            self.assertEqual((3, 0), (found["summary"]["commands"], found["summary"]["unreadable"]), text)

    def test_text_around_objects(self):
        """Logs of PyMongo and of Java's driver, and a server's by way of syslog or docker."""
        started = json.dumps({"message": "Command started", "command": self.GOOD.strip(), "commandName": "find", "databaseName": "hr"})
        succeeded = json.dumps({"message": "Command succeeded", "commandName": "find", "databaseName": "hr", "reply": "{}"})
        slow = json.dumps({"t": {"$date": "2026-11-24T10:00:00.000+00:00"}, "s": "I", "c": "COMMAND", "id": 51803, "ctx": "conn1", "msg": "Slow query",
                           "attr": {"type": "command", "ns": "hr.people", "command": json.loads(self.GOOD)}})
        java = '10:00 DEBUG [main] c.command - Command "find" %s on database "hr" in 1 ms. The request ID is 5. Command%s: %s'
        for lines, kind in [
            (["DEBUG:pymongo.command:" + started, "DEBUG:pymongo.command:" + succeeded, "INFO:root:hello"], "monitoring"),
            ([java % ("started", "", self.GOOD.strip()), java % ("succeeded", " reply", '{"ok": 1.0}'), "[main] hello {} {x}"], "monitoring"),
            (["Nov 24 10:00:00 host mongod[7]: " + slow, "x mongod[7]: " + slow.replace("Slow query", "Hello"), "x systemd[1]: y"], "log"),
        ]:
            for options in ((), ("--input", kind)):
                with self.subTest(line=lines[0][:20], options=options):
                    summary = report("--schema", MAP, *options, stdin="\n".join(lines[::-1]))["summary"]
                    self.assertEqual((1, 1, 0, 2), tuple(summary[n] for n in ("commands", "marked", "unreadable", "otherRecords")))
        self.unreadable((java % ("started", "", self.GOOD.strip()[:-9] + " ...")).encode(),
                        "the command was truncated by the driver (maxDocumentLength of its logger settings)")
        for text in (b'db.people.find({"ssn": "x"})', b"db.people.find({ssn: 1})", b'x {"find": "people"'):
            self.unreadable(text, "not a JSON object")

    def test_what_is_no_log_that_can_be_read(self):
        good = self.GOOD.encode()
        old = b'2019-10-01T10:00:00.000+0000 I  COMMAND  [conn1] command hr.people command: find { find: "people" } protocol:op_msg 120ms\n'
        for content, part in [(gzip.compress(good), ":1: compressed with gzip: zcat FILE | opencrypt check"), (b"\x28\xb5\x2f\xfd" + good, "zstdcat"),
                              (old * 2, ":1: a log in plain text, of a server before 4.4")]:
            self.assert_trouble(part, check("--schema", MAP, self.file(content)))

    def test_empty_input(self):
        self.assert_trouble("no command in the input could be read", check("--schema", MAP))
        self.assert_trouble("no command in the input could be read", check("--schema", MAP, stdin="\n\n"))

    def test_a_log_without_slow_queries_is_no_trouble(self):
        line = '{"t":{"$date":"2026-11-24T10:00:00.000+00:00"},"s":"I","c":"NETWORK","id":1,"ctx":"x","msg":"y"}\n'
        result = check("--schema", MAP, stdin=line * 3)
        self.assert_status(CLEAN, result)
        self.assertIn(b"0 of 0 commands (0.0 %) would be refused", result.out)
        self.assertIn("no command to judge", result.err)

    def test_binary_garbage(self):
        for garbage in (bytes(range(256)) * 40, b"\x7f" * 100, b"\x00" * 100, b"\x05\x00\x00\x00", b"\xff\xff\xff\x00" * 9, b"{" * 100000,
                        b"[" * 100000, b"\x1f\x8b\x08\x00" + b"x" * 1000, b'"' * 9999, b"\\" * 999, b"{\"" + b"\\" * 999):
            self.assert_trouble("no command in the input could be read", check("--schema", MAP, stdin=garbage))

    def test_truncated_at_each_byte(self):
        text = b'{"find": "people", "filter": {"ssn": {"$in": ["x", {"$date": "2026-11-24T10:00:00.000+01:00"}]}}, "$db": "hr"}'
        for cut in range(1, len(text), 3):
            self.assert_status(TROUBLE, check("--schema", MAP, stdin=text[:cut]))

    def test_files_that_cannot_be_read(self):
        result = check("--schema", MAP, "inputs/none", "inputs/commands.jsonl")
        self.assert_status(TROUBLE, result)
        self.assertIn("opencrypt: inputs/none: No such file or directory", result.err)
        self.assertIn(b"of 18 commands", result.out)
        self.assert_trouble("Is a directory", check("--schema", MAP, "inputs"))


class Bson(Case):
    COMMAND = {"find": "people", "filter": {"salary": 5}, "$db": "hr"}
    RECORD = {"op": "query", "ns": "hr.people", "command": COMMAND, "millis": 5}

    def test_a_dump(self):
        found = report("--schema", MAP, stdin=bson(self.RECORD) * 3 + bson(self.COMMAND))
        self.assertEqual([("refused", 4)], [(shape["verdict"], shape["count"]) for shape in found["shapes"]])

    def test_malformed(self):
        good = bson(self.RECORD)
        for tail, reason in [(good[:-7], "the file ends within a BSON document"), (b"\1\0\0\0xx", "not BSON from here on"),
                             (b"\xff\xff\xff\x7f", "not BSON from here on"), (b"\x09\0", "the file ends within a BSON document"),
                             (struct.pack("<i", 12) + b"\x10abcdefg", "not well-formed BSON, or nested too deep"),
                             (bson({"find": b"\xff", "$db": "hr"}), "not well-formed BSON, or nested too deep")]:
            with self.subTest(tail=tail):
                found = report("--schema", MAP, stdin=good + tail)
                self.assertEqual((1, [reason]), (found["summary"]["commands"], [entry["reason"] for entry in found["unreadable"]]))

    def test_nested_deep(self):
        body = bson({})
        for _ in range(20000):
            body = struct.pack("<i", len(body) + 8) + b"\x03a\0" + body + b"\0"
        name = b"\x02find\0" + struct.pack("<i", 7) + b"people\0" + b"\x03filter\0" + body + b"\x02$db\0" + struct.pack("<i", 3) + b"hr\0"
        too_deep = struct.pack("<i", len(name) + 5) + name + b"\0"
        explain = b""
        for _ in range(20000):
            explain = b"\x03explain\0" + struct.pack("<i", len(explain) + 5) + explain + b"\0"
        for text in (too_deep, struct.pack("<i", len(explain) + 5) + explain + b"\0"):
            found = report("--schema", MAP, stdin=bson(self.RECORD) + text)
            self.assertEqual((1, ["not well-formed BSON, or nested too deep"]),
                             (found["summary"]["commands"], [entry["reason"] for entry in found["unreadable"]]))

    def test_names_of_any_bytes(self):
        """Names that are not UTF-8, or that would steer a terminal, come out as harmless text."""
        for name in ("\x1b[31m", "\x9b31m", "\u0085", '"\\', "a\nb"):
            for form in ("table", "json"):
                result = check("--schema", MAP, "--format", form, stdin=bson({"find": name, "filter": {name: 1}, "$db": "hr"}))
                self.assertNotIn(b"\x1b", result.out)
                self.assertNotIn("\x9b".encode(), result.out)
                self.assertEqual(CLEAN, result.status, result.err)
                if form == "json":
                    self.assertIn(name.replace("\n", "\\n")[-1:], json.loads(result.out)["shapes"][0]["namespace"] + "nb")


class Schemas(Case):
    COMMAND = '{"find": "people", "filter": {"ssn": "x"}, "$db": "hr"}\n'

    def one(self):
        with open(os.path.join(HERE, "schemas/one.json")) as file:
            return json.load(file)

    def marks(self, *arguments):
        result = check(*arguments, "--format", "json", stdin=self.COMMAND)
        self.assertIn(result.status, (CLEAN, REFUSED), result.err)
        return [mark["path"] for shape in json.loads(result.out)["shapes"] for mark in shape["placeholders"]]

    def test_errors(self):
        def bad(content, *parts, arguments=("--ns", "hr.people")):
            path = self.file(content, "bad")
            result = check("--schema", path, *arguments, stdin=self.COMMAND)
            for part in (path, *parts):
                self.assert_trouble(part, result)
        broken = self.one()
        broken["properties"]["ssn"]["encrypt"]["algorithm"] = "rot13"
        bad(json.dumps(broken), "schema of 'hr.people', at /properties/ssn/encrypt")
        bad(json.dumps({"hr.people": broken}), "schema of 'hr.people', at /properties/ssn/encrypt", arguments=())
        bad(json.dumps({"encryptedFieldsMap": {"hr.people": {"fields": [{"path": "a", "bsonType": "nothing"}]}}}), "at /fields/0", arguments=())
        bad(json.dumps(self.one()), "one schema by itself: say of which collection", arguments=())
        bad(json.dumps(self.one()), "'people' is not a namespace", arguments=("--ns", "people"))
        bad('{"hr.people": {"bsonType": "object"', "Extended JSON")
        bad('{"hr.people": 5}', "'hr.people' must be an object")
        bad('{"people": {"bsonType": "object"}}', "'people' is not a namespace")
        bad('{"t": 1}', "'t' is not a namespace")
        bad("{}", "no schema in it")
        bad("", "the file is empty")
        bad("[1]", "a schema or a map of schemas is an object")
        bad("- a\n- b\n", "a schema or a map of schemas is an object")
        bad("a: b\n  c: d\n", "line 2, column")
        bad("a: 1\na: 2\n", "line 2, column 1: the key is there twice")
        bad("a: &x [*x]\n", "")
        bad("<<: {a: 1}\n", "line 1, column 1: merge keys")
        bad("a: !!binary AAAA\n", "line 1, column 4: tags are not supported")
        bad("a: 1\n---\nb: 2\n", "more than one document")
        bad("? [1]\n: 2\n", "a key must be a string")
        bad("\x00", "")
        bad("a: &a [x, x]\n" + "".join("%s: &%s [%s]\n" % (c, c, ", ".join(["*" + chr(ord(c) - 1)] * 100)) for c in "bcdefg"), "16 MiB")
        bad("[" * 5000, "")
        bad(b"a: \xff\xfe\n", "")
        both = {"schemaMap": {"hr.people": self.one()}, "encryptedFieldsMap": {"hr.people": {"fields": []}}}
        bad(json.dumps(both), "drivers refuse a client with both", arguments=())
        self.assert_trouble("No such file", check("--schema", "schemas/none", stdin=self.COMMAND))
        self.assert_trouble("has a JSON schema already", check("--schema", "schemas/one.json", "--schema", "schemas/one.json", "--ns", "hr.people",
                                                            stdin=self.COMMAND))
        self.assert_trouble("no schemas: give --schema", check(stdin=self.COMMAND))

    def test_forms(self):
        one, fields = self.one(), {"fields": [{"path": "ssn", "bsonType": "string", "queries": {"queryType": "equality"}}]}
        for content, arguments in [
            (one, ("--ns", "hr.people")), ({"hr.people": one}, ()), ({"schemaMap": {"hr.people": one}}, ()),
            ({"autoEncryption": {"schemaMap": {"hr.people": one}}}, ()), ({"$jsonSchema": one}, ("--ns", "hr.people")),
            ({"validator": {"$jsonSchema": one}}, ("--ns", "hr.people")), (fields, ("--ns", "hr.people")), ({"hr.people": fields}, ()),
            ({"encryptedFields": fields}, ("--ns", "hr.people")), ({"encryptedFieldsMap": {"hr.people": fields}}, ()),
            ({"name": "people", "type": "collection", "options": {"validator": {"$jsonSchema": one}}, "info": {}}, ("--ns", "hr.people")),
        ]:
            with self.subTest(content=content):
                self.assertEqual(["ssn"], self.marks("--schema", self.file(json.dumps(content)), *arguments))

    def test_of_no_command(self):
        result = check("--schema", "schemas/one.json", "--ns", "hr.poeple", stdin=self.COMMAND)
        self.assert_status(CLEAN, result)
        self.assertIn("no command is of a collection with a schema: 'hr.poeple'; is that its namespace?", result.err)
        self.assertIn("no schema encrypts a field", check("--schema", self.file('{"hr.people": {"properties": {}}}'), stdin=self.COMMAND).err)

    def test_a_key_is_not_needed_yet(self):
        for key in ({}, {"keyId": None}, {"keyAltName": "mine"}):
            fields = {"fields": [{"path": "ssn", "bsonType": "string", "queries": {"queryType": "equality"}, **key}]}
            self.assertEqual(["ssn"], self.marks("--schema", self.file(json.dumps(fields)), "--ns", "hr.people"))

    def test_yaml_says_the_same_as_json(self):
        yaml = ("bsonType: 'object'  # a comment\nproperties:\n  ssn:\n    encrypt:\n      bsonType: string\n"
                "      algorithm: AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\n      keyId:\n      - $binary: {base64: EdWLigxsTWmgvXDG2b766Q==, subType: '04'}\n")
        self.assertEqual(["ssn"], self.marks("--schema", self.file(yaml), "--ns", "hr.people"))
        self.assertEqual(mark(json.loads(self.COMMAND), "--schema", self.file(yaml), "--ns", "hr.people").out,
                         mark(json.loads(self.COMMAND), "--schema", "schemas/one.json", "--ns", "hr.people").out)

    def test_several_files(self):
        fields = self.file('{"fields": [{"path": "mail", "bsonType": "string"}]}')
        arguments = ("--ns", "hr.people", "--schema", "schemas/one.json", "--ns", "hr.staff", "--schema", fields)
        found = report(*arguments, stdin=self.COMMAND)
        self.assertEqual([("hr.people", "csfle"), ("hr.staff", "queryableEncryption")], [(s["namespace"], s["kind"]) for s in found["schemas"]])
        self.assert_trouble("each stands before its --schema", check("--schema", fields, "--ns", "hr.a", "--ns", "hr.b", stdin=self.COMMAND))

    def test_a_validator_may_have_what_a_client_may_not(self):
        schema = self.one()
        schema["required"] = ["ssn"]
        self.assert_trouble("only allowed with a remote schema", check("--schema", self.file(json.dumps(schema)), "--ns", "hr.people", stdin=self.COMMAND))
        self.assertEqual(["ssn"], self.marks("--schema", self.file(json.dumps({"$jsonSchema": schema})), "--ns", "hr.people"))


class Options(Case):
    def test_help_and_version(self):
        for arguments in (("--help",), ("-h",), ("help",), ("check", "--help"), ("mark", "-h")):
            result = run(*arguments)
            self.assert_status(CLEAN, result)
            self.assertEqual("", result.err)
            self.assertIn(b"opencrypt check", result.out) if "mark" not in arguments else self.assertIn(b"Examples:", result.out)
        self.assertRegex(run("--version").out.decode(), r"^opencrypt version \d+\.\d+\.\d+\n$")

    def test_mistakes(self):
        for arguments, part in [
            (("chek",), "there is no verb 'chek'"), (("check", "--shema", "x"), "unrecognised option '--shema'"),
            (("check", "-z"), "unrecognised option '-z'"), (("check", "--schema"), "--schema needs a value: FILE"),
            (("check", "--schema="), "--schema needs a value"), (("check", "--profile=5"), "--profile takes no value"),
            (("check", "--format", "xml"), "--format takes table or json"), (("check", "--input", "csv"), "--input takes"),
            (("check", "--db", "a.b"), "--db: 'a.b' cannot be the name of a database"), (("check", "--max-shapes", "0"), "--max-shapes takes"),
            (("check", "--max-shapes", "5x"), "--max-shapes takes"), (("check", "--profile"), "--profile needs --uri"),
            (("mark", "--input", "log"), "unrecognised option '--input'"), (("mark", "a", "b", "--schema", MAP), "mark reads one command"),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_trouble(part, run(*arguments))
        result = run()
        self.assert_status(TROUBLE, result)
        self.assertEqual(b"", result.out)

    def test_ways_to_write_options(self):
        command = '{"find": "people", "filter": {"ssn": "x"}}'
        for arguments in (("-s", MAP, "-d", "hr"), ("-s" + MAP, "-dhr"), ("--schema=" + MAP, "--db=hr"), ("--schema", MAP, "--db", "hr", "-"),
                          ("--db", "hr", "--schema", MAP, "--", "-")):
            result = check(*arguments, stdin=command)
            self.assert_status(CLEAN, result)
            self.assertIn(b"1 have values encrypted", result.out)

    def test_the_wrong_kind_of_input(self):
        self.assert_trouble("not of the kind that --input says", check("--schema", MAP, "--input", "log", "inputs/profile.json"))

    def test_a_report_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([OPENCRYPT, "check", "--schema", MAP, "inputs/commands.jsonl"], stdout=full, stderr=subprocess.PIPE, cwd=HERE)
        self.assertEqual(TROUBLE, done.returncode)
        self.assertIn(b"cannot write the report", done.stderr)


class Terminal(Case):
    """Colours and progress are for terminals only."""

    def on_terminal(self, environment, path="inputs/commands.jsonl"):
        parent, child = pty.openpty()
        subprocess.run([OPENCRYPT, "check", "--schema", MAP, path], stdout=child, stderr=child, cwd=HERE,
                       env={**os.environ, **environment})
        os.close(child)
        output = b""
        try:
            while True:
                output += os.read(parent, 65536)
        except OSError:
            os.close(parent)
        return output

    def test_colours(self):
        self.assertIn(b"\x1b[31mrefused", self.on_terminal({"TERM": "xterm", "NO_COLOR": ""}))
        self.assertNotIn(b"\x1b[31m", self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"}))
        self.assertNotIn(b"\x1b[31m", self.on_terminal({"TERM": "dumb", "NO_COLOR": ""}))

    def test_progress(self):
        path = self.file('{"find": "people", "filter": {"ssn": "x"}, "$db": "hr"}\n' * 5000)
        output = self.on_terminal({"TERM": "xterm"}, path)
        self.assertRegex(output, rb"\r\x1b\[K.*: \d+ %, 4096 commands, 1 shapes\r\x1b\[K")
        self.assertEqual("", check("--schema", MAP, path).err)

    def test_none_in_files(self):
        result = check("--schema", MAP, "inputs/commands.jsonl")
        self.assertNotIn(b"\x1b", result.out)
        self.assertNotIn("\x1b", result.err)


class Mark(Case):
    def test_refused(self):
        result = mark({"find": "people", "filter": {"salary": {"$gt": 5}}}, "--schema", MAP, "--db", "hr")
        self.assert_status(REFUSED, result)
        refused = json.loads(result.out)["refused"]
        self.assertEqual(("hr.people", "salary", "$gt", "operator-on-encrypted", 2),
                         tuple(refused[name] for name in ("namespace", "path", "operator", "rule", "code")))
        self.assertIn("Invalid match expression operator", refused["reason"])
        self.assertIn("only be asked for by $exists", refused["hint"])

    def test_trouble(self):
        for text, part in [("", "no command in it"), ("{", "the input ends within an object"), ("{}", "the command is empty"),
                           ('{"find": "c"} {"find": "c"}', "more than one command"), ('{"ping": 1}', "'ping' is not a command"),
                           ('{"find": "people"}', "does not say its database"), ("x", "not a JSON object"), ('{find: "c"}', "unexpected 'f' at position 1: names and strings are in double quotes"),
                           ('{"find": "c", "filter": {},}', "unexpected '}' at position 27"), ('{"limit": 1, "find": "c"}', "its first member"),
                           ('{"find": "c", "filter": {"a": {"$oid": "x"}}}', "OID")]:
            with self.subTest(text=text):
                self.assert_trouble(part, run("mark", "--schema", MAP, stdin=text))
        self.assert_trouble("no schemas: give --schema", run("mark", "--db", "hr", stdin='{"find": "people"}'))
        self.assert_trouble("BSON; the command must be Extended JSON", run("mark", "--schema", MAP, stdin=bson({"find": "c"})))

    def find(self, node, found):
        if isinstance(node, dict):
            if set(node) == {"$encrypt"}:
                found.append(node["$encrypt"])
            for value in node.values():
                self.find(value, found)
        if isinstance(node, list):
            for value in node:
                self.find(value, found)
        return found

    def placeholders(self, command, *arguments):
        result = mark(command, "--schema", MAP, "--db", "hr", *arguments)
        self.assert_status(CLEAN, result)
        return self.find(json.loads(result.out)["result"], [])

    def test_placeholders(self):
        self.assertEqual([{"path": "ssn", "algorithm": "deterministic", "keyId": {"$uuid": "11d58b8a-0c6c-4d69-a0bd-70c6d9befae9"}, "value": "x"}],
                         self.placeholders({"find": "people", "filter": {"ssn": "x"}}))
        values = self.placeholders({"insert": "people", "documents": [{"ssn": "a", "salary": 5}, {"ssn": "b", "address": {"city": "c"}}]})
        self.assertEqual([("ssn", "a"), ("salary", 5), ("ssn", "b"), ("address.city", "c")], [(p["path"], p["value"]) for p in values])

    def test_queryable_encryption(self):
        mail, = self.placeholders({"find": "staff", "filter": {"user.mail": "x"}})
        self.assertEqual(("user.mail", "equality", "compared", "x", 8), tuple(mail[name] for name in ("path", "algorithm", "use", "value", "contention")))
        lower, upper = self.placeholders({"find": "staff", "filter": {"age": {"$gte": 18, "$lt": 65}}})
        self.assertEqual((0, ["$gte", "$lt"], 18, True, 65, False, 0, 200),
                         tuple(lower[name] for name in ("range", "operators", "lower", "lowerIncluded", "upper", "upperIncluded", "min", "max")))
        self.assertEqual((0, ["$gte", "$lt"]), (upper["range"], upper["operators"]))
        self.assertNotIn("lower", upper)
        stored, = self.placeholders({"insert": "staff", "documents": [{"age": 7}]})
        self.assertEqual(("age", "range", "stored", 7), tuple(stored[name] for name in ("path", "algorithm", "use", "value")))

    def test_all_types_come_out(self):
        result = mark({"find": "staff", "filter": {"age": {"$gt": 5}}, "limit": 5}, "--schema", MAP, "--db", "hr", "--canonical")
        self.assertIn(b'"$numberInt": "5"', result.out)
        self.assertNotIn(b"encryptionInformation", result.out)

    def test_a_command_with_its_own_schema(self):
        with open(os.path.join(HERE, "schemas/one.json")) as file:
            schema = json.load(file)
        result = mark({"find": "people", "filter": {"ssn": "x"}, "jsonSchema": schema, "isRemoteSchema": False, "$db": "hr"})
        self.assert_status(CLEAN, result)
        self.assertEqual(["deterministic"], [p["algorithm"] for p in self.find(json.loads(result.out), [])])

    def test_a_collection_without_schema(self):
        result = mark({"find": "poeple", "filter": {"ssn": "x"}}, "--schema", MAP, "--db", "hr")
        self.assert_status(CLEAN, result)
        self.assertEqual("opencrypt: 'hr.poeple' has no schema\n", result.err)

    def test_unchanged(self):
        result = mark({"find": "other", "filter": {"a": [], "b": {}, "c": 'x "\\ y'}}, "--schema", MAP, "--db", "hr")
        self.assert_status(CLEAN, result)
        self.assertEqual({"hasEncryptionPlaceholders": False, "schemaRequiresEncryption": False,
                          "result": {"find": "other", "filter": {"a": [], "b": {}, "c": 'x "\\ y'}, "$db": "hr"}, "ok": 1.0}, json.loads(result.out))


# ---- servers ----

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def message(opcode, body, to=0):
    return struct.pack("<iiii", 16 + len(body), 1, to, opcode) + body


def receive(connection):
    head = connection.recv(16, socket.MSG_WAITALL)
    if len(head) < 16:
        return None
    size, number, _, opcode = struct.unpack("<iiii", head)
    return number, opcode, connection.recv(size - 16, socket.MSG_WAITALL)


class FakeServer(socketserver.ThreadingTCPServer):
    """As much of a mongod as --uri asks: `replies` by the name of the command, `log` of the names that came."""
    daemon_threads = True
    HELLO = {"ismaster": True, "maxBsonObjectSize": 1 << 24, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
             "minWireVersion": 0, "maxWireVersion": 17, "ok": 1}

    def __init__(self, replies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = {"isMaster": self.HELLO, "ismaster": self.HELLO, "hello": self.HELLO, "endSessions": {"ok": 1}, **replies}
        self.log = []
        self.uri = "mongodb://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while request := receive(self.request):
            number, opcode, body = request
            at = body.index(b"\0", 4) + 9 if opcode == OP_QUERY else 5
            name = body[at + 5:body.index(b"\0", at + 5)].decode()
            self.server.log.append(name)
            answer = self.server.replies.get(name, {"ok": 0, "errmsg": "no such command", "code": 59})
            answer = bson(answer(body) if callable(answer) else answer)
            if opcode == OP_QUERY:
                self.request.sendall(message(OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + answer, number))
            else:
                self.request.sendall(message(OP_MSG, struct.pack("<IB", 0, 0) + answer, number))


def cursor(ns, *documents):
    return {"cursor": {"id": 0, "ns": ns, "firstBatch": list(documents)}, "ok": 1}


def one_schema():
    """one.json, with its key in a form that bson() can write."""
    with open(os.path.join(HERE, "schemas/one.json")) as file:
        schema = json.load(file)
    schema["properties"]["ssn"]["encrypt"]["keyId"] = [RawElement(b"\x05", struct.pack("<iB", 16, 4) + bytes(range(16)))]
    return schema


class Server(Case):
    FIND = '{"find": "people", "filter": {"ssn": "x"}, "$db": "hr"}'

    def serve(self, replies):
        server = FakeServer(replies)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def collections(self, *collections):
        return {"listDatabases": {"databases": [{"name": "admin"}, {"name": "config"}, {"name": "hr"}, {"name": "local"}], "ok": 1},
                "listCollections": cursor("hr.$cmd.listCollections", *collections)}

    def server_with_schemas(self, **replies):
        fields = {"fields": [{"path": "mail", "bsonType": "string", "queries": {"queryType": "equality"}}]}
        return self.serve({**self.collections(
            {"name": "people", "type": "collection", "options": {"validator": {"$jsonSchema": {**one_schema(), "required": ["ssn"]}}}},
            {"name": "staff", "type": "collection", "options": {"encryptedFields": fields}},
            {"name": "adults", "type": "view", "options": {"viewOn": "people"}},
            {"name": "broken", "type": "collection", "options": {"validator": {"$jsonSchema": {"bsonType": "object", "properties": {"a": {"encrypt": {"x": 1}}}}}}}), **replies})

    def test_errors(self):
        self.assert_trouble("--uri: not a URI", check("--uri", "localhost"))
        self.assert_trouble("mongodb://127.0.0.1:1: ", check("--uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200"))
        server = self.serve({"listDatabases": {"ok": 0, "code": 13, "errmsg": "not authorized"}})
        self.assert_trouble("not authorized", check("--uri", server.uri))
        server = self.serve({**self.collections(), "listCollections": {"ok": 0, "code": 13, "errmsg": "not authorized on hr"}})
        self.assert_trouble("hr: not authorized on hr", check("--uri", server.uri, stdin=self.FIND))

    def test_schemas(self):
        server = self.server_with_schemas()
        found = report("--uri", server.uri, stdin=self.FIND)
        self.assertEqual([("hr.broken", "csfle", "server"), ("hr.people", "csfle", "server"), ("hr.staff", "queryableEncryption", "server")],
                         [(s["namespace"], s["kind"], s["origin"]) for s in found["schemas"]])
        self.assertEqual([["ssn"]], [[mark["path"] for mark in shape["placeholders"]] for shape in found["shapes"]])

    def test_findings_of_what_the_server_has(self):
        commands = [{"find": "adults", "filter": {}}, {"find": "staff", "filter": {"mail": {"$gt": "x"}}}, {"find": "broken", "filter": {}}]
        found = report("--uri", self.server_with_schemas().uri, stdin="\n".join(json.dumps({**c, "$db": "hr"}) for c in commands))
        self.assertEqual({"hr.adults": "driver-view", "hr.staff": "operator-on-encrypted", "hr.broken": "field-unknown"},
                         {shape["namespace"]: shape["refusal"]["rule"] for shape in found["shapes"]})

    def test_a_file_goes_before_the_server(self):
        found = report("--uri", self.server_with_schemas().uri, "--schema", MAP, stdin=self.FIND)
        self.assertEqual({"hr.people": "client", "hr.staff": "client", "hr.broken": "server"},
                         {s["namespace"]: s["origin"] for s in found["schemas"]})

    def test_the_database_of_the_uri(self):
        server = self.server_with_schemas()
        self.assert_status(CLEAN, check("--uri", server.uri + "/hr", stdin=self.FIND))
        self.assertNotIn("listDatabases", server.log)

    def test_profile(self):
        records = [{"op": "query", "ns": "hr.people", "command": {"find": "people", "filter": {"ssn": SECRET}, "$db": "hr"}, "millis": 5}] * 3
        server = self.server_with_schemas(find=cursor("hr.system.profile", *records))
        found = report("--uri", server.uri, "--profile")
        self.assertEqual([(3, "marked")], [(shape["count"], shape["verdict"]) for shape in found["shapes"]])
        self.assertNotIn(SECRET, json.dumps(found))
        server = self.server_with_schemas(find={"ok": 0, "code": 13, "errmsg": "no profile for you"})
        result = check("--uri", server.uri, "--profile")
        self.assert_status(TROUBLE, result)
        self.assertIn("hr.system.profile: no profile for you", result.err)

    def test_mark(self):
        result = run("mark", "--uri", self.server_with_schemas().uri, stdin=self.FIND)
        self.assert_status(CLEAN, result)
        self.assertIn(b'"$encrypt"', result.out)

    def test_the_store(self):
        """The stand-in store of the other tests, as a server that others have filled."""
        if not STORE:
            self.skipTest("no --store")
        child = subprocess.Popen([STORE, "--port", "0"], stdout=subprocess.PIPE)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.terminate)
        port = int(child.stdout.readline().split()[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for command in ({"create": "people", "validator": {"$jsonSchema": one_schema()}, "$db": "hr"}, {"create": "other", "$db": "ha"}):
                connection.sendall(message(OP_MSG, struct.pack("<IB", 0, 0) + bson(command)))
                self.assertIn(b"\x01ok\0" + struct.pack("<d", 1), receive(connection)[2])
        found = report("--uri", "mongodb://127.0.0.1:%d" % port, stdin=self.FIND)
        self.assertEqual([("hr.people", "server")], [(s["namespace"], s["origin"]) for s in found["schemas"]])
        self.assertEqual("marked", found["shapes"][0]["verdict"])
        found = report("--uri", "mongodb://127.0.0.1:%d/ha" % port, stdin=self.FIND)
        self.assertEqual(([], "passes"), (found["schemas"], found["shapes"][0]["verdict"]))


def main():
    global OPENCRYPT, STORE, WRITE_GOLDEN
    OPENCRYPT = os.path.abspath(sys.argv.pop(1))
    if "--store" in sys.argv:
        at = sys.argv.index("--store")
        STORE = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    if "--golden" in sys.argv:
        sys.argv.remove("--golden")
        WRITE_GOLDEN = True
    unittest.main()


if __name__ == "__main__":
    main()
