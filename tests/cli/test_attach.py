"""The commands that the checker shows to the engine are those that the real libmongocrypt shows to mongocryptd.

    test_attach.py PATH-OF-OPENCRYPT PATH-OF-OC_CLI_ATTACH PATH-OF-OC_ANALYZE [unittest arguments]

Needs the packages and modules of ../drivers/python.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import uuid

import bson
from bson import Binary, json_util

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "drivers", "python"))
import vault  # noqa: E402

KEY = Binary.from_uuid(uuid.UUID(int=0))


def encrypted(kind):
    return {"encrypt": {"bsonType": kind, "algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", "keyId": [KEY]}}


SCHEMAS = {
    "db.people": {"bsonType": "object", "properties": {"ssn": encrypted("string")}},
    "db.others": {"bsonType": "object", "properties": {"x": encrypted("int")}},
}
FIELDS = {
    "db.staff": {"fields": [{"path": "age", "keyId": KEY, "bsonType": "int", "queries": {"queryType": "range"}}]},
    "db.boss": {"escCollection": "e", "fields": [{"path": "m", "keyId": KEY, "bsonType": "string", "queries": [{"queryType": "equality"}]}]},
}


def aggregate(collection, *stages):
    return {"aggregate": collection, "pipeline": list(stages), "cursor": {}}


def lookup(collection):
    return {"$lookup": {"from": collection, "pipeline": [{"$match": {"zz": "a"}}], "as": "y"}}


def bulk(collection):
    return {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"a": 1}}], "nsInfo": [{"ns": "db." + collection}]}


COMMANDS = [
    {"find": "people", "filter": {"ssn": "a"}, "comment": "c"},
    {"find": "plain", "filter": {"ssn": "a"}},
    {"find": "boss", "filter": {"m": "x"}},
    {"insert": "staff", "documents": [{"age": 5}]},
    *(aggregate(a, lookup(b)) for a in ("people", "staff", "plain") for b in ("people", "others", "staff", "boss", "plain")),
    aggregate("plain", {"$facet": {"a": [{"$unionWith": {"coll": "people", "pipeline": [lookup("others")]}}], "b": [lookup("plain")]}}),
    {"explain": {"find": "people", "filter": {"ssn": "a"}}, "verbosity": "queryPlanner"},
    {"explain": {"find": "staff", "filter": {"age": 5}}},
    {"create": "new", "validator": {"$jsonSchema": SCHEMAS["db.people"]}},
    {"create": "new", "encryptedFields": FIELDS["db.staff"]},
    {"create": "people"},
    {"create": "staff", "encryptedFields": FIELDS["db.staff"]},
    {"collMod": "people", "validator": {"$jsonSchema": SCHEMAS["db.others"]}},
    {"createIndexes": "people", "indexes": [{"key": {"a": 1}, "name": "a"}]},
    *(bulk(collection) for collection in ("people", "staff", "plain")),
]


# What applications send besides the commands that are analysed.
OTHERS = (
    "getMore authenticate getnonce logout isMaster ismaster hello abortTransaction commitTransaction endSessions startSession "
    "drop dropDatabase dropIndexes killCursors listCollections listDatabases listIndexes renameCollection ping saslStart "
    "saslContinue killAllSessions killSessions killAllSessionsByPattern refreshSessions buildInfo getCmdLineOpts getLog "
    "createSearchIndexes listSearchIndexes dropSearchIndex updateSearchIndex serverStatus compactStructuredEncryptionData "
    "cleanupStructuredEncryptionData mapReduce mapreduce collStats collstats dbStats dbstats dataSize datasize validate "
    "compact convertToCapped cloneCollectionAsCapped geoSearch planCacheListFilters planCacheSetFilter planCacheClear "
    "planCacheClearFilters createUser updateUser dropUser usersInfo createRole currentOp killOp group geoNear "
    "parallelCollectionScan reIndex top filemd5 analyze connectionStatus getParameter setParameter whatsmyuri dbHash dbhash"
).split()


def to_json(document):
    return json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)


class Listening(vault.Engine):
    def analyze(self, command):
        self.heard = command
        return super().analyze(command)


class Vault(vault.Vault):
    def collection_info(self, database, filter):
        return []


class Attached(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        vault.Vault = Vault
        cls.engine = Listening(ANALYZE)
        cls.crypt = vault.Crypt(cls.engine, 1, FIELDS, SCHEMAS)
        cls.schemas = tempfile.NamedTemporaryFile("w")
        cls.schemas.write(to_json({"schemaMap": SCHEMAS, "encryptedFieldsMap": FIELDS}))
        cls.schemas.flush()

    @classmethod
    def tearDownClass(cls):
        cls.crypt.close()
        cls.engine.close()
        cls.schemas.close()

    def by_driver(self, db, command):
        self.engine.heard = None
        try:
            self.crypt.encrypt_command(db, vault.encode(command))
        except Exception:  # a refusal comes after what we want to hear
            self.assertIsNotNone(self.engine.heard)
        return json.loads(to_json(bson.decode(self.engine.heard)))

    def by_checker(self, db, command):
        done = subprocess.run([ATTACH, self.schemas.name, db], input=to_json(command), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def test_all(self):
        for command in COMMANDS:
            db = "admin" if "bulkWrite" in command else "db"
            with self.subTest(command=command):
                self.assertEqual(self.by_driver(db, command), self.by_checker(db, command))

    def passes_libmongocrypt(self, name):
        try:
            self.crypt.encrypt_command("db", bson.encode({name: "staff"}))
        except Exception as error:
            self.assertIn("command not supported for auto encryption", str(error))
            return False
        return True

    def test_other_commands(self):
        """Those that libmongocrypt sends as they are are not analysed, the others are refused."""
        lines = "\n".join(to_json({name: "staff", "$db": "db"}) for name in OTHERS)
        done = subprocess.run([OPENCRYPT, "check", "--schema", self.schemas.name, "--format", "json"], input=lines, capture_output=True, text=True)
        report = json.loads(done.stdout)
        self.assertEqual({"driver-command"}, {shape["refusal"]["rule"] for shape in report["shapes"]})
        self.assertEqual({name for name in OTHERS if self.passes_libmongocrypt(name)}, {entry["command"] for entry in report["notAnalysed"]})

    def test_the_short_form_of_union(self):
        """libmongocrypt cannot read it; the checker says so (driver-union-with)."""
        with self.assertRaisesRegex(Exception, "failed to recurse"):
            self.crypt.encrypt_command("db", vault.encode(aggregate("plain", {"$unionWith": "people"})))


if __name__ == "__main__":
    OPENCRYPT, ATTACH, ANALYZE = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
